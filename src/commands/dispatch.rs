//! Runs the command that was asked for. It is here and not in `main.rs`, where the futures of all
//! commands were compiled a second time: a third of the build of a release.

use super::{
    check, collect, completions, config, credentials, enqueue, evidence, export, man, offboard,
    plan, queue_admin, report, restore, run, signals, simulate, status, verify, who, work,
};
use crate::cli::show::ConfigCommand;
use crate::cli::{Cli, Command};
use crate::config::table::Table;
use crate::exit::{Exit, Failure};
use tokio::runtime::Builder;

/// Runs the command of a parsed command line.
pub fn dispatch(cli: &Cli, table: &Table) -> Result<Exit, Failure> {
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
