//! The columns of a restore's outcome that say what reading back has shown.

use super::COLUMNS;
use crate::files::{RunFiles, sync_folder};
use crate::model::CONFIRMED_COLUMNS;
use std::io;
use std::path::Path;

/// Adds [`CONFIRMED_COLUMNS`] to an outcome, before the columns of its status; replaces them if it
/// has them. `cells` returns those of a row, counted from 0. The file is replaced as a whole.
///
/// # Errors
///
/// The outcome cannot be read or written.
pub fn add_confirmation<'a>(
    path: &Path,
    cells: impl Fn(usize) -> [&'a str; CONFIRMED_COLUMNS.len()],
) -> io::Result<()> {
    let mut outcome = csv::Reader::from_path(path)?;
    let header = outcome.headers()?.clone();
    let is_old = |name: &str| CONFIRMED_COLUMNS.contains(&name);
    let status = header.iter().position(|name| name == COLUMNS[0]);
    let status = status.ok_or(io::ErrorKind::InvalidData)?;
    let files = RunFiles::new(path.to_owned());
    let temporary = files.temporary()?;
    let mut table = csv::Writer::from_writer(temporary.as_file());
    let record = |row: &csv::StringRecord, added: [&str; CONFIRMED_COLUMNS.len()]| {
        let cells = |from: usize, to: usize| {
            let own = header.iter().zip(row).skip(from).take(to.saturating_sub(from));
            own.filter(|(name, _)| !is_old(name)).map(|(_, cell)| cell.to_owned())
        };
        let added = added.into_iter().map(str::to_owned);
        let all = cells(0, status).chain(added).chain(cells(status, usize::MAX));
        all.collect::<csv::StringRecord>()
    };
    table.write_record(&record(&header, CONFIRMED_COLUMNS))?;
    for (at, row) in outcome.records().enumerate() {
        table.write_record(&record(&row?, cells(at)))?;
    }
    table.flush()?;
    drop(table);
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    sync_folder(files.folder())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_stand_before_the_status_and_are_there_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("restored.csv");
        std::fs::write(&path, "user,note,status,code\n7,\"a, b\",restored,OK\n8,,failed,X\n")
            .unwrap();
        for word in ["absent", "present"] {
            add_confirmation(&path, |row| if row == 0 { [word, "now"] } else { ["", ""] }).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "user,note,confirmed,confirmed_at,status,code\n\
             7,\"a, b\",present,now,restored,OK\n8,,,,failed,X\n"
        );
    }
}
