//! In flight -> answered -> settled, or waiting again: the effects of a reply.

use super::{Batch, Dispatcher, WorkerReply};
use crate::api::transport::Transport;
use crate::engine::StopCause;
use crate::engine::breaker::Change;
use crate::engine::decide::{Decision, Next, Sent, decide};
use crate::engine::events::Event;
use crate::engine::rate_controller;
use crate::engine::retry::backoff;
use crate::engine::send_queue::Unit;
use crate::ledger::{AttemptId, AttemptResult, AttemptState, Journal, JournalError, Record};
use crate::model::Operation;
use crate::plan::GrantId;
use jiff::SignedDuration;
use std::sync::Arc;
use std::time::Duration;

/// Waits from this length on are reported.
const REPORTED_WAIT: Duration = Duration::from_secs(5);

/// The longest wait that a run without a deadline accepts.
const LONGEST_UNATTENDED_WAIT: Duration = Duration::from_secs(60 * 60);

impl<T: Transport, J: Journal> Dispatcher<'_, T, J> {
    pub(super) fn on_reply(&mut self, returned: Result<WorkerReply, tokio::task::JoinError>) {
        let (attempt, unit, reply) = match returned {
            Ok(returned) => returned,
            // A worker that panics leaves its intent without a result: its grants are unknown.
            Err(error) => return self.stop(StopCause::Internal(format!("a worker died: {error}"))),
        };
        let wait = reply.wait;
        if let Some(ahead) = reply.clock_corrected {
            self.emit(Event::ClockCorrected { ahead });
        }
        let sent = Sent {
            operation: unit.operation,
            grants: unit.grants.len(),
            tries: unit.tries,
            max_attempts: self.engine.settings.max_attempts,
            is_free_probe: self.breaker.is_probe_free(self.now()),
            refusals: (&self.refusals.0, self.refusals.1),
        };
        crate::failpoint::hit("after-answer");
        let decision = decide(sent, reply, self.engine.clock.now());
        self.update_controllers(attempt, &unit, &decision, wait);
        let Decision { result, next, .. } = decision;
        if let Next::Stop(cause) = &next {
            self.stop(cause.clone());
        }
        self.write_result(attempt, unit, result, next);
    }

    /// Updates the rate, the breaker and the retry budget.
    fn update_controllers(
        &mut self,
        attempt: AttemptId,
        unit: &Unit,
        decision: &Decision,
        wait: Option<Duration>,
    ) {
        let now = self.now();
        let result = &decision.result;
        match result.state {
            AttemptState::Refused if result.code == self.refusals.0 => self.refusals.1 += 1,
            AttemptState::Refused => self.refusals = (result.code.to_string(), 1),
            AttemptState::Answered => self.refusals = (String::new(), 0),
            _ => {}
        }
        if result.state == AttemptState::Answered {
            self.budget.succeeded(unit.retry);
        }
        let sent_at = self.in_doubt.get(&attempt).map_or(now, |(_, sent_at)| *sent_at);
        let admission = &mut self.admissions[unit.operation.index()];
        if decision.healthy && result.state != AttemptState::Throttled {
            admission.on_event(now, rate_controller::Event::Accepted { sent_at });
        }
        // A wait that the service asks for is kept, whatever else its answer says.
        if result.state == AttemptState::Throttled || wait.is_some() {
            admission.on_event(now, rate_controller::Event::Throttled { sent_at, wait });
            if let Some(wait) = wait {
                self.on_wait(unit.operation, wait);
            }
        }
        if !decision.healthy {
            self.last_failure = format!("{}: {}", result.code, result.message);
        }
        match self.breaker.on_event(now, decision.healthy) {
            Change::None => {}
            Change::Opened(pause) => {
                let message = self.last_failure.clone();
                self.emit(Event::Paused { pause, message });
            }
            Change::Closed => self.emit(Event::Resumed),
        }
    }

    /// Reports a wait that the service asks for. A wait of more than an hour stops a run without a
    /// deadline: it can be resumed later, and nobody expects it to hang for a day.
    fn on_wait(&mut self, operation: Operation, wait: Duration) {
        let wait = wait.min(rate_controller::LONGEST_WAIT);
        if wait >= REPORTED_WAIT {
            let span = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
            let now = self.engine.clock.now();
            let until = now.checked_add(span).unwrap_or(now);
            self.emit(Event::Waiting { operation, wait, until });
        }
        if wait > LONGEST_UNATTENDED_WAIT && self.engine.settings.deadline.is_none() {
            self.stop(StopCause::LongWait { operation: operation.name(), wait });
        }
    }

    pub(super) fn write_result(
        &mut self,
        attempt: AttemptId,
        unit: Unit,
        result: AttemptResult,
        next: Next,
    ) {
        let grants = unit.grants.clone();
        self.batch.records.push(Record::Result { attempt, grants, result: result.clone() });
        self.batch.results.push((attempt, unit, result, next));
    }

    // ---- answered -> settled, or waiting again ----

    /// Starts the next durable write, unless one is under way or there is nothing to write.
    pub(super) fn commit(&mut self) {
        if self.committing.is_some() || self.batch.records.is_empty() {
            return;
        }
        let mut batch = std::mem::take(&mut self.batch);
        let records = std::mem::take(&mut batch.records);
        let journal = Arc::clone(&self.engine.journal);
        let commit = Box::pin(async move { journal.commit(records).await });
        self.committing = Some((batch, commit));
    }

    /// Continues after a commit. If it succeeded, its intents may be sent and its results count; if
    /// it failed, neither.
    pub(super) fn on_committed(&mut self, (batch, outcome): (Batch, Result<(), JournalError>)) {
        for (_, unit) in &batch.intents {
            self.admission(unit.operation).being_written -= 1;
        }
        if let Err(error) = outcome {
            return self.stop(StopCause::Journal(error.0));
        }
        for (attempt, unit) in batch.intents {
            self.admission(unit.operation).ready.push_back((attempt, unit));
        }
        for (attempt, unit, result, next) in batch.results {
            self.in_doubt.remove(&attempt);
            tracing::debug!(
                attempt,
                state = result.state.name(),
                code = &*result.code,
                request_id = result.request_id,
                "answer"
            );
            self.settle(unit, &result, next);
        }
    }

    fn settle(&mut self, unit: Unit, result: &AttemptResult, next: Next) {
        self.verdicts.record(&unit.grants, result);
        self.answered += usize::from(result.state.is_sending());
        self.emit(Event::Settled {
            operation: unit.operation,
            state: result.state,
            settled: self.verdicts.settled(),
            settled_rows: self.verdicts.settled_rows(),
            failed: self.verdicts.failed(),
            planned_done: unit.planned && next == Next::Done,
        });
        let now = self.now();
        let unit = Unit { attempts: unit.attempts + 1, waiting_since: Some(now), ..unit };
        match next {
            Next::Done | Next::Stop(_) => {}
            // The rate is reduced for throttled calls; the retry budget is not charged.
            Next::Requeue => self.queue.requeue(Unit { retry: None, ..unit }),
            Next::Split => self.queue.split(&unit),
            Next::Retry(cost) | Next::RetryFree(cost) => {
                let tries = unit.tries + u32::from(matches!(next, Next::Retry(_)));
                let delay = backoff(tries, &mut self.random);
                self.emit_retry(unit.grants.len(), delay, result);
                let unit = Unit { tries, retry: Some(cost), ..unit };
                self.queue.retry_at(unit, now + delay);
            }
            Next::RetryItems(places) => {
                let tries = unit.tries + 1;
                let delay = backoff(tries, &mut self.random);
                self.emit_retry(places.len(), delay, result);
                let all: Vec<GrantId> = unit.grants.iter().collect();
                let open = places.into_iter().map(|place| all[usize::from(place)]).collect();
                self.queue.retry_items(&Unit { tries, ..unit }, open, now + delay);
            }
        }
    }

    fn emit_retry(&mut self, grants: usize, delay: Duration, result: &AttemptResult) {
        let code =
            match result.exceptions.iter().find(|e| e.status == crate::model::Status::Unknown) {
                Some(exception) => exception.code.to_string(),
                None => result.code.to_string(),
            };
        self.emit(Event::Retrying { grants, delay, code });
    }
}
