//! Appends outcomes of rows to a CSV file (`work --outcomes`).

use super::entry::EntryUpdate;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The columns, which are fields of an outcome.
const COLUMNS: [&str; 9] = [
    "id",
    "row",
    "status",
    "code",
    "message",
    "request_id",
    "attempts",
    "finished_at",
    "duplicate_of",
];

/// The file. The stream of outcomes is the authority: a row is written here after it is stored
/// there, so the row is missing here if the worker is killed in between.
#[derive(Debug)]
pub struct OutcomeCsv(csv::Writer<File>);

impl OutcomeCsv {
    /// Opens the file with mode 0600, and writes the header if it is empty.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let is_new = file.metadata()?.len() == 0;
        let terminator = csv::Terminator::Any(b'\n');
        let mut writer = csv::WriterBuilder::new().terminator(terminator).from_writer(file);
        if is_new {
            writer.write_record(COLUMNS)?;
            writer.flush()?;
        }
        Ok(Self(writer))
    }

    /// Appends the outcome of a row. Units of jobs have outcome files of their own.
    pub fn append(&mut self, update: &EntryUpdate) -> io::Result<()> {
        if update.outcome_field("status").is_empty() {
            return Ok(());
        }
        self.0.write_record(COLUMNS.map(|column| update.outcome_field(column)))?;
        self.0.flush()
    }
}
