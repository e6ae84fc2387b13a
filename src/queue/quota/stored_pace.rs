//! The state of the rate controller of each operation as Redis stores it, and the fold of new
//! reports into it.

use super::operation::ReportKind;
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

/// The controller of one operation. Its time is that of Redis since the first report.
#[derive(Serialize, Deserialize)]
struct StoredPace {
    pace: RateController,
    began: Option<Duration>,
    /// The latest time of a report; a report that arrives late counts at this time.
    at: Duration,
}

/// The new state of an operation, as `store_pace.lua` reads it.
#[derive(Serialize)]
pub(super) struct FoldedPace {
    rate: String,
    state: String,
}

/// Folds reports, as JSON, into the states of their operations.
pub(super) fn fold(
    reports: &[String],
    states: &BTreeMap<String, String>,
    ceiling_per_s: f64,
) -> BTreeMap<String, FoldedPace> {
    let mut sorted: Vec<(Duration, StoredReport)> = reports
        .iter()
        .filter_map(|report| serde_json::from_str::<StoredReport>(report).ok())
        .filter(|report| report.op < Operation::ALL.len())
        .filter_map(|report| Some((Duration::from_micros(report.at.parse().ok()?), report)))
        .collect();
    sorted.sort_by_key(|(at, _)| *at);
    let mut paces: BTreeMap<usize, StoredPace> = BTreeMap::new();
    for (at, report) in sorted {
        let pace = paces.entry(report.op).or_insert_with(|| {
            let state = states.get(&report.op.to_string()).map(String::as_str);
            StoredPace::read(state.unwrap_or_default(), ceiling_per_s)
        });
        pace.apply(at, &report);
    }
    let folded = paces.into_iter().map(|(op, pace)| {
        let rate = format!("{:.6}", pace.pace.rate_per_s());
        let state = serde_json::to_string(&pace).unwrap_or_default();
        (op.to_string(), FoldedPace { rate, state })
    });
    folded.collect()
}

impl StoredPace {
    /// The stored state; a new one if there is none, or it is of another version.
    fn read(state: &str, ceiling_per_s: f64) -> Self {
        let new = || Self {
            pace: RateController::without_slow_start(ceiling_per_s),
            began: None,
            at: Duration::ZERO,
        };
        serde_json::from_str(state).unwrap_or_else(|_| new())
    }

    fn apply(&mut self, at: Duration, report: &StoredReport) {
        let began = *self.began.get_or_insert(at);
        self.at = self.at.max(at.saturating_sub(began));
        let sent_at = Duration::from_micros(report.sent_at.parse().unwrap_or(0));
        let sent_at = sent_at.saturating_sub(began).min(self.at);
        let wait = report.wait.parse().ok().map(Duration::from_micros);
        let event = match report.kind {
            ReportKind::Sent => rate_controller::Event::Sent,
            ReportKind::Accepted => rate_controller::Event::Accepted { sent_at },
            ReportKind::Throttled => rate_controller::Event::Throttled { sent_at, wait },
        };
        self.pace.on(self.at, event);
    }
}
