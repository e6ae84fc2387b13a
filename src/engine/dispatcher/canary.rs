//! The limits that stop a run early: `--canary` and `--fail-over`.

use super::Dispatcher;
use crate::api::transport::Transport;
use crate::engine::StopCause;
use crate::engine::events::Event;
use crate::ledger::Journal;
use crate::model::Status;
use crate::plan::GrantId;

impl<T: Transport, J: Journal> Dispatcher<'_, T, J> {
    /// Once all grants of the canary are settled, by this run or an earlier one: releases the rest,
    /// or stops the run.
    pub(super) fn check_canary(&mut self) {
        let Some(requests) = self.canary else { return };
        if self.stopping || !self.is_done() {
            return;
        }
        let plan = &self.engine.plan;
        let grants: Vec<GrantId> = (0..requests).flat_map(|n| plan.grants_of(n)).collect();
        let count = |status| grants.iter().filter(|g| self.verdicts.status(**g) == status).count();
        let counts = Status::ALL.map(|status| (status, count(status)));
        let unsuccessful: Vec<(Status, usize)> =
            counts.into_iter().filter(|(status, n)| *n > 0 && !status.is_success()).collect();
        let grants = grants.len();
        if unsuccessful.is_empty() {
            self.canary = None;
            self.queue.release_held(&self.engine.plan);
            self.emit(Event::CanaryPassed { requests, grants });
        } else {
            self.stop(StopCause::Canary { requests, grants, unsuccessful });
        }
    }

    /// Stops the run if too many revocations failed and some are still unsettled.
    pub(super) fn check_fail_over(&mut self) {
        let Some(most) = self.engine.settings.fail_over else { return };
        let (failed, settled) = (self.verdicts.failed(), self.verdicts.settled());
        if self.stopping
            || !most.is_exceeded(failed, settled, self.answered)
            || (self.ready_count() == 0 && self.queue.is_empty(&self.engine.plan))
        {
            return;
        }
        self.stop(StopCause::FailOver { failed, settled });
    }
}
