//! The end of a restore of an offboarding: the users return to their groups, and those that it locked
//! are unlocked. The record of the offboarding is continued, so that nothing is done twice.

use super::api_session::ApiSession;
use super::execution::Show;
use super::names;
use super::offboard::steps::{locked, send};
use crate::api::caller::Caller;
use crate::api::reading::Reader;
use crate::api::transport::HttpTransport;
use crate::api::writing::Writer;
use crate::clock::{SystemClock, WallClock, utc_seconds};
use crate::config::RunSettings;
use crate::exit::{Exit, Failure};
use crate::files::{LOCK_TIMEOUT, Lock, RunFiles};
use crate::offboard::{Step, StepKind, StepLog, StepResult, StepState, UndoPlan, undo};
use crate::report::text::things;
use crate::report::undone::Undone;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;

/// How often what does not look taken back is read again.
const MORE_READINGS: u32 = 3;

/// The steps of an offboarding that a restore takes back. Nobody else writes the record meanwhile.
pub struct UndoSteps {
    log: StepLog,
    /// What will be done, and what will not.
    pub plan: UndoPlan,
    _lock: Lock,
}

impl UndoSteps {
    /// Opens the record beside an outcome; `None` if it is not that of an offboarding.
    pub async fn open(outcome: &Path) -> Result<Option<Self>, Failure> {
        let record = RunFiles::new(outcome.to_owned()).steps();
        if !record.is_file() {
            return Ok(None);
        }
        let lock = RunFiles::new(record.clone()).lock_within(LOCK_TIMEOUT).await?;
        let Some(log) = StepLog::open(&record)? else { return Ok(None) };
        let plan = undo(&log);
        Ok(Some(Self { log, plan, _lock: lock }))
    }

    /// Refuses another endpoint than that of the offboarding: its ids mean other objects there.
    pub fn refuse_other_endpoint(&self, settings: &RunSettings) -> Result<(), Failure> {
        let endpoint = settings.requests.endpoint.as_ref().map(ToString::to_string);
        if endpoint == self.log.begun().endpoint {
            return Ok(());
        }
        let message = "the offboarding had another --endpoint; nothing was sent";
        Err(Failure::new(Exit::Refused, message))
    }

    /// Refuses an offboarding that stopped between its first step and its outcome: without the outcome
    /// nothing says which grants are to come back before the users are let in.
    pub fn refuse_missing_outcome(&self, outcome: &Path) -> Result<(), Failure> {
        if self.log.begun().rows == 0 || outcome.exists() {
            return Ok(());
        }
        let message = format!(
            "{}: the offboarding stopped before it was written; run the same offboard command to its \
             end, then restore; nothing was sent",
            outcome.display()
        );
        Err(Failure::new(Exit::Refused, message))
    }

    /// Takes the steps back, and reads back what became of them.
    async fn take_back(
        &mut self,
        settings: &RunSettings,
        session: &ApiSession,
    ) -> Result<Undone, Failure> {
        let clock = SystemClock;
        let region = self.log.begun().region.clone();
        let instance = self.log.begun().instance_id.clone();
        let client = session
            .client([region.as_str()])
            .map_err(|message| Failure::new(Exit::Configuration, message))?;
        let engine = &settings.requests.engine;
        let caller = Arc::new(Caller::new(client, engine.rate_per_s, engine.concurrency));
        let writer = Writer::new(caller, &instance, &region);
        let caller = session.caller([region.as_str()], &settings.requests)?;
        let reader = || Reader::new(Arc::clone(&caller), &instance, &region);
        let of_kind = |plan: &UndoPlan, kind| {
            let steps = plan.steps.iter().filter(|step| step.kind == kind);
            steps.cloned().collect::<Vec<Step>>()
        };
        let joins = of_kind(&self.plan, StepKind::JoinGroup);
        send(StepKind::JoinGroup, joins.clone(), &mut self.log, &writer, &clock).await?;
        crate::failpoint::hit("groups-joined");
        let unlocks = of_kind(&self.plan, StepKind::Unlock);
        let users: Vec<String> = unlocks.iter().map(|step| step.user.clone()).collect();
        let now_locked = locked(&reader(), &users, Duration::ZERO).await?;
        let (unlocks, already): (Vec<Step>, Vec<Step>) =
            unlocks.into_iter().partition(|step| now_locked.contains(&step.user));
        let already = already.into_iter().map(|step| StepResult {
            step,
            state: StepState::Already,
            message: String::new(),
            at: utc_seconds(clock.now()),
        });
        self.log.record_results(already.collect())?;
        send(StepKind::Unlock, unlocks, &mut self.log, &writer, &clock).await?;
        crate::failpoint::hit("users-unlocked");
        let still = still_locked(&reader, now_locked, settings.read_lag).await?;
        let mut undone = Undone::of(self.log.results(), &self.plan, still);
        undone.open_steps.extend(missing(&reader, joins, settings.read_lag).await?);
        self.log.record_end(Exit::Done.code(), utc_seconds(clock.now()))?;
        Ok(undone)
    }
}

