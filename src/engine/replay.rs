//! What earlier runs come to: a ledger's attempts folded into the start of the next run.
//!
//! Promise 7, *nothing is lost*: pure, so that the simulation restarts exactly as a command does.

use super::dispatcher::Start;
use crate::ledger::{Attempt, AttemptResult, AttemptState};
use crate::plan::Plan;
use crate::verdicts::Verdicts;

/// Hears the attempts of a ledger, in the order of their intents.
#[derive(Debug)]
pub struct Replay<'a> {
    plan: &'a Plan,
    start: Start,
    is_sound: bool,
}

impl<'a> Replay<'a> {
    /// Before the first attempt: nothing is done.
    pub fn new(plan: &'a Plan) -> Self {
        let verdicts = Verdicts::new(plan.grants());
        let touched = vec![false; plan.requests()];
        Self { plan, start: Start { verdicts, touched, first_attempt: 1 }, is_sound: true }
    }

    /// Takes in the next attempt. A planned request counts as touched once one of its grants was
    /// sent, or may have been: an intent without a recorded answer counts as sent.
    pub fn hear(&mut self, attempt: Attempt) {
        let start = &mut self.start;
        start.first_attempt = start.first_attempt.max(attempt.id + 1);
        let ranges = attempt.grants.ranges();
        self.is_sound &= ranges.iter().all(|range| range.end as usize <= self.plan.grants());
        // What is settled is never sent again, so such a ledger was not written by this tool.
        self.is_sound =
            self.is_sound && !ranges.iter().any(|range| start.verdicts.has_settled(range.clone()));
        if !self.is_sound {
            return;
        }
        let result = attempt.result.unwrap_or_else(|| AttemptResult {
            state: AttemptState::Lost,
            last: false,
            code: "NoRecordedAnswer".into(),
            message: "the run ended before an answer was recorded".to_owned(),
            request_id: String::new(),
            finished_at: attempt.intended_at,
            exceptions: Vec::new(),
        });
        start.verdicts.record(&attempt.grants, &result);
        if result.state.is_sending() {
            for range in ranges {
                let requests =
                    self.plan.request_of(range.start)..=self.plan.request_of(range.end - 1);
                start.touched[requests].fill(true);
            }
        }
    }

    /// Where the next run starts; nothing if the attempts contradict each other or
    /// the plan.
    pub fn start(self) -> Option<Start> {
        self.is_sound.then_some(self.start)
    }
}
