//! The files of a job: what an earlier run left, and new ones.

use super::job::Job;
use crate::access::HeldTarget;
use crate::clock::{SystemClock, WallClock};
use crate::config::RunSettings;
use crate::engine::StopCause;
use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use crate::input_snapshot::InputSnapshot;
use crate::ledger::{CallerRecord, JobSpec, Ledger, LedgerError};
use crate::report::causes;
use crate::verdicts::{LedgerState, Verdicts};
use std::io;
use std::path::Path;

/// What an earlier run left of this job.
pub enum PriorRun {
    /// Nothing: the files are yet to be created.
    None {
        /// Files of another job that are to be renamed.
        stale: StaleFiles,
    },
    /// A job that has begun and is not finished.
    Unfinished(Ledger, LedgerState),
    /// Every grant is settled; with the exit code of the last run, or without one if it was killed.
    Finished(Verdicts, Option<u8>),
}

/// Files of an earlier run with the same names.
pub enum StaleFiles {
    /// None, or files that do not record when their run began.
    Undated,
    /// Those of a run that began then.
    Of(Option<jiff::Timestamp>),
}

/// Reads the ledger of this job, or of another one with the same files. Renames nothing: the user
/// may still decline. `is_queued`: whether its requests go through a queue.
pub fn prior_run(
    job: &mut Job,
    settings: &RunSettings,
    files: &RunFiles,
    is_queued: bool,
) -> Result<PriorRun, Failure> {
    let path = files.ledger();
    if !path.exists() {
        return Ok(PriorRun::None { stale: StaleFiles::Undated });
    }
    let ledger = match Ledger::open(&path) {
        Err(LedgerError::NeverBegun) => {
            return Ok(PriorRun::None { stale: StaleFiles::Undated });
        }
        opened => opened?,
    };
    let (started, exit_code) = ledger.history()?;
    let recorded = ledger.job()?;
    let stale = || PriorRun::None { stale: StaleFiles::Of(started) };
    if settings.restart {
        return Ok(stale());
    }
    let grants = recorded.size.grants;
    let empty = LedgerState::of_action(recorded.action, grants);
    let empty = if is_queued { empty.with_pending_attempts() } else { empty };
    let known = replay(&ledger, empty)?;
    let spec = job.spec()?;
    if recorded.identity != spec.identity {
        let is_finished = known.is_sound() && known.verdicts.settled() == grants;
        if !settings.report_only && is_finished {
            return Ok(stale());
        }
        return Err(refused(&path, started, &recorded, spec));
    }
    if !known.is_sound() || grants != job.plan.grants() {
        return Err(contradictory(&path));
    }
    if known.verdicts.settled() == known.verdicts.len() {
        ledger.close()?;
        return Ok(PriorRun::Finished(known.verdicts, exit_code));
    }
    Ok(PriorRun::Unfinished(ledger, known))
}

fn replay(ledger: &Ledger, mut state: LedgerState) -> Result<LedgerState, Failure> {
    ledger.attempts(|attempt| state.apply(attempt))?;
    Ok(state)
}

/// Creates the job's files: first the copy of the input, then the ledger with the snapshot, each
/// durable before the next. Stale files are renamed, never deleted.
pub fn create(
    job: &mut Job,
    files: &RunFiles,
    stale: &StaleFiles,
    snapshot: &[HeldTarget],
) -> Result<(Ledger, LedgerState), Failure> {
    let file = |error: io::Error| {
        let out = files.out.display();
        Failure::new(Exit::File, format!("{out}: cannot create the files of the run: {error}"))
    };
    let started = match stale {
        StaleFiles::Undated => None,
        StaleFiles::Of(started) => {
            Ledger::open(&files.ledger())?.seal()?;
            *started
        }
    };
    if let Some(renamed) = files.set_aside(started).map_err(file)? {
        tracing::info!(files = %renamed.display(), "the files of an earlier run were renamed");
    }
    job.snapshot.keep(files).map_err(file)?;
    if let Some(table) = &job.left_out_table {
        files.write_left_out(table).map_err(file)?;
    }
    crate::failpoint::hit("input-copied");
    let ledger = Ledger::create_with(&files.ledger(), job.spec()?, snapshot)?;
    crate::files::sync_folder(files.folder()).map_err(file)?;
    crate::failpoint::hit("ledger-made");
    Ok((ledger, LedgerState::of_action(job.plan.action(), job.plan.grants())))
}

/// Restores the copy of the input of an unfinished job if it was removed. The list is the same, or
/// it would be another job.
pub fn restore_input(job: &mut Job, files: &RunFiles) -> Result<(), Failure> {
    if files.input().exists() {
        return Ok(());
    }
    job.snapshot.keep(files).map_err(|error| {
        let input = files.input().display().to_string();
        Failure::new(Exit::File, format!("{input}: cannot create it: {error}"))
    })
}

/// Records how a run ended.
pub fn record_end(
    ledger: Ledger,
    run: i64,
    exit: Exit,
    causes: &[StopCause],
    caller: Option<&CallerRecord>,
) {
    let all: Vec<String> = causes.iter().map(causes::cause).collect();
    let caller = caller.map(|caller| ledger.record_caller(run, caller));
    let ended = caller
        .unwrap_or(Ok(()))
        .and_then(|()| ledger.end_run(run, SystemClock.now(), exit.code(), &all));
    if let Err(error) = ended.and_then(|()| ledger.close()) {
        tracing::warn!(%error, "cannot record the end of the run in the ledger");
    }
}

/// The copy of the input that the ledger's run has kept.
pub fn kept_copy(files: &RunFiles) -> Result<Option<InputSnapshot>, Failure> {
    if !files.ledger().exists() {
        return Ok(None);
    }
    let recorded = match Ledger::open(&files.ledger()) {
        Err(LedgerError::NeverBegun) => return Ok(None),
        ledger => ledger?.job()?,
    };
    let failure = |error: io::Error| {
        Failure::new(Exit::File, format!("{}: cannot read: {error}", files.input().display()))
    };
    let copy = InputSnapshot::reopen(&files.input(), recorded.inputs.clone()).map_err(failure)?;
    let sha256 = copy.sha256()().map_err(failure)?;
    if recorded.identity.input_sha256 == sha256 {
        return Ok(Some(copy));
    }
    Err(Failure::new(
        Exit::File,
        format!("{}: not the input that the run copied", files.input().display()),
    ))
}

fn refused(
    path: &Path,
    started: Option<jiff::Timestamp>,
    recorded: &JobSpec,
    wanted: &JobSpec,
) -> Failure {
    let begun = match started {
        Some(started) => format!("started {}", crate::clock::utc_seconds(started)),
        None => "stopped before it sent anything".to_owned(),
    };
    let differences: Vec<String> = recorded
        .differences(wanted)
        .iter()
        .map(|difference| crate::input::shown(difference))
        .collect();
    Failure::new(
        Exit::Refused,
        format!(
            "{}: this ledger belongs to another job, {begun} and not finished; nothing was \
             sent\nDifferences: {}\nFinish that job with its own command, pass another --out, or \
             rename its files with --restart",
            path.display(),
            differences.join(", ")
        ),
    )
}

fn contradictory(path: &Path) -> Failure {
    Failure::new(
        Exit::File,
        format!(
            "{}: this ledger contradicts itself or this job, so bastion-revoke did not write it; \
             nothing was sent. Move it away, or pass another --out",
            path.display()
        ),
    )
}
