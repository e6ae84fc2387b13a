//! The rows of a table as blocks of compact JSON in the page.
//!
//! A block holds up to [`BLOCK_ROWS`] rows by column: `{"n": rows, "c": columns}`. A column is
//! `[values]` if it has one value for all rows or a value for each row, otherwise
//! `[values, indexes]` with each value once. Every block is a script element of a type that browsers
//! do not run, and no `<` is in it.

use crate::input::escaped;
use std::collections::HashMap;
use std::io::{self, Write};

/// Rows of one block. `page.js` finds a row by it.
pub(super) const BLOCK_ROWS: usize = 2000;

/// The values of one column in one block.
#[derive(Debug, Default)]
struct Column {
    places: HashMap<String, usize>,
    values: Vec<String>,
    indexes: Vec<usize>,
}

impl Column {
    fn push(&mut self, cell: &str) {
        let place = if let Some(place) = self.places.get(cell) {
            *place
        } else {
            let place = self.values.len();
            self.places.insert(cell.to_owned(), place);
            // Characters that are invisible or turn the direction of text are shown as escapes.
            self.values.push(escaped(cell));
            place
        };
        self.indexes.push(place);
    }

    fn json(&self) -> serde_json::Value {
        let (values, rows) = (self.values.len(), self.indexes.len());
        if values == 1 || values == rows {
            serde_json::json!([self.values])
        } else {
            serde_json::json!([self.values, self.indexes])
        }
    }
}

/// Writes the rows of a table.
pub(super) struct BlockWriter<'w, W> {
    to: &'w mut W,
    table: &'static str,
    columns: Vec<Column>,
    rows: usize,
}

impl<'w, W: Write> BlockWriter<'w, W> {
    /// A writer for a table with so many columns.
    pub(super) fn new(to: &'w mut W, table: &'static str, columns: usize) -> Self {
        let columns = std::iter::repeat_with(Column::default).take(columns).collect();
        Self { to, table, columns, rows: 0 }
    }

    /// Adds a row: one cell for each column.
    pub(super) fn row<'c>(&mut self, cells: impl IntoIterator<Item = &'c str>) -> io::Result<()> {
        let mut count = 0;
        for (column, cell) in self.columns.iter_mut().zip(cells) {
            column.push(cell);
            count += 1;
        }
        debug_assert_eq!(count, self.columns.len(), "a cell for each column");
        self.rows += 1;
        if self.rows == BLOCK_ROWS { self.write() } else { Ok(()) }
    }

    /// Writes the last block.
    pub(super) fn finish(mut self) -> io::Result<()> {
        if self.rows > 0 { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> io::Result<()> {
        let columns: Vec<serde_json::Value> = self.columns.iter().map(Column::json).collect();
        let json = script_json(&serde_json::json!({ "n": self.rows, "c": columns }))?;
        let table = self.table;
        writeln!(
            self.to,
            r#"<script type="application/json" data-block="{table}">{json}</script>"#
        )?;
        self.rows = 0;
        self.columns.iter_mut().for_each(|column| *column = Column::default());
        Ok(())
    }
}

/// JSON that cannot end the script element that it is in: `<` is only ever in strings.
pub(super) fn script_json(value: &impl serde::Serialize) -> io::Result<String> {
    Ok(serde_json::to_string(value)?.replace('<', "\\u003c"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(rows: &[[&str; 2]]) -> String {
        let mut text = Vec::new();
        let mut writer = BlockWriter::new(&mut text, "rows", 2);
        for row in rows {
            writer.row(*row).unwrap();
        }
        writer.finish().unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn a_value_is_written_once_for_all_rows_of_a_block() {
        let text = blocks(&[["1", "a"], ["2", "b"], ["3", "a"]]);
        assert!(text.contains(r#">{"c":[[["1","2","3"]],[["a","b"],[0,1,0]]],"n":3}<"#), "{text}");
        let text = blocks(&[["1", "a"], ["2", "a"]]);
        assert!(text.contains(r#">{"c":[[["1","2"]],[["a"]]],"n":2}<"#), "{text}");
        assert_eq!(blocks(&[]), "");
    }

    #[test]
    fn no_value_ends_the_element() {
        let text = blocks(&[["</script><script>alert(1)</script>", "<!--<script>"]]);
        assert_eq!(text.matches("</script").count(), 1, "{text}");
        assert_eq!(text.matches('<').count(), 2, "{text}");
    }

    #[test]
    fn a_block_ends_at_its_size() {
        let text = blocks(&vec![["x", "y"]; BLOCK_ROWS + 1]);
        assert_eq!(text.lines().count(), 2);
    }
}
