//! The outcome as bytes: plain, or so that a spreadsheet shows what is in it.

use super::spreadsheet::marked;
use crate::model::{TEXT_MARK, TEXT_MARK_COLUMN};
use std::io::{self, Write};

/// A table that is being written.
pub(super) struct Table<W: Write> {
    csv: csv::Writer<W>,
    excel: bool,
}

impl<W: Write> Table<W> {
    /// UTF-8, comma, LF; with `excel` a byte order mark, CR LF, and cells marked as text.
    pub(super) fn new(mut to: W, excel: bool) -> io::Result<Self> {
        if excel {
            to.write_all("\u{feff}".as_bytes())?;
        }
        let terminator = if excel { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let csv = csv::WriterBuilder::new().terminator(terminator).from_writer(to);
        Ok(Self { csv, excel })
    }

    /// The first row, with a column more if cells are marked.
    pub(super) fn header<'n>(
        &mut self,
        names: impl Iterator<Item = &'n str>,
    ) -> Result<(), csv::Error> {
        for name in names {
            self.field(name)?;
        }
        if self.excel {
            self.csv.write_field(TEXT_MARK_COLUMN)?;
        }
        self.csv.write_record(None::<&[u8]>)
    }

    /// The next cell of a row.
    pub(super) fn field(&mut self, cell: &str) -> Result<(), csv::Error> {
        if self.excel {
            return self.csv.write_field(marked(cell).as_bytes());
        }
        self.csv.write_field(cell)
    }

    /// The last cells of a row.
    pub(super) fn row<const CELLS: usize>(
        &mut self,
        cells: [&str; CELLS],
    ) -> Result<(), csv::Error> {
        for cell in cells {
            self.field(cell)?;
        }
        self.end_row()
    }

    /// Ends a row, saying whether its cells are marked.
    pub(super) fn end_row(&mut self) -> Result<(), csv::Error> {
        if self.excel {
            let mut mark = [0; 4];
            self.csv.write_field(TEXT_MARK.encode_utf8(&mut mark))?;
        }
        self.csv.write_record(None::<&[u8]>)
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        self.csv.flush()
    }
}
