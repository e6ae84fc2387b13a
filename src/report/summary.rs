//! Plans and endings in words.

use crate::engine::StopCause;
use crate::exit::Exit;
use crate::input::shown;
use crate::model::Status;
use crate::outcome::Tally;
use crate::plan::summary::Summary;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// A number with commas between thousands.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number of things, in the singular where there is one.
pub fn things(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(number as u64), if number == 1 { one } else { many })
}

/// A duration in words: `0.8 s`, `42 s`, `3 min 20 s`, `2 h 5 min`.
pub fn length(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a duration for people; casts saturate"
    )]
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// A number, set right so that what is counted stands in a column.
fn numbered(out: &mut String, number: u64, what: &str) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{:>11}  {what}", count(number));
}

/// What a run would do.
pub fn of_plan(plan: &Summary, rate_per_s: f64) -> String {
    let requests = plan.total_requests();
    let mut out = format!(
        "Plan: {} in {}, about {} at {rate_per_s}/s for each operation\n",
        things(plan.revocations, "revocation", "revocations"),
        things(requests, "request", "requests"),
        length(plan.seconds)
    );
    let mut line = |number: usize, one: &str, many: &str| {
        numbered(&mut out, number as u64, if number == 1 { one } else { many });
    };
    line(plan.rows, "row", "rows");
    if plan.invalid > 0 {
        line(plan.invalid, "of them is invalid and left out", "of them are invalid and left out");
    }
    if plan.protected > 0 {
        line(
            plan.protected,
            "of them is protected and left out",
            "of them are protected and left out",
        );
    }
    if plan.carried > 0 {
        line(
            plan.carried,
            "of them keeps what became of it before",
            "of them keep what became of them before",
        );
    }
    if plan.duplicates > 0 {
        line(
            plan.duplicates,
            "of them repeats another row or is covered by a whole target",
            "of them repeat other rows or are covered by whole targets",
        );
    }
    if plan.users > 0 {
        line(plan.users, "user", "users");
    }
    if plan.user_groups > 0 {
        line(plan.user_groups, "user group", "user groups");
    }
    line(plan.targets, "host, host group or database", "hosts, host groups and databases");
    if plan.whole_targets > 0 {
        line(
            plan.whole_targets,
            "whole target is revoked, with every account on it",
            "whole targets are revoked, with every account on them",
        );
    }
    if plan.targets_kept > 0 {
        line(
            plan.targets_kept,
            "target stays granted; only accounts on it go (* takes both)",
            "targets stay granted; only accounts on them go (* takes both)",
        );
    }
    for (operation, requests) in &plan.requests {
        let what = if *requests == 1 { "request" } else { "requests" };
        numbered(&mut out, *requests as u64, &format!("{what} {operation}"));
    }
    out
}

/// What was sent, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sendings {
    /// Requests that were planned.
    pub planned: u64,
    /// Requests that left, repeats included.
    pub sent: u64,
    /// Of these, those answered by throttling.
    pub throttled: u64,
    /// Of these, those without a trustworthy answer.
    pub lost: u64,
}

/// How a run ended; as JSON the schema of `run --json`. Members are only ever added.
#[derive(Debug, Clone, Serialize)]
pub struct Ending {
    /// `finished` or `stopped`.
    pub state: &'static str,
    /// The exit code.
    pub exit_code: u8,
    /// Whether nothing was really changed.
    pub rehearsal: bool,
    /// Rows by status; every status is there.
    pub rows: BTreeMap<&'static str, u64>,
    /// Rows of an earlier outcome that were not chosen and keep what became of them; not among
    /// the others.
    pub carried: u64,
    /// What was sent.
    pub requests: Sendings,
    /// Wall time of the sending, in seconds.
    pub seconds: f64,
    /// The outcome file, if it was written.
    pub outcome: Option<String>,
    /// Why it stopped early.
    pub causes: Vec<String>,
}

/// How a run ended, for people.
pub struct Told<'a> {
    /// The rows.
    pub tally: &'a Tally,
    /// What was sent.
    pub sendings: Sendings,
    /// How long the sending took.
    pub took: Duration,
    /// Why it stopped early.
    pub causes: &'a [StopCause],
    /// The exit code.
    pub exit: Exit,
    /// The outcome file.
    pub outcome: &'a str,
    /// Rows that keep what became of them before.
    pub carried: u64,
    /// Whether it was only a rehearsal.
    pub rehearsal: bool,
}

