//! The summary of a run, for people and as JSON.

use super::causes::cause;
use super::restore;
use super::text::{count, entry, length, shown_long};
use super::undone::Undone;
use super::verification::VerificationReport;
use crate::engine::StopCause;
use crate::exit::Exit;
use crate::ledger::Fingerprint;
use crate::model::{Action, Status};
use crate::outcome::Tally;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// Requests in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Sendings {
    /// Planned.
    pub planned: u64,
    /// Sent, including repeats.
    pub sent: u64,
    /// Sent and throttled.
    pub throttled: u64,
    /// Sent without a usable answer.
    pub lost: u64,
}

/// The result of a run: the JSON of `run --json`. Members are only ever added.
#[derive(Debug, Clone, Serialize)]
pub struct Ending {
    /// `finished` or `stopped`.
    pub state: &'static str,
    /// The exit code.
    pub exit_code: u8,
    /// Whether it was a rehearsal, in which nothing was changed.
    pub rehearsal: bool,
    /// Rows by status; every status is there.
    pub rows: BTreeMap<&'static str, u64>,
    /// Rows of an earlier outcome that were not selected; they are not in `rows`.
    pub carried: u64,
    /// Of these, the rows that are neither revoked nor already absent.
    pub carried_not_revoked: u64,
    /// Requests in numbers.
    pub requests: Sendings,
    /// Wall time of sending, in seconds.
    pub seconds: f64,
    /// The outcome file, if it was written.
    pub outcome: Option<String>,
    /// The causes of an early stop.
    pub causes: Vec<String>,
    /// The fingerprint of the plan; `null` for a rehearsal of a list.
    pub fingerprint: Option<Fingerprint>,
    /// With `--verify`: what was read back; `null` if that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verification: Option<Option<VerificationReport>>,
    /// For a restore of an offboarding: its steps that were taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undone: Option<Undone>,
    /// For a restore: what the lists show of its grants.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed: Option<Confirmed>,
    /// For a restore: what the run removed, or may have removed, and is not granted again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_restored: Option<u64>,
}

/// What the lists show of the grants of a restore.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Confirmed {
    /// Listed.
    pub present: u64,
    /// Not listed.
    pub absent: u64,
    /// Not read.
    pub unchecked: u64,
}

impl Confirmed {
    /// Whether all are listed.
    pub fn is_complete(&self) -> bool {
        self.absent + self.unchecked == 0
    }
}

/// Rows of an earlier outcome that `--only` did not select.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Carried {
    /// All of them.
    pub rows: u64,
    /// Those that are neither revoked nor already absent.
    pub not_revoked: u64,
}

/// The result of a run, for people.
pub struct RunReport<'a> {
    /// Whether grants were revoked or granted.
    pub action: Action,
    /// The rows.
    pub tally: &'a Tally,
    /// Requests in numbers.
    pub sendings: Sendings,
    /// How long sending took.
    pub took: Duration,
    /// The causes of an early stop.
    pub causes: &'a [StopCause],
    /// The exit code.
    pub exit: Exit,
    /// The outcome file.
    pub outcome: &'a str,
    /// Rows carried over unchanged.
    pub carried: Carried,
    /// Whether it was a rehearsal.
    pub rehearsal: bool,
    /// The fingerprint of the plan.
    pub fingerprint: Option<Fingerprint>,
    /// For a restore: what the lists show of its grants.
    pub confirmed: Option<Confirmed>,
    /// For a restore: what the run removed, or may have removed, and is not granted again.
    pub not_restored: Option<u64>,
}

