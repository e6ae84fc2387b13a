//! What a run needs of the outside: keys, endpoints, a network; or the simulated service.

use crate::api::client::Client;
use crate::api::credentials::{self, ChainSettings, Credentials, Environment, Provider, Secret};
use crate::api::endpoint::{self, Endpoints};
use crate::api::transport::{HttpSetupError, HttpTransport};
use crate::clock::WallClock;
use crate::config::RunSettings;
use crate::engine::StopCause;
use crate::plan::Plan;
use crate::sim::server::Running;
use crate::sim::{self, Service};
use std::path::Path;
use std::sync::Arc;

/// A client that can send, and what has to live as long as it does.
pub struct World {
    /// Signs and sends.
    pub client: Client<HttpTransport>,
    _simulated: Option<Running>,
}

/// Looks up the keys and sets up the network. An error says why nothing can be sent.
pub async fn prepare(
    settings: &RunSettings,
    plan: &Plan,
    clock: &Arc<dyn WallClock>,
) -> Result<World, StopCause> {
    let setup = |message: String| StopCause::Setup { message };
    let ca_pem = certificates(settings.ca_file.as_deref()).map_err(setup)?;
    let (endpoint, keys, simulated) = if settings.rehearse {
        let service = Service::new(sim::Settings::default());
        let running = Running::start(service, Arc::clone(clock))
            .await
            .map_err(|error| setup(format!("the simulated service can't start: {error}")))?;
        let endpoint = endpoint::parse(&running.endpoint());
        let keys = Provider::fixed(test_keys(), Arc::clone(clock));
        (Some(endpoint.map_err(|error| setup(error.to_string()))?), keys, Some(running))
    } else {
        let keys = provider(settings.profile.clone(), ca_pem.clone(), clock).map_err(setup)?;
        // Whether there are keys at all is better known before anything is written down.
        keys.current()
            .await
            .map_err(|error| StopCause::NoCredentials { message: error.to_string() })?;
        (settings.endpoint.clone(), keys, None)
    };
    let endpoints =
        Endpoints::new(endpoint, plan.regions()).map_err(|error| setup(error.to_string()))?;
    let transport = HttpTransport::new(
        settings.timeout,
        settings.engine.concurrency,
        ca_pem.as_deref(),
        endpoints.reach(),
    )
    .map_err(|error| setup(named(&error, settings.ca_file.as_deref())))?;
    let client = Client::with_provider(transport, endpoints, Arc::new(keys), Arc::clone(clock))
        .signing(settings.signature);
    Ok(World { client, _simulated: simulated })
}

/// The file of certificates to trust.
pub fn certificates(path: Option<&Path>) -> Result<Option<Vec<u8>>, String> {
    let Some(path) = path else { return Ok(None) };
    let read = std::fs::read(path).map(Some);
    read.map_err(|error| format!("--ca-file {}: can't be read: {error}", path.display()))
}

/// Why there is no HTTP client, with the file that is to blame.
fn named(error: &HttpSetupError, ca_file: Option<&Path>) -> String {
    match (error, ca_file) {
        (HttpSetupError::CaFile(why), Some(path)) => {
            format!("--ca-file {}: {why}", path.display())
        }
        _ => error.to_string(),
    }
}

/// The chain of sources of keys, on a snapshot of this process's environment. An error names a
/// setting that can't be used.
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
    let sts_endpoint = address("BASTION_REVOKE_STS_ENDPOINT")?;
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

fn test_keys() -> Credentials {
    Credentials {
        access_key_id: sim::ACCESS_KEY_ID.to_owned(),
        access_key_secret: Secret::new(sim::ACCESS_KEY_SECRET.to_owned()),
        security_token: None,
    }
}
