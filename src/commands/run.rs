//! `run`: plan, confirm, revoke, report; the same command again continues.

use super::driver::{self, Executor};
use super::execution::Show;
use super::job::Job;
use super::local;
use super::queue_job::QueueJob;
use super::saved_plan;
use super::snapshot;
use crate::cli::RunArgs;
use crate::cli::queue::QueueArgs;
use crate::config::RunSettings;
use crate::config::queue::PASSWORD_FILE_VARIABLE;
use crate::config::table::Table;
use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use crate::ledger::MemoryJournal;
use crate::outcome;
use crate::report::snapshot::cost;
use crate::verdicts::LedgerState;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::sync::Arc;

/// Settings of a command line of `run` or `enqueue`, for this terminal. A saved plan replaces
/// everything that shapes the plan; `table` says what was set otherwise.
pub fn settings(args: &RunArgs, table: &Table) -> Result<RunSettings, Failure> {
    let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let mut settings = RunSettings::settle(args, is_terminal, fastrand::u64(..), &table.files)?;
    if let Some(path) = &args.plan {
        saved_plan::apply(path, &mut settings, table)?;
        if let (Some(signature), Some(approvers)) = (&args.approval, &args.approvers) {
            saved_plan::approve(path, (signature, approvers), &mut settings)?;
        }
    }
    Ok(settings)
}

/// Runs a job.
pub async fn run(args: &RunArgs, table: &Table, quiet: bool) -> Result<Exit, Failure> {
    let settings = settings(args, table)?;
    let show = Show::new(quiet, settings.json);
    if settings.rehearse {
        return Box::pin(rehearse(&settings, show)).await;
    }
    let executor = match &args.via {
        _ if settings.report_only => Executor::Report,
        Some(queue) => {
            let redis_password_file = std::env::var_os(PASSWORD_FILE_VARIABLE).map(PathBuf::from);
            let queue = QueueArgs { queue: Some(queue.clone()), redis_password_file };
            Executor::Queue(Box::new(QueueJob::publish_and_work(&queue, &settings)?))
        }
        None => Executor::Engine,
    };
    Box::pin(driver::drive(&settings, executor, show)).await
}

/// Runs a job against the simulated service. Its files are locked too: it must not overwrite the
/// outcome of a run that begins meanwhile.
async fn rehearse(settings: &RunSettings, show: Show) -> Result<Exit, Failure> {
    let (_lock, files) = driver::open_files(settings).await?;
    refuse_real_files(&files)?;
    let mut job = Job::read(settings, &files).await?;
    show.plan(&mut job, settings)?;
    if let Some(calls) = snapshot::calls(&job, settings) {
        show.line(&cost(calls, settings.requests.read_rate_per_s))?;
    }
    snapshot::take(&mut job, settings).await?;
    let state = LedgerState::of_action(job.plan.action(), job.plan.grants());
    let execution = local::execute(&job, settings, &Arc::new(MemoryJournal), state, show).await;
    driver::finish(job, settings, &execution, show).await
}

/// Refuses a rehearsal that would overwrite the files of a real run.
pub fn refuse_real_files(files: &RunFiles) -> Result<(), Failure> {
    let reason = match files.of_a_real_run() {
        Some(real) => format!("{} belongs to a real run", real.display()),
        None if files.out.exists() && !outcome::is_of_rehearsal(&files.out) => {
            format!("{} is not the outcome of a rehearsal", files.out.display())
        }
        None => return Ok(()),
    };
    Err(Failure::new(Exit::Usage, format!("{reason}; pass another --out for the rehearsal")))
}
