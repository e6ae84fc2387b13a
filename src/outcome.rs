//! The outcome file: one row for every input row, in input order. Promise 1, *conservation*.
//!
//! The input is read a second time and joined with the verdicts, so that memory does not grow
//! with what the rows hold beside their grants.

use crate::clock::utc_seconds;
use crate::files::RunFiles;
use crate::input::{InputError, Problem, Reader, Reading};
use crate::model::Status;
use crate::plan::Plan;
use crate::verdicts::Verdicts;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// The columns behind the input's own.
pub const COLUMNS: [&str; 7] =
    ["status", "code", "message", "request_id", "attempts", "finished_at", "duplicate_of"];

/// What every message of a rehearsal begins with, so that its outcome is never taken for real.
pub const REHEARSAL: &str = "rehearsal:";

/// Rows by status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally([u64; Status::ALL.len()]);

impl Tally {
    /// Counts one row.
    pub fn add(&mut self, status: Status) {
        self.0[status as usize] += 1;
    }

    /// Rows with that status.
    pub fn of(&self, status: Status) -> u64 {
        self.0[status as usize]
    }

    /// All rows.
    pub fn rows(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Rows whose access is known to be gone.
    pub fn gone(&self) -> u64 {
        Status::ALL.iter().filter(|status| status.is_gone()).map(|status| self.of(*status)).sum()
    }
}

/// The outcome could not be written.
#[derive(Debug, thiserror::Error)]
pub enum OutcomeError {
    /// The file system refused (exit 74).
    #[error("{path}: the outcome can't be written: {source}")]
    File {
        /// The outcome file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The input could not be read again.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The input is not what it was when it was planned (exit 70).
    #[error("the input has other rows than it had when it was planned")]
    Changed,
}

impl Tally {
    /// Counts the rows of a plan without reading the input again; so many of those that nothing
    /// was sent for are protected, and the others invalid.
    pub fn of_plan(plan: &Plan, verdicts: &Verdicts, mut protected: usize) -> Self {
        let mut tally = Self::default();
        for row in 0..plan.rows() {
            tally.add(match plan.row(row) {
                Some((grant, _)) => verdicts.status(grant),
                None if protected > 0 => {
                    protected -= 1;
                    Status::Protected
                }
                None => Status::Invalid,
            });
        }
        tally
    }
}

/// What the outcome is made of.
pub struct Outcome<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What became of its grants.
    pub verdicts: &'a Verdicts,
    /// Whether it was only a rehearsal.
    pub rehearsal: bool,
    /// Whether valid rows were left out because they are protected.
    pub protected: bool,
}

impl Outcome<'_> {
    /// Writes the outcome to `path`, whole or not at all: to a temporary file beside it, readable
    /// by its owner only, which is synced and then renamed. `input` is a second pass over the
    /// input, with the columns that the first pass found.
    pub fn write(&self, mut input: Reader, path: &Path) -> Result<Tally, OutcomeError> {
        let file_error = |source| OutcomeError::File { path: path.to_owned(), source };
        let files = RunFiles::new(path.to_owned());
        let temporary = files.temporary().map_err(file_error)?;
        let own: Vec<usize> = own_columns(input.columns());
        let names: Vec<String> = own.iter().map(|at| input.columns()[*at].clone()).collect();
        let mut table = csv::WriterBuilder::new()
            .terminator(csv::Terminator::Any(b'\n'))
            .from_writer(BufWriter::with_capacity(1 << 18, temporary.as_file()));
        table
            .write_record(names.iter().map(String::as_str).chain(COLUMNS))
            .map_err(|error| file_error(error.into()))?;
        let tally = self.write_rows(&mut input, &own, &mut table).map_err(|error| match error {
            RowError::Table(error) => file_error(error.into()),
            RowError::Input(error) => OutcomeError::Input(error),
            RowError::Changed => OutcomeError::Changed,
        })?;
        table.flush().map_err(file_error)?;
        drop(table);
        temporary.as_file().sync_all().map_err(file_error)?;
        crate::failpoint::hit("outcome-written");
        temporary.persist(path).map_err(|error| file_error(error.error))?;
        crate::failpoint::hit("outcome-renamed");
        // The new name is durable only once the folder is.
        crate::files::sync_folder(files.folder()).map_err(file_error)?;
        Ok(tally)
    }

