//! Progress of a run on standard error, from the engine's events.

use super::causes::cause;
use super::narrow_terminal;
use super::recent::Recent;
use super::summary::Sendings;
use super::text::{count, length, of_action, things};
use crate::clock::utc_seconds;
use crate::engine::events::Event;
use crate::engine::rate_controller::START_PER_S;
use crate::ledger::AttemptState;
use crate::model::{Action, Operation};
use crate::plan::summary::Summary;
use indicatif::ProgressBar;
use std::io::Write as _;
use std::time::Duration;
use tokio::time::Instant;

/// Before this, the plan's estimate is better than the measured rate.
const MEASURED_AFTER: Duration = Duration::from_secs(5);

/// A progress bar on a terminal, and counts in any case.
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
    sendings: Sendings,
    action: Action,
    grants: u64,
    settled: u64,
    /// Rows to be decided: all but those carried over.
    rows: u64,
    /// Of these, the rows for which nothing is sent.
    unsent_rows: u64,
    settled_rows: u64,
    failed: u64,
    /// Unsent requests when the run began.
    waiting: u64,
    /// Of these, the ones not completed, by operation: operations run in parallel.
    waiting_left: [u64; Operation::ALL.len()],
    /// Requests per second of each operation.
    pace_per_s: [f64; Operation::ALL.len()],
    sent_lately: Recent,
    settled_lately: Recent,
    is_paused: bool,
    quiet: bool,
}

impl Progress {
    /// Starts with nothing done. Without a terminal nothing is drawn.
    pub fn new(plan: &Summary, rate_per_s: f64, quiet: bool) -> Self {
        let bar = narrow_terminal::bar(plan.revocations as u64, quiet);
        let waiting_left = Operation::of(plan.action)
            .map(|operation| plan.requests.get(operation.name()).map_or(0, |n| *n as u64));
        let progress = Self {
            bar,
            started: Instant::now(),
            sendings: Sendings { planned: plan.total_requests() as u64, ..Sendings::default() },
            action: plan.action,
            grants: plan.revocations as u64,
            settled: 0,
            rows: plan.rows.saturating_sub(plan.carried) as u64,
            unsent_rows: (plan.invalid + plan.protected) as u64,
            settled_rows: 0,
            failed: 0,
            waiting: waiting_left.iter().sum(),
            waiting_left,
            pace_per_s: [rate_per_s.min(START_PER_S); Operation::ALL.len()],
            sent_lately: Recent::default(),
            settled_lately: Recent::default(),
            is_paused: false,
            quiet,
        };
        progress.drawn()
    }

    fn drawn(mut self) -> Self {
        self.draw();
        self
    }

