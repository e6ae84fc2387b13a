//! Waiting -> ready -> in flight: what is sent, and when.

use super::{Dispatcher, WorkerReply};
use crate::api::client::{Client, Repeat};
use crate::api::transport::Transport;
use crate::engine::StopCause;
use crate::engine::breaker::Permit;
use crate::engine::decide::Next;
use crate::engine::events::Event;
use crate::engine::send_queue::Unit;
use crate::ledger::{AttemptId, AttemptResult, AttemptState, Journal, Record};
use crate::model::{Operation, Request};
use std::sync::Arc;
use std::time::Duration;

impl<T: Transport, J: Journal> Dispatcher<'_, T, J> {
    /// Writes the intents of the units that may leave soon.
    pub(super) fn prepare(&mut self) {
        if self.stopping {
            return;
        }
        let now = self.now();
        self.budget_due = None;
        let (most, fresh_first) = match self.breaker.permit(now) {
            Permit::Yes => (usize::MAX, false),
            Permit::Probe => (1, true),
            Permit::NotBefore(_) | Permit::NotNow => return,
            Permit::GivenUp => {
                let message = self.last_failure.clone();
                return self.stop(StopCause::Unreachable { message });
            }
        };
        let concurrency = self.engine.settings.concurrency;
        for operation in self.engine.operations() {
            while self.admission(operation).has_room(concurrency) && self.ready_count() < most {
                let Some(unit) = self.next_affordable(operation, now, fresh_first) else { break };
                self.prepare_unit(unit);
            }
        }
    }

    pub(super) fn ready_count(&self) -> usize {
        self.admissions
            .iter()
            .map(|admission| admission.ready.len() + admission.being_written)
            .sum()
    }

    /// The next unit, if the retry budget allows it.
    fn next_affordable(
        &mut self,
        operation: Operation,
        now: Duration,
        fresh_first: bool,
    ) -> Option<Unit> {
        let unit = self.queue.next(&self.engine.plan, operation, now, fresh_first)?;
        let Some(cost) = unit.retry else { return Some(unit) };
        match self.budget.take(now, cost) {
            Ok(()) => Some(unit),
            Err(due) => {
                self.budget_due = Some(self.budget_due.map_or(due, |before| before.min(due)));
                self.queue.retry_at(unit, due);
                self.queue.next_fresh(&self.engine.plan, operation)
            }
        }
    }

    fn prepare_unit(&mut self, unit: Unit) {
        let attempt = self.next_attempt;
        self.next_attempt += 1;
        let at = self.engine.clock.now();
        self.batch.records.push(Record::Intent { attempt, grants: unit.grants.clone(), at });
        self.admission(unit.operation).being_written += 1;
        self.batch.intents.push((attempt, unit));
    }

    // ---- ready -> in flight ----

    /// Sends what the rate and the breaker allow.
    pub(super) fn send_ready(&mut self) {
        for operation in self.engine.operations() {
            if self.stopping || self.is_stopped(operation) {
                self.withdraw(operation);
                continue;
            }
            while !self.admission(operation).ready.is_empty()
                && self.in_flight.len() < self.engine.settings.concurrency
            {
                let now = self.now();
                if self.withdraw_first(operation) {
                    continue;
                }
                if !matches!(self.breaker.permit(now), Permit::Yes | Permit::Probe)
                    || !self.admission(operation).take(now)
                {
                    break;
                }
                if let Some((attempt, unit)) = self.admission(operation).ready.pop_front() {
                    self.send(attempt, unit);
                }
            }
        }
    }

    /// Withdraws the next unit if the journal no longer lets it be sent.
    fn withdraw_first(&mut self, operation: Operation) -> bool {
        let journal = &self.engine.journal;
        let admission = &mut self.admissions[operation.index()];
        let may_leave =
            |(attempt, unit): &(AttemptId, Unit)| journal.may_leave(*attempt, &unit.grants);
        if admission.ready.front().is_none_or(may_leave) {
            return false;
        }
        if let Some((attempt, unit)) = admission.ready.pop_front() {
            self.write_result(attempt, unit, self.withdrawn(), Next::Done);
        }
        true
    }

    fn is_stopped(&self, operation: Operation) -> bool {
        self.causes.iter().any(|cause| {
            matches!(cause, StopCause::Permission { operation: name, .. } if *name == operation.name())
        })
    }

    fn send(&mut self, attempt: AttemptId, unit: Unit) {
        let request = match self.engine.plan.request_for(unit.scope, unit.grants.iter()) {
            Ok(request) => request,
            Err(error) => {
                let unsendable = format!("a request that may not exist: {error}");
                self.stop(StopCause::Internal(unsendable));
                return self.write_result(attempt, unit, self.withdrawn(), Next::Done);
            }
        };
        debug_assert_eq!(request.grants(), unit.grants.len(), "items and grants correspond");
        let waited = unit.waiting_since.map(|since| self.now().saturating_sub(since));
        let repeat = Repeat { attempts: unit.attempts, delay: waited.unwrap_or_default() };
        tracing::debug!(
            attempt,
            operation = unit.operation.name(),
            grants = unit.grants.len(),
            earlier_attempts = unit.attempts,
            "request"
        );
        crate::failpoint::hit("before-send");
        self.breaker.sent();
        self.in_doubt.insert(attempt, (unit.grants.clone(), self.now()));
        let operation = unit.operation;
        let pace_per_s = self.admission(operation).rate_per_s();
        self.emit(Event::Sent { operation, pace_per_s });
        let client = Arc::clone(&self.engine.client);
        self.in_flight.spawn(attempt_of(client, request, repeat, attempt, unit));
    }

    /// Withdraws the ready units of an operation; they are not sent.
    pub(super) fn withdraw(&mut self, operation: Operation) {
        while let Some((attempt, unit)) = self.admission(operation).ready.pop_front() {
            self.write_result(attempt, unit, self.withdrawn(), Next::Done);
        }
    }

    pub(super) fn withdrawn(&self) -> AttemptResult {
        AttemptResult {
            state: AttemptState::Withdrawn,
            last: false,
            code: "".into(),
            message: String::new(),
            request_id: String::new(),
            finished_at: self.engine.clock.now(),
            exceptions: Vec::new(),
        }
    }
}

/// One attempt, made by a worker: it takes values, returns values, and changes nothing else.
async fn attempt_of<T: Transport>(
    client: Arc<Client<T>>,
    request: Request,
    repeat: Repeat,
    attempt: AttemptId,
    unit: Unit,
) -> WorkerReply {
    let reply = client.attempt(&request, repeat).await;
    (attempt, unit, reply)
}
