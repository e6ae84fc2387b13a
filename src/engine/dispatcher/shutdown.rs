//! The end of a run: pending results are written, and grants without an answer become unknown.

use super::{Dispatcher, Ended};
use crate::api::transport::Transport;
use crate::ledger::{AttemptResult, AttemptState, Journal};

impl<T: Transport, J: Journal> Dispatcher<'_, T, J> {
    /// Writes the pending results and returns the verdicts.
    pub(super) async fn end(mut self) -> Ended {
        self.in_flight.abort_all();
        loop {
            self.commit();
            let Some((batch, commit)) = self.committing.take() else { break };
            let outcome = commit.await;
            self.on_committed((batch, outcome));
            if self.journal_failed() {
                break;
            }
            // These units were ready but not sent. Without this record the next run would have to
            // treat them as sent.
            for operation in self.engine.operations() {
                self.withdraw(operation);
            }
        }
        // No answer was recorded for these, so it is not known whether they were applied.
        let lost = AttemptResult {
            state: AttemptState::Lost,
            code: "Interrupted".into(),
            message: "the run ended before the answer was recorded".to_owned(),
            ..self.withdrawn()
        };
        for (grants, _) in std::mem::take(&mut self.in_doubt).into_values() {
            self.verdicts.record(&grants, &lost);
        }
        // Causes that only prevent further sending are irrelevant if everything is settled.
        if self.verdicts.settled() == self.verdicts.len() {
            self.causes.retain(|cause| !cause.only_explains_unsent());
        }
        Ended { verdicts: self.verdicts, causes: self.causes }
    }
}
