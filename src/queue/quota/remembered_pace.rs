//! The last rate of an operation that the service sustained, for the start after idle time.
//!
//! A restart takes a share of it, and a few requests cannot show that more is possible. So the memory
//! only gives way to a higher rate, to a limit that was found, or to a rate that lasted; otherwise
//! each short burst of work would start lower than the one before.

use crate::engine::earlier_rate::{EarlierRate, faded};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A rate lasted if the calls accepted at it take this many seconds.
const LASTING_S: f64 = 10.0;

/// A rate, and when it was last used.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(super) struct RememberedPace {
    per_s: f64,
    is_limit_known: bool,
    /// On the clock of Redis.
    at: Duration,
}

/// What a controller shows when it has used its rate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shown {
    pub(super) per_s: f64,
    /// Whether a call was throttled since the controller started.
    pub(super) is_throttled: bool,
    /// Calls accepted at its rate since the controller started.
    pub(super) accepted: f64,
}

impl RememberedPace {
    /// What is remembered at `now`, after a controller has shown a rate.
    pub(super) fn updated(before: Option<Self>, shown: Shown, now: Duration) -> Self {
        let new = |is_limit_known| Self { per_s: shown.per_s, is_limit_known, at: now };
        match before {
            None => new(shown.is_throttled),
            Some(before) => {
                let is_replaced = shown.is_throttled
                    || shown.accepted >= shown.per_s * LASTING_S
                    || shown.per_s >= before.faded_per_s(now);
                if is_replaced { new(shown.is_throttled || before.is_limit_known) } else { before }
            }
        }
    }

    /// The rate to start with at `now`.
    pub(super) fn start(self, now: Duration) -> EarlierRate {
        let earlier = EarlierRate { per_s: self.per_s, is_limit_known: self.is_limit_known };
        earlier.after(now.saturating_sub(self.at))
    }

    fn faded_per_s(self, now: Duration) -> f64 {
        faded(self.per_s, now.saturating_sub(self.at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::rate_controller::START_PER_S;

    fn minutes(minutes: u64) -> Duration {
        Duration::from_secs(1_795_000_000 + 60 * minutes)
    }

    fn shown(per_s: f64, accepted: f64) -> Shown {
        Shown { per_s, is_throttled: false, accepted }
    }

    fn remembered(per_s: f64, is_limit_known: bool) -> RememberedPace {
        RememberedPace { per_s, is_limit_known, at: minutes(0) }
    }

    #[test]
    fn a_restart_takes_four_fifths_and_fades_to_the_start_of_a_first_run() {
        let after = |memory: RememberedPace, idle: u64| memory.start(minutes(idle)).per_s;
        let fast = remembered(100.0, true);
        assert!((after(fast, 0) - 80.0).abs() < 1e-9);
        assert!((after(fast, 60) - f64::midpoint(80.0, START_PER_S)).abs() < 1e-9);
        assert!((after(fast, 24 * 60) - START_PER_S).abs() < 1e-3);
        // A quota that is known to be lower is kept; one that was never reached is no limit.
        assert!((after(remembered(5.0, true), 0) - 4.0).abs() < 1e-9);
        assert!((after(remembered(10.0, false), 0) - START_PER_S).abs() < 1e-9);
        // A clock of Redis that was set back.
        let back = RememberedPace { at: minutes(60), ..fast };
        assert!((back.start(minutes(0)).per_s - 80.0).abs() < 1e-9);
    }

    #[test]
    fn short_bursts_of_work_do_not_lower_what_is_remembered() {
        let mut memory = remembered(100.0, true);
        for burst in 1..=4 {
            let now = minutes(burst * 15);
            memory =
                RememberedPace::updated(Some(memory), shown(memory.start(now).per_s, 5.0), now);
        }
        assert_eq!(memory, remembered(100.0, true));
    }

    #[test]
    fn a_higher_rate_a_limit_and_a_lasting_rate_replace_it() {
        let updated =
            |shown| RememberedPace::updated(Some(remembered(100.0, false)), shown, minutes(0));
        assert_eq!(updated(shown(101.0, 1.0)), remembered(101.0, false));
        assert_eq!(updated(shown(50.0, 499.0)), remembered(100.0, false));
        assert_eq!(updated(shown(50.0, 501.0)), remembered(50.0, false));
        let limited = Shown { is_throttled: true, ..shown(50.0, 1.0) };
        assert_eq!(updated(limited), remembered(50.0, true));
        // Once known, the limit stays known until the memory ends.
        let higher =
            RememberedPace::updated(Some(remembered(9.0, true)), shown(10.0, 1.0), minutes(0));
        assert_eq!(higher, remembered(10.0, true));
    }
}
