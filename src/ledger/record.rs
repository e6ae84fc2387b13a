//! The records of a ledger: intents and results of attempts.

use crate::model::Status;
use crate::plan::GrantId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::ops::Range;

/// Number of an attempt within a run, from 1.
pub type AttemptId = u64;

/// Some grants, as ranges in the order in which a request names them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrantSet(pub(super) Vec<Range<GrantId>>);

impl GrantSet {
    /// The grants of a planned request.
    pub fn range(range: Range<GrantId>) -> Self {
        Self(vec![range])
    }

    /// The ranges, in order.
    pub fn ranges(&self) -> &[Range<GrantId>] {
        &self.0
    }

    /// The grants, in order.
    pub fn iter(&self) -> impl Iterator<Item = GrantId> + '_ {
        self.0.iter().cloned().flatten()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.iter().map(ExactSizeIterator::len).sum()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FromIterator<GrantId> for GrantSet {
    fn from_iter<I: IntoIterator<Item = GrantId>>(grants: I) -> Self {
        let mut ranges: Vec<Range<GrantId>> = Vec::new();
        for grant in grants {
            match ranges.last_mut() {
                Some(last) if last.end == grant => last.end += 1,
                _ => ranges.push(grant..grant + 1),
            }
        }
        Self(ranges)
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AttemptState {
    /// The API answered for each grant.
    Answered,
    /// The API refused the request for good: its grants have failed.
    Refused,
    /// The API refused an argument; the request is split to find it.
    Split,
    /// The API refused it in a way that stops the run or the operation.
    Stopped,
    /// The API refused it for its time or its token; it is sent again with a corrected clock or
    /// other keys.
    Expired,
    /// Too many calls.
    Throttled,
    /// Sent, without a trustworthy answer.
    Lost,
    /// No connection, so it was not sent.
    Unconnected,
    /// Withdrawn before it was sent.
    Withdrawn,
}

impl AttemptState {
    /// All states.
    pub const ALL: [Self; 9] = [
        Self::Answered,
        Self::Refused,
        Self::Split,
        Self::Stopped,
        Self::Expired,
        Self::Throttled,
        Self::Lost,
        Self::Unconnected,
        Self::Withdrawn,
    ];

    /// The word in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "refused",
            Self::Split => "split",
            Self::Stopped => "stopped",
            Self::Expired => "expired",
            Self::Throttled => "throttled",
            Self::Lost => "lost",
            Self::Unconnected => "unconnected",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// Whether it counts as a sending: it was sent, and not answered by throttling.
    pub fn is_sending(self) -> bool {
        !matches!(self, Self::Throttled | Self::Unconnected | Self::Withdrawn)
    }
}

/// One grant of an answered request that is not simply revoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// Its place among the attempt's grants.
    pub place: u8,
    /// Its status; [`Status::Unknown`] if it should be asked again.
    pub status: Status,
    /// The API's code.
    pub code: Cow<'static, str>,
    /// The API's message.
    pub message: Cow<'static, str>,
}

/// The result of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttemptResult {
    /// The state of the request.
    pub state: AttemptState,
    /// Whether this was the last attempt: unsettled grants stay as they are.
    pub last: bool,
    /// The code of the request as a whole.
    pub code: Cow<'static, str>,
    /// The message of the request as a whole.
    pub message: String,
    /// The API's id of the request, or nothing.
    pub request_id: String,
    /// When the answer came.
    pub finished_at: Timestamp,
    /// For an answered request, the grants that are not simply revoked.
    pub exceptions: Vec<Exception>,
}

/// A record of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// A request for these grants is about to be sent.
    Intent {
        /// Its attempt.
        attempt: AttemptId,
        /// What it revokes.
        grants: GrantSet,
        /// The time of the intent.
        at: Timestamp,
    },
    /// The result of an attempt.
    Result {
        /// The attempt.
        attempt: AttemptId,
        /// Its grants.
        grants: GrantSet,
        /// Its result.
        result: AttemptResult,
    },
}

/// An attempt as recorded in a ledger, possibly without a result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its number.
    pub id: AttemptId,
    /// Its grants.
    pub grants: GrantSet,
    /// When its intent was written.
    pub intended_at: Timestamp,
    /// Its result, if one was recorded.
    pub result: Option<AttemptResult>,
}

/// Whose keys a run used; nothing in it is secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallerRecord {
    /// The source of the keys.
    pub source: String,
    /// The access key id, hidden except for its ends.
    pub access_key_id: String,
    /// The ARN that STS gave; `None` if STS did not answer.
    pub arn: Option<String>,
    /// The account that STS gave.
    pub account_id: Option<String>,
}

/// One run of the command on a job.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RunRecord {
    /// When it started.
    pub started_at: Option<Timestamp>,
    /// When it ended; `None` if it runs or was killed.
    pub ended_at: Option<Timestamp>,
    /// Its exit code.
    pub exit_code: Option<u8>,
    /// Why it stopped early, or empty.
    pub causes: String,
    /// The version of this tool.
    pub version: String,
    /// Whose keys it used, if it ended and a request could be sent.
    pub caller: Option<CallerRecord>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_are_kept_as_ranges_in_their_order() {
        let set: GrantSet = [3, 4, 5, 9, 0, 1].into_iter().collect();
        assert_eq!(set.ranges(), [3..6, 9..10, 0..2]);
        assert_eq!(set.iter().collect::<Vec<_>>(), [3, 4, 5, 9, 0, 1]);
        assert_eq!(set.len(), 6);
    }
}
