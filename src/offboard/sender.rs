//! Sends the steps of an offboarding that are no revocations. Its record is written first.

use super::step::{Step, StepKind, StepResult, StepState};
use super::step_log::{StepLog, StepLogError};
use crate::api::caller::CallError;
use crate::api::transport::Transport;
use crate::api::writing::{WriteResult, Writer, Written};
use crate::clock::{WallClock, utc_seconds};
use std::collections::BTreeMap;

/// Steps were not sent, or not all of them.
#[derive(Debug, thiserror::Error)]
pub enum SendStepsError {
    /// The record cannot be written, so nothing more is sent.
    #[error(transparent)]
    Record(#[from] StepLogError),
    /// The keys are refused.
    #[error("cannot {}: {error}", purpose(*kind))]
    Stopped {
        /// The steps that were to be sent.
        kind: StepKind,
        /// What the service said.
        error: CallError,
    },
}

fn purpose(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Lock => "lock the users",
        StepKind::LeaveGroup => "remove the users from their groups",
        StepKind::DeleteKey => "delete the public keys",
        StepKind::JoinGroup => "add the users to their groups again",
        StepKind::Unlock => "unlock the users",
    }
}

/// Sends these steps of one kind, and records their results. What an earlier run may have applied is
/// sent again: every step may be applied twice.
///
/// # Errors
///
/// The record cannot be written, or the keys are refused. What was sent before has its results.
pub async fn send_steps<T: Transport>(
    kind: StepKind,
    steps: Vec<Step>,
    log: &mut StepLog,
    writer: &Writer<T>,
    clock: &dyn WallClock,
) -> Result<(), SendStepsError> {
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
        let written = written.map_err(|error| SendStepsError::Stopped { kind, error })?;
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
        WriteResult::Failed { code, message } => {
            let state = if is_own { StepState::Unknown } else { StepState::Failed };
            (state, format!("{code}: {message}"))
        }
        WriteResult::Unknown(why) => (StepState::Unknown, why.clone()),
    };
    StepResult { step, state, message, at }
}
