//! The state of a job according to its ledger: where the next run starts.
//!
//! Promise 7, *nothing is lost*. This is the only fold of a ledger's attempts: `run`, `collect`, the
//! check whether a job is finished, and the simulation all use it.

use super::{RecentAttempts, Verdicts};
use crate::ledger::{Attempt, AttemptId, AttemptResult, AttemptState, GrantSet};
use crate::model::Action;
use crate::plan::{GrantId, Plan};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// The code of an attempt without a recorded answer.
const NO_RECORDED_ANSWER: &str = "NoRecordedAnswer";

/// The first and last grant of each range of an attempt.
pub type Ranges = Vec<(GrantId, GrantId)>;

/// The non-empty ranges of a set of grants.
pub fn ranges_of(grants: &GrantSet) -> Ranges {
    let filled = grants.ranges().iter().filter(|range| !range.is_empty());
    filled.map(|range| (range.start, range.end - 1)).collect()
}

/// The grants in these ranges.
pub fn grants_in(ranges: &Ranges) -> GrantSet {
    ranges.iter().flat_map(|(first, last)| *first..=*last).collect()
}

/// Attempts without an answer that may still be answered, by their grants.
pub type Unanswered = BTreeMap<Ranges, Vec<(AttemptId, Timestamp)>>;

/// The meaning of an attempt without a recorded answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WithoutAnswer {
    /// The run that sent it has ended: it may have been applied, and no answer will come.
    Lost,
    /// It was published to a queue, whose workers may still answer.
    Pending,
}

/// What a ledger records of a job.
#[derive(Debug)]
pub struct LedgerState {
    /// The verdict of each grant so far.
    pub verdicts: Verdicts,
    /// The number of the next attempt.
    pub next_attempt: AttemptId,
    unanswered: Unanswered,
    without_answer: WithoutAnswer,
    is_sound: bool,
    /// The latest answers; boxed, because the state is moved often.
    pub recent: Box<RecentAttempts>,
}

impl LedgerState {
    /// An empty ledger, for a plan of that many revocations whose requests are sent by this process.
    pub fn new(grants: usize) -> Self {
        Self::of_action(Action::Detach, grants)
    }

    /// The same for any action.
    pub fn of_action(action: Action, grants: usize) -> Self {
        Self {
            verdicts: Verdicts::of_action(action, grants),
            next_attempt: 1,
            unanswered: Unanswered::new(),
            without_answer: WithoutAnswer::Lost,
            is_sound: true,
            recent: Box::default(),
        }
    }

    /// The same for a job whose requests are published to a queue: attempts without an answer are
    /// pending.
    pub fn of_queue(grants: usize) -> Self {
        Self::new(grants).with_pending_attempts()
    }

    /// The same, where attempts without an answer may still be answered.
    #[must_use]
    pub fn with_pending_attempts(self) -> Self {
        Self { without_answer: WithoutAnswer::Pending, ..self }
    }

    /// Starts from these verdicts, with the first attempt.
    pub fn from_verdicts(verdicts: Verdicts) -> Self {
        Self { verdicts, ..Self::new(0) }
    }

    /// Applies the next attempt of a ledger, in the order of the intents.
    pub fn apply(&mut self, attempt: Attempt) {
        self.next_attempt = self.next_attempt.max(attempt.id + 1);
        let ranges = attempt.grants.ranges();
        self.is_sound &= ranges.iter().all(|range| range.end as usize <= self.verdicts.len());
        // A settled grant is never sent again, so this tool did not write such a ledger.
        self.is_sound =
            self.is_sound && !ranges.iter().any(|range| self.verdicts.has_settled(range.clone()));
        if !self.is_sound {
            return;
        }
        self.recent.add(&attempt);
        match (attempt.result, self.without_answer) {
            (Some(result), WithoutAnswer::Lost) => self.verdicts.record(&attempt.grants, &result),
            (Some(result), WithoutAnswer::Pending) => {
                // One answer settles every publication of the same grants.
                let earlier = self.unanswered.remove(&ranges_of(&attempt.grants));
                self.record_lost(&attempt.grants, earlier.unwrap_or_default());
                self.verdicts.record(&attempt.grants, &result);
            }
            (None, WithoutAnswer::Lost) => {
                self.verdicts.record(&attempt.grants, &lost_at(attempt.intended_at));
            }
            (None, WithoutAnswer::Pending) => {
                let pending = self.unanswered.entry(ranges_of(&attempt.grants)).or_default();
                pending.push((attempt.id, attempt.intended_at));
            }
        }
    }

