//! Plans and endings in words.

use crate::api::credentials::NO_CREDENTIALS;
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

/// What a run would do.
pub fn of_plan(plan: &Summary, rate_per_s: f64) -> String {
    let mut out = String::new();
    let mut line = |name: &str, text: String| {
        let _ = writeln!(out, "  {name:<14} {text}");
    };
    let n = |number: usize| count(number as u64);
    let mut rows = n(plan.rows);
    if plan.invalid > 0 {
        let _ = write!(rows, ", {} of them invalid and left out", n(plan.invalid));
    }
    if plan.duplicates > 0 {
        let _ = write!(
            rows,
            ", {} of them duplicates or covered by a whole target",
            n(plan.duplicates)
        );
    }
    line("rows", rows);
    let mut users = things(plan.users, "user", "users");
    if plan.user_groups > 0 {
        let _ = write!(users, " and {}", things(plan.user_groups, "user group", "user groups"));
    }
    line("from", users);
    line("on", things(plan.targets, "target", "targets"));
    line("revocations", n(plan.revocations));
    if plan.whole_targets > 0 {
        line("whole targets", format!("{}, each with every account on it", n(plan.whole_targets)));
    }
    if plan.targets_kept > 0 {
        line(
            "targets kept",
            format!(
                "{}: only accounts are revoked, the grant of the target itself stays (account * \
                 revokes it too)",
                n(plan.targets_kept)
            ),
        );
    }
    line("requests", n(plan.total_requests()));
    for (operation, requests) in &plan.requests {
        line("", format!("{} {operation}", n(*requests)));
    }
    line(
        "time",
        format!("about {} at {rate_per_s} requests a second and operation", length(plan.seconds)),
    );
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
    /// Whether it was only a rehearsal.
    pub rehearsal: bool,
}

impl Told<'_> {
    /// For `--json`.
    pub fn ending(&self) -> Ending {
        let is_stopped = !self.causes.is_empty() || self.tally.of(Status::Unprocessed) > 0;
        Ending {
            state: if is_stopped { "stopped" } else { "finished" },
            exit_code: self.exit.code(),
            rehearsal: self.rehearsal,
            rows: Status::ALL.iter().map(|s| (s.name(), self.tally.of(*s))).collect(),
            requests: self.sendings,
            seconds: (self.took.as_secs_f64() * 1000.0).round() / 1000.0,
            outcome: Some(self.outcome.to_owned()),
            causes: self.causes.iter().map(cause).collect(),
        }
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        let mut out = String::new();
        for stopped in self.causes {
            let _ = writeln!(out, "Stopped: {}", cause(stopped));
        }
        let is = if self.rehearsal { "Rehearsed" } else { "Done" };
        let is = if self.causes.is_empty() { is } else { "Stopped" };
        let rows = things(usize::try_from(self.tally.rows()).unwrap_or(usize::MAX), "row", "rows");
        let _ = writeln!(
            out,
            "{is}: {rows}, {} in {}",
            things(usize::try_from(self.sendings.sent).unwrap_or(0), "request", "requests"),
            length(self.took.as_secs_f64()),
        );
        for status in Status::ALL.iter().filter(|status| self.tally.of(**status) > 0) {
            let rows = count(self.tally.of(*status));
            let _ = writeln!(out, "  {:<15} {rows:>9}  {}", status.name(), meaning(*status));
        }
        if self.sendings.throttled > 0 {
            let _ = writeln!(
                out,
                "  {} throttled, which slowed the run and failed no row",
                things(
                    usize::try_from(self.sendings.throttled).unwrap_or(0),
                    "request was",
                    "requests were"
                ),
            );
        }
        let _ = writeln!(out, "Outcome: {}", shown(self.outcome));
        let _ = writeln!(out, "Next: {}", self.next());
        out
    }

    fn next(&self) -> String {
        let open = self.tally.of(Status::Unprocessed);
        let look = self.tally.of(Status::Failed) + self.tally.of(Status::NotFound);
        if self.exit == Exit::Credentials {
            return "correct the keys or the permission, then run the same command again"
                .to_owned();
        }
        if self.exit == Exit::Configuration {
            return "correct the endpoint, region or instance, then run the same command again"
                .to_owned();
        }
        if open > 0 {
            return format!("{} rows were not sent; run the same command again", count(open));
        }
        if self.tally.of(Status::Unknown) > 0 {
            return "revoke the `unknown` rows again; a repeated revocation does no harm"
                .to_owned();
        }
        if look + self.tally.of(Status::Invalid) + self.tally.of(Status::Protected) > 0 {
            return "look at the rows that are not revoked; code and message say why".to_owned();
        }
        if self.rehearsal {
            return "rehearsed only, nothing was really changed; run it without --rehearse"
                .to_owned();
        }
        "nothing; every row is revoked or was already absent".to_owned()
    }
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
        StopCause::Credentials { code, message } if code == NO_CREDENTIALS => shown_long(message),
        StopCause::Credentials { code, message } => {
            format!("the credentials were refused: {}", answer(code, message))
        }
        StopCause::Permission { operation, code, message } => {
            format!("{operation} is not permitted: {}", answer(code, message))
        }
        StopCause::Routing { code, message } => {
            format!("the service refused the address or instance: {}", answer(code, message))
        }
        StopCause::Setup { message } => shown_long(message),
        StopCause::Unreachable { message } => {
            format!("the service does not answer: {}", shown_long(message))
        }
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
    fn a_message_of_the_service_cannot_command_the_terminal() {
        let cause = cause(&StopCause::Unreachable { message: "\u{1b}[2Jx".to_owned() });
        assert!(!cause.contains('\u{1b}'), "{cause}");
    }
}
