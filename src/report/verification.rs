//! The result of `verify`, for people and as JSON.

use super::text::{count, entry, shown_long, things};
use crate::exit::Exit;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Grants and users that are printed in full.
const SHOWN: usize = 20;

/// The result of a verification: the JSON of `verify --json`. Members are only ever added.
#[derive(Debug, Clone, Serialize)]
pub struct VerificationReport {
    /// The exit code.
    pub exit_code: Exit,
    /// Rows by result; every result is there.
    pub rows: BTreeMap<&'static str, u64>,
    /// Rows with another status, and rows outside the sample: they name nothing to verify.
    pub not_verified: u64,
    /// Rows with the status `unknown` that are gone.
    pub unknown_that_are_gone: u64,
    /// Calls of list and read operations.
    pub calls: u64,
    /// The outcomes, which have the result of each row.
    pub outcomes: Vec<String>,
    /// Rows with the result `still`, up to 1,000.
    pub still: Vec<VerifiedRow>,
    /// The sample, if not everything was verified.
    pub sample: Option<SampleResult>,
    /// The file with everything that remains, if it was written.
    pub residual: Option<String>,
    /// What remains, by user, if it was read.
    pub users: Vec<UserResidual>,
    /// What the API has no list of.
    pub not_visible: &'static str,
    /// What an interrupted verification had read before, and was not read again.
    pub continued: Option<ContinuedReadings>,
}

/// Readings of an interrupted verification.
#[derive(Debug, Clone, Serialize)]
pub struct ContinuedReadings {
    /// How many listings and objects.
    pub readings: u64,
    /// When the first of them was read.
    pub oldest_at: String,
}

/// A row and why it has its result.
#[derive(Debug, Clone, Serialize)]
pub struct VerifiedRow {
    /// The outcome.
    pub outcome: String,
    /// The number of the row.
    pub row: u64,
    /// The grant, for people.
    pub grant: String,
    /// What was found.
    pub note: String,
}

/// A sample of users and user groups.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct SampleResult {
    /// Users and user groups of the outcomes.
    pub grantees: u64,
    /// Those that were verified.
    pub verified: u64,
    /// Of these, those with a row `still`.
    pub with_access: u64,
    /// With this confidence ...
    pub confidence: f64,
    /// ... no more than this share of all has a row `still`.
    pub upper_bound: f64,
}

/// What one user still reaches.
#[derive(Debug, Clone, Serialize)]
pub struct UserResidual {
    /// The instance.
    pub instance_id: String,
    /// The id.
    pub id: String,
    /// The login name; blank if the user could not be read.
    pub login: String,
    /// The routes that remain, as `user group 3 (platform): host 1081 (queue-01)`.
    pub remains: Vec<String>,
    /// What was not checked, with reasons.
    pub not_checked: Vec<String>,
}

impl VerificationReport {
    /// For a terminal.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let verified: u64 = self.rows.values().sum();
        let _ = writeln!(
            out,
            "Verified {} with {}",
            things_of(verified, "row", "rows"),
            things_of(self.calls, "call", "calls")
        );
        if let Some(continued) = &self.continued {
            let readings = things(
                usize::try_from(continued.readings).unwrap_or(usize::MAX),
                "reading",
                "readings",
            );
            let _ = writeln!(
                out,
                "Continued: {readings} of the interrupted verification, the first of {}, {} not \
                 read again",
                continued.oldest_at,
                if continued.readings == 1 { "was" } else { "were" }
            );
        }
        for (name, meaning) in MEANINGS {
            let rows = self.rows.get(name).copied().unwrap_or_default();
            if rows > 0 || matches!(name, "gone" | "still") {
                entry(&mut out, name, rows, meaning);
            }
        }
        if self.unknown_that_are_gone > 0 {
            let label = "  of them unknown before";
            entry(&mut out, label, self.unknown_that_are_gone, "gone, and known to be gone now");
        }
        if self.not_verified > 0 {
            entry(&mut out, "not verified", self.not_verified, NOT_VERIFIED);
        }
        self.still_text(&mut out);
        if let Some(sample) = &self.sample {
            sample.text(&mut out);
        }
        self.residual_text(&mut out);
        for outcome in &self.outcomes {
            let _ = writeln!(out, "Result of each row: {outcome}");
        }
        out
    }

    fn still_text(&self, out: &mut String) {
        if self.still.is_empty() {
            return;
        }
        let _ = writeln!(out, "Still granted:");
        for row in self.still.iter().take(SHOWN) {
            let (outcome, number, grant) = (&row.outcome, row.row, &row.grant);
            let _ = writeln!(out, "  {outcome} row {number}: {}", shown_long(grant));
        }
        let all = self.rows.get("still").copied().unwrap_or_default();
        let more = all.saturating_sub(SHOWN as u64);
        if more > 0 {
            let _ = writeln!(out, "  and {} more: filter the column verified", count(more));
        }
        let _ = writeln!(out, "  Revoke them again: keep only these rows in a list, and run it");
    }

    fn residual_text(&self, out: &mut String) {
        let Some(residual) = &self.residual else { return };
        let _ = writeln!(out, "Residual access:");
        for user in self.users.iter().take(SHOWN) {
            let login = if user.login.is_empty() {
                String::new()
            } else {
                format!(" ({})", shown_long(&user.login))
            };
            let instance = shown_long(&user.instance_id);
            let _ = writeln!(out, "  user {}{login} on {instance}", shown_long(&user.id));
            for route in user.remains.iter().take(SHOWN) {
                let _ = writeln!(out, "    remains: {}", shown_long(route));
            }
            if user.remains.len() > SHOWN {
                let more = user.remains.len() - SHOWN;
                let _ = writeln!(out, "    and {}", things(more, "more route", "more routes"));
            }
            if user.remains.is_empty() {
                let _ = writeln!(out, "    nothing that the API shows remains");
            }
            for reason in user.not_checked.iter().take(SHOWN) {
                let _ = writeln!(out, "    not checked: {}", shown_long(reason));
            }
        }
        if self.users.len() > SHOWN {
            let more = things(self.users.len() - SHOWN, "more user", "more users");
            let _ = writeln!(out, "  and {more}");
        }
        let _ = writeln!(out, "  Not visible to the API: {}", self.not_visible);
        let _ = writeln!(out, "  All routes: {residual}");
    }
}

const NOT_VERIFIED: &str = "invalid, protected, unprocessed, or outside the sample";

/// The results, in the order of the summary.
const MEANINGS: [(&str, &str); 4] = [
    ("gone", "a complete listing lacks them"),
    ("still", "granted directly"),
    ("elsewhere", "listed, but by a user group or a rule"),
    ("unchecked", "not known; verified_note has the reason"),
];

impl SampleResult {
    fn text(&self, out: &mut String) {
        let Self { grantees, verified, with_access, confidence, upper_bound } = self;
        let _ = writeln!(
            out,
            "Sample: {} of {}, {} of them with access found",
            count(*verified),
            things_of(*grantees, "user or user group", "users and user groups"),
            count(*with_access),
        );
        let _ = writeln!(
            out,
            "  With {:.0} % confidence at most {:.2} % of all have access that was to be gone",
            confidence * 100.0,
            upper_bound * 100.0
        );
    }
}

fn things_of(number: u64, one: &str, many: &str) -> String {
    things(usize::try_from(number).unwrap_or(usize::MAX), one, many)
}
