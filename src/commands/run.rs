//! `run`: plan, confirm, revoke, report; and the same again, to go on where it stopped.

use super::confirm::confirm;
use super::job::{self, Before, Job};
use super::{api_session, resume_hint, signals};
use crate::clock::{SystemClock, WallClock};
use crate::config::RunSettings;
use crate::engine::dispatcher::{Ended, Start};
use crate::engine::events::Event;
use crate::engine::{Engine, StopCause};
use crate::exit::{Exit, Failure};
use crate::files::{LOCK_PATIENCE, RunFiles};
use crate::ledger::{Journal, Ledger, MemoryJournal, SqliteJournal};
use crate::outcome::{self, Tally};
use crate::report::defects::or_defect;
use crate::report::print;
use crate::report::progress::Progress;
use crate::report::summary::{self, Sendings, Told, of_plan};
use crate::verdicts::Verdicts;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

/// Runs the job that the settings describe.
pub async fn run(settings: RunSettings, quiet: bool) -> Result<Exit, Failure> {
    let files = RunFiles::new(settings.out.clone());
    let show = Show { quiet, json: settings.json };
    if let Some(reason) = files.is_no_file() {
        return Err(Failure::new(Exit::Usage, format!("--out: {reason}; give another name")));
    }
    // Even a rehearsal: it must not write its outcome over that of a run that began meanwhile.
    let lock = files.lock_within(LOCK_PATIENCE).await?;
    files.sweep(&lock);
    if settings.rehearse {
        return Box::pin(rehearse(&settings, &files, show)).await;
    }
    let mut job = Job::read(&settings, &files)?;
    let before = job.before(&settings, &files)?;
    if settings.report_only {
        return report_only(job, before, &settings, show);
    }
    let before = match before {
        Before::Finished(verdicts, exit_code) => {
            return already_finished(job, &verdicts, exit_code, &settings, show);
        }
        before => before,
    };
    show.plan(&job, &settings)?;
    if let Before::Unfinished(_, start) = &before {
        show.line(&format!(
            "  continuing     {} of {} revocations are settled",
            summary::count(start.verdicts.settled() as u64),
            summary::count(start.verdicts.len() as u64)
        ))?;
    }
    confirm(settings.confirmation, &job).await?;
    let (ledger, start) = match before {
        Before::Unfinished(ledger, start) => {
            job.keep_input(&files)?;
            (ledger, start)
        }
        Before::Nothing { in_the_way } => job.make_files(&files, &in_the_way)?,
        Before::Finished(..) => return Err(Failure::new(Exit::Internal, "a finished job")),
    };
    let run = job::begin(&ledger, &SystemClock)?;
    let journal = SqliteJournal::start(ledger, run)
        .map_err(|error| Failure::new(Exit::Internal, format!("no thread: {error}")))?;
    let (journal, worked) = revoke(&job, &settings, journal, start, show).await;
    let ledger = Arc::into_inner(journal).and_then(SqliteJournal::stop);
    let told = finish(job, &settings, &worked, show);
    if let Some(ledger) = ledger {
        let exit = told.as_ref().map_or_else(|failure| failure.exit, |exit| *exit);
        write_the_end(ledger, run, exit, &worked.ended.causes);
    }
    told
}

/// What a run came to.
pub(super) struct Worked {
    pub(super) ended: Ended,
    pub(super) sendings: Sendings,
    pub(super) took: Duration,
}

/// How much is shown.
#[derive(Clone, Copy)]
pub(super) struct Show {
    pub(super) quiet: bool,
    pub(super) json: bool,
}

impl Show {
    pub(super) fn line(self, line: &str) -> Result<(), Failure> {
        if self.quiet || self.json { Ok(()) } else { print::line(line) }
    }

    pub(super) fn plan(self, job: &Job, settings: &RunSettings) -> Result<(), Failure> {
        if self.quiet || self.json {
            return Ok(());
        }
        print::text(&of_plan(&job.numbers, settings.engine.rate_per_s))
    }

    fn told(self, told: &Told<'_>) -> Result<(), Failure> {
        match self {
            Self { json: true, .. } => print::json(&told.ending()),
            Self { quiet: true, .. } => Ok(()),
            Self { .. } => print::text(&told.text()),
        }
    }
}

async fn rehearse(settings: &RunSettings, files: &RunFiles, show: Show) -> Result<Exit, Failure> {
    refuse_real_files(files)?;
    let job = Job::read(settings, files)?;
    show.plan(&job, settings)?;
    let verdicts = Verdicts::new(job.plan.grants());
    let start = Start { verdicts, touched: Vec::new(), first_attempt: 1 };
    let (_, worked) = revoke(&job, settings, MemoryJournal, start, show).await;
    finish(job, settings, &worked, show)
}

/// A rehearsal never comes near a real run's files.
fn refuse_real_files(files: &RunFiles) -> Result<(), Failure> {
    let reason = match files.of_a_real_run() {
        Some(real) => format!("{} belongs to a real run", real.display()),
        None if files.out.exists() && !outcome::is_of_rehearsal(&files.out) => {
            format!("{} is not the outcome of a rehearsal", files.out.display())
        }
        None => return Ok(()),
    };
    Err(Failure::new(Exit::Usage, format!("{reason}; give the rehearsal another --out")))
}

