//! A worker's share in the quota of one operation: reserved slots, and reports not yet sent.

use crate::engine::rate_controller::START_PER_S;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// A worker reserves slots until the last of them is so far ahead: a few round trips. Of many workers
/// each then has about one slot further ahead, and a new rate is in effect soon.
const RESERVED_AHEAD: Duration = Duration::from_millis(100);
/// If the rate falls below this share of the one before, the slots reserved at it are given up: the
/// service would throttle most of their requests.
const GIVE_UP_BELOW: f64 = 0.7;
/// The maximum number of slots that are reserved at once.
const MAX_RESERVED: usize = 200;
/// A slot that was not used within this time is dropped: it would only cause a burst.
const STALE_AFTER: Duration = Duration::from_millis(500);
/// The maximum number of reports kept while Redis is unreachable.
const MAX_REPORTS: usize = 1000;

/// The kind of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ReportKind {
    Sent,
    Accepted,
    Throttled,
}

/// An observation that the rate controller needs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Report {
    pub(super) kind: ReportKind,
    pub(super) at: Instant,
    pub(super) sent_at: Instant,
    /// The wait that the service asked for.
    pub(super) wait: Option<Duration>,
}

/// A request for slots of one operation, as `reserve.lua` reads it.
#[derive(Debug, Serialize)]
pub(super) struct SlotRequest {
    pub(super) op: usize,
    pub(super) want: usize,
    /// How long the worker has waited for its next slot, in microseconds.
    waiting: u64,
    ceiling: f64,
    start: f64,
    reports: Vec<ReportMessage>,
}

/// A report as `reserve.lua` reads it; ages in microseconds, -1 for no wait.
#[derive(Debug, Serialize)]
struct ReportMessage {
    kind: ReportKind,
    age: u64,
    sent_age: u64,
    wait: i64,
}

/// A worker's share of one operation.
#[derive(Debug, Default)]
pub(super) struct OperationQuota {
    pub(super) slots: VecDeque<Instant>,
    pub(super) wanted: usize,
    /// The most slots to request at once.
    most: usize,
    /// When a request for slots got none, since the last slot.
    waiting_since: Option<Instant>,
    pub(super) reports: Vec<Report>,
    pub(super) rate_per_s: f64,
    /// No request is sent before: the service asked for a wait.
    pub(super) hold: Option<Instant>,
    /// No slot is available before.
    pub(super) next_request_at: Option<Instant>,
}

impl OperationQuota {
    /// A share without slots.
    pub(super) fn new(ceiling_per_s: f64) -> Self {
        Self { rate_per_s: ceiling_per_s.min(START_PER_S), most: 1, ..Self::default() }
    }

    /// Drops slots that were not used in time.
    pub(super) fn drop_stale_slots(&mut self, now: Instant) {
        self.slots.retain(|slot| now < *slot + STALE_AFTER);
    }

    /// How many more slots to reserve; none if nothing waits to be sent.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive number, truncated"
    )]
    pub(super) fn missing(&self, now: Instant) -> usize {
        let ahead = self.slots.back().map_or(Duration::ZERO, |slot| slot.duration_since(now));
        if self.wanted == 0 || ahead >= RESERVED_AHEAD {
            return 0;
        }
        let missing_s = RESERVED_AHEAD.saturating_sub(ahead).as_secs_f64();
        ((self.rate_per_s * missing_s).ceil() as usize).clamp(1, self.most)
    }

    /// Takes the present rate.
    pub(super) fn set_rate(&mut self, rate_per_s: f64) {
        if rate_per_s < self.rate_per_s * GIVE_UP_BELOW {
            self.slots.clear();
        }
        self.rate_per_s = rate_per_s;
    }

    /// Adds the slots that a request got. If they are far enough ahead, other workers reserve slots
    /// too, and many at once would go far beyond; if not, the next request is for twice as many.
    pub(super) fn add_reserved(&mut self, slots: &[Instant], now: Instant) {
        self.slots.extend(slots);
        if let Some(last) = slots.last() {
            let is_enough = *last >= now + RESERVED_AHEAD;
            self.most = if is_enough { 1 } else { (self.most * 2).min(MAX_RESERVED) };
            self.waiting_since = None;
        } else {
            self.waiting_since.get_or_insert(now);
        }
    }

    /// The next request to Redis, and the reports in it; `None` if there is nothing to send.
    pub(super) fn next_request(
        &mut self,
        op: usize,
        ceiling_per_s: f64,
        now: Instant,
    ) -> Option<(SlotRequest, Vec<Report>)> {
        self.drop_stale_slots(now);
        if self.next_request_at.is_some_and(|at| at <= now) {
            self.next_request_at = None;
        }
        let want = if self.next_request_at.is_some() { 0 } else { self.missing(now) };
        if want == 0 && self.reports.is_empty() {
            return None;
        }
        let reports = std::mem::take(&mut self.reports);
        let request = SlotRequest {
            op,
            want,
            waiting: self.waiting_since.map_or(0, |since| micros(now.duration_since(since))),
            ceiling: ceiling_per_s,
            start: START_PER_S.min(ceiling_per_s),
            reports: reports.iter().map(|report| ReportMessage::new(report, now)).collect(),
        };
        Some((request, reports))
    }

    /// Takes back reports that could not be sent, unless there are too many.
    pub(super) fn restore(&mut self, reports: Vec<Report>) {
        if self.reports.len() < MAX_REPORTS {
            self.reports.splice(0..0, reports);
        }
    }
}

impl ReportMessage {
    fn new(report: &Report, now: Instant) -> Self {
        Self {
            kind: report.kind,
            age: micros(now - report.at),
            sent_age: micros(now - report.sent_at),
            wait: report.wait.map_or(-1, |wait| i64::try_from(micros(wait)).unwrap_or(-1)),
        }
    }
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The requested numbers of slots, if each request gets slots from `tail` on, spaced by the rate.
    fn requested(tail: Duration) -> Vec<usize> {
        let now = Instant::now();
        let mut operation = OperationQuota::new(1000.0);
        (operation.rate_per_s, operation.wanted) = (100.0, 1);
        let mut requested = Vec::new();
        while operation.missing(now) > 0 {
            let count = operation.missing(now);
            let from = operation.slots.back().map_or(now + tail, |slot| *slot + slot_interval());
            let slots =
                (0..u32::try_from(count).unwrap()).map(|slot| from + slot_interval() * slot);
            operation.add_reserved(&slots.collect::<Vec<_>>(), now);
            requested.push(count);
        }
        requested
    }

    fn slot_interval() -> Duration {
        Duration::from_millis(10)
    }

    #[test]
    fn a_worker_alone_soon_has_slots_for_a_tenth_of_a_second() {
        assert_eq!(requested(Duration::ZERO), [1, 2, 4, 4]);
    }

    #[test]
    fn a_worker_behind_others_reserves_one_slot() {
        assert_eq!(requested(Duration::from_millis(150)), [1]);
    }

    #[test]
    fn a_much_lower_rate_gives_up_the_slots_of_the_higher_one() {
        let now = Instant::now();
        let mut operation = OperationQuota::new(1000.0);
        operation.set_rate(100.0);
        operation.add_reserved(&[now, now + slot_interval()], now);
        operation.set_rate(71.0);
        assert_eq!(operation.slots.len(), 2);
        operation.set_rate(40.0);
        assert_eq!(operation.slots.len(), 0);
    }
}
