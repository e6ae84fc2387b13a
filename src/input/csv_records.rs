//! Records of a CSV file.

use crate::model::{TEXT_MARK, TEXT_MARK_COLUMN};

use super::cells::{Cells, Span, Union, link};
use super::columns::{HeaderFault, Layout};
use super::csv::unescape_quotes;
use super::diagnostics::{Problem, ProblemSink};
use super::fields::Field;
use super::header::Header;
use super::options::Options;
use super::problem_kind::ProblemKind;
use super::read_errors::Stop;
use super::record::{Record, RecordPlace, RecordReader, TooManyColumns};
use super::scan::{RecordExtent, next_record};
use super::text::Text;
use super::values::trimmed;

/// Reads the records below a header.
pub(super) struct CsvRecords {
    header: Header,
    /// The column that marks rows whose cells are marked as text.
    text_mark: Option<usize>,
    /// For each column of the union, the place of the input's own.
    places: Vec<u32>,
    spans: Vec<Span>,
    scratch: String,
}

impl CsvRecords {
    /// Adds the header's columns to the union.
    pub(super) fn new(header: Header, union: &mut Union) -> Result<Self, TooManyColumns> {
        let mut places = Vec::new();
        for (own, name) in header.names.iter().enumerate() {
            link(&mut places, union.place_of(name).ok_or(TooManyColumns)?, own);
        }
        let text_mark = header.names.iter().position(|name| name == TEXT_MARK_COLUMN);
        Ok(Self { header, text_mark, places, spans: Vec::new(), scratch: String::new() })
    }
}

impl RecordReader for CsvRecords {
    fn find(&mut self, text: &mut Text) -> Result<(RecordExtent, bool), Stop> {
        let dialect = &self.header.dialect;
        let extent = next_record(dialect, text, &mut self.spans)?;
        Ok((extent, dialect.is_blank_line(&text.window()[..extent.length])))
    }

    fn split<'a>(
        &'a mut self,
        at: RecordPlace<'a>,
        _: &mut Union,
        _: &Options,
        problems: &mut Vec<Problem>,
    ) -> Result<Record<'a>, TooManyColumns> {
        let Self { header, text_mark, places, spans, scratch } = self;
        let RecordPlace { text, extent, source, line } = at;
        scratch.clear();
        if extent.doubled {
            unescape_quotes(text, scratch, spans);
        }
        if let Some(column) = *text_mark {
            drop_text_marks(text, scratch, spans, column);
        }
        let Header { names, needed, layout, dialect } = header;
        let cells = Cells { text, scratch, spans, places };
        let mut sink = ProblemSink { problems, source, line, names, numbered: true };
        match repeated_header(&cells, names, layout) {
            None => check_width(&cells, names.len(), *needed, &mut sink),
            Some(remedy) => sink.add_with(ProblemKind::RepeatedHeader, None, "", remedy),
        }
        Ok(Record { cells, layout, source, line, names, dialect: Some(dialect) })
    }

    fn names(&self) -> &[String] {
        &self.header.names
    }

    fn fields(&self) -> Vec<(Field, String)> {
        let Header { layout, names, .. } = &self.header;
        fields_of(layout, names)
    }

    fn unmatched_map(&self, _: &[(Field, String)]) -> Option<HeaderFault> {
        None // The header has been checked against it.
    }

    fn is_csv(&self) -> bool {
        true
    }
}

/// The column of each field.
fn fields_of(layout: &Layout, names: &[String]) -> Vec<(Field, String)> {
    let name = |field| Some((field, names.get(layout.get(field)?)?.clone()));
    Field::ALL.into_iter().filter_map(name).collect()
}

/// Removes the sign for text from the cells of a row that is marked to have it.
fn drop_text_marks(record: &str, scratch: &str, spans: &mut [Span], column: usize) {
    let text = |span: &Span| {
        let text = if span.scratch { scratch } else { record };
        text.get(span.start as usize..span.end as usize).unwrap_or("")
    };
    let mut mark = [0; 4];
    let mark = &*TEXT_MARK.encode_utf8(&mut mark);
    if spans.get(column).is_some_and(|span| trimmed(text(span)) == mark) {
        for span in spans.iter_mut().filter(|span| text(span).starts_with(mark)) {
            span.start += 1;
        }
    }
}

/// A row must have the header's fields, except those without a name after the last named one.
/// Spreadsheets add blank fields at the end; a missing field may be missing in the middle, so that
/// every field after it has moved.
fn check_width(cells: &Cells<'_>, columns: usize, needed: usize, sink: &mut ProblemSink<'_>) {
    let fields = cells.spans.len();
    if fields < needed {
        let found = format!("{fields} of {columns}");
        if cells.text.contains('\u{ff0c}') {
            let remedy =
                "replace the full-width comma \u{ff0c} (U+FF0C) with the separator of the header";
            sink.add_with(ProblemKind::MissingFields, None, &found, remedy);
        } else {
            sink.add(ProblemKind::MissingFields, None, &found);
        }
    } else if let Some(extra) = (columns..fields).find(|&at| !trimmed(cells.own(at)).is_empty()) {
        sink.add(ProblemKind::ExtraFields, Some(extra), cells.own(extra));
    }
}

/// If the record is a header line, as in files joined with `cat`: the remedy. A byte order mark may
/// stand before it.
fn repeated_header(cells: &Cells<'_>, names: &[String], layout: &Layout) -> Option<&'static str> {
    let cell = |at: usize| {
        let cell = trimmed(cells.own(at));
        let unmarked = cell.strip_prefix('\u{feff}').map(|cell| trimmed(cell).trim_matches('"'));
        unmarked.unwrap_or(cell)
    };
    let is_name = |at: usize| names.get(at).is_some_and(|name| cell(at) == name);
    // Nearly every row ends here, without an allocation.
    let mut grantee = [Field::User, Field::UserGroup].into_iter().filter_map(|at| layout.get(at));
    if !grantee.any(|at| is_name(at) || is_grantee_name(cell(at))) {
        return None;
    }
    let fields = cells.spans.len().min(names.len());
    let is_named =
        |at: usize| is_name(at) || (cell(at).is_empty() && names[at].starts_with("column_"));
    if fields > 1 && (0..fields).all(is_named) {
        return Some(ProblemKind::RepeatedHeader.remedy());
    }
    // The header of a file with other columns, or with the same in another order.
    let filled = (0..cells.spans.len()).map(cell).filter(|cell| !cell.is_empty());
    let known: Vec<Field> = filled.filter_map(Field::of_column).collect();
    let has = |fields: &[Field]| known.iter().any(|field| fields.contains(field));
    let is_header = has(&[Field::User, Field::UserGroup])
        && has(&[Field::Account, Field::AccountId, Field::AccountName])
        && has(&[Field::Target, Field::Host, Field::HostGroup, Field::Database]);
    is_header.then_some("it names other columns; give its rows as a file of their own")
}

/// Whether a cell is a name of the column of users or user groups, without an allocation.
fn is_grantee_name(cell: &str) -> bool {
    let names = ["user", "userid", "usergroup", "usergroupid", "用户id", "用户组id"];
    // Each row comes here. Nearly every value begins otherwise: a digit or another letter.
    let may_begin = |first: u8| matches!(first, b'u' | b'U' | b'_' | b'-') || !first.is_ascii();
    if !cell.as_bytes().first().is_some_and(|first| may_begin(*first)) {
        return false;
    }
    let plain = || {
        let kept = cell.chars().filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-'));
        kept.flat_map(char::to_lowercase)
    };
    cell.len() <= 24 && names.iter().any(|name| plain().eq(name.chars()))
}
