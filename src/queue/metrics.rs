//! Counters and gauges of a worker, in the text format of Prometheus.

use super::consumer::QueueDepth;
use super::entry::EntryUpdate;
use crate::engine::events::Event;
use crate::ledger::AttemptState;
use crate::model::{Action, Operation};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Counters and gauges of one worker.
#[derive(Debug, Default)]
pub struct Metrics {
    counts: Mutex<Counts>,
    commits: AtomicU64,
    redis_up: AtomicBool,
    ready: AtomicBool,
    paused: AtomicBool,
}

#[derive(Debug, Default)]
struct Counts {
    rows: BTreeMap<String, u64>,
    units: u64,
    requests: BTreeMap<(&'static str, &'static str), u64>,
    in_flight: u64,
    pace_per_s: BTreeMap<&'static str, f64>,
    queue: Option<QueueDepth>,
    oldest_s: f64,
}

impl Metrics {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        // No code that holds the lock leaves the values inconsistent.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts the outcome of an entry.
    pub fn record_outcome(&self, update: &EntryUpdate) {
        let mut counts = self.counts();
        match update.outcome_field("status") {
            "" => counts.units += 1,
            status => *counts.rows.entry(status.to_owned()).or_default() += 1,
        }
    }

    /// Counts an event of the engine.
    pub fn on_event(&self, event: &Event) {
        let mut counts = self.counts();
        match event {
            Event::Sent { .. } => counts.in_flight += 1,
            Event::Settled { operation, state, .. } if *state != AttemptState::Withdrawn => {
                counts.in_flight = counts.in_flight.saturating_sub(1);
                *counts.requests.entry((operation.name(), state.name())).or_default() += 1;
            }
            _ => {}
        }
    }

    /// Counts a write to Redis.
    pub fn record_commit(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    /// Sets whether Redis is reachable.
    pub fn set_redis_up(&self, up: bool) {
        self.redis_up.store(up, Ordering::Relaxed);
    }

    /// Sets whether this worker takes entries.
    pub fn set_ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// Sets whether the queue is paused.
    pub fn set_paused(&self, paused: bool) {
        self.paused.store(paused, Ordering::Relaxed);
    }

    /// Whether this worker takes entries and Redis is reachable.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed) && self.redis_up.load(Ordering::Relaxed)
    }

    /// Sets the pace of an operation.
    pub fn set_pace(&self, operation: Operation, per_s: f64) {
        self.counts().pace_per_s.insert(operation.name(), per_s);
    }

    /// Sets the state of the queue at a time.
    pub fn set_queue(&self, depth: &QueueDepth, now: Timestamp) {
        let age_ms = depth.oldest_ms.map_or(0, |at| now.as_millisecond() - at).max(0);
        let mut counts = self.counts();
        counts.queue = Some(*depth);
        counts.oldest_s = Duration::from_millis(age_ms.unsigned_abs()).as_secs_f64();
    }

    /// All metrics.
    pub fn text(&self) -> String {
        let counts = self.counts();
        let mut page = Page(String::new());
        page.head("rows_total", "counter", "Row messages with an outcome, by verdict.");
        for status in Action::Detach.statuses() {
            let rows = counts.rows.get(status.name()).copied().unwrap_or(0);
            page.line("rows_total", &format!("{{verdict=\"{status}\"}}"), rows);
        }
        page.one("units_total", "counter", "Units of jobs with an outcome.", counts.units);
        page.head("requests_total", "counter", "Requests, by operation and result.");
        for ((operation, result), requests) in &counts.requests {
            let labels = format!("{{operation=\"{operation}\",result=\"{result}\"}}");
            page.line("requests_total", &labels, *requests);
        }
        let of = |name: &str| -> u64 {
            counts.requests.iter().filter(|((_, r), _)| *r == name).map(|(_, n)| n).sum()
        };
        let all: u64 = counts.requests.values().sum();
        #[expect(clippy::cast_precision_loss, reason = "a share, for people")]
        let share = if all == 0 { 0.0 } else { of("throttled") as f64 / all as f64 };
        page.one("throttled_share", "gauge", "Share of requests that were throttled.", share);
        page.head("pace_per_second", "gauge", "Permitted requests per second, by operation.");
        for (operation, pace) in &counts.pace_per_s {
            page.line("pace_per_second", &format!("{{operation=\"{operation}\"}}"), pace);
        }
        page.one(
            "requests_in_flight",
            "gauge",
            "Requests without a response yet.",
            counts.in_flight,
        );
        counts.write_queue(&mut page);
        let commits = self.commits.load(Ordering::Relaxed);
        page.one("commits_total", "counter", "Durable writes of intents and outcomes.", commits);
        let up = u8::from(self.redis_up.load(Ordering::Relaxed));
        let paused = u8::from(self.paused.load(Ordering::Relaxed));
        page.one("queue_paused", "gauge", "Whether the queue is paused.", paused);
        page.one("redis_up", "gauge", "Whether Redis is reachable.", up);
        page.0
    }
}

impl Counts {
    fn write_queue(&self, page: &mut Page) {
        let QueueDepth { entries, pending, dead, workers, .. } = self.queue.unwrap_or_default();
        page.one("queue_entries", "gauge", "Entries in the stream.", entries);
        page.one("queue_pending", "gauge", "Entries that workers hold.", pending);
        page.one("queue_oldest_seconds", "gauge", "Age of the oldest entry.", self.oldest_s);
        page.one("queue_dead", "gauge", "Entries in the dead-letter stream.", dead);
        page.one("queue_workers", "gauge", "Workers of the group that are alive.", workers);
    }
}

struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.0, "# HELP bastion_revoke_{name} {help}");
        let _ = writeln!(self.0, "# TYPE bastion_revoke_{name} {kind}");
    }

    fn line(&mut self, name: &str, labels: &str, value: impl std::fmt::Display) {
        let _ = writeln!(self.0, "bastion_revoke_{name}{labels} {value}");
    }

    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, kind, help);
        self.line(name, "", value);
    }
}
