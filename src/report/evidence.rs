//! What `evidence` says about a bundle that it wrote or verified, as text and as JSON.

use super::text::{count, entry, shown_long, things};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How many problems and rows are named for people.
const SHOWN: usize = 20;

/// A bundle that was written. Members are only ever added.
#[derive(Debug, Clone, Serialize)]
pub struct Written {
    /// Its name.
    pub bundle: String,
    /// The SHA-256 of its `SHA256SUMS`, which identifies it as a whole.
    pub sha256: String,
    /// Whether it is signed.
    pub is_signed: bool,
    /// Rows by status.
    pub rows: BTreeMap<String, u64>,
    /// The fingerprint of the plan, if the ledger has it.
    pub fingerprint: Option<String>,
    /// The match with events of ActionTrail.
    pub actiontrail: Option<EventMatches>,
}

/// How many revoked rows have an event of ActionTrail.
#[derive(Debug, Clone, Serialize)]
pub struct EventMatches {
    /// Events in the export.
    pub events: u64,
    /// Revoked rows with their event.
    pub matched: u64,
    /// Revoked rows without it.
    pub missing: u64,
    /// The numbers of the first of these rows.
    pub missing_rows: Vec<u64>,
}

impl Written {
    /// For people.
    pub fn text(&self) -> String {
        let bundle = shown_long(&self.bundle);
        let mut out = format!("Evidence: {bundle}\n");
        // Writing to a string cannot fail.
        for (status, number) in self.rows.iter().filter(|(_, number)| **number > 0) {
            entry(&mut out, status, *number, "");
        }
        if let Some(matches) = &self.actiontrail {
            matches.add(&mut out);
        }
        let _ = writeln!(out, "SHA-256 of all checksums: {}", self.sha256);
        out.push_str(if self.is_signed {
            "Signed; with the public key anyone can verify it.\n"
        } else {
            "Not signed: keep the SHA-256 apart from the bundle, or pass --sign-key.\n"
        });
        let _ = writeln!(out, "To verify: bastion-revoke evidence --verify {bundle}");
        out
    }
}

impl EventMatches {
    fn add(&self, out: &mut String) {
        entry(out, "events of ActionTrail", self.events, "");
        entry(out, "  revoked rows with their event", self.matched, "");
        if self.missing == 0 {
            return;
        }
        let named: Vec<String> =
            self.missing_rows.iter().take(SHOWN).map(|row| count(*row)).collect();
        let more = self.missing.saturating_sub(named.len() as u64);
        let more = if more > 0 { format!(" and {} more", count(more)) } else { String::new() };
        let rows = format!("rows {}{more}; see actiontrail.csv", named.join(", "));
        entry(out, "  revoked rows without", self.missing, &rows);
    }
}

/// The result of a verification. Members are only ever added.
#[derive(Debug, Serialize)]
pub struct Verified {
    /// The bundle.
    pub bundle: String,
    /// Whether nothing is wrong.
    pub is_verified: bool,
    /// What is wrong; each begins with the name of a file.
    pub problems: Vec<String>,
    /// The SHA-256 of `SHA256SUMS`.
    pub sha256: String,
    /// The fingerprint of the key that signed it.
    pub signed_by: Option<String>,
    /// The comment of that key in the file of trusted keys.
    pub trusted_as: Option<String>,
    /// Whether the outcome was recomputed.
    pub is_recomputed: bool,
    /// Rows by status, recomputed.
    pub rows: Option<BTreeMap<String, u64>>,
    /// The files of the bundle.
    pub files: Vec<String>,
}

impl Verified {
    /// For people.
    pub fn text(&self) -> String {
        let bundle = shown_long(&self.bundle);
        let files = things(self.files.len(), "file", "files");
        // Writing to a string cannot fail.
        let mut out = if self.is_verified {
            format!("Verified: {bundle}, {files}, none changed\n")
        } else {
            format!("Not verified: {bundle}, {files}\n")
        };
        for problem in self.problems.iter().take(SHOWN) {
            let _ = writeln!(out, "  {}", shown_long(problem));
        }
        if let Some(more @ 1..) = self.problems.len().checked_sub(SHOWN) {
            let _ = writeln!(out, "  and {} more", count(more as u64));
        }
        let _ = writeln!(
            out,
            "Outcome: {}",
            match (self.is_recomputed, self.is_verified) {
                (true, true) => "recomputed from input and ledger, and the same",
                (true, false) => "recomputed from input and ledger; differences are listed above",
                (false, _) => "not recomputed, because files that it follows from are not intact",
            }
        );
        let rows = self.rows.iter().flatten().filter(|(_, number)| **number > 0);
        for (status, number) in rows {
            entry(&mut out, status, *number, "");
        }
        let _ = writeln!(out, "SHA-256 of all checksums: {}", self.sha256);
        let _ = writeln!(out, "Signature: {}", self.signature());
        out
    }

    fn signature(&self) -> String {
        match (&self.signed_by, &self.trusted_as) {
            (Some(key), Some(name)) if name.is_empty() => format!("by the trusted key {key}"),
            (Some(key), Some(name)) => format!("by the trusted key {key} ({})", shown_long(name)),
            (Some(key), None) => format!(
                "by the key {key}; compare it with the signer's, or pass --trusted-keys KEY.pub"
            ),
            (None, _) => {
                "none that holds; compare the SHA-256 with the one that was kept".to_owned()
            }
        }
    }
}
