//! How an input is written: its syntax, its encoding, and the columns of its fields.

use std::fmt;

use super::encoding::Encoding;
use super::fields::Field;

/// How an input is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    /// The input's name.
    pub name: String,
    /// Whether it is compressed.
    pub gzip: bool,
    /// Its encoding, as far as it has been read: ASCII may continue as UTF-8 or as GB18030.
    pub encoding: Encoding,
    /// CSV or JSON Lines.
    pub syntax: Syntax,
    /// The column or member of each field. For JSON Lines they are complete only when the whole
    /// input has been read.
    pub fields: Vec<(Field, String)>,
    /// The rows read so far.
    pub rows: u64,
}

/// The two syntaxes of a list.
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
