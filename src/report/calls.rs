//! Progress of the list operations of `export` and `who` on standard error.

use super::narrow_terminal;
use super::recent::Recent;
use super::text::{count, length};
use crate::access::Step;
use indicatif::ProgressBar;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A reading that ends before this is not drawn.
const DRAWN_AFTER: Duration = Duration::from_secs(1);

/// Before this, the rate that was asked for is better than the measured one.
const MEASURED_AFTER: Duration = Duration::from_secs(5);

/// Without a terminal, a line is logged this often (level info).
const LOGGED_EVERY: Duration = Duration::from_secs(10);

/// A bar on a terminal once the reading takes long; else a line of the log now and then.
pub struct CallProgress {
    state: Mutex<State>,
}

struct State {
    quiet: bool,
    rate_per_s: f64,
    started: Instant,
    logged: Instant,
    calls: u64,
    recent: Recent,
    step: Option<Step>,
    /// Calls before the current stage.
    calls_before: u64,
    bar: Option<ProgressBar>,
}

impl CallProgress {
    /// Starts a reading of at most this many calls per second.
    pub fn new(rate_per_s: f64, quiet: bool) -> Self {
        let now = Instant::now();
        let state = State {
            quiet,
            rate_per_s,
            started: now,
            logged: now,
            calls: 0,
            recent: Recent::default(),
            step: None,
            calls_before: 0,
            bar: None,
        };
        Self { state: Mutex::new(state) }
    }

    /// Shows the number of calls so far.
    pub fn on_call(&self, calls: u64) {
        let mut state = self.lock();
        let (now, more) = (state.started.elapsed(), calls.saturating_sub(state.calls));
        state.recent.add(now, more);
        state.calls = calls;
        state.draw(now);
    }

    /// Shows how far the reading has come.
    pub fn on_step(&self, step: Step) {
        let mut state = self.lock();
        if state.step.is_none_or(|before| before.what != step.what) {
            state.calls_before = state.calls;
        }
        state.step = Some(step);
        let now = state.started.elapsed();
        state.draw(now);
    }

    /// Removes the bar, for a question or the result. Further calls draw it again.
    pub fn clear(&self) {
        let mut state = self.lock();
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
        }
        (state.started, state.recent) = (Instant::now(), Recent::default());
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CallProgress {
    fn drop(&mut self) {
        self.clear();
    }
}

impl State {
    fn draw(&mut self, now: Duration) {
        if now < DRAWN_AFTER {
            return;
        }
        let message = self.message(now);
        let total = self.step.map_or(0, |step| step.total as u64);
        let bar = self.bar.get_or_insert_with(|| narrow_terminal::bar(total, self.quiet));
        if bar.is_hidden() && self.logged.elapsed() >= LOGGED_EVERY {
            self.logged = Instant::now();
            tracing::info!("{message}");
        }
        bar.set_message(message);
        bar.set_length(total);
        bar.set_position(self.step.map_or(0, |step| step.done as u64));
        bar.tick();
    }

    fn message(&mut self, now: Duration) -> String {
        let calls = format!("calls {}", count(self.calls));
        let Some(Step { what, done, total, .. }) = self.step else { return calls };
        let done = format!("{what} {} of {}", count(done as u64), count(total as u64));
        match self.left_s(now) {
            Some(left_s) => format!("{done}, {calls}, about {} left", length(left_s)),
            None => format!("{done}, {calls}"),
        }
    }

    /// Estimated seconds left: the calls that are left, if each object takes as many as before, at
    /// the recent rate.
    #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
    fn left_s(&mut self, now: Duration) -> Option<f64> {
        let Step { done, total, calls_after, .. } = self.step?;
        let calls_each = match done {
            0 => 1.0,
            done => ((self.calls - self.calls_before) as f64 / done as f64).max(1.0),
        };
        let calls_left = total.saturating_sub(done) as f64 * calls_each + calls_after as f64;
        let measured = self.recent.per_s(now).filter(|_| now >= MEASURED_AFTER);
        let per_s = measured.filter(|per_s| *per_s > 0.0).unwrap_or(self.rate_per_s);
        (calls_left > 0.0).then(|| calls_left / per_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(progress: &CallProgress) -> String {
        let mut state = progress.lock();
        let now = state.started.elapsed();
        state.message(now)
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_left_follows_the_calls_for_each_object_and_the_recent_rate() {
        let progress = CallProgress::new(10.0, true);
        progress.on_call(10);
        assert_eq!(message(&progress), "calls 10");
        let step = |done| Step { what: "users", done, total: 40, calls_after: 20 };
        progress.on_step(step(0));
        assert_eq!(message(&progress), "users 0 of 40, calls 10, about 6.0 s left");
        progress.on_call(310);
        progress.on_step(step(12));
        // 28 users with 25 calls each, and 20 calls afterwards, at 10 per second.
        assert_eq!(message(&progress), "users 12 of 40, calls 310, about 1 min 12 s left");
        tokio::time::advance(Duration::from_secs(20)).await;
        for calls in 311..=360 {
            progress.on_call(calls);
        }
        // Only 50 calls in the last 9 seconds.
        assert_eq!(message(&progress), "users 12 of 40, calls 360, about 2 min 31 s left");
        progress.on_step(Step { what: "rules", done: 3, total: 3, calls_after: 0 });
        assert_eq!(message(&progress), "rules 3 of 3, calls 360");
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_reading_is_not_drawn_and_a_question_removes_the_bar() {
        let progress = CallProgress::new(10.0, true);
        tokio::time::advance(Duration::from_millis(999)).await;
        progress.on_call(1);
        assert!(progress.lock().bar.is_none());
        tokio::time::advance(Duration::from_millis(1)).await;
        progress.on_call(2);
        assert!(progress.lock().bar.is_some());
        progress.clear();
        progress.on_call(3);
        assert!(progress.lock().bar.is_none());
    }
}
