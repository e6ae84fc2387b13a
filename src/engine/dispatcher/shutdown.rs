//! The end of a run: everything that is known is written, and what is not is called unknown.

use super::{Dispatcher, Ended};
use crate::api::transport::Transport;
use crate::ledger::{AttemptResult, AttemptState, Journal};
use crate::model::Operation;

impl<T: Transport, J: Journal> Dispatcher<'_, T, J> {
    /// Writes what is left to write and gives the verdicts away.
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
            // What this made ready never left: without these words in the ledger the next run
            // would have to take it for sent.
            for operation in Operation::ALL {
                self.withdraw(operation);
            }
        }
        // No answer was believed for these: whether they were applied is not known.
        let lost = AttemptResult {
            state: AttemptState::Lost,
            code: "Interrupted".into(),
            message: "the run ended before the answer was recorded".to_owned(),
            ..self.withdrawn()
        };
        for (grants, _) in std::mem::take(&mut self.in_doubt).into_values() {
            self.verdicts.record(&grants, &lost);
        }
        // What would have kept the rest back kept nothing back: the run has gone through.
        if self.verdicts.settled() == self.verdicts.len() {
            self.causes.retain(|cause| !cause.is_about_the_rest());
        }
        Ended { verdicts: self.verdicts, causes: self.causes }
    }
}
