//! The flags of the commands that use the queue, and what they come to.

use crate::api::credentials::Secret;
use crate::api::sign::Scheme;
use crate::cli::values::{duration, endpoint, id, map, rate, retention, up_to};
use crate::cli::{ConfigurationArgs, SignatureName};
use crate::exit::{Exit, Failure};
use crate::input::{Field, Options};
use crate::queue::address::Address;
use crate::queue::connection::RedisConnection;
use crate::queue::retention::Retention;
use reqwest::Url;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Holds the password of Redis.
pub const PASSWORD_VARIABLE: &str = "BASTION_REVOKE_REDIS_PASSWORD";

/// Names the file that holds it.
pub const PASSWORD_FILE_VARIABLE: &str = "BASTION_REVOKE_REDIS_PASSWORD_FILE";

const QUEUE_HELP: &str = "Where the queue is: rediss://HOST/STREAM, with USER@ and :PORT if need be; \
                          its password is in `BASTION_REVOKE_REDIS_PASSWORD`";

/// The queue.
#[derive(Debug, Clone, clap::Args)]
pub struct QueueArgs {
    /// Where the queue is.
    #[arg(long, value_name = "URL", help = QUEUE_HELP, help_heading = "Queue")]
    pub queue: Option<String>,
    /// Read the password of Redis from this file
    #[arg(
        long,
        value_name = "FILE",
        value_hint = clap::ValueHint::FilePath,
        help_heading = "Queue"
    )]
    pub redis_password_file: Option<PathBuf>,
}

/// `work`
#[derive(Debug, Clone, clap::Args)]
pub struct WorkArgs {
    /// The queue.
    #[command(flatten)]
    pub queue: QueueArgs,
    /// The group of workers that share the stream
    #[arg(
        long,
        value_name = "NAME",
        default_value = "bastion-revoke",
        value_parser = id,
        help_heading = "Queue"
    )]
    pub group: String,
    /// What this worker's name begins with [default: the host's name]
    #[arg(long, value_name = "NAME", value_parser = id, help_heading = "Queue")]
    pub consumer: Option<String>,
    /// How long rows are gathered before they are planned together
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "2s",
        value_parser = duration,
        help_heading = "Queue"
    )]
    pub linger: Duration,
    /// How many rows are planned together at most, 1 to 10000
    #[arg(
        long,
        value_name = "ROWS",
        default_value = "1000",
        value_parser = up_to::<10_000>,
        help_heading = "Queue"
    )]
    pub window: u32,
    /// After so long without a sign of its worker an entry is taken over by another
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "60s",
        value_parser = duration,
        help_heading = "Queue"
    )]
    pub lease: Duration,
    /// Append every row's outcome to this CSV, too
    #[arg(long, value_name = "FILE", help_heading = "Queue")]
    pub outcomes: Option<PathBuf>,
    /// Bound of the streams of outcomes and dead letters: a number of entries, or a time such as
    /// 168h; older entries are deleted, read or not [default: unlimited]
    #[arg(
        long,
        value_name = "ENTRIES|DURATION",
        value_parser = retention,
        help_heading = "Queue"
    )]
    pub retain: Option<Retention>,
    /// Where outcomes wait while Redis does not answer
    #[arg(long, value_name = "FOLDER", default_value = ".", help_heading = "Queue")]
    pub spool: PathBuf,
    /// Where /healthz, /readyz and /metrics are answered [default: 127.0.0.1:9464, or any port
    /// if that is taken]
    #[arg(long, value_name = "ADDRESS", help_heading = "Queue")]
    pub listen: Option<std::net::SocketAddr>,
    /// The bastion host of rows without an `instance_id`
    #[arg(long, value_name = "ID", value_parser = id, help_heading = "Input")]
    pub instance_id: Option<String>,
    /// The region of rows without a `region`
    #[arg(long, default_value = "cn-hangzhou", value_parser = id, help_heading = "Input")]
    pub region: String,
    /// Which field of a message holds which of ours: user=FIELD; may be repeated
    #[arg(
        long,
        value_name = "FIELD=COLUMN",
        value_delimiter = ';',
        value_parser = map,
        help_heading = "Input"
    )]
    pub map: Vec<(Field, String)>,
    /// Where settings are taken from.
    #[command(flatten)]
    pub configuration: ConfigurationArgs,
    /// Where requests go, instead of the region's endpoint; plain http to loopback only
    #[arg(
        long,
        value_name = "URL",
        value_parser = endpoint,
        value_hint = clap::ValueHint::Url,
        help_heading = "Requests"
    )]
    pub endpoint: Option<Url>,
    /// The most requests a second, of each operation, by all workers of the queue together
    #[arg(
        long,
        default_value = "10",
        value_name = "PER_SECOND",
        value_parser = rate,
        help_heading = "Requests"
    )]
    pub rate: f64,
    /// The most requests of this worker under way at once, 1 to 1024
    #[arg(
        long,
        default_value = "16",
        value_name = "N",
        value_parser = up_to::<1024>,
        help_heading = "Requests"
    )]
    pub concurrency: u32,
    /// How long one attempt may take, such as 500ms, 10s or 2m
    #[arg(
        long,
        default_value = "10s",
        value_name = "DURATION",
        value_parser = duration,
        help_heading = "Requests"
    )]
    pub timeout: Duration,
    /// The most attempts of a request or item; throttled ones do not count
    #[arg(
        long,
        default_value = "8",
        value_name = "N",
        value_parser = up_to::<1000>,
        help_heading = "Requests"
    )]
    pub max_attempts: u32,
    /// How requests are signed: v1 is HMAC-SHA1 over the parameters, acs3 is ACS3-HMAC-SHA256 as
    /// today's SDKs sign
    #[arg(
        long,
        value_enum,
        default_value = "v1",
        hide_possible_values = true,
        value_name = "v1|acs3",
        help_heading = "Requests"
    )]
    pub signature: SignatureName,
    /// PEM certificates to trust besides the system's; for Redis, instead of them
    #[arg(
        long,
        value_name = "FILE",
        value_hint = clap::ValueHint::FilePath,
        help_heading = "Requests"
    )]
    pub ca_file: Option<PathBuf>,
    /// Use the keys of this profile of the aliyun CLI or section of the credentials file, and no
    /// others
    #[arg(long, value_name = "NAME", help_heading = "Requests")]
    pub credential_profile: Option<String>,
}

