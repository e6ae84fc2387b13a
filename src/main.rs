//! The `bastion-revoke` command.

use bastion_revoke::cli::show::ConfigCommand;
use bastion_revoke::cli::{Cli, Command, LogFormat};
use bastion_revoke::commands::{
    check, collect, completions, config, credentials, enqueue, evidence, export, man, offboard,
    plan, queue_admin, report, restore, run, signals, simulate, status, verify, who, work,
};
use bastion_revoke::config::layers::{self, Parsed, Sources, Stop};
use bastion_revoke::config::table::Table;
use bastion_revoke::exit::{Exit, Failure};
use bastion_revoke::report::logs::LogSettings;
use bastion_revoke::report::{logs, panics};
use std::process::ExitCode;
use tokio::runtime::Builder;

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

fn dispatch(cli: &Cli, table: &Table) -> Result<Exit, Failure> {
    let runtime = runtime_for(&cli.command).enable_all().build().map_err(|error| {
        Failure::new(Exit::Internal, format!("cannot start a runtime: {error}"))
    })?;
    let exit = runtime.block_on(async {
        signals::survive_file_limit();
        command(cli, table).await
    });
    // A name server that does not answer must not delay a run that was stopped.
    runtime.shutdown_background();
    exit
}

/// Servers and queue workers use many threads. A run does little work per request, and waking other
/// threads for it took more than a third of its CPU time; the ledger and the reader of lists have
/// threads of their own.
fn runtime_for(command: &Command) -> Builder {
    match command {
        Command::Run(args) if args.via.is_some() || args.rehearse => Builder::new_multi_thread(),
        Command::Restore(args) if args.rehearse => Builder::new_multi_thread(),
        Command::Offboard(args) if args.rehearse => Builder::new_multi_thread(),
        Command::Enqueue(_) | Command::Collect(_) | Command::Work(_) | Command::Simulate(_) => {
            Builder::new_multi_thread()
        }
        _ => Builder::new_current_thread(),
    }
}

async fn command(cli: &Cli, table: &Table) -> Result<Exit, Failure> {
    let quiet = cli.logs.quiet;
    match &cli.command {
        Command::Check(args) => Box::pin(check::check(args)).await,
        Command::Plan(args) => Box::pin(plan::plan(args)).await,
        Command::Run(args) => Box::pin(run::run(args, table, quiet)).await,
        Command::Restore(args) => Box::pin(restore::restore(args, &table.files, quiet)).await,
        Command::Export(args) => Box::pin(export::export(args, quiet)).await,
        Command::Offboard(args) => Box::pin(offboard::offboard(args, quiet)).await,
        Command::Verify(args) => Box::pin(verify::verify(args)).await,
        Command::Who(args) => Box::pin(who::who(args, quiet)).await,
        Command::Enqueue(args) => Box::pin(enqueue::enqueue(args, table, quiet)).await,
        Command::Collect(args) => Box::pin(collect::collect(args, quiet)).await,
        Command::Work(args) => Box::pin(work::command(args)).await,
        Command::Evidence(args) => Box::pin(evidence::evidence(args)).await,
        Command::Status(args) => status::status(args).await,
        Command::Report(args) => report::report(args),
        Command::Queue { command } => queue_admin::command(command).await,
        Command::Config { command: ConfigCommand::Show(args) } => config::show(table, args.json),
        Command::Credentials { command } => credentials::command(command).await,
        Command::Simulate(args) => simulate::command(args).await,
        Command::Completions { shell } => completions::completions(*shell),
        Command::Man => man::man(),
    }
}
