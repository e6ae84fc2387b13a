//! Writes a bundle.

use super::actiontrail::Events;
use super::compare::{first_difference, is_for_spreadsheets};
use super::document::{self, Document, Matches, internal};
use super::record::Record;
use crate::archive::{ArchiveWriter, SIGNATURE, SUMS};
use crate::cli::evidence::EvidenceArgs;
use crate::cli::report::LanguageName;
use crate::clock::{SystemClock, WallClock as _, utc_seconds};
use crate::commands::{job_files, report, saved_plan};
use crate::config::PageSettings;
use crate::exit::{Exit, Failure};
use crate::files::{LOCK_TIMEOUT, RunFiles};
use crate::ledger::{Ledger, LedgerError};
use crate::outcome::Tally;
use crate::report::evidence::Written;
use crate::report::print;
use crate::signature::{EVIDENCE, SigningKey};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Writes the bundle of a run, and prints what was written.
pub async fn create(args: &EvidenceArgs) -> Result<Exit, Failure> {
    let key = args.sign_key.as_deref().map(read_key).transpose()?;
    let events = match args.actiontrail.as_slice() {
        [] => None,
        paths => Some(Events::read(paths)?),
    };
    let written = write(&args.outcome, &args.out, key.as_ref(), events.as_ref()).await?;
    print::summary(&written, || written.text(), args.json)?;
    let has_misses = written.actiontrail.is_some_and(|matches| matches.missing > 0);
    Ok(if has_misses { Exit::Otherwise } else { Exit::Done })
}

/// Writes the bundle of the run with this outcome.
pub async fn write(
    outcome: &Path,
    to: &Path,
    key: Option<&SigningKey>,
    events: Option<&Events>,
) -> Result<Written, Failure> {
    let files = RunFiles::new(outcome.to_owned());
    for path in [&files.out, &files.ledger(), &files.input()] {
        require(path)?;
    }
    // A run that goes on would change the files meanwhile.
    let lock = files.lock_within(LOCK_TIMEOUT).await?;
    let bundle = Bundle::collect(&files, events)?;
    let whole = bundle.write(&files, to, key)?;
    drop(lock);
    let Document { rows, job, actiontrail, .. } = bundle.document;
    Ok(Written {
        bundle: to.to_string_lossy().into_owned(),
        sha256: whole,
        is_signed: key.is_some(),
        rows,
        fingerprint: job.fingerprint.as_ref().map(ToString::to_string),
        actiontrail: actiontrail.map(Into::into),
    })
}

fn require(path: &Path) -> Result<(), Failure> {
    if path.is_file() {
        return Ok(());
    }
    let message = format!(
        "{}: there is no such file; evidence needs the outcome of a run and the files that the run \
         keeps beside it",
        path.display()
    );
    Err(Failure::new(Exit::MissingInput, message))
}

/// Reads the key that signs bundles.
pub fn read_key(path: &Path) -> Result<SigningKey, Failure> {
    SigningKey::read(path).map_err(|error| {
        let message = format!("--sign-key {}: {error}", path.display());
        Failure::new(Exit::Credentials, message)
    })
}

/// Everything that goes into a bundle, in a folder of its own.
struct Bundle {
    folder: TempDir,
    document: Document,
    protect: Option<Vec<u8>>,
}

impl Bundle {
    /// Copies the ledger, and makes the files that follow from input and ledger. Refuses an outcome
    /// that does not.
    fn collect(files: &RunFiles, events: Option<&Events>) -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(|error| {
            Failure::new(Exit::File, format!("cannot make a temporary folder: {error}"))
        })?;
        let ledger = folder.path().join(document::LEDGER);
        let never_begun = || {
            Failure::new(Exit::MissingInput, "the run never began, so there is nothing to prove")
        };
        match Ledger::open_read_only(&files.ledger()) {
            Err(LedgerError::NeverBegun) => return Err(never_begun()),
            opened => opened?.copy_to(&ledger)?,
        }
        let record = || -> Result<Record, Failure> {
            let list = job_files::kept_copy(files)?.ok_or_else(never_begun)?;
            Record::of(Ledger::open_read_only(&ledger)?, list, is_for_spreadsheets(&files.out))
        };
        let mut first = record()?;
        let differences = first.differences()?;
        if !differences.is_empty() {
            return Err(refused(files, &differences.join(", ")));
        }
        let write = |name: &str| create_file(&folder.path().join(name));
        first.job.plan.write_requests(&mut write(document::PLAN)?).map_err(internal)?;
        first.write_requests(&mut write(document::REQUESTS)?)?;
        let mut matches: Option<Matches> = None;
        if let Some(events) = events {
            let mut to = write(document::ACTIONTRAIL)?;
            matches = Some(events.write(&first.job.plan, &first.answers()?, &mut to)?);
        }
        let page =
            PageSettings { path: folder.path().join(document::PAGE), language: LanguageName::En };
        report::write(&files.out, &page, false)?;
        let document = Document {
            format: document::FORMAT,
            created_at: utc_seconds(SystemClock.now()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            outcome: files.out.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            job: first.recorded.clone(),
            runs: document::runs(&first.ledger)?,
            rows: std::collections::BTreeMap::new(),
            actiontrail: matches,
        };
        let recomputed = folder.path().join("recomputed.csv");
        let protect = first.recorded.options.protect_content().map_err(internal)?;
        let tally = recompute(first, record, &files.out, &recomputed)
            .map_err(|difference| difference.unwrap_or_else(|what| refused(files, &what)))?;
        let document = Document { rows: document::rows(&tally), ..document };
        Ok(Self { folder, document, protect })
    }

