//! The command line, as clap reads it. Nothing but [`crate::config`] looks at these values.
//!
//! An option is declared here and nowhere else: its name, its type (a parser of [`values`] checks
//! it), its default and its help. Every option of `run` can then also be set by a variable
//! (`--rate` by `BASTION_REVOKE_RATE`) and in `bastion-revoke.toml` (`rate = 5`), and
//! `config show` lists it: [`command::settable`] collects them, [`crate::config`] does the rest.
//! A path with the hint [`ValueHint::FilePath`] is one to read; in a file of settings it is
//! relative to that file.

pub mod command;
pub mod queue_admin;
pub mod values;

use crate::engine::fail_over::FailOver;
use crate::input::{Encoding, Field};
use crate::model::Status;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use std::path::PathBuf;
use std::time::Duration;
use values::{count, duration, id, map, rate, up_to};

/// Revokes access on Alibaba Cloud Bastionhost: give it a list of who must lose access to what.
#[derive(Debug, Parser)]
#[command(name = "bastion-revoke", version, about, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How much is told, and how.
    #[command(flatten)]
    pub logs: LogArgs,
}

const EXAMPLES: &str = "\
Examples:
  bastion-revoke check leavers.csv
  bastion-revoke plan leavers.csv
  bastion-revoke run leavers.csv --rehearse
  bastion-revoke run leavers.csv --instance-id bastionhost-cn-abc123

Exit codes: 0 all revoked or already absent; 1 finished, some rows otherwise; 2 usage; 3 stopped
early; 4 refused by a guard or at the prompt; 65 input invalid; 66 input missing; 70 internal;
74 file error; 75 another run holds the ledger; 77 credentials or permission; 78 configuration,
routing or instance.";

const OF_RUN: &str = "\
Examples:
  bastion-revoke run leavers.csv --rehearse
  bastion-revoke run leavers.csv --instance-id bastionhost-cn-abc123
  bastion-revoke run cleanup.csv --yes --out cleanup-outcome.csv
  bastion-revoke run leavers.csv --profile prod --max-users 20 --protect break-glass.csv

Each option can also be set by a variable (--rate by BASTION_REVOKE_RATE) and, but for --yes,
--restart and --report-only, in bastion-revoke.toml (rate = 5). The command line counts most, then
variables, then the file; `bastion-revoke config show` tells what is set where. A switch that is
set there is turned off by =false, such as --skip-invalid=false.
Keys come from where the SDKs of Alibaba Cloud and its CLI have them; `bastion-revoke credentials
show` tells which are used. Secrets are never taken from the command line.";

const OF_CONFIG: &str = "\
Examples:
  bastion-revoke config show
  bastion-revoke config show --profile prod --json
  BASTION_REVOKE_RATE=5 bastion-revoke config show --concurrency 4

What counts, the first that says something:
  1. the command line
  2. variables: BASTION_REVOKE_ and the option's name, such as BASTION_REVOKE_MAX_USERS
  3. the chosen profile: the table [profile.NAME] of the files below; chosen by --profile,
     BASTION_REVOKE_PROFILE or, in a file, default-profile = \"NAME\"
  4. bastion-revoke.toml in this folder
  5. bastion-revoke/bastion-revoke.toml in $XDG_CONFIG_HOME or ~/.config
  6. the defaults
