//! Reading the list of who must lose access to what.
//!
//! ```text
//! Source -> bytes (gzip undone) -> encoding (UTF-8) -> text (a window, counted in lines)
//!        -> csv or jsonl (one record) -> rows (one grant, or every reason why not)
//! ```
//!
//! Everything streams: a [`Reader`] holds one window of text, at most a little over
//! [`MAX_RECORD_BYTES`], whatever the size of its inputs, and a valid row allocates nothing.
//!
//! Two sorts of fault are kept apart. A row that is wrong is data: it comes back as
//! [`Reading::Invalid`] with all of its [`Problem`]s, and the next row follows. Damage after which
//! nobody can say where a row ends (an unclosed quote, undecodable bytes, broken gzip, a header at
//! fault, a record that never ends) is an [`InputError`], and the reading stops.
//!
//! What may be wrong with rows that are valid each for itself shows only beside their neighbours: a
//! [`Doubt`], known when an input has been read to its end. A [`Report`] collects all of it.

mod byte_classes;
mod cells;
mod column_checks;
mod columns;
mod csv;
mod diagnostics;
mod encoding;
mod error;
mod excerpt;
mod fast_path;
mod fields;
mod file_type;
mod jsonl;
mod origin;
mod problem_kind;
mod read_errors;
mod reader;
mod report;
mod rows;
mod rules;
mod sniff;
mod source;
mod source_reader;
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
pub use problem_kind::ProblemKind;
pub use reader::{Format, Options, Place, Reader, Reading, Row, Syntax};
pub use report::{Doubt, Finding, Report, Severity};
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
