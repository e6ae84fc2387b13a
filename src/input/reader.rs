//! All rows of all inputs, one after the other.

use std::fmt;
use std::sync::Arc;

use crate::model::{Grant, STATUS_COLUMN, Status};

use super::cells::{Cells, Union};
use super::column_checks::Watch;
use super::diagnostics::Problem;
use super::encoding::Encoding;
use super::error::InputError;
use super::excerpt::Excerpt;
use super::fast_path;
use super::fields::Field;
use super::origin::Origin;
use super::problem_kind::ProblemKind;
use super::report::Doubt;
use super::rows::{self, Regions};
use super::source::Source;
use super::source_reader::Open;
use super::text::WINDOW_BYTES;
use super::values::trimmed;

/// How inputs are read.
#[derive(Debug, Clone)]
pub struct Options {
    /// The bastion host of rows that name none.
    pub default_instance_id: Option<String>,
    /// The region of rows that name none.
    pub default_region: String,
    /// `--map`: which column holds a field, before any automatic match. A blank column means that
    /// no column does.
    pub map: Vec<(Field, String)>,
    /// `--encoding`: the encoding, instead of the one that is found.
    pub encoding: Option<Encoding>,
    /// `--only`: rows of an outcome with any other status are carried over, unread.
    pub only: Option<Vec<Status>>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            default_instance_id: None,
            default_region: "cn-hangzhou".to_owned(),
            map: Vec::new(),
            encoding: None,
            only: None,
        }
    }
}

/// How an input turned out to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// The input's name.
    pub name: String,
    /// Whether it is compressed.
    pub gzip: bool,
    /// Its encoding, as far as it has been read: ASCII may go on as UTF-8 or as GB18030.
    pub encoding: Encoding,
    /// CSV or JSON Lines.
    pub syntax: Syntax,
    /// Which column or member each field is read from. JSON Lines show theirs only when all of
    /// the input has been read.
    pub fields: Vec<(Field, String)>,
    /// The rows that have been read of it so far.
    pub rows: u64,
}

/// The two sorts of list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Syntax {
    /// Fields between separators, the names in the first line.
    Csv {
        /// The separator, an ASCII character.
        delimiter: u8,
    },
    /// One JSON object on each line.
    JsonLines,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = if self.rows == 1 { "row" } else { "rows" };
        write!(f, "{}: {} {rows}, ", self.name, self.rows)?;
        match self.syntax {
            Syntax::Csv { delimiter: b',' } => write!(f, "CSV")?,
            Syntax::Csv { delimiter: b'\t' } => write!(f, "CSV with tabs")?,
            Syntax::Csv { delimiter } => write!(f, "CSV with {}", char::from(delimiter))?,
            Syntax::JsonLines => write!(f, "JSON Lines")?,
        }
        write!(f, ", {}{}", self.encoding, if self.gzip { ", gzip" } else { "" })
    }
}

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// Which input, from 0.
    pub source: usize,
    /// Its name.
    pub name: &'a str,
    /// The physical line on which the row begins, from 1. Every LF, CR LF and CR counts, inside
    /// quotes too.
    pub line: u64,
}

/// What a row says.
#[derive(Debug, Clone, Copy)]
pub enum Reading<'a> {
    /// It names this grant.
    Grant(Grant<'a>),
    /// It names none, for these reasons: at least one.
    Invalid(&'a [Problem]),
    /// It has this status in an outcome and is not to be sent again: nothing else in it was read.
    Carried(Status),
}

/// One row, borrowed from the reader until the next one is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// Its number among the data rows of all inputs, from 1.
    pub number: u64,
    /// Where it stands.
    pub place: Place<'a>,
    /// What it says.
    pub reading: Reading<'a>,
    /// What it holds.
    pub cells: Cells<'a>,
    pub(super) origin: Origin<'a>,
}

impl Row<'_> {
    /// The cell of the column with that name in the row's own input; blank if it has none.
    pub fn named(&self, name: &str) -> &str {
        let own = self.origin.names.iter().position(|column| column == name);
        own.map_or("", |own| self.cells.own(own))
    }

    /// What stands where one of its problems is.
    pub fn excerpt(&self, problem: &Problem) -> Excerpt {
        self.origin.excerpt(problem.at)
    }
}

/// Reads the rows of several inputs as one list.
pub struct Reader {
    sources: Vec<Source>,
    options: Arc<Options>,
    union: Union,
    formats: Vec<Format>,
    current: Option<Open>,
    regions: Regions,
    problems: Vec<Problem>,
    /// Looks for what may be wrong with valid rows; `None` in a further pass.
    watch: Option<Box<Watch>>,
    doubts: Vec<Doubt>,
    number: u64,
    failed: bool,
    pub(super) window: usize,
}

impl Reader {
    /// A reader that finds the columns as it goes.
    pub fn new(sources: Vec<Source>, options: Arc<Options>) -> Self {
        Self { watch: Some(Box::default()), ..Self::with_columns(sources, options, Vec::new()) }
    }