    /// Handles an event.
    pub fn on(&mut self, event: &Event) {
        match event {
            Event::Started { waiting, settled, settled_rows, pace_per_s } => {
                self.pace_per_s = pace_per_s.unwrap_or(self.pace_per_s);
                self.waiting_left = waiting.map(|requests| requests as u64);
                self.waiting = self.waiting_left.iter().sum();
                (self.settled, self.settled_rows) = (*settled as u64, *settled_rows as u64);
                self.draw();
            }
            Event::Sent { operation, pace_per_s } => {
                self.sendings.sent += 1;
                self.pace_per_s[operation.index()] = *pace_per_s;
                self.sent_lately.add(self.started.elapsed(), 1);
                self.draw();
            }
            Event::Settled { operation, state, settled, settled_rows, failed, planned_done } => {
                match state {
                    AttemptState::Throttled => self.sendings.throttled += 1,
                    AttemptState::Lost | AttemptState::Unconnected => self.sendings.lost += 1,
                    _ => {}
                }
                let left = &mut self.waiting_left[operation.index()];
                *left = left.saturating_sub(u64::from(*planned_done));
                let settled = *settled as u64;
                let more = settled.saturating_sub(self.settled);
                self.settled_lately.add(self.started.elapsed(), more);
                (self.settled, self.failed) = (settled, *failed as u64);
                self.settled_rows = *settled_rows as u64;
                self.draw();
            }
            Event::Retrying { grants, delay, code } => {
                tracing::info!(grants, delay_ms = delay.as_millis(), code, "retrying");
            }
            Event::Waiting { operation, wait, until } => self.warn(&format!(
                "{operation}: the service asks to wait {}; the run continues at {}",
                seconds(*wait),
                utc_seconds(*until)
            )),
            Event::Paused { pause, message } => {
                self.is_paused = true;
                self.warn(&format!(
                    "the service does not answer ({}); retrying in {}",
                    crate::input::shown(message),
                    seconds(*pause)
                ));
            }
            Event::Resumed => {
                self.is_paused = false;
                self.warn("the service answers again");
            }
            Event::ClockCorrected { ahead } => self.warn(&format!(
                "the clock of this machine is {} {} the service's; requests are signed with the service's time",
                seconds(ahead.unsigned_abs()),
                if ahead.is_positive() { "behind" } else { "ahead of" }
            )),
            Event::CanaryPassed { requests, grants } => self.warn(&format!(
                "the canary succeeded: {} in {}; sending the rest",
                things(*grants, "grant", "grants"),
                things(*requests, "request", "requests"),
            )),
            Event::Stopping(why) => self.warn(&format!("stopping: {}", cause(why))),
        }
    }

    /// Prints a line above the bar; without one, logs a warning.
    fn warn(&self, line: &str) {
        if self.quiet {
            return;
        }
        if self.bar.is_hidden() {
            tracing::warn!("{line}");
        } else {
            // Not the bar's own `println`, which uses the full width of the terminal.
            self.bar.suspend(|| {
                let _ = writeln!(std::io::stderr(), "  {line}");
            });
        }
    }

    fn draw(&mut self) {
        let message = self.message(self.started.elapsed());
        self.bar.set_message(message);
        self.bar.set_position(self.settled);
        // indicatif limits drawing to 20 times a second; a tick requests one.
        self.bar.tick();
    }

    /// The most important parts come first: a narrow terminal cuts the end off.
    fn message(&mut self, now: Duration) -> String {
        let rows = self.unsent_rows + self.settled_rows;
        let rows = format!("{}/{} rows", count(rows), count(self.rows));
        let (_, noun) = of_action(self.action);
        let grants = format!("{}/{} {noun}", count(self.settled), count(self.grants));
        let left = match self.left_s(now) {
            _ if self.is_paused => Some("waiting for the service".to_owned()),
            left_s => left_s.map(|left_s| format!("about {} left", length(left_s))),
        };
        let failed = (self.failed > 0).then(|| format!("{} failed or unknown", count(self.failed)));
        let carried_out = self.waiting.saturating_sub(self.waiting_left.iter().sum());
        let requests = format!("{}/{} requests", count(carried_out), count(self.waiting));
        let pace = self.sent_lately.per_s(now).map(|per_s| format!("{per_s:.1}/s"));
        let Sendings { sent, throttled, .. } = self.sendings;
        let throttled = (throttled > 0)
            .then(|| format!("{:.1} % throttled", number(throttled) * 100.0 / number(sent)));
        let parts = [Some(rows), left, failed, Some(grants), Some(requests), pace, throttled];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }

    /// Estimated seconds left: unsent requests at the current rate and, once there is something to
    /// measure, unsettled grants at the recent rate, whichever is longer. `None` at the end, and if
    /// nothing was settled recently.
    fn left_s(&mut self, now: Duration) -> Option<f64> {
        let open = self.grants.saturating_sub(self.settled);
        let by_pace = self.waiting_left.iter().zip(&self.pace_per_s);
        let by_pace = by_pace.map(|(left, per_s)| number(*left) / per_s).fold(0.0, f64::max);
        if open == 0 {
            return None;
        }
        if now < MEASURED_AFTER {
            return Some(by_pace);
        }
        let settled_per_s = self.settled_lately.per_s(now).filter(|per_s| *per_s > 0.0)?;
        Some(by_pace.max(number(open) / settled_per_s))
    }