/// Sends what is open. What keeps it from being sent at all is a cause like any other, so that
/// the outcome is written in every case.
async fn revoke<J: Journal>(
    job: &Job,
    settings: &RunSettings,
    journal: J,
    start: Start,
    show: Show,
) -> (Arc<J>, Worked) {
    let journal = Arc::new(journal);
    let control = signals::listen();
    let hidden = show.quiet || show.json;
    let mut progress = Progress::new(&job.numbers, settings.engine.rate_per_s, hidden);
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let ended = match api_session::prepare(settings, &job.plan, &clock).await {
        Err(cause) => {
            // At a terminal the summary says so on the next line.
            if !std::io::stderr().is_terminal() {
                progress.on(&Event::Stopping(cause.clone()));
            }
            Ended { verdicts: start.verdicts, causes: vec![cause] }
        }
        Ok(world) => {
            let engine = Engine {
                plan: Arc::clone(&job.plan),
                client: Arc::new(world.client),
                journal: Arc::clone(&journal),
                clock,
                settings: settings.engine,
                control,
            };
            Box::pin(engine.run(start, &mut |event| progress.on(&event))).await
        }
    };
    let (sendings, took) = progress.finish();
    (journal, Worked { ended, sendings, took })
}

/// Writes the outcome and tells how it went.
pub(super) fn finish(
    job: Job,
    settings: &RunSettings,
    worked: &Worked,
    show: Show,
) -> Result<Exit, Failure> {
    let Worked { ended, sendings, took } = worked;
    let is_open = ended.verdicts.settled() < ended.verdicts.len() && !settings.rehearse;
    let go_on = is_open.then(|| to_go_on(&ended.causes));
    let carried = job.left_out.carried as u64;
    let written = job.write_outcome(&ended.verdicts, settings.rehearse, &settings.out);
    let tally = written.map_err(|failure| {
        // Both reasons are needed to understand a full disk.
        let causes = ended.causes.iter().map(summary::cause);
        let all: Vec<String> = causes.chain([failure.message]).chain(go_on.clone()).collect();
        Failure::new(failure.exit, all.join("\n"))
    })?;
    let exit = or_defect(Exit::of_run(&ended.causes, &tally));
    if show.quiet {
        // The summary is not shown, and nobody should have to guess from the exit code.
        for cause in &ended.causes {
            tracing::error!("stopped: {}", summary::cause(cause));
        }
    }
    show.told(&Told {
        tally: &tally,
        sendings: *sendings,
        took: *took,
        causes: &ended.causes,
        exit,
        outcome: &settings.out.to_string_lossy(),
        carried,
        rehearsal: settings.rehearse,
    })?;
    if let Some(go_on) = go_on {
        show.line(&go_on)?;
    }
    Ok(exit)
}

/// The command that goes on. What a canary or `--fail-over` said of this plan it would say again,
/// so going on is going on without it.
fn to_go_on(causes: &[StopCause]) -> String {
    let stopped_by = |cause: &StopCause| match cause {
        StopCause::Canary { .. } => Some("--canary"),
        StopCause::FailOver { .. } => Some("--fail-over"),
        _ => None,
    };
    let without: Vec<&str> = causes.iter().filter_map(stopped_by).collect();
    let all_the_same = if without.is_empty() { "" } else { " all the same" };
    format!("To go on{all_the_same}: {}", resume_hint::command(std::env::args_os(), &without))
}

pub(super) fn write_the_end(ledger: Ledger, run: i64, exit: Exit, causes: &[StopCause]) {
    let causes: Vec<String> = causes.iter().map(summary::cause).collect();
    let ended = ledger.end_run(run, SystemClock.now(), exit.code(), &causes);
    if let Err(error) = ended.and_then(|()| ledger.close()) {
        tracing::warn!(%error, "the end of the run is not in the ledger");
    }
}

/// A finished job is not run again: it ends as it did, and sends nothing. If its last run was
/// killed or could not write, the outcome there is an older one, or none.
pub(super) fn already_finished(
    job: Job,
    verdicts: &Verdicts,
    exit_code: Option<u8>,
    settings: &RunSettings,
    show: Show,
) -> Result<Exit, Failure> {
    let carried = job.left_out.carried;
    let ended = exit_code
        .and_then(Exit::from_code)
        .filter(|exit| !matches!(exit, Exit::Stopped | Exit::File | Exit::Internal));
    let tally = if ended.is_some() && settings.out.exists() {
        Tally::of_plan(job.plan.rows(), verdicts, job.left_out)
    } else {
        job.write_outcome(verdicts, false, &settings.out)?
    };
    let exit = ended.unwrap_or_else(|| Exit::of_run(&[], &tally));
    show.line("This job is finished; nothing was sent. --restart runs it again.")?;
    show.told(&told_from_files(carried, &tally, exit, &settings.out.to_string_lossy()))?;
    Ok(exit)
}

/// Writes the outcome from the files, and sends nothing.
fn report_only(
    job: Job,
    before: Before,
    settings: &RunSettings,
    show: Show,
) -> Result<Exit, Failure> {
    let verdicts = match before {
        Before::Finished(verdicts, _) => verdicts,
        Before::Unfinished(_, start) => start.verdicts,
        Before::Nothing { .. } => {
            return Err(Failure::new(Exit::MissingInput, "there is no run to report on"));
        }
    };
    let carried = job.left_out.carried;
    let tally = job.write_outcome(&verdicts, false, &settings.out)?;
    let exit = Exit::of_run(&[], &tally);
    show.told(&told_from_files(carried, &tally, exit, &settings.out.to_string_lossy()))?;
    Ok(exit)
}

fn told_from_files<'a>(carried: usize, tally: &'a Tally, exit: Exit, outcome: &'a str) -> Told<'a> {
    Told {
        tally,
        sendings: Sendings::default(),
        took: Duration::ZERO,
        causes: &[],
        exit,
        outcome,
        carried: carried as u64,
        rehearsal: false,
    }
}
