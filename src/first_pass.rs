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
    let mut collector = Collector::default();
    let (findings, collected) = run_pipeline(
        |batches| read_rows(sources, options, protection, shown, batches),
        |batch| collector.take(batch),
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
    batches: &BatchSender<Batch>,
) -> Findings {
    let mut reader = Reader::new(sources, Arc::clone(options));
    let mut batch = Batch::default();
    let mut report = Report::showing(shown);
    let mut lacks_instance = false;
    let mut protected = Vec::new();
    let (mut carried, mut unresolved, mut is_rehearsed) = (0, 0, false);
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
            RowContent::Unresolved(_) => {
                unresolved += 1;
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
    // If the receiver is gone, the collector returns the reason.
    batches.exchange(&mut batch);
    report.add_list_findings(reader.list_findings());
    Findings {
        columns: reader.columns().to_vec(),
        formats: reader.formats().to_vec(),
        report,
        protected,
        carried,
        unresolved,
        is_rehearsed,
        lacks_instance,
        stopped,
    }
}
