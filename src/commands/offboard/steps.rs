//! Carries the steps of an offboarding out that are no revocations.

use crate::api::caller::CallError;
use crate::api::reading::{Lookup, ReadError, Reader};
use crate::api::transport::Transport;
use crate::api::writing::{WriteResult, Writer, Written};
use crate::clock::{WallClock, utc_seconds};
use crate::commands::reading::read_again;
use crate::exit::{Exit, Failure};
use crate::offboard::{Step, StepKind, StepLog, StepLogError, StepResult, StepState};
use std::collections::BTreeMap;
use std::time::Duration;

/// Sends the steps of a kind that are still to be done, and records their results. What an earlier
/// run may have applied is sent again: every step may be applied twice.
pub(super) async fn carry_out<T: Transport>(
    kind: StepKind,
    log: &mut StepLog,
    writer: &Writer<T>,
    clock: &dyn WallClock,
) -> Result<(), Failure> {
    let steps = log.open_steps(kind);
    send(kind, steps, log, writer, clock).await
}

/// Sends these steps of one kind, and records their results.
pub(in crate::commands) async fn send<T: Transport>(
    kind: StepKind,
    steps: Vec<Step>,
    log: &mut StepLog,
    writer: &Writer<T>,
    clock: &dyn WallClock,
) -> Result<(), Failure> {
    let mut calls: BTreeMap<String, Vec<Step>> = BTreeMap::new();
    for step in steps {
        // Each key is a call of its own; users are locked, and leave a group, together.
        calls.entry(step.object.clone()).or_default().push(step);
    }
    for (object, steps) in calls {
        let ids: Vec<String> = steps.iter().map(|step| step.user.clone()).collect();
        let may_be_applied: Vec<bool> = steps.iter().map(|step| log.may_be_applied(step)).collect();
        log.intend(&steps, utc_seconds(clock.now()))?;
        crate::failpoint::hit("step-intended");
        let written = match kind {
            StepKind::Lock => writer.lock_users(&ids).await,
            StepKind::LeaveGroup => writer.remove_users_from_group(&object, &ids).await,
            StepKind::DeleteKey => writer.delete_public_key(&object).await.map(|one| vec![one]),
            StepKind::JoinGroup => writer.add_users_to_group(&object, &ids).await,
            StepKind::Unlock => writer.unlock_users(&ids).await,
        };
        crate::failpoint::hit("step-sent");
        let written = written.map_err(|error| stopped(kind, &error))?;
        let at = utc_seconds(clock.now());
        let results = steps.into_iter().zip(may_be_applied).map(|(step, may_be_applied)| {
            let id = if kind == StepKind::DeleteKey { &object } else { &step.user };
            let found = written.iter().find(|one| one.id == *id);
            result(step.clone(), found, may_be_applied, at.clone())
        });
        log.record_results(results.collect())?;
        crate::failpoint::hit("step-recorded");
    }
    Ok(())
}

fn result(step: Step, written: Option<&Written>, was_sent: bool, at: String) -> StepResult {
    let Some(Written { result, may_be_own, .. }) = written else {
        let message = "the answer has no result for it".to_owned();
        return StepResult { step, state: StepState::Unknown, message, at };
    };
    let is_own = *may_be_own || was_sent;
    let (state, message) = match result {
        WriteResult::Done => (StepState::Done, String::new()),
        WriteResult::Already | WriteResult::NotFound if is_own => {
            (StepState::PossiblyDone, String::new())
        }
        WriteResult::Already => (StepState::Already, String::new()),
        WriteResult::NotFound => (StepState::NotFound, String::new()),
        WriteResult::Failed { code, message } => (StepState::Failed, format!("{code}: {message}")),
        WriteResult::Unknown(why) => (StepState::Unknown, why.clone()),
    };
    StepResult { step, state, message, at }
}

fn stopped(kind: StepKind, error: &CallError) -> Failure {
    let what = match kind {
        StepKind::Lock => "lock the users",
        StepKind::LeaveGroup => "remove the users from their groups",
        StepKind::DeleteKey => "delete the public keys",
        StepKind::JoinGroup => "add the users to their groups again",
        StepKind::Unlock => "unlock the users",
    };
    let message = format!("cannot {what}: {error}; run the same command again to continue");
    Failure::new(Exit::Credentials, message)
}

/// The users that are locked, as read back; users that are not are read again, for reads may lag.
pub(super) async fn locked<T: Transport>(
    reader: &Reader<T>,
    users: &[String],
    settle: Duration,
) -> Result<Vec<String>, ReadError> {
    let other = read_again(users.to_vec(), settle, async |open| {
        let states = lock_states(reader, open).await?;
        let others = states.into_iter().filter(|(_, state)| *state != Lookup::Found(true));
        Ok(others.map(|(id, _)| id).collect())
    });
    let other = other.await?;
    Ok(users.iter().filter(|user| !other.contains(user)).cloned().collect())
}

/// Whether each of the users is locked.
pub(in crate::commands) async fn lock_states<T: Transport>(
    reader: &Reader<T>,
    users: Vec<String>,
) -> Result<Vec<(String, Lookup<bool>)>, ReadError> {
    let read = |reader: Reader<T>, id: String| async move {
        let state = match reader.user(&id).await? {
            Lookup::Found(user) => Lookup::Found(user.is_locked()),
            Lookup::NotFound => Lookup::NotFound,
            Lookup::NotChecked(why) => Lookup::NotChecked(why),
        };
        Ok::<_, ReadError>((id, state))
    };
    reader.read_all(users, read).await
}

impl From<StepLogError> for Failure {
    fn from(error: StepLogError) -> Self {
        Self::new(Exit::File, error.to_string())
    }
}