    /// Writes the archive; the result is the SHA-256 of its checksums.
    fn write(
        &self,
        files: &RunFiles,
        to: &Path,
        key: Option<&SigningKey>,
    ) -> Result<String, Failure> {
        let mut archive = ArchiveWriter::create(to)?;
        let text = serde_json::to_string_pretty(&self.document).map_err(internal)? + "\n";
        archive.add(document::DOCUMENT, |to| to.write_all(text.as_bytes()))?;
        archive.add(document::README, |to| to.write_all(document::README_TEXT.as_bytes()))?;
        if let Some(protect) = &self.protect {
            archive.add(document::PROTECT, |to| to.write_all(protect))?;
        }
        let list = job_files::kept_copy(files)?.ok_or_else(|| internal("no input"))?;
        saved_plan::add_list(&mut archive, &list)?;
        let own = [
            document::LEDGER,
            document::PLAN,
            document::REQUESTS,
            document::ACTIONTRAIL,
            document::PAGE,
        ];
        let made = own.map(|name| (name, self.folder.path().join(name)));
        let ledger = report::ledger(&files.out)?;
        let residual =
            report::residual(&files.out, ledger.as_ref())?.map(|path| (document::RESIDUAL, path));
        let outcome = (document::OUTCOME, files.out.clone());
        let offboarding = of_offboarding(files);
        for (name, path) in made.into_iter().chain([outcome]).chain(residual).chain(offboarding) {
            if path.is_file() {
                add_file(&mut archive, name, &path)?;
            }
        }
        archive.finish(|sums| {
            debug_assert!(SUMS != SIGNATURE);
            key.map(|key| key.sign(EVIDENCE, sums)).transpose().map_err(internal)
        })
    }
}

/// The files that only an offboarding has.
fn of_offboarding(files: &RunFiles) -> Vec<(&'static str, PathBuf)> {
    if !files.steps().is_file() {
        return Vec::new();
    }
    vec![(document::STEPS, files.steps()), (document::ROUTES, files.routes())]
}

/// Writes the outcome that input and ledger give, and compares it; the difference otherwise, or a
/// failure.
pub fn recompute(
    first: Record,
    again: impl FnOnce() -> Result<Record, Failure>,
    outcome: &Path,
    to: &Path,
) -> Result<Tally, Result<Failure, String>> {
    let compare = || {
        first_difference(outcome, to).map_err(|error| {
            Ok(Failure::new(Exit::File, format!("{}: cannot read: {error}", outcome.display())))
        })
    };
    let tally = first.write_outcome(false, to).map_err(Ok)?;
    let Some(difference) = compare()? else { return Ok(tally) };
    // A job on a queue: what was published and not answered counts otherwise.
    let tally = again().and_then(|record| record.write_outcome(true, to)).map_err(Ok)?;
    match compare()? {
        None => Ok(tally),
        Some(_) => Err(Err(difference)),
    }
}

fn create_file(path: &PathBuf) -> Result<io::BufWriter<File>, Failure> {
    let file = File::create(path);
    file.map(io::BufWriter::new).map_err(|error| {
        Failure::new(Exit::File, format!("{}: cannot write: {error}", path.display()))
    })
}

fn add_file(archive: &mut ArchiveWriter, name: &str, path: &Path) -> Result<(), Failure> {
    let mut file = File::open(path).map_err(|error| {
        Failure::new(Exit::File, format!("{}: cannot read: {error}", path.display()))
    })?;
    archive.add(name, |to| io::copy(&mut file, to).map(drop))?;
    Ok(())
}

fn refused(files: &RunFiles, what: &str) -> Failure {
    let out = files.out.display();
    Failure::new(
        Exit::Refused,
        format!(
            "{out}: this is not the outcome of its input and ledger, so no bundle is written: \
             {what}\nWrite it again with run --report-only, or give the outcome of this run"
        ),
    )
}
