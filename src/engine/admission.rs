//! Admission of one operation's requests: the adaptive rate and the fixed ceiling, or a quota that
//! is shared with other processes.

use super::earlier_rate::EarlierRate;
use super::fixed_rate_limiter::FixedRateLimiter;
use super::rate_controller::{self, RateController};
use super::send_queue::Unit;
use crate::ledger::AttemptId;
use crate::model::Operation;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Intents are written this long before their requests leave: enough to hide a slow disk, and short
/// enough that a crash leaves few requests that look sent and were not.
const READY_AHEAD: Duration = Duration::from_millis(50);

/// A shared quota that has no slot for us and reports no change is asked again after this time.
const POLL_INTERVAL: Duration = Duration::from_secs(1);

/// A quota that several dispatchers share, also in other processes. Its methods do not block: slow
/// work happens in the background, and [`Quota::changes`] reports the result.
pub trait Quota: Send + Sync {
    /// Requests per second that may leave at present, of all dispatchers together.
    fn rate_per_s(&self, operation: Operation) -> f64;
    /// When the next request may leave; `None` while no slot is reserved for it.
    fn next_at(&self, operation: Operation) -> Option<Instant>;
    /// Lets one request leave now. If it can't, it reserves slots for the `wanted` ones.
    fn take(&self, operation: Operation, wanted: usize) -> bool;
    /// Records the result of a request. Times are relative to `started`.
    fn on_event(&self, operation: Operation, started: Instant, event: rate_controller::Event);
    /// The value changes whenever the quota changes.
    fn changes(&self) -> watch::Receiver<u64>;
}

/// Decides when the ready units of one operation may leave.
pub(super) struct Admission {
    limiter: Limiter,
    /// Units whose intents are durable, in sending order.
    pub(super) ready: VecDeque<(AttemptId, Unit)>,
    /// How many intents are being written.
    pub(super) being_written: usize,
}

enum Limiter {
    Own(Box<RateController>, FixedRateLimiter),
    Shared(Arc<dyn Quota>, Operation, Instant),
}

impl Admission {
    /// Admits at most `rate_per_s`, starting where an earlier run ended.
    pub(super) fn new(rate_per_s: f64, earlier: Option<EarlierRate>) -> Self {
        let pace = match earlier {
            Some(earlier) => earlier.controller(rate_per_s),
            None => RateController::new(rate_per_s),
        };
        let pace = Box::new(pace);
        Self::of(Limiter::Own(pace, FixedRateLimiter::new(rate_per_s)))
    }

    /// For one operation of a shared quota, in a run that started at `started`.
    pub(super) fn shared(quota: Arc<dyn Quota>, operation: Operation, started: Instant) -> Self {
        Self::of(Limiter::Shared(quota, operation, started))
    }

    fn of(limiter: Limiter) -> Self {
        Self { limiter, ready: VecDeque::new(), being_written: 0 }
    }

    /// The current rate.
    pub(super) fn rate_per_s(&self) -> f64 {
        match &self.limiter {
            Limiter::Own(pace, _) => pace.rate_per_s(),
            Limiter::Shared(quota, operation, _) => quota.rate_per_s(*operation),
        }
    }

    /// So many operations send at present, and may share a quota.
    pub(super) fn share_among(&mut self, operations: usize) {
        if let Limiter::Own(pace, _) = &mut self.limiter {
            pace.share_among(operations);
        }
    }

    /// Another operation, which sent this many requests per second, has finished.
    pub(super) fn on_quota_freed(&mut self, freed_per_s: f64) {
        if let Limiter::Own(pace, _) = &mut self.limiter {
            pace.on_quota_freed(freed_per_s);
        }
    }

    /// Whether one more unit may be made ready: as many as may leave soon, at least one.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive number, cut off at the concurrency"
    )]
    pub(super) fn has_room(&self, concurrency: usize) -> bool {
        let soon = self.rate_per_s() * READY_AHEAD.as_secs_f64();
        self.ready.len() + self.being_written < (soon.ceil() as usize).clamp(1, concurrency)
    }

    /// When the next request may leave, as far as known.
    pub(super) fn next_at(&self, now: Duration) -> Duration {
        match &self.limiter {
            Limiter::Own(pace, ceiling) => pace.next_at(now).max(ceiling.due()),
            Limiter::Shared(quota, operation, started) => match quota.next_at(*operation) {
                Some(at) => at.saturating_duration_since(*started),
                None => now + POLL_INTERVAL,
            },
        }
    }

    /// Lets one request leave now, if both the adaptive rate and the fixed ceiling allow it.
    pub(super) fn take(&mut self, now: Duration) -> bool {
        match &mut self.limiter {
            Limiter::Own(pace, ceiling) => {
                let may_leave = pace.next_at(now) <= now && ceiling.take(now).is_ok();
                if may_leave {
                    pace.on(now, rate_controller::Event::Sent);
                }
                may_leave
            }
            Limiter::Shared(quota, operation, _) => quota.take(*operation, self.ready.len()),
        }
    }

    /// Whether no unit is ready, or will be soon.
    pub(super) fn is_idle(&self) -> bool {
        self.ready.is_empty() && self.being_written == 0
    }

    /// Records the result of a request.
    pub(super) fn on_event(&mut self, now: Duration, event: rate_controller::Event) {
        match &mut self.limiter {
            Limiter::Own(pace, _) => pace.on(now, event),
            Limiter::Shared(quota, operation, started) => {
                quota.on_event(*operation, *started, event);
            }
        }
    }
}
