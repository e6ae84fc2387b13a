//! The second pass over the input: each row's own cells, and whose verdict is to follow them.

use super::columns::Columns;
use super::result_columns::Words;
use super::{COLUMNS, OutcomeError, Tally};
use crate::input::{Cells, Problem, Reader, RowContent};
use crate::model::{Account, MESSAGE_COLUMN, REHEARSAL, RESOLVED_COLUMNS, Status};
use crate::pipeline::BatchSender;
use crate::plan::{GrantId, Rows};

/// A block is handed over when it has so many rows or bytes: few enough to stay in a processor's
/// own cache.
const ROWS: usize = 2048;
const BYTES: usize = 1 << 18;

/// Some rows one after the other, on their way to the thread that ends and writes them.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Their cells, each with a comma behind it.
    pub(super) text: Vec<u8>,
    pub(super) rows: Vec<Row>,
}

/// A row of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// Where its cells end in the text.
    pub(super) end: usize,
    /// The grant whose verdict is to follow, and the row that stands for it; without one, the row
    /// is whole.
    pub(super) asks: Option<(GrantId, usize)>,
}

impl Block {
    fn is_full(&self) -> bool {
        self.rows.len() >= ROWS || self.text.len() >= BYTES
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.rows.clear();
    }
}

/// What the rows are made of.
pub(super) struct InputRows<'a> {
    pub(super) asked: &'a Rows,
    pub(super) columns: &'a Columns,
    pub(super) words: Words,
    /// Whether valid rows were left out because they are protected.
    pub(super) protected: bool,
}

impl InputRows<'_> {
    /// Reads all rows, and counts those that are whole. Ends early if nobody takes them.
    pub(super) fn read(
        &self,
        input: &mut Reader,
        outlet: &BatchSender<Block>,
    ) -> Result<Tally, OutcomeError> {
        let mut tally = Tally::default();
        let mut block = Block::default();
        let mut rows = 0;
        while let Some(row) = input.next()? {
            if rows >= self.asked.len() {
                return Err(OutcomeError::Changed);
            }
            let Block { text, rows: ends } = &mut block;
            self.own_cells(row.cells, text);
            self.resolved_cells(&row.content, row.cells, text);
            let asks = self.asked.get(rows);
            match (row.content, asks) {
                (RowContent::Carried(_), None) => self.carried(row.cells, text),
                (RowContent::Invalid(problems), None) => {
                    self.invalid(problems, text);
                    tally.add(Status::Invalid);
                }
                (RowContent::Grant(_), None) if self.protected => {
                    let message = "kept by --protect, and nothing was sent for it";
                    self.words.unsent(text, Status::Protected, "", message);
                    tally.add(Status::Protected);
                }
                (RowContent::Grant(_), Some(_)) => {}
                _ => return Err(OutcomeError::Changed),
            }
            ends.push(Row { end: text.len(), asks });
            rows += 1;
            if block.is_full() && !outlet.exchange(&mut block) {
                return Ok(tally);
            }
        }
        if rows != self.asked.len() {
            return Err(OutcomeError::Changed);
        }
        outlet.exchange(&mut block);
        Ok(tally)
    }

    /// The ids that the row's names stand for; those of the earlier outcome in a row that is carried
    /// over.
    fn resolved_cells(&self, content: &RowContent<'_>, cells: Cells<'_>, text: &mut Vec<u8>) {
        let Some(before) = self.columns.resolved else { return };
        let resolved = match content {
            RowContent::Grant(grant) => {
                let account = match grant.account {
                    Account::Whole => "*",
                    Account::Named(account) => account,
                };
                [grant.grantee.id, grant.target, account]
            }
            RowContent::Carried(_) => before.map(|at| at.map_or("", |at| cells.get(at))),
            RowContent::Invalid(_) | RowContent::Unresolved(_) => [""; RESOLVED_COLUMNS.len()],
        };
        for cell in resolved {
            self.words.table.cell(text, cell);
        }
    }

    fn own_cells(&self, cells: Cells<'_>, text: &mut Vec<u8>) {
        if self.columns.in_order
            && !self.words.table.excel
            && let Some(line) = cells.plain_line(self.columns.own.len())
        {
            self.words.table.plain_cell(text, line);
            return;
        }
        for column in &self.columns.own {
            let cell = cells.get(*column);
            if cells.is_plain(*column) {
                self.words.table.plain_cell(text, cell);
            } else {
                self.words.table.cell(text, cell);
            }
        }
    }

    /// What became of the row before, as it stood there. The row that a duplicate names is still
    /// the row with that number, for all rows are here, in their order.
    fn carried(&self, cells: Cells<'_>, text: &mut Vec<u8>) {
        let Words { table, .. } = self.words;
        for (name, column) in COLUMNS.iter().zip(self.columns.before) {
            let cell = column.map_or("", |column| cells.get(column));
            if *name == MESSAGE_COLUMN && !cell.starts_with(REHEARSAL) {
                table.cell(text, &self.words.message(cell));
            } else {
                table.cell(text, cell);
            }
        }
        table.end_row(text);
    }

    fn invalid(&self, problems: &[Problem], text: &mut Vec<u8>) {
        let code = problems.first().map_or("", |problem| problem.kind.code());
        let messages: Vec<String> = problems.iter().map(Problem::message).collect();
        self.words.unsent(text, Status::Invalid, code, &messages.join("; "));
    }
}
