//! Revokes a user's access to a host as a whole, with one signed request.
//!
//! ```sh
//! bastion-revoke simulate --port 8470 &
//! export ALIBABA_CLOUD_ACCESS_KEY_ID=testid ALIBABA_CLOUD_ACCESS_KEY_SECRET=testsecret
//! cargo run --example revoke_one_grant -- http://127.0.0.1:8470 bastionhost-cn-abc123 17 1027
//! ```
//!
//! One attempt is one attempt: whoever sends it again after a lost answer may do so, because a
//! repeated revocation does no harm. The engine of `bastion-revoke run` paces and repeats requests
//! and keeps a ledger; this shows only the request.

use bastion_revoke::api::client::{Client, Repeat};
use bastion_revoke::api::credentials::{ChainSettings, Environment, Provider};
use bastion_revoke::api::endpoint::{self, Endpoints};
use bastion_revoke::api::response::Judgement;
use bastion_revoke::api::transport::HttpTransport;
use bastion_revoke::clock::{SystemClock, WallClock};
use bastion_revoke::model::{
    Accounts, Action, Entries, Entry, Grantee, GranteeKind, Kind, Request,
};
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

const REGION: &str = "cn-hangzhou";

/// A client for this endpoint, with the keys that the official SDKs would find in this environment.
pub(crate) fn client(
    endpoint: &str,
    environment: Environment,
) -> Result<Client<HttpTransport>, Box<dyn Error>> {
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let settings = ChainSettings::new(environment, std::env::home_dir());
    let keys = Arc::new(Provider::from_chain(settings, Arc::clone(&clock)));
    let endpoints = Endpoints::new(Some(endpoint::parse(endpoint)?), [REGION])?;
    let transport = HttpTransport::new(Duration::from_secs(10), 1, None, endpoints.reach())?;
    Ok(Client::with_provider(transport, endpoints, keys, clock))
}

/// Takes the host and every account on it away from the user; returns what the service says of it.
pub(crate) async fn revoke(
    client: &Client<HttpTransport>,
    instance_id: &str,
    user: &str,
    host: &str,
) -> Result<String, Box<dyn Error>> {
    // An empty list of accounts would mean "the whole host" to the API, so the types have a word for it.
    let entry = Entry { target: host.into(), accounts: Accounts::Whole };
    let request = Request {
        action: Action::Detach,
        instance_id: instance_id.to_owned(),
        region: REGION.to_owned(),
        grantee: Grantee { kind: GranteeKind::User, id: user.to_owned() },
        kind: Kind::Host,
        entries: Entries::new(vec![entry])?,
    };
    let reply = client.attempt(&request, Repeat::default()).await;
    Ok(match reply.outcome? {
        // One answer for each grant of the request, in its order.
        Judgement::Items { items, request_id } => {
            let statuses: Vec<&str> = items.iter().map(|item| item.status.name()).collect();
            format!("{} (request {request_id})", statuses.join(", "))
        }
        Judgement::Refused { code, message, .. } => format!("refused: {code}: {message}"),
    })
}

#[expect(clippy::print_stdout, reason = "the output of an example")]
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [endpoint, instance_id, user, host] = &arguments[..] else {
        return Err("expected ENDPOINT INSTANCE_ID USER_ID HOST_ID".into());
    };
    let client = client(endpoint, std::env::vars_os().collect())?;
    println!("{}", revoke(&client, instance_id, user, host).await?);
    Ok(())
}
