//! Progress of a run, drawn from the engine's events on standard error.

use super::summary::{Sendings, cause, count, length};
use crate::engine::events::Event;
use crate::ledger::AttemptState;
use crate::plan::summary::Summary;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;
use tokio::time::Instant;

/// Draws a bar on a terminal and keeps the numbers everywhere.
pub struct Progress {
    bar: ProgressBar,
    started: Instant,
    sendings: Sendings,
    grants: u64,
    planned_left: u64,
    rate_per_s: f64,
    quiet: bool,
}

impl Progress {
    /// Starts at nothing done. Off a terminal nothing is drawn.
    pub fn new(plan: &Summary, rate_per_s: f64, quiet: bool) -> Self {
        let target =
            if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
        let bar = ProgressBar::with_draw_target(Some(plan.revocations as u64), target);
        let style = ProgressStyle::with_template("  [{bar:30}] {pos}/{len} revocations, {msg}")
            .unwrap_or_else(|_| ProgressStyle::default_bar())
            .progress_chars("=> ");
        bar.set_style(style);
        let planned = plan.total_requests() as u64;
        let progress = Self {
            bar,
            started: Instant::now(),
            sendings: Sendings { planned, ..Sendings::default() },
            grants: plan.revocations as u64,
            planned_left: planned,
            rate_per_s,
            quiet,
        };
        progress.draw(0);
        progress
    }

    /// Takes in an event.
    pub fn on(&mut self, event: &Event) {
        match event {
            Event::Sent { .. } => self.sendings.sent += 1,
            Event::Settled { state, settled, planned_done, .. } => {
                match state {
                    AttemptState::Throttled => self.sendings.throttled += 1,
                    AttemptState::Lost | AttemptState::Unconnected => self.sendings.lost += 1,
                    _ => {}
                }
                self.planned_left = self.planned_left.saturating_sub(u64::from(*planned_done));
                self.draw(*settled as u64);
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
            Event::Paused { pause, message } => self.say(&format!(
                "the service does not answer ({}); trying again in {}",
                crate::input::shown(message),
                seconds(*pause)
            )),
            Event::Resumed => self.say("the service answers again"),
            Event::ClockCorrected { ahead } => self.say(&format!(
                "this machine's clock is {} {} the service's; requests are signed by the service's",
                seconds(ahead.unsigned_abs()),
                if ahead.is_positive() { "behind" } else { "ahead of" }
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
            self.bar.println(format!("  {line}"));
        }
    }

    fn draw(&self, settled: u64) {
        let sent = self.sendings.sent.max(1);
        let elapsed = self.started.elapsed().as_secs_f64().max(0.001);
        #[expect(clippy::cast_precision_loss, reason = "numbers for people")]
        let (pace, throttled, left) = (
            self.sendings.sent as f64 / elapsed,
            self.sendings.throttled as f64 * 100.0 / sent as f64,
            self.planned_left as f64 / self.rate_per_s,
        );
        let open = if settled < self.grants { length(left) } else { "0 s".to_owned() };
        self.bar.set_message(format!(
            "{} requests, {pace:.1}/s, {throttled:.1} % throttled, about {open} left",
            count(self.sendings.sent)
        ));
        self.bar.set_position(settled);
    }

    /// Takes the bar away and gives the numbers.
    pub fn finish(self) -> (Sendings, Duration) {
        self.bar.finish_and_clear();
        (self.sendings, self.started.elapsed())
    }
}

fn seconds(duration: Duration) -> String {
    length(duration.as_secs_f64())
}
