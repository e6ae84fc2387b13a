//! Options of `check`, `plan` and `run`.

use super::report::LanguageArgs;
use super::shared::{ConfigurationArgs, InputArgs, RequestArgs};
use super::values::{count, duration, duration_or_zero, up_to};
use crate::engine::fail_over::FailOver;
use crate::ledger::Fingerprint;
use crate::model::Status;
use clap::{Args, ValueHint};
use std::path::PathBuf;
use std::time::Duration;

/// `check`
#[derive(Debug, Clone, Args)]
pub struct CheckArgs {
    /// The list.
    #[command(flatten)]
    pub input: InputArgs,
    /// Sources of settings.
    #[command(flatten)]
    pub configuration: ConfigurationArgs,
    /// Look up names through the API; only list operations are called, nothing is changed
    #[arg(long, help_heading = "Input")]
    pub online: bool,
    /// How the look-ups are sent.
    #[command(flatten)]
    pub lookups: RequestArgs,
    /// Maximum findings to show in full; all are counted [default: 20, with --json 1000]
    #[arg(long, value_name = "N", value_parser = count)]
    pub show: Option<usize>,
    /// Print the findings as JSON
    #[arg(long)]
    pub json: bool,
}

/// Which rows of the list are used.
#[derive(Debug, Clone, Args)]
pub struct RowArgs {
    /// Skip invalid rows (status `invalid`) instead of stopping
    #[arg(long, help_heading = "Input")]
    pub skip_invalid: bool,
    /// From an earlier outcome, use only rows with these statuses, such as
    /// failed,unknown,unprocessed; the other rows are carried over unchanged
    #[arg(long, value_name = "STATUS,...", value_delimiter = ',', help_heading = "Input")]
    pub only: Vec<Status>,
}

/// `plan`
#[derive(Debug, Clone, Args)]
pub struct PlanArgs {
    /// The list.
    #[command(flatten)]
    pub input: InputArgs,
    /// Sources of settings.
    #[command(flatten)]
    pub configuration: ConfigurationArgs,
    /// Which rows are used.
    #[command(flatten)]
    pub rows: RowArgs,
    /// Look up names through the API; only list operations are called, nothing is changed
    #[arg(long, help_heading = "Input")]
    pub online: bool,
    /// The rate of the plan, and how look-ups are sent.
    #[command(flatten)]
    pub lookups: RequestArgs,
    /// Guards, as a run would have them.
    #[command(flatten)]
    pub guards: GuardArgs,
    /// Write every request to this file as JSON Lines; - for standard output
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub requests: Option<PathBuf>,
    /// Save the plan with its list, settings, ids and requests in this zip file, for approval
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath, help_heading = "Approval")]
    pub save: Option<PathBuf>,
    /// Compare the plan with this saved one, and show what changed; exit code 1 if anything did
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        help_heading = "Approval",
        conflicts_with_all = ["save", "requests"]
    )]
    pub diff: Option<PathBuf>,
    /// Check this saved plan and show it, instead of planning a list
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        help_heading = "Approval",
        conflicts_with_all = ["inputs", "save", "diff", "online"]
    )]
    pub open: Option<PathBuf>,
    /// Print the plan as JSON
    #[arg(long)]
    pub json: bool,
}

/// Guards against a wrong list.
#[derive(Debug, Clone, Args)]
pub struct GuardArgs {
    /// Refuse a plan with more revocations; the rows beyond the limit are listed
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Guards")]
    pub max_revocations: Option<usize>,
    /// Refuse a plan with more users and user groups
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Guards")]
    pub max_users: Option<usize>,
    /// Refuse a plan with more whole targets
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Guards")]
    pub max_whole_targets: Option<usize>,
    /// Refuse a list with any other number of rows
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Guards")]
    pub expect_rows: Option<usize>,
    /// Refuse rows protected by this CSV (user, kind, target, account); * matches any text, a
    /// blank cell matches anything
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Guards")]
    pub protect: Option<PathBuf>,
    /// Skip protected rows (status `protected`) instead of stopping; needs --protect
    #[arg(long, help_heading = "Guards")]
    pub skip_protected: bool,
    /// Send the first N requests, and the others only if all of these succeed
    #[arg(
        long,
        value_name = "N",
        value_parser = up_to::<{ u32::MAX }>,
        help_heading = "Guards"
    )]
    pub canary: Option<u32>,
    /// Stop, resumable, when more revocations end as failed or unknown (after 20 requests)
    #[arg(long, value_name = "N|P%", help_heading = "Guards")]
    pub fail_over: Option<FailOver>,
}

