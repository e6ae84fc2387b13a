//! What stands between an armed unit of one operation and its sending: the adaptive pace, and behind
//! it the fixed ceiling.

use super::ceiling::Ceiling;
use super::pace::{self, Pace};
use super::queue::Unit;
use crate::ledger::AttemptId;
use std::collections::VecDeque;
use std::time::Duration;

/// How far ahead of their sending intents are written: enough to hide a slow disk, and little
/// enough that a crash leaves few requests that look sent and were not.
const ARMED_AHEAD: Duration = Duration::from_millis(50);

/// What stands between an armed unit of one operation and its sending.
#[derive(Debug)]
pub(super) struct Gate {
    pub(super) pace: Box<Pace>,
    ceiling: Ceiling,
    /// Intents that are durable, in the order in which they leave.
    pub(super) armed: VecDeque<(AttemptId, Unit)>,
    /// Intents that are being written.
    pub(super) arming: usize,
}

impl Gate {
    /// A gate that lets at most `rate_per_s` through, and `start_per_s` at first.
    pub(super) fn new(rate_per_s: f64, start_per_s: f64) -> Self {
        Self {
            pace: Box::new(Pace::starting_at(rate_per_s, start_per_s)),
            ceiling: Ceiling::new(rate_per_s),
            armed: VecDeque::new(),
            arming: 0,
        }
    }

    /// Whether one more unit may be armed: as many as may leave soon, at least one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive number, cut off at the concurrency"
    )]
    pub(super) fn has_room(&self, concurrency: usize) -> bool {
        let soon = self.pace.rate_per_s() * ARMED_AHEAD.as_secs_f64();
        self.armed.len() + self.arming < (soon.ceil() as usize).clamp(1, concurrency)
    }

    /// When the next request may leave, as far as is known.
    pub(super) fn next_at(&self, now: Duration) -> Duration {
        self.pace.next_at(now).max(self.ceiling.due())
    }

    /// Lets one request leave now, if the adaptive pace and then the fixed ceiling agree.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        let may_leave = self.pace.next_at(now) <= now && self.ceiling.take(now).is_ok();
        if may_leave {
            self.pace.on(now, pace::Event::Sent);
        }
        may_leave
    }
}
