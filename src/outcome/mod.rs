//! The outcome file: one row for every input row, in input order. Promise 1, *conservation*.
//!
//! The input is read a second time and joined with the verdicts, so memory does not grow with the
//! cells of the rows.
//!
//! Verdicts and notes are random accesses to memory for each row. They are looked up for 256 rows
//! at once (`writer`), which lets the processor overlap them: writing 1,000,000 shuffled rows takes
//! 10 to 15 % less CPU time than with one look-up after the other, and 3,000,000 rows 20 %
//! (measured).

mod columns;
mod confirmation;
mod result_columns;
mod rows;
mod spreadsheet;
mod table;
mod verified;
mod writer;

use crate::files::RunFiles;
use crate::input::{InputError, Reader};
use crate::model::{MESSAGE_COLUMN, RESOLVED_COLUMNS, Status, TEXT_MARK_COLUMN, VERIFIED_COLUMNS};
use crate::pipeline::run_pipeline;
use crate::plan::Rows;
use crate::plan::summary::LeftOut;
use crate::verdicts::Verdicts;
use columns::Columns;
use result_columns::{CellFormat, ResultColumns};
use rows::InputRows;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use table::Table;
use writer::write_outcome;

/// The columns after the input's own.
pub use crate::model::OUTCOME_COLUMNS as COLUMNS;

pub use crate::model::REHEARSAL;
pub use confirmation::add_confirmation;
pub use verified::{VerifiedCells, VerifiedError, VerifiedOutcome};

/// Rows by status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally([u64; Status::ALL.len()]);

impl Tally {
    /// Counts one row.
    pub fn add(&mut self, status: Status) {
        self.0[status as usize] += 1;
    }

    fn add_all(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(rows, others)| *rows += others);
    }

    /// The number of rows with that status.
    pub fn of(&self, status: Status) -> u64 {
        self.0[status as usize]
    }

    /// The number of all rows.
    pub fn rows(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Rows that are as the job wants them: whose access is gone, or is there again.
    pub fn succeeded(&self) -> u64 {
        Status::ALL.iter().filter(|status| status.is_success()).map(|status| self.of(*status)).sum()
    }
}

/// The outcome could not be written.
#[derive(Debug, thiserror::Error)]
pub enum OutcomeError {
    /// The operating system reported an error (exit 74).
    #[error("{path}: the outcome can't be written: {source}")]
    File {
        /// The outcome file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The input could not be read again.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The input has changed since it was planned (exit 70).
    #[error("the input has other rows than it had when it was planned")]
    Changed,
}

impl Tally {
    /// Counts the rows of a plan without reading the input again. Rows that keep their earlier
    /// result don't belong to the run and are not counted.
    pub fn of_plan(rows: &Rows, verdicts: &Verdicts, left_out: LeftOut) -> Self {
        let mut tally = Self::default();
        let mut unsent = 0;
        for row in 0..rows.len() {
            match rows.get(row) {
                Some((grant, _)) => tally.add(verdicts.status(grant)),
                None => unsent += 1,
            }
        }
        let LeftOut { protected, carried } = left_out;
        tally.0[Status::Protected as usize] = protected as u64;
        tally.0[Status::Invalid as usize] = (unsent - protected - carried) as u64;
        tally
    }
}

/// The parts of an outcome.
#[expect(clippy::struct_excessive_bools, reason = "each says one thing of the run")]
pub struct Outcome<'a> {
    /// The grant of each input row.
    pub rows: &'a Rows,
    /// The verdict of each grant.
    pub verdicts: &'a Verdicts,
    /// Whether it is a rehearsal.
    pub rehearsal: bool,
    /// Whether valid rows were left out because they are protected.
    pub protected: bool,
    /// Whether the input is an outcome of which only some rows are sent.
    pub is_chosen_from: bool,
    /// Whether it is written for spreadsheets.
    pub excel: bool,
    /// Whether the list has names that were looked up; their ids are written in
    /// [`RESOLVED_COLUMNS`].
    pub has_names: bool,
}

