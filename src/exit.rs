//! Exit codes: fixed, because scripts depend on them.

use crate::engine::StopCause;
use crate::model::Status;
use crate::outcome::Tally;

/// The result of the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Every row is revoked or was already absent; or the command succeeded.
    Done,
    /// Finished, and some rows ended otherwise.
    Otherwise,
    /// The command line is wrong.
    Usage,
    /// Stopped early; the same command continues.
    Stopped,
    /// Refused by a guard or at the prompt; nothing was sent.
    Refused,
    /// Access that was to be gone is still granted directly.
    AccessFound,
    /// The input is invalid; nothing was sent.
    InvalidInput,
    /// An input is missing.
    MissingInput,
    /// An internal error.
    Internal,
    /// A file can't be read or written.
    File,
    /// Another run holds the ledger.
    Held,
    /// Credentials or permission.
    Credentials,
    /// Configuration, routing or instance.
    Configuration,
}

impl Exit {
    /// The number that the shell sees.
    pub fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Otherwise => 1,
            Self::Usage => 2,
            Self::Stopped => 3,
            Self::Refused => 4,
            Self::AccessFound => 5,
            Self::InvalidInput => 65,
            Self::MissingInput => 66,
            Self::Internal => 70,
            Self::File => 74,
            Self::Held => 75,
            Self::Credentials => 77,
            Self::Configuration => 78,
        }
    }

    /// The exit with that number, as a ledger has it.
    pub fn from_code(code: u8) -> Option<Self> {
        let all = [
            Self::Done,
            Self::Otherwise,
            Self::Usage,
            Self::Stopped,
            Self::Refused,
            Self::AccessFound,
            Self::InvalidInput,
            Self::MissingInput,
            Self::Internal,
            Self::File,
            Self::Held,
            Self::Credentials,
            Self::Configuration,
        ];
        all.into_iter().find(|exit| exit.code() == code)
    }

    /// The result of a run. When several apply, in this order: 70, 74, 77, 78, 3, 1, 0.
    pub fn of_run(causes: &[StopCause], tally: &Tally) -> Self {
        let of_cause = |cause: &StopCause| match cause {
            StopCause::Internal(_) => Self::Internal,
            StopCause::Journal(_) => Self::File,
            StopCause::Credentials { .. }
            | StopCause::NoCredentials { .. }
            | StopCause::Permission { .. } => Self::Credentials,
            StopCause::Routing { .. }
            | StopCause::RepeatedRefusal { .. }
            | StopCause::Setup { .. } => Self::Configuration,
            StopCause::Unreachable { .. }
            | StopCause::Canary { .. }
            | StopCause::FailOver { .. }
            | StopCause::LongWait { .. }
            | StopCause::Deadline
            | StopCause::Signal => Self::Stopped,
        };
        let order =
            [Self::Internal, Self::File, Self::Credentials, Self::Configuration, Self::Stopped];
        let worst = order.into_iter().find(|exit| causes.iter().any(|c| of_cause(c) == *exit));
        worst.unwrap_or_else(|| {
            if tally.of(Status::Unprocessed) > 0 {
                Self::Stopped
            } else if tally.rows() > tally.succeeded() {
                Self::Otherwise
            } else {
                Self::Done
            }
        })
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Its number, in the summaries.
impl serde::Serialize for Exit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(self.code())
    }
}

/// An error with its exit code and a message for the user.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What happened, why, and what to do.
    pub message: String,
}

impl Failure {
    /// An exit with a message.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }
}

impl From<crate::input::InputError> for Failure {
    fn from(error: crate::input::InputError) -> Self {
        use crate::input::InputError;
        let exit = match &error {
            InputError::Missing { .. } => Exit::MissingInput,
            InputError::Unreadable { .. } => Exit::File,
            InputError::Damaged(_) => Exit::InvalidInput,
        };
        Self::new(exit, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_severe_cause_decides() {
        let text = String::new;
        let routing = StopCause::Routing { code: text(), message: text() };
        let keys = StopCause::Credentials { code: text(), message: text() };
        let tally = Tally::default();
        let of = |causes: &[StopCause]| Exit::of_run(causes, &tally).code();
        assert_eq!(of(&[]), 0);
        assert_eq!(of(&[StopCause::Deadline]), 3);
        assert_eq!(of(&[StopCause::Signal, routing.clone()]), 78);
        assert_eq!(of(&[routing, keys.clone()]), 77);
        assert_eq!(of(&[keys, StopCause::Journal(text())]), 74);
        assert_eq!(of(&[StopCause::Journal(text()), StopCause::Internal(text())]), 70);
    }

    #[test]
    fn without_a_cause_the_rows_decide() {
        let of = |statuses: &[Status]| {
            let mut tally = Tally::default();
            for status in statuses {
                tally.add(*status);
            }
            Exit::of_run(&[], &tally).code()
        };
        assert_eq!(of(&[Status::Revoked, Status::AlreadyAbsent]), 0);
        assert_eq!(of(&[Status::Revoked, Status::Invalid]), 1);
        assert_eq!(of(&[Status::Unknown]), 1);
        assert_eq!(of(&[Status::Failed, Status::Unprocessed]), 3);
    }
}
