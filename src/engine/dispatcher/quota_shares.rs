//! Operations may share one quota: each knows how many send, and one that has finished leaves its
//! rate to the others.

use super::Dispatcher;
use crate::api::transport::Transport;
use crate::ledger::Journal;
use crate::model::Operation;

impl<T: Transport, J: Journal> Dispatcher<'_, T, J> {
    /// At the start: operations without waiting requests take no part.
    pub(super) fn start_sharing(&mut self, waiting: &[usize; Operation::ALL.len()]) {
        self.unfinished = waiting.map(|requests| requests > 0);
        self.share_quota();
    }

    /// Leaves the rate of an operation that has nothing more to send to the others. It does so once,
    /// even if a request in flight is throttled and waits again.
    pub(super) fn check_finished(&mut self) {
        if self.canary.is_some() || self.sending_operations() < 2 {
            return;
        }
        for operation in self.engine.operations() {
            let index = operation.index();
            if self.unfinished[index]
                && self.admissions[index].is_idle()
                && self.queue.is_finished(&self.engine.plan, operation)
            {
                self.unfinished[index] = false;
                let freed_per_s = self.admissions[index].rate_per_s();
                self.share_quota();
                self.leave_rate(freed_per_s);
            }
        }
    }

    fn sending_operations(&self) -> usize {
        self.unfinished.iter().filter(|unfinished| **unfinished).count()
    }

    fn share_quota(&mut self) {
        let sending = self.sending_operations();
        for admission in &mut self.admissions {
            admission.share_among(sending);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a few operations")]
    fn leave_rate(&mut self, freed_per_s: f64) {
        let share_per_s = freed_per_s / self.sending_operations() as f64;
        let admissions = self.admissions.iter_mut().zip(self.unfinished);
        for (admission, _) in admissions.filter(|(_, unfinished)| *unfinished) {
            admission.on_quota_freed(share_per_s);
        }
    }
}
