//! The life of a job: open its files, plan, confirm, begin, execute, finish.
//!
//! `run`, `run --report-only`, `enqueue`, `collect` and `run --via` all go through [`drive`]; they
//! differ only in the [`Executor`] that carries the requests out.

use super::api_session::ApiSession;
use super::confirm::confirm;
use super::execution::{Execution, Show};
use super::job::Job;
use super::job_files::{self, PriorRun};
use super::queue_job::QueueJob;
use super::undo_steps::{self, undo_steps};
use super::verify_run::{exit_of, verify_run};
use super::{local, on_finish, read_back, report, resume_hint, snapshot};
use crate::clock::{SystemClock, WallClock};
use crate::config::RunSettings;
use crate::engine::StopCause;
use crate::engine::earlier_rate::seconds_left;
use crate::exit::{Exit, Failure};
use crate::files::{LOCK_TIMEOUT, Lock, RunFiles};
use crate::ledger::{Fingerprint, Ledger, SqliteJournal};
use crate::model::Action;
use crate::outcome::Tally;
use crate::report::panics::or_internal;
use crate::report::summary::{Carried, Confirmed, Ending, RunReport, Sendings};
use crate::report::{causes as stop_causes, plan as plan_report, snapshot as snapshot_report};
use crate::verdicts::Verdicts;
use std::sync::Arc;
use std::time::Duration;

/// What carries the requests of a job out.
pub enum Executor {
    /// Nothing is sent: the outcome is written from the files.
    Report,
    /// The engine of this process.
    Engine,
    /// A queue and its workers.
    Queue(Box<QueueJob>),
}

/// Locks the files of a run. The lock is held until it is dropped.
pub async fn open_files(settings: &RunSettings) -> Result<(Lock, RunFiles), Failure> {
    let files = RunFiles::new(settings.out.clone());
    if let Some(reason) = files.is_no_file() {
        return Err(Failure::new(Exit::Usage, format!("--out: {reason}; use another name")));
    }
    if let Some(page) = &settings.page {
        report::refuse_other_file(page)?;
    }
    let lock = files.lock_within(LOCK_TIMEOUT).await?;
    files.sweep(&lock);
    Ok((lock, files))
}

/// Takes a job from its list to its outcome.
pub async fn drive(
    settings: &RunSettings,
    executor: Executor,
    show: Show,
) -> Result<Exit, Failure> {
    let (_lock, files) = open_files(settings).await?;
    let job = Job::read(settings, &files).await?;
    drive_job(job, settings, &files, executor, show).await
}

