//! Which steps of an offboarding a restore takes back. Promise 11: only what this offboarding is
//! known to have done itself.

use super::step::{Step, StepKind, StepResult, StepState};
use super::step_log::StepLog;

/// What a restore does about the steps of an offboarding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UndoPlan {
    /// The steps to take, groups before locks: users are let in last.
    pub steps: Vec<Step>,
    /// What stays as the offboarding left it, and why.
    pub kept: Vec<(Step, Kept)>,
}

/// Why a step is not taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The API never returns a key.
    KeyIsDeleted,
    /// It was found done after an answer was lost: somebody else may have done it.
    PerhapsByOthers,
    /// Whether it was done is not known.
    NotKnown,
}

/// Plans how to take back what this offboarding did. What a restore has done already is not done
/// again, whatever happened since.
pub fn undo(log: &StepLog) -> UndoPlan {
    let mut plan = UndoPlan::default();
    for StepResult { step, state, .. } in log.results() {
        let own = match step.kind {
            StepKind::LeaveGroup => Ok(StepKind::JoinGroup),
            StepKind::Lock => Ok(StepKind::Unlock),
            StepKind::DeleteKey => Err(Kept::KeyIsDeleted),
            StepKind::JoinGroup | StepKind::Unlock => continue,
        };
        match (state, own) {
            (StepState::Done, Ok(kind)) => plan.steps.push(Step { kind, ..step.clone() }),
            (StepState::Done | StepState::PossiblyDone, Err(kept)) => {
                plan.kept.push((step.clone(), kept));
            }
            (StepState::PossiblyDone, Ok(_)) => {
                plan.kept.push((step.clone(), Kept::PerhapsByOthers));
            }
            (StepState::Unknown, _) => plan.kept.push((step.clone(), Kept::NotKnown)),
            (StepState::Already | StepState::NotFound | StepState::Failed, _) => {}
        }
    }
    plan.steps.retain(|step| !log.result(step).is_some_and(|result| result.state.holds()));
    plan.steps.sort_by_key(|step| step.kind == StepKind::Unlock);
    plan
}
