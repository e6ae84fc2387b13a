//! What an outcome says behind the input's own columns: the verdict of each row's grant.

use super::spreadsheet::is_formula;
use super::table::Table;
use super::{COLUMNS, Tally};
use crate::clock::utc_seconds;
use crate::input::escaped;
use crate::model::{REHEARSAL, Status, TEXT_MARK};
use crate::plan::GrantId;
use crate::verdicts::{Note, NoteId, Verdict, Verdicts};
use std::borrow::Cow;
use std::io;
use std::ops::RangeInclusive;

/// Texts of notes are kept until there are so many of them for each row: half of what a plan takes,
/// which has gone by now.
const KEPT_BYTES_PER_ROW: usize = 6;

/// And at least, and at most, so many of all.
const KEPT_BYTES: RangeInclusive<usize> = 1 << 20..=64 << 20;

/// The usual length of such a text, or more.
const TEXT_BYTES: usize = 128;

/// No text has been kept for it.
const NOT_KEPT: u32 = u32::MAX;

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
/// The grants of a request share its note, but seldom stand together in a list: the text of a note
/// is made once and kept. What is known of a grant lies anywhere in memory, so it is
/// looked up for many rows before the first of them is written: the processor waits for many places
/// at once.
pub(super) struct Endings<'a> {
    verdicts: &'a Verdicts,
    words: Words,
    /// For each note, and in front of them for the lack of one, where its text is kept.
    places: Vec<u32>,
    texts: Vec<Text>,
    kept: Vec<u8>,
    most_kept: usize,
    known: Vec<Known>,
}

/// A note's text around the number of attempts.
#[derive(Clone, Copy, Default)]
struct Text {
    start: u32,
    attempts: u32,
    end: u32,
}

/// What is known of the grant of a row.
#[derive(Clone, Copy)]
struct Known {
    verdict: Verdict,
    standing: usize,
    text: Text,
}

impl<'a> Endings<'a> {
    /// Those of an outcome with so many rows.
    pub(super) fn new(verdicts: &'a Verdicts, words: Words, rows: usize) -> Self {
        let most_kept = (rows * KEPT_BYTES_PER_ROW).clamp(*KEPT_BYTES.start(), *KEPT_BYTES.end());
        let places = vec![NOT_KEPT; verdicts.notes() + 1];
        // Room that is not written to takes no memory, and growing would copy all of it.
        let kept = Vec::with_capacity((verdicts.notes() * TEXT_BYTES).min(2 * most_kept));
        let (texts, known) = (Vec::with_capacity(verdicts.notes()), Vec::new());
        Self { verdicts, words, places, texts, kept, most_kept, known }
    }

    /// Looks up the grants of some rows, each with the row that stands for it.
    pub(super) fn look_up(
        &mut self,
        grants: impl Iterator<Item = (GrantId, usize)>,
    ) -> io::Result<()> {
        if self.kept.len() > self.most_kept {
            self.kept.clear();
            self.texts.clear();
            self.places.fill(NOT_KEPT);
        }
        let mut known = std::mem::take(&mut self.known);
        known.clear();
        known.extend(grants.map(|(grant, standing)| Known {
            verdict: self.verdicts.of(grant),
            standing,
            text: Text::default(),
        }));
        for known in &mut known {
            known.text = self.text(known.verdict.note)?;
        }
        self.known = known;
        Ok(())
    }

    /// Writes the end of a row, from 0, whose grant was looked up as the one with that number.
    pub(super) fn write(&self, to: &mut Vec<u8>, row: usize, looked_up: usize, tally: &mut Tally) {
        let Known { verdict, standing, text } = self.known[looked_up];
        let table = self.words.table;
        tally.add(verdict.status);
        table.plain_cell(to, verdict.status.name());
        to.extend_from_slice(&self.kept[text.start as usize..text.attempts as usize]);
        table.number(to, u64::from(verdict.attempts));
        to.extend_from_slice(&self.kept[text.attempts as usize..text.end as usize]);
        if standing == row {
            table.plain_cell(to, "");
        } else {
            table.number(to, standing as u64 + 1);
        }
        table.end_row(to);
    }

    fn text(&mut self, note: Option<NoteId>) -> io::Result<Text> {
        let place = note.map_or(0, |note| note as usize + 1);
        match self.places[place] {
            NOT_KEPT => self.keep(note, place),
            at => Ok(self.texts[at as usize]),
        }
    }

    #[expect(
        clippy::cast_possible_truncation,
        reason = "the most of KEPT_BYTES and the texts of a block more fit"
    )]
    fn keep(&mut self, note: Option<NoteId>, place: usize) -> io::Result<Text> {
        let note = note.map(|note| self.verdicts.note(note)).transpose()?;
        let words = |of: for<'n> fn(&'n Note<'_>) -> &'n str| note.as_ref().map_or("", of);
        let finished_at = note.as_ref().map_or(String::new(), |note| utc_seconds(note.finished_at));
        let (kept, ours) = (&mut self.kept, self.words);
        let start = kept.len() as u32;
        ours.of_service(kept, words(|note| note.code));
        ours.of_service(kept, &ours.message(words(|note| note.message)));
        ours.of_service(kept, words(|note| &note.request_id));
        let attempts = kept.len() as u32;
        ours.table.cell(kept, &finished_at);
        let text = Text { start, attempts, end: kept.len() as u32 };
        self.places[place] = self.texts.len() as u32;
        self.texts.push(text);
        Ok(text)
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
                request_id: format!("R, {request}"),
                finished_at: Timestamp::from_second(request.try_into().unwrap()).unwrap(),
                exceptions: Vec::new(),
            };
            verdicts.record(&GrantSet::range(plan.grants_of(request)), &result);
        }
        verdicts
    }

    fn written(plan: &Plan, verdicts: &Verdicts, most_kept: usize, block: usize) -> String {
        let words = Words { table: Table { excel: false }, rehearsal: false };
        let rows = plan.rows().len();
        let mut endings = Endings { most_kept, ..Endings::new(verdicts, words, rows) };
        let (mut to, mut tally) = (Vec::new(), Tally::default());
        let all: Vec<usize> = (0..rows).collect();
        for block in all.chunks(block) {
            let grants = block.iter().filter_map(|row| plan.rows().get(*row));
            endings.look_up(grants).unwrap();
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
        let all = *KEPT_BYTES.end();
        let usual = written(&plan, &verdicts, all, 60);
        for (most_kept, block) in [(0, 1), (0, 7), (100, 3), (all, 1)] {
            assert_eq!(written(&plan, &verdicts, most_kept, block), usual, "{most_kept} {block}");
        }
        let rows: Vec<&str> = usual.lines().collect();
        assert_eq!(rows[0], "revoked,OK,,\"R, 0\",1,1970-01-01T00:00:00Z,");
        assert_eq!(rows[6], rows[1].to_owned() + "2", "row 7 repeats row 2");
        assert!(usual.contains(",'=1+1,"), "{usual}");
        let unsent = rows.iter().filter(|row| **row == "unprocessed,,,,0,,").count();
        assert!(unsent > 0, "{usual}");
    }
}
