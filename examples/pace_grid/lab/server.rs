//! The server's side of the quota: four ways to count calls.

use std::collections::VecDeque;
use std::time::Duration;

/// How a service counts calls against its quota.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Counting {
    /// A bucket that holds one second of quota and fills steadily.
    TokenBucket,
    /// This many calls in each window of this many seconds.
    FixedWindow(u32),
    /// This many calls in any interval of one second.
    SlidingLog,
}

impl Counting {
    /// The name used in tables.
    pub(crate) fn name(self) -> String {
        match self {
            Self::TokenBucket => "token bucket".to_owned(),
            Self::FixedWindow(seconds) => format!("fixed window {seconds} s"),
            Self::SlidingLog => "sliding log".to_owned(),
        }
    }
}

/// A server with a quota; time is counted in seconds since the start of the run.
#[derive(Debug)]
pub(crate) struct Server {
    counting: Counting,
    /// Shifts the fixed windows against the start of the run.
    phase_s: f64,
    tokens: f64,
    filled_at_s: f64,
    window: i64,
    in_window: f64,
    log: VecDeque<f64>,
}

impl Server {
    /// A server whose bucket is full (of `quota_per_s` calls) and whose windows start `phase_s`
    /// (below 1, a share of the window) before the run does.
    pub(crate) fn new(counting: Counting, quota_per_s: f64, phase: f64) -> Self {
        let length_s = match counting {
            Counting::FixedWindow(seconds) => f64::from(seconds),
            Counting::TokenBucket | Counting::SlidingLog => 1.0,
        };
        Self {
            counting,
            phase_s: phase * length_s,
            tokens: quota_per_s,
            filled_at_s: 0.0,
            window: -1,
            in_window: 0.0,
            log: VecDeque::new(),
        }
    }

    /// The time from that second to the next start of a window; 0 if the server has no windows.
    pub(crate) fn to_boundary_s(&self, at_s: f64) -> f64 {
        match self.counting {
            Counting::FixedWindow(seconds) => {
                let length_s = f64::from(seconds);
                length_s - (at_s + self.phase_s) % length_s
            }
            Counting::TokenBucket | Counting::SlidingLog => 0.0,
        }
    }

    /// Counts a call that arrives now: accepted, or the time until the next one could be.
    pub(crate) fn arrive(&mut self, now: Duration, quota_per_s: f64) -> Result<(), Duration> {
        let now_s = now.as_secs_f64();
        let wait_s = match self.counting {
            Counting::TokenBucket => {
                let filled = self.tokens + (now_s - self.filled_at_s) * quota_per_s;
                self.tokens = filled.min(quota_per_s);
                self.filled_at_s = now_s;
                if self.tokens >= 1.0 {
                    self.tokens -= 1.0;
                    return Ok(());
                }
                (1.0 - self.tokens) / quota_per_s
            }
            Counting::FixedWindow(seconds) => {
                let length_s = f64::from(seconds);
                let at_s = now_s + self.phase_s;
                #[expect(clippy::cast_possible_truncation, reason = "a run lasts minutes")]
                let window = (at_s / length_s).floor() as i64;
                if window != self.window {
                    self.window = window;
                    self.in_window = 0.0;
                }
                if self.in_window + 1.0 <= quota_per_s * length_s {
                    self.in_window += 1.0;
                    return Ok(());
                }
                length_s - at_s % length_s
            }
            Counting::SlidingLog => {
                while self.log.front().is_some_and(|&first_s| first_s + 1.0 <= now_s) {
                    self.log.pop_front();
                }
                #[expect(clippy::cast_precision_loss, reason = "the log holds one second of calls")]
                let logged = self.log.len() as f64;
                if logged < quota_per_s {
                    self.log.push_back(now_s);
                    return Ok(());
                }
                self.log.front().map_or(0.0, |&first_s| first_s + 1.0 - now_s)
            }
        };
        Err(Duration::from_secs_f64(wait_s))
    }
}
