//! A session with the API: credentials, endpoints and the HTTP transport; or with the simulated
//! service.

use super::caller_lookup::CallerLookup;
use crate::api::caller::Caller;
use crate::api::client::Client;
use crate::api::credentials::{
    self, ChainSettings, Credentials, CredentialsError, Environment, Identity, Provider, Secret,
};
use crate::api::endpoint::{self, Endpoints};
use crate::api::sign::Scheme;
use crate::api::transport::{HttpSetupError, HttpTransport};
use crate::clock::WallClock;
use crate::config::RequestSettings;
use crate::engine::StopCause;
use crate::exit::{Exit, Failure};
use crate::sim::server::Running;
use crate::sim::world::World;
use crate::sim::{self, Service};
use reqwest::Url;
use std::path::Path;
use std::sync::Arc;

/// The variable with the address of STS.
pub(super) const STS_ENDPOINT_VARIABLE: &str = "BASTION_REVOKE_STS_ENDPOINT";

/// Credentials and a transport, from which clients are made.
pub struct ApiSession {
    transport: HttpTransport,
    endpoint: Option<Url>,
    credentials: Arc<Provider>,
    clock: Arc<dyn WallClock>,
    scheme: Scheme,
    /// The simulated service of a rehearsal, which runs as long as the session.
    _simulated: Option<Running>,
}

impl ApiSession {
    /// Finds credentials and sets up the network. `regions`: those whose endpoints are used. An
    /// error is the reason why nothing can be sent.
    pub async fn connect<'a>(
        settings: &RequestSettings,
        regions: impl IntoIterator<Item = &'a str>,
        clock: &Arc<dyn WallClock>,
    ) -> Result<Self, StopCause> {
        let ca_pem = certificates(settings.ca_file.as_deref()).map_err(setup)?;
        if let Some(simulated) = settings.simulated.clone() {
            let keys = Provider::fixed(test_credentials(), Arc::clone(clock));
            return Self::new(settings, Some(simulated), regions, ca_pem.as_deref(), keys, clock);
        }
        let provider = provider(settings.credential_profile.clone(), ca_pem.clone(), clock);
        let provider = provider.map_err(setup)?;
        // Missing credentials are better reported before anything is written.
        provider
            .current()
            .await
            .map_err(|error| StopCause::NoCredentials { message: error.to_string() })?;
        let endpoint = settings.endpoint.clone();
        Self::new(settings, endpoint, regions, ca_pem.as_deref(), provider, clock)
    }

    /// The session of a run, or a new one in `new` if there is none.
    pub async fn or_new<'s, 'a>(
        session: Option<&'s Self>,
        new: &'s mut Option<Self>,
        settings: &RequestSettings,
        regions: impl IntoIterator<Item = &'a str>,
        clock: &Arc<dyn WallClock>,
    ) -> Result<&'s Self, StopCause> {
        match session {
            Some(session) => Ok(session),
            None => Ok(new.insert(Self::connect(settings, regions, clock).await?)),
        }
    }

    /// The same with a simulated service inside this process and its test key. Without a world
    /// whatever is asked existed, and nothing can be read.
    pub async fn simulate<'a>(
        settings: &RequestSettings,
        world: Option<World>,
        regions: impl IntoIterator<Item = &'a str>,
        clock: &Arc<dyn WallClock>,
    ) -> Result<Self, StopCause> {
        let ca_pem = certificates(settings.ca_file.as_deref()).map_err(setup)?;
        let service = Service::new(sim::Settings { world, ..sim::Settings::default() });
        let running = Running::start(service, Arc::clone(clock))
            .await
            .map_err(|error| setup(format!("cannot start the simulated service: {error}")))?;
        let endpoint =
            endpoint::parse(&running.endpoint()).map_err(|error| setup(error.to_string()))?;
        let provider = Provider::fixed(test_credentials(), Arc::clone(clock));
        let session =
            Self::new(settings, Some(endpoint), regions, ca_pem.as_deref(), provider, clock)?;
        Ok(Self { _simulated: Some(running), ..session })
    }

    fn new<'a>(
        settings: &RequestSettings,
        endpoint: Option<Url>,
        regions: impl IntoIterator<Item = &'a str>,
        ca_pem: Option<&[u8]>,
        provider: Provider,
        clock: &Arc<dyn WallClock>,
    ) -> Result<Self, StopCause> {
        let endpoints =
            Endpoints::new(endpoint.clone(), regions).map_err(|error| setup(error.to_string()))?;
        let transport = HttpTransport::new(
            settings.timeout,
            settings.engine.concurrency,
            ca_pem,
            endpoints.reach(),
        )
        .map_err(|error| setup(describe(&error, settings.ca_file.as_deref())))?;
        Ok(Self {
            transport,
            endpoint,
            credentials: Arc::new(provider),
            clock: Arc::clone(clock),
            scheme: settings.signature,
            _simulated: None,
        })
    }

    /// A caller of list and read operations of these regions.
    pub fn caller<'a>(
        &self,
        regions: impl IntoIterator<Item = &'a str>,
        settings: &RequestSettings,
    ) -> Result<Arc<Caller<HttpTransport>>, Failure> {
        let client =
            self.client(regions).map_err(|message| Failure::new(Exit::Configuration, message))?;
        let concurrency = settings.engine.concurrency;
        Ok(Arc::new(Caller::new(client, settings.read_rate_per_s, concurrency)))
    }

    /// Whether STS is asked whose keys are used: not beside another endpoint than the region's, unless
    /// the address of STS is set, too. No host is called that nobody named.
    pub(super) fn may_ask_sts(&self) -> bool {
        self.endpoint.is_none() || std::env::var_os(STS_ENDPOINT_VARIABLE).is_some()
    }

    /// Whose keys these are, as STS says.
    pub async fn identity(&self) -> Result<Identity, CredentialsError> {
        self.credentials.identity().await
    }

    /// Starts to look up whose keys are used. STS needs no permission for it.
    pub(super) fn look_up_caller(&self) -> CallerLookup {
        CallerLookup::start(Arc::clone(&self.credentials), self.may_ask_sts())
    }

    /// A client for requests to these regions.
    pub fn client<'a>(
        &self,
        regions: impl IntoIterator<Item = &'a str>,
    ) -> Result<Client<HttpTransport>, String> {
        let endpoints =
            Endpoints::new(self.endpoint.clone(), regions).map_err(|error| error.to_string())?;
        let (credentials, clock) = (Arc::clone(&self.credentials), Arc::clone(&self.clock));
        let client = Client::with_provider(self.transport.clone(), endpoints, credentials, clock);
        Ok(client.signing(self.scheme))
    }
}

