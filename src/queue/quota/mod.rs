//! One quota for all workers: slots are reserved in Redis, on its clock, at the rate that the same
//! controller as a single run's finds from the reports of all workers.
//!
//! Slots are reserved a little ahead, so that no request waits for Redis, and never far ahead, so
//! that a worker that fails wastes few. Reports go to Redis with the next request for slots. The
//! worker whose turn it is folds them into the controller's state, which Redis stores and which
//! outlives every worker. Without Redis there are no slots. After idle time nothing is reserved until
//! a worker has started the controller again, from the rate that was sustained before.
//!
//! | to change | open |
//! |---|---|
//! | reserving slots, and the fold's turn | this file, `scripts/reserve.lua` |
//! | a worker's slots and reports of one operation | `operation` |
//! | the controller's state in Redis | `stored_pace`, `scripts/store_pace.lua` |
//! | the start after idle time | `remembered_pace`, `engine::earlier_rate` |

mod backend;
mod operation;
mod remembered_pace;
mod stored_pace;

pub use backend::{QuotaBackend, RedisQuotaBackend};

use super::connection::ConnectionError;
use super::metrics::Metrics;
use super::reply::{list, number, text, texts};
use crate::engine::admission::Quota;
use crate::engine::rate_controller;
use crate::model::Operation;
use operation::{OperationQuota, Report, ReportKind, SlotRequest};
use redis::Value;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use stored_pace::Turn;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// How far ahead slots are reserved.
const MAX_AHEAD: Duration = Duration::from_secs(1);
/// Without a slot for so long, the pace starts again: the quota may have changed.
const IDLE_AFTER: Duration = Duration::from_secs(10 * 60);
/// The maximum delay of a report.
const REPORT_WITHIN: Duration = Duration::from_millis(50);
/// The pause after an error of Redis.
const RETRY_PAUSE: Duration = Duration::from_millis(500);
/// The minimum pause before slots are requested again after there were none.
const MIN_PAUSE: Duration = Duration::from_millis(5);

/// The share of one worker in the quota.
pub struct SharedQuota<B> {
    backend: B,
    ceiling_per_s: f64,
    operations: Mutex<[OperationQuota; Operation::ALL.len()]>,
    changes: watch::Sender<u64>,
    wanted: Notify,
    /// While it is true, no request is sent.
    paused: watch::Receiver<bool>,
    metrics: Option<Arc<Metrics>>,
}

impl<B: QuotaBackend> SharedQuota<B> {
    /// A share in a quota of which all workers together use at most `ceiling_per_s` per operation,
    /// and nothing while `paused` is true.
    pub fn new(
        backend: B,
        ceiling_per_s: f64,
        paused: watch::Receiver<bool>,
        metrics: Option<Arc<Metrics>>,
    ) -> Arc<Self> {
        Arc::new(Self {
            backend,
            ceiling_per_s,
            operations: Mutex::new(std::array::from_fn(|_| OperationQuota::new(ceiling_per_s))),
            changes: watch::Sender::new(0),
            wanted: Notify::new(),
            paused,
            metrics,
        })
    }

    fn operations(&self) -> MutexGuard<'_, [OperationQuota; Operation::ALL.len()]> {
        // No code that holds the lock leaves the numbers half changed.
        self.operations.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Synchronises with Redis whenever there is a reason to; runs until its task is aborted.
    pub async fn run(self: Arc<Self>) {
        loop {
            self.wanted.notified().await;
            loop {
                match self.sync().await {
                    // Several reports share one request.
                    Ok(Some(pause)) => {
                        tokio::select! {
                            () = tokio::time::sleep(pause) => {}
                            () = self.wanted.notified() => {}
                        }
                    }
                    Ok(None) => break,
                    Err(error) => {
                        tracing::debug!(%error, "cannot reserve slots");
                        tokio::time::sleep(RETRY_PAUSE).await;
                    }
                }
            }
        }
    }

    /// One request to Redis. Returns the pause before the next one, if one is due.
    async fn sync(&self) -> Result<Option<Duration>, ConnectionError> {
        let (requests, sent_reports) = self.next_requests();
        if requests.is_empty() {
            let next = self.operations().iter().filter_map(|op| op.next_request_at).min();
            return Ok(next.map(|at| at.saturating_duration_since(Instant::now())));
        }
        let us = |duration: Duration| duration.as_micros().to_string();
        let json = serde_json::to_string(&requests).unwrap_or_default();
        let arguments = [json, us(MAX_AHEAD), us(IDLE_AFTER), self.backend.now_us()];
        let reply = self.backend.eval(include_str!("../scripts/reserve.lua"), &arguments).await;
        let mut parts = match reply {
            Ok(reply) => list(reply).into_iter(),
            Err(error) => {
                let mut operations = self.operations();
                for (request, reports) in requests.iter().zip(sent_reports) {
                    operations[request.op].restore(reports);
                }
                return Err(error);
            }
        };
        let grants = parts.next().map(list).unwrap_or_default();
        self.on_reserved(&requests, grants);
        let turn = parts.next().map(list).unwrap_or_default();
        if !turn.is_empty() {
            self.fold(turn).await?;
        }
        Ok(Some(REPORT_WITHIN))
    }

