//! The `bastion-revoke` command.

use bastion_revoke::cli::{Cli, Command};
use bastion_revoke::commands::{check, credentials, plan, run, signals, simulate};
use bastion_revoke::config::RunSettings;
use bastion_revoke::exit::{Exit, Failure};
use bastion_revoke::report::logs;
use clap::Parser;
use std::io::IsTerminal;
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    logs::start(&cli.logs);
    let exit = dispatch(&cli).unwrap_or_else(|failure| {
        logs::failure(&failure);
        failure.exit
    });
    exit.into()
}

fn dispatch(cli: &Cli) -> Result<Exit, Failure> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::new(Exit::Internal, format!("no runtime: {error}")))?;
    let exit = runtime.block_on(async {
        signals::survive_file_limit();
        command(cli).await
    });
    // A name server that does not answer must not keep a run that was told to stop at once.
    runtime.shutdown_background();
    exit
}

async fn command(cli: &Cli) -> Result<Exit, Failure> {
    match &cli.command {
        Command::Check(args) => check::check(args),
        Command::Plan(args) => plan::plan(args),
        Command::Run(args) => {
            let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
            let settings = RunSettings::settle(args, is_terminal, fastrand::u64(..))?;
            Box::pin(run::run(settings, cli.logs.quiet)).await
        }
        Command::Credentials { command } => credentials::command(command).await,
        Command::Simulate(args) => simulate::command(args).await,
    }
}
