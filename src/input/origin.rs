//! The position of a problem in the text of a record, computed only for what is shown in full.

use std::ops::Range;

use super::csv::Dialect;
use super::diagnostics::At;
use super::excerpt::Excerpt;
use super::jsonl;

/// A record as it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    pub(super) text: &'a str,
    /// The physical line on which it begins.
    pub(super) line: u64,
    /// How it is separated; `None` is JSON.
    pub(super) dialect: Option<&'a Dialect>,
    /// The names of the input's own columns.
    pub(super) names: &'a [String],
}

impl Origin<'_> {
    /// The excerpt at this place.
    pub(super) fn excerpt(&self, at: At) -> Excerpt {
        let piece = match at {
            At::Record => 0..self.text.len(),
            At::Byte(at) => at..at + self.text[at..].chars().next().map_or(0, char::len_utf8),
            At::Cell(own) => self.cell(own).unwrap_or(self.text.len()..self.text.len()),
        };
        Excerpt::cut(self.text, self.line, piece)
    }

    /// The place of a cell. The reader does not keep the places of rewritten cells, so the record
    /// is split again.
    fn cell(&self, own: usize) -> Option<Range<usize>> {
        let Some(dialect) = self.dialect else {
            return jsonl::member(self.text, self.names.get(own)?);
        };
        let mut spans = Vec::new();
        dialect.parse(self.text.as_bytes(), true, &mut spans);
        spans.get(own).map(|span| span.start as usize..span.end as usize)
    }
}