    fn next_requests(&self) -> (Vec<SlotRequest>, Vec<Vec<Report>>) {
        let now = Instant::now();
        let mut operations = self.operations();
        let requests = operations
            .iter_mut()
            .enumerate()
            .filter_map(|(op, operation)| operation.next_request(op, self.ceiling_per_s, now));
        requests.unzip()
    }

    /// Takes the reserved slots, the rate and the waits of each requested operation.
    fn on_reserved(&self, requests: &[SlotRequest], replies: Vec<Value>) {
        let now = Instant::now();
        let us = |value: &Value| Duration::from_micros(u64::try_from(number(value)).unwrap_or(0));
        let mut operations = self.operations();
        for (request, reply) in requests.iter().zip(replies) {
            let operation = &mut operations[request.op];
            let mut parts = list(reply).into_iter();
            let slots = parts.next().map(list).unwrap_or_default();
            let next = parts.next().unwrap_or_default();
            let rate = parts.next().and_then(text).and_then(|rate| rate.parse::<f64>().ok());
            if let Some(rate) = rate.filter(|rate| *rate > 0.0) {
                operation.set_rate(rate);
                if let Some(metrics) = &self.metrics {
                    metrics.set_pace(Operation::ALL[request.op], rate);
                }
            }
            let slots: Vec<Instant> = slots.iter().map(|wait| now + us(wait)).collect();
            if request.want > 0 {
                operation.add_reserved(&slots, now);
            }
            if number(&next) >= 0 && request.want > 0 {
                operation.next_request_at = Some(now + us(&next).max(MIN_PAUSE));
            }
            let hold = us(&parts.next().unwrap_or_default());
            operation.hold = operation.hold.max((!hold.is_zero()).then(|| now + hold));
            // The wanted number is reserved, or requested already.
            operation.wanted = 0;
        }
        drop(operations);
        self.changes.send_modify(|version| *version += 1);
    }

    /// Folds the reports of all workers into the rate, when it is this worker's turn.
    async fn fold(&self, turn: Vec<Value>) -> Result<(), ConnectionError> {
        let mut parts = turn.into_iter();
        let turn = parts.next().and_then(text).unwrap_or_default();
        let reports = parts.next().map(texts).unwrap_or_default();
        let handed = parts.next().and_then(text).unwrap_or_default();
        let handed: Turn = serde_json::from_str(&handed).unwrap_or_default();
        let folded = stored_pace::fold(&reports, &handed, self.ceiling_per_s);
        let json = serde_json::to_string(&folded).unwrap_or_default();
        let arguments = [turn, reports.len().to_string(), json];
        self.backend.eval(include_str!("../scripts/store_pace.lua"), &arguments).await.map(drop)
    }
}

impl<B: QuotaBackend> Quota for SharedQuota<B> {
    fn rate_per_s(&self, operation: Operation) -> f64 {
        self.operations()[operation.index()].rate_per_s
    }

    fn next_at(&self, operation: Operation) -> Option<Instant> {
        if *self.paused.borrow() {
            return None;
        }
        let operations = self.operations();
        let operation = &operations[operation.index()];
        let slot = operation.slots.front().copied()?;
        Some(operation.hold.map_or(slot, |hold| slot.max(hold)))
    }

    fn take(&self, operation: Operation, wanted: usize) -> bool {
        if *self.paused.borrow() {
            return false;
        }
        let now = Instant::now();
        let mut operations = self.operations();
        let operation = &mut operations[operation.index()];
        operation.wanted = operation.wanted.max(wanted);
        operation.drop_stale_slots(now);
        let is_held = operation.hold.is_some_and(|hold| now < hold);
        let is_due = operation.slots.front().is_some_and(|slot| *slot <= now);
        let may_leave = is_due && !is_held;
        if may_leave {
            operation.slots.pop_front();
            let kind = ReportKind::Sent;
            operation.reports.push(Report { kind, at: now, sent_at: now, wait: None });
        }
        let needs_slots =
            operation.missing(now) > 0 && operation.next_request_at.is_none_or(|at| at <= now);
        drop(operations);
        if needs_slots {
            self.wanted.notify_one();
        }
        may_leave
    }

    fn on_event(&self, operation: Operation, started: Instant, event: rate_controller::Event) {
        let now = Instant::now();
        let (kind, sent_at, wait) = match event {
            rate_controller::Event::Sent => return,
            rate_controller::Event::Accepted { sent_at } => (ReportKind::Accepted, sent_at, None),
            rate_controller::Event::Throttled { sent_at, wait } => {
                (ReportKind::Throttled, sent_at, wait)
            }
        };
        let mut operations = self.operations();
        let operation = &mut operations[operation.index()];
        if let Some(wait) = wait {
            // Effective here at once, and for the other workers with their next request to Redis.
            operation.hold =
                operation.hold.max(Some(now + wait.min(rate_controller::LONGEST_WAIT)));
        }
        let sent_at = (started + sent_at).min(now);
        operation.reports.push(Report { kind, at: now, sent_at, wait });
        drop(operations);
        self.wanted.notify_one();
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
