//! Records of a JSON Lines file.

use super::cells::{Cells, Span, Union};
use super::columns::{HeaderFault, Layout, no_such_column};
use super::diagnostics::{At, Problem, ProblemSink, shown};
use super::fields::{Field, plain};
use super::jsonl::{LineFault, LineParser, Members};
use super::options::Options;
use super::problem_kind::ProblemKind;
use super::read_errors::Stop;
use super::record::{Record, RecordPlace, RecordReader, TooManyColumns};
use super::scan::{RecordExtent, next_line};
use super::text::Text;

/// Reads one object from each line.
pub(super) struct JsonRecords {
    members: Members,
    /// The members of the fields of the current row.
    layout: Layout,
    /// For each column of the union, the place of the input's own.
    places: Vec<u32>,
    spans: Vec<Span>,
    scratch: String,
}

impl JsonRecords {
    pub(super) fn new() -> Self {
        Self {
            members: Members::default(),
            layout: Layout::NONE,
            places: Vec::new(),
            spans: Vec::new(),
            scratch: String::new(),
        }
    }
}

impl RecordReader for JsonRecords {
    fn find(&mut self, text: &mut Text) -> Result<(RecordExtent, bool), Stop> {
        let extent = next_line(text)?;
        let line = &text.window()[..extent.length];
        Ok((extent, line.iter().all(|b| matches!(b, b' ' | b'\t'))))
    }

    fn split<'a>(
        &'a mut self,
        at: RecordPlace<'a>,
        union: &mut Union,
        options: &Options,
        problems: &mut Vec<Problem>,
    ) -> Result<Record<'a>, TooManyColumns> {
        let Self { members, layout, places, spans, scratch } = self;
        let RecordPlace { text, source, line, .. } = at;
        scratch.clear();
        let parser = LineParser { members, union, places, options, spans, scratch };
        let fault = parser.parse(text).err();
        if fault == Some(LineFault::TooMany) {
            return Err(TooManyColumns);
        }
        let cells = Cells { text, scratch, spans, places };
        let names = &members.names;
        let mut sink = ProblemSink { problems, source, line, names, numbered: false };
        if let Some(fault) = fault {
            add_fault(&fault, text, &mut sink);
        }
        *layout = members.layout(&cells).unwrap_or_else(|at| {
            sink.add(ProblemKind::AmbiguousMembers, Some(at), "");
            Layout::NONE
        });
        Ok(Record { cells, layout, source, line, names, dialect: None })
    }

    fn names(&self) -> &[String] {
        &self.members.names
    }

    fn fields(&self) -> Vec<(Field, String)> {
        let named = self.members.fields.iter().zip(&self.members.names);
        named.filter_map(|(field, name)| Some(((*field)?, name.clone()))).collect()
    }

    fn unmatched_map(&self, map: &[(Field, String)]) -> Option<HeaderFault> {
        let names = &self.members.names;
        let occurs = |column: &str| names.iter().any(|name| plain(name) == plain(column));
        let unmatched = map.iter().find(|(_, column)| !column.is_empty() && !occurs(column));
        unmatched.map(|(field, column)| no_such_column(*field, column, names))
    }

    fn is_csv(&self) -> bool {
        false
    }
}

fn add_fault(fault: &LineFault, record: &str, sink: &mut ProblemSink<'_>) {
    match fault {
        LineFault::NotAnObject => sink.add(ProblemKind::NotAnObject, None, record),
        LineFault::Repeated(at) => sink.add(ProblemKind::RepeatedMember, Some(*at), ""),
        LineFault::BadJson { at, reason } => {
            // The place is in bytes; the excerpt begins at the character that contains it.
            let at = (0..=*at).rev().find(|&at| record.is_char_boundary(at)).unwrap_or(0);
            let piece = record.get(at..).unwrap_or("");
            let remedy = format!(
                "{} at character {}; write one JSON object on each line",
                shown(reason),
                record[..at].chars().count() + 1
            );
            sink.add_with(ProblemKind::BadJson, None, piece, remedy);
            if let Some(problem) = sink.problems.last_mut() {
                problem.at = At::Byte(at);
            }
        }
        LineFault::TooMany => {}
    }
}
