//! What an input is, told from its first bytes, and its header.

use crate::model::{STATUS_COLUMN, TEXT_MARK, TEXT_MARK_COLUMN};

use super::MAX_COLUMNS;
use super::cells::Span;
use super::columns::{HeaderFault, Layout, list, meaning, resolve};
use super::csv::{Dialect, undouble};
use super::error::{DamageKind, InputError};
use super::excerpt::Excerpt;
use super::fields::Field;
use super::file_type;
use super::read_errors::{Stop, Trouble};
use super::reader::Options;
use super::source::Source;
use super::source_reader::{Found, next_line, next_record};
use super::text::{Fault, Text};
use super::values::trimmed;

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
    /// How many fields a row must have: all but the last ones that have no name, which
    /// spreadsheets leave behind and do not write on every row.
    pub(super) needed: usize,
    pub(super) layout: Layout,
}

/// Refuses files that are no list at all, by their first bytes.
pub(super) fn refuse_other_files(
    head: &[u8],
    gzip: bool,
    source: &Source,
    trouble: &Trouble,
) -> Result<(), InputError> {
    match file_type::of(head, gzip, source) {
        None => Ok(()),
        Some((found, remedy)) => Err(trouble.damage(DamageKind::NotAList, None, found, remedy)),
    }
}

/// Skips blank lines and looks at the first that is not.
pub(super) fn begin(text: &mut Text, trouble: &Trouble) -> Result<Start, InputError> {
    let mut line = first_line(text, trouble)?;
    // PowerShell's Export-Csv writes the type of the rows before the header.
    if text.window()[..line.length].starts_with(b"#TYPE ") {
        text.advance(line.length, 0);
        line = first_line(text, trouble)?;
    }
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
            let remedy = "open it, and save the list as CSV UTF-8";
            Err(trouble.damage(DamageKind::NotAList, at, found, remedy))
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

/// What makes of a header's names where its fields are, or refuses it.
pub(super) type Columns<'a> = dyn Fn(&[String]) -> Result<Layout, HeaderFault> + 'a;

/// The columns of a list.
pub(super) fn columns_of_list(names: &[String], options: &Options) -> Result<Layout, HeaderFault> {
    let layout = resolve(names, &options.map)?;
    refuse_no_status(layout, names, options.only.is_some())
}

/// Reads the header. Unless the separator is known, it is the one that yields the most columns
/// with a meaning, or failing that the most columns.
pub(super) fn header(
    text: &mut Text,
    delimiter: Option<u8>,
    map: &[(Field, String)],
    columns: &Columns<'_>,
    spans: &mut Vec<Span>,
    trouble: &Trouble,
) -> Result<Header, InputError> {
    let candidates: &[u8] = match &delimiter {
        Some(known) => std::slice::from_ref(known),
        None => b",;\t",
    };
    let mut best: Option<(usize, usize, Dialect, Found, Names)> = None;
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
        let names = names(text, found, spans);
        let known = names.all.iter().filter(|name| meaning(name, map).is_some()).count();
        let all = names.all.len();
        let better = best
            .as_ref()
            .is_none_or(|(most, most_columns, ..)| (known, all) > (*most, *most_columns));
        if better {
            best = Some((known, all, dialect, found, names));
        }
    }
    // A header that is broken in one reading and means nothing in the other is broken.
    if let Some(stop) = refused.filter(|_| best.as_ref().is_none_or(|best| best.0 == 0)) {
        return Err(trouble.stop(stop, text, &[]));
    }
    let Some((_, _, dialect, found, Names { all: names, needed })) = best else {
        return Err(trouble.fault(Fault::Io(std::io::ErrorKind::InvalidData.into()), None));
    };
    let line = Some(text.line());
    let layout = columns(&names).map_err(|fault| {
        dialect.parse(text.window(), text.ended(), spans);
        let record = text.record(found.length);
        let piece = match fault.column.and_then(|at| spans.get(at)) {
            Some(span) => span.start as usize..span.end as usize,
            None => 0..found.length,
        };
        let excerpt = Excerpt::cut(record, text.line(), piece);
        trouble.header(fault, line, &names).showing(excerpt)
    })?;
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
    Ok(Header { dialect, names, needed, layout })
}

/// `--only` chooses rows by what became of them, so that the column that says it must be there.
fn refuse_no_status(layout: Layout, names: &[String], only: bool) -> Result<Layout, HeaderFault> {
    if !only || names.iter().any(|name| name == STATUS_COLUMN) {
        return Ok(layout);
    }
    let found = format!("no column {STATUS_COLUMN}; {}", list(names));
    let remedy = "--only takes the outcome of an earlier run; leave it out for a list of your own";
    Err(HeaderFault::new(DamageKind::MissingColumns, found, remedy))
}

/// The names of a header.
struct Names {
    all: Vec<String>,
    /// How many there are up to the last that is not blank.
    needed: usize,
}

/// The names of a header, without the blanks around them. A column without a name is called by
/// its number, so that it can be carried into the outcome.
fn names(text: &Text, found: Found, spans: &mut [Span]) -> Names {
    let record = text.record(found.length);
    let mut scratch = String::new();
    if found.doubled {
        undouble(record, &mut scratch, spans);
    }
    let cells = super::Cells { text: record, scratch: &scratch, spans, places: &[] };
    let mut all: Vec<&str> = (0..spans.len()).map(|at| trimmed(cells.own(at))).collect();
    if all.contains(&TEXT_MARK_COLUMN) {
        for name in &mut all {
            *name = name.strip_prefix(TEXT_MARK).unwrap_or(name);
        }
    }
    let needed = all.iter().rposition(|name| !name.is_empty()).map_or(0, |at| at + 1);
    let named = |(at, name): (usize, &str)| match name {
        "" => format!("column_{}", at + 1),
        name => name.to_owned(),
    };
    Names { all: all.into_iter().enumerate().map(named).collect(), needed }
}
