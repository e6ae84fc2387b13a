//! The messages of errors that stop the reading of an input.

use std::borrow::Cow;
use std::sync::Arc;

use super::MAX_COLUMNS;
use super::columns::HeaderFault;
use super::diagnostics::{Column, shown};
use super::error::{Damage, DamageKind, InputError};
use super::excerpt::Excerpt;
use super::fault::Fault;
use super::lines::line_breaks;
use super::source::Source;
use super::text::Text;

/// Why there is no next record.
#[derive(Debug)]
pub(super) enum Stop {
    Fault(Fault),
    /// A record over the limit, perhaps because of the quote that opens at this byte.
    TooLong {
        quote: Option<usize>,
    },
    /// The quote at this byte is never closed.
    Unclosed {
        quote: usize,
        field: usize,
    },
    /// The field that is quoted from `quote` on has text `at` this byte after its closing quote.
    TextAfterQuote {
        quote: usize,
        at: usize,
        field: usize,
    },
}

/// Makes the errors of one input.
pub(super) struct ErrorContext {
    pub(super) name: Arc<str>,
    source: Source,
}

impl ErrorContext {
    pub(super) fn new(source: &Source) -> Self {
        Self { name: source.name.as_str().into(), source: source.clone() }
    }

    /// Damage at a line.
    pub(super) fn damage(
        &self,
        kind: DamageKind,
        line: Option<u64>,
        found: impl Into<String>,
        remedy: impl Into<Cow<'static, str>>,
    ) -> InputError {
        let (found, remedy) = (found.into(), remedy.into());
        let name = self.name.to_string();
        let (column, excerpt) = (None, None);
        InputError::Damaged(Box::new(Damage { kind, name, line, column, found, remedy, excerpt }))
    }

    /// More columns than a run may have.
    pub(super) fn too_many_columns(&self, line: u64) -> InputError {
        let found = format!("the inputs have more than {MAX_COLUMNS} different columns");
        let remedy = "give every row the same columns; an id or a date belongs into a value";
        self.damage(DamageKind::TooManyColumns, Some(line), found, remedy)
    }

    /// An error in the header.
    pub(super) fn header(
        &self,
        fault: HeaderFault,
        line: Option<u64>,
        names: &[String],
    ) -> InputError {
        let error = self.damage(fault.kind, line, fault.found, fault.remedy);
        at_column(error, fault.column, names)
    }

    /// The record at the beginning of the window cannot be read.
    pub(super) fn stop(&self, stop: Stop, text: &Text, names: &[String]) -> InputError {
        let line = |at: usize| Some(text.line() + line_breaks(&text.window()[..at]));
        match stop {
            Stop::Fault(fault) => self.fault(fault, line(text.window().len())),
            Stop::TooLong { quote: None } => {
                let remedy = "a row is short; is this the right file, and are its lines ended?";
                self.damage(DamageKind::RecordTooLong, line(0), "a record over 1 MiB", remedy)
            }
            Stop::TooLong { quote: Some(at) } => {
                let found = "a quoted field that starts here is longer than 1 MiB";
                let remedy = "close the quote, or double it if it is part of the value";
                self.damage(DamageKind::RecordTooLong, line(at), found, remedy).showing(excerpt(
                    text,
                    at,
                    usize::MAX,
                ))
            }
            Stop::Unclosed { quote, field } => {
                let found = "a quoted field that starts here is never closed";
                let remedy = "close the quote, or double it if it is part of the value";
                let error = self.damage(DamageKind::UnclosedQuote, line(quote), found, remedy);
                at_column(error, Some(field), names).showing(excerpt(text, quote, usize::MAX))
            }
            Stop::TextAfterQuote { quote, at, field } => {
                let quoted = String::from_utf8_lossy(&text.window()[quote..at]);
                let found =
                    format!("more text behind the quoted field {}", shown(quoted.trim_end()));
                let remedy = "double a quote that is part of the value";
                let error = self.damage(DamageKind::TextAfterQuote, line(at), found, remedy);
                at_column(error, Some(field), names).showing(excerpt(text, at, at + 1))
            }
        }
    }

    /// Bytes that could not be read or decoded.
    pub(super) fn fault(&self, fault: Fault, line: Option<u64>) -> InputError {
        match fault {
            Fault::Io(error) => self.source.error(error),
            Fault::Gzip(error) => {
                let found = format!("broken or cut gzip data ({error})");
                let remedy = "copy or download the file again; gzip -t tests it";
                self.damage(DamageKind::BrokenGzip, line, found, remedy)
            }
            Fault::Undecodable { offset, encoding, not_utf8_at } => {
                let byte = offset + 1;
                let found = match not_utf8_at {
                    Some(at) => format!(
                        "neither utf-8 (wrong at byte {}) nor {encoding} (wrong at byte {byte})",
                        at + 1
                    ),
                    None => format!("byte {byte} is not {encoding}"),
                };
                let remedy = "save the list as UTF-8, or name its encoding with --encoding";
                self.damage(DamageKind::Undecodable, line, found, remedy)
            }
        }
    }
}

/// A piece of the window, with as much text after it as can be shown.
fn excerpt(text: &Text, start: usize, end: usize) -> Excerpt {
    let window = text.window();
    let most = window.len().min(start + 1000);
    // Undecodable bytes are replaced, so the excerpt starts at the start of its own text.
    let before = String::from_utf8_lossy(&window[..start.min(window.len())]);
    let piece = String::from_utf8_lossy(&window[start.min(most)..end.min(most)]);
    let behind = String::from_utf8_lossy(&window[end.min(most)..most]);
    let marked = before.len()..before.len() + piece.len();
    Excerpt::cut(&format!("{before}{piece}{behind}"), text.line(), marked)
}

fn at_column(mut error: InputError, column: Option<usize>, names: &[String]) -> InputError {
    if let (InputError::Damaged(damage), Some(at)) = (&mut error, column) {
        let name = names.get(at).map_or(String::new(), |name| shown(name));
        damage.column = Some(Column { number: Some(at + 1), name });
    }
    error
}
