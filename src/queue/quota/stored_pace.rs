//! The state of the rate controller of each operation as Redis stores it, the fold of new reports
//! into it, and its restart after idle time.

use super::operation::ReportKind;
use super::remembered_pace::{RememberedPace, Shown};
use crate::engine::rate_controller::{self, RateController};
use crate::model::Operation;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A report as Redis stores it; times in microseconds of its clock.
#[derive(Deserialize)]
struct StoredReport {
    op: usize,
    kind: ReportKind,
    at: String,
    sent_at: String,
    wait: String,
}

/// The controller of one operation. Its time is that of Redis since its first report.
#[derive(Serialize, Deserialize)]
struct StoredPace {
    pace: RateController,
    began: Option<Duration>,
    /// The latest time of a report; a report that arrives late counts at this time.
    at: Duration,
    /// The time of the last decrease.
    #[serde(default)]
    cut_at: Duration,
    /// Whether a call was throttled, and how many were accepted at the rate, since it began.
    #[serde(default)]
    is_throttled: bool,
    #[serde(default)]
    accepted: f64,
    remembered: Option<RememberedPace>,
}

/// The new state of an operation, as `store_pace.lua` reads it.
#[derive(Serialize)]
pub(super) struct FoldedPace {
    rate: String,
    state: String,
    /// When it started again, if it did.
    due: Option<String>,
}

/// What Redis hands out with a worker's turn.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Turn {
    /// The time of Redis, in microseconds.
    now: String,
    operations: BTreeMap<usize, TurnOperation>,
}

#[derive(Debug, Deserialize)]
struct TurnOperation {
    /// The stored state, as JSON; empty if there is none.
    state: String,
    /// Slots up to this time, in microseconds, were reserved before the last decrease.
    reserved: String,
    /// Whether nothing was sent for so long that the pace is to start again.
    is_idle: bool,
}

/// Folds reports, as JSON, into the states of their operations; those that were idle start again.
pub(super) fn fold(
    reports: &[String],
    turn: &Turn,
    ceiling_per_s: f64,
) -> BTreeMap<usize, FoldedPace> {
    let mut sorted: Vec<(Duration, StoredReport)> = reports
        .iter()
        .filter_map(|report| serde_json::from_str::<StoredReport>(report).ok())
        .filter_map(|report| Some((Duration::from_micros(report.at.parse().ok()?), report)))
        .collect();
    sorted.sort_by_key(|(at, _)| *at);
    let now = Duration::from_micros(turn.now.parse().unwrap_or(0));
    let operations = turn.operations.iter().filter(|(op, _)| **op < Operation::ALL.len());
    let folded = operations.map(|(op, operation)| {
        let mut pace = StoredPace::read(&operation.state, ceiling_per_s);
        let reserved_until = Duration::from_micros(operation.reserved.parse().unwrap_or(0));
        for (at, report) in sorted.iter().filter(|(_, report)| report.op == *op) {
            pace.apply(*at, report, reserved_until);
        }
        if operation.is_idle {
            pace = pace.restarted(now, ceiling_per_s);
        }
        let rate = format!("{:.6}", pace.pace.rate_per_s());
        let state = serde_json::to_string(&pace).unwrap_or_default();
        let due = operation.is_idle.then(|| turn.now.clone());
        (*op, FoldedPace { rate, state, due })
    });
    folded.collect()
}

impl StoredPace {
    /// A controller that begins with its first report.
    fn new(pace: RateController, remembered: Option<RememberedPace>) -> Self {
        Self {
            pace,
            began: None,
            at: Duration::ZERO,
            cut_at: Duration::ZERO,
            is_throttled: false,
            accepted: 0.0,
            remembered,
        }
    }

    /// The stored state under the present ceiling; a new one if there is none, or it is of another
    /// version.
    fn read(state: &str, ceiling_per_s: f64) -> Self {
        match serde_json::from_str::<Self>(state) {
            Ok(mut stored) => {
                stored.pace.set_ceiling(ceiling_per_s);
                stored
            }
            Err(_) => Self::new(RateController::new(ceiling_per_s), None),
        }
    }

    /// A controller that starts again near the remembered rate.
    fn restarted(self, now: Duration, ceiling_per_s: f64) -> Self {
        let pace = match self.remembered {
            Some(remembered) => remembered.start(now).controller(ceiling_per_s),
            None => RateController::new(ceiling_per_s),
        };
        Self::new(pace, self.remembered)
    }

    fn apply(&mut self, at: Duration, report: &StoredReport, reserved_until: Duration) {
        let began = *self.began.get_or_insert(at);
        self.at = self.at.max(at.saturating_sub(began));
        let sent = Duration::from_micros(report.sent_at.parse().unwrap_or(0));
        let mut sent_at = sent.saturating_sub(began).min(self.at);
        if report.kind == ReportKind::Throttled && sent <= reserved_until {
            // For the controller it was in flight at the decrease, which could not stop it.
            sent_at = sent_at.min(self.cut_at);
        }
        let wait = report.wait.parse().ok().map(Duration::from_micros);
        let event = match report.kind {
            ReportKind::Sent => rate_controller::Event::Sent,
            ReportKind::Accepted => rate_controller::Event::Accepted { sent_at },
            ReportKind::Throttled => rate_controller::Event::Throttled { sent_at, wait },
        };
        let before_per_s = self.pace.rate_per_s();
        self.pace.on(self.at, event);
        if self.pace.rate_per_s() < before_per_s {
            self.cut_at = self.at;
        }
        match report.kind {
            ReportKind::Sent => {}
            ReportKind::Accepted => self.remember(began + self.at),
            ReportKind::Throttled => self.is_throttled = true,
        }
    }

