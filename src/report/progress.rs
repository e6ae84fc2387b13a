//! Progress of a run, drawn from the engine's events on standard error.

use super::margin;
use super::summary::{Sendings, cause, count, length, things};
use crate::engine::events::Event;
use crate::ledger::AttemptState;
use crate::plan::summary::Summary;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::time::Duration;
use tokio::time::Instant;

/// Until then the plan's own estimate is better than what was measured.
const MEASURED_AFTER: Duration = Duration::from_secs(5);

/// Draws a bar on a terminal and keeps the numbers everywhere.
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
    sendings: Sendings,
    grants: u64,
    settled: u64,
    /// What earlier runs of the job had settled.
    settled_before: Option<u64>,
    /// Planned requests not yet carried out, by operation: operations run side by side.
    planned_left: BTreeMap<&'static str, u64>,
    rate_per_s: f64,
    is_paused: bool,
    quiet: bool,
}

impl Progress {
    /// Starts at nothing done. Off a terminal nothing is drawn.
    pub fn new(plan: &Summary, rate_per_s: f64, quiet: bool) -> Self {
        let target = if quiet { ProgressDrawTarget::hidden() } else { margin::standard_error() };
        let bar = ProgressBar::with_draw_target(Some(plan.revocations as u64), target);
        let style = ProgressStyle::with_template("  [{bar:12}] {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        bar.set_style(style);
        let planned_left = plan.requests.iter().map(|(name, n)| (*name, *n as u64)).collect();
        let progress = Self {
            bar,
            started: Instant::now(),
            sendings: Sendings { planned: plan.total_requests() as u64, ..Sendings::default() },
            grants: plan.revocations as u64,
            settled: 0,
            settled_before: None,
            planned_left,
            rate_per_s,
            is_paused: false,
            quiet,
        };
        progress.draw();
        progress
    }

    /// Takes in an event.
    pub fn on(&mut self, event: &Event) {
        match event {
            Event::Sent { .. } => {
                self.sendings.sent += 1;
                self.draw();
            }
            Event::Settled { operation, state, settled, planned_done } => {
                match state {
                    AttemptState::Throttled => self.sendings.throttled += 1,
                    AttemptState::Lost | AttemptState::Unconnected => self.sendings.lost += 1,
                    _ => {}
                }
                if *planned_done && let Some(left) = self.planned_left.get_mut(operation.name()) {
                    *left = left.saturating_sub(1);
                }
                self.settled_before.get_or_insert(*settled as u64);
                self.settled = *settled as u64;
                self.draw();
            }
            Event::Retrying { grants, delay, code } => {
                tracing::info!(grants, delay_ms = delay.as_millis(), code, "trying again");
            }
            Event::Waiting { operation, wait } => {
                self.say(&format!(
                    "{operation}: the service asks for a pause of {}",
                    seconds(*wait)
                ));
            }
            Event::Paused { pause, message } => {
                self.is_paused = true;
                self.say(&format!(
                    "the service does not answer ({}); trying again in {}",
                    crate::input::shown(message),
                    seconds(*pause)
                ));
            }
            Event::Resumed => {
                self.is_paused = false;
                self.say("the service answers again");
            }
            Event::ClockCorrected { ahead } => self.say(&format!(
                "this machine's clock is {} {} the service's; requests are signed by the service's",
                seconds(ahead.unsigned_abs()),
                if ahead.is_positive() { "behind" } else { "ahead of" }
            )),
            Event::CanaryPassed { requests, grants } => self.say(&format!(
                "the canary succeeded: {} of {} went through, now the rest",
                things(*grants, "revocation", "revocations"),
                things(*requests, "request", "requests"),
            )),
            Event::Stopping(why) => self.say(&format!("stopping: {}", cause(why))),
        }
    }

    /// Tells something above the bar.
    fn say(&self, line: &str) {
        if self.quiet {
            return;
        }
        if self.bar.is_hidden() {
            tracing::warn!("{line}");
        } else {
            // Not the bar's own `println`, which counts on the width that the margin hides.
            self.bar.suspend(|| {
                let _ = writeln!(std::io::stderr(), "  {line}");
            });
        }
    }

    fn draw(&self) {
        self.bar.set_message(self.message(self.started.elapsed()));
        self.bar.set_position(self.settled);
        // Drawing is bounded by indicatif to 20 times a second; a tick asks for one of them.
        self.bar.tick();
    }

    fn message(&self, elapsed: Duration) -> String {
        let Sendings { sent, throttled, .. } = self.sendings;
        let done = format!("{} of {} revocations", count(self.settled), count(self.grants));
        let left = match self.left_s(elapsed) {
            _ if self.is_paused => Some("waiting for the service".to_owned()),
            left_s => left_s.map(|left_s| format!("about {} left", length(left_s))),
        };
        let pace = (elapsed >= Duration::from_secs(1))
            .then(|| format!("{:.1} requests/s", number(sent) / elapsed.as_secs_f64()));
        let throttled = (throttled > 0)
            .then(|| format!("{:.1} % throttled", number(throttled) * 100.0 / number(sent)));
        let parts: Vec<String> = [left, pace, throttled].into_iter().flatten().collect();
        [&[done], &parts[..]].concat().join(", ")
    }

    /// Seconds to go: at first as planned, later as fast as it went so far, tries included.
    /// Nothing at the end, and when there was time enough and nothing happened.
    fn left_s(&self, elapsed: Duration) -> Option<f64> {
        let open = self.grants.saturating_sub(self.settled);
        let longest = self.planned_left.values().copied().max().unwrap_or(0);
        let planned = number(longest) / self.rate_per_s;
        let done = self.settled.saturating_sub(self.settled_before.unwrap_or(self.settled));
        match (open, done) {
            (0, _) => None,
            _ if elapsed < MEASURED_AFTER => Some(planned),
            (_, 0) => None,
            _ => Some(planned.max(elapsed.as_secs_f64() * number(open) / number(done))),
        }
    }

    /// Takes the bar away and gives the numbers.
    pub fn finish(self) -> (Sendings, Duration) {
        self.bar.finish_and_clear();
        (self.sendings, self.started.elapsed())
    }
}

#[expect(clippy::cast_precision_loss, reason = "numbers for people")]
fn number(count: u64) -> f64 {
    count as f64
}

fn seconds(duration: Duration) -> String {
    length(duration.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Operation;

    fn progress() -> Progress {
        let requests = [(Operation::ALL[0].name(), 50), (Operation::ALL[1].name(), 20)];
        let plan = Summary {
            rows: 1000,
            invalid: 0,
            protected: 0,
            duplicates: 0,
            users: 1,
            user_groups: 0,
            targets: 1,
            whole_targets: 0,
            targets_kept: 0,
            revocations: 1000,
            requests: requests.into(),
            seconds: 5.0,
        };
        Progress::new(&plan, 10.0, true)
    }

    fn settled(settled: usize, state: AttemptState) -> Event {
        Event::Settled { operation: Operation::ALL[0], state, settled, planned_done: true }
    }

    #[test]
    fn at_first_it_says_what_was_planned() {
        let message = progress().message(Duration::ZERO);
        assert_eq!(message, "0 of 1,000 revocations, about 5.0 s left");
    }

    #[test]
    fn later_it_says_what_was_measured() {
        let mut progress = progress();
        for state in [AttemptState::Answered, AttemptState::Throttled] {
            progress.on(&Event::Sent { operation: Operation::ALL[0] });
            // 100 were settled by an earlier run, which says nothing of the speed of this one.
            progress.settled_before = Some(100);
            progress.on(&settled(200, state));
        }
        assert_eq!(
            progress.message(Duration::from_secs(10)),
            "200 of 1,000 revocations, about 1 min 20 s left, 0.2 requests/s, \
             50.0 % throttled"
        );
    }

    #[test]
    fn nothing_is_promised_while_the_service_is_silent() {
        let mut progress = progress();
        let silent = progress.message(Duration::from_secs(60));
        assert_eq!(silent, "0 of 1,000 revocations, 0.0 requests/s");
        progress.on(&Event::Paused { pause: Duration::from_secs(1), message: String::new() });
        assert!(progress.message(Duration::ZERO).ends_with("waiting for the service"));
        progress.on(&Event::Resumed);
        assert!(progress.message(Duration::ZERO).ends_with("about 5.0 s left"));
    }

    #[test]
    fn at_the_end_nothing_is_left() {
        let mut progress = progress();
        progress.on(&Event::Sent { operation: Operation::ALL[0] });
        progress.on(&settled(1000, AttemptState::Answered));
        assert_eq!(progress.message(Duration::ZERO), "1,000 of 1,000 revocations");
    }
}
