//! The dispatcher: the one owner of everything that changes during a run.
//!
//! A unit passes through these states, in this order, and every step is one function here:
//! waiting (in the [`Queue`]) -> armed (its intent is durable) -> under way (a worker has it) ->
//! answered (its result is being written) -> settled, or waiting again.
//!
//! At most one commit is under way; what comes up meanwhile goes into the next one, so that many
//! intents and results share one durable write.

use super::breaker::{Breaker, Change, Permit};
use super::decide::{Decision, Next, Sent, decide};
use super::events::Event;
use super::gate::Gate;
use super::pace;
use super::queue::{Queue, Unit};
use super::retry::{Budget, backoff};
use super::{Control, Settings, StopCause};
use crate::api::client::{Client, Repeat, Reply};
use crate::api::transport::Transport;
use crate::clock::WallClock;
use crate::ledger::{
    AttemptId, AttemptResult, AttemptState, GrantSet, Journal, JournalError, Record,
};
use crate::model::{Operation, Request};
use crate::plan::{GrantId, Plan};
use crate::verdicts::Verdicts;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// A service's wait that is told to whoever watches.
const WAIT_WORTH_TELLING: Duration = Duration::from_secs(5);

/// Everything that a run needs.
pub struct Engine<T, J> {
    /// What is to be done.
    pub plan: Arc<Plan>,
    /// Signs and sends.
    pub client: Arc<Client<T>>,
    /// Makes intents and results durable.
    pub journal: Arc<J>,
    /// For the times that are written down.
    pub clock: Arc<dyn WallClock>,
    /// Rates and limits.
    pub settings: Settings,
    /// What somebody asks of the run meanwhile.
    pub control: watch::Receiver<Control>,
}

/// Where a run starts from: nothing done, or what a ledger tells of earlier ones.
#[derive(Debug)]
pub struct Start {
    /// What became of each grant so far.
    pub verdicts: Verdicts,
    /// For each planned request, whether it was ever about to be sent; may be empty for none.
    pub touched: Vec<bool>,
    /// The number of the first attempt.
    pub first_attempt: AttemptId,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// What became of each grant.
    pub verdicts: Verdicts,
    /// Why it stopped early, all causes in order; empty when it went through.
    pub causes: Vec<StopCause>,
}

type Commit = Pin<Box<dyn Future<Output = Result<(), JournalError>> + Send>>;

/// What a commit makes true once it is durable.
#[derive(Default)]
struct Batch {
    records: Vec<Record>,
    intents: Vec<(AttemptId, Unit)>,
    results: Vec<(AttemptId, Unit, AttemptResult, Next)>,
}

/// What a worker brings back.
type Returned = (AttemptId, Unit, Reply);

struct Dispatcher<'a, T, J> {
    engine: &'a Engine<T, J>,
    events: &'a mut (dyn FnMut(Event) + Send),
    started: Instant,
    verdicts: Verdicts,
    queue: Queue,
    gates: [Gate; Operation::ALL.len()],
    breaker: Breaker,
    budget: Budget,
    random: fastrand::Rng,
    next_attempt: AttemptId,
    batch: Batch,
    committing: Option<(Batch, Commit)>,
    under_way: JoinSet<Returned>,
    /// What was sent and is not settled: unknown, should the run end now.
    in_doubt: BTreeMap<AttemptId, (GrantSet, Duration)>,
    last_failure: String,
    refusals: (String, u32),
    control: Control,
    stopping: bool,
    causes: Vec<StopCause>,
    /// When the budget lets a try after a failure go, if it said no.
    budget_due: Option<Duration>,
}

impl<T: Transport, J: Journal> Engine<T, J> {
    /// Carries the plan out. Returns when everything is settled, or as much as could be.
    pub async fn run(&self, start: Start, events: &mut (dyn FnMut(Event) + Send)) -> Ended {
        let queue = Queue::new(&self.plan, start.touched, |g| !start.verdicts.is_settled(g));
        let rate_per_s = self.settings.rate_per_s;
        let dispatcher = Dispatcher {
            engine: self,
            events,
            started: Instant::now(),
            verdicts: start.verdicts,
            queue,
            gates: std::array::from_fn(|_| Gate::new(rate_per_s)),
            breaker: Breaker::new(self.settings.max_attempts),
            budget: Budget::default(),
            random: fastrand::Rng::with_seed(self.settings.seed),
            next_attempt: start.first_attempt,
            batch: Batch::default(),
            committing: None,
            under_way: JoinSet::new(),
            in_doubt: BTreeMap::new(),
            last_failure: String::new(),
            refusals: (String::new(), 0),
            control: Control::Run,
            stopping: false,
            causes: Vec::new(),
            budget_due: None,
        };
        dispatcher.run().await
    }
}

