//! The adaptive rate controller: finds how many requests per second the service accepts.
//!
//! The quota is unknown, shared with other programs, and changes. [`RateController`] finds it from
//! the replies alone. It is a pure function of the time and the recorded events: no clock, no
//! randomness, no I/O, and only arithmetic that gives the same result on every platform. One
//! `RateController` serves one operation. It never exceeds the fixed ceiling (`--rate`), which
//! [`FixedRateLimiter`](super::fixed_rate_limiter::FixedRateLimiter) also enforces.
//!
//! # How the rate moves
//!
//! * **Small steps.** Each accepted call raises the rate by a small amount; each throttled call
//!   lowers it by one per cent, and by more when throttled calls are close together. In balance
//!   about 0.6 % of the calls are throttled, which is enough to know where the limit is. Above ten
//!   per second the increase is per second and not per call, because it would be unstable
//!   otherwise.
//! * **A burst means a changed quota.** Three throttled calls with few accepted ones between them
//!   cut the rate to what was still accepted recently, at most by half, and once: calls sent before
//!   a cut can't cause another.
//! * **After quiet time, a ramp.** When nothing was throttled for a while, the controller probes
//!   for the limit: the rate rises faster and faster, more gently where windows are long. The first
//!   throttled call takes back the increase of the last five seconds. If the ramp reached new
//!   territory, the next one follows soon; if not, later each time. The more a probe costs, in time
//!   or in throttled calls, the rarer probes become.
//! * **A quota that changed may change again.** After a lasting rate has given way to a quite
//!   different one, probes are nearly twice as frequent for five minutes.
//! * **Exhausted quota.** If every call is throttled, the server's window is used up: requests
//!   leave rarely until one is accepted. The rate then continues with the highest rate that the
//!   server accepted in any interval before, which is rarely below its quota.
//! * **Several operations** may share one quota. Each probes more rarely then, and one that has
//!   finished leaves its rate to the others.
//! * **Waits are kept**: nothing leaves before the wait that a server asked for is over.
//!
//! Idle time earns no credit, and a rate that was not used is not raised. `docs/src/pace.md`
//! compares the controller with the best constant rate on four kinds of server.

mod accepted_window;
mod exhaustion;
mod probing;
mod send_schedule;
mod slow_start;
#[cfg(test)]
mod tests;
mod throughput;
mod tuning;

pub use tuning::{DEFAULT_CEILING_PER_S, FLOOR_PER_S, LONGEST_WAIT, START_PER_S};

use std::time::Duration;

use exhaustion::QuotaExhaustion;
use probing::ProbeSchedule;
use send_schedule::SendSchedule;
use slow_start::SlowStart;
use throughput::Throughput;
use tuning::{
    CUT, CUT_MAX, CUT_STRONG, EXHAUSTION_WAIT_S, NEW_TERRITORY, PAUSING_WAIT_S, TAKE_BACK,
    TAKE_BACK_PER_S,
};

/// The events that the controller learns from. Times are since the start of the run.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Event {
    /// A request leaves now.
    Sent,
    /// The server processed a request and did not throttle it, whatever it answered.
    Accepted {
        /// When the request left.
        sent_at: Duration,
    },
    /// The server throttled a request.
    Throttled {
        /// When the request left.
        sent_at: Duration,
        /// The wait that the server asks for (`x-acs-retry-after`, or `TimeLeft` in
        /// `x-ratelimit-user-api`).
        wait: Option<Duration>,
    },
}

/// The adaptive rate of one operation.
///
/// A request whose answer is lost only gives [`Event::Sent`], which is no evidence.
///
/// ```
/// use std::time::Duration;
/// use bastion_revoke::engine::rate_controller::{Event, RateController};
///
/// let mut pace = RateController::new(10.0);
/// let now = Duration::ZERO;
/// assert_eq!(pace.next_at(now), now);
/// pace.on(now, Event::Sent);
/// assert!(pace.next_at(now) > now);
///
/// let wait = Some(Duration::from_secs(2));
/// let answered = Duration::from_millis(80);
/// pace.on(answered, Event::Throttled { sent_at: now, wait });
/// assert_eq!(pace.next_at(answered), Duration::from_millis(2080));
/// ```
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct RateController {
    ceiling_per_s: f64,
    rate_per_s: f64,
    /// The rate of about five seconds ago.
    lagging_per_s: f64,
    /// The rate after the last decrease.
    settled_per_s: f64,
    slots: SendSchedule,
    probes: ProbeSchedule,
    throughput: Throughput,
    slow_start: SlowStart,
    #[serde(rename = "closure")]
    exhaustion: QuotaExhaustion,
    /// Requests that left up to this time can't cause another decrease,
    cut_at: Option<Duration>,
    /// ... and those that left up to this time are not even counted.
    strong_cut_at: Option<Duration>,
    /// When the latest throttled request left.
    throttled_sent_at: Duration,
}

