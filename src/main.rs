//! The `bastion-revoke` command.

use bastion_revoke::cli::{Cli, Command, ConfigCommand, LogFormat};
use bastion_revoke::commands::{
    check, collect, completions, config, credentials, man, plan, queue_admin, run, signals,
    simulate, work,
};
use bastion_revoke::config::RunSettings;
use bastion_revoke::config::layers::{self, Parsed, Sources, Stop};
use bastion_revoke::config::table::Table;
use bastion_revoke::exit::{Exit, Failure};
use bastion_revoke::report::{defects, logs};
use std::io::IsTerminal;
use std::process::ExitCode;
use tokio::runtime::Builder;

fn main() -> ExitCode {
    defects::explain();
    let arguments: Vec<_> = std::env::args_os().collect();
    let Parsed { cli, table } = match layers::parse(&arguments, &Sources::of_process()) {
        Ok(parsed) => parsed,
        Err(Stop::Failure(failure)) => {
            logs::failure(&failure, LogFormat::Text);
            return failure.exit.into();
        }
        Err(Stop::Clap(error)) => error.exit(),
    };
    logs::start(&cli.logs);
    let ended = defects::caught(|| dispatch(&cli, &table));
    let exit = ended.unwrap_or_else(|failure| {
        logs::failure(&failure, cli.logs.log_format);
        failure.exit
    });
    defects::or_defect(exit).into()
}

fn dispatch(cli: &Cli, table: &Table) -> Result<Exit, Failure> {
    let runtime = runtime_for(&cli.command)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, format!("no runtime: {error}")))?;
    let exit = runtime.block_on(async {
        signals::survive_file_limit();
        command(cli, table).await
    });
    // A name server that does not answer must not keep a run that was told to stop at once.
    runtime.shutdown_background();
    exit
}

/// What serves others, or a queue, has many threads. A run does little for each request, and waking
/// other threads for it took more than a third of its time on the processor; the ledger and the
/// reading of lists have threads of their own.
fn runtime_for(command: &Command) -> Builder {
    match command {
        Command::Run(args) if args.via.is_some() || args.rehearse => Builder::new_multi_thread(),
        Command::Enqueue(_) | Command::Collect(_) | Command::Work(_) | Command::Simulate(_) => {
            Builder::new_multi_thread()
        }
        _ => Builder::new_current_thread(),
    }
}

async fn command(cli: &Cli, table: &Table) -> Result<Exit, Failure> {
    match &cli.command {
        Command::Check(args) => check::check(args),
        Command::Plan(args) => plan::plan(args),
        Command::Run(args) => {
            let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
            let settings = RunSettings::settle(args, is_terminal, fastrand::u64(..), &table.files)?;
            match &args.via {
                // A file of settings may name a queue, and a rehearsal has nothing to do with it.
                Some(queue) if !settings.rehearse && !settings.report_only => {
                    Box::pin(collect::via(settings, queue, cli.logs.quiet)).await
                }
                _ => Box::pin(run::run(settings, cli.logs.quiet)).await,
            }
        }
        Command::Enqueue(args) => {
            let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
            let settings =
                RunSettings::settle(&args.run, is_terminal, fastrand::u64(..), &table.files)?;
            Box::pin(collect::enqueue(args, settings, cli.logs.quiet)).await
        }
        Command::Collect(args) => Box::pin(collect::collect(args, cli.logs.quiet)).await,
        Command::Work(args) => Box::pin(work::command(args)).await,
        Command::Queue { command } => queue_admin::command(command).await,
        Command::Config { command: ConfigCommand::Show(args) } => config::show(table, args.json),
        Command::Credentials { command } => credentials::command(command).await,
        Command::Simulate(args) => simulate::command(args).await,
        Command::Completions { shell } => completions::completions(*shell),
        Command::Man => man::man(),
    }
}
