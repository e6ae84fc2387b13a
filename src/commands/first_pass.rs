//! The first pass, which every command begins with: rows in, distinct grants and findings out.

use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use crate::grants::{Batch, Collector, Grants};
use crate::guards::Protection;
use crate::input::{Format, InputError, Options, Reader, Report, RowContent, RulesError, Source};
use crate::input_snapshot::{InputName, Spool};
use crate::model::{MESSAGE_COLUMN, REHEARSAL};
use crate::pipeline::{BatchSender, run_pipeline};
use crate::report::findings;
use std::path::Path;
use std::sync::Arc;

/// What the first pass brings.
pub struct Read {
    /// The distinct grants of the valid rows.
    pub grants: Grants,
    /// What it found beside them.
    pub found: Found,
}

/// What the first pass found beside the grants.
pub struct Found {
    /// What is wrong with the invalid rows, and what may be wrong with others.
    pub report: Report,
    /// The inputs' columns by first appearance.
    pub columns: Vec<String>,
    /// How the inputs are written.
    pub formats: Vec<Format>,
    /// The valid rows, by number, that the protection keeps from being revoked.
    pub protected: Vec<u64>,
    /// How many rows of an outcome keep what became of them before.
    pub carried: usize,
    /// Whether such a row was only rehearsed.
    pub is_rehearsed: bool,
    /// Whether a valid row names no instance, and the settings do not either.
    pub lacks_instance: bool,
    /// What stopped the reading before the last row.
    pub stopped: Option<InputError>,
}

/// Reads all rows. Invalid rows are findings, and so is damage: what was found before it is told
/// together with it. `shown`: how many findings are kept in full.
///
/// A protected row is left out like an invalid one: it stands for nothing and covers nothing. Rows
/// are read on a thread of their own while this one sorts out who asks for what.
pub fn look_through(
    sources: Vec<Source>,
    options: &Arc<Options>,
    protection: &Protection,
    shown: usize,
) -> Result<Read, Failure> {
    let mut collector = Collector::default();
    let (found, collected) = run_pipeline(
        |batches| read_rows(sources, options, protection, shown, batches),
        |batch| collector.take(batch),
    );
    collected.map_err(|error| Failure::new(Exit::InvalidInput, error.to_string()))?;
    Ok(Read { grants: collector.finish(), found })
}

/// The part of the reading thread.
fn read_rows(
    sources: Vec<Source>,
    options: &Arc<Options>,
    protection: &Protection,
    shown: usize,
    batches: &BatchSender<Batch>,
) -> Found {
    let mut reader = Reader::new(sources, Arc::clone(options));
    let mut batch = Batch::default();
    let mut report = Report::showing(shown);
    let mut lacks_instance = false;
    let mut protected = Vec::new();
    let (mut carried, mut is_rehearsed) = (0, false);
    let stopped = loop {
        let next = reader.next();
        let Ok(Some(row)) = &next else { break next.err() };
        match &row.content {
            RowContent::Grant(grant) if protection.covers(grant) => {
                protected.push(row.number);
                batch.push(None);
            }
            RowContent::Grant(grant) => {
                lacks_instance |= grant.instance_id.is_empty();
                batch.push(Some(grant));
            }
            RowContent::Carried(_) => {
                carried += 1;
                is_rehearsed |= row.named(MESSAGE_COLUMN).starts_with(REHEARSAL);
                batch.push(None);
            }
            RowContent::Invalid(problems) => {
                report.add(row, problems);
                batch.push(None);
            }
        }
        if batch.is_full() && !batches.exchange(&mut batch) {
            break None;
        }
    };
    // If nobody takes it, the collector says why.
    batches.exchange(&mut batch);
    report.add_list_findings(reader.list_findings());
    Found {
        columns: reader.columns().to_vec(),
        formats: reader.formats().to_vec(),
        report,
        protected,
        carried,
        is_rehearsed,
        lacks_instance,
        stopped,
    }
}

