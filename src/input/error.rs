//! Errors that stop the reading of an input.

use std::borrow::Cow;
use std::fmt;
use std::io;

use super::diagnostics::Column;
use super::excerpt::Excerpt;

/// Why reading stopped. After one of these a [`super::Reader`] gives no more rows.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// There is no such file (exit code 66).
    #[error("{name}: there is no such file: check the path, or write - for standard input")]
    Missing {
        /// The input as it was named.
        name: String,
    },
    /// The operating system refused to open or read it (exit code 74).
    #[error("{name}: cannot be read: {source}: give a regular file that you may read")]
    Unreadable {
        /// The input as it was named.
        name: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The ends of its rows are unknown (exit code 65).
    #[error(transparent)]
    Damaged(Box<Damage>),
}

/// An error in an input as a whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Damage {
    /// The sort of damage.
    pub kind: DamageKind,
    /// The input.
    pub name: String,
    /// The physical line, from 1, where it is known.
    pub line: Option<u64>,
    /// The column, where it is known.
    pub column: Option<Column>,
    /// What was found, as a sentence that is safe to print.
    pub found: String,
    /// What to do.
    pub remedy: Cow<'static, str>,
    /// What stands there, where it can be shown.
    pub excerpt: Option<Excerpt>,
}

impl InputError {
    /// Adds what stands at the place.
    pub(super) fn showing(mut self, excerpt: Excerpt) -> Self {
        if let Self::Damaged(damage) = &mut self {
            damage.excerpt = Some(excerpt);
        }
        self
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.name)?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(column) = &self.column {
            write!(f, ", {column}")?;
        }
        write!(f, ": {}: {}", self.found, self.remedy)
    }
}

/// The sorts of damage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DamageKind {
    /// Nothing in it, not even a header.
    Empty,
    /// No text: an archive, a workbook, a web page.
    NotAList,
    /// JSON, but not one object on each line.
    NotJsonLines,
    /// Bytes that are no text in its encoding.
    Undecodable,
    /// Gzip data that are broken or cut.
    BrokenGzip,
    /// A quoted field that never ends.
    UnclosedQuote,
    /// Text between a closing quote and the next separator.
    TextAfterQuote,
    /// A record over [`super::MAX_RECORD_BYTES`].
    RecordTooLong,
    /// More than [`super::MAX_COLUMNS`].
    TooManyColumns,
    /// A column name that occurs twice.
    RepeatedColumn,
    /// Two columns that mean the same.
    AmbiguousColumns,
    /// A column that is needed and not there.
    MissingColumns,
    /// Kind and target together with host, group or db.
    MixedForms,
    /// A `--map` that does not fit.
    BadMap,
    /// A first line `sep=` with a separator that is not read.
    BadSeparator,
    /// In a file of rules: a column that rules do not have.
    UnknownColumn,
    /// A file of rules without a rule.
    NoRules,
}

impl DamageKind {
    /// The stable code, in `snake_case`.
    pub fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NotAList => "not_a_list",
            Self::NotJsonLines => "not_json_lines",
            Self::Undecodable => "undecodable",
            Self::BrokenGzip => "broken_gzip",
            Self::UnclosedQuote => "unclosed_quote",
            Self::TextAfterQuote => "text_after_quote",
            Self::RecordTooLong => "record_too_long",
            Self::TooManyColumns => "too_many_columns",
            Self::RepeatedColumn => "repeated_column",
            Self::AmbiguousColumns => "ambiguous_columns",
            Self::MissingColumns => "missing_columns",
            Self::MixedForms => "mixed_forms",
            Self::BadMap => "bad_map",
            Self::BadSeparator => "bad_separator",
            Self::UnknownColumn => "unknown_column",
            Self::NoRules => "no_rules",
        }
    }
}