    fn write_rows(
        &self,
        input: &mut Reader,
        own: &[usize],
        table: &mut csv::Writer<impl Write>,
    ) -> Result<Tally, RowError> {
        let mut tally = Tally::default();
        let mut rows = 0;
        while let Some(row) = input.next()? {
            if rows >= self.plan.rows() {
                return Err(RowError::Changed);
            }
            for column in own {
                table.write_field(row.cells.get(*column))?;
            }
            let status = match (row.reading, self.plan.row(rows)) {
                (Reading::Invalid(problems), None) => self.write_invalid(problems, table)?,
                (Reading::Grant(_), None) if self.protected => self.write_protected(table)?,
                (Reading::Grant(_), Some((grant, standing))) => {
                    self.write_verdict(grant, (standing != rows).then_some(standing + 1), table)?
                }
                _ => return Err(RowError::Changed),
            };
            crate::failpoint::hit("outcome-row");
            tally.add(status);
            rows += 1;
        }
        if rows == self.plan.rows() { Ok(tally) } else { Err(RowError::Changed) }
    }

    fn write_invalid(
        &self,
        problems: &[Problem],
        table: &mut csv::Writer<impl Write>,
    ) -> Result<Status, csv::Error> {
        let code = problems.first().map_or("", |problem| problem.kind.code());
        let messages: Vec<String> = problems.iter().map(Problem::message).collect();
        let messages = messages.join("; ");
        let message = self.message(&messages);
        table.write_record([Status::Invalid.name(), code, &message, "", "0", "", ""])?;
        Ok(Status::Invalid)
    }

    fn write_protected(&self, table: &mut csv::Writer<impl Write>) -> Result<Status, csv::Error> {
        let message = self.message("kept by --protect, and nothing was sent for it");
        let status = Status::Protected.name();
        table.write_record([status, "", &message, "", "0", "", ""])?;
        Ok(Status::Protected)
    }

    fn write_verdict(
        &self,
        grant: u32,
        duplicate_of: Option<usize>,
        table: &mut csv::Writer<impl Write>,
    ) -> Result<Status, csv::Error> {
        let status = self.verdicts.status(grant);
        let attempts = self.verdicts.attempts(grant).to_string();
        let duplicate_of = duplicate_of.map(|row| row.to_string()).unwrap_or_default();
        let (code, message, request_id, finished_at) = match self.verdicts.note_of(grant) {
            Some(note) => {
                (&*note.code, &*note.message, &*note.request_id, utc_seconds(note.finished_at))
            }
            None => ("", "", "", String::new()),
        };
        let message = self.message(message);
        table.write_record([
            status.name(),
            code,
            &message,
            request_id,
            &attempts,
            &finished_at,
            &duplicate_of,
        ])?;
        Ok(status)
    }

    fn message<'m>(&self, message: &'m str) -> std::borrow::Cow<'m, str> {
        match (self.rehearsal, message) {
            (false, message) => message.into(),
            (true, "") => format!("{REHEARSAL} nothing was really changed").into(),
            (true, message) => format!("{REHEARSAL} {message}").into(),
        }
    }
}

/// Whether a file is the outcome of a rehearsal, and of nothing else.
pub fn is_of_rehearsal(path: &Path) -> bool {
    let Ok(mut table) = csv::Reader::from_path(path) else { return false };
    let is_outcome = table.headers().is_ok_and(|header| {
        let own = header.len().saturating_sub(COLUMNS.len());
        header.iter().skip(own).eq(COLUMNS)
    });
    let message = table.headers().map_or(0, csv::StringRecord::len).saturating_sub(5);
    is_outcome
        && table.records().next().is_none_or(|first| {
            first.is_ok_and(|row| row.get(message).is_some_and(|m| m.starts_with(REHEARSAL)))
        })
}

/// The input's own columns. An outcome that is fed back has its outcome columns replaced; a list
/// that merely has a column of such a name keeps it.
fn own_columns(columns: &[String]) -> Vec<usize> {
    let is_outcome = COLUMNS.iter().all(|name| columns.iter().any(|column| column == name));
    (0..columns.len())
        .filter(|at| !(is_outcome && COLUMNS.contains(&columns[*at].as_str())))
        .collect()
}

enum RowError {
    Table(csv::Error),
    Input(InputError),
    Changed,
}

impl From<csv::Error> for RowError {
    fn from(error: csv::Error) -> Self {
        Self::Table(error)
    }
}

impl From<InputError> for RowError {
    fn from(error: InputError) -> Self {
        Self::Input(error)
    }
}
