//! What a run needs of the outside: keys, endpoints, a network; or the simulated service.

use crate::api::client::Client;
use crate::api::credentials::{self, Credentials, Secret};
use crate::api::endpoint::{self, Endpoints};
use crate::api::transport::HttpTransport;
use crate::clock::WallClock;
use crate::config::RunSettings;
use crate::engine::StopCause;
use crate::plan::Plan;
use crate::sim::server::Running;
use crate::sim::{self, Service};
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
    let (endpoint, credentials, simulated) = if settings.rehearse {
        let service = Service::new(sim::Settings::default());
        let running = Running::start(service, Arc::clone(clock))
            .await
            .map_err(|error| setup(format!("the simulated service can't start: {error}")))?;
        let endpoint = endpoint::parse(&running.endpoint());
        (Some(endpoint.map_err(|error| setup(error.to_string()))?), test_keys(), Some(running))
    } else {
        (settings.endpoint.clone(), keys()?, None)
    };
    let ca_pem = settings.ca_file.as_ref().map(std::fs::read).transpose();
    let ca_pem = ca_pem.map_err(|error| setup(format!("--ca-file can't be read: {error}")))?;
    let endpoints =
        Endpoints::new(endpoint, plan.regions()).map_err(|error| setup(error.to_string()))?;
    let transport = HttpTransport::new(
        settings.timeout,
        settings.engine.concurrency,
        ca_pem.as_deref(),
        endpoints.reach(),
    )
    .map_err(|error| setup(error.to_string()))?;
    let client = Client::new(transport, endpoints, credentials, Arc::clone(clock));
    Ok(World { client, _simulated: simulated })
}

fn keys() -> Result<Credentials, StopCause> {
    credentials::from_environment(|name| std::env::var(name).ok())
        .map_err(|error| StopCause::NoCredentials { message: error.to_string() })
}

fn test_keys() -> Credentials {
    Credentials {
        access_key_id: sim::ACCESS_KEY_ID.to_owned(),
        access_key_secret: Secret::new(sim::ACCESS_KEY_SECRET.to_owned()),
        security_token: None,
    }
}
