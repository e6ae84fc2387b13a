//! Exit codes of the errors of other modules.

use crate::archive::ArchiveError;
use crate::exit::{Exit, Failure};
use crate::files::LockError;
use crate::input_snapshot::InputSnapshotError;
use crate::ledger::LedgerError;
use crate::outcome::OutcomeError;

impl From<LedgerError> for Failure {
    fn from(error: LedgerError) -> Self {
        Self::new(Exit::File, error.to_string())
    }
}

impl From<ArchiveError> for Failure {
    fn from(error: ArchiveError) -> Self {
        let exit = match error {
            ArchiveError::Missing { .. } => Exit::MissingInput,
            ArchiveError::File { .. } => Exit::File,
            ArchiveError::Exists { .. } => Exit::Usage,
            ArchiveError::Invalid { .. } => Exit::InvalidInput,
        };
        Self::new(exit, error.to_string())
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

impl From<InputSnapshotError> for Failure {
    fn from(error: InputSnapshotError) -> Self {
        match error {
            InputSnapshotError::Input(error) => error.into(),
            InputSnapshotError::Copy { .. } => Self::new(Exit::File, error.to_string()),
        }
    }
}