--config FILE is read instead of the two files.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Read and validate a list; no network
    #[command(after_help = "Examples:\n  bastion-revoke check leavers.csv\n  \
        bastion-revoke check audit.jsonl.gz more.csv --map user=\"Login ID\"")]
    Check(CheckArgs),
    /// Show what a run would do; no network
    #[command(after_help = "Examples:\n  bastion-revoke plan leavers.csv\n  \
        bastion-revoke plan leavers.csv --requests requests.jsonl --json")]
    Plan(PlanArgs),
    /// Plan, confirm, revoke, report; the same command again continues where it stopped
    #[command(after_help = OF_RUN)]
    Run(Box<RunArgs>),
    /// Plan a list and put its requests on a queue, for workers on any machines
    #[command(
        after_help = "Examples:\n  bastion-revoke enqueue leavers.csv --queue rediss://redis.example/revocations\n  \
        bastion-revoke collect --queue rediss://redis.example/revocations --out outcome.csv"
    )]
    Enqueue(Box<crate::commands::collect::EnqueueArgs>),
    /// Wait for what comes of an enqueued job, and write its outcome
    #[command(
        after_help = "Examples:\n  bastion-revoke collect --queue rediss://redis.example/revocations --out outcome.csv"
    )]
    Collect(Box<crate::commands::collect::CollectArgs>),
    /// Work on a queue: rows that others add to it, and jobs of `enqueue`
    #[command(
        after_help = "Examples:\n  bastion-revoke work --queue rediss://redis.example/revocations\n  \
        redis-cli XADD revocations '*' user 1001 kind host target 2001 account 3001"
    )]
    Work(Box<crate::commands::queue_args::WorkArgs>),
    /// Operate a queue: its state, dead letters, pause and resume
    #[command(after_help = queue_admin::EXAMPLES)]
    Queue {
        /// The subcommand.
        #[command(subcommand)]
        command: queue_admin::QueueCommand,
    },
    /// What is set, and where
    #[command(after_help = OF_CONFIG)]
    Config {
        /// What to do with it.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Where the keys come from, and whose they are
    #[command(after_help = "Examples:\n  bastion-revoke credentials show\n  \
        bastion-revoke credentials show --profile offboarding --verify")]
    Credentials {
        /// What to do with them.
        #[command(subcommand)]
        command: CredentialsCommand,
    },
    /// Serve the simulated service on loopback, for rehearsals, other clients and tests
    #[command(after_help = "Examples:\n  bastion-revoke simulate --port 8470\n  \
        bastion-revoke simulate --quota 10 --fault reset-after=0.1 --seed 7\n  \
        bastion-revoke simulate --grants grants.csv --fault throttle=0.2\n  \
        bastion-revoke simulate --world samples/world.toml")]
    Simulate(crate::commands::simulate::SimulateArgs),
    /// Print the completions of a shell
    #[command(after_help = "Examples:\n  \
        bastion-revoke completions bash > ~/.local/share/bash-completion/completions/bastion-revoke\n  \
        bastion-revoke completions zsh > ~/.zfunc/_bastion-revoke\n  \
        bastion-revoke completions fish > ~/.config/fish/completions/bastion-revoke.fish")]
    Completions {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual, in roff
    #[command(after_help = "Examples:\n  bastion-revoke man | man -l -\n  \
        bastion-revoke man > ~/.local/share/man/man1/bastion-revoke.1")]
    Man,
}

/// How much is told, and how.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// Tell more; twice for every request
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Logs")]
    pub verbose: u8,
    /// Tell errors only
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Logs")]
    pub quiet: bool,
    /// How log lines are written, on standard error
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

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Where settings are taken from.
#[derive(Debug, Clone, Args)]
pub struct ConfigurationArgs {
    /// Settings, instead of those in bastion-revoke.toml
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Settings")]
    pub config: Option<PathBuf>,
    /// The profile of settings; where the settings have none, the same as --credential-profile
    #[arg(long, value_name = "NAME", help_heading = "Settings")]
    pub profile: Option<String>,
}

/// The list, and how it is read.
#[derive(Debug, Clone, Args)]
pub struct InputArgs {
    /// CSV or JSON Lines, gzip or not; - for standard input
    #[arg(required = true, value_name = "INPUT", value_hint = ValueHint::FilePath)]
    pub inputs: Vec<PathBuf>,
    /// Which column holds a field: user=COLUMN; may be repeated
    #[arg(
        long,
        value_name = "FIELD=COLUMN",
        value_delimiter = ';',
        value_parser = map,
        help_heading = "Input"
    )]
    pub map: Vec<(Field, String)>,
    /// The input's encoding: utf-8, utf-16le, utf-16be or gb18030 [default: found out]
    #[arg(long, value_name = "NAME", help_heading = "Input")]
    pub encoding: Option<Encoding>,
    /// The bastion host of rows without an `instance_id`
    #[arg(long, value_name = "ID", value_parser = id, help_heading = "Input")]
    pub instance_id: Option<String>,
    /// The region of rows without a `region`
    #[arg(long, default_value = "cn-hangzhou", value_parser = id, help_heading = "Input")]
    pub region: String,
    /// Take warnings for errors
    #[arg(long, help_heading = "Input")]
    pub strict: bool,
}

