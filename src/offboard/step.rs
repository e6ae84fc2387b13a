//! The steps of an offboarding besides the revocations, and their results.

use serde::{Deserialize, Serialize};

/// A sort of step besides the revocations, which have a ledger of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepKind {
    /// `LockUsers`.
    Lock,
    /// `RemoveUsersFromGroup`.
    LeaveGroup,
    /// `DeleteUserPublicKey`. It cannot be undone.
    DeleteKey,
    /// `AddUsersToGroup`, of a restore: undoes [`StepKind::LeaveGroup`].
    JoinGroup,
    /// `UnlockUsers`, of a restore: undoes [`StepKind::Lock`].
    Unlock,
}

/// One step of one user.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Step {
    /// What is done.
    pub kind: StepKind,
    /// The id of the user.
    pub user: String,
    /// The id of the user group or public key; blank for a lock or unlock.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub object: String,
}

/// The state of a step after its call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// This offboarding did it.
    Done,
    /// It was so before, and an earlier attempt of this offboarding may have done it.
    PossiblyDone,
    /// It was so before this offboarding.
    Already,
    /// The user, user group or key does not exist.
    NotFound,
    /// The service did not apply it.
    Failed,
    /// It may have been applied or not.
    Unknown,
}

impl StepState {
    /// Whether what the step is for is known to hold.
    pub fn holds(self) -> bool {
        matches!(self, Self::Done | Self::PossiblyDone | Self::Already | Self::NotFound)
    }
}

/// The result of a step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepResult {
    /// The step.
    pub step: Step,
    /// Its state.
    pub state: StepState,
    /// The API's code and message, or why the state is unknown; blank if there is none.
    pub message: String,
    /// The time of the result.
    pub at: String,
}

impl StepResult {
    /// Of a step that was sent and has no result.
    pub(super) fn missing(step: Step, at: String) -> Self {
        Self { step, state: StepState::Unknown, message: String::new(), at }
    }
}