impl RateController {
    /// Starts at 9.5 per second, or at the ceiling if that is lower; with slow start if the ceiling
    /// is above the default of `--rate`. The ceiling must be above 0; anything else counts as one
    /// call in 1000 seconds.
    pub fn new(ceiling_per_s: f64) -> Self {
        Self::searching_from(ceiling_per_s, START_PER_S)
    }

    /// The same from another rate, at which nothing was throttled before.
    pub fn searching_from(ceiling_per_s: f64, start_per_s: f64) -> Self {
        // A ceiling above the default says that more may be possible; the default does not.
        let slow_start = if ceiling_per_s > DEFAULT_CEILING_PER_S && start_per_s < ceiling_per_s {
            SlowStart::new()
        } else {
            SlowStart::over()
        };
        Self::with(ceiling_per_s, start_per_s, slow_start)
    }

    /// Starts at another rate, or at the ceiling if that is lower, without slow start: for a quota
    /// that is roughly known.
    pub fn starting_at(ceiling_per_s: f64, start_per_s: f64) -> Self {
        let is_below = start_per_s < ceiling_per_s && ceiling_per_s > DEFAULT_CEILING_PER_S;
        let slow_start = if is_below { SlowStart::from_known_rate() } else { SlowStart::over() };
        Self::with(ceiling_per_s, start_per_s, slow_start)
    }

    /// Starts like [`RateController::new`], without slow start.
    #[cfg(test)]
    fn without_slow_start(ceiling_per_s: f64) -> Self {
        Self::with(ceiling_per_s, START_PER_S, SlowStart::over())
    }

    fn with(ceiling_per_s: f64, start_per_s: f64, slow_start: SlowStart) -> Self {
        // `max` also turns a NaN into the minimum.
        let ceiling_per_s = ceiling_per_s.max(0.001);
        let rate_per_s = ceiling_per_s.min(start_per_s);
        Self {
            ceiling_per_s,
            rate_per_s,
            lagging_per_s: rate_per_s,
            settled_per_s: 0.0,
            slots: SendSchedule::default(),
            probes: ProbeSchedule::new(),
            throughput: Throughput::new(),
            slow_start,
            exhaustion: QuotaExhaustion::new(),
            cut_at: None,
            strong_cut_at: None,
            throttled_sent_at: Duration::ZERO,
        }
    }

    /// Changes the ceiling, for a state that was stored under another one.
    pub fn set_ceiling(&mut self, ceiling_per_s: f64) {
        self.ceiling_per_s = ceiling_per_s.max(0.001);
        self.rate_per_s = self.rate_per_s.min(self.ceiling_per_s);
    }

    /// Whether the last request waited for the rate, so that the rate was needed.
    pub fn is_used(&self) -> bool {
        self.slots.on_time()
    }

    /// The current rate. It does not include exhaustion and waits.
    pub fn rate_per_s(&self) -> f64 {
        self.rate_per_s
    }

    /// When the next request may leave: now or later. Ask again after every event: a decrease or a
    /// wait moves it back, and a server that accepts calls again moves it forward.
    pub fn next_at(&self, now: Duration) -> Duration {
        self.slots.next_at(now, self.rate_per_s, self.ceiling_per_s)
    }

    /// Records an event. Times must not run backward.
    pub fn on(&mut self, now: Duration, event: Event) {
        match event {
            Event::Sent => self.slots.sent(now, self.rate_per_s),
            Event::Accepted { sent_at } => self.accepted(now, sent_at),
            Event::Throttled { sent_at, wait } => {
                self.throttled(now, sent_at, wait.map(|wait| wait.min(LONGEST_WAIT)));
            }
        }
        debug_assert!(self.rate_per_s > 0.0 && self.rate_per_s <= self.ceiling_per_s);
    }