    /// Remembers the rate if requests waited for it: otherwise it was not needed and is no evidence.
    fn remember(&mut self, now: Duration) {
        if !self.pace.is_used() {
            return;
        }
        self.accepted += 1.0;
        let shown = Shown {
            per_s: self.pace.rate_per_s(),
            is_throttled: self.is_throttled,
            accepted: self.accepted,
        };
        self.remembered = Some(RememberedPace::updated(self.remembered, shown, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEGAN_US: u64 = 1_795_000_000_000_000;

    /// A report of operation 0; times in milliseconds.
    fn report(kind: &str, at_ms: u64, sent_ms: u64) -> String {
        let us = |ms: u64| (BEGAN_US + ms * 1000).to_string();
        let (at, sent_at) = (us(at_ms), us(sent_ms));
        serde_json::json!({ "op": 0, "kind": kind, "at": at, "sent_at": sent_at, "wait": "-1" })
            .to_string()
    }

    fn turn(state: &str, now_ms: u64, reserved_ms: u64, is_idle: bool) -> Turn {
        let us = |ms: u64| (BEGAN_US + ms * 1000).to_string();
        let operation =
            TurnOperation { state: state.to_owned(), reserved: us(reserved_ms), is_idle };
        Turn { now: us(now_ms), operations: BTreeMap::from([(0, operation)]) }
    }

    /// Requests of ten seconds at 9.5 per second, answered after 20 ms; one of the last is
    /// throttled.
    fn ten_seconds() -> Vec<String> {
        let calls = 0..95_u64;
        let reports = calls.flat_map(|call| {
            let sent_ms = call * 1000 * 2 / 19;
            let kind = if call == 90 { "throttled" } else { "accepted" };
            [report("sent", sent_ms, sent_ms), report(kind, sent_ms + 20, sent_ms)]
        });
        reports.collect()
    }

    fn fold_one(reports: &[String], turn: &Turn, ceiling_per_s: f64) -> (f64, FoldedPace) {
        let pace = fold(reports, turn, ceiling_per_s).remove(&0).expect("the operation");
        (pace.rate.parse().expect("a rate"), pace)
    }

    #[test]
    fn an_idle_operation_starts_again_from_what_it_sustained_and_at_that_time() {
        let (sustained, busy) = fold_one(&ten_seconds(), &turn("", 10_000, 0, false), 10.0);
        assert!((9.0..10.0).contains(&sustained) && busy.due.is_none(), "{sustained}");
        let (rate, idle) = fold_one(&[], &turn(&busy.state, 10_000, 0, true), 10.0);
        assert!((rate / sustained - 0.8).abs() < 0.02, "{rate} after {sustained}");
        assert_eq!(idle.due, Some((BEGAN_US + 10_000_000).to_string()));
        // Again, without any work between: from the same memory.
        let (again, _) = fold_one(&[], &turn(&idle.state, 10_000, 0, true), 10.0);
        assert!((again - rate).abs() < 1e-9, "{again} after {rate}");
        let (unknown, _) = fold_one(&[], &turn("", 10_000, 0, true), 10.0);
        assert!((unknown - rate_controller::START_PER_S).abs() < 1e-9, "{unknown}");
    }

    #[test]
    fn a_slot_reserved_before_a_decrease_cannot_cause_another() {
        let (before, cut) = fold_one(&ten_seconds(), &turn("", 10_000, 0, false), 10.0);
        let late = [report("throttled", 10_200, 10_100)];
        let (reserved, _) = fold_one(&late, &turn(&cut.state, 10_300, 10_100, false), 10.0);
        assert!((reserved - before).abs() < 1e-9, "{reserved} after {before}");
        let (new, _) = fold_one(&late, &turn(&cut.state, 10_300, 10_099, false), 10.0);
        assert!(new < before, "{new} after {before}");
    }

    #[test]
    fn a_stored_state_follows_a_changed_ceiling() {
        let (_, stored) = fold_one(&ten_seconds(), &turn("", 10_000, 0, false), 10.0);
        let (lower, stored) = fold_one(&[], &turn(&stored.state, 10_000, 0, false), 2.0);
        assert!((lower - 2.0).abs() < 1e-9, "{lower}");
        let mut paced = StoredPace::read(&stored.state, 50.0);
        for call in 100..4000 {
            let at = Duration::from_micros(BEGAN_US + call * 100_000);
            for kind in ["sent", "accepted"] {
                let report = report(kind, call * 100, call * 100);
                paced.apply(at, &serde_json::from_str(&report).expect("a report"), Duration::ZERO);
            }
        }
        assert!(paced.pace.rate_per_s() > 3.0, "{}", paced.pace.rate_per_s());
    }
}