/// The queue, ready to be asked.
#[derive(Debug)]
pub struct Reached {
    /// Where it is.
    pub address: Address,
    /// The connection, made when it is used.
    pub link: RedisConnection,
}

/// Settles where the queue is. The password comes from a file or the environment, never from the
/// command line.
pub fn reach(args: &QueueArgs, ca_file: Option<&Path>) -> Result<Reached, Failure> {
    let usage = |message: String| Failure::new(Exit::Usage, message);
    let queue = args
        .queue
        .as_deref()
        .ok_or_else(|| usage("which queue? Give --queue rediss://HOST/STREAM".to_owned()))?;
    let address = Address::parse(queue).map_err(|error| usage(format!("the queue: {error}")))?;
    let password = match &args.redis_password_file {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                let message = format!("--redis-password-file {}: {error}", path.display());
                Failure::new(Exit::File, message)
            })?;
            Some(Secret::new(text.trim_end_matches(['\n', '\r']).to_owned()))
        }
        None => std::env::var(PASSWORD_VARIABLE).ok().map(Secret::new),
    };
    let password = password.filter(|password| !password.is_empty());
    if address.user.is_some() && password.is_none() {
        return Err(usage(format!(
            "the queue names a user and there is no password: set {PASSWORD_VARIABLE}, or give \
             --redis-password-file"
        )));
    }
    let ca_pem = ca_file.filter(|_| address.tls).map(std::fs::read).transpose();
    let ca_pem = ca_pem.map_err(|error| {
        Failure::new(Exit::Configuration, format!("--ca-file can't be read: {error}"))
    })?;
    let link = RedisConnection::new(&address, password.as_ref(), ca_pem)
        .map_err(|error| Failure::new(Exit::Configuration, error.to_string()))?;
    Ok(Reached { address, link })
}

/// `work`, settled.
#[derive(Debug, Clone)]
pub struct WorkSettings {
    /// The group of workers.
    pub group: String,
    /// What this worker's name begins with.
    pub consumer: String,
    /// How long rows are gathered.
    pub linger: Duration,
    /// How many rows are planned together.
    pub window: usize,
    /// After so long without a sign of its worker an entry is taken over.
    pub lease: Duration,
    /// The bound of the streams of outcomes and dead letters.
    pub retain: Retention,
    /// The CSV of outcomes.
    pub outcomes: Option<PathBuf>,
    /// Where outcomes wait while Redis does not answer.
    pub spool: PathBuf,
    /// How rows are read.
    pub options: Options,
    /// Where requests go, instead of the endpoint of each region.
    pub endpoint: Option<Url>,
    /// How the engine works.
    pub engine: crate::engine::Settings,
    /// How requests are signed.
    pub signature: Scheme,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Certificates to trust.
    pub ca_file: Option<PathBuf>,
    /// The profile whose keys are used.
    pub profile: Option<String>,
}

impl WorkSettings {
    /// Settles a command line; `seed` is where the jitter of waits comes from.
    pub fn settle(args: &WorkArgs, seed: u64) -> Result<Self, Failure> {
        // Anything shorter is over before a heartbeat over a slow network has come back.
        if args.lease < SHORTEST_LEASE {
            return Err(Failure::new(Exit::Usage, "--lease: at least 1s"));
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
            options: Options {
                default_instance_id: args.instance_id.clone(),
                default_region: args.region.clone(),
                map: args.map.clone(),
                ..Options::default()
            },
            endpoint: args.endpoint.clone(),
            engine: crate::engine::Settings {
                rate_per_s: args.rate,
                concurrency: args.concurrency as usize,
                max_attempts: args.max_attempts,
                deadline: None,
                canary: None,
                fail_over: None,
                seed,
            },
            signature: match args.signature {
                SignatureName::V1 => Scheme::V1,
                SignatureName::Acs3 => Scheme::Acs3,
            },
            timeout: args.timeout,
            ca_file: args.ca_file.clone(),
            profile: args.credential_profile.clone(),
        })
    }
}

impl WorkSettings {
    /// How a worker inside a run works.
    pub fn of_run(run: &crate::config::RunSettings) -> Self {
        Self {
            group: "bastion-revoke".to_owned(),
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
            endpoint: run.endpoint.clone(),
            // These are about the whole list, and a worker sees windows of it.
            engine: crate::engine::Settings {
                deadline: None,
                canary: None,
                fail_over: None,
                ..run.engine
            },
            signature: run.signature,
            timeout: run.timeout,
            ca_file: run.ca_file.clone(),
            profile: run.profile.clone(),
        }
    }
}

/// What a lease lasts at least.
const SHORTEST_LEASE: Duration = Duration::from_secs(1);

/// The name of this machine, as far as it can be part of a worker's.
fn host_name() -> String {
    let name = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let is_plain = |c: &char| c.is_ascii_alphanumeric() || "-._".contains(*c);
    let plain: String = name.chars().filter(is_plain).take(64).collect();
    if plain.is_empty() { "worker".to_owned() } else { plain }
}