impl Told<'_> {
    /// For `--json`.
    pub fn ending(&self) -> Ending {
        Ending {
            state: if self.is_stopped() { "stopped" } else { "finished" },
            exit_code: self.exit.code(),
            rehearsal: self.rehearsal,
            rows: Status::ALL.iter().map(|s| (s.name(), self.tally.of(*s))).collect(),
            carried: self.carried,
            requests: self.sendings,
            seconds: (self.took.as_secs_f64() * 1000.0).round() / 1000.0,
            outcome: Some(self.outcome.to_owned()),
            causes: self.causes.iter().map(cause).collect(),
        }
    }

    fn is_stopped(&self) -> bool {
        !self.causes.is_empty() || self.tally.of(Status::Unprocessed) > 0
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for stopped in self.causes {
            let _ = writeln!(out, "Stopped: {}", cause(stopped));
        }
        let is = match (self.is_stopped(), self.rehearsal) {
            (true, _) => "So far",
            (false, true) => "Rehearsed",
            (false, false) => "Finished",
        };
        let _ = writeln!(
            out,
            "{is}: access {} gone for {} of {}",
            if self.rehearsal { "would be" } else { "is" },
            count(self.tally.gone()),
            rows(self.tally.rows()),
        );
        for status in Status::ALL.iter().filter(|status| self.tally.of(**status) > 0) {
            let what = format!("{:<15} {}", status.name(), meaning(*status));
            numbered(&mut out, self.tally.of(*status), &what);
        }
        if self.carried > 0 {
            let keep = if self.carried == 1 { "row keeps" } else { "rows keep" };
            numbered(&mut out, self.carried, &format!("{keep} what became of them before"));
        }
        let _ = writeln!(out, "{}", self.requests());
        let _ = writeln!(out, "Outcome: {}", shown_long(self.outcome));
        let _ = writeln!(out, "Next: {}", self.next());
        out
    }

    /// What was sent, and why it is more than what was planned.
    fn requests(&self) -> String {
        let Sendings { planned, sent, throttled, lost } = self.sendings;
        let mut line = format!(
            "Requests: {} planned, {} in {}",
            count(planned),
            things(usize::try_from(sent).unwrap_or(usize::MAX), "attempt", "attempts"),
            length(self.took.as_secs_f64()),
        );
        if throttled > 0 {
            let _ = write!(
                line,
                "; {} throttled, which slowed the run and failed no row",
                count(throttled)
            );
        }
        if lost > 0 {
            let _ = write!(line, "; {} without a trustworthy answer", count(lost));
        }
        line
    }

    fn next(&self) -> String {
        let of = |status| self.tally.of(status);
        if self.exit == Exit::Credentials && self.causes.iter().any(StopCause::is_about_the_clock) {
            return "set this machine's clock, then run the same command again".to_owned();
        }
        if self.exit == Exit::Credentials {
            return "correct the keys or the permission, then run the same command again"
                .to_owned();
        }
        if self.exit == Exit::Configuration {
            return "correct the setting named above, then run the same command again".to_owned();
        }
        let mut steps = Vec::new();
        let stopped_itself = |cause: &StopCause| {
            matches!(cause, StopCause::Canary { .. } | StopCause::FailOver { .. })
        };
        if self.causes.iter().any(stopped_itself) {
            steps.push("look at the rows that did not succeed before anything else is sent");
        } else if of(Status::Unprocessed) > 0 && !self.rehearsal {
            steps.push("run the same command again for what was not revoked yet");
        }
        if of(Status::Unknown) > 0 && !self.rehearsal {
            steps.push("revoke the unknown rows again; a repeated revocation does no harm");
        }
        let odd = [Status::NotFound, Status::Failed, Status::Invalid, Status::Protected];
        if odd.into_iter().any(|status| of(status) > 0) {
            steps.push("look at the other rows; their code and message say why");
        }
        if self.rehearsal {
            steps.push("leave --rehearse out to revoke, for nothing was really changed");
        }
        if steps.is_empty() { "nothing".to_owned() } else { steps.join("; then ") }
    }
}

fn rows(number: u64) -> String {
    format!("{} {}", count(number), if number == 1 { "row" } else { "rows" })
}

