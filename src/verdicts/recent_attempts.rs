//! The latest attempts of a ledger that the service answered: evidence of the pace that it sustains.

use crate::ledger::{Attempt, AttemptState};
use crate::plan::GrantId;
use jiff::Timestamp;
use std::collections::VecDeque;

/// The most attempts kept, 24 bytes each: ten seconds at over 800 per second.
const KEPT: usize = 8192;

/// An attempt that the service answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnsweredAttempt {
    /// One of its grants, which tells its operation.
    pub grant: GrantId,
    /// When the answer came.
    pub at: Timestamp,
    /// Whether the service throttled it.
    pub is_throttled: bool,
}

/// The latest of them, in the order of their intents.
#[derive(Debug, Default)]
pub struct RecentAttempts(VecDeque<AnsweredAttempt>);

impl RecentAttempts {
    /// Adds an attempt, unless it got no answer.
    pub(super) fn add(&mut self, attempt: &Attempt) {
        let Some(result) = &attempt.result else { return };
        let is_throttled = match result.state {
            AttemptState::Throttled => true,
            AttemptState::Answered | AttemptState::Refused | AttemptState::Split => false,
            _ => return,
        };
        let Some(range) = attempt.grants.ranges().first() else { return };
        if self.0.len() == KEPT {
            self.0.pop_front();
        }
        self.0.push_back(AnsweredAttempt {
            grant: range.start,
            at: result.finished_at,
            is_throttled,
        });
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &AnsweredAttempt> {
        self.0.iter()
    }
}
