//! Counts of recently accepted calls, per quarter of a second.

use std::fmt;
use std::time::Duration;

/// The resolution.
const SLOT_MS: u128 = 250;
/// Two minutes: services that count calls do so over a minute at most.
const SLOTS: usize = 480;

/// Counts of accepted calls since the last exhaustion ended.
#[derive(Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct AcceptedWindow {
    /// Calls in each of the latest slots. A slot's index is its number modulo the length.
    counts: Vec<u32>,
    /// The latest slot with a count.
    latest: usize,
    total: f64,
}

impl AcceptedWindow {
    pub(super) fn new() -> Self {
        Self { counts: vec![0; SLOTS], latest: 0, total: 0.0 }
    }

    /// Counts one accepted call.
    pub(super) fn count(&mut self, now: Duration) {
        let slot = slot_of(now);
        if slot > self.latest {
            for passed in (self.latest + 1..=slot).take(SLOTS) {
                self.counts[passed % SLOTS] = 0;
            }
            self.latest = slot;
        }
        let count = &mut self.counts[slot % SLOTS];
        *count = count.saturating_add(1);
        self.total += 1.0;
    }

    /// The number of all calls.
    pub(super) fn total(&self) -> f64 {
        self.total
    }

    /// The highest rate of accepted calls in any interval that starts at `from` or later and ends
    /// at `end`.
    ///
    /// If a window of the server ends at `end`, it is one of these intervals, and the calls in it
    /// are the quota, whatever its length. So the result is rarely below the quota. It is above the
    /// quota if the rate changed before the window started; the next exhaustion corrects that.
    pub(super) fn most_per_s(&self, from: Duration, end: Duration) -> f64 {
        let mut most = self.total / seconds(from, end);
        let mut calls = 0.0;
        let first = slot_of(from).max((self.latest + 1).saturating_sub(SLOTS));
        for slot in (first..=self.latest).rev() {
            calls += f64::from(self.counts[slot % SLOTS]);
            most = most.max(calls / seconds(start_of(slot).max(from), end));
        }
        most
    }
}

impl fmt::Debug for AcceptedWindow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptedWindow").field("total", &self.total).finish_non_exhaustive()
    }
}

/// A shorter interval would only measure chance.
fn seconds(from: Duration, to: Duration) -> f64 {
    to.saturating_sub(from).as_secs_f64().max(super::tuning::LEAST_ESTIMATED_S)
}

/// The number of a slot since the start of the run.
fn slot_of(at: Duration) -> usize {
    usize::try_from(at.as_millis() / SLOT_MS).unwrap_or(usize::MAX)
}

fn start_of(slot: usize) -> Duration {
    Duration::from_millis(250) * u32::try_from(slot).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts this many calls per second, evenly, from one second to another.
    fn count(history: &mut AcceptedWindow, from_s: u64, to_s: u64, per_s: u64) {
        for second in from_s..to_s {
            for call in 0..per_s {
                history.count(Duration::from_millis(second * 1000 + call * 1000 / per_s));
            }
        }
    }

    fn most(history: &AcceptedWindow, from_s: u64, end_s: u64) -> f64 {
        history.most_per_s(Duration::from_secs(from_s), Duration::from_secs(end_s))
    }

    #[test]
    fn a_window_that_began_in_a_ramp_still_gives_the_quota() {
        // A window of ten seconds at 20 per second: the probes before it ran far below that, and
        // its 200 calls were used up after five seconds.
        let mut history = AcceptedWindow::new();
        count(&mut history, 0, 30, 5);
        count(&mut history, 30, 35, 40);
        let quota_per_s = most(&history, 0, 40);
        assert!((20.0..21.0).contains(&quota_per_s), "{quota_per_s}");
        // The mean of all calls would be less than half of it.
        assert!(history.total() / 40.0 < 10.0);
    }

    #[test]
    fn only_the_total_counts_longer_than_two_minutes() {
        let mut history = AcceptedWindow::new();
        count(&mut history, 0, 10, 50);
        count(&mut history, 200, 330, 2);
        assert!((history.total() - 760.0).abs() < f64::EPSILON);
        let lately_per_s = most(&history, 0, 330);
        assert!((2.0..2.5).contains(&lately_per_s), "{lately_per_s}");
    }

    #[test]
    fn a_pause_of_hours_leaves_no_old_counts() {
        let mut history = AcceptedWindow::new();
        count(&mut history, 0, 120, 50);
        count(&mut history, 36_000, 36_001, 1);
        assert!(most(&history, 0, 36_001) < 1.5);
    }
}