    /// Another operation of the run, which sent this many requests per second, has nothing left to
    /// send. If it used the same quota, this one may take over: the rate rises by that much within
    /// seconds, until a call is throttled.
    pub fn on_quota_freed(&mut self, freed_per_s: f64) {
        self.slow_start.rise_to(self.rate_per_s + freed_per_s);
    }

    /// So many operations of the run send at present, and may share one quota. Each probes more rarely
    /// then, so that all together probe as often as one.
    pub fn share_among(&mut self, operations: usize) {
        self.probes.share_among(operations);
    }

    fn accepted(&mut self, now: Duration, sent_at: Duration) {
        self.throughput.accepted(now, self.rate_per_s);
        self.exhaustion.count_accepted(now);
        if self.exhaustion.is_exhausted() {
            if is_before(sent_at, self.strong_cut_at) {
                return;
            }
            // The window ended between the last throttled call and this one.
            let opened_after = sent_at.saturating_sub(self.throttled_sent_at) / 2;
            let lasted_s = self.exhaustion.lasted_s(now);
            self.reopen(now.saturating_sub(opened_after), lasted_s);
        }
        // With jitter, an answer to an earlier call may arrive after that to a throttled one.
        if sent_at > self.throttled_sent_at {
            self.exhaustion.run_ends();
        }
        let catching_up = (TAKE_BACK_PER_S / self.rate_per_s).min(1.0);
        self.lagging_per_s += (self.rate_per_s - self.lagging_per_s) * catching_up;
        if self.slow_start.is_active() {
            self.slow_start.on_accepted(now, sent_at);
            if self.rate_per_s < self.ceiling_per_s {
                let growth = self.slow_start.growth(now, self.rate_per_s, self.slots.on_time());
                self.set(self.rate_per_s * growth);
            } else if self.slow_start.ends_at_ceiling(now) {
                self.settle(self.rate_per_s);
            }
            return;
        }
        if !self.slots.on_time() {
            return;
        }
        let step = self.probes.step(self.rate_per_s);
        self.set(self.rate_per_s * step);
    }

    fn throttled(&mut self, now: Duration, sent_at: Duration, wait: Option<Duration>) {
        if let Some(wait) = wait {
            self.slots.hold_until(now + wait);
        }
        if self.slow_start.is_doubling() {
            return self.end_doubling(now, sent_at, wait);
        }
        let probing = self.probes.ramping_from_known();
        self.probes.on_throttled(self.rate_per_s);
        self.throttled_sent_at = self.throttled_sent_at.max(sent_at);
        let good_per_s = self.lagging_per_s.min(self.rate_per_s);
        self.exhaustion.count_throttled(now, good_per_s, probing);
        if self.slow_start.is_measuring() && !self.exhaustion.is_exhausted() {
            // Whether the server accepts nothing more, or only less, is decided by the calls in
            // flight, too.
            if self.exhaustion.detect_in_slow_start() {
                self.cut_epoch(now);
                self.set(self.exhaustion.probes_per_s(now, self.rate_per_s));
            }
            return;
        }
        if is_before(sent_at, self.strong_cut_at) {
            return;
        }
        self.slow_start.on_throttled();
        self.throughput.throttled(now, self.rate_per_s, self.exhaustion.run_begins());

        if let Some(wait) = wait
            && wait.as_secs_f64() > PAUSING_WAIT_S
        {
            self.pause(now, wait);
        } else if self.exhaustion.is_exhausted() {
            self.strong_cut_at = Some(now);
            self.set(self.exhaustion.probes_per_s(now, self.rate_per_s));
        } else if wait.is_none() && self.exhaustion.detect(now) {
            self.cut_epoch(now);
            self.set(self.rate_per_s * 0.25);
        } else if let Some(accepted_per_s) = self.throughput.burst(self.exhaustion.is_one_run()) {
            self.cut_epoch(now);
            let pace = accepted_per_s.clamp(self.rate_per_s * CUT_STRONG, self.rate_per_s);
            self.limit_found(pace, 0.0);
        } else if self.exhaustion.run_begins() && !is_before(sent_at, self.cut_at) {
            self.cut_at = Some(now);
            let back = self.lagging_per_s.max(self.rate_per_s * TAKE_BACK).min(self.rate_per_s);
            let cut = 1.0 - self.throughput.excess().clamp(CUT, CUT_MAX);
            let pace = back.min(self.rate_per_s * cut).max(back * cut);
            self.limit_found(pace, wait.map_or(0.0, |wait| wait.as_secs_f64()));
        }
    }

