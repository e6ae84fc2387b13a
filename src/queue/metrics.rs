//! What a worker counts, as text that Prometheus reads.

use super::scripts::Step;
use crate::engine::events::Event;
use crate::ledger::AttemptState;
use crate::model::{Operation, Status};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Counters and gauges of one worker.
#[derive(Debug, Default)]
pub struct Metrics {
    counts: Mutex<Counts>,
    commits: AtomicU64,
    reachable: AtomicBool,
    ready: AtomicBool,
}

#[derive(Debug, Default)]
struct Counts {
    rows: BTreeMap<String, u64>,
    units: u64,
    requests: BTreeMap<(&'static str, &'static str), u64>,
    in_flight: u64,
    pace_per_s: BTreeMap<&'static str, f64>,
    depth: u64,
    pending: u64,
    oldest_s: f64,
}

impl Metrics {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        // A panic elsewhere leaves the numbers as good as they were.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An entry is done with.
    pub fn done(&self, step: &Step) {
        let mut counts = self.counts();
        let words = step.outcome.as_deref().unwrap_or_default();
        let status = words.chunks(2).find(|pair| pair[0] == "status").and_then(|pair| pair.get(1));
        match status {
            Some(status) => *counts.rows.entry(status.clone()).or_default() += 1,
            None => counts.units += 1,
        }
    }

    /// Takes in what the engine tells.
    pub fn on(&self, event: &Event) {
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

    /// Something was stored in Redis.
    pub fn committed(&self) {
        self.commits.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether Redis answers.
    pub fn reachable(&self, answers: bool) {
        self.reachable.store(answers, Ordering::Relaxed);
    }

    /// Whether this worker takes work.
    pub fn ready(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// Whether this worker takes work, and Redis answers.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed) && self.reachable.load(Ordering::Relaxed)
    }

    /// The pace of an operation.
    pub fn pace(&self, operation: Operation, per_s: f64) {
        self.counts().pace_per_s.insert(operation.name(), per_s);
    }

    /// How full the queue is: entries, those of them that are being worked on, and the age of the
    /// oldest.
    pub fn queue(&self, depth: u64, pending: u64, oldest_s: f64) {
        let mut counts = self.counts();
        (counts.depth, counts.pending, counts.oldest_s) = (depth, pending, oldest_s);
    }

    /// All of it.
    pub fn text(&self) -> String {
        let counts = self.counts();
        let mut page = Page(String::new());
        page.head("rows_total", "counter", "Row messages that are done with, by verdict.");
        for status in Status::ALL {
            let rows = counts.rows.get(status.name()).copied().unwrap_or(0);
            page.line("rows_total", &format!("{{verdict=\"{status}\"}}"), rows);
        }
        page.one("units_total", "counter", "Units of jobs that are done with.", counts.units);
        page.head("requests_total", "counter", "Requests, by operation and how they ended.");
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
        page.one("throttled_share", "gauge", "Throttled requests among all.", share);
        page.head("pace_per_second", "gauge", "Requests a second that may leave, by operation.");
        for (operation, pace) in &counts.pace_per_s {
            page.line("pace_per_second", &format!("{{operation=\"{operation}\"}}"), pace);
        }
        page.one(
            "requests_in_flight",
            "gauge",
            "Requests without an answer yet.",
            counts.in_flight,
        );
        page.one("queue_entries", "gauge", "Entries in the stream.", counts.depth);
        page.one("queue_pending", "gauge", "Entries that workers hold.", counts.pending);
        page.one("queue_oldest_seconds", "gauge", "Age of the oldest entry.", counts.oldest_s);
        let commits = self.commits.load(Ordering::Relaxed);
        page.one("commits_total", "counter", "Durable writes of intents and outcomes.", commits);
        let up = u8::from(self.reachable.load(Ordering::Relaxed));
        page.one("redis_up", "gauge", "Whether Redis answers.", up);
        page.0
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
