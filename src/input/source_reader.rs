//! One input, opened: its format is known, and its records come one by one.

use std::sync::Arc;

use crate::model::{TEXT_MARK, TEXT_MARK_COLUMN};

use super::cells::{Cells, Span, Union, link};
use super::column_checks::Watch;
use super::columns::{Layout, no_such_column};
use super::csv::{Dialect, Parsed, undouble};
use super::diagnostics::{At, Problem, shown};
use super::encoding::{Decoded, Encoding, look};
use super::error::{DamageKind, InputError};
use super::fields::{Field, plain};
use super::jsonl::{Line, LineFault, Members};
use super::origin::Origin;
use super::problem_kind::ProblemKind;
use super::read_errors::{Stop, Trouble};
use super::reader::{Format, Options, Syntax};
use super::report::{Doubt, Finding, Severity};
use super::rows::Complaints;
use super::sniff;
use super::source::Source;
use super::text::Text;
use super::values::trimmed;
use super::{MAX_COLUMNS, MAX_RECORD_BYTES};

/// An input in the middle of being read.
pub(super) struct Open {
    text: Text,
    body: Body,
    trouble: Trouble,
    /// For each column of the union, the place of the input's own.
    places: Vec<u32>,
    spans: Vec<Span>,
    scratch: String,
    /// Where the fields are: in a CSV file in every row alike.
    layout: Layout,
    /// The record at the beginning of the window.
    found: Found,
    /// Whether that record has been handed out, so that the next search begins behind it.
    spent: bool,
}

/// A record at the beginning of the window.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Found {
    pub(super) length: usize,
    /// The line breaks inside it.
    pub(super) breaks: u64,
    /// Whether some of its fields hold doubled quotes.
    pub(super) doubled: bool,
}

enum Body {
    Csv {
        dialect: Box<Dialect>,
        names: Vec<String>,
        /// How many fields a row must have.
        needed: usize,
        /// The column that says whether cells are marked as text.
        text_mark: Option<usize>,
    },
    Json {
        members: Members,
    },
}

