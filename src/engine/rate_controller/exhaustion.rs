//! A server that accepts nothing for a while: its window is used up.
//!
//! The calls that a window accepted, divided by its length, are the quota itself. The length is
//! not known, but a closure ends where a window does: see [`AcceptedWindow::most_per_s`].

use std::time::Duration;

use super::accepted_window::AcceptedWindow;

/// This many throttled calls in a row, with none accepted between, are a closure ...
const CLOSED_AFTER: u32 = 4;
/// ... if they do not arrive in one heap.
const CLOSED_FOR_S: f64 = 0.1;
/// Closures shorter than this say nothing about the quota beyond an ordinary throttle.
const SHORT_S: f64 = 0.3;
/// We go on a little below the estimate: the next look corrects what is too low, while a pace
/// above the quota closes every window.
const TRY_BELOW: f64 = 0.997;
/// An estimate from a time when the pace was low is too low; believe it no further than this.
const LEAST: f64 = 0.4;
/// A short wait that comes after a long time without any tells of little: the quota is not
/// exceeded by more. Servers round their waits, so that even this may be too much.
const LEAST_AFTER_QUIET: f64 = 0.98;
const QUIET_S: f64 = 5.0;
/// A shorter time than this is not estimated from ...
pub(super) const ENOUGH_S: f64 = 0.8;
/// ... but takes this share of the pace.
const BLIND: f64 = 0.7;

/// What is known about the closure that may be under way, and the time since the last one.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct QuotaExhaustion {
    /// Throttled calls since the last accepted one.
    run: u32,
    run_from: Duration,
    /// The pace that was good when the run began.
    good_per_s: f64,
    /// Whether the run ended a look for the limit.
    looked: bool,
    closed: bool,
    /// Whether a wait that the server asked for has ended a closure before.
    waited: bool,
    /// The end of the last closure, and what was accepted since.
    counted_from: Duration,
    history: AcceptedWindow,
}

impl QuotaExhaustion {
    pub(super) fn new() -> Self {
        Self {
            run: 0,
            run_from: Duration::ZERO,
            good_per_s: 0.0,
            looked: false,
            closed: false,
            waited: false,
            counted_from: Duration::ZERO,
            history: AcceptedWindow::new(),
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Whether it was our look for the limit that closed the server, and not a quota that fell.
    pub(super) fn looked(&self) -> bool {
        self.looked
    }

    pub(super) fn count_accepted(&mut self, now: Duration) {
        self.history.count(now);
    }

    /// Whether a call was accepted just before the latest throttled one. If not, it tells no more
    /// than the one before it.
    pub(super) fn run_begins(&self) -> bool {
        self.run == 1
    }

    /// Whether the latest three throttled calls had none accepted between.
    pub(super) fn is_one_run(&self) -> bool {
        self.run >= 3
    }

    pub(super) fn run_ends(&mut self) {
        self.run = 0;
    }

    /// One more throttled call, at a pace that was good until then.
    pub(super) fn count_throttled(&mut self, now: Duration, good_per_s: f64, looking: bool) {
        if self.run == 0 && !self.closed {
            self.run_from = now;
            self.good_per_s = good_per_s;
            self.looked = looking;
        }
        self.run += 1;
    }

    /// Whether the run has become a closure; from then on it is one.
    pub(super) fn closes(&mut self, now: Duration) -> bool {
        let lasted_s = now.saturating_sub(self.run_from).as_secs_f64();
        self.closed = self.run >= CLOSED_AFTER && lasted_s > CLOSED_FOR_S;
        self.closed
    }

    /// Since when nothing was accepted.
    pub(super) fn lasted_s(&self, now: Duration) -> f64 {
        now.saturating_sub(self.run_from).as_secs_f64()
    }

    /// A closure ends at that time, after so long: the pace to go on with.
    pub(super) fn ends(&mut self, end: Duration, closed_s: f64) -> f64 {
        let pace = self.pace_after(end, closed_s, LEAST);
        self.count_anew(end);
        pace
    }

    /// A short wait that the server asked for ends at that time: the pace to go on with.
    pub(super) fn short_wait_ends(&mut self, end: Duration, wait_s: f64) -> f64 {
        let quiet = end.saturating_sub(self.counted_from).as_secs_f64() > QUIET_S;
        let pace = self.pace_after(end, wait_s, if quiet { LEAST_AFTER_QUIET } else { LEAST });
        self.count_anew(end);
        pace
    }

    fn pace_after(&self, end: Duration, closed_s: f64, least: f64) -> f64 {
        let top = self.good_per_s * (1.0 - super::CUT);
        let elapsed_s = end.saturating_sub(self.counted_from).as_secs_f64();
        if closed_s < SHORT_S {
            top
        } else if elapsed_s > ENOUGH_S {
            let quota_per_s = self.history.most_per_s(self.counted_from, end) * TRY_BELOW;
            quota_per_s.max(self.good_per_s * least).min(top)
        } else {
            self.good_per_s * BLIND
        }
    }

    /// The server asks for one more wait, until `end`. Whether nothing at all was accepted since
    /// the wait before: then the two are one closure.
    pub(super) fn lasts(&mut self, end: Duration) -> bool {
        let lasts = self.waited && self.history.total() == 0.0;
        self.waited = true;
        if lasts {
            self.count_anew(end);
        }
        lasts
    }

    fn count_anew(&mut self, from: Duration) {
        self.closed = false;
        self.run = 0;
        self.counted_from = from;
        self.history = AcceptedWindow::new();
    }
}