    /// The first throttled call ends the doubling of slow start. Calls in flight can't cause
    /// another decrease.
    fn end_doubling(&mut self, now: Duration, sent_at: Duration, wait: Option<Duration>) {
        self.throttled_sent_at = sent_at;
        self.exhaustion.count_throttled(now, self.rate_per_s, false);
        self.cut_epoch(now);
        let wait_s = wait.map_or(0.0, |wait| wait.as_secs_f64());
        let rate_per_s = self.slow_start.end_doubling(now, self.rate_per_s);
        if wait_s > PAUSING_WAIT_S {
            let end = now + wait.unwrap_or_default();
            self.exhaustion.continues_until(end);
            self.reopen(end, wait_s);
        } else {
            self.settle(rate_per_s);
        }
    }

    /// The server asked for a wait long enough to matter. The replies to requests in flight will
    /// repeat it; they are part of it.
    fn pause(&mut self, now: Duration, wait: Duration) {
        self.cut_epoch(now);
        let end = now + wait;
        if self.exhaustion.continues_until(end) {
            // The same exhaustion continues. The rate was lowered for it, and nothing new is known
            // about the quota.
            return;
        }
        if wait.as_secs_f64() > EXHAUSTION_WAIT_S {
            self.reopen(end, wait.as_secs_f64());
        } else {
            let pace = self.exhaustion.on_short_wait_end(end, wait.as_secs_f64());
            self.limit_found(pace, wait.as_secs_f64());
        }
    }

    /// The exhaustion ends at `end`.
    fn reopen(&mut self, end: Duration, exhausted_s: f64) {
        let first = self.exhaustion.is_first();
        self.slow_start.end();
        let pace = self.exhaustion.on_end(end, exhausted_s);
        self.probes.on_exhausted(exhausted_s, self.exhaustion.is_caused_by_probe());
        self.probes.on_reopened(first);
        self.throughput.forget_burst();
        self.settle(pace);
    }

    /// The limit was found; the rate continues at `pace_per_s`.
    fn limit_found(&mut self, pace_per_s: f64, exhausted_s: f64) {
        let before_per_s = self.settled_per_s;
        self.settle(pace_per_s);
        self.probes.on_limit_found(self.rate_per_s > NEW_TERRITORY * before_per_s);
        self.probes.on_exhausted(exhausted_s, self.exhaustion.is_caused_by_probe());
    }

    fn cut_epoch(&mut self, now: Duration) {
        self.cut_at = Some(now);
        self.strong_cut_at = Some(now);
    }

    fn settle(&mut self, rate_per_s: f64) {
        self.set(rate_per_s);
        self.lagging_per_s = self.rate_per_s;
        self.settled_per_s = self.rate_per_s;
    }

    fn set(&mut self, rate_per_s: f64) {
        self.rate_per_s = rate_per_s.max(FLOOR_PER_S).min(self.ceiling_per_s);
    }
}

/// The minimum number of seconds that these requests of one operation take from the start of a run
/// with this ceiling.
pub fn seconds_at_least(requests: usize, ceiling_per_s: f64) -> f64 {
    seconds_from(requests, (START_PER_S, false), ceiling_per_s)
}

/// The same from another rate, at a quota that is known or not.
#[expect(clippy::cast_precision_loss, reason = "an estimate")]
pub(super) fn seconds_from(requests: usize, start: (f64, bool), ceiling_per_s: f64) -> f64 {
    if ceiling_per_s > DEFAULT_CEILING_PER_S {
        slow_start::seconds_at_least(requests as f64, start, ceiling_per_s)
    } else {
        requests as f64 / ceiling_per_s
    }
}

/// Whether a request had left by then.
fn is_before(sent_at: Duration, time: Option<Duration>) -> bool {
    time.is_some_and(|time| sent_at <= time)
}
