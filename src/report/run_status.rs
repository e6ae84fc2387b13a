//! The state of a run, as text and as JSON: what `status` prints.

use super::text::{entry, length};
use crate::clock::utc_seconds;
use crate::verdicts::RunStatus;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// Whether the run is in progress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunState {
    /// A process is working on it.
    Running,
    /// Every grant is settled.
    Finished,
    /// No process works on it, and grants are left.
    Stopped,
}

impl RunState {
    /// The state of a run; `is_locked` says whether a process works on it.
    pub fn of(status: &RunStatus, is_locked: bool) -> Self {
        match (is_locked, status.left) {
            (true, _) => Self::Running,
            (false, 0) => Self::Finished,
            (false, _) => Self::Stopped,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Finished => "finished",
            Self::Stopped => "stopped",
        }
    }
}

/// The state of a run as JSON. Members are only ever added.
pub fn status_json(status: &RunStatus, state: RunState) -> Value {
    let verdicts: serde_json::Map<String, Value> = status
        .action
        .statuses()
        .iter()
        .map(|verdict| (verdict.name().to_owned(), json!(status.with(*verdict))))
        .collect();
    let left = (state == RunState::Running).then(|| status.seconds_left()).flatten();
    json!({
        "state": state.name(),
        "started_at": status.last_run.started_at.map(utc_seconds),
        "ended_at": status.last_run.ended_at.map(utc_seconds),
        "exit_code": status.last_run.exit_code,
        "causes": status.last_run.causes,
        "runs": status.runs,
        "rows": status.size.rows,
        "planned_requests": status.size.requests,
        "revocations": status.size.grants,
        "done": status.done(),
        "left": status.left,
        "verdicts": verdicts,
        "requests": {
            "sent": status.sent,
            "throttled": status.throttled,
            "lost": status.lost,
            "unanswered": status.unanswered,
        },
        "revocations_per_s": status.grants_per_s,
        "requests_per_s": status.requests_per_s,
        "seconds_left": left,
    })
}

/// The state of a run as text.
pub fn status_text(status: &RunStatus, state: RunState, out: &str) -> String {
    let mut text = String::new();
    let run = &status.last_run;
    let ended = match (state, run.ended_at, run.exit_code) {
        (RunState::Running, ..) => "running".to_owned(),
        (_, Some(ended), Some(code)) => {
            format!("{} at {} with exit code {code}", state.name(), utc_seconds(ended))
        }
        _ => format!("{}; the process was killed", state.name()),
    };
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{out}: {ended}");
    if !run.causes.is_empty() && state != RunState::Running {
        let _ = writeln!(text, "  {}", super::text::shown_long(&run.causes));
    }
    let done = status.done();
    let share = percent(done, done + status.left);
    let (_, grants) = super::text::of_action(status.action);
    entry(&mut text, &format!("{grants} done"), done, &share);
    for verdict in status.action.statuses() {
        let number = status.with(verdict);
        if number > 0 {
            entry(&mut text, &format!("  {verdict}"), number, "");
        }
    }
    entry(&mut text, &format!("{grants} left"), status.left, "");
    let unanswered = match state {
        RunState::Running => "in flight or on the queue",
        _ => "no answer recorded: unknown until the next run",
    };
    entry(&mut text, "requests sent", status.sent, "");
    if status.throttled > 0 {
        let share = percent(status.throttled, status.sent);
        entry(&mut text, "  throttled", status.throttled, &share);
    }
    if status.lost > 0 {
        entry(&mut text, "  lost", status.lost, "");
    }
    if status.unanswered > 0 {
        entry(&mut text, "requests without an answer", status.unanswered, unanswered);
    }
    if state == RunState::Running {
        let _ = writeln!(
            text,
            "  {:.1} requests and {:.1} {grants} per second in the last minute",
            status.requests_per_s, status.grants_per_s
        );
        let left = match status.seconds_left() {
            _ if status.left == 0 => "writing the outcome".to_owned(),
            Some(seconds) => format!("time left: about {}", length(seconds)),
            None => "time left: unknown, nothing was settled in the last minute".to_owned(),
        };
        let _ = writeln!(text, "  {left}");
    } else if state == RunState::Stopped {
        let _ = writeln!(text, "  To continue, run the same command again.");
    }
    text
}

fn percent(part: u64, whole: u64) -> String {
    if whole == 0 {
        return String::new();
    }
    let tenths = u128::from(part) * 1000 / u128::from(whole);
    format!("{}.{} %", tenths / 10, tenths % 10)
}
