//! Problems of rows: their type, how they are collected, and how they are printed.

use std::borrow::Cow;
use std::fmt::{self, Write as _};
use std::sync::Arc;

use super::problem_kind::ProblemKind;

/// A column as a message names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// The field's number from 1; JSON members have none.
    pub number: Option<usize>,
    /// Its name, safe to print; blank where the header has none.
    pub name: String,
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.number, self.name.as_str()) {
            (Some(number), "") => write!(f, "column {number}"),
            (Some(number), name) => write!(f, "column {number} ({name})"),
            (None, name) => write!(f, "member \"{name}\""),
        }
    }
}

/// One thing that is wrong with one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The sort of problem.
    pub kind: ProblemKind,
    /// The input.
    pub name: Arc<str>,
    /// The physical line on which the row begins, from 1.
    pub line: u64,
    /// The column, unless the row as a whole is wrong.
    pub column: Option<Column>,
    /// The value there, escaped and cut for printing; blank if there is nothing to show.
    pub found: String,
    /// What to do.
    pub remedy: Cow<'static, str>,
    /// Where in the record it is.
    pub(super) at: At,
}

/// Where in a record a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    /// In all of it.
    Record,
    /// In the input's own column with that number from 0.
    Cell(usize),
    /// At that byte.
    Byte(usize),
}

impl Problem {
    /// The problem without its place, as in an outcome row.
    pub fn message(&self) -> String {
        let mut message = String::new();
        if let Some(column) = &self.column {
            // Writing to a string cannot fail.
            let _ = write!(message, "{column}: ");
        }
        self.write_message(&mut message);
        message
    }

    fn write_message(&self, out: &mut String) {
        out.push_str(self.kind.title());
        if !self.found.is_empty() {
            let _ = write!(out, " \"{}\"", self.found);
        }
        let _ = write!(out, ": {}", self.remedy);
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, line {}", self.name, self.line)?;
        if let Some(column) = &self.column {
            write!(f, ", {column}")?;
        }
        let mut message = String::new();
        self.write_message(&mut message);
        write!(f, ": {message}")
    }
}

/// Collects the problems of one row.
pub(super) struct ProblemSink<'a> {
    pub(super) problems: &'a mut Vec<Problem>,
    pub(super) source: &'a Arc<str>,
    pub(super) line: u64,
    /// The names of the input's own columns.
    pub(super) names: &'a [String],
    /// Whether its fields have numbers, as in CSV.
    pub(super) numbered: bool,
}

impl ProblemSink<'_> {
    /// Adds a problem with the usual remedy.
    pub(super) fn add(&mut self, kind: ProblemKind, column: Option<usize>, found: &str) {
        self.add_with(kind, column, found, kind.remedy());
    }

    /// Adds a problem with a remedy of its own.
    pub(super) fn add_with(
        &mut self,
        kind: ProblemKind,
        column: Option<usize>,
        found: &str,
        remedy: impl Into<Cow<'static, str>>,
    ) {
        let at = column;
        let column = column.map(|at| Column {
            number: self.numbered.then_some(at + 1),
            name: self.names.get(at).map_or(String::new(), |name| shown(name)),
        });
        self.problems.push(Problem {
            kind,
            name: Arc::clone(self.source),
            line: self.line,
            column,
            found: shown(found),
            remedy: remedy.into(),
            at: at.map_or(At::Record, At::Cell),
        });
    }
}

/// How many characters of a value a message shows.
const SHOWN_CHARS: usize = 60;

/// A piece of foreign text, escaped for a terminal and cut to 60 characters.
pub fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == SHOWN_CHARS {
            shown.push_str("...");
            break;
        }
        push_escaped(&mut shown, c);
    }
    shown
}

/// A whole text, escaped for a terminal.
pub fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    text.chars().for_each(|c| push_escaped(&mut escaped, c));
    escaped
}

pub(super) fn push_escaped(out: &mut String, c: char) {
    if c.is_control() || is_invisible(c) || (c.is_whitespace() && c != ' ') {
        out.extend(c.escape_default());
    } else {
        out.push(c);
    }
}

/// Characters without a visible shape: zero-width ones, those that change the direction of writing,
/// tags, and the soft hyphen (Unicode's category `Cf`, and the fillers).
pub(super) fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}
