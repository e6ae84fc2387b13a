//! Slow start: finds the order of magnitude of an unknown quota within seconds, as TCP does.
//!
//! The rate doubles every quarter of a second, or every 1.5 round trips if they take longer, until a
//! call is throttled or the ceiling is reached. The calls accepted in the second before are about
//! twice the quota of a token bucket (its content and what flows in), and between one and 1.8 times
//! the quota of a window. The calls that follow show which it is:
//!
//! * **Later calls are accepted**: the server only limits the rate. The rate falls to half of what
//!   was accepted in that second and rises gently, doubling in two seconds, until the next throttled
//!   call or the rate that was accepted.
//! * **None is accepted**: a window is used up. [`QuotaExhaustion`](super::exhaustion) looks for its
//!   end, and the rate continues with the calls that it accepted, divided by its length.
//!
//! From then on the normal rules of the controller apply. Slow start never repeats: in long windows
//! a second one would use up a second window. Only the gentle rise does, when another operation of
//! the run leaves its share of a quota.
//!
//! Source of the idea: RFC 5681, section 3.1.

use super::tuning::{
    AT_CEILING, COUNTED, DOUBLING_ROUND_TRIPS, DOUBLING_S, LONGEST_STEP, RECOVERY_DOUBLING_S,
    ROUND_TRIP_WEIGHT, SUSTAINED,
};
use std::collections::VecDeque;
use std::f64::consts::LN_2;
use std::time::Duration;

/// The phases of slow start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Phase {
    /// Nothing was throttled so far.
    Doubling,
    /// After the first throttled call, until a later call is accepted.
    Measuring,
    /// The server accepts calls at a lower rate.
    Recovering,
    /// Over; the normal rules apply.
    Over,
}

/// The state of slow start.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) struct SlowStart {
    phase: Phase,
    /// When the rate grew last.
    grown_at: Option<Duration>,
    round_trip_s: f64,
    /// When the first throttled answer arrived.
    throttled_at: Duration,
    /// The rate at which the gentle rise ends.
    recovered_per_s: f64,
    /// The times of calls accepted in the last second.
    accepted: VecDeque<Duration>,
}

impl SlowStart {
    /// At the start of a run whose quota is unknown.
    pub(super) fn new() -> Self {
        Self::in_phase(Phase::Doubling)
    }

    /// For a quota that is roughly known: only the gentle rise.
    pub(super) fn from_known_rate() -> Self {
        Self::in_phase(Phase::Recovering)
    }

    /// For a ceiling that needs no slow start.
    pub(super) fn over() -> Self {
        Self::in_phase(Phase::Over)
    }

    fn in_phase(phase: Phase) -> Self {
        let (round_trip_s, recovered_per_s) = (0.0, 1e9);
        Self {
            phase,
            grown_at: None,
            round_trip_s,
            throttled_at: Duration::ZERO,
            recovered_per_s,
            accepted: VecDeque::new(),
        }
    }

    /// Whether the rate rises by these rules.
    pub(super) fn is_active(&self) -> bool {
        self.phase != Phase::Over
    }

    /// Counts an accepted call.
    pub(super) fn on_accepted(&mut self, now: Duration, sent_at: Duration) {
        if self.phase == Phase::Measuring && sent_at > self.throttled_at {
            self.phase = Phase::Recovering;
        }
        if self.phase != Phase::Doubling {
            return;
        }
        let round_trip_s = now.saturating_sub(sent_at).as_secs_f64();
        let weight = if self.round_trip_s > 0.0 { ROUND_TRIP_WEIGHT } else { 1.0 };
        self.round_trip_s += (round_trip_s - self.round_trip_s) * weight;
        self.accepted.push_back(now);
        while self.accepted.front().is_some_and(|at| *at + COUNTED <= now) {
            self.accepted.pop_front();
        }
    }

    /// The factor by which an accepted call raises the rate, if calls waited for the rate.
    pub(super) fn growth(&mut self, now: Duration, rate_per_s: f64, on_time: bool) -> f64 {
        let doubling_s = match self.phase {
            Phase::Doubling => DOUBLING_S.max(self.round_trip_s * DOUBLING_ROUND_TRIPS),
            Phase::Recovering if rate_per_s < self.recovered_per_s => RECOVERY_DOUBLING_S,
            Phase::Measuring => return 1.0,
            Phase::Recovering | Phase::Over => {
                self.phase = Phase::Over;
                return 1.0;
            }
        };
        // The first answer also shows a round trip of time.
        let grown_at = self.grown_at.replace(now);
        let passed_s =
            grown_at.map_or(self.round_trip_s, |at| now.saturating_sub(at).as_secs_f64());
        if !on_time {
            return 1.0;
        }
        1.0 + LN_2 * (passed_s / doubling_s).min(LONGEST_STEP)
    }

    /// Whether nothing was throttled so far.
    pub(super) fn is_doubling(&self) -> bool {
        self.phase == Phase::Doubling
    }

    /// Whether no call was accepted that left after the first throttled answer.
    pub(super) fn is_measuring(&self) -> bool {
        self.phase == Phase::Measuring
    }