/// Reads all rows, for a plan: tells on standard error what is wrong, and fails unless the list
/// may be planned all the same.
pub fn read(
    sources: Vec<Source>,
    options: &Arc<Options>,
    protection: &Protection,
    demands: Demands,
) -> Result<Read, Failure> {
    let mut read = look_through(sources, options, protection, SHOWN)?;
    if let Some(error) = read.found.stopped.take() {
        findings::tell(&read.found.report, true);
        return Err(failure(error));
    }
    refuse(&read.found.report, demands)?;
    Ok(read)
}

/// How many findings are told in full.
pub const SHOWN: usize = 20;

/// What a list must be like.
#[derive(Debug, Clone, Copy)]
pub struct Demands {
    /// Invalid rows are left out.
    pub skip_invalid: bool,
    /// Warnings are errors.
    pub strict: bool,
}

/// Stops at invalid rows unless they are to be skipped, and at warnings if they are errors; other
/// warnings are told.
fn refuse(report: &Report, demands: Demands) -> Result<(), Failure> {
    let what = if report.is_list_wrong() {
        "ids of the list have been changed; give it as it was before"
    } else if report.rows() > 0 && !demands.skip_invalid {
        "correct these rows, or leave them out with --skip-invalid"
    } else if report.warnings() > 0 && demands.strict {
        "--strict takes warnings for errors; correct them, or leave it out if the rows are right"
    } else {
        if report.warnings() > 0 && tracing::enabled!(tracing::Level::WARN) {
            findings::tell(report, false);
        }
        return Ok(());
    };
    findings::tell(report, true);
    Err(Failure::new(Exit::InvalidInput, format!("nothing was sent: {what}")))
}

/// The failure of an input that can't be read to its end.
pub fn failure(error: InputError) -> Failure {
    let message = findings::stopped(&error, findings::is_coloured(&std::io::stderr()));
    Failure { message, ..error.into() }
}

/// The inputs as sources that can be read more than once. Files are read where they are; pipes
/// and standard input are copied into a nameless temporary file first.
pub fn sources(inputs: &[InputName]) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::with_capacity(inputs.len());
    for input in inputs {
        match input {
            InputName::File(path) if !is_stream(path) => sources.push(Source::file(path.clone())),
            _ => {
                let files = RunFiles::new(std::env::temp_dir().join("bastion-revoke"));
                let spool = Spool::copy(std::slice::from_ref(input), &files)?;
                // The file loses its name here, and stays open as long as the source does.
                sources.extend(spool.sources());
            }
        }
    }
    Ok(sources)
}

/// Whether it can be read only once: a pipe, as of `<(...)` in a shell, or a device.
fn is_stream(path: &Path) -> bool {
    path.metadata().is_ok_and(|about| !about.is_file() && !about.is_dir())
}

impl From<crate::input_snapshot::SpoolError> for Failure {
    fn from(error: crate::input_snapshot::SpoolError) -> Self {
        use crate::input_snapshot::SpoolError;
        match error {
            SpoolError::Input(error) => error.into(),
            SpoolError::Copy { .. } => Self::new(Exit::File, error.to_string()),
        }
    }
}

/// Reads the file of `--protect`; without one nothing is protected.
pub fn protection(path: Option<&Path>) -> Result<Protection, Failure> {
    let Some(path) = path else { return Ok(Protection::default()) };
    let found = sources(&[InputName::File(path.to_owned())])?;
    let [source] = found.as_slice() else {
        return Err(Failure::new(Exit::Internal, "--protect is not one file"));
    };
    Protection::read(source).map_err(|error| {
        let Failure { exit, message } = match error {
            RulesError::Input(InputError::Missing { name }) => {
                let message = format!("{name}: there is no such file: check the path");
                Failure::new(Exit::MissingInput, message)
            }
            RulesError::Input(error) => failure(error),
            RulesError::Wrong(_) => Failure::new(Exit::InvalidInput, error.to_string()),
        };
        Failure::new(exit, format!("--protect {message}"))
    })
}