/// Those of the users that are still locked; they are read again for `lag`.
async fn still_locked(
    reader: &impl Fn() -> Reader<HttpTransport>,
    mut users: Vec<String>,
    lag: Duration,
) -> Result<Vec<String>, Failure> {
    for reading in 0..=MORE_READINGS {
        if users.is_empty() {
            break;
        }
        if reading > 0 {
            sleep(lag / MORE_READINGS).await;
        }
        users = locked(&reader(), &users, Duration::ZERO).await?;
    }
    Ok(users)
}

/// The memberships that no complete listing has; they are read again for `lag`.
async fn missing(
    reader: &impl Fn() -> Reader<HttpTransport>,
    mut joins: Vec<Step>,
    lag: Duration,
) -> Result<Vec<String>, Failure> {
    let mut open = Vec::new();
    for reading in 0..=MORE_READINGS {
        if joins.is_empty() {
            break;
        }
        if reading > 0 {
            sleep(lag / MORE_READINGS).await;
        }
        // A new reader: it may remember the members of all groups.
        let reader = reader();
        open.clear();
        let mut late = Vec::new();
        for step in joins {
            let groups = reader.memberships(&step.user).await?;
            if groups.items().iter().any(|group| group.group_id == step.object) {
                continue;
            }
            let Step { user, object, .. } = &step;
            open.push(match groups.reason() {
                None => format!("user {user} is not in user group {object}, as read back"),
                Some(why) => format!("user {user} in user group {object}: not read back: {why}"),
            });
            late.push(step);
        }
        joins = late;
    }
    Ok(open)
}

/// Takes back the steps of the offboarding that the restore is of. `None`: it is of none, or nothing is
/// to be done. A restore that stopped leaves the users locked and out of their groups.
pub async fn undo_steps(
    exit: Exit,
    settings: &RunSettings,
    session: Option<&ApiSession>,
    show: Show,
) -> Result<Option<Undone>, Failure> {
    let Some(outcome) = &settings.offboarding else { return Ok(None) };
    let Some(mut steps) = UndoSteps::open(outcome).await? else { return Ok(None) };
    if !matches!(exit, Exit::Done | Exit::Otherwise) {
        let left = things(steps.plan.steps.len(), "step", "steps");
        show.line(&format!(
            "The grants are not all restored, so {left} of the offboarding were not taken back: users \
             stay locked and out of their groups until the same command finishes"
        ))?;
        return Ok(None);
    }
    if steps.plan == UndoPlan::default() {
        return Ok(None);
    }
    let connected;
    let session = if let Some(session) = session {
        session
    } else {
        let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
        let region = steps.log.begun().region.clone();
        let session = ApiSession::connect(&settings.requests, [region.as_str()], &clock).await;
        connected = session.map_err(names::failure)?;
        &connected
    };
    steps.take_back(settings, session).await.map(Some)
}

/// The exit code of a restore and of the steps that it took back.
pub fn exit_of(restore: Exit, undone: Option<&Undone>) -> Exit {
    let is_whole = undone.is_none_or(Undone::is_whole);
    if restore == Exit::Done && !is_whole { Exit::Otherwise } else { restore }
}
