//! Users as they are given on the command line.

use super::values::id;
use clap::{Args, ValueHint};
use std::path::PathBuf;

/// The users of a command.
#[derive(Debug, Clone, Args)]
pub struct UserArgs {
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
