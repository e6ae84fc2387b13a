//! The `bastion-revoke` command.

use bastion_revoke::cli::LogFormat;
use bastion_revoke::commands::dispatch::dispatch;
use bastion_revoke::config::layers::{self, Parsed, Sources, Stop};
use bastion_revoke::report::logs::LogSettings;
use bastion_revoke::report::{logs, panics};
use std::process::ExitCode;

fn main() -> ExitCode {
    panics::install_hook();
    let arguments: Vec<_> = std::env::args_os().collect();
    let Parsed { cli, table } = match layers::parse(&arguments, &Sources::of_process()) {
        Ok(parsed) => parsed,
        Err(Stop::Failure(failure)) => {
            logs::failure(&failure, false);
            return failure.exit.into();
        }
        Err(Stop::Clap(error)) => error.exit(),
    };
    let json = cli.logs.log_format == LogFormat::Json;
    logs::start(LogSettings { quiet: cli.logs.quiet, verbosity: cli.logs.verbose, json });
    let ended = panics::caught(|| dispatch(&cli, &table));
    let exit = ended.unwrap_or_else(|failure| {
        logs::failure(&failure, json);
        failure.exit
    });
    panics::or_internal(exit).into()
}
