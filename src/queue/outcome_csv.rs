//! Outcomes of rows as a CSV that grows, for whoever prefers a file to a stream.

use super::scripts::Step;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// The columns, by the names of an outcome's fields.
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

/// The file. The stream of outcomes is what counts: a row is written here after it is stored
/// there, and a worker that is killed in between leaves it out.
#[derive(Debug)]
pub struct Table(csv::Writer<File>);

impl Table {
    /// Opens the file, for its owner only, and writes the header if it is new.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        let is_new = file.metadata()?.len() == 0;
        let terminator = csv::Terminator::Any(b'\n');
        let mut table = csv::WriterBuilder::new().terminator(terminator).from_writer(file);
        if is_new {
            table.write_record(COLUMNS)?;
            table.flush()?;
        }
        Ok(Self(table))
    }

    /// Appends the outcome of a row; units of jobs are told in their own files.
    pub fn append(&mut self, step: &Step) -> io::Result<()> {
        let words = step.outcome.as_deref().unwrap_or_default();
        let of = |name: &str| {
            words.chunks_exact(2).find(|pair| pair[0] == name).map_or("", |pair| pair[1].as_str())
        };
        if of("status").is_empty() {
            return Ok(());
        }
        self.0.write_record(COLUMNS.map(of))?;
        self.0.flush()
    }
}