/// `check`
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// The list.
    #[command(flatten)]
    pub input: InputArgs,
    /// Where settings are taken from.
    #[command(flatten)]
    pub configuration: ConfigurationArgs,
    /// The most findings that are shown in full; all are counted [default: 20, as JSON 1000]
    #[arg(long, value_name = "N", value_parser = count)]
    pub show: Option<usize>,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// `plan`
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// The list.
    #[command(flatten)]
    pub input: InputArgs,
    /// Where settings are taken from.
    #[command(flatten)]
    pub configuration: ConfigurationArgs,
    /// Leave invalid rows out instead of stopping
    #[arg(long, help_heading = "Input")]
    pub skip_invalid: bool,
    /// Of an earlier outcome take only the rows with these statuses, such as
    /// failed,unknown,unprocessed; the others are carried over as they are
    #[arg(long, value_name = "STATUS,...", value_delimiter = ',', help_heading = "Input")]
    pub only: Vec<Status>,
    /// The most requests a second, of each operation
    #[arg(
        long,
        default_value = "10",
        value_name = "PER_SECOND",
        value_parser = rate,
        help_heading = "Requests"
    )]
    pub rate: f64,
    /// Write every request to this file as JSON Lines; - for standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub requests: Option<PathBuf>,
    /// Print the plan as JSON
    #[arg(long)]
    pub json: bool,
}

/// `run`
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct RunArgs {
    /// The list.
    #[command(flatten)]
    pub input: InputArgs,
    /// Where settings are taken from.
    #[command(flatten)]
    pub configuration: ConfigurationArgs,
    /// Where the outcome goes, one row for every input row [default: outcome.csv, or
    /// rehearsal.csv for a rehearsal]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath, help_heading = "Files")]
    pub out: Option<PathBuf>,
    /// Begin anew; files of an earlier run are set aside, never deleted
    #[arg(long, help_heading = "Files", conflicts_with = "rehearse")]
    pub restart: bool,
    /// Write the outcome from the files of an earlier run, and send nothing
    #[arg(long, help_heading = "Files", conflicts_with_all = ["rehearse", "restart"])]
    pub report_only: bool,
    /// Give invalid rows the status `invalid` instead of stopping
    #[arg(long, help_heading = "Input")]
    pub skip_invalid: bool,
    /// Of an earlier outcome take only the rows with these statuses, such as
    /// failed,unknown,unprocessed; the others are carried over as they are
    #[arg(long, value_name = "STATUS,...", value_delimiter = ',', help_heading = "Input")]
    pub only: Vec<Status>,
    /// Write the outcome for spreadsheets: ids stay text, and nothing in it is a formula
    #[arg(long, help_heading = "Files")]
    pub excel: bool,
    /// Run against the simulated service inside this process: nothing is really changed
    #[arg(long, help_heading = "Confirmation", conflicts_with_all = ["endpoint", "yes", "confirm"])]
    pub rehearse: bool,
    /// Go ahead without asking
    #[arg(long, help_heading = "Confirmation", conflicts_with = "confirm")]
    pub yes: bool,
    /// Go ahead if exactly so many revocations are planned
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Confirmation")]
    pub confirm: Option<usize>,
    /// Refuse a plan of more revocations; the rows beyond are named
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Guards")]
    pub max_revocations: Option<usize>,
    /// Refuse a plan about more users and user groups
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Guards")]
    pub max_users: Option<usize>,
    /// Refuse a plan that revokes more targets as a whole
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Guards")]
    pub max_whole_targets: Option<usize>,
    /// Refuse a list of any other number of rows
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Guards")]
    pub expect_rows: Option<usize>,
    /// Refuse rows that this CSV protects: user, kind, target, account; * is any text, blank is
    /// anything
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Guards")]
    pub protect: Option<PathBuf>,
    /// Give protected rows the status `protected` instead of stopping; needs --protect
    #[arg(long, help_heading = "Guards")]
    pub skip_protected: bool,
    /// Send the first N requests, and the rest only if all of these succeeded
    #[arg(
        long,
        value_name = "N",
        value_parser = up_to::<{ u32::MAX }>,
        help_heading = "Guards"
    )]
    pub canary: Option<u32>,
    /// Stop, resumable, when more revocations than this end failed or unknown (after 20 requests)
    #[arg(long, value_name = "N|P%", help_heading = "Guards")]
    pub fail_over: Option<FailOver>,
    /// Where requests go, instead of the region's endpoint; plain http to loopback only
    #[arg(long, value_name = "URL", value_parser = values::endpoint, help_heading = "Requests")]
    pub endpoint: Option<reqwest::Url>,
    /// The most requests a second, of each operation
    #[arg(
        long,
        default_value = "10",
        value_name = "PER_SECOND",
        value_parser = rate,
        help_heading = "Requests"
    )]
    pub rate: f64,
    /// The most requests under way at once, 1 to 1024
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
    /// Stop after this long, resumable, such as 30m or 2h
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Requests")]
    pub deadline: Option<Duration>,
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
    /// PEM certificates to trust besides the system's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Requests")]
    pub ca_file: Option<PathBuf>,
    /// Use the keys of this profile of the aliyun CLI or section of the credentials file, and no
    /// others
    #[arg(long, value_name = "NAME", help_heading = "Requests")]
    pub credential_profile: Option<String>,
    /// Carry the plan out by way of a queue, together with its workers: as `enqueue`, `work` and
    /// `collect` at once
    #[arg(
        long,
        value_name = "URL",
        help_heading = "Queue",
        conflicts_with_all = ["rehearse", "report_only"]
    )]
    pub via: Option<String>,
    /// Print the final summary as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// The name of a way to sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SignatureName {
    /// HMAC-SHA1.
    V1,
    /// ACS3-HMAC-SHA256.
    Acs3,
}

