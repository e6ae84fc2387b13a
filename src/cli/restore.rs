//! Options of `restore`.

use super::run::GuardArgs;
use super::shared::{ConfigurationArgs, RequestArgs};
use super::values::{count, duration};
use clap::{Args, ValueHint};
use std::path::PathBuf;
use std::time::Duration;

/// `restore`
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct RestoreArgs {
    /// Outcome of a `run --snapshot`, with the files of that run beside it. Rows that are taken out of
    /// it are not restored
    #[arg(value_name = "OUTCOME", value_hint = ValueHint::FilePath)]
    pub outcome: PathBuf,
    /// Sources of settings.
    #[command(flatten)]
    pub configuration: ConfigurationArgs,
    /// Outcome file, one row per grant [default: restored.csv, with --rehearse rehearsal.csv]
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath, help_heading = "Files")]
    pub out: Option<PathBuf>,
    /// Start over; files of an earlier restore are renamed, never deleted
    #[arg(long, help_heading = "Files", conflicts_with = "rehearse")]
    pub restart: bool,
    /// Restore against the simulated service inside this process; nothing is changed
    #[arg(long, help_heading = "Confirmation", conflicts_with_all = ["endpoint", "yes", "confirm"])]
    pub rehearse: bool,
    /// Continue without asking
    #[arg(long, help_heading = "Confirmation", conflicts_with = "confirm")]
    pub yes: bool,
    /// Continue if exactly N grants are planned
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Confirmation")]
    pub confirm: Option<usize>,
    /// Guards.
    #[command(flatten)]
    pub guards: GuardArgs,
    /// How requests are sent.
    #[command(flatten)]
    pub requests: RequestArgs,
    /// Stop after this time, resumable, such as 30m or 2h
    #[arg(long, value_name = "DURATION", value_parser = duration, help_heading = "Requests")]
    pub deadline: Option<Duration>,
    /// How long lists may lag behind changes: they are read again for this time before a grant is
    /// called absent
    #[arg(
        long,
        value_name = "DURATION",
        default_value = "30s",
        value_parser = duration,
        help_heading = "Requests"
    )]
    pub read_lag: Duration,
    /// Run this shell command at the end, with the JSON summary on its standard input; its failure
    /// does not change the exit code
    #[arg(long, value_name = "COMMAND", value_hint = ValueHint::CommandString)]
    pub on_finish: Option<String>,
    /// Print the summary as JSON on standard output
    #[arg(long)]
    pub json: bool,
}
