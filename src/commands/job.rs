//! The job of a run: the list, copied and planned, and what an earlier run's ledger says of it.

use super::first_pass::{self, Demands, Found, Read};
use crate::clock::WallClock;
use crate::config::RunSettings;
use crate::engine::dispatcher::Start;
use crate::engine::replay::Replay;
use crate::exit::{Exit, Failure};
use crate::files::{LockError, RunFiles};
use crate::guards;
use crate::input::{InputError, Options, Reader};
use crate::input_snapshot::{Spool, SpoolError};
use crate::ledger::{self, Ledger, LedgerError};
use crate::model::Status;
use crate::outcome::{Outcome, OutcomeError, Tally};
use crate::pipeline::BackgroundTask;
use crate::plan::Plan;
use crate::plan::summary::{LeftOut, Summary};
use crate::verdicts::Verdicts;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A plan, and the input it was made from.
pub struct Job {
    /// What is to be done.
    pub plan: Arc<Plan>,
    /// The plan in numbers.
    pub numbers: Summary,
    /// The rows that nothing is sent for although they are not invalid.
    pub left_out: LeftOut,
    spool: Spool,
    options: Arc<Options>,
    columns: Vec<String>,
    identity: Identity,
    excel: bool,
}

/// What makes a job this one and no other. Its digests are worked out while other things are done.
struct Identity {
    known: ledger::Job,
    digests: Option<Digests>,
}

struct Digests {
    of_input: BackgroundTask<io::Result<String>>,
    of_plan: BackgroundTask<String>,
}

impl Identity {
    /// Waits until all of it is known.
    fn complete(&mut self) -> Result<&ledger::Job, Failure> {
        if let Some(Digests { of_input, of_plan }) = self.digests.take() {
            let of_input = of_input.wait().map_err(|error| {
                Failure::new(Exit::File, format!("the copy of the input can't be read: {error}"))
            })?;
            let digests = [(INPUT_SHA256, of_input), (PLAN_SHA256, of_plan.wait())];
            self.known.identity.extend(digests.map(|(name, digest)| (name.to_owned(), digest)));
        }
        Ok(&self.known)
    }
}

/// What is known of the job from before.
pub enum Before {
    /// Nothing: its files are yet to be made.
    Nothing {
        /// Files of an earlier run are in the way and are to be set aside.
        in_the_way: InTheWay,
    },
    /// It was begun and not finished.
    Unfinished(Ledger, Start),
    /// Every grant is settled, and so it ended; without an ending the last run was killed.
    Finished(Verdicts, Option<u8>),
}

/// Files of an earlier run under the same name.
pub enum InTheWay {
    /// None, or some that tell nothing of when they were made.
    Undated,
    /// Those of a run that began then.
    Of(Option<jiff::Timestamp>),
}

impl Job {
    /// Copies, reads and plans the list; the copy that an earlier run has kept of it will do. Should
    /// the list be gone, that stands in for it: a resume does not depend on what happened to it.
    pub fn read(settings: &RunSettings, files: &RunFiles) -> Result<Self, Failure> {
        let spool = if settings.report_only {
            kept_copy(files)?.ok_or_else(|| {
                Failure::new(
                    Exit::MissingInput,
                    format!("{}: there is no run to report on", files.ledger().display()),
                )
            })?
        } else {
            match Spool::of(&settings.input.inputs, files) {
                Err(SpoolError::Input(InputError::Missing { name })) if !settings.rehearse => {
                    match kept_copy(files)? {
                        Some(spool) if is_copy_of(&spool, settings) => {
                            tracing::warn!("{name} is gone; going on with the copy kept of it");
                            spool
                        }
                        _ => return Err(InputError::Missing { name }.into()),
                    }
                }
                copied => copied?,
            }
        };
        let of_input = (!settings.rehearse).then(|| BackgroundTask::spawn(spool.sha256()));
        let options = Arc::new(settings.input.options.clone());
        let protection = first_pass::protection(settings.protect.as_deref())?;
        let demands =
            Demands { skip_invalid: settings.skip_invalid, strict: settings.input.strict };
        let Read { grants, found } =
            first_pass::read(spool.sources(), &options, &protection, demands)?;
        let Found { columns, protected, carried, is_rehearsed, lacks_instance, .. } = found;
        if !settings.skip_protected {
            guards::refuse_protected(&protected).map_err(|reason| refused_by_guard(&reason))?;
        }
        if is_rehearsed && !settings.rehearse {
            return Err(Failure::new(
                Exit::Usage,
                "this is the outcome of a rehearsal, in which nothing was really revoked: give \
                 the outcome of a run, or leave --only out to revoke all of it",
            ));
        }
        if lacks_instance {
            return Err(Failure::new(
                Exit::Usage,
                "which bastion host? Give --instance-id, or an instance_id column",
            ));
        }
        let plan = Arc::new(Plan::new(grants));
        let digests = of_input.map(|of_input| {
            let plan = Arc::clone(&plan);
            Digests { of_input, of_plan: BackgroundTask::spawn(move || plan.digest()) }
        });
        let left_out = LeftOut { protected: protected.len(), carried };
        let numbers = Summary::of(&plan, left_out, settings.engine.rate_per_s);
        let exceeded = settings.limits.exceeded(&plan, &numbers);
        if !exceeded.is_empty() {
            return Err(refused_by_guard(&exceeded.join("\n")));
        }
        let identity = Identity { known: identity(settings, &spool, &plan), digests };
        let excel = settings.excel;
        Ok(Self { plan, numbers, left_out, spool, options, columns, identity, excel })
    }

