//! The files of a bundle, and `evidence.json`.

use crate::clock::utc_seconds;
use crate::exit::{Exit, Failure};
use crate::ledger::{CallerRecord, JobSpec, Ledger};
use crate::model::Status;
use crate::outcome::Tally;
use crate::report::evidence::EventMatches;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The version of the format.
pub const FORMAT: u32 = 1;

/// The file that describes the bundle.
pub const DOCUMENT: &str = "evidence.json";
/// The ledger of the run.
pub const LEDGER: &str = "ledger.sqlite";
/// The outcome of the run.
pub const OUTCOME: &str = "outcome.csv";
/// The planned requests.
pub const PLAN: &str = "plan.jsonl";
/// The attempts, with their request ids and times.
pub const REQUESTS: &str = "requests.csv";
/// The access that was still there when the run was verified.
pub const RESIDUAL: &str = "residual.csv";
/// The steps of an offboarding besides its revocations, with their results.
pub const STEPS: &str = "steps.jsonl";
/// Every route of the users before the first step of an offboarding that closes one.
pub const ROUTES: &str = "routes.csv";
/// The outcome as a page.
pub const PAGE: &str = "report.html";
/// The protected rows.
pub const PROTECT: &str = "protect.csv";
/// The revoked rows with their events.
pub const ACTIONTRAIL: &str = "actiontrail.csv";
/// How to verify the bundle without this tool.
pub const README: &str = "README.txt";

/// What `evidence.json` holds. Members are only ever added.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Document {
    /// The version of the format.
    pub format: u32,
    /// When the bundle was made.
    pub created_at: String,
    /// The version of this tool that made it.
    pub version: String,
    /// The name of the outcome file.
    pub outcome: String,
    /// The job: settings, digests, inputs, the ids of names, and the version that began it.
    pub job: JobSpec,
    /// The runs of the command on the job.
    pub runs: Vec<Run>,
    /// Rows by status.
    pub rows: BTreeMap<String, u64>,
    /// The match with the events of ActionTrail, if there was one.
    pub actiontrail: Option<Matches>,
}

/// One run of the command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When it started.
    pub started_at: Option<String>,
    /// When it ended.
    pub ended_at: Option<String>,
    /// The version of this tool.
    pub version: String,
    /// Its exit code.
    pub exit_code: Option<u8>,
    /// Why it stopped early.
    pub causes: String,
    /// Whose keys it used, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<CallerRecord>,
}

/// How many revoked rows have an event of ActionTrail.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matches {
    /// Events in the export.
    pub events: u64,
    /// Revoked rows with their event.
    pub matched: u64,
    /// Revoked rows without it.
    pub missing: u64,
    /// The numbers of the first of these rows.
    pub missing_rows: Vec<u64>,
}

impl From<Matches> for EventMatches {
    fn from(matches: Matches) -> Self {
        let Matches { events, matched, missing, missing_rows } = matches;
        Self { events, matched, missing, missing_rows }
    }
}

/// The runs of a ledger.
pub fn runs(ledger: &Ledger) -> Result<Vec<Run>, Failure> {
    let runs = ledger.runs()?.into_iter().map(|record| Run {
        started_at: record.started_at.map(utc_seconds),
        ended_at: record.ended_at.map(utc_seconds),
        version: record.version,
        exit_code: record.exit_code,
        causes: record.causes,
        caller: record.caller,
    });
    Ok(runs.collect())
}

/// Rows by status; every status is there.
pub fn rows(tally: &Tally) -> BTreeMap<String, u64> {
    Status::ALL.iter().map(|status| (status.name().to_owned(), tally.of(*status))).collect()
}

/// An error of this tool.
pub fn internal(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Internal, error.to_string())
}

/// What `README.txt` says.
pub const README_TEXT: &str = "\
Evidence of a run of bastion-revoke, which revokes access on Alibaba Cloud Bastionhost.

evidence.json    the job: settings, digests, fingerprint of the plan, runs, versions
input/           the list, byte for byte
protect.csv      the protected rows, if there were any
plan.jsonl       the planned requests, one JSON object per line
ledger.sqlite    every request that was sent and its answer (SQLite 3)
requests.csv     the attempts with request ids and times, from the ledger
outcome.csv      one row per row of the list: what became of it
residual.csv     access that was still there when the outcome was verified, if it was
steps.jsonl      locks, memberships and keys of an offboarding, with their results
routes.csv       every route of the users before the offboarding
report.html      the outcome as a page, if it was made
actiontrail.csv  the revoked rows with their events in ActionTrail, if an export was given
SHA256SUMS       the checksum of each file
SHA256SUMS.sig   the signature of SHA256SUMS, if the bundle was signed

With bastion-revoke:

  bastion-revoke evidence --verify BUNDLE.zip --trusted-keys KEY.pub

Without it, in the unpacked folder (the signer's public key in allowed_signers, after the name):

  sha256sum --check SHA256SUMS
  ssh-keygen -Y verify -f allowed_signers -I NAME -n bastion-revoke-evidence \\
    -s SHA256SUMS.sig < SHA256SUMS
";
