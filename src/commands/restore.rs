//! `restore`: grants again what a run removed, as far as its snapshot had it.

use super::api_session::ApiSession;
use super::driver::{self, Executor};
use super::execution::Show;
use super::job::Job;
use super::removed_job::RemovedJob;
use super::undo_steps::{self, UndoSteps, undo_steps};
use super::{confirm, job_files, local, names, read_back, run};
use crate::cli::restore::RestoreArgs;
use crate::clock::{SystemClock, WallClock};
use crate::config::RunSettings;
use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use crate::input_snapshot::{InputSnapshot, Segment};
use crate::ledger::{Ledger, LedgerError, MemoryJournal, RestoredJob};
use crate::report::print;
use crate::report::restore as restore_report;
use crate::report::undone::plan_text;
use crate::restore::Selection;
use crate::verdicts::LedgerState;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::sync::Arc;

/// Restores what a run removed. `files`: the settings files that were read.
pub async fn restore(args: &RestoreArgs, files: &[String], quiet: bool) -> Result<Exit, Failure> {
    let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let mut settings = RunSettings::of_restore(args, is_terminal, fastrand::u64(..), files)?;
    settings.offboarding = (!settings.rehearse).then(|| args.outcome.clone());
    let show = Show::new(quiet, settings.json);
    let (_lock, files) = driver::open_files(&settings).await?;
    if settings.rehearse {
        run::refuse_real_files(&files)?;
    }
    let steps = steps_to_take_back(&args.outcome, &settings, show).await?;
    if steps.is_some() && !args.outcome.exists() {
        // The users had no direct grants, so that nothing was revoked.
        return restore_steps(Exit::Done, steps, &settings, show).await;
    }
    let removed = RemovedJob::open(&args.outcome).await?;
    if !settings.rehearse {
        removed.refuse_other_endpoint(settings.requests.endpoint.as_ref())?;
    }
    let mut restored = removed.restored(&args.outcome)?;
    if let Some((list, begun)) = begun(&settings, &files, &restored)? {
        // The list of an unfinished restore stays as it was: what it has granted is listed by now.
        let mut job = planned(list, &settings)?;
        job.set_restores(begun);
        return Box::pin(driver::drive_job(job, &settings, &files, Executor::Engine, show)).await;
    }
    let mut selection = removed.select(&args.outcome)?;
    selection.leave_out_unusable()?;
    if selection.grants.is_empty() {
        show.line(&restore_report::nothing(&selection.left_out))?;
        let exit = if selection.missing() == 0 { Exit::Done } else { Exit::Otherwise };
        return restore_steps(exit, steps, &settings, show).await;
    }
    leave_out_still_listed(&mut selection, &settings, &removed).await?;
    show.text(&restore_report::left_out(&selection.left_out))?;
    restored.left_out = selection.missing();
    let name = args.outcome.to_string_lossy();
    let list = copied(&name, &selection.list(), &files)?;
    let mut job = planned(list, &settings)?;
    job.set_restores(restored);
    if !selection.left_out.is_empty() {
        job.left_out_table = Some(selection.left_out_table());
    }
    if settings.rehearse {
        return Box::pin(rehearse(job, &settings, show)).await;
    }
    Box::pin(driver::drive_job(job, &settings, &files, Executor::Engine, show)).await
}

/// Shows what is taken back of an offboarding besides its grants: how many steps, if it is one.
async fn steps_to_take_back(
    outcome: &Path,
    settings: &RunSettings,
    show: Show,
) -> Result<Option<usize>, Failure> {
    let Some(steps) = UndoSteps::open(outcome).await? else { return Ok(None) };
    steps.refuse_missing_outcome(outcome)?;
    if !settings.rehearse {
        steps.refuse_other_endpoint(settings)?;
    }
    show.text(&plan_text(&steps.plan))?;
    Ok(Some(steps.plan.steps.len()))
}

/// Takes back the steps of an offboarding whose grants need nothing, after the confirmation.
async fn restore_steps(
    exit: Exit,
    steps: Option<usize>,
    settings: &RunSettings,
    show: Show,
) -> Result<Exit, Failure> {
    let Some(steps) = steps.filter(|_| !settings.rehearse) else { return Ok(exit) };
    if steps > 0 {
        confirm::confirm_number(&settings.confirmation, steps, "steps", String::new()).await?;
    }
    let undone = Box::pin(undo_steps(exit, settings, None, show)).await?;
    if let Some(undone) = &undone {
        show.text(&undone.text())?;
        if show.json {
            print::json(undone)?;
        }
    }
    Ok(undo_steps::exit_of(exit, undone.as_ref()))
}

/// Plans a list, unless a guard refuses it.
fn planned(list: InputSnapshot, settings: &RunSettings) -> Result<Job, Failure> {
    let mut job = Job::of_list(list, settings.input.options.clone(), settings)?;
    let refusal = job.refusals.drain(..).next();
    refusal.map_or(Ok(job), Err)
}

async fn rehearse(mut job: Job, settings: &RunSettings, show: Show) -> Result<Exit, Failure> {
    show.plan(&mut job, settings)?;
    let state = LedgerState::of_action(job.plan.action(), job.plan.grants());
    let execution = local::execute(&job, settings, &Arc::new(MemoryJournal), state, show).await;
    driver::finish(job, settings, &execution, show).await
}

/// The list of a restore of the same outcome that has begun with these files, and what it records of
/// that outcome.
fn begun(
    settings: &RunSettings,
    files: &RunFiles,
    restored: &RestoredJob,
) -> Result<Option<(InputSnapshot, RestoredJob)>, Failure> {
    if settings.restart || settings.rehearse || !files.ledger().exists() {
        return Ok(None);
    }
    let job = match Ledger::open_read_only(&files.ledger()) {
        Err(LedgerError::NeverBegun) => return Ok(None),
        ledger => ledger?.job()?,
    };
    let Some(begun) = job.restores.filter(|begun| begun.is_of_same_outcome(restored)) else {
        return Ok(None);
    };
    let list = job_files::kept_copy(files)?;
    Ok(list.map(|list| (list, begun)))
}

/// The list as the copy of an input.
fn copied(name: &str, list: &[u8], files: &RunFiles) -> Result<InputSnapshot, Failure> {
    let segments = vec![Segment { name: name.to_owned(), len: list.len() as u64 }];
    InputSnapshot::assemble(files, segments, |file| {
        file.write_all(list).map_err(|error| {
            let folder = files.folder().display();
            Failure::new(Exit::File, format!("{folder}: cannot write the list: {error}"))
        })
    })
}

/// Leaves out what the lists still show of the revoked targets.
async fn leave_out_still_listed(
    selection: &mut Selection,
    settings: &RunSettings,
    removed: &RemovedJob,
) -> Result<(), Failure> {
    let scopes = selection.still_listed_scopes();
    // In a rehearsal nothing was granted by another route.
    if scopes.is_empty() || settings.rehearse {
        return Ok(());
    }
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let regions = || removed.plan.regions();
    let session = ApiSession::connect(&settings.requests, regions(), &clock).await;
    let caller = session.map_err(names::failure)?.caller(regions(), &settings.requests)?;
    let is_gone = |held: &crate::access::HeldTarget| !selection.is_still_listed(held);
    let now = read_back::read_until(&caller, scopes, is_gone, settings.read_lag).await?;
    selection.leave_out_still_listed(&now);
    Ok(())
}
