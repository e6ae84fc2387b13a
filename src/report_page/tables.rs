//! The tables of the page: their columns, and their rows as blocks.

use super::blocks::BlockWriter;
use super::outcome_file::{Layout, OutcomeFile, OutcomeRow};
use super::overview::{Overview, User};
use super::verified::Verified;
use super::{MOST_LISTED_ROWS, PageError};
use crate::access::RESIDUAL_COLUMNS;
use crate::model::{OUTCOME_COLUMNS, Status};
use serde::Serialize;
use std::io::Write;

/// How the script treats the values of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Text,
    Number,
    /// Keys of the texts by status, and so on.
    Status,
    Verified,
    Remedy,
    Grantee,
    Route,
}

/// A column of the data of a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Column {
    /// The key of its heading, or the heading itself.
    pub(super) name: String,
    /// Whether the name is a column of the input and not a key of a text.
    pub(super) is_own: bool,
    pub(super) kind: Kind,
}

/// A column that is shown: one or more columns of the data, the first of which gives the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Shown {
    /// The key of its heading.
    pub(super) name: &'static str,
    pub(super) parts: Vec<usize>,
    pub(super) is_number: bool,
}

/// A table of the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: Vec<Column>,
    pub(super) shown: Vec<Shown>,
}

impl Table {
    fn new(name: &'static str) -> Self {
        Self { name, columns: Vec::new(), shown: Vec::new() }
    }

    /// Adds a column of data.
    fn column(&mut self, name: &str, kind: Kind) -> usize {
        self.columns.push(Column { name: name.to_owned(), is_own: false, kind });
        self.columns.len() - 1
    }

    /// Adds a column of data that is shown by itself.
    fn shown(&mut self, name: &'static str, kind: Kind) {
        let place = self.column(name, kind);
        self.show(name, vec![place]);
    }

    fn show(&mut self, name: &'static str, parts: Vec<usize>) {
        let is_number = self.columns[parts[0]].kind == Kind::Number;
        self.shown.push(Shown { name, parts, is_number });
    }
}

/// The tables of a page.
pub(super) fn of(layout: &Layout, overview: &Overview, has_residual: bool) -> Vec<Table> {
    let mut tables = vec![users(layout.is_verified(), overview), rows(layout)];
    if has_residual {
        tables.push(routes());
    }
    tables
}

fn rows(layout: &Layout) -> Table {
    let mut table = Table::new("rows");
    table.shown("row", Kind::Number);
    let parts = ["user", "user_name"].map(|name| table.column(name, Kind::Text));
    table.show("user", parts.to_vec());
    let parts = ["target", "kind", "target_name"].map(|name| table.column(name, Kind::Text));
    table.show("target", parts.to_vec());
    table.shown("account", Kind::Text);
    table.shown("status", Kind::Status);
    if layout.is_verified() {
        let verified = table.column("verified", Kind::Verified);
        let note = table.column("verified_note", Kind::Text);
        table.show("verified", vec![verified, note]);
    }
    let parts = ["code", "message"].map(|name| table.column(name, Kind::Text));
    table.show("reason", parts.to_vec());
    table.shown("action", Kind::Remedy);
    table.column("grantee", Kind::Grantee);
    table.column("instance", Kind::Text);
    table.column("request_id", Kind::Text);
    table.column("attempts", Kind::Number);
    table.column("finished_at", Kind::Text);
    table.column("duplicate_of", Kind::Number);
    if layout.is_verified() {
        table.column("verified_at", Kind::Text);
    }
    for column in &layout.others {
        let name = layout.name(*column).to_owned();
        table.columns.push(Column { name, is_own: true, kind: Kind::Text });
    }
    table
}

/// The cells of a row, in the order of the columns of [`rows`].
fn cells<'r>(layout: &Layout, row: &OutcomeRow<'r>, number: &'r str) -> Vec<&'r str> {
    let mut cells = vec![
        number,
        row.user(),
        row.user_name(),
        row.target(),
        row.kind(),
        row.target_name(),
        row.account(),
        row.status.name(),
    ];
    if layout.is_verified() {
        cells.extend([row.verified.map_or("", Verified::name), row.of_verified(2)]);
    }
    let code = row.of_outcome(1);
    cells.extend([code, row.of_outcome(2), row.remedy().name(), row.grantee()]);
    cells.push(row.instance().unwrap_or_default());
    cells.extend((3..OUTCOME_COLUMNS.len()).map(|column| row.of_outcome(column)));
    if layout.is_verified() {
        cells.push(row.of_verified(1));
    }
    cells.extend(layout.others.iter().map(|column| row.cell(*column)));
    cells
}