    /// A reader for a further pass, with the columns that the first pass found. It has no doubts.
    pub fn with_columns(sources: Vec<Source>, options: Arc<Options>, columns: Vec<String>) -> Self {
        Self {
            sources,
            options,
            union: Union::of(columns),
            formats: Vec::new(),
            current: None,
            regions: Regions::default(),
            problems: Vec::new(),
            watch: None,
            doubts: Vec::new(),
            number: 0,
            failed: false,
            window: WINDOW_BYTES,
        }
    }

    /// The columns of the inputs by first appearance, as far as they have been read: complete
    /// after the last row.
    pub fn columns(&self) -> &[String] {
        self.union.names()
    }

    /// How the inputs are written that have been opened so far.
    pub fn formats(&self) -> &[Format] {
        &self.formats
    }

    /// What may be wrong with rows that are valid each for itself, or with an input as a whole:
    /// complete after the last row.
    pub fn doubts(&self) -> &[Doubt] {
        &self.doubts
    }

    /// The next row; `None` after the last one, and after an error.
    #[expect(clippy::should_implement_trait, reason = "a row borrows from the reader")]
    pub fn next(&mut self) -> Result<Option<Row<'_>>, InputError> {
        if self.failed {
            return Ok(None);
        }
        match self.find() {
            Ok(true) => self.row(),
            Ok(false) => Ok(None),
            Err(error) => {
                self.failed = true;
                self.note_encoding();
                Err(error)
            }
        }
    }

    /// Finds the next record, in the next input if need be.
    fn find(&mut self) -> Result<bool, InputError> {
        if let Some(open) = &mut self.current
            && open.find()?
        {
            return Ok(true);
        }
        self.find_in_next()
    }

    /// Ends the input that has been read, and finds the first record in those that follow. Apart
    /// from what is done for each row, which it would slow down with all that it needs on the stack.
    #[cold]
    #[inline(never)]
    fn find_in_next(&mut self) -> Result<bool, InputError> {
        loop {
            self.note_encoding();
            if let Some(open) = self.current.take() {
                let rows = self.formats.last().map_or(0, |format| format.rows);
                let fields = open.finish(&self.options.map, rows)?;
                if let Some(watch) = &mut self.watch {
                    open.doubts(std::mem::take(watch), rows, &mut self.doubts);
                }
                if let Some(format) = self.formats.last_mut() {
                    format.fields = fields;
                }
            }
            let Some(source) = self.sources.get(self.formats.len()) else { return Ok(false) };
            let (open, format) = Open::new(source, &self.options, &mut self.union, self.window)?;
            self.formats.push(format);
            if self.current.insert(open).find()? {
                return Ok(true);
            }
        }
    }

    /// Some encodings are known only when a character is reached that tells them.
    fn note_encoding(&mut self) {
        if let (Some(open), Some(format)) = (&self.current, self.formats.last_mut()) {
            format.encoding = open.encoding();
        }
    }

    /// Reads the record that has been found.
    fn row(&mut self) -> Result<Option<Row<'_>>, InputError> {
        let Self { options, union, formats, current, regions, problems, number, failed, .. } = self;
        let source = formats.len().saturating_sub(1);
        let (Some(open), Some(format)) = (current.as_mut(), formats.last_mut()) else {
            return Ok(None);
        };
        problems.clear();
        let record = match open.read(union, &options.map, problems) {
            Ok(record) => record,
            Err(error) => {
                *failed = true;
                return Err(error);
            }
        };
        *number += 1;
        format.rows += 1;
        let origin = record.origin();
        let place = Place { source, name: record.source, line: record.line };
        let row =
            |reading| Some(Row { number: *number, place, reading, cells: record.cells, origin });
        if let Some(only) = options.only.as_deref().filter(|_| problems.is_empty()) {
            let own = record.names.iter().position(|name| name == STATUS_COLUMN);
            let word = own.map_or("", |own| trimmed(record.cells.own(own)));
            match word.parse() {
                Ok(status) if only.contains(&status) => {}
                Ok(status) => return Ok(row(Reading::Carried(status))),
                Err(_) => {
                    record.complaints(problems).add(ProblemKind::UnknownStatus, own, word);
                }
            }
        }
        let short = fast_path::read(&record.cells, record.layout, options, regions);
        let mut in_full = |problems: &mut Vec<Problem>| {
            let complaints = record.complaints(problems);
            rows::read(&record.cells, record.layout, options, regions, complaints)
        };
        let grant = match short {
            _ if !problems.is_empty() => None,
            None => in_full(problems),
            short => {
                debug_assert_eq!(short, in_full(&mut Vec::new()), "the short way leads as far");
                short
            }
        };
        if let (Some(grant), Some(watch)) = (&grant, &mut self.watch) {
            watch.see(grant, &record);
        }
        Ok(row(grant.map_or(Reading::Invalid(problems), Reading::Grant)))
    }
}
