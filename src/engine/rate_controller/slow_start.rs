//! Slow start: finds the order of magnitude of an unknown quota within seconds, as TCP does.
//!
//! The rate doubles about every half second, or every two round trips if they take longer, until a
//! call is throttled or the ceiling is reached. A token bucket with a second of quota accepts about
//! twice its quota in the last second before it is empty; a window of a second accepts between one
//! and 1.6 times its quota. So the rate falls to half of what was accepted in the last second and
//! rises again gently, doubling in two seconds, until the next throttled call or the rate that
//! was accepted; from then on the normal rules of the controller apply. Slow start never repeats: in long windows a second one
//! would use up a second window.
//!
//! Source of the idea: RFC 5681, section 3.1.

use std::collections::VecDeque;
use std::f64::consts::LN_2;
use std::time::Duration;

/// The doubling time of slow start, in seconds.
const DOUBLING_S: f64 = 0.4;
/// The doubling time in round trips, where they are long.
const DOUBLING_ROUND_TRIPS: f64 = 2.0;
/// The doubling time after the first throttled call, in seconds.
const RECOVERY_DOUBLING_S: f64 = 2.0;
/// The longest time that one accepted call counts for, in doubling times: silence is no evidence.
const LONGEST_STEP: f64 = 0.5;
/// The weight of the latest round trip in their moving average.
const ROUND_TRIP_WEIGHT: f64 = 0.2;
/// Accepted calls are counted over this time.
const COUNTED: Duration = Duration::from_secs(1);
/// The share of the calls accepted in the last second that a token bucket can sustain.
const SUSTAINED: f64 = 0.5;

/// The phases of slow start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
enum Phase {
    /// Nothing was throttled so far.
    Doubling,
    /// After the first throttled call.
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
        Self { phase, grown_at: None, round_trip_s, recovered_per_s, accepted: VecDeque::new() }
    }

    /// Whether the rate rises by these rules.
    pub(super) fn is_active(&self) -> bool {
        self.phase != Phase::Over
    }

    /// Counts an accepted call.
    pub(super) fn on_accepted(&mut self, now: Duration, sent_at: Duration) {
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
            Phase::Recovering | Phase::Over => {
                self.phase = Phase::Over;
                return 1.0;
            }
        };
        let passed = self.grown_at.replace(now).map_or(Duration::ZERO, |at| now.saturating_sub(at));
        if !on_time {
            return 1.0;
        }
        1.0 + LN_2 * (passed.as_secs_f64() / doubling_s).min(LONGEST_STEP)
    }

    /// Handles a throttled call. Returns the rate to continue with if it ends the doubling.
    #[expect(clippy::cast_precision_loss, reason = "the calls of a second")]
    pub(super) fn on_throttled(&mut self, rate_per_s: f64) -> Option<f64> {
        match self.phase {
            Phase::Doubling => {
                self.phase = Phase::Recovering;
                let accepted = std::mem::take(&mut self.accepted).len() as f64;
                self.recovered_per_s = accepted;
                Some((accepted * SUSTAINED).min(rate_per_s))
            }
            Phase::Recovering => {
                self.phase = Phase::Over;
                None
            }
            Phase::Over => None,
        }
    }

    /// Ends it at the ceiling.
    pub(super) fn on_ceiling(&mut self) {
        if self.phase == Phase::Doubling {
            *self = Self::over();
        }
    }
}

/// The seconds that `requests` take from `start_per_s` up to `ceiling_per_s`, if no call is
/// throttled: a lower bound where the quota is unknown.
pub(super) fn seconds_at_least(requests: f64, start_per_s: f64, ceiling_per_s: f64) -> f64 {
    let growth_per_s = LN_2 / DOUBLING_S;
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
    fn the_rate_doubles_about_every_half_second() {
        let mut start = SlowStart::new();
        let (mut rate, mut now) = (9.5, Duration::ZERO);
        while now < Duration::from_secs(1) {
            now += Duration::from_secs_f64(1.0 / rate);
            start.on_accepted(now, now.saturating_sub(Duration::from_millis(20)));
            rate *= start.growth(now, rate, true);
        }
        assert!((30.0..50.0).contains(&rate), "{rate}");
        assert!((rate * 0.2..rate).contains(&start.on_throttled(rate).unwrap()));
        assert!(start.is_active());
        assert_eq!(start.on_throttled(rate), None);
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
        assert!(rate < 9.5 * 1.5, "{rate}");
        let before = rate;
        rate *= start.growth(Duration::from_secs(60), rate, true);
        assert!(rate < before * 1.4, "{rate}");
        assert!((start.growth(Duration::from_secs(61), rate, false) - 1.0).abs() < 1e-9);
    }

    #[test]
    fn the_minimum_time_includes_slow_start() {
        assert!((seconds_at_least(100.0, 10.0, 10.0) - 10.0).abs() < 1e-6);
        let climbed = seconds_at_least(1000.0, 9.5, 50.0);
        assert!((20.0..21.5).contains(&climbed), "{climbed}");
        assert!(seconds_at_least(10.0, 9.5, 1000.0) < 1.1);
    }
}
