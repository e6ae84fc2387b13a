//! When the next request may leave, at a given rate.

use crate::engine::fixed_rate_limiter::SLACK;
use std::time::Duration;

/// The times at which requests left, and the wait that a server asked for.
///
/// Only the last time is kept, and the interval follows from the current rate. So when a server
/// accepts calls again, nothing waits for the long interval of the exhaustion.
#[derive(Debug, Clone, Default, serde::Serialize, serde::Deserialize)]
pub(super) struct SendSchedule {
    /// When the last request was due; at most one interval before it left.
    slot: Option<Duration>,
    /// When the last request left.
    sent: Duration,
    /// Nothing leaves before this time, because the server asked for a wait.
    hold: Duration,
    on_time: bool,
}

impl SendSchedule {
    /// When the next request may leave, now or later.
    pub(super) fn next_at(&self, now: Duration, rate_per_s: f64, ceiling_per_s: f64) -> Duration {
        let Some(slot) = self.slot else { return now.max(self.hold) };
        let due = slot + interval(rate_per_s);
        // A delay is made up for, but two requests are never closer than the ceiling allows. At the
        // ceiling a late timer is made up for too, as the fixed limiter does.
        let apart = interval(ceiling_per_s).saturating_sub(SLACK);
        due.max(self.sent + apart).max(self.hold).max(now)
    }

    /// Records that a request leaves.
    pub(super) fn sent(&mut self, now: Duration, rate_per_s: f64) {
        let interval = interval(rate_per_s);
        let due = self.slot.map_or(now, |slot| slot + interval).max(self.hold);
        // A timer that fires late delays its request by less than one interval; that credit keeps
        // the average. A longer delay means that there was nothing to send: idle time does not turn
        // into a burst.
        self.on_time = now < due + interval;
        self.slot = Some(if self.on_time { due } else { now });
        self.sent = now;
    }

    /// Nothing may leave before `end`.
    pub(super) fn hold_until(&mut self, end: Duration) {
        self.hold = self.hold.max(end);
    }

    /// Whether the last request waited for the rate, and not for work or a free worker. Calls that
    /// were late for another reason are no evidence for a higher rate.
    pub(super) fn on_time(&self) -> bool {
        self.on_time
    }
}

fn interval(per_s: f64) -> Duration {
    Duration::from_secs_f64(1.0 / per_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_late_timer_costs_nothing_at_the_ceiling_either() {
        let (rate, late) = (50.0, Duration::from_millis(1));
        let mut slots = SendSchedule::default();
        let (mut now, mut sent) = (Duration::ZERO, 0_u32);
        while now < Duration::from_secs(20) {
            let at = slots.next_at(now, rate, rate);
            if at <= now {
                slots.sent(now, rate);
                sent += 1;
            } else {
                now = at + late;
            }
        }
        assert!((999..=1001).contains(&sent), "{sent} in 20 s at 50 per second");
    }
}