impl<T: Transport, J: Journal> Dispatcher<'_, T, J> {
    async fn run(mut self) -> Ended {
        let mut control = self.engine.control.clone();
        let mut control_is_open = true;
        loop {
            self.obey(*control.borrow_and_update());
            self.watch_the_deadline();
            self.launch();
            // After what has left made room: else nothing would be ready when the next may leave.
            self.arm();
            self.commit();
            if self.control == Control::Abort || self.is_done() {
                break;
            }
            let wake = self.wake_at();
            tokio::select! {
                // In this order and not in a random one, so that the same events give the same
                // run; nothing starves, for the control is looked at in every round.
                biased;
                committed = poll_commit(&mut self.committing) => self.committed(committed),
                Some(returned) = self.under_way.join_next() => {
                    self.returned(returned);
                    while let Some(returned) = self.under_way.try_join_next() {
                        self.returned(returned);
                    }
                }
                changed = control.changed(), if control_is_open => {
                    control_is_open = changed.is_ok();
                }
                () = sleep_until(self.started, wake) => {}
            }
        }
        self.end().await
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn tell(&mut self, event: Event) {
        (self.events)(event);
    }

    fn stop(&mut self, cause: StopCause) {
        if let StopCause::Permission { operation, .. } = &cause {
            if let Some(operation) = Operation::from_name(operation) {
                self.queue.stop(operation);
            }
        } else {
            self.stopping = true;
        }
        if !self.causes.contains(&cause) {
            self.tell(Event::Stopping(cause.clone()));
            self.causes.push(cause);
        }
    }

    fn obey(&mut self, control: Control) {
        self.control = self.control.max(control);
        if self.control != Control::Run && !self.causes.contains(&StopCause::Signal) {
            self.stop(StopCause::Signal);
        }
    }

    fn watch_the_deadline(&mut self) {
        let over = self.engine.settings.deadline.is_some_and(|deadline| self.now() >= deadline);
        if over && !self.stopping {
            self.stop(StopCause::Deadline);
        }
    }

    // ---- waiting -> armed ----

    /// Writes intents for what may leave soon.
    fn arm(&mut self) {
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
        for operation in Operation::ALL {
            while self.gate(operation).has_room(concurrency) && self.armed_in_all() < most {
                let Some(unit) = self.next_affordable(operation, now, fresh_first) else { break };
                self.arm_unit(unit);
            }
        }
    }

    fn armed_in_all(&self) -> usize {
        self.gates.iter().map(|gate| gate.armed.len() + gate.arming).sum()
    }

    /// The next unit, if the budget for tries after failures has room for it.
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
                self.queue.repeat(unit, due);
                self.queue.next_fresh(&self.engine.plan, operation)
            }
        }
    }

    fn arm_unit(&mut self, unit: Unit) {
        let attempt = self.next_attempt;
        self.next_attempt += 1;
        let at = self.engine.clock.now();
        self.batch.records.push(Record::Intent { attempt, grants: unit.grants.clone(), at });
        self.gate(unit.operation).arming += 1;
        self.batch.intents.push((attempt, unit));
    }

    // ---- armed -> under way ----

    /// Sends what the pace and the breaker let go.
    fn launch(&mut self) {
        for operation in Operation::ALL {
            if self.stopping || self.is_stopped(operation) {
                self.withdraw(operation);
                continue;
            }
            while !self.gate(operation).armed.is_empty()
                && self.under_way.len() < self.engine.settings.concurrency
            {
                let now = self.now();
                if !matches!(self.breaker.permit(now), Permit::Yes | Permit::Probe)
                    || !self.gate(operation).take(now)
                {
                    break;
                }
                if let Some((attempt, unit)) = self.gate(operation).armed.pop_front() {
                    self.send(attempt, unit);
                }
            }
        }
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
        let waited = unit.waits_since.map(|since| self.now().saturating_sub(since));
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
        self.tell(Event::Sent { operation: unit.operation });
        let client = Arc::clone(&self.engine.client);
        self.under_way.spawn(attempt_of(client, request, repeat, attempt, unit));
    }

    /// Takes back what is armed and will not leave.
    fn withdraw(&mut self, operation: Operation) {
        while let Some((attempt, unit)) = self.gate(operation).armed.pop_front() {
            self.write_result(attempt, unit, self.withdrawn(), Next::Done);
        }
    }

    fn withdrawn(&self) -> AttemptResult {
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

    // ---- under way -> answered ----

    fn returned(&mut self, returned: Result<Returned, tokio::task::JoinError>) {
        let (attempt, unit, reply) = match returned {
            Ok(returned) => returned,
            // A worker that panics leaves its intent without a result: its grants are unknown.
            Err(error) => return self.stop(StopCause::Internal(format!("a worker died: {error}"))),
        };
        let wait = reply.wait;
        if let Some(ahead) = reply.clock_corrected {
            self.tell(Event::ClockCorrected { ahead });
        }
        let sent = Sent {
            operation: unit.operation,
            grants: unit.grants.len(),
            tries: unit.tries,
            max_attempts: self.engine.settings.max_attempts,
            spared: self.breaker.spares(self.now()),
            refusals: (&self.refusals.0, self.refusals.1),
        };
        crate::failpoint::hit("after-answer");
        let decision = decide(sent, reply, self.engine.clock.now());
        self.learn(attempt, &unit, &decision, wait);
        let Decision { result, next, .. } = decision;
        if let Next::Stop(cause) = &next {
            self.stop(cause.clone());
        }
        self.write_result(attempt, unit, result, next);
    }

    /// What pace, breaker and budget make of a reply.
    fn learn(
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
        let pace = &mut self.gates[unit.operation.index()].pace;
        if decision.healthy && result.state != AttemptState::Throttled {
            pace.on(now, pace::Event::Accepted { sent_at });
        }
        // Whatever else an answer says: a wait that it asks for is kept.
        if result.state == AttemptState::Throttled || wait.is_some() {
            pace.on(now, pace::Event::Throttled { sent_at, wait });
            if let Some(wait) = wait.filter(|wait| *wait >= WAIT_WORTH_TELLING) {
                self.tell(Event::Waiting { operation: unit.operation, wait });
            }
        }
        if !decision.healthy {
            self.last_failure = format!("{}: {}", result.code, result.message);
        }
        match self.breaker.heard(now, decision.healthy) {
            Change::None => {}
            Change::Opened(pause) => {
                let message = self.last_failure.clone();
                self.tell(Event::Paused { pause, message });
            }
            Change::Closed => self.tell(Event::Resumed),
        }
    }

    fn write_result(&mut self, attempt: AttemptId, unit: Unit, result: AttemptResult, next: Next) {
        let grants = unit.grants.clone();
        self.batch.records.push(Record::Result { attempt, grants, result: result.clone() });
        self.batch.results.push((attempt, unit, result, next));
    }

    // ---- answered -> settled, or waiting again ----

    /// Starts the next durable write, unless one is under way or there is nothing to write.
    fn commit(&mut self) {
        if self.committing.is_some() || self.batch.records.is_empty() {
            return;
        }
        let mut batch = std::mem::take(&mut self.batch);
        let records = std::mem::take(&mut batch.records);
        let journal = Arc::clone(&self.engine.journal);
        let commit = Box::pin(async move { journal.commit(records).await });
        self.committing = Some((batch, commit));
    }

    /// A commit is durable: what it holds may be sent, and believed. If it failed, neither.
    fn committed(&mut self, (batch, outcome): (Batch, Result<(), JournalError>)) {
        for (_, unit) in &batch.intents {
            self.gate(unit.operation).arming -= 1;
        }
        if let Err(error) = outcome {
            return self.stop(StopCause::Journal(error.0));
        }
        for (attempt, unit) in batch.intents {
            self.gate(unit.operation).armed.push_back((attempt, unit));
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
        self.tell(Event::Settled {
            operation: unit.operation,
            state: result.state,
            settled: self.verdicts.settled(),
            planned_done: unit.planned && next == Next::Done,
        });
        let now = self.now();
        let unit = Unit { attempts: unit.attempts + 1, waits_since: Some(now), ..unit };
        match next {
            Next::Done | Next::Stop(_) => {}
            // The pace pays for throttled calls, not the budget.
            Next::Again => self.queue.again(Unit { retry: None, ..unit }),
            Next::Split => self.queue.split(&unit),
            Next::Repeat(cost) | Next::Spare(cost) => {
                let tries = unit.tries + u32::from(matches!(next, Next::Repeat(_)));
                let delay = backoff(tries, &mut self.random);
                self.tell_retry(unit.grants.len(), delay, result);
                let unit = Unit { tries, retry: Some(cost), ..unit };
                self.queue.repeat(unit, now + delay);
            }
            Next::RepeatItems(places) => {
                let tries = unit.tries + 1;
                let delay = backoff(tries, &mut self.random);
                self.tell_retry(places.len(), delay, result);
                let all: Vec<GrantId> = unit.grants.iter().collect();
                let open = places.into_iter().map(|place| all[usize::from(place)]).collect();
                self.queue.repeat_items(&Unit { tries, ..unit }, open, now + delay);
            }
        }
    }

    fn tell_retry(&mut self, grants: usize, delay: Duration, result: &AttemptResult) {
        let code =
            match result.exceptions.iter().find(|e| e.status == crate::model::Status::Unknown) {
                Some(exception) => exception.code.to_string(),
                None => result.code.to_string(),
            };
        self.tell(Event::Retrying { grants, delay, code });
    }

    // ---- the loop's own questions ----

    fn gate(&mut self, operation: Operation) -> &mut Gate {
        &mut self.gates[operation.index()]
    }

    /// Nothing is under way or being written, and nothing is left to be sent.
    fn is_done(&mut self) -> bool {
        let is_written =
            self.committing.is_none() && (self.batch.records.is_empty() || self.journal_failed());
        let is_sent =
            self.under_way.is_empty() && self.gates.iter().all(|gate| gate.armed.is_empty());
        is_written && is_sent && (self.stopping || self.queue.is_empty(&self.engine.plan))
    }

    fn journal_failed(&self) -> bool {
        self.causes.iter().any(|cause| matches!(cause, StopCause::Journal(_)))
    }

    /// When something happens by itself next.
    fn wake_at(&self) -> Option<Duration> {
        let now = self.now();
        let deadline = self.engine.settings.deadline.filter(|_| !self.stopping);
        let permit = self.breaker.permit(now);
        let breaker = match permit {
            Permit::NotBefore(until) => Some(until),
            _ => None,
        };
        // What waits for a worker, or for a probe, is woken by their return.
        let full = self.under_way.len() >= self.engine.settings.concurrency;
        let is_open = !full && permit != Permit::NotNow;
        let gates = self.gates.iter().filter(|gate| is_open && !gate.armed.is_empty());
        let sends = gates.map(|gate| gate.next_at(now).max(breaker.unwrap_or_default()));
        let queue = Operation::ALL.iter().filter_map(|operation| self.queue.next_due(*operation));
        // What is due and was not armed waits for something else that wakes the loop.
        let later = queue.chain(self.budget_due).filter(|due| *due > now);
        deadline.into_iter().chain(breaker).chain(sends).chain(later).min()
    }

    /// Writes what is left to write and gives the verdicts away.
    async fn end(mut self) -> Ended {
        self.under_way.abort_all();
        loop {
            self.commit();
            let Some((batch, commit)) = self.committing.take() else { break };
            let outcome = commit.await;
            self.committed((batch, outcome));
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
        Ended { verdicts: self.verdicts, causes: self.causes }
    }
}

/// One attempt, made by a worker: takes values, returns values, and touches nothing else.
async fn attempt_of<T: Transport>(
    client: Arc<Client<T>>,
    request: Request,
    repeat: Repeat,
    attempt: AttemptId,
    unit: Unit,
) -> Returned {
    let reply = client.attempt(&request, repeat).await;
    (attempt, unit, reply)
}

/// Waits for the commit under way; for ever if there is none.
async fn poll_commit(
    committing: &mut Option<(Batch, Commit)>,
) -> (Batch, Result<(), JournalError>) {
    let outcome = match committing {
        Some((_, commit)) => commit.await,
        None => std::future::pending().await,
    };
    let batch = committing.take().map(|(batch, _)| batch).unwrap_or_default();
    (batch, outcome)
}

async fn sleep_until(started: Instant, wake: Option<Duration>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(started + wake).await,
        None => std::future::pending().await,
    }
}
