//! The fixed ceiling of one operation: governor's GCRA with a burst of one, on the engine's clock.

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A wake-up that is late by up to this much counts as punctual. Tokio's timers have a resolution
/// of a millisecond. Without this, each delay would be lost, and a rate above a few hundred per
/// second could not be reached.
pub(super) const SLACK: Duration = Duration::from_millis(2);

/// A clock that the limiter sets: the engine's "now", minus the excused delay.
#[derive(Debug, Clone, Default)]
struct ManualClock(Arc<AtomicU64>);

impl Clock for ManualClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
}

/// Lets at most this many requests per second leave, evenly spaced.
#[derive(Debug)]
pub struct FixedRateLimiter {
    limiter: RateLimiter<NotKeyed, InMemoryState, ManualClock, NoOpMiddleware<Duration>>,
    clock: ManualClock,
    due: Duration,
}

impl FixedRateLimiter {
    /// A ceiling of `rate_per_s`, which must be above 0 (the settings ensure it).
    pub fn new(rate_per_s: f64) -> Self {
        let period = Duration::from_secs_f64(1.0 / rate_per_s).max(Duration::from_nanos(1));
        let quota = Quota::with_period(period)
            .unwrap_or_else(|| Quota::per_second(NonZeroU32::MIN))
            .allow_burst(NonZeroU32::MIN);
        let clock = ManualClock::default();
        let limiter = RateLimiter::direct_with_clock(quota, clock.clone());
        Self { limiter, clock, due: Duration::ZERO }
    }

    /// When the next request may leave, as far as known.
    pub fn due(&self) -> Duration {
        self.due
    }

    /// Lets one request leave at `now` (since the start of the run), or returns when to ask again.
    pub fn take(&mut self, now: Duration) -> Result<(), Duration> {
        if now < self.due {
            return Err(self.due);
        }
        let on_time = if now <= self.due + SLACK { self.due } else { now };
        self.clock.0.store(nanos(on_time), Ordering::Relaxed);
        match self.limiter.check() {
            Ok(()) => {
                // Check at once when the one after may go. A failed check takes nothing.
                self.due = match self.limiter.check() {
                    Ok(()) => on_time,
                    Err(not_until) => on_time + not_until.wait_time_from(on_time),
                };
                Ok(())
            }
            Err(not_until) => {
                self.due = on_time + not_until.wait_time_from(on_time);
                Err(self.due)
            }
        }
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks whenever it is due, woken up `late`; returns the times at which requests left.
    fn times(rate_per_s: f64, late: Duration, until: Duration) -> Vec<Duration> {
        let mut ceiling = FixedRateLimiter::new(rate_per_s);
        let (mut now, mut times) = (Duration::ZERO, Vec::new());
        while now < until {
            match ceiling.take(now) {
                Ok(()) => times.push(now),
                Err(due) => now = due + late,
            }
        }
        times
    }

    #[test]
    fn requests_are_spaced_evenly_with_no_burst() {
        let times = times(10.0, Duration::ZERO, Duration::from_secs(10));
        assert_eq!(times.len(), 100);
        for pair in times.windows(2) {
            assert_eq!(pair[1], pair[0] + Duration::from_millis(100));
        }
    }

    #[test]
    fn idle_time_is_not_made_up_for() {
        let mut ceiling = FixedRateLimiter::new(10.0);
        assert!(ceiling.take(Duration::ZERO).is_ok());
        let later = Duration::from_secs(60);
        assert!(ceiling.take(later).is_ok());
        assert_eq!(ceiling.take(later), Err(later + Duration::from_millis(100)));
    }

    #[test]
    fn late_wake_ups_of_a_timer_cost_nothing() {
        for rate in [3.0, 50.0, 5000.0] {
            let until = Duration::from_secs(20);
            let sent = times(rate, Duration::from_millis(1), until).len();
            let due = rate * until.as_secs_f64();
            #[expect(clippy::cast_precision_loss, reason = "some thousands")]
            let sent = sent as f64;
            assert!(sent <= due + 1.0 && sent >= due * 0.99 - 1.0, "{sent} of {due}");
        }
    }

    #[test]
    fn a_slow_rate_is_kept_too() {
        assert_eq!(times(0.5, Duration::ZERO, Duration::from_secs(20)).len(), 10);
    }
}
