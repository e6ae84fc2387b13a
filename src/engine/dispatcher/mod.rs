//! The dispatcher owns all state that changes during a run.
//!
//! A unit passes through these states in order, and each step is one function: waiting (in the
//! [`Queue`]) -> ready (its intent is durable) -> in flight (a worker has it), in `sending`; ->
//! answered (its result is being written) -> settled, or waiting again, in `results`.
//!
//! At most one commit is in flight. Intents and results that arrive meanwhile go into the next one,
//! and so share one durable write.

mod canary;
mod quota_shares;
mod results;
mod sending;
mod shutdown;

use super::admission::{Admission, Quota};
use super::breaker::{Breaker, Permit};
use super::decide::Next;
use super::earlier_rate::{EarlierRate, earlier_rate_of};
use super::events::Event;
use super::retry::Budget;
use super::send_queue::{Queue, Unit};
use super::{Control, Settings, StopCause};
use crate::api::client::{Client, Reply};
use crate::api::transport::Transport;
use crate::clock::WallClock;
use crate::ledger::{AttemptId, AttemptResult, GrantSet, Journal, JournalError, Record};
use crate::model::Operation;
use crate::plan::Plan;
use crate::verdicts::{LedgerState, Verdicts};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// What a run needs.
pub struct Engine<T, J> {
    /// The planned requests.
    pub plan: Arc<Plan>,
    /// Signs and sends requests.
    pub client: Arc<Client<T>>,
    /// Makes intents and results durable.
    pub journal: Arc<J>,
    /// The source of recorded times.
    pub clock: Arc<dyn WallClock>,
    /// Rates and limits.
    pub settings: Settings,
    /// What the user or the operating system asks of the run.
    pub control: watch::Receiver<Control>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    /// The verdict of each grant.
    pub verdicts: Verdicts,
    /// Why it stopped early, all causes in order; empty if it completed.
    pub causes: Vec<StopCause>,
}

type Commit = Pin<Box<dyn Future<Output = Result<(), JournalError>> + Send>>;

/// The records of a commit, and the steps that follow once it is durable.
#[derive(Default)]
struct Batch {
    records: Vec<Record>,
    intents: Vec<(AttemptId, Unit)>,
    results: Vec<(AttemptId, Unit, AttemptResult, Next)>,
}

/// A worker's reply.
type WorkerReply = (AttemptId, Unit, Reply);

struct Dispatcher<'a, T, J> {
    engine: &'a Engine<T, J>,
    events: &'a mut (dyn FnMut(Event) + Send),
    started: Instant,
    verdicts: Verdicts,
    queue: Queue,
    admissions: [Admission; Operation::ALL.len()],
    /// Operations that had requests waiting and have not finished.
    unfinished: [bool; Operation::ALL.len()],
    /// Reports changes of a shared quota.
    quota_changes: Option<watch::Receiver<u64>>,
    breaker: Breaker,
    budget: Budget,
    random: fastrand::Rng,
    next_attempt: AttemptId,
    batch: Batch,
    committing: Option<(Batch, Commit)>,
    in_flight: JoinSet<WorkerReply>,
    /// Sent and unsettled attempts, with their sending times. They are unknown if the run ends now.
    in_doubt: BTreeMap<AttemptId, (GrantSet, Duration)>,
    last_failure: String,
    refusals: (String, u32),
    control: Control,
    /// The number of planned requests that must succeed before the rest is sent; `None` once they
    /// have.
    canary: Option<usize>,
    /// Requests that were answered or may have been, by this run and earlier ones.
    answered: usize,
    stopping: bool,
    causes: Vec<StopCause>,
    /// When the budget allows the next retry, if it refused one.
    budget_due: Option<Duration>,
}

impl<T, J> Engine<T, J> {
    /// The operations that may be called.
    fn operations(&self) -> [Operation; Operation::ALL.len()] {
        Operation::of(self.plan.action())
    }
}