/// `run`
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct RunArgs {
    /// The list.
    #[command(flatten)]
    pub input: InputArgs,
    /// Sources of settings.
    #[command(flatten)]
    pub configuration: ConfigurationArgs,
    /// Outcome file, one row per input row [default: outcome.csv, with --rehearse rehearsal.csv]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath, help_heading = "Files")]
    pub out: Option<PathBuf>,
    /// Start over; files of an earlier run are renamed, never deleted
    #[arg(long, help_heading = "Files", conflicts_with = "rehearse")]
    pub restart: bool,
    /// Write the outcome from the files of an earlier run; send nothing
    #[arg(long, help_heading = "Files", conflicts_with_all = ["rehearse", "restart"])]
    pub report_only: bool,
    /// Which rows are used.
    #[command(flatten)]
    pub rows: RowArgs,
    /// Before the first revocation, record what is granted, so that `restore` can undo the run
    #[arg(long, help_heading = "Snapshot", conflicts_with = "report_only")]
    pub snapshot: bool,
    /// Start even if some grants cannot be read; what the snapshot lacks cannot be restored. Needs
    /// --snapshot
    #[arg(long, help_heading = "Snapshot")]
    pub allow_incomplete_snapshot: bool,
    /// Write the outcome for spreadsheets: ids stay text and no cell is a formula
    #[arg(long, help_heading = "Files")]
    pub excel: bool,
    /// Run against the simulated service inside this process; nothing is changed
    #[arg(long, help_heading = "Confirmation", conflicts_with_all = ["endpoint", "yes", "confirm"])]
    pub rehearse: bool,
    /// Continue without asking
    #[arg(long, help_heading = "Confirmation", conflicts_with = "confirm")]
    pub yes: bool,
    /// Continue if exactly N revocations are planned
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Confirmation")]
    pub confirm: Option<usize>,
    /// Execute the plan that `plan --save` wrote, and nothing else; needs --approve
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        help_heading = "Confirmation"
    )]
    pub plan: Option<PathBuf>,
    /// Continue if the plan has this fingerprint, such as 7K3M-Q9TX-2B4D
    #[arg(long, value_name = "FINGERPRINT", help_heading = "Confirmation")]
    pub approve: Option<Fingerprint>,
    /// Signature of the saved plan in place of --approve, made by `ssh-keygen -Y sign -n
    /// bastion-revoke-approval -f KEY plan.zip`; needs --approvers
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        help_heading = "Confirmation"
    )]
    pub approval: Option<PathBuf>,
    /// Public keys of the people who may approve, one per line as in a .pub file
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        help_heading = "Confirmation"
    )]
    pub approvers: Option<PathBuf>,
    /// Guards.
    #[command(flatten)]
    pub guards: GuardArgs,
    /// How requests are sent.
    #[command(flatten)]
    pub requests: RequestArgs,
    /// Stop after this time, resumable, such as 30m or 2h
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Requests")]
    pub deadline: Option<Duration>,
    /// Execute the plan through a queue, together with its workers: `enqueue`, `work` and
    /// `collect` in one
    #[arg(
        long,
        value_name = "URL",
        help_heading = "Queue",
        conflicts_with_all = ["rehearse", "report_only"]
    )]
    pub via: Option<String>,
    /// At the end, read back whether the access is gone, as `verify` does; not in a rehearsal
    #[arg(long, help_heading = "Verification")]
    pub verify: bool,
    /// With --verify: read grants that are still listed again, 3 times over this time
    #[arg(
        long,
        default_value = "15s",
        value_name = "DURATION",
        value_parser = duration_or_zero,
        help_heading = "Verification"
    )]
    pub settle: Duration,
    /// At the end, write the report of the run to this HTML file, as `report` does
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub html: Option<PathBuf>,
    /// The language of the report.
    #[command(flatten)]
    pub language: LanguageArgs,
    /// Run this shell command at the end, with the JSON summary on its standard input; its failure
    /// does not change the exit code
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub on_finish: Option<String>,
    /// Print the summary as JSON on standard output
    #[arg(long)]
    pub json: bool,
}
