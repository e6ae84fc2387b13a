//! What an input is, told from its first bytes, and its header.

use super::MAX_COLUMNS;
use super::cells::Span;
use super::columns::{HeaderFault, Layout, meaning, resolve};
use super::csv::{Dialect, undouble};
use super::error::{DamageKind, InputError};
use super::fields::Field;
use super::open::{Found, next_line, next_record};
use super::text::{Fault, Text};
use super::trouble::{Stop, Trouble};

/// How the text of an input begins.
pub(super) enum Start {
    Json,
    /// `delimiter`: what a first line `sep=` has named.
    Csv {
        delimiter: Option<u8>,
    },
}

/// A header that has been understood.
pub(super) struct Header {
    pub(super) dialect: Dialect,
    pub(super) names: Vec<String>,
    pub(super) layout: Layout,
}

/// Refuses files that are no text at all, by their first bytes.
pub(super) fn refuse_other_files(
    head: &[u8],
    gzip: bool,
    trouble: &Trouble,
) -> Result<(), InputError> {
    let export = "export the list as CSV and give that file";
    let unpack = "unpack it and give the list itself (gzip alone is read as it is)";
    let (found, remedy) = match head {
        [b'P', b'K', 3..=8, ..] => (
            "this is a zip archive or an .xlsx workbook",
            "export the sheet as CSV, or unpack the archive",
        ),
        [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, ..] => {
            ("this is an old .xls workbook, or one that is protected by a password", export)
        }
        [b'%', b'P', b'D', b'F', b'-', ..] => ("this is a PDF", export),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => ("this is compressed with zstd", unpack),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => ("this is compressed with xz", unpack),
        [b'B', b'Z', b'h', b'1'..=b'9', b'1', b'A', b'Y', ..] => {
            ("this is compressed with bzip2", unpack)
        }
        [b'7', b'z', 0xbc, 0xaf, ..] => ("this is a 7z archive", unpack),
        [0x1f, 0x8b, ..] if gzip => ("this is compressed twice with gzip", "unpack it once"),
        [b'S', b'Q', b'L', b'i', b't', b'e', b' ', ..] => ("this is an SQLite database", export),
        _ => return Ok(()),
    };
    Err(trouble.damage(DamageKind::NotAList, None, found, remedy))
}

/// Skips blank lines and looks at the first that is not.
pub(super) fn begin(text: &mut Text, trouble: &Trouble) -> Result<Start, InputError> {
    let line = first_line(text, trouble)?;
    let start = text.window()[..line.length].trim_ascii_start();
    let at = Some(text.line());
    match start.first() {
        Some(b'{') if start.trim_ascii_end() == b"{" => {
            let found = "this is JSON with one object over several lines";
            let remedy = "write each object on a line of its own; jq -c . does it";
            Err(trouble.damage(DamageKind::NotJsonLines, at, found, remedy))
        }
        Some(b'{') => Ok(Start::Json),
        Some(b'[') => {
            let found = "this is a JSON array";
            let remedy = "write one object on each line (JSON Lines); jq -c '.[]' does it";
            Err(trouble.damage(DamageKind::NotJsonLines, at, found, remedy))
        }
        Some(b'<') => {
            let found = "this is HTML or XML, which some tools save as .xls";
            Err(trouble.damage(DamageKind::NotAList, at, found, "export the list as CSV"))
        }
        _ => {
            let separator = separator(&text.window()[..line.length]);
            if separator.is_some() {
                text.advance(line.length, 0);
            }
            match separator {
                None => Ok(Start::Csv { delimiter: None }),
                Some(delimiter @ (b',' | b';' | b'\t')) => {
                    first_line(text, trouble)?;
                    Ok(Start::Csv { delimiter: Some(delimiter) })
                }
                Some(_) => {
                    let found = "sep= names a separator that is not read";
                    let remedy = "separate the fields with a comma, a semicolon or a tab";
                    Err(trouble.damage(DamageKind::BadSeparator, at, found, remedy))
                }
            }
        }
    }
}

