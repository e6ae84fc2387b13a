//! Options of `status`.

use clap::{Args, ValueHint};
use std::path::PathBuf;

/// `status`
#[derive(Debug, Clone, Args)]
pub struct StatusArgs {
    /// Outcome file of the run, as given with --out; its ledger is read
    #[arg(value_name = "OUT", default_value = "outcome.csv", value_hint = ValueHint::FilePath)]
    pub out: PathBuf,
    /// Repeat every two seconds until the run ends
    #[arg(long)]
    pub watch: bool,
    /// Print JSON; with --watch one object per line
    #[arg(long)]
    pub json: bool,
}