    /// What the ledger says of this job, or of the one whose place it would take. Sets nothing
    /// aside yet: somebody may still say no.
    pub fn before(&mut self, settings: &RunSettings, files: &RunFiles) -> Result<Before, Failure> {
        let path = files.ledger();
        if !path.exists() {
            return Ok(Before::Nothing { in_the_way: InTheWay::Undated });
        }
        let ledger = match Ledger::open(&path) {
            Err(LedgerError::NeverBegun) => {
                return Ok(Before::Nothing { in_the_way: InTheWay::Undated });
            }
            opened => opened?,
        };
        let (started, exit_code) = ledger.history()?;
        let known = ledger.job()?;
        let in_the_way = || Before::Nothing { in_the_way: InTheWay::Of(started) };
        if settings.restart {
            return Ok(in_the_way());
        }
        // It means something only if the ledger is this job's, which takes a while to know.
        let start = replay(&ledger, &self.plan);
        let identity = self.identity.complete()?;
        if known.identity != identity.identity {
            let differences = differences(&known, identity);
            if !settings.report_only && is_finished(&ledger)? {
                return Ok(in_the_way());
            }
            return Err(refused(&path, started, &differences));
        }
        let start = start?;
        if start.verdicts.settled() == start.verdicts.len() {
            ledger.close()?;
            return Ok(Before::Finished(start.verdicts, exit_code));
        }
        Ok(Before::Unfinished(ledger, start))
    }

    /// Makes the job's files: the copy of the input first, then the ledger, each durable before
    /// the next. What is in the way is set aside, never deleted.
    pub fn make_files(
        &mut self,
        files: &RunFiles,
        in_the_way: &InTheWay,
    ) -> Result<(Ledger, Start), Failure> {
        let file = |error: io::Error| {
            let out = files.out.display();
            Failure::new(Exit::File, format!("{out}: the files of the run can't be made: {error}"))
        };
        let started = match in_the_way {
            InTheWay::Undated => None,
            InTheWay::Of(started) => {
                Ledger::open(&files.ledger())?.seal()?;
                *started
            }
        };
        if let Some(aside) = files.set_aside(started).map_err(file)? {
            tracing::info!(files = %aside.display(), "an earlier run's files were set aside");
        }
        self.spool.keep(files).map_err(file)?;
        crate::failpoint::hit("input-copied");
        let ledger = Ledger::create(&files.ledger(), self.identity.complete()?)?;
        crate::files::sync_folder(files.folder()).map_err(file)?;
        crate::failpoint::hit("ledger-made");
        let verdicts = Verdicts::new(self.plan.grants());
        Ok((ledger, Start { verdicts, touched: Vec::new(), first_attempt: 1 }))
    }

