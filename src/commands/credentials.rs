//! `credentials show`: the keys that a run would use, and their owner; never the secret.

use super::api_session;
use crate::api::credentials::{Caller, CredentialsError, Identity};
use crate::cli::show::{CredentialsCommand, CredentialsShowArgs};
use crate::clock::{SystemClock, WallClock};
use crate::exit::{Exit, Failure};
use crate::report::print;
use serde_json::json;
use std::fmt::Write as _;
use std::sync::Arc;

/// Runs a subcommand.
pub async fn command(command: &CredentialsCommand) -> Result<Exit, Failure> {
    match command {
        CredentialsCommand::Show(args) => show(args).await,
    }
}

async fn show(args: &CredentialsShowArgs) -> Result<Exit, Failure> {
    let ca_pem = api_session::certificates(args.ca_file.as_deref())
        .map_err(|message| Failure::new(Exit::Configuration, message))?;
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let provider = api_session::provider(args.credential_profile.clone(), ca_pem, &clock)
        .map_err(|message| Failure::new(Exit::Configuration, message))?;
    let caller = provider.describe().await?;
    let identity = if args.verify { Some(provider.identity().await?) } else { None };
    if args.json {
        print::json(&json!({ "credentials": caller, "identity": identity }))?;
    } else {
        print::text(&text(&caller, identity.as_ref()))?;
    }
    Ok(Exit::Done)
}

fn text(caller: &Caller, identity: Option<&Identity>) -> String {
    let temporary = if caller.temporary { "temporary" } else { "lasting" };
    let keys = format!("{} ({temporary})", caller.access_key_id);
    let identity =
        identity.into_iter().flat_map(|Identity { account_id, arn, identity_type, .. }| {
            [("account", account_id), ("caller", arn), ("type", identity_type)]
        });
    let lines = [
        ("source", Some(caller.source)),
        ("profile", caller.profile.as_deref()),
        ("access key id", Some(keys.as_str())),
        ("role", caller.role_arn.as_deref()),
        ("instance role", caller.instance_role.as_deref()),
        ("expires at", caller.expires_at.as_deref()),
    ];
    let known = lines.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let mut text = String::new();
    for (name, value) in known.chain(identity.map(|(name, value)| (name, value.as_str()))) {
        let _ = writeln!(text, "{name:<14} {}", crate::input::shown(value));
    }
    text
}

impl From<CredentialsError> for Failure {
    fn from(error: CredentialsError) -> Self {
        Self::new(Exit::Credentials, error.to_string())
    }
}