impl RunReport<'_> {
    /// For `--json`.
    pub fn ending(&self) -> Ending {
        Ending {
            state: if self.is_stopped() { "stopped" } else { "finished" },
            exit_code: self.exit.code(),
            rehearsal: self.rehearsal,
            rows: self.action.statuses().map(|s| (s.name(), self.tally.of(s))).into(),
            carried: self.carried.rows,
            carried_not_revoked: self.carried.not_revoked,
            requests: self.sendings,
            seconds: (self.took.as_secs_f64() * 1000.0).round() / 1000.0,
            outcome: Some(self.outcome.to_owned()),
            causes: self.causes.iter().map(cause).collect(),
            fingerprint: self.fingerprint.clone(),
            verification: None,
            undone: None,
            confirmed: self.confirmed,
            not_restored: self.not_restored,
        }
    }

    fn is_stopped(&self) -> bool {
        !self.causes.is_empty() || self.tally.of(Status::Unprocessed) > 0
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        let state = match (self.is_stopped(), self.rehearsal) {
            (true, _) => "So far",
            (false, true) => "Rehearsed",
            (false, false) => "Finished",
        };
        let mut out = self.result(state);
        let _ = writeln!(out, "Outcome: {}", shown_long(self.outcome));
        let _ = writeln!(out, "Next: {}", self.next());
        out
    }

    /// For a terminal, if the run is a step of another command, which says what is next.
    pub fn text_of_step(&self) -> String {
        self.result(if self.is_stopped() { "Grants so far" } else { "Grants" })
    }

    fn result(&self, state: &str) -> String {
        let mut out = String::new();
        for stopped in self.causes {
            let _ = writeln!(out, "Stopped: {}", cause(stopped));
        }
        let rows = self.tally.rows();
        let _ = writeln!(
            out,
            "{state}: access {} {} for {} of {} {}",
            if self.rehearsal { "would be" } else { "is" },
            if self.action.is_detach() { "gone" } else { "granted" },
            count(self.tally.succeeded()),
            count(rows),
            if rows == 1 { "row" } else { "rows" },
        );
        for status in self.action.statuses() {
            let rows = self.tally.of(status);
            if rows > 0 {
                entry(&mut out, status.name(), rows, meaning(self.action, status));
            }
        }
        let Carried { rows: carried, not_revoked } = self.carried;
        if carried > 0 {
            entry(&mut out, "carried over", carried, "not selected by --only; unchanged");
        }
        if not_revoked > 0 {
            entry(&mut out, "  not revoked", not_revoked, "their earlier status says why");
        }
        let Sendings { planned, sent, throttled, lost } = self.sendings;
        entry(&mut out, "requests planned", planned, "");
        let took = format!("in {}", length(self.took.as_secs_f64()));
        entry(&mut out, "requests sent", sent, &took);
        if throttled > 0 {
            entry(
                &mut out,
                "  throttled",
                throttled,
                "slowed the run; no row failed because of it",
            );
        }
        if lost > 0 {
            entry(&mut out, "  without a usable answer", lost, "");
        }
        if let Some(Confirmed { present, absent, unchecked }) = self.confirmed {
            let _ = writeln!(out, "{}", restore::confirmed(present, absent, unchecked));
        }
        if let Some(left_out @ 1..) = self.not_restored {
            entry(
                &mut out,
                "not restored",
                left_out,
                "see the table .left-out.csv for the reasons",
            );
        }
        out
    }

    fn next(&self) -> String {
        let of = |status| self.tally.of(status);
        if self.exit == Exit::Credentials && self.causes.iter().any(StopCause::is_clock_error) {
            return "correct the clock of this machine, then run the same command again".to_owned();
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
            steps.push("check the rows that did not succeed before sending the rest");
        } else if of(Status::Unprocessed) > 0 && !self.rehearsal {
            steps.push(match self.action {
                Action::Detach => "run the same command again to revoke the rest",
                Action::Attach => "run the same command again to restore the rest",
            });
        }
        if of(Status::Unknown) > 0 && !self.rehearsal {
            steps.push(match self.action {
                Action::Detach => {
                    "revoke the unknown rows again; repeating a revocation is harmless"
                }
                Action::Attach => "look at the column confirmed of the unknown rows",
            });
        }
        let unsuccessful = [Status::NotFound, Status::Failed, Status::Invalid, Status::Protected];
        if unsuccessful.into_iter().any(|status| of(status) > 0) {
            steps.push("check the other rows; their code and message say why");
        }
        if self.carried.not_revoked > 0 {
            steps.push("check the carried rows that are not revoked");
        }
        if self.not_restored.is_some_and(|left_out| left_out > 0) {
            steps.push("check what is not restored");
        }
        if self.confirmed.is_some_and(|confirmed| !confirmed.is_complete()) {
            steps.push("check the grants that are not confirmed");
        }
        if self.rehearsal {
            steps.push(match self.action {
                Action::Detach => "nothing was changed; run without --rehearse to revoke",
                Action::Attach => "nothing was changed; run without --rehearse to restore",
            });
        }
        if steps.is_empty() { "nothing".to_owned() } else { steps.join("; then ") }
    }
}

/// The meaning of a status.
fn meaning(action: Action, status: Status) -> &'static str {
    if !action.is_detach() {
        match status {
            Status::Unknown => return "may or may not be granted; no usable answer",
            Status::Unprocessed => return "not granted yet",
            _ => {}
        }
    }
    match status {
        Status::AlreadyPresent => "was granted before",
        Status::Revoked | Status::Restored => "confirmed by the API",
        Status::AlreadyAbsent => "was revoked before",
        Status::NotFound => "no such object: deleted, or a typo",
        Status::Failed => "refused; code and message say why",
        Status::Unknown => "may or may not be revoked; no usable answer",
        Status::Invalid => "not sent: the row is invalid",
        Status::Protected => "not sent: the row is protected",
        Status::Unprocessed => "not revoked yet",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_is_not_reported_as_bad_keys() {
        let message = "this machine's clock is 3 days behind the service's".to_owned();
        let expired = "InvalidTimeStamp.Expired".to_owned();
        let stopped = StopCause::Credentials { code: expired, message };
        let report = |causes: &[StopCause]| {
            let (tally, sendings, took) = (&Tally::default(), Sendings::default(), Duration::ZERO);
            let (exit, outcome, rehearsal) = (Exit::Credentials, "o.csv", false);
            let (carried, fingerprint) = (Carried::default(), None);
            let action = Action::Detach;
            let (confirmed, not_restored) = (None, None);
            let report = RunReport {
                action,
                tally,
                sendings,
                took,
                causes,
                exit,
                outcome,
                carried,
                rehearsal,
                fingerprint,
                confirmed,
                not_restored,
            };
            report.text()
        };
        let text = report(&[stopped]);
        assert!(text.contains("refused the timestamp of the requests: InvalidTimeStamp"), "{text}");
        assert!(text.contains("Next: correct the clock of this machine, then"), "{text}");
        assert!(!text.contains("credentials") && !text.contains("keys"), "{text}");
        let code = "InvalidTimeStamp.Format".to_owned();
        let text = report(&[StopCause::Credentials { code, message: String::new() }]);
        assert!(text.contains("Next: correct the keys"), "{text}");
    }
}
