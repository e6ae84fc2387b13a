//! An exhausted quota: the server accepts nothing until its window ends.
//!
//! The calls that a window accepted, divided by its length, are the quota itself. The length is
//! unknown, but an exhaustion ends when a window does: see [`AcceptedWindow::most_per_s`].

use super::tuning::{
    BELOW_ESTIMATE, CUT, EXHAUSTED_AFTER, EXHAUSTED_AFTER_SLOW_START, EXHAUSTED_FOR_S,
    LEAST_ESTIMATED_S, LEAST_PROBES_PER_S, LOWEST_SHARE, LOWEST_SHARE_AFTER_QUIET, PROBE_SHARE,
    PROBED_S, QUIET_S, SHORT_S, START_PER_S, WITHOUT_ESTIMATE,
};
use std::time::Duration;

use super::accepted_window::AcceptedWindow;

/// The current exhaustion, if any, and the time since the last one.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct QuotaExhaustion {
    /// Throttled calls since the last accepted one.
    run: u32,
    run_from: Duration,
    /// The rate before the first of them.
    good_per_s: f64,
    /// Whether a probe for the limit caused them.
    #[serde(rename = "looked")]
    by_probe: bool,
    #[serde(rename = "closed")]
    exhausted: bool,
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
            by_probe: false,
            exhausted: false,
            waited: false,
            counted_from: Duration::ZERO,
            history: AcceptedWindow::new(),
        }
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.exhausted
    }

    /// Whether a probe for the limit caused the exhaustion, and not a quota that fell.
    pub(super) fn is_caused_by_probe(&self) -> bool {
        self.by_probe
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
    pub(super) fn count_throttled(&mut self, now: Duration, good_per_s: f64, probing: bool) {
        if self.run == 0 && !self.exhausted {
            self.run_from = now;
            self.good_per_s = good_per_s;
            self.by_probe = probing;
        }
        self.run += 1;
    }

    /// Whether the throttled calls now count as an exhaustion. Returns true once.
    pub(super) fn detect(&mut self, now: Duration) -> bool {
        let lasted_s = now.saturating_sub(self.run_from).as_secs_f64();
        self.exhausted = self.run >= EXHAUSTED_AFTER && lasted_s > EXHAUSTED_FOR_S;
        self.exhausted
    }

    /// The same when slow start ends. Calls follow each other quickly then, so their time says nothing.
    pub(super) fn detect_in_slow_start(&mut self) -> bool {
        self.exhausted = self.run >= EXHAUSTED_AFTER_SLOW_START;
        self.exhausted
    }

    /// The rate of requests that look for the end of the exhaustion.
    pub(super) fn probes_per_s(&self, now: Duration, rate_per_s: f64) -> f64 {
        let least = if self.lasted_s(now) < PROBED_S { self.good_per_s * PROBE_SHARE } else { 0.0 };
        (rate_per_s * 0.5).max(least.max(LEAST_PROBES_PER_S)).min(rate_per_s)
    }

    /// The seconds since the last accepted call.
    pub(super) fn lasted_s(&self, now: Duration) -> f64 {
        now.saturating_sub(self.run_from).as_secs_f64()
    }

    /// Whether no exhaustion ended before.
    pub(super) fn is_first(&self) -> bool {
        self.counted_from.is_zero()
    }

    /// The exhaustion ends at `end`, after `exhausted_s`. Returns the rate to continue with. Before the
    /// first one, no rate above that of the start is known to be good.
    pub(super) fn on_end(&mut self, end: Duration, exhausted_s: f64) -> f64 {
        let pace = if self.is_first() {
            let least_per_s = self.good_per_s.min(START_PER_S) * LOWEST_SHARE;
            (self.history.most_per_s(self.counted_from, end) * BELOW_ESTIMATE).max(least_per_s)
        } else {
            self.pace_after(end, exhausted_s, LOWEST_SHARE)
        };
        self.restart_count(end);
        pace
    }

    /// A short wait that the server asked for ends at `end`. Returns the rate to continue with.
    pub(super) fn on_short_wait_end(&mut self, end: Duration, wait_s: f64) -> f64 {
        let quiet = end.saturating_sub(self.counted_from).as_secs_f64() > QUIET_S;
        let pace = self.pace_after(
            end,
            wait_s,
            if quiet { LOWEST_SHARE_AFTER_QUIET } else { LOWEST_SHARE },
        );
        self.restart_count(end);
        pace
    }

    fn pace_after(&self, end: Duration, exhausted_s: f64, least: f64) -> f64 {
        let top = self.good_per_s * (1.0 - CUT);
        let elapsed_s = end.saturating_sub(self.counted_from).as_secs_f64();
        if exhausted_s < SHORT_S {
            top
        } else if elapsed_s > LEAST_ESTIMATED_S {
            let quota_per_s = self.history.most_per_s(self.counted_from, end) * BELOW_ESTIMATE;
            quota_per_s.max(self.good_per_s * least).min(top)
        } else {
            self.good_per_s * WITHOUT_ESTIMATE
        }
    }

    /// The server asks for one more wait, until `end`. Returns whether nothing was accepted since
    /// the wait before: then the two are one exhaustion.
    pub(super) fn continues_until(&mut self, end: Duration) -> bool {
        let continues = self.waited && self.history.total() == 0.0;
        self.waited = true;
        if continues {
            self.restart_count(end);
        }
        continues
    }

    fn restart_count(&mut self, from: Duration) {
        self.exhausted = false;
        self.run = 0;
        self.counted_from = from;
        self.history = AcceptedWindow::new();
    }
}
