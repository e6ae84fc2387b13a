//! The command line, as clap reads it. Nothing but [`crate::config`] looks at these values.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

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
    #[command(after_help = "Examples:\n  bastion-revoke run leavers.csv --rehearse\n  \
        bastion-revoke run leavers.csv --instance-id bastionhost-cn-abc123\n  \
        bastion-revoke run cleanup.csv --yes --out cleanup-outcome.csv\n\n\
        Keys come from where the SDKs of Alibaba Cloud and its CLI have them; `bastion-revoke\n\
        credentials show` tells which are used. An option that names a variable (env) can also\n\
        be set by it.")]
    Run(Box<RunArgs>),
    /// Where the keys come from, and whose they are
    Credentials {
        /// What to do with them.
        #[command(subcommand)]
        command: CredentialsCommand,
    },
    /// Serve the simulated service on loopback, for rehearsals, other clients and tests
    Simulate(crate::commands::simulate::SimulateArgs),
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
        env = "BASTION_REVOKE_LOG_FORMAT",
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

/// The list, and how it is read.
#[derive(Debug, Clone, Args)]
pub struct InputArgs {
    /// CSV or JSON Lines, gzip or not; - for standard input
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Which column holds a field: user=COLUMN; may be repeated
    #[arg(
        long,
        value_name = "FIELD=COLUMN",
        env = "BASTION_REVOKE_MAP",
        value_delimiter = ';',
        help_heading = "Input"
    )]
    pub map: Vec<String>,
    /// The input's encoding: utf-8, utf-16le, utf-16be or gb18030 [default: found out]
    #[arg(long, env = "BASTION_REVOKE_ENCODING", help_heading = "Input")]
    pub encoding: Option<String>,
    /// The bastion host of rows without an `instance_id`
    #[arg(long, value_name = "ID", env = "BASTION_REVOKE_INSTANCE_ID", help_heading = "Input")]
    pub instance_id: Option<String>,
    /// The region of rows without a `region`
    #[arg(
        long,
        default_value = "cn-hangzhou",
        env = "BASTION_REVOKE_REGION",
        help_heading = "Input"
    )]
    pub region: String,
}