impl Outcome<'_> {
    /// Writes the outcome to `path`, completely or not at all: to a temporary file beside it,
    /// readable by its owner only, which is synced and then renamed. `input` is a second pass over
    /// the input, with the columns of the first pass.
    ///
    /// The tally counts the rows of the run, without those carried over.
    pub fn write(&self, mut input: Reader, path: &Path) -> Result<Tally, OutcomeError> {
        let file_error = |source| OutcomeError::File { path: path.to_owned(), source };
        let files = RunFiles::new(path.to_owned());
        let temporary = files.temporary().map_err(file_error)?;
        let columns = Columns::of(input.columns(), self.is_chosen_from, self.has_names);
        let format = CellFormat { table: Table { excel: self.excel }, rehearsal: self.rehearsal };
        let mut begin = Vec::new();
        let resolved = RESOLVED_COLUMNS.into_iter().filter(|_| self.has_names);
        let header = columns.names.iter().map(String::as_str).chain(resolved).chain(COLUMNS);
        format.table.header(&mut begin, header);
        let Self { rows: asked, verdicts, protected, .. } = *self;
        let rows = InputRows { asked, columns: &columns, format, protected };
        let results = ResultColumns::new(verdicts, asked, format);
        let (read, written) = write_outcome(temporary.as_file(), begin, results, |writing| {
            run_pipeline(|outlet| rows.read(&mut input, outlet), |block| writing.write_block(block))
        });
        let mut tally = written.map_err(file_error)?;
        tally.add_all(&read?);
        crate::failpoint::hit("outcome-written");
        temporary.persist(path).map_err(|error| file_error(error.error))?;
        crate::failpoint::hit("outcome-renamed");
        // The new name is durable only once the folder is synced.
        crate::files::sync_folder(files.folder()).map_err(file_error)?;
        Ok(tally)
    }
}

/// Copies the outcome of a run against the simulated service as that of a rehearsal: every message
/// says so.
pub fn copy_as_rehearsal(from: &Path, to: impl Write) -> Result<(), csv::Error> {
    let format = CellFormat { table: Table { excel: false }, rehearsal: true };
    let mut table = csv::Reader::from_path(from)?;
    let mut copy = csv::Writer::from_writer(to);
    let header = table.headers()?.clone();
    let message = message_column(&header);
    copy.write_record(&header)?;
    for record in table.records() {
        let record = record?;
        copy.write_record(record.iter().enumerate().map(|(at, cell)| {
            if Some(at) == message { format.message(cell) } else { cell.into() }.into_owned()
        }))?;
    }
    Ok(copy.flush()?)
}

/// Whether a file is the outcome of a rehearsal, and nothing else.
pub fn is_of_rehearsal(path: &Path) -> bool {
    let Ok(mut table) = csv::Reader::from_path(path) else { return false };
    let Ok(header) = table.headers() else { return false };
    let Some(message) = message_column(header) else { return false };
    table.records().next().is_none_or(|first| {
        first.is_ok_and(|row| row.get(message).is_some_and(|m| m.starts_with(REHEARSAL)))
    })
}

/// The column with the messages of an outcome; `None` if it is no outcome.
fn message_column(header: &csv::StringRecord) -> Option<usize> {
    let mut names: Vec<&str> = header.iter().collect();
    names.pop_if(|name| *name == TEXT_MARK_COLUMN);
    if names.ends_with(&VERIFIED_COLUMNS) {
        names.truncate(names.len() - VERIFIED_COLUMNS.len());
    }
    let first = names.len().checked_sub(COLUMNS.len()).filter(|_| names.ends_with(&COLUMNS))?;
    COLUMNS.iter().position(|name| *name == MESSAGE_COLUMN).map(|at| first + at)
}