    /// Makes sure that an unfinished job has its copy of the input, should somebody have removed
    /// it. It is the same list, or it would be another job.
    pub fn keep_input(&mut self, files: &RunFiles) -> Result<(), Failure> {
        if files.input().exists() {
            return Ok(());
        }
        self.spool.keep(files).map_err(|error| {
            let input = files.input().display().to_string();
            Failure::new(Exit::File, format!("{input}: can't be made: {error}"))
        })
    }

    /// Writes the outcome. Of the plan it needs so little that the rest makes room for it.
    pub fn write_outcome(
        self,
        verdicts: &Verdicts,
        rehearsal: bool,
        out: &Path,
    ) -> Result<Tally, Failure> {
        crate::failpoint::hit("before-outcome");
        let rows = Arc::clone(self.plan.rows());
        drop(self.plan);
        let outcome = Outcome {
            rows: &rows,
            verdicts,
            rehearsal,
            protected: self.left_out.protected > 0,
            is_chosen_from: self.options.only.is_some(),
            excel: self.excel,
        };
        let sources = self.spool.sources();
        let again = Reader::with_columns(sources, Arc::clone(&self.options), self.columns);
        Ok(outcome.write(again, out)?)
    }
}

fn refused_by_guard(reasons: &str) -> Failure {
    Failure::new(Exit::Refused, format!("{reasons}\nnothing was sent"))
}

/// The copy of the input that the ledger's run has kept.
fn kept_copy(files: &RunFiles) -> Result<Option<Spool>, Failure> {
    if !files.ledger().exists() {
        return Ok(None);
    }
    let known = match Ledger::open(&files.ledger()) {
        Err(LedgerError::NeverBegun) => return Ok(None),
        ledger => ledger?.job()?,
    };
    let failure = |error: io::Error| {
        Failure::new(Exit::File, format!("{}: can't be read: {error}", files.input().display()))
    };
    let spool = Spool::reopen(&files.input(), known.inputs.clone()).map_err(failure)?;
    let sha256 = spool.sha256()().map_err(failure)?;
    if known.identity.get(INPUT_SHA256) == Some(&sha256) {
        return Ok(Some(spool));
    }
    Err(Failure::new(
        Exit::File,
        format!("{}: it is not what the run has copied", files.input().display()),
    ))
}

fn is_copy_of(spool: &Spool, settings: &RunSettings) -> bool {
    let names = settings.input.inputs.iter().map(crate::input_snapshot::InputName::name);
    spool.segments().iter().map(|segment| segment.name.clone()).eq(names)
}

const INPUT_SHA256: &str = "input_sha256";
const PLAN_SHA256: &str = "plan_sha256";

/// What is known of it without the digests.
fn identity(settings: &RunSettings, spool: &Spool, plan: &Plan) -> ledger::Job {
    let endpoint = match &settings.endpoint {
        Some(url) => url.to_string(),
        None => "of the region".to_owned(),
    };
    let options = &settings.input.options;
    let only = options.only.as_deref().map(names_of);
    let mut members = vec![("endpoint", endpoint)];
    // Which rows are the run's: two choices may plan the same requests.
    members.extend(only.clone().map(|only| ("only", only)));
    let map: Vec<String> =
        options.map.iter().map(|(field, column)| format!("{field:?}={column}")).collect();
    let settings = [
        ("instance_id", options.default_instance_id.clone().unwrap_or_default()),
        ("region", options.default_region.clone()),
        ("map", map.join("; ")),
        ("encoding", options.encoding.map(|e| e.to_string()).unwrap_or_default()),
        ("only", only.unwrap_or_default()),
        ("skip_invalid", settings.skip_invalid.to_string()),
        ("protect", settings.protect.as_deref().map(whole_path).unwrap_or_default()),
        ("skip_protected", settings.skip_protected.to_string()),
        ("excel", settings.excel.to_string()),
        ("requests", plan.requests().to_string()),
        ("grants", plan.grants().to_string()),
        ("rows", plan.rows().len().to_string()),
        ("version", env!("CARGO_PKG_VERSION").to_owned()),
    ];
    let named = |members: &[(&str, String)]| -> BTreeMap<String, String> {
        members.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    };
    ledger::Job {
        identity: named(&members),
        settings: named(&settings),
        inputs: spool.segments().to_vec(),
    }
}

