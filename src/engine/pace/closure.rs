//! A server that accepts nothing for a while: its window is used up.
//!
//! What was accepted from the end of one closure to the end of the next, divided by that time,
//! is the quota itself, whatever the length of the window: the best estimate there is.

use std::time::Duration;

/// This many throttled calls in a row, with none accepted between, are a closure ...
const CLOSED_AFTER: u32 = 4;
/// ... if they do not arrive in one heap.
const CLOSED_FOR_S: f64 = 0.1;
/// Closures shorter than this say nothing about the quota beyond an ordinary throttle.
const SHORT_S: f64 = 0.3;
/// The estimate is tried a little above: too high costs a short closure that corrects it, too
/// low costs the difference until the next probe.
const TRY_ABOVE: f64 = 1.005;
/// After a probe that ended in a closure the quota lies between the pace before the probe and
/// the pace at its end; we go on from this share of the way, and the next closure tells exactly.
const HOPE: f64 = 0.6;
/// An estimate over a time when the pace was low is too low; believe it no further than this.
const LEAST: f64 = 0.4;
/// Without enough time to estimate from.
const BLIND: f64 = 0.7;

/// What is known about the closure that may be under way, and the time since the last one.
#[derive(Debug, Clone)]
pub(super) struct Closure {
    /// Throttled calls since the last accepted one.
    run: u32,
    run_from: Duration,
    /// The pace that was good when the run began.
    good_per_s: f64,
    /// Where to go on if this run ends a probe.
    hope_per_s: f64,
    closed: bool,
    /// Whether a wait that the server asked for has ended a closure before.
    waited: bool,
    /// The end of the last closure, and what was accepted since.
    counted_from: Duration,
    counted: f64,
}

impl Closure {
    pub(super) fn new() -> Self {
        Self {
            run: 0,
            run_from: Duration::ZERO,
            good_per_s: 0.0,
            hope_per_s: 0.0,
            closed: false,
            waited: false,
            counted_from: Duration::ZERO,
            counted: 0.0,
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn count_accepted(&mut self) {
        self.counted += 1.0;
    }

    pub(super) fn run_ends(&mut self) {
        self.run = 0;
    }

    /// One more throttled call. `probe_from` is the pace before the probe that is under way.
    pub(super) fn count_throttled(
        &mut self,
        now: Duration,
        good_per_s: f64,
        probe_from: Option<f64>,
    ) {
        if self.run == 0 && !self.closed {
            self.run_from = now;
            self.good_per_s = good_per_s;
            self.hope_per_s =
                probe_from.map_or(0.0, |from| from + (good_per_s - from).max(0.0) * HOPE);
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

    /// The closure ends at that time, after so long: the pace to go on with.
    pub(super) fn ends(&mut self, end: Duration, closed_s: f64) -> f64 {
        let elapsed_s = end.saturating_sub(self.counted_from).as_secs_f64();
        let quota_per_s = self.counted / elapsed_s.max(1.0) * TRY_ABOVE;
        let top = self.good_per_s * (1.0 - super::CUT);
        let pace = if closed_s < SHORT_S {
            top
        } else if elapsed_s > 5.0 {
            quota_per_s.max(self.good_per_s * LEAST).max(self.hope_per_s).min(top)
        } else {
            self.good_per_s * BLIND
        };
        self.count_anew(end);
        pace
    }

    /// A short wait that the server asked for: the pace to go on with.
    pub(super) fn ends_short(&mut self, end: Duration) -> f64 {
        let elapsed_s = end.saturating_sub(self.counted_from).as_secs_f64();
        let top = self.good_per_s * (1.0 - super::CUT);
        // Waits in close succession: what came between them is the quota.
        let pace = if elapsed_s < 5.0 {
            let quota_per_s = self.counted / elapsed_s.max(0.5) * 1.01;
            quota_per_s.max(self.good_per_s * 0.5).min(top)
        } else {
            top
        };
        self.count_anew(end);
        pace
    }

    /// The server asks for one more wait, until `end`. Whether nothing at all was accepted since
    /// the wait before: then the two are one closure.
    pub(super) fn lasts(&mut self, end: Duration) -> bool {
        let lasts = self.waited && self.counted == 0.0;
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
        self.counted = 0.0;
    }
}