/// `config`
#[derive(Debug, Clone, Subcommand)]
pub enum ConfigCommand {
    /// Show what counts for a run, and where each value is set; takes every option of `run`
    #[command(after_help = OF_CONFIG)]
    Show(ConfigShowArgs),
}

/// `config show`: the options of `run` are added to it, see [`command::command`].
#[derive(Debug, Clone, Args)]
pub struct ConfigShowArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `credentials`
#[derive(Debug, Clone, Subcommand)]
pub enum CredentialsCommand {
    /// Show which keys a run would use, and whose they are; never the secret
    #[command(after_help = "\
Examples:
  bastion-revoke credentials show
  bastion-revoke credentials show --profile offboarding --verify

These are asked in turn; one that is not set up passes on to the next, one that is set up and of
no use stops the search (exit code 77):
  1. ALIBABA_CLOUD_ACCESS_KEY_ID, _ACCESS_KEY_SECRET and, for temporary keys, _SECURITY_TOKEN
  2. ALIBABA_CLOUD_OIDC_TOKEN_FILE, _OIDC_PROVIDER_ARN and ALIBABA_CLOUD_ROLE_ARN
  3. ~/.aliyun/config.json of the aliyun CLI; of a CloudSSO or OAuth profile only the temporary
     keys that the CLI left behind after a sign-in
  4. ~/.alibabacloud/credentials
  5. the role of the ECS instance, from its metadata
  6. ALIBABA_CLOUD_CREDENTIALS_URI
Secrets are never taken from the command line.")]
    Show(CredentialsShowArgs),
}

/// `credentials show`
#[derive(Debug, Clone, Args)]
pub struct CredentialsShowArgs {
    /// Where settings are taken from.
    #[command(flatten)]
    pub configuration: ConfigurationArgs,
    /// Use the keys of this profile of the aliyun CLI or section of the credentials file, and no
    /// others
    #[arg(long, value_name = "NAME")]
    pub credential_profile: Option<String>,
    /// Ask STS who the caller is, too
    #[arg(long)]
    pub verify: bool,
    /// PEM certificates to trust besides the system's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub ca_file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
