//! What an outcome says behind the input's own columns: the verdict of each row's grant.

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

/// Of so many codes and messages the cells are made once. What many notes say came up early.
const KEPT_CELLS: u32 = 1 << 10;

/// Of so many bytes for each row are notes in memory at once: half of what a plan takes, which has
/// gone by now.
const NOTES_BYTES_PER_ROW: usize = 6;

/// And of at least so many of all.
const NOTES_BYTES: usize = 4 << 20;

/// How words that are not the input's own are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    pub(super) table: Table,
    pub(super) rehearsal: bool,
}

impl Words {
    /// A message, which says of a rehearsal that it is one.
    pub(super) fn message(self, message: &str) -> Cow<'_, str> {
        match (self.rehearsal, message) {
            (false, message) => message.into(),
            (true, "") => format!("{REHEARSAL} nothing was really changed").into(),
            (true, message) => format!("{REHEARSAL} {message}").into(),
        }
    }

    /// The columns of a row that nothing was sent for.
    pub(super) fn unsent(self, to: &mut Vec<u8>, status: Status, code: &str, message: &str) {
        let message = self.message(message);
        let cells: [&str; COLUMNS.len()] = [status.name(), code, &message, "", "0", "", ""];
        for cell in cells {
            self.table.cell(to, cell);
        }
        self.table.end_row(to);
    }

    /// A code with its message, both of the service.
    fn said(self, to: &mut Vec<u8>, (code, message): (&str, &str)) {
        self.of_service(to, code);
        self.of_service(to, &self.message(message));
    }

    /// Words of the service, so that they neither steer a terminal nor are a formula in a
    /// spreadsheet, however the outcome is written: nobody reads them back.
    fn of_service(self, to: &mut Vec<u8>, words: &str) {
        let is_plain = words.bytes().all(|b| b.is_ascii() && !b.is_ascii_control());
        let words = if is_plain { words.into() } else { Cow::Owned(escaped(words)) };
        if !self.table.excel && is_formula(&words) {
            return self.table.cell(to, &format!("{TEXT_MARK}{words}"));
        }
        self.table.cell(to, &words);
    }
}

/// Ends the rows of an outcome that a grant stands behind.
///
/// What is known of a grant and of its note lies anywhere in memory, so it is looked up for many
/// rows before the first of them is written, one sort of place after the other: a processor waits
/// for many places at once, if there is little to do between them.
///
/// Notes are brought back for some rows at a time if there are too many of them.
pub(super) struct Endings<'a> {
    verdicts: &'a Verdicts,
    rows: &'a Rows,
    notes: NoteCache<'a>,
    /// How many notes may be in memory, and thus for how many rows they are brought back.
    most: usize,
    /// The notes of the rows before this one have been brought back.
    until: usize,
    words: Words,
    /// The cells of the first codes and messages, one after the other, and where those of each end.
    cells: Vec<u8>,
    ends: Vec<usize>,
    times: UtcSeconds,
    known: Vec<Known>,
}

/// What is known of the grant of a row.
#[derive(Clone, Copy)]
struct Known {
    verdict: Verdict,
    /// The row that stands for it, from 0.
    standing: usize,
}

impl<'a> Endings<'a> {
    /// Those of an outcome of these rows.
    pub(super) fn new(verdicts: &'a Verdicts, rows: &'a Rows, words: Words) -> Self {
        let bytes = (rows.len() * NOTES_BYTES_PER_ROW).max(NOTES_BYTES);
        Self::within(verdicts, rows, words, NoteCache::most(bytes), KEPT_CELLS)
    }

    /// With so many notes in memory, and the cells of so many codes and messages.
    fn within(
        verdicts: &'a Verdicts,
        rows: &'a Rows,
        words: Words,
        most: usize,
        kept_cells: u32,
    ) -> Self {
        let notes = verdicts.recall();
        let (mut cells, mut ends) = (Vec::new(), Vec::new());
        for said in 0..notes.all_said().min(kept_cells) {
            words.said(&mut cells, notes.said(said));
            ends.push(cells.len());
        }
        let (until, times, known) = (0, UtcSeconds::default(), Vec::new());
        Self { verdicts, rows, notes, most, until, words, cells, ends, times, known }
    }

    /// Looks up the grants of some rows, which stand behind those of the last time, each with the
    /// row that stands for it. Fails if notes can't be read back.
    pub(super) fn look_up(
        &mut self,
        rows: Range<usize>,
        grants: impl Iterator<Item = (GrantId, usize)> + Clone,
    ) -> io::Result<()> {
        if rows.end > self.until {
            self.bring_notes(rows)?;
        }
        self.verdicts.fetch(grants.clone().map(|(grant, _)| grant));
        self.known.clear();
        let known = |(grant, standing)| Known { verdict: self.verdicts.of(grant), standing };
        self.known.extend(grants.map(known));
        self.notes.fetch(self.known.iter().filter_map(|known| known.verdict.note));
        Ok(())
    }

    /// Brings back the notes of these rows, and of as many behind them as there is room for.
    #[cold]
    fn bring_notes(&mut self, rows: Range<usize>) -> io::Result<()> {
        if self.verdicts.notes() <= self.most {
            self.until = usize::MAX;
            return self.notes.bring(self.verdicts.all());
        }
        self.until = rows.end.max(rows.start + self.most);
        let these = rows.start..self.until.min(self.rows.len());
        self.notes.bring(these.filter_map(|row| Some(self.rows.get(row)?.0)))
    }

    /// Writes the end of a row, from 0, whose grant was looked up as the one with that number.
    pub(super) fn write(
        &mut self,
        to: &mut Vec<u8>,
        row: usize,
        looked_up: usize,
        tally: &mut Tally,
    ) {
        let Known { verdict, standing } = self.known[looked_up];
        let note = verdict.note.map(|note| self.notes.get(note));
        let table = self.words.table;
        tally.add(verdict.status);
        table.plain_cell(to, verdict.status.name());
        if let Some(note) = note {
            self.said(to, note.said);
            self.request_id(to, note.request_id);
        } else {
            self.words.said(to, ("", ""));
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

    fn said(&self, to: &mut Vec<u8>, said: u32) {
        let at = said as usize;
        let Some(end) = self.ends.get(at) else {
            return self.words.said(to, self.notes.said(said));
        };
        let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        to.extend_from_slice(&self.cells[start..*end]);
    }

    fn request_id(&self, to: &mut Vec<u8>, id: RequestId) {
        let table = self.words.table;
        match id {
            RequestId::Upper(id) => table.uuid(to, |text| _ = id.hyphenated().encode_upper(text)),
            RequestId::Lower(id) => table.uuid(to, |text| _ = id.hyphenated().encode_lower(text)),
            RequestId::Other(text) => self.words.of_service(to, self.notes.text(text)),
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

    /// Sixty rows of five users, every seventh repeated; each request has a note of its own, and the
    /// last one was never sent.
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
        let words = Words { table: Table { excel: false }, rehearsal: false };
        let rows = plan.rows().len();
        let mut endings = Endings::within(verdicts, plan.rows(), words, most, kept_cells);
        let (mut to, mut tally) = (Vec::new(), Tally::default());
        let all: Vec<usize> = (0..rows).collect();
        for block in all.chunks(block) {
            let these = block[0]..block[0] + block.len();
            let grants = block.iter().filter_map(|row| plan.rows().get(*row));
            endings.look_up(these, grants).unwrap();
            for (at, row) in block.iter().enumerate() {
                endings.write(&mut to, *row, at, &mut tally);
            }
        }
        assert_eq!(tally.rows(), rows as u64);
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn what_is_kept_of_notes_does_not_show() {
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
