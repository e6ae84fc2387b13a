//! Options of `enqueue`, `collect` and `work`.

use super::run::RunArgs;
use super::shared::{ConfigurationArgs, RequestArgs, RowDefaultArgs};
use super::values::{duration, id, retention, up_to};
use crate::queue::retention::Retention;
use clap::{Args, ValueHint};
use std::path::PathBuf;
use std::time::Duration;

const QUEUE_HELP: &str = "Queue: rediss://[USER@]HOST[:PORT]/STREAM; the password is read from \
                          `BASTION_REVOKE_REDIS_PASSWORD`";

/// The queue.
#[derive(Debug, Clone, Args)]
pub struct QueueArgs {
    /// The address of the queue.
    #[arg(long, value_name = "URL", help = QUEUE_HELP, help_heading = "Queue")]
    pub queue: Option<String>,
    /// Read the password of Redis from this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Queue")]
    pub redis_password_file: Option<PathBuf>,
}

/// `enqueue`
#[derive(Debug, Clone, Args)]
pub struct EnqueueArgs {
    /// The queue.
    #[command(flatten)]
    pub queue: QueueArgs,
    /// The job, with the options of `run`.
    #[command(flatten)]
    pub run: RunArgs,
}

/// `collect`
#[derive(Debug, Clone, Args)]
pub struct CollectArgs {
    /// The queue.
    #[command(flatten)]
    pub queue: QueueArgs,
    /// Outcome file of the job that `enqueue` started
    #[arg(
        long,
        value_name = "FILE",
        default_value = "outcome.csv",
        value_hint = ValueHint::FilePath,
        help_heading = "Files"
    )]
    pub out: PathBuf,
    /// Sources of settings.
    #[command(flatten)]
    pub configuration: ConfigurationArgs,
    /// Stop after this time, resumable, such as 30m or 2h
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub deadline: Option<Duration>,
    /// PEM certificates to trust for Redis, instead of the system's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub ca_file: Option<PathBuf>,
    /// Run this shell command at the end, with the JSON summary on its standard input; its failure
    /// does not change the exit code
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub on_finish: Option<String>,
    /// Print the summary as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// `work`
#[derive(Debug, Clone, Args)]
pub struct WorkArgs {
    /// The queue.
    #[command(flatten)]
    pub queue: QueueArgs,
    /// Consumer group of the workers that share the stream
    #[arg(
        long,
        value_name = "NAME",
        default_value = "bastion-revoke",
        value_parser = id,
        help_heading = "Queue"
    )]
    pub group: String,
    /// Prefix of this worker's name [default: the host name]
    #[arg(long, value_name = "NAME", value_parser = id, help_heading = "Queue")]
    pub consumer: Option<String>,
    /// How long rows are collected before they are planned as a batch
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "2s",
        value_parser = duration,
        help_heading = "Queue"
    )]
    pub linger: Duration,
    /// Maximum rows of a batch, 1 to 10000
    #[arg(
        long,
        value_name = "ROWS",
        default_value = "1000",
        value_parser = up_to::<10_000>,
        help_heading = "Queue"
    )]
    pub window: u32,
    /// Time without a heartbeat after which another worker takes over an entry
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "60s",
        value_parser = duration,
        help_heading = "Queue"
    )]
    pub lease: Duration,
    /// Also append every row's outcome to this CSV
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
    /// Folder for outcomes while Redis is unreachable
    #[arg(long, value_name = "FOLDER", default_value = ".", help_heading = "Queue")]
    pub spool: PathBuf,
    /// Address of the live page /, and of /healthz, /readyz and /metrics [default: 127.0.0.1:9464, or any free port if
    /// that is taken]
    #[arg(long, value_name = "ADDRESS", help_heading = "Queue")]
    pub listen: Option<std::net::SocketAddr>,
    /// Fields of messages and their defaults.
    #[command(flatten)]
    pub defaults: RowDefaultArgs,
    /// Sources of settings.
    #[command(flatten)]
    pub configuration: ConfigurationArgs,
    /// How requests are sent.
    #[command(flatten)]
    pub requests: RequestArgs,
}
