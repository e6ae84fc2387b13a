//! Formats the outcome as CSV: plain, or for spreadsheets.
//!
//! The writer of the csv crate runs a state machine for each cell, which is most of the work for
//! ten million rows of a dozen cells. A test compares both writers.

use super::spreadsheet::marked;
use crate::clock::UtcSeconds;
use crate::model::{TEXT_MARK, TEXT_MARK_COLUMN};
use uuid::fmt::Hyphenated;

/// The format of a table: UTF-8, comma, LF; for spreadsheets a byte order mark, CR LF, and cells
/// marked as text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Table {
    pub(super) excel: bool,
}

impl Table {
    /// Writes the header, with one more column if cells are marked.
    pub(super) fn header<'n>(self, to: &mut Vec<u8>, names: impl Iterator<Item = &'n str>) {
        if self.excel {
            to.extend_from_slice("\u{feff}".as_bytes());
        }
        for name in names {
            self.cell(to, name);
        }
        if self.excel {
            self.cell(to, TEXT_MARK_COLUMN);
        }
        self.end_line(to);
    }

    /// Writes the next cell of a row.
    pub(super) fn cell(self, to: &mut Vec<u8>, cell: &str) {
        if self.excel {
            quoted_if_needed(to, &marked(cell));
        } else {
            quoted_if_needed(to, cell);
        }
        to.push(b',');
    }

    /// Writes the next cell of a row, which has only ASCII letters, digits, `-`, `_` and `.`; or,
    /// if the table is not for spreadsheets, several such cells with commas between them.
    pub(super) fn plain_cell(self, to: &mut Vec<u8>, cell: &str) {
        if self.excel {
            return self.cell(to, cell);
        }
        to.extend_from_slice(cell.as_bytes());
        to.push(b',');
    }

    /// Writes the next cell of a row, a whole number.
    pub(super) fn number(self, to: &mut Vec<u8>, number: u64) {
        self.plain_cell(to, itoa::Buffer::new().format(number));
    }

    /// Writes the next cell of a row, a UUID with hyphens. `put` gets a slice of that length.
    pub(super) fn uuid(self, to: &mut Vec<u8>, put: impl FnOnce(&mut [u8])) {
        let start = to.len();
        to.resize(start + Hyphenated::LENGTH, 0);
        put(&mut to[start..]);
        if self.excel {
            let text = to.split_off(start);
            return self.cell(to, &String::from_utf8_lossy(&text));
        }
        to.push(b',');
    }

    /// Writes the next cell of a row, a time in seconds since 1970.
    pub(super) fn time(self, to: &mut Vec<u8>, second: i64, times: &mut UtcSeconds) {
        if self.excel {
            let mut text = Vec::new();
            times.write(second, &mut text);
            return self.cell(to, &String::from_utf8_lossy(&text));
        }
        times.write(second, to);
        to.push(b',');
    }

    /// Ends a row, with the cell that says whether its cells are marked.
    pub(super) fn end_row(self, to: &mut Vec<u8>) {
        if self.excel {
            let mut mark = [0; 4];
            to.extend_from_slice(TEXT_MARK.encode_utf8(&mut mark).as_bytes());
            to.push(b',');
        }
        self.end_line(to);
    }

    fn end_line(self, to: &mut Vec<u8>) {
        to.pop_if(|last| *last == b',');
        to.extend_from_slice(if self.excel { b"\r\n" } else { b"\n" });
    }
}

/// Quotes a cell that contains a separator, a quote or a line break.
fn quoted_if_needed(to: &mut Vec<u8>, cell: &str) {
    if !cell.bytes().any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r')) {
        return to.extend_from_slice(cell.as_bytes());
    }
    to.push(b'"');
    for piece in cell.split_inclusive('"') {
        to.extend_from_slice(piece.as_bytes());
        if piece.ends_with('"') {
            to.push(b'"');
        }
    }
    to.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_are_written_as_the_csv_crate_writes_them(
            rows in prop::collection::vec(prop::collection::vec("[a0 ,;\"'\r\n\t=é-]{0,6}", 2..5), 1..5)
        ) {
            let table = Table { excel: false };
            let mut ours = Vec::new();
            let mut theirs = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
            for row in &rows {
                for cell in row {
                    table.cell(&mut ours, cell);
                }
                table.end_row(&mut ours);
                theirs.write_record(row).unwrap();
            }
            prop_assert_eq!(ours, theirs.into_inner().unwrap());
        }

        #[test]
        fn spreadsheets_get_marks_and_crlf(
            row in prop::collection::vec("[a0,\"'\n=é-]{0,6}", 1..5)
        ) {
            let table = Table { excel: true };
            let mut ours = Vec::new();
            for cell in &row {
                table.cell(&mut ours, cell);
            }
            table.end_row(&mut ours);
            let terminator = csv::Terminator::CRLF;
            let mut theirs =
                csv::WriterBuilder::new().terminator(terminator).from_writer(Vec::new());
            let cells = row.iter().map(|cell| marked(cell).into_owned());
            theirs.write_record(cells.chain(["'".to_owned()])).unwrap();
            prop_assert_eq!(ours, theirs.into_inner().unwrap());
        }
    }

    #[test]
    fn uuids_and_times_are_written_as_any_other_cell() {
        let id = uuid::Uuid::from_u128(7);
        for excel in [false, true] {
            let table = Table { excel };
            for second in [1_795_000_000, -99_999_999_999] {
                let (mut ours, mut usual) = (Vec::new(), Vec::new());
                table.uuid(&mut ours, |text| _ = id.hyphenated().encode_lower(text));
                table.time(&mut ours, second, &mut UtcSeconds::default());
                let time = jiff::Timestamp::from_second(second).unwrap();
                for cell in [id.to_string(), crate::clock::utc_seconds(time)] {
                    table.cell(&mut usual, &cell);
                }
                assert_eq!(String::from_utf8(ours), String::from_utf8(usual));
            }
        }
    }

    #[test]
    fn a_header_begins_with_the_byte_order_mark_for_spreadsheets_only() {
        let header = |excel| {
            let mut line = Vec::new();
            Table { excel }.header(&mut line, ["a", "b,c"].into_iter());
            String::from_utf8(line).unwrap()
        };
        assert_eq!(header(false), "a,\"b,c\"\n");
        assert_eq!(header(true), format!("\u{feff}a,\"b,c\",{TEXT_MARK_COLUMN}\r\n"));
    }
}
