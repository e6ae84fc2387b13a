//! How fast the pace rises while calls are accepted.
//!
//! Time is counted in *ticks*: one accepted call at up to ten per second, a tenth of a second
//! above. So the rise per second never exceeds that at ten per second, which keeps it stable
//! when many calls are in flight.

use super::tuning::{
    APART, CHANGED, CHEAP, CUT, FIRST_RAMP, PATIENCE, PATIENCE_DECAY, PATIENCE_MAX,
    PATIENCE_PER_CALL, PATIENCE_PER_S, RAMP_IN_WINDOW, RAMP_MAX, TICKS_PER_CALL,
    VOLATILE_PATIENCE_SHARE, VOLATILE_TICKS, WINDOW_DECAY, WINDOW_MAX_S, WINDOW_S,
};

/// Schedules the probes for the limit.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct ProbeSchedule {
    /// Ticks since the last throttled call.
    quiet: f64,
    /// Quiet ticks after which the ramp begins.
    ramp_after: f64,
    /// Ticks between two probes.
    patience: f64,
    /// The estimated length of the server's window, in seconds.
    window_s: f64,
    /// The cost of the latest probe.
    #[serde(rename = "look")]
    round: ProbeRound,
    /// The latest rate that lasted for half a patience.
    lasted_per_s: Option<f64>,
    /// Remaining ticks for which the quota counts as volatile.
    volatile: f64,
    /// The share of the probes that are its own: less than 1 if others may use the same quota.
    share: f64,
}

/// Throttled calls that belong to one probe.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
struct ProbeRound {
    /// Whether the probe started from a rate that was known to be good.
    #[serde(rename = "meant")]
    from_known: bool,
    throttled: f64,
    from_per_s: f64,
}

impl ProbeSchedule {
    pub(super) fn new() -> Self {
        Self {
            quiet: 0.0,
            ramp_after: FIRST_RAMP,
            patience: PATIENCE,
            window_s: WINDOW_S,
            round: ProbeRound::default(),
            lasted_per_s: None,
            volatile: 0.0,
            share: 1.0,
        }
    }

    /// So many operations may use the same quota.
    #[expect(clippy::cast_precision_loss, reason = "a few operations")]
    pub(super) fn share_among(&mut self, operations: usize) {
        self.share = 1.0 / operations.max(1) as f64;
    }

    /// The factor by which one more accepted call raises the pace.
    pub(super) fn step(&mut self, rate_per_s: f64) -> f64 {
        let tenths = 10.0 / rate_per_s;
        let beat = tenths.min(1.0);
        self.volatile = (self.volatile - beat).max(0.0);
        let creep = CUT / self.patience;
        if !self.ramping() {
            // In seconds, slow quotas would take minutes to count as quiet. The fourth root is a
            // compromise between calls and seconds, and is exact on every platform.
            let ticks = if rate_per_s < 10.0 { tenths.sqrt().sqrt() } else { beat };
            self.quiet += ticks * self.share;
            if self.quiet > PATIENCE * 0.5 {
                self.on_lasting_rate(rate_per_s);
            }
            return 1.0 + creep * beat;
        }
        // A ramp counts only time. Otherwise it would be slowest where the quota has risen most.
        self.quiet += tenths;
        let window = self.window_s * 10.0;
        let steep = (self.quiet - self.ramp_from()) * 2.0 * RAMP_IN_WINDOW / (window * window);
        let steepest = RAMP_MAX * WINDOW_S / self.window_s;
        1.0 + (creep + steep.min(steepest)) * tenths.min(TICKS_PER_CALL)
    }

    /// This rate has lasted for a while.
    fn on_lasting_rate(&mut self, rate_per_s: f64) {
        if let Some(before_per_s) = self.lasted_per_s
            && (rate_per_s < before_per_s * CHANGED || before_per_s < rate_per_s * CHANGED)
        {
            self.volatile = VOLATILE_TICKS;
        }
        self.lasted_per_s = Some(rate_per_s);
    }

    fn ramp_from(&self) -> f64 {
        if self.volatile > 0.0 {
            self.ramp_after * VOLATILE_PATIENCE_SHARE
        } else {
            self.ramp_after
        }
    }

    /// Whether it has been quiet long enough to probe for the limit.
    pub(super) fn ramping(&self) -> bool {
        self.quiet > self.ramp_from()
    }

    /// Whether the probe started from a rate that had lasted for a whole patience. Only such a rate
    /// is known to be good; the first ramps of a run start after seconds.
    pub(super) fn ramping_from_known(&self) -> bool {
        self.ramping() && self.ramp_after >= PATIENCE
    }

