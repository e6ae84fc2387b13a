//! Options of `export`.

use super::shared::{ConfigurationArgs, InstanceArgs, RequestArgs};
use super::user::UserArgs;
use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;

/// `export`
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// The users.
    #[command(flatten)]
    pub users: UserArgs,
    /// whole: a row for each target; accounts: also one for each authorized account
    #[arg(long, value_enum, value_name = "whole|accounts", hide_possible_values = true)]
    pub scope: ScopeName,
    /// The list; the routes are written beside it, to access.routes.csv
    #[arg(long, value_name = "FILE", default_value = "access.csv", value_hint = ValueHint::AnyPath)]
    pub out: PathBuf,
    /// The instance.
    #[command(flatten)]
    pub instance: InstanceArgs,
    /// Sources of settings.
    #[command(flatten)]
    pub configuration: ConfigurationArgs,
    /// How the calls are sent.
    #[command(flatten)]
    pub requests: RequestArgs,
}

/// What the list names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ScopeName {
    /// Targets as a whole.
    Whole,
    /// Targets as a whole, and accounts.
    Accounts,
}
