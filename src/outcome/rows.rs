//! The second pass over the input: the cells of each row, and the grant of its verdict.

use super::columns::Columns;
use super::result_columns::CellFormat;
use super::{COLUMNS, OutcomeError, Tally};
use crate::input::{Cells, Problem, Reader, RowContent};
use crate::model::{Account, MESSAGE_COLUMN, REHEARSAL, RESOLVED_COLUMNS, Status};
use crate::pipeline::BatchSender;
use crate::plan::{GrantId, Rows};

/// A block is handed over when it has this many rows or bytes: few enough for a processor's own
/// cache.
const ROWS: usize = 2048;
const BYTES: usize = 1 << 18;

/// Consecutive rows, for the thread that adds their results and writes them.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// Their cells, each followed by a comma.
    pub(super) text: Vec<u8>,
    pub(super) rows: Vec<Row>,
}

/// A row of a block.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// The end of its cells in the text.
    pub(super) end: usize,
    /// The grant whose verdict follows, and the row that stands for it; `None` if the row is
    /// complete.
    pub(super) grant: Option<(GrantId, usize)>,
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

/// The sources of the rows.
pub(super) struct InputRows<'a> {
    pub(super) asked: &'a Rows,
    pub(super) columns: &'a Columns,
    pub(super) format: CellFormat,
    /// Whether valid rows were left out because they are protected.
    pub(super) protected: bool,
}

impl InputRows<'_> {
    /// Reads all rows, and counts the complete ones. Stops early if the receiver has stopped.
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
            let grant = self.asked.get(rows);
            match (row.content, grant) {
                (RowContent::Carried(_), None) => self.carried(row.cells, text),
                (RowContent::Invalid(problems), None) => {
                    self.invalid(problems, text);
                    tally.add(Status::Invalid);
                }
                (RowContent::Grant(_), None) if self.protected => {
                    let message = "kept by --protect, and nothing was sent for it";
                    self.format.unsent(text, Status::Protected, "", message);
                    tally.add(Status::Protected);
                }
                (RowContent::Grant(_), Some(_)) => {}
                _ => return Err(OutcomeError::Changed),
            }
            ends.push(Row { end: text.len(), grant });
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

    /// The ids of the row's names; for a row that is carried over, those of the earlier outcome.
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
            self.format.table.cell(text, cell);
        }
    }

    fn own_cells(&self, cells: Cells<'_>, text: &mut Vec<u8>) {
        if self.columns.in_order
            && !self.format.table.excel
            && let Some(line) = cells.plain_line(self.columns.own.len())
        {
            self.format.table.plain_cell(text, line);
            return;
        }
        for column in &self.columns.own {
            let cell = cells.get(*column);
            if cells.is_plain(*column) {
                self.format.table.plain_cell(text, cell);
            } else {
                self.format.table.cell(text, cell);
            }
        }
    }

    /// The earlier result of the row, unchanged. The row number in `duplicate_of` stays valid,
    /// because all rows are carried over in their order.
    fn carried(&self, cells: Cells<'_>, text: &mut Vec<u8>) {
        let CellFormat { table, .. } = self.format;
        for (name, column) in COLUMNS.iter().zip(self.columns.before) {
            let cell = column.map_or("", |column| cells.get(column));
            if *name == MESSAGE_COLUMN && !cell.starts_with(REHEARSAL) {
                table.cell(text, &self.format.message(cell));
            } else {
                table.cell(text, cell);
            }
        }
        table.end_row(text);
    }

    fn invalid(&self, problems: &[Problem], text: &mut Vec<u8>) {
        let code = problems.first().map_or("", |problem| problem.kind.code());
        let messages: Vec<String> = problems.iter().map(Problem::message).collect();
        self.format.unsent(text, Status::Invalid, code, &messages.join("; "));
    }
}