    /// A call was throttled, which ends the quiet time.
    pub(super) fn on_throttled(&mut self, rate_per_s: f64) {
        if self.quiet > APART {
            let from_known = self.ramping_from_known();
            self.round =
                ProbeRound { from_known, throttled: 0.0, from_per_s: rate_per_s.max(10.0) };
        }
        self.quiet = 0.0;
        self.round.throttled += 1.0;
        if self.round.from_known {
            let calls = (self.round.throttled - CHEAP) * PATIENCE_PER_CALL;
            let wanted = PATIENCE * calls * 10.0 / self.round.from_per_s;
            self.patience = self.patience.max(wanted.min(PATIENCE_MAX));
        }
    }

    /// The limit was found, either in new territory or about where it was.
    pub(super) fn on_limit_found(&mut self, new_territory: bool) {
        self.ramp_after =
            if new_territory { FIRST_RAMP } else { (self.ramp_after * 2.0).min(self.patience) };
    }

    /// The quota was exhausted for `exhausted_s`. If a probe caused it, the next probes are rarer, in
    /// proportion to that time. A quota that fell does not count.
    pub(super) fn on_exhausted(&mut self, exhausted_s: f64, by_probe: bool) {
        // If it happens in the middle of a window, on average, it lasts for half of it.
        let window_s = (exhausted_s * 2.0).max(self.window_s * WINDOW_DECAY);
        self.window_s = window_s.clamp(WINDOW_S, WINDOW_MAX_S);
        let paid_s = if by_probe { exhausted_s } else { 0.0 };
        let wanted = ((paid_s - 0.5) * PATIENCE_PER_S).min(PATIENCE_MAX);
        self.patience = wanted.max((self.patience * PATIENCE_DECAY).max(PATIENCE));
    }

    /// The server accepts calls again: the next ramp waits for the whole patience, unless the rate
    /// follows from a single window.
    pub(super) fn on_reopened(&mut self, first: bool) {
        self.quiet = 0.0;
        self.ramp_after = if first { FIRST_RAMP } else { self.patience };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Quiet seconds at that rate until the next probe.
    fn seconds_until_probe(probes: &mut ProbeSchedule, rate_per_s: f64) -> f64 {
        probes.on_throttled(rate_per_s);
        let mut calls = 0.0;
        while !probes.ramping() {
            probes.step(rate_per_s);
            calls += 1.0;
        }
        calls / rate_per_s
    }

    /// After the first probes of a run.
    fn settled() -> ProbeSchedule {
        let mut probes = ProbeSchedule::new();
        for _ in 0..4 {
            probes.on_limit_found(false);
        }
        probes
    }

    #[test]
    fn a_quota_that_changed_is_probed_more_often_for_a_while() {
        let mut probes = settled();
        for _ in 0..3 {
            assert!(seconds_until_probe(&mut probes, 20.0) > 17.9);
        }
        assert!(
            seconds_until_probe(&mut probes, 50.0) < 10.1,
            "the rate lasted, and is quite different"
        );
        let mut passed_s = 0.0;
        while probes.volatile > 0.0 {
            passed_s += seconds_until_probe(&mut probes, 50.0);
        }
        assert!((290.0..320.0).contains(&passed_s), "{passed_s}");
        assert!(seconds_until_probe(&mut probes, 50.0) > 17.9);
        assert!(seconds_until_probe(&mut probes, 40.0) > 17.9, "a little less is no change");
    }

    #[test]
    fn an_exhaustion_by_a_probe_makes_probes_rarer_and_one_by_a_fallen_quota_does_not() {
        let mut probes = settled();
        probes.on_exhausted(4.0, false);
        probes.on_reopened(false);
        assert!(seconds_until_probe(&mut probes, 20.0) < 18.1);
        probes.on_exhausted(4.0, true);
        probes.on_reopened(false);
        assert!(seconds_until_probe(&mut probes, 20.0) > 60.0);
    }

    #[test]
    fn a_probe_that_throttles_many_calls_makes_probes_rarer() {
        let mut probes = settled();
        seconds_until_probe(&mut probes, 100.0);
        for _ in 0..200 {
            probes.on_throttled(100.0);
        }
        probes.on_limit_found(false);
        assert!(seconds_until_probe(&mut probes, 100.0) > 30.0);
    }

    #[test]
    fn a_ramp_is_gentle_where_windows_are_long() {
        let rises_in_5_s = |exhausted_s: f64| {
            let mut probes = settled();
            probes.on_exhausted(exhausted_s, false);
            probes.on_reopened(false);
            seconds_until_probe(&mut probes, 20.0);
            (0..100).fold(1.0, |pace, _| pace * probes.step(20.0))
        };
        assert!(rises_in_5_s(0.3) > 1.3);
        assert!(rises_in_5_s(5.0) < 1.05);
    }
}