/// Takes a job whose list was read to its outcome. Its files are locked.
pub async fn drive_job(
    mut job: Job,
    settings: &RunSettings,
    files: &RunFiles,
    executor: Executor,
    show: Show,
) -> Result<Exit, Failure> {
    let is_queued = matches!(executor, Executor::Queue(_));
    let prior = job_files::prior_run(&mut job, settings, files, is_queued)?;
    if matches!(executor, Executor::Report) {
        return report_only(job, prior, settings, show);
    }
    let prior = match prior {
        PriorRun::Finished(verdicts, exit_code) => {
            return already_finished(job, &verdicts, exit_code, settings, show).await;
        }
        prior => prior,
    };
    let is_confirmed = matches!(&executor, Executor::Queue(queue) if !queue.publishes());
    if !is_confirmed {
        show.plan(&mut job, settings)?;
        if let (PriorRun::None { .. }, Some(calls)) = (&prior, snapshot::calls(&job, settings)) {
            show.line_of_job(&snapshot_report::cost(calls, settings.requests.read_rate_per_s))?;
        }
        if let PriorRun::Unfinished(_, state) = &prior {
            let (settled, all) = (state.verdicts.settled(), state.verdicts.len());
            let rate_per_s = settings.requests.engine.rate_per_s;
            let left_s = || seconds_left(&job.plan, state, SystemClock.now(), rate_per_s);
            let left_s = (!is_queued).then(left_s);
            show.line_of_job(&plan_report::resumed(job.plan.action(), settled, all, left_s))?;
        }
        confirm(&settings.confirmation, &mut job).await?;
    }
    let (ledger, state) = match prior {
        PriorRun::Unfinished(ledger, state) => {
            if settings.snapshot.is_some() && ledger.job()?.snapshot.is_none() {
                return Err(began_without_snapshot(files));
            }
            job_files::restore_input(&mut job, files)?;
            (ledger, state)
        }
        PriorRun::None { stale } => {
            let snapshot = snapshot::take(&mut job, settings).await?;
            job_files::create(&mut job, files, &stale, &snapshot)?
        }
        PriorRun::Finished(..) => return Err(Failure::new(Exit::Internal, "a finished job")),
    };
    let run = begin(&ledger)?;
    match executor {
        Executor::Report => Err(Failure::new(Exit::Internal, "a report sends nothing")),
        Executor::Engine => {
            let journal = Arc::new(start_journal(ledger, run)?);
            let execution = local::execute(&job, settings, &journal, state, show).await;
            let ledger = Arc::into_inner(journal).and_then(SqliteJournal::stop);
            finish_run(job, settings, &execution, ledger.map(|ledger| (ledger, run)), show).await
        }
        Executor::Queue(queue) => {
            let name = QueueJob::name(&ledger)?;
            let journal = start_journal(ledger, run)?;
            let executed = queue.execute(&job, settings, (&journal, name), state, show).await;
            let ledger = journal.stop();
            let execution = executed?;
            if queue.only_publishes() {
                return queue.finish_publishing(settings, &execution, ledger, run, show);
            }
            finish_run(job, settings, &execution, ledger.map(|ledger| (ledger, run)), show).await
        }
    }
}

/// What the job has removed so far is not in any snapshot.
fn began_without_snapshot(files: &RunFiles) -> Failure {
    let message = format!(
        "{}: this job began without --snapshot, and a snapshot of what is left would not be \
         complete; nothing was sent. Omit --snapshot to continue",
        files.ledger().display()
    );
    Failure::new(Exit::Refused, message)
}

/// Records that a run begins, before anything is sent.
fn begin(ledger: &Ledger) -> Result<i64, Failure> {
    let run = ledger.begin_run(SystemClock.now())?;
    crate::failpoint::hit("run-begun");
    Ok(run)
}

fn start_journal(ledger: Ledger, run: i64) -> Result<SqliteJournal, Failure> {
    SqliteJournal::start(ledger, run)
        .map_err(|error| Failure::new(Exit::Internal, format!("cannot start a thread: {error}")))
}

/// Writes the outcome, reports, records the end of the run, and runs the command of `--on-finish`.
async fn finish_run(
    job: Job,
    settings: &RunSettings,
    execution: &Execution,
    ledger: Option<(Ledger, i64)>,
    show: Show,
) -> Result<Exit, Failure> {
    let finished = write_and_report(job, settings, execution, show).await;
    if let Some((ledger, run)) = ledger {
        let exit = finished.as_ref().map_or_else(|failure| failure.exit, |(exit, _)| *exit);
        job_files::record_end(ledger, run, exit, &execution.causes, execution.caller.as_ref());
    }
    let (exit, summary) = finished?;
    verify_and_conclude((exit, summary), settings, execution.session.as_ref(), show).await
}

/// Writes the outcome of a run without a ledger, reports, and runs the command of `--on-finish`.
pub async fn finish(
    job: Job,
    settings: &RunSettings,
    execution: &Execution,
    show: Show,
) -> Result<Exit, Failure> {
    let finished = write_and_report(job, settings, execution, show).await?;
    verify_and_conclude(finished, settings, execution.session.as_ref(), show).await
}

async fn verify_and_conclude(
    finished: (Exit, Ending),
    settings: &RunSettings,
    session: Option<&ApiSession>,
    show: Show,
) -> Result<Exit, Failure> {
    let (exit, summary) = verify(finished, settings, session, show).await?;
    conclude(settings, &summary, show).await?;
    Ok(exit)
}

