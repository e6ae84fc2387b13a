//! The file of residual routes: whether it is of an outcome, and its rows.

use super::PageError;
use super::blocks::BlockWriter;
use super::facts::reading_of;
use super::outcome_file::OutcomeFile;
use crate::access::RESIDUAL_COLUMNS;
use crate::ledger::Ledger;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;

/// Whether a file is one of residual routes.
pub fn is_residual(path: &Path) -> bool {
    let header = csv::Reader::from_path(path).and_then(|mut table| table.headers().cloned());
    header.is_ok_and(|header| header.iter().eq(RESIDUAL_COLUMNS))
}

/// Whether a file of residual routes is of the verification of this outcome, and not of another one in
/// the same folder: it has every user of whom a row was verified.
///
/// # Errors
///
/// A file cannot be read, or is none of these.
pub fn is_residual_of(
    path: &Path,
    outcome: &Path,
    ledger: Option<&Ledger>,
) -> Result<bool, PageError> {
    let error = |error: &csv::Error| not_residual(path, error);
    let mut table = csv::Reader::from_path(path).map_err(|e| error(&e))?;
    let place = RESIDUAL_COLUMNS.iter().position(|name| *name == "user").unwrap_or_default();
    let mut users = BTreeSet::new();
    for record in table.records() {
        let record = record.map_err(|e| error(&e))?;
        users.insert(record.get(place).unwrap_or_default().trim().to_owned());
    }
    let job = ledger.map(Ledger::job).transpose()?;
    let reading = job.as_ref().map(reading_of).unwrap_or_default();
    let mut rows = OutcomeFile::open(outcome, &reading)?;
    let mut is_verified = false;
    while let Some((_, row)) = rows.next()? {
        if row.of_verified(0).is_empty() {
            continue;
        }
        is_verified = true;
        if row.grantee() == "user" && !users.contains(row.user()) {
            return Ok(false);
        }
    }
    Ok(is_verified)
}

fn not_residual(path: &Path, error: &csv::Error) -> PageError {
    PageError::NotAnOutcome {
        path: path.to_owned(),
        line: error.position().map_or(1, csv::Position::line),
        what: error.to_string(),
    }
}

/// Writes the residual routes.
pub(super) fn write_residual(path: &Path, to: &mut impl Write) -> Result<(), PageError> {
    let error = |error: &csv::Error| not_residual(path, error);
    let mut table = csv::Reader::from_path(path).map_err(|e| error(&e))?;
    let mut blocks = BlockWriter::new(to, "routes", RESIDUAL_COLUMNS.len());
    for record in table.records() {
        blocks.row(&record.map_err(|e| error(&e))?)?;
    }
    Ok(blocks.finish()?)
}