    /// Removes the bar and returns the counts.
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

    fn progress() -> Progress {
        let requests = [(Operation::ALL[0].name(), 50), (Operation::ALL[1].name(), 20)];
        let plan = Summary {
            action: crate::model::Action::Detach,
            rows: 1250,
            invalid: 3,
            protected: 2,
            carried: 45,
            duplicates: 200,
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

    const OPERATION: Operation = Operation::ALL[0];

    fn settled(settled: usize, state: AttemptState) -> Event {
        let (operation, settled_rows) = (OPERATION, settled + 20);
        Event::Settled { operation, state, settled, settled_rows, failed: 3, planned_done: true }
    }

    fn waiting(first: usize, second: usize) -> [usize; Operation::ALL.len()] {
        let mut waiting = [0; Operation::ALL.len()];
        (waiting[0], waiting[1]) = (first, second);
        waiting
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn at_first_the_time_left_is_that_of_the_plan() {
        let mut progress = progress();
        let message = progress.message(Duration::ZERO);
        assert_eq!(message, "5/1,205 rows, about 5.3 s left, 0/1,000 revocations, 0/70 requests");
        progress.on(&Event::Started {
            waiting: waiting(19, 2),
            settled: 600,
            settled_rows: 700,
            pace_per_s: Some([38.0; Operation::ALL.len()]),
        });
        assert!(progress.message(Duration::ZERO).contains("about 0.5 s left"));
        progress.on(&Event::Sent { operation: OPERATION, pace_per_s: 9.5 });
        let message = progress.message(Duration::ZERO);
        assert_eq!(
            message,
            "705/1,205 rows, about 2.0 s left, 600/1,000 revocations, 0/21 requests"
        );
    }

    #[test]
    fn later_the_time_left_follows_the_recent_rate() {
        let mut progress = progress();
        // 100 were settled by an earlier run, which gives no information about this one's speed.
        progress.on(&Event::Started {
            waiting: waiting(45, 20),
            settled: 100,
            settled_rows: 100,
            pace_per_s: None,
        });
        for state in [AttemptState::Answered, AttemptState::Throttled] {
            progress.on(&Event::Sent { operation: OPERATION, pace_per_s: 9.5 });
            progress.on(&settled(200, state));
        }
        assert_eq!(
            progress.message(SECOND * 8),
            "225/1,205 rows, about 1 min 4 s left, 3 failed or unknown, 200/1,000 revocations, \
             2/65 requests, 0.2/s, 50.0 % throttled"
        );
    }

    #[test]
    fn no_time_left_is_shown_while_the_service_is_silent() {
        let mut progress = progress();
        let silent = progress.message(SECOND * 60);
        assert_eq!(silent, "5/1,205 rows, 0/1,000 revocations, 0/70 requests, 0.0/s");
        progress.on(&Event::Paused { pause: SECOND, message: String::new() });
        assert!(progress.message(Duration::ZERO).contains("waiting for the service"));
        progress.on(&Event::Resumed);
        assert!(progress.message(Duration::ZERO).contains("about 5.3 s left"));
    }

    #[test]
    fn at_the_end_nothing_is_left() {
        let mut progress = progress();
        progress.on(&Event::Sent { operation: OPERATION, pace_per_s: 9.5 });
        let (operation, state) = (OPERATION, AttemptState::Answered);
        let (settled, settled_rows, failed, planned_done) = (1000, 1200, 0, true);
        progress.on(&Event::Settled {
            operation,
            state,
            settled,
            settled_rows,
            failed,
            planned_done,
        });
        let message = progress.message(Duration::ZERO);
        assert_eq!(message, "1,205/1,205 rows, 1,000/1,000 revocations, 1/70 requests");
    }
}
