//! Verifies a bundle, without the network and without the files of the run.

use super::compare::is_for_spreadsheets;
use super::create::recompute;
use super::document::{self, Document, internal};
use super::record::Record;
use crate::archive::{Archive, Digester, SIGNATURE, SUMS};
use crate::cli::evidence::EvidenceArgs;
use crate::commands::saved_plan;
use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use crate::ledger::Ledger;
use crate::report::evidence::Verified;
use crate::report::print;
use crate::signature::{self, EVIDENCE, Signer, TrustedKeys};
use std::fs::File;
use std::path::Path;

/// Verifies a bundle: checksums, signature, and everything that follows from input and ledger.
pub fn verify(path: &Path, args: &EvidenceArgs) -> Result<Exit, Failure> {
    let trusted = args.trusted_keys.as_deref().map(read_trusted).transpose()?;
    let mut archive = Archive::open(path)?;
    let (mut problems, sha256) = archive.verify()?;
    let signer = match check_signature(&mut archive, trusted.as_ref()) {
        Ok(signer) => signer,
        Err(problem) => {
            problems.push(problem);
            None
        }
    };
    let is_damaged =
        |name: &str| problems.iter().any(|problem| problem.starts_with(name)) || !archive.has(name);
    let is_recomputable = !is_damaged(document::LEDGER)
        && !is_damaged(document::OUTCOME)
        && !problems.iter().any(|problem| problem.starts_with("input/"));
    let mut rows = None;
    if is_recomputable {
        match recomputed(&mut archive) {
            Ok((all, found)) => {
                rows = Some(all);
                problems.extend(found);
            }
            Err(failure) => problems.push(format!("not recomputed: {}", failure.message)),
        }
    }
    let verified = Verified {
        bundle: path.to_string_lossy().into_owned(),
        is_verified: problems.is_empty(),
        problems,
        sha256,
        signed_by: signer.as_ref().map(|signer| signer.key.clone()),
        trusted_as: signer.and_then(|signer| signer.trusted_as),
        is_recomputed: rows.is_some(),
        rows,
        files: archive.names().map(str::to_owned).collect(),
    };
    print::summary(&verified, || verified.text(), args.json)?;
    Ok(if verified.is_verified { Exit::Done } else { Exit::Otherwise })
}

fn read_trusted(path: &Path) -> Result<TrustedKeys, Failure> {
    let failure = |exit, what: String| {
        Failure::new(exit, format!("--trusted-keys {}: {what}", path.display()))
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        let exit = match error.kind() {
            std::io::ErrorKind::NotFound => Exit::MissingInput,
            _ => Exit::File,
        };
        failure(exit, format!("cannot read: {error}"))
    })?;
    TrustedKeys::parse(&text).map_err(|what| failure(Exit::InvalidInput, what))
}

fn check_signature(
    archive: &mut Archive,
    trusted: Option<&TrustedKeys>,
) -> Result<Option<Signer>, String> {
    if !archive.has(SIGNATURE) {
        return match trusted {
            Some(_) => Err(format!("{SIGNATURE}: missing: the bundle is not signed")),
            None => Ok(None),
        };
    }
    let wrong = |what: &dyn std::fmt::Display| format!("{SIGNATURE}: {what}");
    let sums = archive.bytes(SUMS).map_err(|error| wrong(&error))?;
    let text = archive.bytes(SIGNATURE).map_err(|error| wrong(&error))?;
    let text = String::from_utf8_lossy(&text);
    let signer = signature::verify(&text, EVIDENCE, &sums, trusted);
    signer.map(Some).map_err(|error| wrong(&error))
}

type Rows = std::collections::BTreeMap<String, u64>;

/// Makes everything that follows from input and ledger again, and compares. Returns the rows by
/// status, and the differences.
fn recomputed(archive: &mut Archive) -> Result<(Rows, Vec<String>), Failure> {
    let folder = tempfile::tempdir().map_err(|error| {
        Failure::new(Exit::File, format!("cannot make a temporary folder: {error}"))
    })?;
    let place = |name: &str| folder.path().join(name);
    for name in [document::LEDGER, document::OUTCOME] {
        let mut file = File::create(place(name)).map_err(internal)?;
        archive.copy_to(name, &mut file)?;
    }
    let excel = is_for_spreadsheets(&place(document::OUTCOME));
    let ledger_path = place(document::LEDGER);
    let files = RunFiles::new(place(document::OUTCOME));
    let mut record = || -> Result<Record, Failure> {
        let ledger = Ledger::open_read_only(&ledger_path)?;
        let list = saved_plan::list_of(archive, &ledger.job()?.inputs, &files)?;
        Record::of(ledger, list, excel)
    };
    let mut first = record()?;
    let differences = first.differences()?;
    let again = record;
    let mut problems: Vec<String> = differences
        .iter()
        .map(|difference| format!("{}: not the job of the input: {difference}", document::LEDGER))
        .collect();
    if !problems.is_empty() {
        return Ok((Rows::new(), problems));
    }
    let protect = first.recorded.options.protect_content().map_err(internal)?;
    let described = Described::of(&first)?;
    let outcome = place(document::OUTCOME);
    let tally = match recompute(first, again, &outcome, &place("recomputed.csv")) {
        Ok(tally) => Some(tally),
        Err(Ok(failure)) => return Err(failure),
        Err(Err(difference)) => {
            problems.push(format!("{}: {difference}", document::OUTCOME));
            None
        }
    };
    let rows = tally.map(|tally| document::rows(&tally)).unwrap_or_default();
    problems.extend(described.compare(archive, &rows)?);
    if let Some(protect) = protect
        && archive.bytes(document::PROTECT)? != protect
    {
        problems.push(format!("{}: not what the ledger has", document::PROTECT));
    }
    Ok((rows, problems))
}

/// What a record says of the other files of the bundle.
struct Described {
    plan_sha256: String,
    requests_sha256: String,
    job: crate::ledger::JobSpec,
    runs: Vec<document::Run>,
}

impl Described {
    fn of(record: &Record) -> Result<Self, Failure> {
        let mut plan = Digester::default();
        record.job.plan.write_requests(&mut plan).map_err(internal)?;
        let mut requests = Digester::default();
        record.write_requests(&mut requests)?;
        Ok(Self {
            plan_sha256: plan.finish(),
            requests_sha256: requests.finish(),
            job: record.recorded.clone(),
            runs: document::runs(&record.ledger)?,
        })
    }

    fn compare(&self, archive: &mut Archive, rows: &Rows) -> Result<Vec<String>, Failure> {
        let mut problems = Vec::new();
        let made =
            [(document::PLAN, &self.plan_sha256), (document::REQUESTS, &self.requests_sha256)];
        for (name, expected) in made {
            if archive.sha256(name)? != *expected {
                problems.push(format!("{name}: not what input and ledger give"));
            }
        }
        let text = archive.bytes(document::DOCUMENT)?;
        match serde_json::from_slice::<Document>(&text) {
            Err(error) => problems.push(format!("{}: cannot be read: {error}", document::DOCUMENT)),
            Ok(found) => {
                let is_same = found.job == self.job
                    && found.runs == self.runs
                    && (rows.is_empty() || found.rows == *rows);
                if !is_same {
                    let what = "not what input and ledger give";
                    problems.push(format!("{}: {what}", document::DOCUMENT));
                }
            }
        }
        Ok(problems)
    }
}
