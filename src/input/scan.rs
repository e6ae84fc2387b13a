//! Finds the end of the record at the beginning of the window.

use super::MAX_RECORD_BYTES;
use super::cells::Span;
use super::csv::{Dialect, Parsed};
use super::read_errors::Stop;
use super::text::Text;

/// The extent of the record at the beginning of the window.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RecordExtent {
    /// Its bytes, without the line end.
    pub(super) length: usize,
    /// The line breaks inside it.
    pub(super) breaks: u64,
    /// Whether some of its fields hold doubled quotes.
    pub(super) doubled: bool,
}

/// The CSV record at the beginning of the window; reads more text if needed.
pub(super) fn next_record(
    dialect: &Dialect,
    text: &mut Text,
    spans: &mut Vec<Span>,
) -> Result<RecordExtent, Stop> {
    loop {
        match dialect.parse(text.window(), text.ended(), spans) {
            Parsed::Record { length, .. } if length > MAX_RECORD_BYTES => {
                return Err(Stop::TooLong { quote: None });
            }
            Parsed::Record { length, breaks, doubled } => {
                return Ok(RecordExtent { length, breaks, doubled });
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
pub(super) fn next_line(text: &mut Text) -> Result<RecordExtent, Stop> {
    let mut searched = 0;
    loop {
        let window = text.window();
        let end = window[searched..].iter().position(|b| matches!(b, b'\n' | b'\r'));
        let length = end.map(|end| searched + end);
        let length = length.or_else(|| text.ended().then_some(window.len()));
        searched = window.len();
        match length {
            Some(length) if length > MAX_RECORD_BYTES => return Err(Stop::TooLong { quote: None }),
            Some(length) => return Ok(RecordExtent { length, ..RecordExtent::default() }),
            None if text.more().map_err(Stop::Fault)? => {}
            None => return Err(Stop::TooLong { quote: None }),
        }
    }
}
