//! What to do about a row.

use super::verified::Verified;
use crate::api::error::{Class, classify};
use crate::model::Status;

/// What to do about a row. The name is the key of its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Remedy {
    /// Nothing.
    Nothing,
    /// Run the same command again.
    RunAgain,
    /// Correct the keys, then run the same command again.
    CorrectKeys,
    /// Allow the operation to the caller, then send the rows again.
    AllowOperation,
    /// Correct endpoint, region or instance, then run the same command again.
    CorrectRouting,
    /// Send the unknown rows again.
    SendUnknownAgain,
    /// Find out whether the object was deleted or the id is wrong.
    CheckId,
    /// Read code and message.
    ReadMessage,
    /// Correct the row in the list.
    CorrectRow,
    /// Decide whether the protection is right.
    CheckProtection,
    /// Revoke what the service still lists.
    RevokeAgain,
    /// Change the group or the rule.
    ChangeRoute,
    /// Verify again.
    VerifyAgain,
}

impl Remedy {
    #[cfg(test)]
    pub(super) const ALL: [Self; 13] = [
        Self::Nothing,
        Self::RunAgain,
        Self::CorrectKeys,
        Self::AllowOperation,
        Self::CorrectRouting,
        Self::SendUnknownAgain,
        Self::CheckId,
        Self::ReadMessage,
        Self::CorrectRow,
        Self::CheckProtection,
        Self::RevokeAgain,
        Self::ChangeRoute,
        Self::VerifyAgain,
    ];

    /// The key of its text.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::RunAgain => "run_again",
            Self::CorrectKeys => "correct_keys",
            Self::AllowOperation => "allow_operation",
            Self::CorrectRouting => "correct_routing",
            Self::SendUnknownAgain => "send_unknown_again",
            Self::CheckId => "check_id",
            Self::ReadMessage => "read_message",
            Self::CorrectRow => "correct_row",
            Self::CheckProtection => "check_protection",
            Self::RevokeAgain => "revoke_again",
            Self::ChangeRoute => "change_route",
            Self::VerifyAgain => "verify_again",
        }
    }

    /// What to do about a row with that status and code.
    pub(super) fn of(status: Status, code: &str, verified: Option<Verified>) -> Self {
        match status {
            Status::Restored | Status::AlreadyPresent => Self::Nothing,
            Status::Revoked | Status::AlreadyAbsent => match verified {
                None | Some(Verified::Gone) => Self::Nothing,
                Some(Verified::Still) => Self::RevokeAgain,
                Some(Verified::Elsewhere) => Self::ChangeRoute,
                Some(Verified::Unchecked) => Self::VerifyAgain,
            },
            Status::NotFound => Self::CheckId,
            Status::Failed => Self::of_refusal(code).unwrap_or(Self::ReadMessage),
            Status::Unknown => Self::SendUnknownAgain,
            Status::Invalid => Self::CorrectRow,
            Status::Protected => Self::CheckProtection,
            Status::Unprocessed => Self::of_refusal(code).unwrap_or(Self::RunAgain),
        }
    }

    /// What to do about a refusal that is not about the row itself.
    fn of_refusal(code: &str) -> Option<Self> {
        if code.is_empty() {
            return None;
        }
        // Without a status the code alone decides.
        match classify(Some(code), 0) {
            Class::StopCredentials | Class::ExpiredToken | Class::ExpiredTimestamp => {
                Some(Self::CorrectKeys)
            }
            Class::StopOperation => Some(Self::AllowOperation),
            Class::StopRouting => Some(Self::CorrectRouting),
            Class::BadArgument | Class::Refused | Class::Throttled | Class::Doubtful => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_of_the_caller_is_not_blamed_on_the_row() {
        let of = |status, code| Remedy::of(status, code, None);
        assert_eq!(of(Status::Unprocessed, "Forbidden.RAM"), Remedy::AllowOperation);
        assert_eq!(of(Status::Unprocessed, "SignatureDoesNotMatch"), Remedy::CorrectKeys);
        assert_eq!(of(Status::Unprocessed, "InvalidRegion.NotFound"), Remedy::CorrectRouting);
        assert_eq!(of(Status::Unprocessed, "Throttling.User"), Remedy::RunAgain);
        assert_eq!(of(Status::Unprocessed, ""), Remedy::RunAgain);
        assert_eq!(of(Status::Failed, "INVALID_ARGUMENT"), Remedy::ReadMessage);
    }

    #[test]
    fn only_rows_that_are_done_need_nothing() {
        for status in Status::ALL {
            let action = Remedy::of(status, "", None);
            assert_eq!(action == Remedy::Nothing, status.is_success(), "{status}");
        }
        for verified in Verified::ALL {
            let action = Remedy::of(Status::Revoked, "", Some(verified));
            assert_eq!(action == Remedy::Nothing, verified == Verified::Gone);
        }
    }
}
