//! One open input: its records are read one by one.

use super::cells::Union;
use super::column_checks::ColumnChecks;
use super::diagnostics::Problem;
use super::encoding::Encoding;
use super::error::{DamageKind, InputError};
use super::fields::Field;
use super::finding::FindingGroup;
use super::options::Options;
use super::read_errors::{ErrorContext, Stop};
use super::record::{Record, RecordPlace, RecordReader, TooManyColumns};
use super::scan::RecordExtent;
use super::text::Text;

/// An open input.
pub(super) struct SourceReader {
    text: Text,
    records: Box<dyn RecordReader + Send>,
    context: ErrorContext,
    /// The record at the beginning of the window.
    extent: RecordExtent,
    /// Whether that record has been returned, so that the next search begins after it.
    consumed: bool,
}

impl SourceReader {
    /// Reads the records of `text` from its current position on.
    pub(super) fn new(
        text: Text,
        records: Box<dyn RecordReader + Send>,
        context: ErrorContext,
    ) -> Self {
        Self { text, records, context, extent: RecordExtent::default(), consumed: true }
    }

    /// Finds the next record that is not a blank line.
    pub(super) fn find(&mut self) -> Result<bool, InputError> {
        loop {
            if !self.consumed {
                self.text.advance(self.extent.length, self.extent.breaks);
            }
            self.consumed = true;
            match self.find_record() {
                Ok(None) => return Ok(false),
                Ok(Some((extent, is_blank))) => {
                    (self.extent, self.consumed) = (extent, false);
                    if !is_blank {
                        return Ok(true);
                    }
                }
                Err(stop) => {
                    return Err(self.context.stop(stop, &self.text, self.records.names()));
                }
            }
        }
    }

    fn find_record(&mut self) -> Result<Option<(RecordExtent, bool)>, Stop> {
        self.text.settle().map_err(Stop::Fault)?;
        if self.text.window().is_empty() {
            return Ok(None);
        }
        self.records.find(&mut self.text).map(Some)
    }

    /// How many bytes of the input itself have been read, before gzip is undone.
    pub(super) fn position(&self) -> u64 {
        self.text.position()
    }

    /// The encoding, as far as it is known.
    pub(super) fn encoding(&self) -> Encoding {
        self.text.encoding()
    }

    /// Damage at the current line.
    pub(super) fn damage(
        &self,
        kind: DamageKind,
        found: &'static str,
        remedy: &'static str,
    ) -> InputError {
        self.context.damage(kind, Some(self.text.line()), found, remedy)
    }

    /// Splits the record that has been found. Problems with the record as a whole go to
    /// `problems`.
    pub(super) fn read<'a>(
        &'a mut self,
        union: &mut Union,
        options: &Options,
        problems: &mut Vec<Problem>,
    ) -> Result<Record<'a>, InputError> {
        let Self { text, records, context, extent, .. } = self;
        let line = text.line();
        let source = &context.name;
        let at = RecordPlace { text: text.record(extent.length), extent: *extent, source, line };
        let record = records.split(at, union, options, problems);
        record.map_err(|TooManyColumns| context.too_many_columns(line))
    }

    /// Adds the findings about the input as a whole, after its last record.
    pub(super) fn finish_checks(
        &self,
        checks: ColumnChecks,
        rows: u64,
        groups: &mut Vec<FindingGroup>,
    ) {
        checks.finish(self.records.is_csv(), groups);
        if rows == 0 {
            groups.push(FindingGroup::no_rows(&self.context.name, self.text.line()));
        }
    }

    /// Ends the input: returns the columns of its fields. Fails if `--map` names a column that
    /// never occurred: a misspelt `--map instance_id=...` must not read as a default.
    pub(super) fn finish(
        &self,
        map: &[(Field, String)],
        rows: u64,
    ) -> Result<Vec<(Field, String)>, InputError> {
        match self.records.unmatched_map(map).filter(|_| rows > 0) {
            Some(fault) => Err(self.context.header(fault, None, self.records.names())),
            None => Ok(self.records.fields()),
        }
    }
}
