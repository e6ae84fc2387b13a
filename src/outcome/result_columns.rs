//! The columns of an outcome after the input's own: the verdict of each row's grant.

use super::spreadsheet::is_formula;
use super::table::Table;
use super::{COLUMNS, Tally};
use crate::clock::UtcSeconds;
use crate::input::escaped;
use crate::model::{REHEARSAL, Status, TEXT_MARK};
use crate::plan::{GrantId, Rows};
use crate::verdicts::{NoteCache, RequestId, Verdict, Verdicts};
use std::borrow::Cow;
use std::io;
use std::ops::Range;

/// For this many codes and messages the cells are formatted once. The frequent ones occur early.
const KEPT_CELLS: u32 = 1 << 10;

/// Notes in memory at once, in bytes per row: half of what a plan takes, which is freed by now.
const NOTES_BYTES_PER_ROW: usize = 6;

/// The minimum of this memory.
const NOTES_BYTES: usize = 4 << 20;

/// The format of cells that are not the input's own.
#[derive(Debug, Clone, Copy)]
pub(super) struct CellFormat {
    pub(super) table: Table,
    pub(super) rehearsal: bool,
}

impl CellFormat {
    /// A message; in a rehearsal it says so.
    pub(super) fn message(self, message: &str) -> Cow<'_, str> {
        match (self.rehearsal, message) {
            (false, message) => message.into(),
            (true, "") => format!("{REHEARSAL} nothing was really changed").into(),
            (true, message) => format!("{REHEARSAL} {message}").into(),
        }
    }

    /// The columns of a row that was not sent.
    pub(super) fn unsent(self, to: &mut Vec<u8>, status: Status, code: &str, message: &str) {
        let message = self.message(message);
        let cells: [&str; COLUMNS.len()] = [status.name(), code, &message, "", "0", "", ""];
        for cell in cells {
            self.table.cell(to, cell);
        }
        self.table.end_row(to);
    }

    /// A code and a message of the service.
    fn reason(self, to: &mut Vec<u8>, (code, message): (&str, &str)) {
        self.service_text(to, code);
        self.service_text(to, &self.message(message));
    }

    /// A text of the service, without control characters and formulas in any format of the outcome:
    /// nothing reads it back.
    fn service_text(self, to: &mut Vec<u8>, text: &str) {
        let is_plain = text.bytes().all(|b| b.is_ascii() && !b.is_ascii_control());
        let text = if is_plain { text.into() } else { Cow::Owned(escaped(text)) };
        if !self.table.excel && is_formula(&text) {
            return self.table.cell(to, &format!("{TEXT_MARK}{text}"));
        }
        self.table.cell(to, &text);
    }
}

/// Writes the result columns of rows with a grant.
///
/// The states of grants and their notes are anywhere in memory. They are looked up for many rows
/// before the first of them is written, first all states and then all notes, so that the processor
/// loads many of them in parallel.
///
/// If there are too many notes, they are read back for some rows at a time.
pub(super) struct ResultColumns<'a> {
    verdicts: &'a Verdicts,
    rows: &'a Rows,
    notes: NoteCache<'a>,
    /// The maximum number of notes in memory, and so of rows that they are read for.
    most: usize,
    /// The notes of the rows before this one are in memory.
    until: usize,
    format: CellFormat,
    /// The cells of the first codes and messages, concatenated, and the end of each pair.
    cells: Vec<u8>,
    ends: Vec<usize>,
    times: UtcSeconds,
    looked_up: Vec<LookedUp>,
}

/// The looked-up grant of a row.
#[derive(Clone, Copy)]
struct LookedUp {
    verdict: Verdict,
    /// The row that stands for it, from 0.
    standing: usize,
}

impl<'a> ResultColumns<'a> {
    /// For an outcome of these rows.
    pub(super) fn new(verdicts: &'a Verdicts, rows: &'a Rows, format: CellFormat) -> Self {
        let bytes = (rows.len() * NOTES_BYTES_PER_ROW).max(NOTES_BYTES);
        Self::within(verdicts, rows, format, NoteCache::capacity(bytes), KEPT_CELLS)
    }

    /// With limits for the notes in memory and for the formatted cells.
    fn within(
        verdicts: &'a Verdicts,
        rows: &'a Rows,
        format: CellFormat,
        most: usize,
        kept_cells: u32,
    ) -> Self {
        let notes = verdicts.note_cache();
        let (mut cells, mut ends) = (Vec::new(), Vec::new());
        for reason in 0..notes.reasons().min(kept_cells) {
            format.reason(&mut cells, notes.reason(reason));
            ends.push(cells.len());
        }
        let (until, times, looked_up) = (0, UtcSeconds::default(), Vec::new());
        Self { verdicts, rows, notes, most, until, format, cells, ends, times, looked_up }
    }

    /// Looks up the grants of the next rows, each with the row that stands for it. Fails if notes
    /// can't be read back.
    pub(super) fn look_up(
        &mut self,
        rows: Range<usize>,
        grants: impl Iterator<Item = (GrantId, usize)> + Clone,
    ) -> io::Result<()> {
        if rows.end > self.until {
            self.load_notes(rows)?;
        }
        self.verdicts.prefetch(grants.clone().map(|(grant, _)| grant));
        self.looked_up.clear();
        let looked_up = |(grant, standing)| LookedUp { verdict: self.verdicts.of(grant), standing };
        self.looked_up.extend(grants.map(looked_up));
        self.notes.prefetch(self.looked_up.iter().filter_map(|looked_up| looked_up.verdict.note));
        Ok(())
    }

