//! Cells that a spreadsheet shows as they are written.
//!
//! When a spreadsheet opens a CSV file, it executes cells that look like formulas, and rewrites
//! cells that look like numbers, dates or truth values: `0012` becomes 12, `1234567890123456`
//! becomes 1.23457E+15 and loses its last digit. A text mark before the cell prevents that. The
//! mark is an apostrophe. Excel drops a tab, and `="..."` is a formula itself, which `LibreOffice`
//! shows as text. A reader of the file removes the mark: see [`crate::model::TEXT_MARK_COLUMN`].

use crate::model::TEXT_MARK;
use std::borrow::Cow;

/// The longest number that a spreadsheet shows digit by digit.
const SHOWN_DIGITS: usize = 11;

/// The cell, with the text mark if it needs one.
pub(super) fn marked(cell: &str) -> Cow<'_, str> {
    if needs_mark(cell) { format!("{TEXT_MARK}{cell}").into() } else { cell.into() }
}

/// Whether a spreadsheet would execute it or show it differently. A cell that starts with the mark
/// itself needs another one, so that removing one restores every cell.
fn needs_mark(cell: &str) -> bool {
    cell.starts_with(TEXT_MARK) || is_formula(cell) || is_rewritten(cell)
}

/// Whether it starts like a formula. Some versions treat full-width signs like the others, and some
/// ignore blanks before them.
pub(super) fn is_formula(cell: &str) -> bool {
    cell.starts_with(['\t', '\r', '\n'])
        || cell.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

/// Whether it is rewritten as a number, a date, a time or a truth value.
fn is_rewritten(cell: &str) -> bool {
    let cell = cell.trim();
    if !cell.is_empty() && cell.bytes().all(|b| b.is_ascii_digit()) {
        return cell.len() > SHOWN_DIGITS || cell.starts_with('0') && cell.len() > 1;
    }
    let of_numbers = |b: u8| {
        b.is_ascii_digit()
            || matches!(b, b'.' | b',' | b':' | b'/' | b'-' | b'+' | b'%' | b'e' | b'E' | b' ')
    };
    cell.bytes().any(|b| b.is_ascii_digit()) && cell.bytes().all(of_numbers)
        || cell.eq_ignore_ascii_case("true")
        || cell.eq_ignore_ascii_case("false")
        || is_day(cell)
}

/// `MAR1`, `1-Sept` and similar: a month's name and a number.
fn is_day(cell: &str) -> bool {
    const MONTHS: [&str; 12] = [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ];
    let is_letter = |c: char| c.is_ascii_alphabetic();
    let word: String = cell.chars().filter(|c| is_letter(*c)).collect();
    let word = word.to_ascii_lowercase();
    let is_month =
        word.len() >= 3 && MONTHS.iter().any(|month| month.starts_with(&word) || word == "sept");
    let of_days = |c: char| c.is_ascii_digit() || matches!(c, '-' | '/' | '.' | ' ' | ',');
    is_month
        && cell.chars().any(|c| c.is_ascii_digit())
        && cell.chars().all(|c| is_letter(c) || of_days(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_and_rewritten_cells_are_marked() {
        for cell in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            " =1",
            "＝1",
            "-",
            "'x",
            "007",
            "00",
            "123456789012",
            "1234567890123450",
            "1.10",
            "1e5",
            "12E3",
            "1,027",
            "3-12",
            "1/2",
            "10:30",
            "50%",
            "2026-01-02",
            "TRUE",
            "false",
            "MAR1",
            "1-sept",
            "Dec 5",
        ] {
            assert_eq!(marked(cell), format!("'{cell}"), "{cell}");
        }
    }

    #[test]
    fn no_other_cell_is_marked() {
        for cell in [
            "",
            "0",
            "7",
            "12345678901",
            "root",
            "a=b",
            "ops@corp",
            "bastionhost-cn-1",
            "中文",
            "2026-01-02T03:04:05Z",
            "marina1",
            "rate: 5",
            "e",
            ".",
            "revoked",
            "it's",
        ] {
            assert_eq!(marked(cell), cell);
        }
    }
}
