//! The rate of recently accepted calls: the basis of each decrease.

use super::tuning::{BURST, BURST_DECAY, CUT_SHARE};
use std::time::Duration;

/// Counts of accepted and throttled calls.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct Throughput {
    /// Accepted calls per second, over the last second or eight calls.
    accepted_per_s: f64,
    at: Duration,
    /// Its value when calls began to be throttled.
    until_then_per_s: f64,
    /// Throttled calls; each accepted call lowers the count.
    burst: f64,
    /// Accepted calls since the last isolated throttle, and between it and the one before.
    since_throttle: f64,
    before_that: f64,
}

impl Throughput {
    pub(super) fn new() -> Self {
        // Nothing was throttled yet: as if the last time was long ago.
        Self {
            accepted_per_s: 0.0,
            at: Duration::ZERO,
            until_then_per_s: 0.0,
            burst: 0.0,
            since_throttle: 1000.0,
            before_that: 1000.0,
        }
    }

    pub(super) fn accepted(&mut self, now: Duration, rate_per_s: f64) {
        let span_s = self.decay(now, rate_per_s);
        self.accepted_per_s += 1.0 / span_s;
        self.since_throttle += 1.0;
        self.burst *= BURST_DECAY;
    }

    /// Counts one throttled call. `run_begins`: the call before it was accepted.
    pub(super) fn throttled(&mut self, now: Duration, rate_per_s: f64, run_begins: bool) {
        self.decay(now, rate_per_s);
        if run_begins {
            self.until_then_per_s = self.accepted_per_s;
        }
        self.burst += 1.0;
    }

    /// If the throttled calls form a burst, the rate that was still accepted. If they came in one
    /// run, with none accepted between them, the time of the run is not counted: an exhaustion
    /// gives no information about the rate before it.
    pub(super) fn burst(&mut self, one_run: bool) -> Option<f64> {
        if self.burst < BURST {
            return None;
        }
        self.burst = 0.0;
        Some(if one_run { self.until_then_per_s } else { self.accepted_per_s })
    }

    /// Forgets a burst that an exhaustion explains.
    pub(super) fn forget_burst(&mut self) {
        self.burst = 0.0;
    }

    /// By what share the rate is too high, estimated from the distance of the last throttled calls.
    pub(super) fn excess(&mut self) -> f64 {
        let excess = CUT_SHARE * 2.0 / (self.since_throttle + self.before_that).max(1.0);
        self.before_that = self.since_throttle;
        self.since_throttle = 0.0;
        excess
    }

    /// A moving average that only needs the four basic operations, so every platform computes the
    /// same run from the same events.
    fn decay(&mut self, now: Duration, rate_per_s: f64) -> f64 {
        let span_s = (8.0 / rate_per_s).max(1.0);
        let passed_s = now.saturating_sub(self.at).as_secs_f64();
        self.accepted_per_s /= 1.0 + passed_s / span_s;
        self.at = now;
        span_s
    }
}