    /// The first throttled call. Returns the rate to continue with if the server still accepts calls.
    #[expect(clippy::cast_precision_loss, reason = "the calls of a second")]
    pub(super) fn end_doubling(&mut self, now: Duration, rate_per_s: f64) -> f64 {
        self.phase = Phase::Measuring;
        self.throttled_at = now;
        let accepted = std::mem::take(&mut self.accepted).len() as f64;
        self.recovered_per_s = accepted;
        (accepted * SUSTAINED).min(rate_per_s)
    }

    /// The normal rules apply from now on.
    pub(super) fn end(&mut self) {
        self.phase = Phase::Over;
    }

    /// A call was throttled after the doubling.
    pub(super) fn on_throttled(&mut self) {
        if self.phase == Phase::Recovering {
            self.phase = Phase::Over;
        }
    }

    /// Rises gently to this rate, unless the doubling will show what is possible.
    pub(super) fn rise_to(&mut self, rate_per_s: f64) {
        if matches!(self.phase, Phase::Recovering | Phase::Over) {
            *self = Self { recovered_per_s: rate_per_s, ..Self::in_phase(Phase::Recovering) };
        }
    }

    /// Ends it after some time at the ceiling. Returns whether it is over.
    pub(super) fn ends_at_ceiling(&mut self, now: Duration) -> bool {
        if self.grown_at.is_none_or(|at| at + AT_CEILING <= now) {
            *self = Self::over();
        }
        !self.is_active()
    }
}

/// The seconds that `requests` take from `start_per_s` up to `ceiling_per_s`, if no call is
/// throttled: a lower bound where the quota is unknown. From a known quota the rate rises gently.
pub(super) fn seconds_at_least(
    requests: f64,
    (start_per_s, is_known): (f64, bool),
    ceiling_per_s: f64,
) -> f64 {
    let growth_per_s = LN_2 / if is_known { RECOVERY_DOUBLING_S } else { DOUBLING_S };
    let start_per_s = start_per_s.min(ceiling_per_s);
    let climb_requests = (ceiling_per_s - start_per_s) / growth_per_s;
    if requests <= climb_requests {
        (1.0 + requests * growth_per_s / start_per_s).ln() / growth_per_s
    } else {
        let climb_s = (ceiling_per_s / start_per_s).ln() / growth_per_s;
        climb_s + (requests - climb_requests) / ceiling_per_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_doubles_every_quarter_of_a_second() {
        let mut start = SlowStart::new();
        let (mut rate, mut now) = (9.5, Duration::ZERO);
        while now < Duration::from_millis(750) {
            now += Duration::from_secs_f64(1.0 / rate);
            start.on_accepted(now, now.saturating_sub(Duration::from_millis(20)));
            rate *= start.growth(now, rate, true);
        }
        assert!((50.0..76.0).contains(&rate), "{rate}");
        let settled = start.end_doubling(now, rate);
        assert!((rate * 0.1..rate * 0.5).contains(&settled), "{settled} after {rate}");
    }

    #[test]
    fn the_gentle_rise_begins_with_a_call_that_left_after_the_first_throttled_answer() {
        let mut start = SlowStart::new();
        let (left, throttled) = (Duration::from_millis(980), Duration::from_secs(1));
        for tenth in 1..10 {
            start.on_accepted(Duration::from_millis(100 * tenth), Duration::ZERO);
        }
        start.end_doubling(throttled, 9.5);
        start.on_accepted(throttled + Duration::from_millis(20), left);
        assert!(start.is_measuring(), "it was in flight");
        start.on_accepted(
            throttled + Duration::from_millis(60),
            throttled + Duration::from_millis(1),
        );
        assert!(!start.is_measuring() && start.is_active());
        start.on_throttled();
        assert!(!start.is_active());
    }

    #[test]
    fn long_round_trips_slow_the_doubling_and_idle_time_adds_nothing() {
        let mut start = SlowStart::new();
        let mut rate = 9.5;
        for tenth in 10..20 {
            let now = Duration::from_millis(100 * tenth);
            start.on_accepted(now, now.saturating_sub(Duration::from_secs(1)));
            rate *= start.growth(now, rate, true);
        }
        assert!(rate < 9.5 * 2.1, "{rate}");
        let before = rate;
        rate *= start.growth(Duration::from_secs(60), rate, true);
        assert!(rate < before * 1.4, "{rate}");
        assert!((start.growth(Duration::from_secs(61), rate, false) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_minimum_time_includes_slow_start() {
        assert!((seconds_at_least(100.0, (10.0, false), 10.0) - 10.0).abs() < 1e-6);
        let climbed = seconds_at_least(1000.0, (9.5, false), 50.0);
        assert!((20.0..21.5).contains(&climbed), "{climbed}");
        // Above the ceiling there is nothing to climb, and from a known quota it takes longer.
        assert!((seconds_at_least(100.0, (80.0, true), 50.0) - 2.0).abs() < 1e-6);
        let gently = seconds_at_least(1000.0, (9.5, true), 50.0);
        assert!(gently > climbed + 1.0, "{gently}");
        assert!(seconds_at_least(10.0, (9.5, false), 1000.0) < 1.1);
    }
}
