//! The command line as clap structs, and nothing else.
//!
//! Each option is declared once: name, type (parsed by [`values`]), default and help. [`run`] has
//! the options of `check`, `plan` and `run`; [`queue`] those of `enqueue`, `collect` and `work`;
//! [`shared`] the groups that several commands flatten. [`crate::config`] turns the structs into
//! settings; no other module reads them.
//!
//! Every option of `run` and `work` can also be set by a variable (`--rate` by
//! `BASTION_REVOKE_RATE`) and in `bastion-revoke.toml` (`rate = 5`): [`command::settable`] lists
//! them. A path with the hint [`clap::ValueHint::FilePath`] is an input; in a settings file it is
//! relative to that file.
//!
//! To add a command, add its struct here and a variant to [`Command`], settings in
//! [`crate::config`], and a function in [`crate::commands`].

pub mod command;
pub mod evidence;
pub mod export;
pub mod offboard;
pub mod queue;
pub mod queue_admin;
pub mod report;
pub mod restore;
pub mod run;
pub mod shared;
pub mod show;
pub mod simulate;
pub mod status;
pub mod user;
pub mod values;
pub mod verify;
pub mod who;

pub use run::{CheckArgs, PlanArgs, RunArgs};
pub use shared::{ConfigurationArgs, InputArgs, LogArgs, LogFormat, RequestArgs, SignatureName};

use clap::{Parser, Subcommand};
use queue::{CollectArgs, EnqueueArgs, WorkArgs};
use show::{ConfigCommand, CredentialsCommand};

/// Revokes access on Alibaba Cloud Bastionhost in bulk, from a list of users, targets and accounts
#[derive(Debug, Parser)]
#[command(name = "bastion-revoke", version, about, max_term_width = 100, after_help = EXAMPLES)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
    /// Logging.
    #[command(flatten)]
    pub logs: LogArgs,
}

const EXAMPLES: &str = "\
Examples:
  bastion-revoke check leavers.csv
  bastion-revoke plan leavers.csv
  bastion-revoke run leavers.csv --rehearse
  bastion-revoke run leavers.csv --instance-id bastionhost-cn-abc123

Exit codes:
   0  every row is revoked or already absent
   1  finished; some rows ended otherwise
   2  invalid command line
   3  stopped early; run the same command again to continue
   4  refused by a guard or at the prompt; nothing was sent
   5  verify found access that is still granted
  65  invalid input; nothing was sent
  66  missing input
  70  internal error
  74  file error
  75  another run is using the same files
  77  credentials or permission
  78  configuration, endpoint, region or instance";

const RUN_HELP: &str = "\
Examples:
  bastion-revoke run leavers.csv --rehearse
  bastion-revoke run leavers.csv --instance-id bastionhost-cn-abc123
  bastion-revoke run cleanup.csv --yes --out cleanup-outcome.csv
  bastion-revoke run leavers.csv --profile prod --max-users 20 --protect break-glass.csv
  bastion-revoke run --plan plan.zip --approve 7K3M-Q9TX-2B4D

Each option can also be set by a variable (--rate by BASTION_REVOKE_RATE) and in
bastion-revoke.toml (rate = 5), except --yes, --restart, --report-only, --only, --plan, --approve
and --approval in a file. The command line takes precedence over variables, and variables over the file;
`bastion-revoke config show` prints the effective settings and their sources. To turn off a switch
that is set there, pass =false, as in --skip-invalid=false.
Keys are read from the same sources as by the Alibaba Cloud SDKs and CLI; `bastion-revoke
credentials show` prints which ones are used. Secrets are never read from the command line.";

const WHO_EXAMPLES: &str = "\
Examples:
  bastion-revoke who host:1027 --instance-id bastionhost-cn-abc123
  bastion-revoke who --host web-01 --accounts --yes --out who.csv --instance-id bastionhost-cn-abc123

There is no list of a target's users in the API: the list of every user and user group is read.";

const CONFIG_HELP: &str = "\
Examples:
  bastion-revoke config show
  bastion-revoke config show --profile prod --json
  BASTION_REVOKE_RATE=5 bastion-revoke config show --concurrency 4

Sources, highest precedence first:
  1. the command line
  2. variables: BASTION_REVOKE_ and the option's name, such as BASTION_REVOKE_MAX_USERS
  3. the selected profile: the table [profile.NAME] of the files below, selected by --profile,
     BASTION_REVOKE_PROFILE or, in a file, default-profile = \"NAME\"
  4. bastion-revoke.toml in the current folder
  5. bastion-revoke/bastion-revoke.toml in $XDG_CONFIG_HOME or ~/.config
  6. the defaults