    /// Reads the notes of these rows, and of as many following ones as fit.
    #[cold]
    fn load_notes(&mut self, rows: Range<usize>) -> io::Result<()> {
        if self.verdicts.notes() <= self.most {
            self.until = usize::MAX;
            return self.notes.load(self.verdicts.all());
        }
        self.until = rows.end.max(rows.start + self.most);
        let these = rows.start..self.until.min(self.rows.len());
        self.notes.load(these.filter_map(|row| Some(self.rows.get(row)?.0)))
    }

    /// Writes the result columns of a row, from 0, whose grant was looked up at this place.
    pub(super) fn write(&mut self, to: &mut Vec<u8>, row: usize, place: usize, tally: &mut Tally) {
        let LookedUp { verdict, standing } = self.looked_up[place];
        let note = verdict.note.map(|note| self.notes.get(note));
        let table = self.format.table;
        tally.add(verdict.status);
        table.plain_cell(to, verdict.status.name());
        if let Some(note) = note {
            self.reason(to, note.reason);
            self.request_id(to, note.request_id);
        } else {
            self.format.reason(to, ("", ""));
            table.plain_cell(to, "");
        }
        table.number(to, u64::from(verdict.attempts));
        match note {
            Some(note) => table.time(to, note.seconds, &mut self.times),
            None => table.plain_cell(to, ""),
        }
        if standing == row {
            table.plain_cell(to, "");
        } else {
            table.number(to, standing as u64 + 1);
        }
        table.end_row(to);
    }

    fn reason(&self, to: &mut Vec<u8>, reason: u32) {
        let at = reason as usize;
        let Some(end) = self.ends.get(at) else {
            return self.format.reason(to, self.notes.reason(reason));
        };
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        to.extend_from_slice(&self.cells[start..*end]);
    }

    fn request_id(&self, to: &mut Vec<u8>, id: RequestId) {
        let table = self.format.table;
        match id {
            RequestId::Upper(id) => table.uuid(to, |text| _ = id.hyphenated().encode_upper(text)),
            RequestId::Lower(id) => table.uuid(to, |text| _ = id.hyphenated().encode_lower(text)),
            RequestId::Other(text) => self.format.service_text(to, self.notes.text(text)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::Collector;
    use crate::ledger::{AttemptResult, AttemptState, GrantSet};
    use crate::model::{Account, Grant, Grantee, GranteeKind, Kind};
    use crate::plan::Plan;
    use jiff::Timestamp;

    /// Sixty rows of five users, every seventh repeated; each request has a note of its own, and
    /// the last one was never sent.
    fn plan() -> Plan {
        let mut collector = Collector::default();
        for row in 0..60_u32 {
            let row = if row % 7 == 6 { row - 5 } else { row };
            let (user, account) = ((row % 5).to_string(), row.to_string());
            let grant = Grant {
                instance_id: "i",
                region: "r",
                grantee: Grantee { kind: GranteeKind::User, id: &user },
                kind: Kind::Host,
                target: "1",
                account: Account::Named(&account),
            };
            collector.push(&grant).unwrap();
        }
        Plan::new(collector.finish())
    }

    fn verdicts(plan: &Plan) -> Verdicts {
        let mut verdicts = Verdicts::new(plan.grants());
        for request in 0..plan.requests() - 1 {
            let result = AttemptResult {
                state: AttemptState::Answered,
                last: false,
                code: "OK".into(),
                message: "=1+1".repeat(request % 2),
                request_id: match request % 3 {
                    0 => format!("R, {request}"),
                    1 => format!("0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F{request}"),
                    _ => format!("0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f{request}"),
                },
                finished_at: Timestamp::from_second(request.try_into().unwrap()).unwrap(),
                exceptions: Vec::new(),
            };
            verdicts.record(&GrantSet::range(plan.grants_of(request)), &result);
        }
        verdicts
    }

    fn written(
        plan: &Plan,
        verdicts: &Verdicts,
        most: usize,
        kept_cells: u32,
        block: usize,
    ) -> String {
        let format = CellFormat { table: Table { excel: false }, rehearsal: false };
        let rows = plan.rows().len();
        let mut results = ResultColumns::within(verdicts, plan.rows(), format, most, kept_cells);
        let (mut to, mut tally) = (Vec::new(), Tally::default());
        let all: Vec<usize> = (0..rows).collect();
        for block in all.chunks(block) {
            let these = block[0]..block[0] + block.len();
            let grants = block.iter().filter_map(|row| plan.rows().get(*row));
            results.look_up(these, grants).unwrap();
            for (at, row) in block.iter().enumerate() {
                results.write(&mut to, *row, at, &mut tally);
            }
        }
        assert_eq!(tally.rows(), rows as u64);
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn the_size_of_the_cache_does_not_change_the_outcome() {
        let plan = plan();
        let verdicts = verdicts(&plan);
        let usual = written(&plan, &verdicts, 1000, KEPT_CELLS, 60);
        for (most, kept_cells, block) in
            [(0, 0, 1), (1, 1000, 7), (4, 1, 3), (5, 0, 4), (1000, 1, 1)]
        {
            let other = written(&plan, &verdicts, most, kept_cells, block);
            assert_eq!(other, usual, "{most} {kept_cells} {block}");
        }
        let rows: Vec<&str> = usual.lines().collect();
        assert_eq!(rows[0], "revoked,OK,,\"R, 0\",1,1970-01-01T00:00:00Z,");
        assert_eq!(rows[6], rows[1].to_owned() + "2", "row 7 repeats row 2");
        assert!(usual.contains(",'=1+1,"), "{usual}");
        let unsent = rows.iter().filter(|row| **row == "unprocessed,,,,0,,").count();
        assert!(unsent > 0, "{usual}");
    }
}