    /// Whether the attempts contradict neither each other nor the plan.
    pub fn is_sound(&self) -> bool {
        self.is_sound
    }

    /// Takes the pending attempts whose grants are all unsettled; the others count as lost.
    pub fn take_unanswered(&mut self) -> Unanswered {
        let (open, settled): (Unanswered, Unanswered) =
            std::mem::take(&mut self.unanswered).into_iter().partition(|(ranges, _)| {
                !grants_in(ranges).iter().any(|grant| self.verdicts.is_settled(grant))
            });
        drop(settled);
        open
    }

    /// Records attempts of these grants that got no answer and will get none.
    pub fn record_lost(&mut self, grants: &GrantSet, attempts: Vec<(AttemptId, Timestamp)>) {
        for (_, intended_at) in attempts {
            self.verdicts.record(grants, &lost_at(intended_at));
        }
    }

    /// For each planned request, whether any of its grants was sent or may have been.
    pub fn sent_requests(&self, plan: &Plan) -> Vec<bool> {
        let was_sent = |grant| self.verdicts.attempts(grant) > 0;
        (0..plan.requests()).map(|request| plan.grants_of(request).any(was_sent)).collect()
    }
}

fn lost_at(intended_at: Timestamp) -> AttemptResult {
    AttemptResult {
        state: AttemptState::Lost,
        last: false,
        code: NO_RECORDED_ANSWER.into(),
        message: "the run ended before an answer was recorded".to_owned(),
        request_id: String::new(),
        finished_at: intended_at,
        exceptions: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Status;

    fn attempt(
        id: AttemptId,
        grants: std::ops::Range<GrantId>,
        state: Option<AttemptState>,
    ) -> Attempt {
        let result = state.map(|state| AttemptResult { state, ..lost_at(Timestamp::UNIX_EPOCH) });
        Attempt { id, grants: GrantSet::range(grants), intended_at: Timestamp::UNIX_EPOCH, result }
    }

    fn fold(mut state: LedgerState, attempts: Vec<Attempt>) -> LedgerState {
        for attempt in attempts {
            state.apply(attempt);
        }
        state
    }

    #[test]
    fn an_attempt_without_an_answer_counts_as_sent() {
        let state = fold(LedgerState::new(2), vec![attempt(4, 0..1, None)]);
        assert_eq!(state.verdicts.status(0), Status::Unknown);
        assert_eq!(state.verdicts.attempts(0), 1);
        assert_eq!(state.verdicts.status(1), Status::Unprocessed);
        assert_eq!(state.next_attempt, 5);
    }

    #[test]
    fn a_pending_attempt_is_answered_with_every_publication_of_its_grants() {
        let answered = Some(AttemptState::Answered);
        let attempts = || vec![attempt(1, 0..2, None), attempt(2, 0..2, answered)];
        let mut queue = fold(LedgerState::of_queue(3), attempts());
        let local = fold(LedgerState::new(3), attempts());
        assert!(queue.take_unanswered().is_empty());
        for grant in 0..3 {
            assert_eq!(queue.verdicts.status(grant), local.verdicts.status(grant));
            assert_eq!(queue.verdicts.attempts(grant), local.verdicts.attempts(grant));
        }
        let mut open = fold(LedgerState::of_queue(3), vec![attempt(1, 0..2, None)]);
        assert_eq!(open.verdicts.status(0), Status::Unprocessed);
        assert_eq!(open.take_unanswered().len(), 1);
    }

    #[test]
    fn a_ledger_that_sends_a_settled_grant_again_is_not_sound() {
        let answered = Some(AttemptState::Answered);
        let state =
            fold(LedgerState::new(3), vec![attempt(1, 0..2, answered), attempt(2, 1..3, answered)]);
        assert!(!state.is_sound());
        let state = fold(LedgerState::new(3), vec![attempt(1, 2..4, None)]);
        assert!(!state.is_sound(), "a grant that the plan does not have");
    }
}
