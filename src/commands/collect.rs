//! `enqueue`, `collect` and `run --via`: a job that other machines carry out.

use super::confirm::confirm;
use super::job::{self, Before, Job};
use super::queue_args::{PASSWORD_FILE_VARIABLE, QueueArgs, Reached, WorkSettings, reach};
use super::run::{Show, Worked, already_finished, finish, write_the_end};
use super::{signals, work};
use crate::cli::ConfigurationArgs;
use crate::cli::values::duration;
use crate::cli::{Cli, Command};
use crate::clock::{SystemClock, WallClock};
use crate::config::RunSettings;
use crate::engine::dispatcher::Ended;
use crate::engine::events::Event;
use crate::engine::{Control, StopCause};
use crate::exit::{Exit, Failure};
use crate::files::{LOCK_PATIENCE, RunFiles};
use crate::ledger::{AttemptState, Ledger, SqliteJournal};
use crate::model::Operation;
use crate::queue::coordinator::{Desk, DeskError, Known};
use crate::queue::keys::Keys;
use crate::queue::metrics::Metrics;
use crate::report::progress::Progress;
use crate::report::summary;
use clap::Parser as _;
use sha2::{Digest as _, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// How often is asked for outcomes, and for units that were lost on the way.
const ASK_EVERY: Duration = Duration::from_millis(200);
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long `enqueue` tries to reach Redis.
const PATIENCE: Duration = Duration::from_secs(30);

/// `enqueue`
#[derive(Debug, Clone, clap::Args)]
pub struct EnqueueArgs {
    /// The queue.
    #[command(flatten)]
    pub queue: QueueArgs,
    /// The job, as of `run`.
    #[command(flatten)]
    pub run: crate::cli::RunArgs,
}

/// `collect`
#[derive(Debug, Clone, clap::Args)]
pub struct CollectArgs {
    /// The queue.
    #[command(flatten)]
    pub queue: QueueArgs,
    /// The outcome of the job that `enqueue` began
    #[arg(
        long,
        value_name = "FILE",
        default_value = "outcome.csv",
        value_hint = clap::ValueHint::FilePath,
        help_heading = "Files"
    )]
    pub out: PathBuf,
    /// Where settings are taken from.
    #[command(flatten)]
    pub configuration: ConfigurationArgs,
    /// Stop after this long, resumable, such as 30m or 2h
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub deadline: Option<Duration>,
    /// PEM certificates to trust for Redis, instead of the system's
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub ca_file: Option<PathBuf>,
    /// Print the final summary as JSON on standard output
    #[arg(long)]
    pub json: bool,
}

/// What is done with a job once it is on the queue.
enum Then {
    /// Nothing: others collect it.
    Leave,
    /// Outcomes are awaited.
    Collect,
    /// The same, and this process works along.
    WorkAlong,
}

/// Puts a job on the queue.
pub async fn enqueue(
    args: &EnqueueArgs,
    settings: RunSettings,
    quiet: bool,
) -> Result<Exit, Failure> {
    let reached = reach(&args.queue, settings.ca_file.as_deref())?;
    if settings.rehearse || settings.report_only {
        return Err(Failure::new(Exit::Usage, "a rehearsal or a report needs no queue: use run"));
    }
    carry(settings, &reached, Then::Leave, quiet).await
}

/// Carries a job out by way of the queue, and works along.
pub async fn via(settings: RunSettings, queue: &str, quiet: bool) -> Result<Exit, Failure> {
    let redis_password_file = std::env::var_os(PASSWORD_FILE_VARIABLE).map(PathBuf::from);
    let queue = QueueArgs { queue: Some(queue.to_owned()), redis_password_file };
    let reached = reach(&queue, settings.ca_file.as_deref())?;
    carry(settings, &reached, Then::WorkAlong, quiet).await
}

/// Collects what came of a job.
pub async fn collect(args: &CollectArgs, quiet: bool) -> Result<Exit, Failure> {
    let reached = reach(&args.queue, args.ca_file.as_deref())?;
    let mut settings = recorded(&args.out)?;
    settings.json = args.json;
    settings.engine.deadline = args.deadline;
    carry(settings, &reached, Then::Collect, quiet).await
}