--config FILE replaces the two files.";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Validate a list; no network
    #[command(after_help = "Examples:\n  bastion-revoke check leavers.csv\n  \
        bastion-revoke check audit.jsonl.gz more.csv --map user=\"Login ID\"")]
    Check(Box<CheckArgs>),
    /// Show what a run would do; no network
    #[command(after_help = "Examples:\n  bastion-revoke plan leavers.csv\n  \
        bastion-revoke plan leavers.csv --requests requests.jsonl --json\n  \
        bastion-revoke plan leavers.csv --instance-id bastionhost-cn-abc123 --save plan.zip\n  \
        bastion-revoke plan --open plan.zip")]
    Plan(Box<PlanArgs>),
    /// Plan, confirm, revoke and report; the same command again continues an interrupted run
    #[command(after_help = RUN_HELP)]
    Run(Box<RunArgs>),
    /// Grant again what a `run --snapshot` removed, exactly as it was before
    #[command(after_help = "Examples:\n  bastion-revoke restore outcome.csv --rehearse\n  \
        bastion-revoke restore outcome.csv\n  \
        bastion-revoke run restored.csv --out again.csv")]
    Restore(Box<restore::RestoreArgs>),
    /// List what users reach as an input list, and by which other routes
    #[command(after_help = "Examples:\n  \
        bastion-revoke export --user lina@corp --scope whole --instance-id bastionhost-cn-abc123\n  \
        bastion-revoke export --user id:17 --users-from leavers.txt --scope accounts --out access.csv \
        --instance-id bastionhost-cn-abc123")]
    Export(Box<export::ExportArgs>),
    /// Lock users, take all their direct access, and read back what remains
    #[command(after_help = "Examples:\n  \
        bastion-revoke offboard --user lina@corp --lock --leave-groups --dry-run \
        --instance-id bastionhost-cn-abc123\n  \
        bastion-revoke offboard --users-from leavers.txt --lock --leave-groups --delete-keys \
        --instance-id bastionhost-cn-abc123 --protect break-glass.csv")]
    Offboard(Box<offboard::OffboardArgs>),
    /// Read back whether revoked access is gone, and what users still reach
    #[command(after_help = "Examples:\n  \
        bastion-revoke verify outcome.csv --instance-id bastionhost-cn-abc123\n  \
        bastion-revoke verify outcome.csv --no-residual --settle 1m --json\n  \
        bastion-revoke verify cleanup-outcome.csv --sample 5%")]
    Verify(Box<verify::VerifyArgs>),
    /// List which users and user groups reach a host, host group or database
    #[command(after_help = WHO_EXAMPLES)]
    Who(Box<who::WhoArgs>),
    /// Plan a list and publish its requests to a queue, for workers on other machines
    #[command(
        after_help = "Examples:\n  bastion-revoke enqueue leavers.csv --queue rediss://redis.example/revocations\n  \
        bastion-revoke collect --queue rediss://redis.example/revocations --out outcome.csv"
    )]
    Enqueue(Box<EnqueueArgs>),
    /// Wait for an enqueued job and write its outcome
    #[command(
        after_help = "Examples:\n  bastion-revoke collect --queue rediss://redis.example/revocations --out outcome.csv"
    )]
    Collect(Box<CollectArgs>),
    /// Process a queue: rows added by other programs and jobs of `enqueue`
    #[command(
        after_help = "Examples:\n  bastion-revoke work --queue rediss://redis.example/revocations\n  \
        redis-cli XADD revocations '*' user 1001 kind host target 2001 account 3001"
    )]
    Work(Box<WorkArgs>),
    /// Show what a run is doing, or how it ended; does not disturb it
    #[command(after_help = "Examples:\n  bastion-revoke status\n  \
        bastion-revoke status cleanup-outcome.csv --watch\n  \
        bastion-revoke status outcome.csv --json")]
    Status(status::StatusArgs),
    /// Write a page for people: what was asked, what became of it, and what is left to do
    #[command(after_help = "Examples:\n  bastion-revoke report --html report.html\n  \
        bastion-revoke report cleanup-outcome.csv --html cleanup.html --lang zh")]
    Report(report::ReportArgs),
    /// Bundle a run as evidence, or verify such a bundle without the network
    #[command(after_help = "Examples:\n  \
        bastion-revoke evidence outcome.csv --out evidence.zip --sign-key ~/.ssh/id_ed25519\n  \
        bastion-revoke evidence outcome.csv --actiontrail events.json\n  \
        bastion-revoke evidence --verify evidence.zip --trusted-keys auditor.pub")]
    Evidence(evidence::EvidenceArgs),
    /// Operate a queue: its state, dead letters, pause and resume
    #[command(after_help = queue_admin::EXAMPLES)]
    Queue {
        /// The subcommand.
        #[command(subcommand)]
        command: queue_admin::QueueCommand,
    },
    /// Show the effective settings and their sources
    #[command(after_help = CONFIG_HELP)]
    Config {
        /// The subcommand.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Show which credentials are used
    #[command(after_help = "Examples:\n  bastion-revoke credentials show\n  \
        bastion-revoke credentials show --profile offboarding --verify")]
    Credentials {
        /// The subcommand.
        #[command(subcommand)]
        command: CredentialsCommand,
    },
    /// Serve the simulated service on loopback, for rehearsals, other clients and tests
    #[command(after_help = "Examples:\n  bastion-revoke simulate --port 8470\n  \
        bastion-revoke simulate --quota 10 --fault reset-after=0.1 --seed 7\n  \
        bastion-revoke simulate --grants grants.csv --fault throttle=0.2\n  \
        bastion-revoke simulate --world samples/world.toml")]
    Simulate(simulate::SimulateArgs),
    /// Print the completion script of a shell
    #[command(after_help = "Examples:\n  \
        bastion-revoke completions bash > ~/.local/share/bash-completion/completions/bastion-revoke\n  \
        bastion-revoke completions zsh > ~/.zfunc/_bastion-revoke\n  \
        bastion-revoke completions fish > ~/.config/fish/completions/bastion-revoke.fish")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page (roff)
    #[command(after_help = "Examples:\n  bastion-revoke man | man -l -\n  \
        bastion-revoke man > ~/.local/share/man/man1/bastion-revoke.1")]
    Man,
}