/// The first line that is not blank.
fn first_line(text: &mut Text, trouble: &Trouble) -> Result<Found, InputError> {
    loop {
        text.settle().map_err(|fault| trouble.stop(Stop::Fault(fault), text, &[]))?;
        if text.window().is_empty() {
            let found = "there is nothing in it, not even a header";
            let remedy = "begin with a line such as user,kind,target,account";
            return Err(trouble.damage(DamageKind::Empty, None, found, remedy));
        }
        let line = next_line(text).map_err(|stop| trouble.stop(stop, text, &[]))?;
        if text.window()[..line.length].iter().all(|b| matches!(b, b' ' | b'\t')) {
            text.advance(line.length, 0);
        } else {
            return Ok(line);
        }
    }
}

/// The separator of a line `sep=;`: `None` if it is no such line, `=` if it names no single one.
fn separator(line: &[u8]) -> Option<u8> {
    let (word, rest) = line.split_at_checked(4)?;
    if !word.eq_ignore_ascii_case(b"sep=") {
        return None;
    }
    // Spreadsheets that save such a file again fill the line up with separators.
    let first = *rest.first()?;
    Some(if rest.iter().all(|&b| b == first) { first } else { b'=' })
}

/// Reads the header. Unless the separator is known, it is the one that yields the most columns
/// with a meaning, or failing that the most columns.
pub(super) fn header(
    text: &mut Text,
    delimiter: Option<u8>,
    map: &[(Field, String)],
    spans: &mut Vec<Span>,
    trouble: &Trouble,
) -> Result<Header, InputError> {
    let candidates: &[u8] = match &delimiter {
        Some(known) => std::slice::from_ref(known),
        None => b",;\t",
    };
    let mut best: Option<(usize, usize, Dialect, Found, Vec<String>)> = None;
    let mut refused = None;
    for &candidate in candidates {
        let dialect = Dialect::new(candidate);
        let found = match next_record(&dialect, text, spans) {
            Ok(found) => found,
            // What cannot be read at all does not depend on the separator.
            Err(Stop::Fault(fault)) => return Err(trouble.stop(Stop::Fault(fault), text, &[])),
            Err(stop) => {
                refused.get_or_insert(stop);
                continue;
            }
        };
        let names = names(text, found, spans, trouble)?;
        let known = names.iter().filter(|name| meaning(name, map).is_some()).count();
        let better = best
            .as_ref()
            .is_none_or(|(most, columns, ..)| (known, names.len()) > (*most, *columns));
        if better {
            best = Some((known, names.len(), dialect, found, names));
        }
    }
    // A header that is broken in one reading and means nothing in the other is broken.
    if let Some(stop) = refused.filter(|_| best.as_ref().is_none_or(|best| best.0 == 0)) {
        return Err(trouble.stop(stop, text, &[]));
    }
    let Some((_, _, dialect, found, names)) = best else {
        return Err(trouble.fault(Fault::Io(std::io::ErrorKind::InvalidData.into()), None));
    };
    let line = Some(text.line());
    let layout = resolve(&names, map).map_err(|fault| trouble.header(fault, line, &names))?;
    if names.len() > MAX_COLUMNS {
        let found = format!("a header of {} columns", names.len());
        let fault = HeaderFault {
            kind: DamageKind::TooManyColumns,
            column: None,
            found,
            remedy: format!("keep at most {MAX_COLUMNS}").into(),
        };
        return Err(trouble.header(fault, line, &names));
    }
    text.advance(found.length, found.breaks);
    Ok(Header { dialect, names, layout })
}

/// The names of a header, without the blanks around them. A column without a name is called by
/// its number, so that it can be carried into the outcome.
fn names(
    text: &Text,
    found: Found,
    spans: &mut [Span],
    trouble: &Trouble,
) -> Result<Vec<String>, InputError> {
    let record = std::str::from_utf8(&text.window()[..found.length]).map_err(|error| {
        let offset = text.offset() + error.valid_up_to() as u64;
        trouble.stop_within(Stop::Fault(Fault::Undecodable { offset }), text, error.valid_up_to())
    })?;
    let mut scratch = String::new();
    if found.doubled {
        undouble(record, &mut scratch, spans);
    }
    let cells = super::Cells { text: record, scratch: &scratch, spans, places: &[] };
    let name = |at: usize| match super::values::trimmed(cells.own(at)) {
        "" => format!("column_{}", at + 1),
        name => name.to_owned(),
    };
    Ok((0..spans.len()).map(name).collect())
}