fn setup(message: String) -> StopCause {
    StopCause::Setup { message }
}

/// Reads the file of certificates to trust.
pub fn certificates(path: Option<&Path>) -> Result<Option<Vec<u8>>, String> {
    let Some(path) = path else { return Ok(None) };
    let read = std::fs::read(path).map(Some);
    read.map_err(|error| format!("--ca-file {}: cannot read: {error}", path.display()))
}

/// The reason why there is no HTTP client, with the file that causes it.
fn describe(error: &HttpSetupError, ca_file: Option<&Path>) -> String {
    match (error, ca_file) {
        (HttpSetupError::CaFile(why), Some(path)) => {
            format!("--ca-file {}: {why}", path.display())
        }
        _ => error.to_string(),
    }
}

/// The credential chain, on a snapshot of this process's environment. An error names an invalid
/// variable.
pub fn provider(
    profile: Option<String>,
    ca_pem: Option<Vec<u8>>,
    clock: &Arc<dyn WallClock>,
) -> Result<Provider, String> {
    let environment: Environment = std::env::vars_os().collect();
    let address = |name: &str| {
        let address = environment.text(name).map(credentials::parse_address).transpose();
        address.map_err(|error| format!("{name}: {error}"))
    };
    let sts_endpoint = address(STS_ENDPOINT_VARIABLE)?;
    let metadata_endpoint = address("BASTION_REVOKE_METADATA_ENDPOINT")?;
    let settings = ChainSettings {
        profile,
        sts_endpoint,
        metadata_endpoint,
        ca_pem,
        ..ChainSettings::new(environment, std::env::home_dir())
    };
    Ok(Provider::from_chain(settings, Arc::clone(clock)))
}

fn test_credentials() -> Credentials {
    Credentials {
        access_key_id: sim::ACCESS_KEY_ID.to_owned(),
        access_key_secret: Secret::new(sim::ACCESS_KEY_SECRET.to_owned()),
        security_token: None,
    }
}
