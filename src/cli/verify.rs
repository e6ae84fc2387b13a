//! Options of `verify`.

use super::shared::{ConfigurationArgs, RequestArgs, RowDefaultArgs};
use super::values::{duration_or_zero, percent};
use clap::{Args, ValueHint};
use std::path::PathBuf;
use std::time::Duration;

/// `verify`
#[derive(Debug, Clone, Args)]
pub struct VerifyArgs {
    /// Outcome of a run, as CSV; gets the columns verified, `verified_at` and `verified_note`
    #[arg(required = true, value_name = "OUTCOME", value_hint = ValueHint::FilePath)]
    pub outcomes: Vec<PathBuf>,
    /// Columns and their defaults.
    #[command(flatten)]
    pub defaults: RowDefaultArgs,
    /// Read only the lists that the rows need, and write no residual.csv
    #[arg(long)]
    pub no_residual: bool,
    /// Read grants that are still listed again, 3 times over this time: reads may lag behind writes
    #[arg(long, default_value = "15s", value_name = "DURATION", value_parser = duration_or_zero)]
    pub settle: Duration,
    /// Verify this share of the users and user groups only, such as 5%; the summary states the confidence
    #[arg(long, value_name = "N%", value_parser = percent)]
    pub sample: Option<f64>,
    /// Read everything again instead of continuing an interrupted verification
    #[arg(long)]
    pub restart: bool,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
    /// Sources of settings.
    #[command(flatten)]
    pub configuration: ConfigurationArgs,
    /// How the calls are sent.
    #[command(flatten)]
    pub requests: RequestArgs,
}