/// `check`
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// The list.
    #[command(flatten)]
    pub input: InputArgs,
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
    /// Leave invalid rows out instead of stopping
    #[arg(long, env = "BASTION_REVOKE_SKIP_INVALID", help_heading = "Input")]
    pub skip_invalid: bool,
    /// The most requests a second, of each operation
    #[arg(long, default_value = "10", env = "BASTION_REVOKE_RATE", value_name = "PER_SECOND")]
    pub rate: String,
    /// Write every request to this file as JSON Lines; - for standard output
    #[arg(long, value_name = "FILE")]
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
    /// Where the outcome goes, one row for every input row [default: outcome.csv, or
    /// rehearsal.csv for a rehearsal]
    #[arg(long, value_name = "FILE", env = "BASTION_REVOKE_OUT", help_heading = "Files")]
    pub out: Option<PathBuf>,
    /// Begin anew; files of an earlier run are set aside, never deleted
    #[arg(long, help_heading = "Files", conflicts_with = "rehearse")]
    pub restart: bool,
    /// Write the outcome from the files of an earlier run, and send nothing
    #[arg(long, help_heading = "Files", conflicts_with_all = ["rehearse", "restart"])]
    pub report_only: bool,
    /// Give invalid rows the status `invalid` instead of stopping
    #[arg(long, env = "BASTION_REVOKE_SKIP_INVALID", help_heading = "Input")]
    pub skip_invalid: bool,
    /// Run against the simulated service inside this process: nothing is really changed
    #[arg(long, help_heading = "Confirmation", conflicts_with_all = ["endpoint", "yes", "confirm"])]
    pub rehearse: bool,
    /// Go ahead without asking
    #[arg(long, help_heading = "Confirmation", conflicts_with = "confirm")]
    pub yes: bool,
    /// Go ahead if exactly so many revocations are planned
    #[arg(long, value_name = "N", help_heading = "Confirmation")]
    pub confirm: Option<usize>,
    /// Refuse a plan of more revocations; the rows beyond are named
    #[arg(long, value_name = "N", env = "BASTION_REVOKE_MAX_REVOCATIONS", help_heading = "Guards")]
    pub max_revocations: Option<usize>,
    /// Refuse a plan about more users and user groups
    #[arg(long, value_name = "N", env = "BASTION_REVOKE_MAX_USERS", help_heading = "Guards")]
    pub max_users: Option<usize>,
    /// Refuse a plan that revokes more targets as a whole
    #[arg(
        long,
        value_name = "N",
        env = "BASTION_REVOKE_MAX_WHOLE_TARGETS",
        help_heading = "Guards"
    )]
    pub max_whole_targets: Option<usize>,
    /// Refuse a list of any other number of rows
    #[arg(long, value_name = "N", env = "BASTION_REVOKE_EXPECT_ROWS", help_heading = "Guards")]
    pub expect_rows: Option<usize>,
    /// Refuse rows that this CSV protects: user, kind, target, account; * is any text, blank is
    /// anything
    #[arg(long, value_name = "FILE", env = "BASTION_REVOKE_PROTECT", help_heading = "Guards")]
    pub protect: Option<PathBuf>,
    /// Give protected rows the status `protected` instead of stopping
    #[arg(
        long,
        env = "BASTION_REVOKE_SKIP_PROTECTED",
        requires = "protect",
        help_heading = "Guards"
    )]
    pub skip_protected: bool,
    /// Send the first N requests, and the rest only if all of these succeeded
    #[arg(long, value_name = "N", env = "BASTION_REVOKE_CANARY", help_heading = "Guards")]
    pub canary: Option<String>,
    /// Stop, resumable, when more revocations than this end failed or unknown (after 20 requests)
    #[arg(long, value_name = "N|P%", env = "BASTION_REVOKE_FAIL_OVER", help_heading = "Guards")]
    pub fail_over: Option<String>,
    /// Where requests go, instead of the region's endpoint; plain http to loopback only
    #[arg(long, value_name = "URL", env = "BASTION_REVOKE_ENDPOINT", help_heading = "Requests")]
    pub endpoint: Option<String>,
    /// The most requests a second, of each operation
    #[arg(
        long,
        default_value = "10",
        env = "BASTION_REVOKE_RATE",
        value_name = "PER_SECOND",
        help_heading = "Requests"
    )]
    pub rate: String,
    /// The most requests under way at once, 1 to 1024
    #[arg(
        long,
        default_value = "16",
        env = "BASTION_REVOKE_CONCURRENCY",
        value_name = "N",
        help_heading = "Requests"
    )]
    pub concurrency: String,
    /// How long one attempt may take, such as 500ms, 10s or 2m
    #[arg(
        long,
        default_value = "10s",
        env = "BASTION_REVOKE_TIMEOUT",
        value_name = "DURATION",
        help_heading = "Requests"
    )]
    pub timeout: String,
    /// The most attempts of a request or item; throttled ones do not count
    #[arg(
        long,
        default_value = "8",
        env = "BASTION_REVOKE_MAX_ATTEMPTS",
        value_name = "N",
        help_heading = "Requests"
    )]
    pub max_attempts: String,
    /// Stop after this long, resumable, such as 30m or 2h
    #[arg(
        long,
        env = "BASTION_REVOKE_DEADLINE",
        value_name = "DURATION",
        help_heading = "Requests"
    )]
    pub deadline: Option<String>,
    /// PEM certificates to trust besides the system's
    #[arg(long, env = "BASTION_REVOKE_CA_FILE", value_name = "FILE", help_heading = "Requests")]
    pub ca_file: Option<PathBuf>,
    /// Use the keys of this profile of the CLI or section of the credentials file, and no others
    #[arg(long, env = "BASTION_REVOKE_PROFILE", value_name = "NAME", help_heading = "Requests")]
    pub profile: Option<String>,
    /// Print the final summary as JSON on standard output
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
    /// Use the keys of this profile of the CLI or section of the credentials file, and no others
    #[arg(long, env = "BASTION_REVOKE_PROFILE", value_name = "NAME")]
    pub profile: Option<String>,
    /// Ask STS who the caller is, too
    #[arg(long)]
    pub verify: bool,
    /// PEM certificates to trust besides the system's
    #[arg(long, env = "BASTION_REVOKE_CA_FILE", value_name = "FILE")]
    pub ca_file: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
