//! `completions SHELL`: the completions of commands and options for a shell.

use crate::cli::command;
use crate::exit::{Exit, Failure};
use crate::report::print;
use clap_complete::Shell;

/// Prints the completions.
pub fn completions(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command::command(), "bastion-revoke", &mut script);
    print::text(&String::from_utf8_lossy(&script))?;
    Ok(Exit::Done)
}
