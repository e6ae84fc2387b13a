//! Lists the hosts that a user reaches directly, with complete and checked paging.
//!
//! ```sh
//! bastion-revoke simulate --world samples/world.toml --port 8470 &
//! export ALIBABA_CLOUD_ACCESS_KEY_ID=testid ALIBABA_CLOUD_ACCESS_KEY_SECRET=testsecret
//! cargo run --example list_hosts_of_user -- http://127.0.0.1:8470 bastionhost-cn-abc123 17
//! ```

use bastion_revoke::api::caller::{Caller, DEFAULT_CONCURRENCY, DEFAULT_RATE_PER_S};
use bastion_revoke::api::client::Client;
use bastion_revoke::api::credentials::{ChainSettings, Environment, Provider};
use bastion_revoke::api::endpoint::{self, Endpoints};
use bastion_revoke::api::reading::{Listing, Reader};
use bastion_revoke::api::transport::HttpTransport;
use bastion_revoke::clock::{SystemClock, WallClock};
use bastion_revoke::model::{Grantee, GranteeKind, Kind};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

const REGION: &str = "cn-hangzhou";

/// The names of the hosts. A listing that is not known to be complete is an error: it must not pass
/// for "this is all".
pub(crate) async fn hosts(
    endpoint: &str,
    environment: Environment,
    instance_id: &str,
    user: &str,
) -> Result<Vec<String>, Box<dyn Error>> {
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let settings = ChainSettings::new(environment, std::env::home_dir());
    let keys = Arc::new(Provider::from_chain(settings, Arc::clone(&clock)));
    let endpoints = Endpoints::new(Some(endpoint::parse(endpoint)?), [REGION])?;
    let transport = HttpTransport::new(Duration::from_secs(10), 16, None, endpoints.reach())?;
    let client = Client::with_provider(transport, endpoints, keys, clock);
    // All readers of a program share a caller, which keeps to the rate and repeats lost calls.
    let caller = Arc::new(Caller::new(client, DEFAULT_RATE_PER_S, DEFAULT_CONCURRENCY));
    let reader = Reader::new(caller, instance_id, REGION);
    let grantee = Grantee { kind: GranteeKind::User, id: user.to_owned() };
    match reader.granted_targets(&grantee, Kind::Host).await? {
        Listing::Complete(hosts) => Ok(hosts.into_iter().map(|host| host.name).collect()),
        Listing::Incomplete { reason, .. } => Err(format!("incomplete: {reason}").into()),
        Listing::NotChecked(reason) => Err(format!("not checked: {reason}").into()),
    }
}

#[expect(clippy::print_stdout, reason = "the output of an example")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, instance_id, user] = &arguments[..] else {
        return Err("expected ENDPOINT INSTANCE_ID USER_ID".into());
    };
    for host in hosts(endpoint, std::env::vars_os().collect(), instance_id, user).await? {
        println!("{host}");
    }
    Ok(())
}