async fn carry(
    settings: RunSettings,
    reached: &Reached,
    then: Then,
    quiet: bool,
) -> Result<Exit, Failure> {
    let files = RunFiles::new(settings.out.clone());
    let show = Show { quiet, json: settings.json };
    if let Some(reason) = files.is_no_file() {
        return Err(Failure::new(Exit::Usage, format!("--out: {reason}; give another name")));
    }
    let lock = files.lock_within(LOCK_PATIENCE).await?;
    files.sweep(&lock);
    let mut job = Job::read(&settings, &files)?;
    let (ledger, is_new) = match job.before(&settings, &files)? {
        Before::Finished(verdicts, exit_code) => {
            return already_finished(job, &verdicts, exit_code, &settings, show);
        }
        Before::Unfinished(ledger, _) => (Some(ledger), InTheWayOf::Nothing),
        Before::Nothing { in_the_way } => (None, InTheWayOf::Files(in_the_way)),
    };
    if !matches!(then, Then::Collect) {
        show.plan(&job, &settings)?;
        confirm(settings.confirmation, &job).await?;
    }
    let ledger = match (ledger, is_new) {
        (Some(ledger), _) => {
            job.keep_input(&files)?;
            ledger
        }
        (None, InTheWayOf::Files(in_the_way)) => job.make_files(&files, &in_the_way)?.0,
        (None, InTheWayOf::Nothing) => return Err(Failure::new(Exit::Internal, "no ledger")),
    };
    let run = job::begin(&ledger, &SystemClock)?;
    let name = name_of(&ledger)?;
    let mut known = Known::new(&job.plan);
    ledger.attempts(|attempt| known.hear(&attempt))?;
    let journal = SqliteJournal::start(ledger, run)
        .map_err(|error| Failure::new(Exit::Internal, format!("no thread: {error}")))?;
    let control = signals::listen();
    let keys = Keys::new(&reached.address.stream);
    let (plan, clock) = (Arc::clone(&job.plan), Arc::new(SystemClock));
    let desk = Desk::new((&plan, &journal), (&keys, &reached.link), clock, name, known);
    let hidden = show.quiet || show.json;
    let mut progress = Progress::new(&job.numbers, settings.engine.rate_per_s, hidden);
    let (units, causes) = match then {
        Then::Leave => hand_out_only(desk, control).await,
        Then::Collect => wait(desk, &settings, control, &mut progress).await,
        Then::WorkAlong => {
            let (stop, told) = watch::channel(Control::Run);
            let working = worker(&settings, reached, told);
            let waiting = async {
                let ended = wait(desk, &settings, control, &mut progress).await;
                // Everything is collected, or nobody waits any more: the worker may end, too.
                let _ = stop.send(Control::Drain);
                ended
            };
            let (mut ended, worked) = tokio::join!(waiting, working);
            let others = worked?.into_iter().filter(|cause| *cause != StopCause::Signal);
            ended.1.extend(others);
            ended
        }
    };
    let (sendings, took) = progress.finish();
    let ledger = journal
        .stop()
        .ok_or_else(|| Failure::new(Exit::Internal, "the ledger's thread is gone"))?;
    if matches!(then, Then::Leave) {
        let exit = Exit::of_run(&causes, &crate::outcome::Tally::default());
        for cause in &causes {
            show.line(&format!("Stopped: {}", summary::cause(cause)))?;
        }
        show.line(&format!(
            "{} requests are on the queue. To collect: bastion-revoke collect --queue {} --out {}",
            summary::count(units as u64),
            reached.address,
            settings.out.display()
        ))?;
        write_the_end(ledger, run, if exit == Exit::Done { Exit::Stopped } else { exit }, &causes);
        return Ok(exit);
    }
    let start = job::replay(&ledger, &job.plan)?;
    let ended = Ended { verdicts: start.verdicts, causes };
    let worked = Worked { ended, sendings, took };
    let told = finish(job, &settings, &worked, show);
    let exit = told.as_ref().map_or_else(|failure| failure.exit, |exit| *exit);
    write_the_end(ledger, run, exit, &worked.ended.causes);
    told
}

enum InTheWayOf {
    Nothing,
    Files(job::InTheWay),
}

/// A worker inside this process.
async fn worker(
    settings: &RunSettings,
    reached: &Reached,
    control: watch::Receiver<Control>,
) -> Result<Vec<StopCause>, Failure> {
    let settings = WorkSettings::of_run(settings);
    let reached =
        Reached { address: reached.address.clone(), link: reached.link.reconnectable_clone() };
    work::work(&settings, reached, Arc::new(Metrics::default()), control).await
}

/// Hands out what is not handed out, and what was lost on the way.
async fn hand_out_only<J: crate::ledger::Journal>(
    mut desk: Desk<'_, J>,
    control: watch::Receiver<Control>,
) -> (usize, Vec<StopCause>) {
    let began = Instant::now();
    loop {
        let done = async {
            desk.take().await?;
            desk.hand_out().await?;
            desk.hand_out_the_lost().await
        };
        let Err(error) = done.await else { return (desk.open(), Vec::new()) };
        let may_pass = matches!(&error, DeskError::Link(error) if error.is_transient());
        if !may_pass || began.elapsed() > PATIENCE {
            return (desk.open(), vec![cause_of(error)]);
        }
        if *control.borrow() != Control::Run {
            return (desk.open(), vec![StopCause::Signal]);
        }
        tracing::warn!(%error, "trying again");
        tokio::time::sleep(ASK_EVERY).await;
    }
}

