//! The first pass over a list: rows in, distinct grants and findings out.
//!
//! Rows are read on a thread of their own while the calling thread stores their grants. Nothing is
//! printed here; [`crate::commands`] decides what to do about findings.

use crate::grants::{Batch, Collector, Grants, TooManyRows};
use crate::guards::Protection;
use crate::input::{Format, InputError, Options, Reader, Report, RowContent, Source};
use crate::model::{MESSAGE_COLUMN, REHEARSAL};
use crate::pipeline::{BatchSender, run_pipeline};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The result of the first pass.
pub struct FirstPass {
    /// The distinct grants of the valid rows.
    pub grants: Grants,
    /// Everything else.
    pub findings: Findings,
}

/// What the first pass found besides the grants.
pub struct Findings {
    /// Invalid rows and warnings.
    pub report: Report,
    /// The inputs' columns by first appearance.
    pub columns: Vec<String>,
    /// The format of each input.
    pub formats: Vec<Format>,
    /// The valid rows, by number, that are protected.
    pub protected: Vec<u64>,
    /// Rows of an outcome that are carried over unchanged.
    pub carried: usize,
    /// Of these, the rows that are neither revoked nor already absent.
    pub carried_not_revoked: usize,
    /// Rows with names that have not been looked up; only with [`Options::names`].
    pub unresolved: u64,
    /// Whether a carried row comes from a rehearsal.
    pub is_rehearsed: bool,
    /// Whether a valid row has no instance and there is no default.
    pub lacks_instance: bool,
    /// What ended the reading before the last row.
    pub stopped: Option<InputError>,
}

/// Reads all rows. Invalid rows and damage are findings; `shown` findings are kept in full.
///
/// A protected row is left out like an invalid one: it stands for no other row and covers none.
pub fn read(
    sources: Vec<Source>,
    options: &Arc<Options>,
    protection: &Protection,
    shown: usize,
) -> Result<FirstPass, TooManyRows> {
    read_with_progress(sources, options, protection, shown, &mut |_| {})
}

/// Like [`read`]; calls `on_bytes` now and then with the bytes read so far, as counted by
/// [`Source::size`].
pub fn read_with_progress(
    sources: Vec<Source>,
    options: &Arc<Options>,
    protection: &Protection,
    shown: usize,
    on_bytes: &mut dyn FnMut(u64),
) -> Result<FirstPass, TooManyRows> {
    let mut collector = Collector::default();
    let bytes = AtomicU64::new(0);
    let (findings, collected) = run_pipeline(
        |batches| read_rows(sources, options, protection, shown, (batches, &bytes)),
        |batch| {
            on_bytes(bytes.load(Ordering::Relaxed));
            collector.take(batch)
        },
    );
    collected?;
    Ok(FirstPass { grants: collector.finish(), findings })
}

/// Reads the rows into batches; runs on the reading thread.
fn read_rows(
    sources: Vec<Source>,
    options: &Arc<Options>,
    protection: &Protection,
    shown: usize,
    (batches, bytes): (&BatchSender<Batch>, &AtomicU64),
) -> Findings {
    let mut reader = Reader::new(sources, Arc::clone(options));
    let mut batch = Batch::default();
    let mut report = Report::showing(shown);
    let mut lacks_instance = false;
    let mut protected = Vec::new();
    let (mut carried, mut unresolved, mut is_rehearsed) = (0, 0, false);
    let mut carried_not_revoked = 0;
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
            RowContent::Carried(status) => {
                carried += 1;
                carried_not_revoked += usize::from(!status.is_gone());
                is_rehearsed |= row.named(MESSAGE_COLUMN).starts_with(REHEARSAL);
                batch.push(None);
            }
            RowContent::Unresolved(_) => {
                unresolved += 1;
                batch.push(None);
            }
            RowContent::Invalid(problems) => {
                report.add(row, problems);
                batch.push(None);
            }
        }
        if batch.is_full() {
            bytes.store(reader.bytes_read(), Ordering::Relaxed);
            if !batches.exchange(&mut batch) {
                break None;
            }
        }
    };
    // If the receiver is gone, the collector returns the reason.
    batches.exchange(&mut batch);
    report.add_list_findings(reader.list_findings());
    Findings {
        columns: reader.columns().to_vec(),
        formats: reader.formats().to_vec(),
        report,
        protected,
        carried,
        carried_not_revoked,
        unresolved,
        is_rehearsed,
        lacks_instance,
        stopped,
    }
}