/// Reads the run back if that is asked for, and prints the summary as JSON. The exit code of the run
/// itself was recorded before.
async fn verify(
    (exit, mut summary): (Exit, Ending),
    settings: &RunSettings,
    session: Option<&ApiSession>,
    show: Show,
) -> Result<(Exit, Ending), Failure> {
    let verification = Box::pin(verify_run(exit, settings, session, show)).await;
    let exit = exit_of(exit, verification.as_ref());
    let undone = Box::pin(undo_steps(exit, settings, session, show)).await?;
    let exit = undo_steps::exit_of(exit, undone.as_ref());
    if let Some(undone) = &undone {
        show.text(&undone.text())?;
    }
    summary.undone = undone;
    match &verification {
        Some(Ok(report)) => show.text(&report.text())?,
        Some(Err(failure)) => {
            let out = settings.out.display();
            tracing::error!(
                "the run has ended, but was not read back: {}; bastion-revoke verify {out} tries again",
                failure.message
            );
        }
        None => {}
    }
    summary.exit_code = exit.code();
    summary.verification = verification.map(Result::ok);
    show.ending(&summary)?;
    Ok((exit, summary))
}

/// Writes the page of `--html`, and runs the command of `--on-finish`, which may send it.
async fn conclude(settings: &RunSettings, summary: &Ending, show: Show) -> Result<(), Failure> {
    let written = write_page(settings, show);
    if let Some(command) = &settings.on_finish {
        on_finish::run(command, summary).await;
    }
    written
}

fn write_page(settings: &RunSettings, show: Show) -> Result<(), Failure> {
    let Some(page) = &settings.page else { return Ok(()) };
    // The lock of the files is this process's own.
    let written = report::write(&settings.out, page, false)?;
    show.line(&report::summary(page, written))
}

/// Writes the outcome and reports.
async fn write_and_report(
    mut job: Job,
    settings: &RunSettings,
    execution: &Execution,
    show: Show,
) -> Result<(Exit, Ending), Failure> {
    let Execution { verdicts, causes, sendings, took, session, .. } = execution;
    let action = job.plan.action();
    let is_open = verdicts.settled() < verdicts.len() && !settings.rehearse;
    let hint = is_open.then(|| continue_hint(causes));
    let (carried, fingerprint) = (job.carried(), job.fingerprint()?);
    let not_restored = job.not_restored();
    let plan = Arc::clone(&job.plan);
    let plan = (!action.is_detach()).then_some(plan);
    let written = job.write_outcome(verdicts, settings.rehearse, &settings.out);
    let tally = written.map_err(|failure| {
        // Both reasons are needed to understand a full disk.
        let causes = causes.iter().map(stop_causes::cause);
        let all: Vec<String> = causes.chain([failure.message]).chain(hint.clone()).collect();
        Failure::new(failure.exit, all.join("\n"))
    })?;
    let confirmed =
        read_back::confirm(plan.as_deref(), verdicts, settings, session.as_ref()).await?;
    let exit = or_internal(Exit::of_run(causes, &tally));
    let exit = exit_of_restore(exit, confirmed, not_restored);
    if show.quiet {
        // There is no summary; the exit code alone does not explain a stop.
        for cause in causes {
            tracing::error!("stopped: {}", stop_causes::cause(cause));
        }
    }
    let report = RunReport {
        action,
        tally: &tally,
        sendings: *sendings,
        took: *took,
        causes,
        exit,
        outcome: &settings.out.to_string_lossy(),
        carried,
        rehearsal: settings.rehearse,
        fingerprint,
        confirmed,
        not_restored,
    };
    show.text_of(&report)?;
    if let Some(hint) = hint {
        show.line(&hint)?;
    }
    Ok((exit, report.ending()))
}