impl<T: Transport, J: Journal> Engine<T, J> {
    /// Sends the plan's requests. Returns when everything is settled, or as much as possible.
    pub async fn run(&self, start: LedgerState, events: &mut (dyn FnMut(Event) + Send)) -> Ended {
        let rate_per_s = self.settings.rate_per_s;
        let admissions = self
            .operations()
            .map(|operation| earlier_rate_of(&self.plan, &start, operation, self.clock.now()))
            .map(|earlier| Admission::new(rate_per_s, earlier));
        self.run_through(admissions, None, start, events).await
    }

    /// Like [`Engine::run`], but starts at this rate, in requests per second of each operation: for
    /// a service with a known quota, and for measurements without one.
    pub async fn run_from(
        &self,
        start_per_s: f64,
        start: LedgerState,
        events: &mut (dyn FnMut(Event) + Send),
    ) -> Ended {
        let rate_per_s = self.settings.rate_per_s;
        let start_rate = EarlierRate { per_s: start_per_s, is_limit_known: true };
        let admissions = Operation::ALL.map(|_| Admission::new(rate_per_s, Some(start_rate)));
        self.run_through(admissions, None, start, events).await
    }

    /// Like [`Engine::run`], with a quota that is shared with other processes.
    pub async fn run_with(
        &self,
        quota: &Arc<dyn Quota>,
        start: LedgerState,
        events: &mut (dyn FnMut(Event) + Send),
    ) -> Ended {
        let started = Instant::now();
        let admissions = self
            .operations()
            .map(|operation| Admission::shared(Arc::clone(quota), operation, started));
        self.run_through(admissions, Some((started, quota.changes())), start, events).await
    }

    async fn run_through(
        &self,
        admissions: [Admission; Operation::ALL.len()],
        shared: Option<(Instant, watch::Receiver<u64>)>,
        mut start: LedgerState,
        events: &mut (dyn FnMut(Event) + Send),
    ) -> Ended {
        start.verdicts.count_rows(self.plan.rows());
        let canary = self.settings.canary.filter(|requests| *requests < self.plan.requests());
        let sent = start.sent_requests(&self.plan);
        let answered = sent.iter().filter(|sent| **sent).count();
        let is_open = |grant| !start.verdicts.is_settled(grant);
        let queue = Queue::new(&self.plan, sent, canary, is_open);
        let (started, quota_changes) = match shared {
            Some((started, changes)) => (started, Some(changes)),
            None => (Instant::now(), None),
        };
        let dispatcher = Dispatcher {
            engine: self,
            events,
            started,
            verdicts: start.verdicts,
            queue,
            admissions,
            unfinished: [false; Operation::ALL.len()],
            quota_changes,
            breaker: Breaker::new(self.settings.max_attempts),
            budget: Budget::default(),
            random: fastrand::Rng::with_seed(self.settings.seed),
            next_attempt: start.next_attempt,
            batch: Batch::default(),
            committing: None,
            in_flight: JoinSet::new(),
            in_doubt: BTreeMap::new(),
            last_failure: String::new(),
            refusals: (String::new(), 0),
            control: Control::Run,
            canary,
            answered,
            stopping: false,
            causes: Vec::new(),
            budget_due: None,
        };
        dispatcher.run().await
    }
}

