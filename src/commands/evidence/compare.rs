//! Compares an outcome with the one that input and ledger give.

use crate::input::shown;
use crate::model::TEXT_MARK_COLUMN;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

/// What the columns begin with that `verify` and `restore` add after they have read back; they do
/// not follow from input and ledger.
const READ_BACK: [&str; 2] = ["verified", "confirmed"];

/// Whether an outcome was written for spreadsheets.
pub fn is_for_spreadsheets(outcome: &Path) -> bool {
    let Ok(mut table) = csv::Reader::from_path(outcome) else { return false };
    table.headers().is_ok_and(|header| header.iter().any(|name| name == TEXT_MARK_COLUMN))
}

/// The first difference between an outcome and the recomputed one; `None` if there is none. Columns
/// with what was read back are left out.
pub fn first_difference(outcome: &Path, recomputed: &Path) -> Result<Option<String>, csv::Error> {
    if is_same(outcome, recomputed)? {
        return Ok(None);
    }
    let table = |path: &Path| csv::ReaderBuilder::new().flexible(true).from_path(path);
    let (mut ours, mut theirs) = (table(recomputed)?, table(outcome)?);
    let header = ours.headers()?.clone();
    let found = theirs.headers()?.clone();
    let compared: Vec<usize> = (0..found.len())
        .filter(|at| {
            let name = &found[*at];
            let is_read_back = READ_BACK.iter().any(|start| name.starts_with(start));
            !is_read_back || header.iter().any(|known| known == name)
        })
        .collect();
    if !compared.iter().map(|at| &found[*at]).eq(header.iter()) {
        let names: Vec<&str> = header.iter().collect();
        return Ok(Some(format!("its columns are not {}", shown(&names.join(",")))));
    }
    let (mut expected, mut row) = (csv::StringRecord::new(), csv::StringRecord::new());
    for number in 1_u64.. {
        match (ours.read_record(&mut expected)?, theirs.read_record(&mut row)?) {
            (false, false) => break,
            (true, true) => {}
            _ => return Ok(Some(format!("it ends before or after row {number}"))),
        }
        for (name, (at, wanted)) in header.iter().zip(compared.iter().zip(&expected)) {
            let cell = row.get(*at).unwrap_or_default();
            if cell != wanted {
                return Ok(Some(format!(
                    "row {number}, column {}: \"{}\", but input and ledger give \"{}\"",
                    shown(name),
                    shown(cell),
                    shown(wanted)
                )));
            }
        }
        if row.len() != found.len() {
            return Ok(Some(format!("row {number} has {} cells, not {}", row.len(), found.len())));
        }
    }
    // The cells are the same, but not the bytes: fine only if columns were added.
    let is_extended = compared.len() < found.len();
    Ok((!is_extended).then(|| "its quoting, line ends or byte order mark differ".to_owned()))
}

/// Whether two files have the same bytes.
fn is_same(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (File::open(one)?, File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let mut both = BufReader::new(one).bytes().zip(BufReader::new(other).bytes());
    both.try_fold(true, |same, (one, other)| Ok(same && one? == other?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(outcome: &str) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        let [one, other] = ["outcome.csv", "recomputed.csv"].map(|name| folder.path().join(name));
        std::fs::write(&one, outcome).unwrap();
        std::fs::write(&other, "user,status,code\n1,revoked,\n2,failed,X\n").unwrap();
        first_difference(&one, &other).unwrap()
    }

    #[test]
    fn columns_of_verify_may_be_added_and_nothing_else() {
        assert_eq!(compared("user,status,code\n1,revoked,\n2,failed,X\n"), None);
        assert_eq!(
            compared("user,status,code,verified,verified_at\n1,revoked,,gone,t\n2,failed,X,,\n"),
            None
        );
        assert_eq!(compared("user,confirmed,status,code\n1,t,revoked,\n2,,failed,X\n"), None);
        for (outcome, says) in [
            (
                "user,status,code\n1,revoked,\n2,revoked,X\n",
                "row 2, column status: \"revoked\", but",
            ),
            ("user,status,code\n1,revoked,\n", "it ends before or after row 2"),
            ("user,status\n1,revoked\n", "its columns are not user,status,code"),
            ("user,status,code,note\n1,revoked,,\n2,failed,X,\n", "its columns are not"),
            ("user,status,code\r\n1,revoked,\r\n2,failed,X\r\n", "its quoting, line ends"),
            (
                "user,status,code,verified\n1,revoked,,gone\n2,failed,X\n",
                "row 2 has 3 cells, not 4",
            ),
        ] {
            let difference = compared(outcome).unwrap_or_default();
            assert!(difference.contains(says), "{outcome}: {difference}");
        }
    }
}
