//! Detects the syntax of an input from its first bytes and its first line.

use super::error::{DamageKind, InputError};
use super::file_type;
use super::read_errors::{ErrorContext, Stop};
use super::scan::{RecordExtent, next_line};
use super::source::Source;
use super::text::Text;

/// The separators of fields that are read.
pub(super) const SEPARATORS: &[u8] = b",;\t|";

/// How the text of an input begins.
pub(super) enum Preamble {
    Json,
    /// `delimiter`: what a first line `sep=` has named.
    Csv {
        delimiter: Option<u8>,
    },
}

/// Refuses files that are no list at all, by their first bytes.
pub(super) fn refuse_other_files(
    head: &[u8],
    gzip: bool,
    source: &Source,
    context: &ErrorContext,
) -> Result<(), InputError> {
    match file_type::of(head, gzip, source) {
        None => Ok(()),
        Some((found, remedy)) => Err(context.damage(DamageKind::NotAList, None, found, remedy)),
    }
}

/// Skips blank lines and looks at the first that is not.
pub(super) fn read_preamble(
    text: &mut Text,
    context: &ErrorContext,
) -> Result<Preamble, InputError> {
    let mut line = first_line(text, context)?;
    // PowerShell's Export-Csv writes the type of the rows before the header.
    if text.window()[..line.length].starts_with(b"#TYPE ") {
        text.advance(line.length, 0);
        line = first_line(text, context)?;
    }
    let start = text.window()[..line.length].trim_ascii_start();
    let at = Some(text.line());
    match start.first() {
        Some(b'{') if start.trim_ascii_end() == b"{" => {
            let found = "this is JSON with one object over several lines";
            let remedy = "write each object on a line of its own; jq -c . does it";
            Err(context.damage(DamageKind::NotJsonLines, at, found, remedy))
        }
        Some(b'{') => Ok(Preamble::Json),
        Some(b'[') => {
            let found = "this is a JSON array";
            let remedy = "write one object on each line (JSON Lines); jq -c '.[]' does it";
            Err(context.damage(DamageKind::NotJsonLines, at, found, remedy))
        }
        Some(b'<') => {
            let found = "this is HTML or XML, which some tools save as .xls";
            let remedy = "open it, and save the list as CSV UTF-8";
            Err(context.damage(DamageKind::NotAList, at, found, remedy))
        }
        _ => {
            let separator = separator(&text.window()[..line.length]);
            if separator.is_some() {
                text.advance(line.length, 0);
            }
            match separator {
                None => Ok(Preamble::Csv { delimiter: None }),
                Some(delimiter) if SEPARATORS.contains(&delimiter) => {
                    first_line(text, context)?;
                    Ok(Preamble::Csv { delimiter: Some(delimiter) })
                }
                Some(_) => {
                    let found = "sep= names an unsupported separator";
                    let remedy = "separate the fields with a comma, a semicolon, a tab or |";
                    Err(context.damage(DamageKind::BadSeparator, at, found, remedy))
                }
            }
        }
    }
}

/// The first line that is not blank.
fn first_line(text: &mut Text, context: &ErrorContext) -> Result<RecordExtent, InputError> {
    loop {
        text.settle().map_err(|fault| context.stop(Stop::Fault(fault), text, &[]))?;
        if text.window().is_empty() {
            let found = "the file is empty, without even a header";
            let remedy = "start it with a line such as user,kind,target,account";
            return Err(context.damage(DamageKind::Empty, None, found, remedy));
        }
        let line = next_line(text).map_err(|stop| context.stop(stop, text, &[]))?;
        if text.window()[..line.length].iter().all(|b| matches!(b, b' ' | b'\t')) {
            text.advance(line.length, 0);
        } else {
            return Ok(line);
        }
    }
}

/// The separator of a line `sep=;`: `None` if it is another line, `=` if it names no single one.
fn separator(line: &[u8]) -> Option<u8> {
    let (word, rest) = line.split_at_checked(4)?;
    if !word.eq_ignore_ascii_case(b"sep=") {
        return None;
    }
    // Spreadsheets that save such a file again append separators to the line.
    let first = *rest.first()?;
    Some(if rest.iter().all(|&b| b == first) { first } else { b'=' })
}
