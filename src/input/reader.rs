//! Reads all rows of all inputs, one after the other.

use std::sync::Arc;

use crate::model::{Grant, STATUS_COLUMN};

use super::cells::Union;
use super::column_checks::ColumnChecks;
use super::diagnostics::Problem;
use super::error::InputError;
use super::fast_path;
use super::finding::FindingGroup;
use super::format::Format;
use super::open::open_list;
use super::options::Options;
use super::problem_kind::ProblemKind;
use super::record::Record;
use super::regions::Regions;
use super::resolution::NameQuery;
use super::row::{Place, Row, RowContent};
use super::row_parser;
use super::source::Source;
use super::source_reader::SourceReader;
use super::text::WINDOW_BYTES;
use super::values::trimmed;

/// Reads the rows of several inputs as one list.
pub struct Reader {
    sources: Vec<Source>,
    options: Arc<Options>,
    union: Union,
    formats: Vec<Format>,
    current: Option<SourceReader>,
    regions: Regions,
    problems: Vec<Problem>,
    queries: Vec<NameQuery>,
    /// Checks that compare valid rows with each other; `None` in a further pass.
    checks: Option<Box<ColumnChecks>>,
    list_findings: Vec<FindingGroup>,
    /// The bytes of the inputs that have been read completely.
    finished_bytes: u64,
    number: u64,
    failed: bool,
    pub(super) window: usize,
}

impl Reader {
    /// A reader that finds the columns as it goes.
    pub fn new(sources: Vec<Source>, options: Arc<Options>) -> Self {
        Self { checks: Some(Box::default()), ..Self::with_columns(sources, options, Vec::new()) }
    }

    /// A reader for a further pass, with the columns that the first pass found. It has no list
    /// findings.
    pub fn with_columns(sources: Vec<Source>, options: Arc<Options>, columns: Vec<String>) -> Self {
        Self {
            sources,
            options,
            union: Union::of(columns),
            formats: Vec::new(),
            current: None,
            regions: Regions::default(),
            problems: Vec::new(),
            queries: Vec::new(),
            checks: None,
            list_findings: Vec::new(),
            finished_bytes: 0,
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

    /// Findings about columns and inputs as a whole: complete after the last row.
    pub fn list_findings(&self) -> &[FindingGroup] {
        &self.list_findings
    }

    /// How many bytes of the inputs have been read, before gzip is undone; compare it with the sum of
    /// [`Source::size`] to show progress.
    pub fn bytes_read(&self) -> u64 {
        self.finished_bytes + self.current.as_ref().map_or(0, SourceReader::position)
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
                self.update_encoding();
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

    /// Ends the current input and finds the first record of the following ones. It is separate from
    /// the code that runs for each row, which its stack frame would slow down.
    #[cold]
    #[inline(never)]
    fn find_in_next(&mut self) -> Result<bool, InputError> {
        loop {
            self.update_encoding();
            if let Some(open) = self.current.take() {
                self.finished_bytes += open.position();
                let rows = self.formats.last().map_or(0, |format| format.rows);
                let fields = open.finish(&self.options.map, rows)?;
                if let Some(checks) = &mut self.checks {
                    open.finish_checks(std::mem::take(checks), rows, &mut self.list_findings);
                }
                if let Some(format) = self.formats.last_mut() {
                    format.fields = fields;
                }
            }
            let Some(source) = self.sources.get(self.formats.len()) else { return Ok(false) };
            let (open, format) = open_list(source, &self.options, &mut self.union, self.window)?;
            self.formats.push(format);
            if self.current.insert(open).find()? {
                return Ok(true);
            }
        }
    }

    /// Some encodings are known only when the first character beyond ASCII has been read.
    fn update_encoding(&mut self) {
        if let (Some(open), Some(format)) = (&self.current, self.formats.last_mut()) {
            format.encoding = open.encoding();
        }
    }

    /// Reads the record that has been found.
    fn row(&mut self) -> Result<Option<Row<'_>>, InputError> {
        let Self { options, union, formats, current, regions, problems, number, failed, .. } = self;
        let queries = &mut self.queries;
        queries.clear();
        let source = formats.len().saturating_sub(1);
        let (Some(open), Some(format)) = (current.as_mut(), formats.last_mut()) else {
            return Ok(None);
        };
        problems.clear();
        let record = match open.read(union, options, problems) {
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
            |content| Some(Row { number: *number, place, content, cells: record.cells, origin });
        if let Some(only) = options.only.as_deref().filter(|_| problems.is_empty()) {
            let own = record.names.iter().position(|name| name == STATUS_COLUMN);
            let word = own.map_or("", |own| trimmed(record.cells.own(own)));
            match word.parse() {
                Ok(status) if only.contains(&status) => {}
                Ok(status) => return Ok(row(RowContent::Carried(status))),
                Err(_) => record.sink(problems).add(ProblemKind::UnknownStatus, own, word),
            }
        }
        let grant = grant(&record, options, regions, problems, queries);
        if let (Some(grant), Some(checks)) = (&grant, &mut self.checks) {
            checks.record(grant, &record, options);
        }
        Ok(row(match grant {
            Some(grant) => RowContent::Grant(grant),
            None if problems.is_empty() && !queries.is_empty() => RowContent::Unresolved(queries),
            None => RowContent::Invalid(problems),
        }))
    }
}

/// The grant that a record names, or `None` and at least one problem or query.
#[inline]
fn grant<'a>(
    record: &Record<'a>,
    options: &'a Options,
    regions: &mut Regions,
    problems: &mut Vec<Problem>,
    queries: &mut Vec<NameQuery>,
) -> Option<Grant<'a>> {
    let fast = fast_path::parse(&record.cells, record.layout, options, regions);
    let mut in_full = |problems: &mut Vec<Problem>| {
        let sink = record.sink(problems);
        row_parser::parse(&record.cells, record.layout, options, regions, sink, queries)
    };
    match fast {
        _ if !problems.is_empty() => None,
        None => in_full(problems),
        fast => {
            debug_assert_eq!(fast, in_full(&mut Vec::new()), "the fast path gives the same grant");
            fast
        }
    }
}
