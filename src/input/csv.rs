//! One CSV record at a time, with exact places.
//!
//! The `csv` crate's reader counts only LF as a line, closes a forgotten quote silently at the end
//! of the file, and buffers a record of any length. This one reads the same dialect (the tests
//! compare the two) and knows where a record, a line and a quote begin. It looks at bytes only:
//! separators and quotes are ASCII, which no other UTF-8 character contains.

use super::byte_classes::Stops;
use super::cells::{Class, Span};

/// A separator.
#[derive(Debug, Clone)]
pub(super) struct Dialect {
    pub(super) delimiter: u8,
    /// What ends a field without quotes.
    ends: Stops,
}

/// What stands at the beginning of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Parsed {
    /// A record of `length` bytes, without its line end, with `breaks` line breaks inside quotes.
    Record { length: usize, breaks: u64, doubled: bool },
    /// The window ends inside the record. `quote` is where the open quoted field begins.
    More { quote: Option<usize> },
    /// The quoted field that begins here never ends.
    Unclosed { quote: usize },
    /// The field with that number from 0, quoted from `quote` on, has text `at` this byte after
    /// its closing quote.
    TextAfterQuote { quote: usize, at: usize, field: usize },
}

impl Dialect {
    pub(super) fn new(delimiter: u8) -> Self {
        Self { delimiter, ends: Stops::of([delimiter, b'\n', b'\r']) }
    }

    /// Finds the record at the beginning of `window`; `ended` says that nothing follows it.
    ///
    /// `spans` gets its fields. A field with doubled quotes is marked as `scratch`: it must be
    /// rewritten with [`undouble`].
    pub(super) fn parse(&self, window: &[u8], ended: bool, spans: &mut Vec<Span>) -> Parsed {
        spans.clear();
        let mut at = 0;
        let mut breaks = 0;
        let mut any_doubled = false;
        loop {
            let quote = at;
            if window.get(at) == Some(&b'"') {
                let (close, doubled, class) = match close(window, quote + 1, ended, &mut breaks) {
                    Close::At { close, doubled, class } => (close, doubled, class),
                    Close::Never => return Parsed::Unclosed { quote },
                    Close::More => return Parsed::More { quote: Some(quote) },
                };
                spans.push(Span { scratch: doubled, class, ..Span::text(quote + 1, close) });
                any_doubled |= doubled;
                at = close + 1;
                while window.get(at).is_some_and(|&b| is_blank(b) && b != self.delimiter) {
                    at += 1;
                }
            } else {
                let (stop, class) = self.ends.find(window, at);
                spans.push(Span { class, ..Span::text(at, stop) });
                at = stop;
            }
            match window.get(at) {
                Some(&b) if b == self.delimiter => at += 1,
                Some(b'\n' | b'\r') => break,
                None if ended => break,
                None => return Parsed::More { quote: None },
                Some(_) => return Parsed::TextAfterQuote { quote, at, field: spans.len() - 1 },
            }
        }
        Parsed::Record { length: at, breaks, doubled: any_doubled }
    }

    /// Whether a record is a blank line, which is no row.
    pub(super) fn is_blank_line(&self, record: &[u8]) -> bool {
        record.iter().all(|&b| is_blank(b) && b != self.delimiter)
    }
}

fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

enum Close {
    /// The place of the closing quote, whether there are doubled quotes before it, and what it
    /// closes.
    At {
        close: usize,
        doubled: bool,
        class: Class,
    },
    Never,
    More,
}

/// Finds the closing quote of a field whose content begins at `at`.
///
/// What it makes of a quote or a CR at the very end of the window is not final: the record needs
/// a byte behind it, and is parsed anew with more text.
fn close(window: &[u8], mut at: usize, ended: bool, breaks: &mut u64) -> Close {
    let open = if ended { Close::Never } else { Close::More };
    let (mut doubled, mut class) = (false, Class::NONE);
    loop {
        let (stop, held) = QUOTED.find(window, at);
        class = class.and(held);
        at = stop;
        match (window.get(at), window.get(at + 1)) {
            (Some(b'"'), Some(b'"')) => {
                doubled = true;
                at += 2;
            }
            (Some(b'"'), _) => return Close::At { close: at, doubled, class },
            (Some(b'\r'), Some(b'\n')) => {
                *breaks += 1;
                at += 2;
            }
            (Some(_), _) => {
                *breaks += 1;
                at += 1;
            }
            (None, _) => return open,
        }
        // Quotes and line ends inside quotes are part of the value.
        class = class.and(Class::UNKNOWN);
    }
}

/// What may end a field in quotes, and what has to be counted there.
static QUOTED: Stops = Stops::of([b'"', b'\n', b'\r']);

/// Rewrites the fields with doubled quotes.
pub(super) fn undouble(text: &str, scratch: &mut String, spans: &mut [Span]) {
    for span in spans.iter_mut().filter(|span| span.scratch) {
        let start = scratch.len();
        let mut rest = text.get(span.start as usize..span.end as usize).unwrap_or("");
        while let Some(at) = rest.find("\"\"") {
            scratch.push_str(&rest[..=at]);
            rest = &rest[at + 2..];
        }
        scratch.push_str(rest);
        *span = Span::scratch(start, scratch);
    }
}
