//! Groups of options that several commands have.

use super::values::{self, duration, id, map, rate, up_to};
use crate::input::{Encoding, Field};
use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;
use std::time::Duration;

/// Logging.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// Increase verbosity (-vv logs every request)
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Logs")]
    pub verbose: u8,
    /// Log errors only
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Logs")]
    pub quiet: bool,
    /// Format of log lines on standard error
    #[arg(
        long,
        global = true,
        value_enum,
        default_value = "text",
        value_name = "text|json",
        hide_possible_values = true,
        help_heading = "Logs"
    )]
    pub log_format: LogFormat,
}

/// Format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

/// Sources of settings.
#[derive(Debug, Clone, Args)]
pub struct ConfigurationArgs {
    /// Settings file, instead of bastion-revoke.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Settings")]
    pub config: Option<PathBuf>,
    /// Settings profile; without one in the settings, the same as --credential-profile
    #[arg(long, value_name = "NAME", help_heading = "Settings")]
    pub profile: Option<String>,
}

/// Values for columns that rows do not have, and names of columns.
#[derive(Debug, Clone, Args)]
pub struct RowDefaultArgs {
    /// Column that holds a field, as in user=COLUMN; can be repeated
    #[arg(
        long,
        value_name = "FIELD=COLUMN",
        value_delimiter = ';',
        value_parser = map,
        help_heading = "Input"
    )]
    pub map: Vec<(Field, String)>,
    /// Bastion host instance of rows without an `instance_id`
    #[arg(long, value_name = "ID", value_parser = id, help_heading = "Input")]
    pub instance_id: Option<String>,
    /// Region of rows without a `region`
    #[arg(long, default_value = "cn-hangzhou", value_parser = id, help_heading = "Input")]
    pub region: String,
}

/// The instance of a command that has no list.
#[derive(Debug, Clone, Args)]
pub struct InstanceArgs {
    /// Bastion host instance
    #[arg(long, value_name = "ID", value_parser = id)]
    pub instance_id: String,
    /// Region of the instance
    #[arg(long, value_name = "REGION", default_value = "cn-hangzhou", value_parser = id)]
    pub region: String,
}

/// The list and how it is read.
#[derive(Debug, Clone, Args)]
pub struct InputArgs {
    /// CSV or JSON Lines, optionally gzipped; - for standard input
    #[arg(required = true, value_name = "INPUT", value_hint = ValueHint::FilePath)]
    pub inputs: Vec<PathBuf>,
    /// Columns and their defaults.
    #[command(flatten)]
    pub defaults: RowDefaultArgs,
    /// Encoding: utf-8, utf-16le, utf-16be or gb18030 [default: auto-detect]
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    pub encoding: Option<Encoding>,
    /// Treat warnings as errors
    #[arg(long, help_heading = "Input")]
    pub strict: bool,
}

/// The rate of requests.
#[derive(Debug, Clone, Copy, Args)]
pub struct RateArgs {
    /// Maximum requests per second for each operation; all workers of a queue share it
    #[arg(
        long,
        default_value = "10",
        value_name = "PER_SECOND",
        value_parser = rate,
        help_heading = "Requests"
    )]
    pub rate: f64,
}

/// How requests are sent.
#[derive(Debug, Clone, Args)]
pub struct RequestArgs {
    /// Endpoint, instead of the region's; plain http to loopback only
    #[arg(
        long,
        value_name = "URL",
        value_parser = values::endpoint,
        value_hint = ValueHint::Url,
        help_heading = "Requests"
    )]
    pub endpoint: Option<reqwest::Url>,
    /// The rate.
    #[command(flatten)]
    pub rate: RateArgs,
    /// Maximum list and read operations per second, for looking names up
    #[arg(
        long,
        default_value = "10",
        value_name = "PER_SECOND",
        value_parser = rate,
        help_heading = "Requests"
    )]
    pub read_rate: f64,
    /// Maximum requests in flight of this process, 1 to 1024
    #[arg(
        long,
        default_value = "16",
        value_name = "N",
        value_parser = up_to::<1024>,
        help_heading = "Requests"
    )]
    pub concurrency: u32,
    /// Timeout of one attempt, such as 500ms, 10s or 2m
    #[arg(
        long,
        default_value = "10s",
        value_name = "DURATION",
        value_parser = duration,
        help_heading = "Requests"
    )]
    pub timeout: Duration,
    /// Maximum attempts of a request or item; throttled attempts do not count
    #[arg(
        long,
        default_value = "8",
        value_name = "N",
        value_parser = up_to::<1000>,
        help_heading = "Requests"
    )]
    pub max_attempts: u32,
    /// Signature: v1 is HMAC-SHA1 over the parameters, acs3 is ACS3-HMAC-SHA256 as in current SDKs
    #[arg(
        long,
        value_enum,
        default_value = "v1",
        hide_possible_values = true,
        value_name = "v1|acs3",
        help_heading = "Requests"
    )]
    pub signature: SignatureName,
    /// PEM certificates to trust in addition to the system's; for Redis, instead of them
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Requests")]
    pub ca_file: Option<PathBuf>,
    /// Use only the keys of this aliyun CLI profile or section of the credentials file
    #[arg(long, value_name = "NAME", help_heading = "Requests")]
    pub credential_profile: Option<String>,
    /// The simulated service of a rehearsal, which the command itself has started.
    #[arg(skip)]
    pub simulated: Option<reqwest::Url>,
}

/// A signature method.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SignatureName {
    /// HMAC-SHA1.
    V1,
    /// ACS3-HMAC-SHA256.
    Acs3,
}