/// What a status means, in a few words.
fn meaning(status: Status) -> &'static str {
    match status {
        Status::Revoked => "the API said OK",
        Status::AlreadyAbsent => "revoked before",
        Status::NotFound => "no such object: gone, or a typo",
        Status::Failed => "refused; code and message say why",
        Status::Unknown => "may or may not be revoked; no trustworthy answer",
        Status::Invalid => "not sent: the row is wrong",
        Status::Protected => "not sent: the row is guarded",
        Status::Unprocessed => "not revoked yet",
    }
}

/// Why a run stopped, in a sentence that is safe to print.
pub fn cause(cause: &StopCause) -> String {
    let answer =
        |code: &str, message: &str| format!("{} ({})", shown_long(code), shown_long(message));
    match cause {
        StopCause::Credentials { code, message } if cause.is_about_the_clock() => {
            format!("the service refused the time of the requests: {}", answer(code, message))
        }
        StopCause::Credentials { code, message } => {
            format!("the credentials were refused: {}", answer(code, message))
        }
        StopCause::Permission { operation, code, message } => {
            format!("{operation} is not permitted: {}", answer(code, message))
        }
        StopCause::Routing { code, message } => {
            format!("the service refused the address or instance: {}", answer(code, message))
        }
        StopCause::RefusedAlike { code, message } => {
            format!("three requests in a row were refused alike: {}", answer(code, message))
        }
        StopCause::NoCredentials { message } | StopCause::Setup { message } => shown_long(message),
        StopCause::Unreachable { message } => {
            format!("the service does not answer: {}", shown_long(message))
        }
        StopCause::Canary { requests, grants, amiss } => {
            let amiss: Vec<String> =
                amiss.iter().map(|(status, n)| format!("{} {status}", count(*n as u64))).collect();
            format!(
                "the canary ({}, {}) did not wholly succeed: {}; nothing else was sent",
                things(*requests, "request", "requests"),
                things(*grants, "revocation", "revocations"),
                amiss.join(", ")
            )
        }
        StopCause::FailOver { failed, settled } => format!(
            "{} of {} settled revocations failed or are unknown, more than --fail-over allows",
            count(*failed as u64),
            count(*settled as u64)
        ),
        StopCause::Deadline => "the deadline is over".to_owned(),
        StopCause::Signal => "asked to stop".to_owned(),
        StopCause::Journal(error) => format!("the ledger can't be written: {}", shown_long(error)),
        StopCause::Internal(error) => format!("a defect of this tool: {}", shown_long(error)),
    }
}

/// Somebody else's text, escaped for a terminal, up to 1000 characters.
fn shown_long(text: &str) -> String {
    let chars: Vec<char> = text.chars().take(1000).collect();
    chars.chunks(60).map(|part| shown(&part.iter().collect::<String>())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_lengths_read_well() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0.04, 9.9, 42.4, 200.0, 7500.0].map(length),
            ["0.0 s", "9.9 s", "42 s", "3 min 20 s", "2 h 5 min"]
        );
    }

    #[test]
    fn a_clock_that_is_off_is_not_told_as_bad_keys() {
        let message = "this machine's clock is 3 days behind the service's".to_owned();
        let expired = "InvalidTimeStamp.Expired".to_owned();
        let stopped = StopCause::Credentials { code: expired, message };
        let told = |causes: &[StopCause]| {
            let (tally, sendings, took) = (&Tally::default(), Sendings::default(), Duration::ZERO);
            let (exit, outcome, carried, rehearsal) = (Exit::Credentials, "o.csv", 0, false);
            Told { tally, sendings, took, causes, exit, outcome, carried, rehearsal }.text()
        };
        let text = told(&[stopped]);
        assert!(text.contains("refused the time of the requests: InvalidTimeStamp"), "{text}");
        assert!(text.contains("Next: set this machine's clock, then"), "{text}");
        assert!(!text.contains("credentials") && !text.contains("keys"), "{text}");
        let code = "InvalidTimeStamp.Format".to_owned();
        let text = told(&[StopCause::Credentials { code, message: String::new() }]);
        assert!(text.contains("Next: correct the keys"), "{text}");
    }

    #[test]
    fn a_message_of_the_service_cannot_command_the_terminal() {
        let cause = cause(&StopCause::Unreachable { message: "\u{1b}[2Jx".to_owned() });
        assert!(!cause.contains('\u{1b}'), "{cause}");
    }
}
