//! Reads the list of who must lose access to what.
//!
//! ```text
//! source (bytes, gzip undone) -> decode (UTF-8) -> text (a window, counted in lines)
//!   -> csv_records or json_records (one record) -> row_parser (one grant, or every problem)
//! ```
//!
//! In: one or more [`Source`]s and [`Options`]. Out: [`Row`]s in input order. A [`Reader`] holds one
//! window of text, at most a little over [`MAX_RECORD_BYTES`], whatever the size of its inputs. A
//! valid row allocates nothing.
//!
//! There are two sorts of error. A wrong row is data: it is returned as [`RowContent::Invalid`] with
//! all of its [`Problem`]s, and the next row follows. Damage after which the end of a row is unknown
//! (an unclosed quote, undecodable bytes, broken gzip, a wrong header, a record over the limit) is an
//! [`InputError`], and the reading stops. Findings that need all rows of a column are
//! [`FindingGroup`]s. A [`Report`] collects all of them.
//!
//! | to change | open |
//! |---|---|
//! | a column name, a new field | `fields`, `columns` |
//! | what a value may be | `values`, `placeholders`, `problem_kind` (the messages) |
//! | how a row becomes a grant | `row_parser`, `fast_path` (the same for plain rows) |
//! | a name in place of an id | `row_names`, `resolution`; `crate::resolve` looks it up |
//! | a check that compares rows | `column_checks` |
//! | CSV, JSON Lines | `csv`, `csv_records`; `jsonl`, `json_records` |
//! | the separator, the header line | `sniff`, `header` |
//! | encodings, gzip, other file types | `encoding`, `decode`; `source`; `file_type` |
//! | messages about a whole input | `read_errors`, `error` |
//! | the file of `--protect` | `rules` |

mod byte_classes;
mod cells;
mod column_checks;
mod columns;
mod csv;
mod csv_records;
mod decode;
mod diagnostics;
mod encoding;
mod error;
mod excerpt;
mod fast_path;
mod fault;
mod fields;
mod file_type;
mod finding;
mod format;
mod header;
mod json_records;
mod jsonl;
mod lines;
mod open;
mod options;
mod origin;
mod placeholders;
mod problem_kind;
mod read_errors;
mod reader;
mod record;
mod regions;
mod report;
mod resolution;
mod row;
mod row_names;
mod row_parser;
mod rules;
mod scan;
mod sniff;
mod source;
mod source_reader;
mod target_kind;
mod text;
mod values;

#[cfg(test)]
mod tests;

pub use cells::Cells;
pub use diagnostics::{Column, Problem, escaped, shown};
pub use encoding::{Encoding, UnknownEncoding};
pub use error::{Damage, DamageKind, InputError};
pub use excerpt::Excerpt;
pub use fields::{Field, UnknownField};
pub use finding::{Finding, FindingGroup, Severity};
pub use format::{Format, Syntax};
pub use options::Options;
pub use problem_kind::ProblemKind;
pub use reader::Reader;
pub use report::Report;
pub use resolution::{NameKind, NameQuery, ObjectKind, Resolution, Resolutions};
pub use row::{Place, Row, RowContent};
pub use rules::{Rule, RulesError, rules};
pub use source::Source;

/// The longest record, in bytes of UTF-8 without its line end: one mebibyte.
///
/// It bounds the memory of a [`Reader`], and it finds a forgotten quote early.
pub const MAX_RECORD_BYTES: usize = 1 << 20;

/// The longest id or account name, in bytes.
pub const MAX_VALUE_BYTES: usize = 1024;

/// The most columns that all inputs of a run may have together.
pub const MAX_COLUMNS: usize = 4096;