/// A path that means the same from everywhere.
fn whole_path(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}

fn names_of(statuses: &[Status]) -> String {
    statuses.iter().map(|status| status.name()).collect::<Vec<_>>().join(",")
}

/// What differs between two jobs, in words.
fn differences(known: &ledger::Job, wanted: &ledger::Job) -> String {
    let title = |name: &str| match name {
        INPUT_SHA256 => "the input's content".to_owned(),
        PLAN_SHA256 => "the planned requests".to_owned(),
        name => name.replace('_', " "),
    };
    let differs = |name: &&String| known.identity.get(*name) != wanted.identity.get(*name);
    let mut parts: Vec<String> = known.identity.keys().filter(differs).map(|n| title(n)).collect();
    for (name, value) in &known.settings {
        let now = wanted.settings.get(name);
        if now != Some(value) {
            let now = now.map_or("", String::as_str);
            parts.push(format!("{} (then `{value}`, now `{now}`)", title(name)));
        }
    }
    let names = |job: &ledger::Job| {
        job.inputs.iter().map(|input| input.name.clone()).collect::<Vec<_>>().join(", ")
    };
    if names(known) != names(wanted) {
        parts.push(format!("the input (then {}, now {})", names(known), names(wanted)));
    }
    parts.iter().map(|part| crate::input::shown(part)).collect::<Vec<_>>().join(", ")
}

fn refused(path: &Path, started: Option<jiff::Timestamp>, differences: &str) -> Failure {
    let begun = match started {
        Some(started) => format!("begun {}", crate::clock::utc_seconds(started)),
        None => "stopped before it sent anything".to_owned(),
    };
    Failure::new(
        Exit::Refused,
        format!(
            "{}: this ledger is of another job, {begun} and not finished; nothing was \
             sent.\nWhat differs: {differences}.\nFinish that job with its own command, give this \
             one another --out, or set the other aside with --restart",
            path.display()
        ),
    )
}

/// Whether the ledger's own job, which may be another than ours, has settled every grant.
fn is_finished(ledger: &Ledger) -> Result<bool, Failure> {
    let grants = ledger.job()?.settings.get("grants").and_then(|grants| grants.parse().ok());
    let Some(grants) = grants else { return Ok(false) };
    let mut verdicts = Verdicts::new(grants);
    let mut is_sound = true;
    ledger.attempts(|attempt| {
        is_sound &= attempt.grants.ranges().iter().all(|range| range.end as usize <= grants);
        is_sound = is_sound && !attempt.grants.iter().any(|grant| verdicts.is_settled(grant));
        if is_sound && let Some(result) = attempt.result {
            verdicts.record(&attempt.grants, &result);
        }
    })?;
    Ok(is_sound && verdicts.settled() == verdicts.len())
}

/// What the ledger's attempts come to.
pub(super) fn replay(ledger: &Ledger, plan: &Plan) -> Result<Start, Failure> {
    let mut replay = Replay::new(plan);
    ledger.attempts(|attempt| replay.hear(attempt))?;
    replay.start().ok_or_else(|| {
        Failure::new(
            Exit::File,
            format!(
                "{}: this ledger contradicts itself or this job, so it is not what a run has \
                 written; nothing was sent. Move it away, or give another --out",
                ledger.path().display()
            ),
        )
    })
}

/// When a run begins: written down before anything is sent.
pub fn begin(ledger: &Ledger, clock: &dyn WallClock) -> Result<i64, Failure> {
    let run = ledger.begin_run(clock.now())?;
    crate::failpoint::hit("run-begun");
    Ok(run)
}

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::new(Exit::File, error.to_string())
    }
}

impl From<LockError> for Failure {
    fn from(error: LockError) -> Self {
        let exit = match error {
            LockError::Held(_) => Exit::Held,
            LockError::File { .. } => Exit::File,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<OutcomeError> for Failure {
    fn from(error: OutcomeError) -> Self {
        match error {
            OutcomeError::Input(error) => error.into(),
            OutcomeError::File { .. } => Self::new(Exit::File, error.to_string()),
            OutcomeError::Changed => Self::new(Exit::Internal, error.to_string()),
        }
    }
}
