//! The header line of a CSV file: its separator, its names, and the columns of the fields.

use crate::model::{STATUS_COLUMN, TEXT_MARK, TEXT_MARK_COLUMN};

use super::MAX_COLUMNS;
use super::cells::{Cells, Span};
use super::columns::{HeaderFault, Layout, ResolveColumns, list, meaning, resolve};
use super::csv::{Dialect, unescape_quotes};
use super::error::{DamageKind, InputError};
use super::excerpt::Excerpt;
use super::fault::Fault;
use super::options::Options;
use super::read_errors::{ErrorContext, Stop};
use super::scan::{RecordExtent, next_record};
use super::sniff::SEPARATORS;
use super::text::Text;
use super::values::trimmed;

/// The comma of Chinese and Japanese writing (U+FF0C), which input methods produce.
const FULL_WIDTH_COMMA: char = '\u{ff0c}';

/// A header with the columns of its fields.
pub(super) struct Header {
    pub(super) dialect: Dialect,
    pub(super) names: Vec<String>,
    /// How many fields a row must have: all but the last ones that have no name, which
    /// spreadsheets leave behind and do not write on every row.
    pub(super) needed: usize,
    pub(super) layout: Layout,
}

/// The columns of a list.
pub(super) fn columns_of_list(names: &[String], options: &Options) -> Result<Layout, HeaderFault> {
    let layout = resolve(names, options);
    if layout.is_err() && names.iter().any(|name| name.contains(FULL_WIDTH_COMMA)) {
        let found = "the names are separated by the full-width comma \u{ff0c} (U+FF0C)".to_owned();
        let remedy = "replace it with the comma , (U+002C), in the header and in all rows";
        return Err(HeaderFault::new(DamageKind::BadSeparator, found, remedy));
    }
    refuse_no_status(layout?, names, options.only.is_some())
}

/// The header read with one separator.
struct Candidate {
    /// How many columns have a meaning.
    known: usize,
    dialect: Dialect,
    extent: RecordExtent,
    names: HeaderNames,
}

impl Candidate {
    fn rank(&self) -> (usize, usize) {
        (self.known, self.names.all.len())
    }
}

/// Reads the header. Unless the separator is known, it is the one that gives the most columns
/// with a meaning, or else the most columns.
pub(super) fn header(
    text: &mut Text,
    delimiter: Option<u8>,
    options: &Options,
    resolve: &ResolveColumns<'_>,
    context: &ErrorContext,
) -> Result<Header, InputError> {
    let Candidate { dialect, extent, names, .. } =
        best_candidate(text, delimiter, options, context)?;
    let HeaderNames { all: names, needed } = names;
    let line = Some(text.line());
    let layout = resolve(&names).map_err(|fault| {
        let mut spans = Vec::new();
        dialect.parse(text.window(), text.ended(), &mut spans);
        let record = text.record(extent.length);
        let piece = match fault.column.and_then(|at| spans.get(at)) {
            Some(span) => span.start as usize..span.end as usize,
            None => 0..extent.length,
        };
        let excerpt = Excerpt::cut(record, text.line(), piece);
        context.header(fault, line, &names).showing(excerpt)
    })?;
    if names.len() > MAX_COLUMNS {
        let found = format!("a header of {} columns", names.len());
        let remedy = format!("keep at most {MAX_COLUMNS}");
        let fault = HeaderFault::new(DamageKind::TooManyColumns, found, remedy);
        return Err(context.header(fault, line, &names));
    }
    text.advance(extent.length, extent.breaks);
    Ok(Header { dialect, names, needed, layout })
}

fn best_candidate(
    text: &mut Text,
    delimiter: Option<u8>,
    options: &Options,
    context: &ErrorContext,
) -> Result<Candidate, InputError> {
    let delimiters = match &delimiter {
        Some(known) => std::slice::from_ref(known),
        None => SEPARATORS,
    };
    let mut best: Option<Candidate> = None;
    let mut refused = None;
    let mut spans = Vec::new();
    for &delimiter in delimiters {
        let dialect = Dialect::new(delimiter);
        let extent = match next_record(&dialect, text, &mut spans) {
            Ok(extent) => extent,
            // An unreadable input does not depend on the separator.
            Err(Stop::Fault(fault)) => return Err(context.stop(Stop::Fault(fault), text, &[])),
            Err(stop) => {
                refused.get_or_insert(stop);
                continue;
            }
        };
        let names = names(text, extent, &mut spans);
        let known = names.all.iter().filter(|name| meaning(name, options).is_some()).count();
        let candidate = Candidate { known, dialect, extent, names };
        if best.as_ref().is_none_or(|best| candidate.rank() > best.rank()) {
            best = Some(candidate);
        }
    }
    // A header that is broken with one separator and has no known column with another is broken.
    if let Some(stop) = refused.filter(|_| best.as_ref().is_none_or(|best| best.known == 0)) {
        return Err(context.stop(stop, text, &[]));
    }
    best.ok_or_else(|| context.fault(Fault::Io(std::io::ErrorKind::InvalidData.into()), None))
}

/// `--only` selects rows by their status, so that the status column is required.
fn refuse_no_status(layout: Layout, names: &[String], only: bool) -> Result<Layout, HeaderFault> {
    if !only || names.iter().any(|name| name == STATUS_COLUMN) {
        return Ok(layout);
    }
    let found = format!("no column {STATUS_COLUMN}; {}", list(names));
    let remedy = "--only takes the outcome of an earlier run; omit it for any other list";
    Err(HeaderFault::new(DamageKind::MissingColumns, found, remedy))
}

/// The names of a header.
struct HeaderNames {
    all: Vec<String>,
    /// How many there are up to the last that is not blank.
    needed: usize,
}

/// The names of a header, without the blanks around them. A column without a name is called by
/// its number, so that it can be carried into the outcome.
fn names(text: &Text, extent: RecordExtent, spans: &mut [Span]) -> HeaderNames {
    let record = text.record(extent.length);
    let mut scratch = String::new();
    if extent.doubled {
        unescape_quotes(record, &mut scratch, spans);
    }
    let cells = Cells { text: record, scratch: &scratch, spans, places: &[] };
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
    HeaderNames { all: all.into_iter().enumerate().map(named).collect(), needed }
}