/// A record taken apart.
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
    /// Where its problems go.
    pub(super) fn complaints<'p>(&'p self, problems: &'p mut Vec<Problem>) -> Complaints<'p> {
        Complaints {
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

    /// Something to be said of one of its fields.
    pub(super) fn finding(
        &self,
        kind: ProblemKind,
        severity: Severity,
        field: Field,
        found: &str,
    ) -> Finding {
        let mut problems = Vec::new();
        let mut complaints = self.complaints(&mut problems);
        complaints.add(kind, self.layout.get(field), found);
        let problem = problems.remove(0);
        let excerpt = Some(self.origin().excerpt(problem.at));
        Finding { severity, problem, excerpt }
    }
}

impl Open {
    /// Opens a list and reads as far as its header.
    pub(super) fn new(
        source: &Source,
        options: &Options,
        union: &mut Union,
        window: usize,
    ) -> Result<(Self, Format), InputError> {
        let columns = |names: &[String]| sniff::columns_of_list(names, options);
        Self::reading(source, options, union, window, &columns)
    }

    /// Opens an input and reads as far as its header, which `columns` understands or refuses.
    pub(super) fn reading(
        source: &Source,
        options: &Options,
        union: &mut Union,
        window: usize,
        columns: &sniff::Columns<'_>,
    ) -> Result<(Self, Format), InputError> {
        let mut bytes = source.open()?;
        let gzip = bytes.gzip;
        let trouble = Trouble::new(source);
        let seen = look(&mut bytes, options.encoding);
        sniff::refuse_other_files(&seen.head, gzip, source, &trouble)?;
        let mut text = Text::new(Decoded::new(source, seen.encoding)?, window);
        let mut spans = Vec::new();
        let mut places = Vec::new();
        let mut layout = Layout::NONE;
        let (body, syntax, fields) = match sniff::begin(&mut text, &trouble)? {
            sniff::Start::Json => {
                (Body::Json { members: Members::default() }, Syntax::JsonLines, Vec::new())
            }
            sniff::Start::Csv { delimiter } => {
                let map = &options.map;
                let header =
                    sniff::header(&mut text, delimiter, map, columns, &mut spans, &trouble)?;
                for (own, name) in header.names.iter().enumerate() {
                    let place = union.place_of(name).ok_or_else(|| too_many(&trouble, &text))?;
                    link(&mut places, place, own);
                }
                let fields = fields_of(&header.layout, &header.names);
                let syntax = Syntax::Csv { delimiter: header.dialect.delimiter };
                let dialect = Box::new(header.dialect);
                let names = header.names;
                let text_mark = names.iter().position(|name| name == TEXT_MARK_COLUMN);
                layout = header.layout;
                (Body::Csv { dialect, names, needed: header.needed, text_mark }, syntax, fields)
            }
        };
        let (name, encoding) = (source.name.clone(), text.encoding());
        let format = Format { name, gzip, encoding, syntax, fields, rows: 0 };
        let found = Found::default();
        let scratch = String::new();
        let spent = true;
        Ok((Self { text, body, trouble, places, spans, scratch, layout, found, spent }, format))
    }

    /// Finds the next record that is not a blank line.
    pub(super) fn find(&mut self) -> Result<bool, InputError> {
        loop {
            if !self.spent {
                self.text.advance(self.found.length, self.found.breaks);
            }
            self.spent = true;
            let found = self.text.settle().map_err(Stop::Fault).and_then(|()| match &self.body {
                _ if self.text.window().is_empty() => Ok(None),
                Body::Csv { dialect, .. } => {
                    next_record(dialect, &mut self.text, &mut self.spans).map(Some)
                }
                Body::Json { .. } => next_line(&mut self.text).map(Some),
            });
            match found {
                Ok(None) => return Ok(false),
                Ok(Some(found)) => (self.found, self.spent) = (found, false),
                Err(stop) => return Err(self.trouble.stop(stop, &self.text, self.names())),
            }
            let record = &self.text.window()[..self.found.length];
            let blank = match &self.body {
                Body::Csv { dialect, .. } => dialect.is_blank_line(record),
                Body::Json { .. } => record.iter().all(|b| matches!(b, b' ' | b'\t')),
            };
            if !blank {
                return Ok(true);
            }
        }
    }

    /// The encoding, as far as it is known.
    pub(super) fn encoding(&self) -> Encoding {
        self.text.encoding()
    }

    fn names(&self) -> &[String] {
        match &self.body {
            Body::Csv { names, .. } => names,
            Body::Json { members } => &members.names,
        }
    }

    /// Damage at the place that has been reached.
    pub(super) fn damage(
        &self,
        kind: DamageKind,
        found: &'static str,
        remedy: &'static str,
    ) -> InputError {
        self.trouble.damage(kind, Some(self.text.line()), found, remedy)
    }

    /// Takes the record apart that has been found. What is wrong with it as a record goes to
    /// `problems`.
    pub(super) fn read<'a>(
        &'a mut self,
        union: &mut Union,
        map: &[(Field, String)],
        problems: &mut Vec<Problem>,
    ) -> Result<Record<'a>, InputError> {
        let Self { text, body, trouble, places, spans, scratch, layout, found, .. } = self;
        scratch.clear();
        let line = text.line();
        let record = text.record(found.length);
        match body {
            Body::Csv { names, needed, text_mark, .. } => {
                if found.doubled {
                    undouble(record, scratch, spans);
                }
                if let Some(column) = *text_mark {
                    drop_marks(record, scratch, spans, column);
                }
                let cells = Cells { text: record, scratch, spans, places };
                let mut complaints =
                    Complaints { problems, source: &trouble.name, line, names, numbered: true };
                check_width(&cells, names.len(), *needed, &mut complaints);
            }
            Body::Json { members } => {
                let json = Line { members, union, places, map, spans, scratch };
                let fault = json.parse(record).err();
                if fault == Some(LineFault::TooMany) {
                    return Err(too_many(trouble, text));
                }
                let cells = Cells { text: record, scratch, spans, places };
                let names = &members.names;
                let mut complaints =
                    Complaints { problems, source: &trouble.name, line, names, numbered: false };
                if let Some(fault) = fault {
                    explain(&fault, record, &mut complaints);
                }
                *layout = members.layout(&cells).unwrap_or_else(|at| {
                    complaints.add(ProblemKind::AmbiguousMembers, Some(at), "");
                    Layout::NONE
                });
            }
        }
        let (names, dialect) = match body {
            Body::Csv { names, dialect, .. } => (names.as_slice(), Some(&**dialect)),
            Body::Json { members } => (members.names.as_slice(), None),
        };
        let cells = Cells { text: record, scratch, spans, places };
        Ok(Record { cells, layout, source: &trouble.name, line, names, dialect })
    }

    /// What is in doubt when the input has been read to its end.
    pub(super) fn doubts(&self, watch: Watch, rows: u64, doubts: &mut Vec<Doubt>) {
        let is_csv = matches!(self.body, Body::Csv { .. });
        watch.finish(is_csv, doubts);
        if rows == 0 {
            let mut problems = Vec::new();
            let names = self.names();
            let mut complaints = Complaints {
                problems: &mut problems,
                source: &self.trouble.name,
                line: self.text.line(),
                names,
                numbered: is_csv,
            };
            complaints.add(ProblemKind::NoRows, None, "");
            let (severity, kind) = (Severity::Warning, ProblemKind::NoRows);
            let finding = |problem| Finding { severity, problem, excerpt: None };
            let shown = problems.into_iter().map(finding).collect();
            doubts.push(Doubt { severity, kind, count: 1, shown });
        }
    }

    /// Ends the input: the members that its fields were read from, and a fault if `--map` names
    /// one that never came. A misspelt `--map instance_id=...` must not read as a default.
    pub(super) fn finish(
        &self,
        map: &[(Field, String)],
        rows: u64,
    ) -> Result<Vec<(Field, String)>, InputError> {
        match &self.body {
            Body::Csv { names, .. } => Ok(fields_of(&self.layout, names)),
            Body::Json { members } => {
                for (field, column) in map.iter().filter(|(_, column)| !column.is_empty()) {
                    let seen = members.names.iter().any(|name| plain(name) == plain(column));
                    if !seen && rows > 0 {
                        let fault = no_such_column(*field, column, &members.names);
                        return Err(self.trouble.header(fault, None, &members.names));
                    }
                }
                let named = members.fields.iter().zip(&members.names);
                Ok(named.filter_map(|(field, name)| Some(((*field)?, name.clone()))).collect())
            }
        }
    }
}

