//! One record split into cells, and the interface of the two syntaxes that produce it.

use std::sync::Arc;

use super::cells::{Cells, Union};
use super::columns::{HeaderFault, Layout};
use super::csv::Dialect;
use super::diagnostics::{Problem, ProblemSink};
use super::fields::Field;
use super::finding::{Finding, Severity};
use super::options::Options;
use super::origin::Origin;
use super::problem_kind::ProblemKind;
use super::read_errors::Stop;
use super::scan::RecordExtent;
use super::text::Text;

/// Reads records of one syntax: [`super::csv_records`] and [`super::json_records`].
pub(super) trait RecordReader {
    /// Finds the record at the beginning of the window, and whether it is a blank line.
    fn find(&mut self, text: &mut Text) -> Result<(RecordExtent, bool), Stop>;

    /// Splits the record into cells. Problems with the record as a whole go to `problems`.
    fn split<'a>(
        &'a mut self,
        at: RecordPlace<'a>,
        union: &mut Union,
        options: &Options,
        problems: &mut Vec<Problem>,
    ) -> Result<Record<'a>, TooManyColumns>;

    /// The names of the input's own columns, as far as they are known.
    fn names(&self) -> &[String];

    /// The column of each field, after the last record.
    fn fields(&self) -> Vec<(Field, String)>;

    /// A `--map` to a column that never occurred, after the last record.
    fn unmatched_map(&self, map: &[(Field, String)]) -> Option<HeaderFault>;

    /// Whether columns have numbers, as in CSV.
    fn is_csv(&self) -> bool;
}

/// The inputs have more columns than [`super::MAX_COLUMNS`].
#[derive(Debug)]
pub(super) struct TooManyColumns;

/// A record that has been found, and its position.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordPlace<'a> {
    pub(super) text: &'a str,
    pub(super) extent: RecordExtent,
    pub(super) source: &'a Arc<str>,
    pub(super) line: u64,
}

/// A record split into cells.
pub(super) struct Record<'a> {
    pub(super) cells: Cells<'a>,
    pub(super) layout: &'a Layout,
    pub(super) source: &'a Arc<str>,
    pub(super) line: u64,
    pub(super) names: &'a [String],
    /// How it is separated; `None` is JSON.
    pub(super) dialect: Option<&'a Dialect>,
}

impl<'a> Record<'a> {
    /// Collects its problems.
    pub(super) fn sink<'p>(&'p self, problems: &'p mut Vec<Problem>) -> ProblemSink<'p> {
        ProblemSink {
            problems,
            source: self.source,
            line: self.line,
            names: self.names,
            numbered: self.dialect.is_some(),
        }
    }

    /// The record as it is written.
    pub(super) fn origin(&self) -> Origin<'a> {
        let Self { line, dialect, names, .. } = *self;
        Origin { text: self.cells.text, line, dialect, names }
    }

    /// A finding about one of its fields.
    pub(super) fn finding(
        &self,
        kind: ProblemKind,
        severity: Severity,
        field: Field,
        found: &str,
    ) -> Finding {
        let mut problems = Vec::new();
        let mut sink = self.sink(&mut problems);
        sink.add(kind, self.layout.get(field), found);
        let problem = problems.remove(0);
        let excerpt = Some(self.origin().excerpt(problem.at));
        Finding { severity, problem, excerpt }
    }
}
