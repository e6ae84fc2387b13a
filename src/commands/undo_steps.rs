//! The end of a restore of an offboarding: the users return to their groups, and those that it locked
//! are unlocked. The record of the offboarding is continued, so that nothing is done twice.

use super::api_session::ApiSession;
use super::execution::Show;
use super::names;
use super::offboard::steps::lock_states;
use super::reading::read_again;
use crate::api::caller::Caller;
use crate::api::reading::{Lookup, Reader};
use crate::api::transport::HttpTransport;
use crate::api::writing::Writer;
use crate::clock::{SystemClock, WallClock, utc_seconds};
use crate::config::RunSettings;
use crate::exit::{Exit, Failure};
use crate::files::{LOCK_TIMEOUT, Lock, RunFiles};
use crate::input::shown;
use crate::offboard::{Step, StepKind, StepLog, StepResult, StepState, UndoPlan, send_steps, undo};
use crate::report::text::things;
use crate::report::undone::Undone;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

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

    /// Everything that this restore and earlier ones take back.
    fn all(&self) -> Vec<Step> {
        let is_undo = |step: &&Step| matches!(step.kind, StepKind::JoinGroup | StepKind::Unlock);
        let earlier = self.log.results().map(|result| &result.step).filter(is_undo);
        let earlier = earlier.filter(|step| !self.plan.steps.contains(step));
        self.plan.steps.iter().chain(earlier).cloned().collect()
    }

    /// Takes the steps back, and reads back what became of them and of earlier ones.
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
        let all = self.all();
        for (kind, failpoint) in
            [(StepKind::JoinGroup, "groups-joined"), (StepKind::Unlock, "users-unlocked")]
        {
            let steps = self.plan.steps.iter().filter(|step| step.kind == kind).cloned().collect();
            send_steps(kind, steps, &mut self.log, &writer, &clock).await?;
            crate::failpoint::hit(failpoint);
        }
        let (unlocks, joins): (Vec<Step>, Vec<Step>) =
            all.into_iter().partition(|step| step.kind == StepKind::Unlock);
        let locks = not_unlocked(&reader(), &unlocks, settings.read_lag).await?;
        self.record_unlocked(unlocks, &locks)?;
        let open = missing(&reader, joins, settings.read_lag).await?;
        let (locked, not_read) = described(locks);
        let mut undone = Undone::of(self.log.results(), &self.plan, locked);
        undone.open_steps.extend(not_read.into_iter().chain(open));
        let exit = exit_of(Exit::Done, Some(&undone));
        self.log.record_end(exit.code(), utc_seconds(clock.now()))?;
        Ok(undone)
    }

    /// A user who is not locked, as read back, is unlocked, whatever the answer was: the code for users
    /// who are not locked is not documented.
    fn record_unlocked(
        &mut self,
        unlocks: Vec<Step>,
        locks: &[(String, Lookup<bool>)],
    ) -> Result<(), Failure> {
        let results = unlocks.into_iter().filter_map(|step| {
            let state = match self.log.result(&step)?.state {
                StepState::Failed => StepState::Already,
                StepState::Unknown => StepState::PossiblyDone,
                _ => return None,
            };
            let is_locked = locks.iter().any(|(user, _)| *user == step.user);
            let (message, at) = (String::new(), utc_seconds(SystemClock.now()));
            (!is_locked).then_some(StepResult { step, state, message, at })
        });
        let results = results.collect();
        Ok(self.log.record_results(results)?)
    }
}

/// The users who are not known to be unlocked; they are read again for `lag`.
async fn not_unlocked(
    reader: &Reader<HttpTransport>,
    unlocks: &[Step],
    lag: Duration,
) -> Result<Vec<(String, Lookup<bool>)>, Failure> {
    let not_read = || Lookup::NotChecked("not read".to_owned());
    let users = unlocks.iter().map(|step| (step.user.clone(), not_read()));
    let open = read_again(users.collect(), lag, async |open: Vec<(String, Lookup<bool>)>| {
        let users = open.into_iter().map(|(user, _)| user).collect();
        let states = lock_states(reader, users).await?;
        Ok(states.into_iter().filter(|(_, state)| *state != Lookup::Found(false)).collect())
    });
    Ok(open.await?)
}

/// The users who are locked, and for people what is not known of the others.
fn described(not_unlocked: Vec<(String, Lookup<bool>)>) -> (Vec<String>, Vec<String>) {
    let (mut locked, mut open) = (Vec::new(), Vec::new());
    for (user, state) in not_unlocked {
        let name = shown(&user);
        match state {
            Lookup::Found(_) => locked.push(user),
            Lookup::NotFound => open.push(format!("user {name} does not exist, as read back")),
            Lookup::NotChecked(why) => {
                open.push(format!("whether user {name} is locked is not known: {why}"));
            }
        }
    }
    (locked, open)
}

/// The memberships that no complete listing has, for people; they are read again for `lag`.
async fn missing(
    reader: &impl Fn() -> Reader<HttpTransport>,
    joins: Vec<Step>,
    lag: Duration,
) -> Result<Vec<String>, Failure> {
    let joins = joins.into_iter().map(|step| (step, String::new())).collect();
    let open = read_again(joins, lag, async |open: Vec<(Step, String)>| {
        // A new reader: it may remember the members of all groups.
        let reader = reader();
        let mut late = Vec::new();
        for (step, _) in open {
            let groups = reader.memberships(&step.user).await?;
            if groups.items().iter().any(|group| group.group_id == step.object) {
                continue;
            }
            let Step { user, object, .. } = &step;
            let text = match groups.reason() {
                None => format!("user {user} is not in user group {object}, as read back"),
                Some(why) => format!("user {user} in user group {object}: not read back: {why}"),
            };
            late.push((step, text));
        }
        Ok(late)
    });
    Ok(open.await?.into_iter().map(|(_, text)| text).collect())
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
    if steps.all().is_empty() && steps.plan.kept.is_empty() {
        return Ok(None);
    }
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let region = steps.log.begun().region.clone();
    let (mut new, regions) = (None, [region.as_str()]);
    let session = ApiSession::or_new(session, &mut new, &settings.requests, regions, &clock).await;
    let session = session.map_err(names::failure)?;
    steps.take_back(settings, session).await.map(Some)
}

/// The exit code of a restore and of the steps that it took back.
pub fn exit_of(restore: Exit, undone: Option<&Undone>) -> Exit {
    let is_whole = undone.is_none_or(Undone::is_whole);
    if restore == Exit::Done && !is_whole { Exit::Otherwise } else { restore }
}
