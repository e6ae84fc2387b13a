//! An outcome that is verified: its grants, and the same file with the columns of a verification.

use super::table::Table;
use super::{OutcomeError, is_of_rehearsal};
use crate::files::{RunFiles, sync_folder};
use crate::input::{
    InputError, NameQuery, ObjectKind, Options, Problem, Reader, Resolution, Resolutions, Row,
    RowContent, Source, Syntax,
};
use crate::model::{
    Grant, RESOLVED_COLUMNS, STATUS_COLUMN, Status, TEXT_MARK_COLUMN, VERIFIED_COLUMNS,
};
use std::io::{self, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The statuses of rows that name a grant which may exist or not.
const VERIFIABLE: [Status; 5] =
    [Status::Revoked, Status::AlreadyAbsent, Status::NotFound, Status::Failed, Status::Unknown];

/// Why an outcome cannot be verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifiedError {
    /// The file cannot be read or written.
    #[error(transparent)]
    Outcome(#[from] OutcomeError),
    /// It is no outcome of a real run, or was edited. The text names the place.
    #[error("{0}")]
    Unusable(String),
}

impl From<InputError> for VerifiedError {
    fn from(error: InputError) -> Self {
        Self::Outcome(error.into())
    }
}

/// An outcome of a real run.
#[derive(Debug)]
pub struct VerifiedOutcome {
    path: PathBuf,
    options: Arc<Options>,
    columns: Vec<String>,
}

/// The cells of [`VERIFIED_COLUMNS`] in a row.
pub type VerifiedCells = [String; VERIFIED_COLUMNS.len()];

impl VerifiedOutcome {
    /// Opens an outcome. The ids of names are read from its own columns; nothing is looked up.
    ///
    /// # Errors
    ///
    /// It cannot be read, is no outcome, or belongs to a rehearsal.
    pub fn open(path: &Path, defaults: &Options) -> Result<Self, VerifiedError> {
        if is_of_rehearsal(path) {
            let message = "it is the outcome of a rehearsal, in which nothing was revoked";
            return Err(VerifiedError::Unusable(format!("{}: {message}", path.display())));
        }
        let names = Some(Arc::default());
        let options = Options { names, ..defaults.clone() };
        let mut outcome =
            Self { path: path.to_owned(), options: Arc::new(options), columns: Vec::new() };
        outcome.read_columns()?;
        let has = |name: &str| outcome.columns.iter().any(|own| own == name);
        if !has(STATUS_COLUMN) {
            let message = "it has no column status; expected the outcome of a run";
            return Err(VerifiedError::Unusable(format!("{}: {message}", path.display())));
        }
        let has_names = RESOLVED_COLUMNS.into_iter().all(has);
        let options = Options { only: Some(VERIFIABLE.to_vec()), ..defaults.clone() };
        outcome.options = Arc::new(options);
        if has_names {
            outcome.read_resolved()?;
        }
        Ok(outcome)
    }

    fn reader(&self) -> Reader {
        let source = Source::file(self.path.clone());
        Reader::with_columns(vec![source], Arc::clone(&self.options), self.columns.clone())
    }

    fn read_columns(&mut self) -> Result<(), VerifiedError> {
        let mut reader = self.reader();
        while reader.next()?.is_some() {}
        self.columns = reader.columns().to_vec();
        let is_csv = |format: &crate::input::Format| {
            !format.gzip && matches!(format.syntax, Syntax::Csv { .. })
        };
        if reader.formats().iter().all(is_csv) {
            return Ok(());
        }
        let message = "expected the outcome as CSV, as the run wrote it";
        Err(VerifiedError::Unusable(format!("{}: {message}", self.path.display())))
    }

    /// Takes the ids of names from the columns of the outcome. The accounts of a target are named
    /// after the target is known, so it may take several passes.
    fn read_resolved(&mut self) -> Result<(), VerifiedError> {
        let mut names = Resolutions::default();
        loop {
            self.options = Arc::new(Options {
                names: Some(Arc::new(names.clone())),
                ..(*self.options).clone()
            });
            let before = names.len();
            let mut reader = self.reader();
            while let Some(row) = reader.next()? {
                let RowContent::Unresolved(queries) = row.content else { continue };
                for query in queries {
                    self.resolve(&row, query, &mut names)?;
                }
            }
            if names.len() == before {
                return Ok(());
            }
        }
    }

    fn resolve(
        &self,
        row: &Row<'_>,
        query: &NameQuery,
        names: &mut Resolutions,
    ) -> Result<(), VerifiedError> {
        let [user, target, account] = RESOLVED_COLUMNS;
        let column = match query.object {
            ObjectKind::User | ObjectKind::UserGroup => user,
            ObjectKind::Host | ObjectKind::HostGroup | ObjectKind::Database => target,
            ObjectKind::HostAccount | ObjectKind::DatabaseAccount => account,
        };
        let id = row.named(column);
        if id.is_empty() {
            return Err(self.unusable(row.place.line, &format!("{query} has no id in {column}")));
        }
        let id = Resolution::Id(id.to_owned());
        if names.get(query).is_some_and(|known| *known != id) {
            return Err(self.unusable(
                row.place.line,
                &format!(
                    "{query} has another id in an earlier row; verify each run's outcome alone"
                ),
            ));
        }
        names.insert(query.clone(), id);
        Ok(())
    }

    fn unusable(&self, line: u64, message: &str) -> VerifiedError {
        VerifiedError::Unusable(format!("{}:{line}: {message}", self.path.display()))
    }

    /// Calls `on` for each row that can be verified, with its number and its grant, and returns how
    /// many rows there are.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or a row was edited so that it names no grant.
    pub fn each(&self, mut on: impl FnMut(u64, &Grant<'_>)) -> Result<u64, VerifiedError> {
        let mut reader = self.reader();
        let mut rows = 0;
        while let Some(row) = reader.next()? {
            rows += 1;
            if let Some(grant) = self.grant(&row)? {
                on(row.number, &grant);
            }
        }
        Ok(rows)
    }

    fn grant<'r>(&self, row: &Row<'r>) -> Result<Option<Grant<'r>>, VerifiedError> {
        match row.content {
            RowContent::Grant(grant) if grant.instance_id.is_empty() => Err(self.unusable(
                row.place.line,
                "the row names no instance; pass --instance-id, as to the run",
            )),
            RowContent::Grant(grant) => Ok(Some(grant)),
            RowContent::Carried(_) => Ok(None),
            RowContent::Invalid(problems) => {
                let problems: Vec<String> = problems.iter().map(Problem::message).collect();
                Err(self.unusable(row.place.line, &problems.join("; ")))
            }
            RowContent::Unresolved(_) => {
                Err(self.unusable(row.place.line, "a name in the row has no id"))
            }
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes the outcome again with the columns of the verification behind the others, whole or
    /// not at all, and returns how many rows it has. `cells` gets the number, the status and the
    /// grant of a row, and gives the columns; `None` leaves them blank.
    ///
    /// # Errors
    ///
    /// The file cannot be read again or written.
    pub fn write(
        &self,
        mut cells: impl FnMut(u64, &str, &Grant<'_>) -> Option<VerifiedCells>,
    ) -> Result<u64, VerifiedError> {
        let file_error =
            |source| VerifiedError::from(OutcomeError::File { path: self.path.clone(), source });
        let replaced =
            |name: &String| name == TEXT_MARK_COLUMN || VERIFIED_COLUMNS.contains(&name.as_str());
        let kept = (0..self.columns.len()).filter(|at| !replaced(&self.columns[*at]));
        let kept: Vec<usize> = kept.collect();
        let table = Table { excel: self.columns.iter().any(|name| name == TEXT_MARK_COLUMN) };
        let files = RunFiles::new(self.path.clone());
        let temporary = files.temporary().map_err(file_error)?;
        let mut out = BufWriter::with_capacity(1 << 18, temporary.as_file());
        let mut line = Vec::new();
        let names = kept.iter().map(|at| self.columns[*at].as_str()).chain(VERIFIED_COLUMNS);
        table.header(&mut line, names);
        let mut rows = 0;
        let mut reader = self.reader();
        while let Some(row) = reader.next()? {
            rows += 1;
            for at in &kept {
                table.cell(&mut line, row.cells.get(*at));
            }
            let verified = self
                .grant(&row)?
                .and_then(|grant| cells(row.number, row.named(STATUS_COLUMN).trim(), &grant));
            for cell in verified.unwrap_or_default() {
                table.cell(&mut line, &cell);
            }
            table.end_row(&mut line);
            out.write_all(&line).map_err(file_error)?;
            line.clear();
        }
        out.write_all(&line).map_err(file_error)?;
        let flushed = out.into_inner().map_err(io::IntoInnerError::into_error);
        flushed.and_then(|_| temporary.as_file().sync_all()).map_err(file_error)?;
        temporary.persist(&self.path).map_err(|error| file_error(error.error))?;
        sync_folder(files.folder()).map_err(file_error)?;
        Ok(rows)
    }
}
