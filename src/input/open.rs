//! Opens an input: detects its encoding and its syntax, and reads its header.

use super::cells::Union;
use super::columns::ResolveColumns;
use super::csv_records::CsvRecords;
use super::decode::{Decoded, detect};
use super::error::InputError;
use super::format::{Format, Syntax};
use super::header;
use super::json_records::JsonRecords;
use super::options::Options;
use super::read_errors::ErrorContext;
use super::record::{RecordReader, TooManyColumns};
use super::sniff::{self, Preamble};
use super::source::Source;
use super::source_reader::SourceReader;
use super::text::Text;

/// Opens a list and reads its header.
pub(super) fn open_list(
    source: &Source,
    options: &Options,
    union: &mut Union,
    window: usize,
) -> Result<(SourceReader, Format), InputError> {
    let resolve = |names: &[String]| header::columns_of_list(names, options);
    open(source, options, union, window, &resolve)
}

/// Opens an input and reads its header; `resolve` finds the columns of its fields.
pub(super) fn open(
    source: &Source,
    options: &Options,
    union: &mut Union,
    window: usize,
    resolve: &ResolveColumns<'_>,
) -> Result<(SourceReader, Format), InputError> {
    let mut bytes = source.open()?;
    let gzip = bytes.gzip;
    let context = ErrorContext::new(source);
    let detection = detect(&mut bytes, options.encoding);
    sniff::refuse_other_files(&detection.head, gzip, source, &context)?;
    let mut text = Text::new(Decoded::new(source, detection.encoding)?, window);
    let (records, syntax): (Box<dyn RecordReader + Send>, _) =
        match sniff::read_preamble(&mut text, &context)? {
            Preamble::Json => (Box::new(JsonRecords::new()), Syntax::JsonLines),
            Preamble::Csv { delimiter } => {
                let header = header::header(&mut text, delimiter, options, resolve, &context)?;
                let syntax = Syntax::Csv { delimiter: header.dialect.delimiter };
                let records = CsvRecords::new(header, union)
                    .map_err(|TooManyColumns| context.too_many_columns(text.line()))?;
                (Box::new(records), syntax)
            }
        };
    let (name, encoding) = (source.name.clone(), text.encoding());
    let fields = records.fields();
    let format = Format { name, gzip, encoding, syntax, fields, rows: 0 };
    Ok((SourceReader::new(text, records, context), format))
}