fn fields_of(layout: &Layout, names: &[String]) -> Vec<(Field, String)> {
    let name = |field| Some((field, names.get(layout.get(field)?)?.clone()));
    Field::ALL.into_iter().filter_map(name).collect()
}

fn too_many(trouble: &Trouble, text: &Text) -> InputError {
    let found = format!("the inputs have more than {MAX_COLUMNS} different columns");
    let remedy = "give every row the same columns; an id or a date belongs into a value";
    trouble.damage(DamageKind::TooManyColumns, Some(text.line()), found, remedy)
}

/// Takes the sign for text from the cells of a row that says that it has been put there.
fn drop_marks(record: &str, scratch: &str, spans: &mut [Span], column: usize) {
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

/// A row must have the header's fields, but for those without a name behind the last that has one.
/// Blank ones behind the last are what spreadsheets add; a missing one may as well be missing in
/// the middle, so that every field behind it has moved.
fn check_width(cells: &Cells<'_>, columns: usize, needed: usize, complaints: &mut Complaints<'_>) {
    let fields = cells.spans.len();
    if fields < needed {
        let found = format!("{fields} of {columns}");
        complaints.add(ProblemKind::MissingFields, None, &found);
    } else if let Some(extra) = (columns..fields).find(|&at| !trimmed(cells.own(at)).is_empty()) {
        complaints.add(ProblemKind::ExtraFields, Some(extra), cells.own(extra));
    }
}

fn explain(fault: &LineFault, record: &str, complaints: &mut Complaints<'_>) {
    match fault {
        LineFault::NotAnObject => complaints.add(ProblemKind::NotAnObject, None, record),
        LineFault::Repeated(at) => complaints.add(ProblemKind::RepeatedMember, Some(*at), ""),
        LineFault::BadJson { at, reason } => {
            // The place is given in bytes; a piece of text begins where a character does.
            let at = (0..=*at).rev().find(|&at| record.is_char_boundary(at)).unwrap_or(0);
            let piece = record.get(at..).unwrap_or("");
            let remedy = format!(
                "{} at character {}; write one JSON object on each line",
                shown(reason),
                record[..at].chars().count() + 1
            );
            complaints.add_with(ProblemKind::BadJson, None, piece, remedy);
            if let Some(problem) = complaints.problems.last_mut() {
                problem.at = At::Byte(at);
            }
        }
        LineFault::TooMany => {}
    }
}

/// The record at the beginning of the window, for which more is read if need be.
pub(super) fn next_record(
    dialect: &Dialect,
    text: &mut Text,
    spans: &mut Vec<Span>,
) -> Result<Found, Stop> {
    loop {
        match dialect.parse(text.window(), text.ended(), spans) {
            Parsed::Record { length, .. } if length > MAX_RECORD_BYTES => {
                return Err(Stop::TooLong { quote: None });
            }
            Parsed::Record { length, breaks, doubled } => {
                return Ok(Found { length, breaks, doubled });
            }
            Parsed::Unclosed { quote } => return Err(Stop::Unclosed { quote, field: spans.len() }),
            Parsed::TextAfterQuote { quote, at, field } => {
                return Err(Stop::TextAfterQuote { quote, at, field });
            }
            Parsed::More { quote } => {
                if !text.more().map_err(Stop::Fault)? {
                    return Err(Stop::TooLong { quote });
                }
            }
        }
    }
}

/// The line at the beginning of the window.
pub(super) fn next_line(text: &mut Text) -> Result<Found, Stop> {
    let mut searched = 0;
    loop {
        let window = text.window();
        let end = window[searched..].iter().position(|b| matches!(b, b'\n' | b'\r'));
        let length = end.map(|end| searched + end);
        let length = length.or_else(|| text.ended().then_some(window.len()));
        searched = window.len();
        match length {
            Some(length) if length > MAX_RECORD_BYTES => return Err(Stop::TooLong { quote: None }),
            Some(length) => return Ok(Found { length, ..Found::default() }),
            None if text.more().map_err(Stop::Fault)? => {}
            None => return Err(Stop::TooLong { quote: None }),
        }
    }
}