/// The command that continues the run. A canary or `--fail-over` that stopped this plan would stop
/// it again, so the command omits it.
fn continue_hint(causes: &[StopCause]) -> String {
    let stopped_by = |cause: &StopCause| match cause {
        StopCause::Canary { .. } => Some("--canary"),
        StopCause::FailOver { .. } => Some("--fail-over"),
        _ => None,
    };
    let without: Vec<&str> = causes.iter().filter_map(stopped_by).collect();
    let anyway = if without.is_empty() { "" } else { " anyway" };
    format!("To continue{anyway}: {}", resume_hint::command(std::env::args_os(), &without))
}

/// A finished job is not run again: it exits as before and sends nothing. If its last run was
/// killed or could not write, the outcome is written now.
async fn already_finished(
    mut job: Job,
    verdicts: &Verdicts,
    exit_code: Option<u8>,
    settings: &RunSettings,
    show: Show,
) -> Result<Exit, Failure> {
    let planned = (job.plan.action(), job.carried(), job.fingerprint()?);
    let not_restored = job.not_restored();
    let plan = (!job.plan.action().is_detach()).then(|| Arc::clone(&job.plan));
    let ended = exit_code
        .and_then(Exit::from_code)
        .filter(|exit| !matches!(exit, Exit::Stopped | Exit::File | Exit::Internal));
    let tally = if ended.is_some() && settings.out.exists() {
        Tally::of_plan(job.plan.rows(), verdicts, job.left_out)
    } else {
        job.write_outcome(verdicts, false, &settings.out)?
    };
    let confirmed = read_back::confirm(plan.as_deref(), verdicts, settings, None).await?;
    let exit = ended.unwrap_or_else(|| Exit::of_run(&[], &tally));
    let exit = exit_of_restore(exit, confirmed, not_restored);
    show.line_of_job("This job is finished; nothing was sent. Pass --restart to run it again.")?;
    let out = settings.out.to_string_lossy();
    let report = report_from_files(planned, &tally, exit, &out);
    let report = RunReport { confirmed, not_restored, ..report };
    show.text_of(&report)?;
    let (exit, _) = verify((exit, report.ending()), settings, None, show).await?;
    write_page(settings, show)?;
    Ok(exit)
}

/// Writes the outcome from the files and sends nothing.
fn report_only(
    mut job: Job,
    prior: PriorRun,
    settings: &RunSettings,
    show: Show,
) -> Result<Exit, Failure> {
    let verdicts = match prior {
        PriorRun::Finished(verdicts, _) => verdicts,
        PriorRun::Unfinished(_, state) => state.verdicts,
        PriorRun::None { .. } => {
            return Err(Failure::new(
                Exit::MissingInput,
                "no such run, so there is nothing to report",
            ));
        }
    };
    let planned = (job.plan.action(), job.carried(), job.fingerprint()?);
    let tally = job.write_outcome(&verdicts, false, &settings.out)?;
    let exit = Exit::of_run(&[], &tally);
    let out = settings.out.to_string_lossy();
    show.report(&report_from_files(planned, &tally, exit, &out))?;
    write_page(settings, show)?;
    Ok(exit)
}

/// A restore that leaves something out, or whose grants are not all listed, is not wholly done.
/// With an exit code of an earlier run, what was read back now counts.
fn exit_of_restore(exit: Exit, confirmed: Option<Confirmed>, not_restored: Option<u64>) -> Exit {
    let is_confirmed = confirmed.is_none_or(|confirmed| confirmed.is_complete());
    let is_whole = is_confirmed && not_restored.unwrap_or_default() == 0;
    if exit == Exit::Done && !is_whole { Exit::Otherwise } else { exit }
}

fn report_from_files<'a>(
    (action, carried, fingerprint): (Action, Carried, Option<Fingerprint>),
    tally: &'a Tally,
    exit: Exit,
    outcome: &'a str,
) -> RunReport<'a> {
    RunReport {
        action,
        tally,
        sendings: Sendings::default(),
        took: Duration::ZERO,
        causes: &[],
        exit,
        outcome,
        carried,
        rehearsal: false,
        fingerprint,
        confirmed: None,
        not_restored: None,
    }
}