/// Writes the rows: all that are not done, and as many others as fit. Returns how many do
/// not.
pub(super) fn write_rows(
    outcome: &mut OutcomeFile,
    columns: usize,
    overview: &Overview,
    to: &mut impl Write,
) -> Result<u64, PageError> {
    let mut blocks = BlockWriter::new(to, "rows", columns);
    let mut room = MOST_LISTED_ROWS.saturating_sub(overview.remaining());
    let mut unlisted = 0;
    while let Some((layout, row)) = outcome.next()? {
        if row.is_done() {
            if room == 0 {
                unlisted += 1;
                continue;
            }
            room -= 1;
        }
        blocks.row(cells(layout, &row, &row.number.to_string()))?;
    }
    blocks.finish()?;
    Ok(unlisted)
}

/// The statuses of rows that were never sent.
const UNSENT: [Status; 3] = [Status::Invalid, Status::Protected, Status::Unprocessed];

fn users(is_verified: bool, overview: &Overview) -> Table {
    let mut table = Table::new("users");
    let parts = [
        table.column("user", Kind::Text),
        table.column("user_name", Kind::Text),
        table.column("grantee", Kind::Grantee),
    ];
    table.show("user", parts.to_vec());
    if overview.instances.len() > 1 {
        table.shown("instance", Kind::Text);
    } else {
        table.column("instance", Kind::Text);
    }
    for name in ["rows", "done", "remaining", "not_found", "failed", "unknown", "unsent"] {
        table.shown(name, Kind::Number);
    }
    if is_verified {
        for name in ["still", "elsewhere", "unchecked"] {
            table.shown(name, Kind::Number);
        }
    }
    table
}

/// Writes the users, those with most remaining access first.
pub(super) fn write_users(
    overview: &Overview,
    columns: usize,
    is_verified: bool,
    to: &mut impl Write,
) -> Result<(), PageError> {
    let mut users: Vec<&User> = overview.users.iter().collect();
    users.sort_by_key(|user| std::cmp::Reverse(user.remaining()));
    let mut blocks = BlockWriter::new(to, "users", columns);
    for user in users {
        let with = |status: Status| u64::from(user.by_status[status as usize]);
        let mut counts = vec![
            user.rows,
            user.done,
            user.remaining(),
            with(Status::NotFound),
            with(Status::Failed),
            with(Status::Unknown),
            UNSENT.into_iter().map(with).sum(),
        ];
        if is_verified {
            let found = [Verified::Still, Verified::Elsewhere, Verified::Unchecked];
            counts.extend(found.map(|verified| u64::from(user.by_verified[verified as usize])));
        }
        let counts: Vec<String> = counts.iter().map(u64::to_string).collect();
        let texts = [user.id.as_str(), &user.name, user.grantee, &user.instance];
        blocks.row(texts.into_iter().chain(counts.iter().map(String::as_str)))?;
    }
    Ok(blocks.finish()?)
}

fn routes() -> Table {
    let mut table = Table::new("routes");
    let places: Vec<usize> = RESIDUAL_COLUMNS
        .into_iter()
        .map(|name| {
            let kind = if name == "route" { Kind::Route } else { Kind::Text };
            table.column(name, kind)
        })
        .collect();
    let place = |name: &str| {
        places[RESIDUAL_COLUMNS.iter().position(|column| *column == name).unwrap_or_default()]
    };
    let of = |names: &[&str]| names.iter().map(|name| place(name)).collect::<Vec<_>>();
    let shown: [(&'static str, Vec<usize>); 7] = [
        ("user", of(&["user", "login", "display"])),
        ("route", of(&["route"])),
        ("object", of(&["id", "name"])),
        ("state", of(&["state", "valid_from", "valid_until"])),
        ("reaches", of(&["reaches"])),
        ("note", of(&["note"])),
        ("read_at", of(&["read_at"])),
    ];
    for (name, parts) in shown {
        table.show(name, parts);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::VERIFIED_COLUMNS;
    use crate::report_page::outcome_file::Reading;

    #[test]
    fn every_column_of_verify_is_in_the_table_of_rows() {
        let names = ["user", "host"].into_iter().chain(OUTCOME_COLUMNS).chain(VERIFIED_COLUMNS);
        let text = names.collect::<Vec<_>>().join(",");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outcome.csv");
        std::fs::write(&path, text).unwrap();
        let outcome = OutcomeFile::open(&path, &Reading::default()).unwrap();
        let table = rows(&outcome.layout);
        for name in OUTCOME_COLUMNS.into_iter().chain(VERIFIED_COLUMNS) {
            assert!(table.columns.iter().any(|column| column.name == name), "{name}");
        }
    }
}
