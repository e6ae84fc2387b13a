//! The outcome file: one row for every input row, in input order. Promise 1, *conservation*.
//!
//! The input is read a second time and joined with the verdicts, so that memory does not grow
//! with what the rows hold beside their grants.

mod columns;
mod spreadsheet;
mod table;

use crate::clock::utc_seconds;
use crate::files::RunFiles;
use crate::input::{Cells, InputError, Problem, Reader, Reading, escaped};
use crate::model::{MESSAGE_COLUMN, Status, TEXT_MARK, TEXT_MARK_COLUMN};
use crate::plan::Plan;
use crate::plan::summary::LeftOut;
use crate::verdicts::Verdicts;
use columns::Columns;
use std::borrow::Cow;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use table::Table;

/// The columns behind the input's own.
pub use crate::model::OUTCOME_COLUMNS as COLUMNS;

pub use crate::model::REHEARSAL;

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
    /// Counts the rows of a plan without reading the input again. Rows that keep what became of
    /// them before are none of the run's, and are not counted.
    pub fn of_plan(plan: &Plan, verdicts: &Verdicts, left_out: LeftOut) -> Self {
        let mut tally = Self::default();
        let mut unsent = 0;
        for row in 0..plan.rows() {
            match plan.row(row) {
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

/// What the outcome is made of.
#[expect(clippy::struct_excessive_bools, reason = "each says one thing of the run")]
pub struct Outcome<'a> {
    /// The plan.
    pub plan: &'a Plan,
    /// What became of its grants.
    pub verdicts: &'a Verdicts,
    /// Whether it was only a rehearsal.
    pub rehearsal: bool,
    /// Whether valid rows were left out because they are protected.
    pub protected: bool,
    /// Whether the input is an outcome of which only some rows are sent.
    pub is_chosen_from: bool,
    /// Whether it is written for spreadsheets.
    pub excel: bool,
}

impl Outcome<'_> {
    /// Writes the outcome to `path`, whole or not at all: to a temporary file beside it, readable
    /// by its owner only, which is synced and then renamed. `input` is a second pass over the
    /// input, with the columns that the first pass found.
    ///
    /// The tally is of the rows that the run was about: not of those carried over.
    pub fn write(&self, mut input: Reader, path: &Path) -> Result<Tally, OutcomeError> {
        let file_error = |source| OutcomeError::File { path: path.to_owned(), source };
        let files = RunFiles::new(path.to_owned());
        let temporary = files.temporary().map_err(file_error)?;
        let columns = Columns::of(input.columns(), self.is_chosen_from);
        let to = BufWriter::with_capacity(1 << 18, temporary.as_file());
        let mut table = Table::new(to, self.excel).map_err(file_error)?;
        let header = columns.names.iter().map(String::as_str).chain(COLUMNS);
        table.header(header).map_err(|error| file_error(error.into()))?;
        let tally =
            self.write_rows(&mut input, &columns, &mut table).map_err(|error| match error {
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
        columns: &Columns,
        table: &mut Table<impl Write>,
    ) -> Result<Tally, RowError> {
        let mut tally = Tally::default();
        let mut rows = 0;
        while let Some(row) = input.next()? {
            if rows >= self.plan.rows() {
                return Err(RowError::Changed);
            }
            for column in &columns.own {
                table.field(row.cells.get(*column))?;
            }
            match (row.reading, self.plan.row(rows)) {
                (Reading::Carried(_), None) => self.write_carried(row.cells, columns, table)?,
                (Reading::Invalid(problems), None) => {
                    tally.add(self.write_invalid(problems, table)?);
                }
                (Reading::Grant(_), None) if self.protected => {
                    tally.add(self.write_protected(table)?);
                }
                (Reading::Grant(_), Some((grant, standing))) => {
                    let duplicate_of = (standing != rows).then_some(standing + 1);
                    tally.add(self.write_verdict(grant, duplicate_of, table)?);
                }
                _ => return Err(RowError::Changed),
            }
            crate::failpoint::hit("outcome-row");
            rows += 1;
        }
        if rows == self.plan.rows() { Ok(tally) } else { Err(RowError::Changed) }
    }

    /// What became of the row before, as it stood there. The row that a duplicate names is still
    /// the row with that number, for all rows are here, in their order.
    fn write_carried(
        &self,
        cells: Cells<'_>,
        columns: &Columns,
        table: &mut Table<impl Write>,
    ) -> Result<(), csv::Error> {
        for (name, column) in COLUMNS.iter().zip(columns.before) {
            let cell = column.map_or("", |column| cells.get(column));
            if *name == MESSAGE_COLUMN && !cell.starts_with(REHEARSAL) {
                table.field(&self.message(cell))?;
            } else {
                table.field(cell)?;
            }
        }
        table.end_row()
    }

    fn write_invalid(
        &self,
        problems: &[Problem],
        table: &mut Table<impl Write>,
    ) -> Result<Status, csv::Error> {
        let code = problems.first().map_or("", |problem| problem.kind.code());
        let messages: Vec<String> = problems.iter().map(Problem::message).collect();
        let messages = messages.join("; ");
        let message = self.message(&messages);
        table.row([Status::Invalid.name(), code, &message, "", "0", "", ""])?;
        Ok(Status::Invalid)
    }

    fn write_protected(&self, table: &mut Table<impl Write>) -> Result<Status, csv::Error> {
        let message = self.message("kept by --protect, and nothing was sent for it");
        let status = Status::Protected.name();
        table.row([status, "", &message, "", "0", "", ""])?;
        Ok(Status::Protected)
    }

    fn write_verdict(
        &self,
        grant: u32,
        duplicate_of: Option<usize>,
        table: &mut Table<impl Write>,
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
        let words = [code, &*message, request_id].map(|word| self.harmless(word));
        let [code, message, request_id] = &words;
        table.row([
            status.name(),
            code,
            message,
            request_id,
            &attempts,
            &finished_at,
            &duplicate_of,
        ])?;
        Ok(status)
    }

    fn message<'m>(&self, message: &'m str) -> Cow<'m, str> {
        match (self.rehearsal, message) {
            (false, message) => message.into(),
            (true, "") => format!("{REHEARSAL} nothing was really changed").into(),
            (true, message) => format!("{REHEARSAL} {message}").into(),
        }
    }

    /// Words of the service, so that they neither steer a terminal nor are a formula in a
    /// spreadsheet, however the outcome is written: nobody reads them back.
    fn harmless<'m>(&self, words: &'m str) -> Cow<'m, str> {
        let is_plain = words.bytes().all(|b| b.is_ascii() && !b.is_ascii_control());
        let words = if is_plain { words.into() } else { Cow::Owned(escaped(words)) };
        if !self.excel && spreadsheet::is_formula(&words) {
            return format!("{TEXT_MARK}{words}").into();
        }
        words
    }
}

/// Whether a file is the outcome of a rehearsal, and of nothing else.
pub fn is_of_rehearsal(path: &Path) -> bool {
    let Ok(mut table) = csv::Reader::from_path(path) else { return false };
    let Ok(header) = table.headers() else { return false };
    let mut names: Vec<&str> = header.iter().collect();
    names.pop_if(|name| *name == TEXT_MARK_COLUMN);
    let is_outcome = names.ends_with(&COLUMNS);
    let message = names.len().saturating_sub(5);
    is_outcome
        && table.records().next().is_none_or(|first| {
            first.is_ok_and(|row| row.get(message).is_some_and(|m| m.starts_with(REHEARSAL)))
        })
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
