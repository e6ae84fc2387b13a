//! An exhausted quota: the server accepts nothing until its window ends.
//!
//! The calls that a window accepted, divided by its length, are the quota itself. The length is
//! unknown, but an exhaustion ends when a window does: see [`AcceptedWindow::most_per_s`].

use std::time::Duration;

use super::accepted_window::AcceptedWindow;

/// This many throttled calls, with none accepted between them, mean that the quota is exhausted ...
const CLOSED_AFTER: u32 = 4;
/// ... unless they arrive within this time.
const CLOSED_FOR_S: f64 = 0.1;
/// A shorter exhaustion gives no more information about the quota than a single throttled call.
const SHORT_S: f64 = 0.3;
/// The rate continues a little below the estimate. The next probe corrects a rate that is too low,
/// while a rate above the quota exhausts every window.
const TRY_BELOW: f64 = 0.997;
/// An estimate from a time when the rate was low is too low. It lowers the rate at most to this
/// share.
const LEAST: f64 = 0.4;
/// A short wait after a long time without one means a small excess: the quota is not exceeded by
/// more than this. Servers round their waits, so even this may be too much.
const LEAST_AFTER_QUIET: f64 = 0.98;
const QUIET_S: f64 = 5.0;
/// There is no estimate from a shorter time than this ...
pub(super) const ENOUGH_S: f64 = 0.8;
/// ... and the rate falls to this share.
const BLIND: f64 = 0.7;

/// The current exhaustion, if any, and the time since the last one.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct QuotaExhaustion {
    /// Throttled calls since the last accepted one.
    run: u32,
    run_from: Duration,
    /// The rate before the first of them.
    good_per_s: f64,
    /// Whether a probe for the limit caused them.
    looked: bool,
    closed: bool,
    /// Whether a wait that the server asked for has ended an exhaustion before.
    waited: bool,
    /// The end of the last exhaustion, and the calls accepted since.
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

    /// Whether a probe for the limit caused the exhaustion, and not a quota that fell.
    pub(super) fn looked(&self) -> bool {
        self.looked
    }

    pub(super) fn count_accepted(&mut self, now: Duration) {
        self.history.count(now);
    }

    /// Whether a call was accepted just before the latest throttled one. If not, the throttled call
    /// adds no information to the one before.
    pub(super) fn run_begins(&self) -> bool {
        self.run == 1
    }

    /// Whether the latest three throttled calls had no accepted call between them.
    pub(super) fn is_one_run(&self) -> bool {
        self.run >= 3
    }

    pub(super) fn run_ends(&mut self) {
        self.run = 0;
    }

    /// Counts one throttled call, at a rate that was good until then.
    pub(super) fn count_throttled(&mut self, now: Duration, good_per_s: f64, looking: bool) {
        if self.run == 0 && !self.closed {
            self.run_from = now;
            self.good_per_s = good_per_s;
            self.looked = looking;
        }
        self.run += 1;
    }

    /// Whether the throttled calls now count as an exhaustion. Returns true once.
    pub(super) fn closes(&mut self, now: Duration) -> bool {
        let lasted_s = now.saturating_sub(self.run_from).as_secs_f64();
        self.closed = self.run >= CLOSED_AFTER && lasted_s > CLOSED_FOR_S;
        self.closed
    }

    /// The seconds since the last accepted call.
    pub(super) fn lasted_s(&self, now: Duration) -> f64 {
        now.saturating_sub(self.run_from).as_secs_f64()
    }

    /// The exhaustion ends at `end`, after `closed_s`. Returns the rate to continue with.
    pub(super) fn ends(&mut self, end: Duration, closed_s: f64) -> f64 {
        let pace = self.pace_after(end, closed_s, LEAST);
        self.count_anew(end);
        pace
    }

    /// A short wait that the server asked for ends at `end`. Returns the rate to continue with.
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

    /// The server asks for one more wait, until `end`. Returns whether nothing was accepted since
    /// the wait before: then the two are one exhaustion.
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