/// Waits until every unit has come back, or somebody or a deadline says stop.
async fn wait<J: crate::ledger::Journal>(
    mut desk: Desk<'_, J>,
    settings: &RunSettings,
    mut control: watch::Receiver<Control>,
    progress: &mut Progress,
) -> (usize, Vec<StopCause>) {
    let began = Instant::now();
    let mut look_at = began;
    let mut handed_out = false;
    let mut is_away = false;
    loop {
        let done = async {
            let taken = desk.take().await?;
            if !handed_out {
                desk.hand_out().await?;
            }
            if Instant::now() >= look_at {
                desk.hand_out_the_lost().await?;
            }
            Ok::<_, DeskError>(taken)
        };
        let result = done.await;
        let now = Instant::now();
        match result {
            Ok(taken) => {
                handed_out = true;
                if now >= look_at {
                    look_at = now + LOOK_EVERY;
                }
                if std::mem::take(&mut is_away) {
                    tracing::warn!("Redis answers again");
                }
                for _ in 0..taken {
                    progress.on(&Event::Settled {
                        operation: Operation::ALL[0],
                        state: AttemptState::Answered,
                        settled: desk.settled(),
                        planned_done: false,
                        failed: 0,
                    });
                }
                if desk.open() == 0 {
                    // Only tidiness: what is left there is known to be answered.
                    if let Err(error) = desk.clear_away().await {
                        tracing::warn!(%error, "outcomes are left in the stream");
                    }
                    return (0, Vec::new());
                }
            }
            Err(DeskError::Link(error)) if error.is_transient() => {
                if !std::mem::replace(&mut is_away, true) {
                    tracing::warn!(%error, "waiting for it");
                }
            }
            Err(error) => return (desk.open(), vec![cause_of(error)]),
        }
        if *control.borrow_and_update() != Control::Run {
            return (desk.open(), vec![StopCause::Signal]);
        }
        let deadline = settings.engine.deadline.map(|deadline| began + deadline);
        if deadline.is_some_and(|deadline| now >= deadline) {
            return (desk.open(), vec![StopCause::Deadline]);
        }
        tokio::select! {
            Ok(()) = control.changed() => {}
            () = tokio::time::sleep(ASK_EVERY) => {}
        }
    }
}

fn cause_of(error: DeskError) -> StopCause {
    use crate::queue::connection::ConnectionError;
    let message = error.to_string();
    match error {
        DeskError::Journal(error) => StopCause::Journal(error.0),
        DeskError::Request(_) => StopCause::Internal(message),
        DeskError::Link(ConnectionError::Denied(_)) => StopCause::NoCredentials { message },
        DeskError::Link(ConnectionError::Unreachable(_)) => StopCause::Unreachable { message },
        DeskError::Link(_) => StopCause::Setup { message },
    }
}

/// What the job is called on the queue: nobody else's units are taken for its own, nor those of an
/// earlier time that the same list was run.
fn name_of(ledger: &Ledger) -> Result<String, Failure> {
    let (started, _) = ledger.history()?;
    let mut digest = Sha256::new();
    for (name, value) in &ledger.job()?.identity {
        for part in [name, value] {
            digest.update((part.len() as u64).to_le_bytes());
            digest.update(part);
        }
    }
    let started = started.unwrap_or_else(|| SystemClock.now());
    digest.update(started.to_string());
    Ok(crate::hex::hex(&digest.finalize())[..24].to_owned())
}

/// The settings that a job was begun with, as its ledger has them.
fn recorded(out: &Path) -> Result<RunSettings, Failure> {
    let files = RunFiles::new(out.to_owned());
    if !files.ledger().exists() {
        let message = format!("{}: there is no job to collect", files.ledger().display());
        return Err(Failure::new(Exit::MissingInput, message));
    }
    let job = Ledger::open(&files.ledger())?.job()?;
    let of = |name: &str| job.settings.get(name).map(String::as_str).unwrap_or_default();
    let mut words: Vec<String> =
        ["bastion-revoke", "run", "--report-only"].map(str::to_owned).into();
    let options = [
        ("--instance-id", of("instance_id")),
        ("--region", of("region")),
        ("--encoding", of("encoding")),
        ("--only", of("only")),
        ("--protect", of("protect")),
        ("--endpoint", job.identity.get("endpoint").map_or("", String::as_str)),
    ];
    for (option, value) in options {
        if !value.is_empty() && value != "of the region" {
            words.push(format!("{option}={value}"));
        }
    }
    words.extend(
        of("map").split("; ").filter(|map| !map.is_empty()).map(|map| format!("--map={map}")),
    );
    for flag in ["skip_invalid", "skip_protected", "excel"] {
        if of(flag) == "true" {
            words.push(format!("--{}", flag.replace('_', "-")));
        }
    }
    let mut words: Vec<std::ffi::OsString> = words.into_iter().map(Into::into).collect();
    words.extend(["--out".into(), out.as_os_str().to_owned(), "--".into()]);
    words.extend(job.inputs.iter().map(|input| input.name.clone().into()));
    let cli = Cli::try_parse_from(words)
        .map_err(|error| Failure::new(Exit::File, format!("the ledger's settings: {error}")))?;
    let Command::Run(args) = cli.command else {
        return Err(Failure::new(Exit::Internal, "not a run"));
    };
    RunSettings::settle(&args, false, 0, &[])
}
