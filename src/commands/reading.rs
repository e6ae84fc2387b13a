//! The first pass, which every command begins with: rows in, distinct grants and findings out.

use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use crate::grants::{Batch, Collector, Grants, TooManyRows};
use crate::guards::Protection;
use crate::input::{Format, Options, Reader, Reading, Report, Source};
use crate::spool::{InputName, Spool};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};

/// What the first pass brings.
pub struct Read {
    /// The distinct grants of the valid rows.
    pub grants: Grants,
    /// What it found beside them.
    pub found: Found,
}

/// What the first pass found beside the grants.
pub struct Found {
    /// What is wrong with the invalid rows.
    pub report: Report,
    /// The inputs' columns by first appearance.
    pub columns: Vec<String>,
    /// How the inputs are written.
    pub formats: Vec<Format>,
    /// The valid rows, by number, that the protection keeps from being revoked.
    pub protected: Vec<u64>,
    /// Whether a valid row names no instance, and the settings do not either.
    pub lacks_instance: bool,
}

/// How many batches may wait for the collector: enough that neither side waits for a hiccup of the
/// other, and few enough that memory stays flat.
const BATCHES_AHEAD: usize = 4;

/// Reads all rows. Structural damage is a failure; invalid rows are findings.
///
/// A protected row is left out like an invalid one: it stands for nothing and covers nothing. Rows
/// are read on a thread of their own while this one sorts out who asks for what.
pub fn read(
    sources: Vec<Source>,
    options: &Arc<Options>,
    protection: &Protection,
) -> Result<Read, Failure> {
    let (full, received) = mpsc::sync_channel(BATCHES_AHEAD);
    let (used, emptied) = mpsc::channel();
    let handover = Handover { full, emptied };
    std::thread::scope(|scope| {
        // It takes its end of the way with it, so that the collector sees when there is no more.
        let reading = scope.spawn(move || read_rows(sources, options, protection, &handover));
        let collected = collect(received, &used);
        // Its panic is ours.
        let found = reading.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        let grants = collected
            .map(Collector::finish)
            .map_err(|error| Failure::new(Exit::InvalidInput, error.to_string()))?;
        Ok(Read { grants, found })
    })
}

/// Takes batches as they come, and gives them back to be filled again.
fn collect(received: Receiver<Batch>, used: &Sender<Batch>) -> Result<Collector, TooManyRows> {
    let mut collector = Collector::default();
    for mut batch in received {
        collector.take(&mut batch)?;
        // The reader has gone when it has read all.
        let _ = used.send(batch);
    }
    Ok(collector)
}

/// The reading thread's end of the way to the collector.
struct Handover {
    full: SyncSender<Batch>,
    emptied: Receiver<Batch>,
}

impl Handover {
    /// Hands a batch over and puts an empty one in its place; false if nobody takes it any more.
    fn exchange(&self, batch: &mut Batch) -> bool {
        let next = self.emptied.try_recv().unwrap_or_default();
        self.full.send(std::mem::replace(batch, next)).is_ok()
    }
}

/// The part of the reading thread.
fn read_rows(
    sources: Vec<Source>,
    options: &Arc<Options>,
    protection: &Protection,
    handover: &Handover,
) -> Result<Found, Failure> {
    let mut reader = Reader::new(sources, Arc::clone(options));
    let mut batch = Batch::default();
    let mut report = Report::new();
    let mut lacks_instance = false;
    let mut protected = Vec::new();
    while let Some(row) = reader.next()? {
        match row.reading {
            Reading::Grant(grant) if protection.covers(&grant) => {
                protected.push(row.number);
                batch.push(None);
            }
            Reading::Grant(grant) => {
                lacks_instance |= grant.instance_id.is_empty();
                batch.push(Some(&grant));
            }
            Reading::Invalid(problems) => {
                report.add(problems);
                batch.push(None);
            }
        }
        if batch.is_full() && !handover.exchange(&mut batch) {
            break;
        }
    }
    // If nobody takes it, the collector says why.
    handover.exchange(&mut batch);
    Ok(Found {
        columns: reader.columns().to_vec(),
        formats: reader.formats().to_vec(),
        report,
        protected,
        lacks_instance,
    })
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

impl From<crate::spool::SpoolError> for Failure {
    fn from(error: crate::spool::SpoolError) -> Self {
        use crate::spool::SpoolError;
        match error {
            SpoolError::Input(error) => error.into(),
            SpoolError::Copy { .. } => Self::new(Exit::File, error.to_string()),
        }
    }
}

/// Reads the file of `--protect`; without one nothing is protected.
pub fn protection(path: Option<&Path>) -> Result<Protection, Failure> {
    let Some(path) = path else { return Ok(Protection::default()) };
    let file = std::fs::File::open(path).map_err(|error| {
        let exit = match error.kind() {
            std::io::ErrorKind::NotFound => Exit::MissingInput,
            _ => Exit::File,
        };
        Failure::new(exit, format!("--protect {}: {error}", path.display()))
    })?;
    Protection::read(file).map_err(|error| {
        let message = format!("{}: {error}", path.display());
        Failure::new(Exit::InvalidInput, message)
    })
}

/// Stops at invalid rows, with the first twenty of them and a count, unless they are to be skipped.
pub fn refuse_invalid(report: &Report, skip_invalid: bool) -> Result<(), Failure> {
    if report.rows() == 0 || skip_invalid {
        return Ok(());
    }
    let message = format!(
        "{}nothing was sent: correct these rows, or leave them out with --skip-invalid",
        report.render()
    );
    Err(Failure::new(Exit::InvalidInput, message))
}