impl<T: Transport, J: Journal> Dispatcher<'_, T, J> {
    async fn run(mut self) -> Ended {
        let waiting = self.queue.waiting(&self.engine.plan);
        self.start_sharing(&waiting);
        let (settled, settled_rows) = (self.verdicts.settled(), self.verdicts.settled_rows());
        let pace_per_s = Some(std::array::from_fn(|n| self.admissions[n].rate_per_s()));
        self.emit(Event::Started { waiting, settled, settled_rows, pace_per_s });
        let mut control = self.engine.control.clone();
        let mut control_is_open = true;
        loop {
            self.set_control(*control.borrow_and_update());
            self.check_deadline();
            self.check_fail_over();
            self.check_canary();
            self.send_ready();
            // After sending, which makes room: otherwise no unit would be ready when the next may
            // leave.
            self.prepare();
            self.check_finished();
            self.commit();
            if self.control == Control::Abort || self.is_done() {
                break;
            }
            let wake = self.wake_at();
            tokio::select! {
                // In this order and not a random one, so the same events give the same run. No
                // branch starves: `control` is checked in each round.
                biased;
                committed = poll_commit(&mut self.committing) => self.on_committed(committed),
                Some(returned) = self.in_flight.join_next() => {
                    self.on_reply(returned);
                    while let Some(returned) = self.in_flight.try_join_next() {
                        self.on_reply(returned);
                    }
                }
                changed = control.changed(), if control_is_open => {
                    control_is_open = changed.is_ok();
                }
                () = quota_changed(&mut self.quota_changes) => {}
                () = sleep_until(self.started, wake) => {}
            }
        }
        self.end().await
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn emit(&mut self, event: Event) {
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
            self.emit(Event::Stopping(cause.clone()));
            self.causes.push(cause);
        }
    }

    fn set_control(&mut self, control: Control) {
        self.control = self.control.max(control);
        if self.control != Control::Run && !self.causes.contains(&StopCause::Signal) {
            self.stop(StopCause::Signal);
        }
    }

    fn check_deadline(&mut self) {
        let over = self.engine.settings.deadline.is_some_and(|deadline| self.now() >= deadline);
        if over && !self.stopping {
            self.stop(StopCause::Deadline);
        }
    }

    fn admission(&mut self, operation: Operation) -> &mut Admission {
        &mut self.admissions[operation.index()]
    }

    /// Whether nothing is in flight, being written or waiting.
    fn is_done(&mut self) -> bool {
        let is_written =
            self.committing.is_none() && (self.batch.records.is_empty() || self.journal_failed());
        let is_sent = self.in_flight.is_empty()
            && self.admissions.iter().all(|admission| admission.ready.is_empty());
        is_written && is_sent && (self.stopping || self.queue.is_empty(&self.engine.plan))
    }

    fn journal_failed(&self) -> bool {
        self.causes.iter().any(|cause| matches!(cause, StopCause::Journal(_)))
    }

    /// When the next timer is due.
    fn wake_at(&self) -> Option<Duration> {
        let now = self.now();
        let deadline = self.engine.settings.deadline.filter(|_| !self.stopping);
        let permit = self.breaker.permit(now);
        let breaker = match permit {
            Permit::NotBefore(until) => Some(until),
            _ => None,
        };
        // Units that wait for a worker or a probe are woken by its return.
        let full = self.in_flight.len() >= self.engine.settings.concurrency;
        let is_open = !full && permit != Permit::NotNow;
        let admissions =
            self.admissions.iter().filter(|admission| is_open && !admission.ready.is_empty());
        let sends =
            admissions.map(|admission| admission.next_at(now).max(breaker.unwrap_or_default()));
        let operations = self.engine.operations();
        let queue = operations.iter().filter_map(|operation| self.queue.next_due(*operation));
        // A unit that is due but not ready waits for something else that wakes the loop.
        let later = queue.chain(self.budget_due).filter(|due| *due > now);
        deadline.into_iter().chain(breaker).chain(sends).chain(later).min()
    }
}

/// Waits for the commit in flight; for ever if there is none.
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

/// Waits for a change of the shared quota; for ever if there is none.
async fn quota_changed(changes: &mut Option<watch::Receiver<u64>>) {
    let is_open = match changes {
        Some(changes) => changes.changed().await.is_ok(),
        None => false,
    };
    if !is_open {
        std::future::pending::<()>().await;
    }
}

async fn sleep_until(started: Instant, wake: Option<Duration>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(started + wake).await,
        None => std::future::pending().await,
    }
}
