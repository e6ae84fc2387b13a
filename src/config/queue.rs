//! Settings of the queue and of `work`.

use super::{RequestSettings, RunSettings, input, usage};
use crate::api::credentials::Secret;
use crate::cli::queue::{QueueArgs, WorkArgs};
use crate::exit::{Exit, Failure};
use crate::input::Options;
use crate::queue::address::Address;
use crate::queue::retention::Retention;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The variable with the password of Redis.
pub const PASSWORD_VARIABLE: &str = "BASTION_REVOKE_REDIS_PASSWORD";

/// The variable with the file that holds it.
pub const PASSWORD_FILE_VARIABLE: &str = "BASTION_REVOKE_REDIS_PASSWORD_FILE";

/// The shortest lease: a shorter one could expire before a heartbeat over a slow network is
/// answered.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);

/// The consumer group of a worker inside `run --via`: the default of `work`.
const DEFAULT_GROUP: &str = "bastion-revoke";

/// The queue and its password.
#[derive(Debug)]
pub struct QueueSettings {
    /// Its address.
    pub address: Address,
    /// The password of Redis.
    pub password: Option<Secret>,
    /// Certificates to trust for Redis, PEM; `None` for the system's.
    pub ca_pem: Option<Vec<u8>>,
}

impl QueueSettings {
    /// Settings of a command line. The password is read from a file or the environment, never
    /// from the command line.
    pub fn settle(args: &QueueArgs, ca_file: Option<&Path>) -> Result<Self, Failure> {
        let queue = args
            .queue
            .as_deref()
            .ok_or_else(|| usage("no queue: pass --queue rediss://HOST/STREAM"))?;
        let address = Address::parse(queue).map_err(|error| usage(format!("--queue: {error}")))?;
        let password = password(args)?.filter(|password| !password.is_empty());
        if address.user.is_some() && password.is_none() {
            return Err(usage(format!(
                "the queue has a user name but no password: set {PASSWORD_VARIABLE} or pass \
                 --redis-password-file"
            )));
        }
        let ca_pem = ca_file.filter(|_| address.tls).map(std::fs::read).transpose();
        let ca_pem = ca_pem.map_err(|error| {
            Failure::new(Exit::Configuration, format!("--ca-file: cannot read it: {error}"))
        })?;
        Ok(Self { address, password, ca_pem })
    }
}

fn password(args: &QueueArgs) -> Result<Option<Secret>, Failure> {
    let Some(path) = &args.redis_password_file else {
        return Ok(std::env::var(PASSWORD_VARIABLE).ok().map(Secret::new));
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        Failure::new(Exit::File, format!("--redis-password-file {}: {error}", path.display()))
    })?;
    Ok(Some(Secret::new(text.trim_end_matches(['\n', '\r']).to_owned())))
}

/// Settings of `work`.
#[derive(Debug, Clone)]
pub struct WorkSettings {
    /// The consumer group.
    pub group: String,
    /// The prefix of this worker's name.
    pub consumer: String,
    /// How long rows are collected for a batch.
    pub linger: Duration,
    /// The maximum rows of a batch.
    pub window: usize,
    /// The time without a heartbeat after which an entry is taken over.
    pub lease: Duration,
    /// The bound of the streams of outcomes and dead letters.
    pub retain: Retention,
    /// The CSV of outcomes.
    pub outcomes: Option<PathBuf>,
    /// The folder for outcomes while Redis is unreachable.
    pub spool: PathBuf,
    /// How rows are read.
    pub options: Options,
    /// How requests are sent.
    pub requests: RequestSettings,
}

impl WorkSettings {
    /// Settings of a command line; `seed` is that of the jitter.
    pub fn settle(args: &WorkArgs, seed: u64) -> Result<Self, Failure> {
        if args.lease < SHORTEST_LEASE {
            return Err(usage("--lease: the minimum is 1s"));
        }
        Ok(Self {
            group: args.group.clone(),
            consumer: args.consumer.clone().unwrap_or_else(host_name),
            linger: args.linger,
            window: args.window as usize,
            lease: args.lease,
            retain: args.retain.unwrap_or_default(),
            outcomes: args.outcomes.clone(),
            spool: args.spool.clone(),
            options: input::row_options(&args.defaults),
            requests: RequestSettings::settle(&args.requests, seed),
        })
    }

    /// Settings of a worker inside a run.
    pub fn of_run(run: &RunSettings) -> Self {
        let mut requests = run.requests.clone();
        // These limits are about the whole list; a worker sees batches of it.
        requests.engine.deadline = None;
        requests.engine.canary = None;
        requests.engine.fail_over = None;
        Self {
            group: DEFAULT_GROUP.to_owned(),
            consumer: host_name(),
            linger: Duration::from_secs(2),
            window: 1000,
            lease: Duration::from_secs(60),
            retain: Retention::Unlimited,
            outcomes: None,
            spool: match run.out.parent() {
                Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
                _ => PathBuf::from("."),
            },
            options: run.input.options.clone(),
            requests,
        }
    }
}

/// The host name, reduced to characters that a worker's name can have.
fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || "-._".contains(*c);
    let plain: String = name.chars().filter(is_plain).take(64).collect();
    if plain.is_empty() { "worker".to_owned() } else { plain }
}
