//! Options of `export`.

use super::shared::{ConfigurationArgs, RequestArgs};
use super::values::id;
use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;

/// `export`
#[derive(Debug, Clone, Args)]
pub struct ExportArgs {
    /// Login name of a user, or id:N; can be repeated
    #[arg(
        long,
        value_name = "NAME|id:N",
        value_parser = UserName::new,
        required_unless_present = "users_from"
    )]
    pub user: Vec<UserName>,
    /// File with one user per line, as for --user; blank lines and lines with # are skipped
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub users_from: Option<PathBuf>,
    /// whole: a row for each target; accounts: also one for each authorized account
    #[arg(long, value_enum, value_name = "whole|accounts", hide_possible_values = true)]
    pub scope: ScopeName,
    /// The list; the routes are written beside it, to access.routes.csv
    #[arg(long, value_name = "FILE", default_value = "access.csv", value_hint = ValueHint::AnyPath)]
    pub out: PathBuf,
    /// Bastion host instance
    #[arg(long, value_name = "ID", value_parser = id)]
    pub instance_id: String,
    /// Region of the instance
    #[arg(long, value_name = "REGION", default_value = "cn-hangzhou", value_parser = id)]
    pub region: String,
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

/// A user as it is given on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UserName {
    /// By its id: `id:17`.
    Id(String),
    /// By its login name.
    Login(String),
}

impl UserName {
    /// Reads `NAME` or `id:N`. An id is checked as in a list.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub fn new(text: &str) -> Result<Self, String> {
        let text = text.trim();
        match text.strip_prefix("id:") {
            Some(text) if text != "*" => id(text).map(Self::Id).map_err(str::to_owned),
            Some(_) => Err("expected the id of one user".to_owned()),
            None if text.is_empty() || text == "*" => {
                Err("expected the login name of one user, or id:N".to_owned())
            }
            None => Ok(Self::Login(text.to_owned())),
        }
    }
}
