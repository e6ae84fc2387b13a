//! Numbers, durations and aligned lines for people.

use crate::input::shown;
use crate::model::Action;
use console::{Alignment, measure_text_width, pad_str};
use std::fmt::Write as _;

/// A number with commas between thousands.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// A number with its noun, in the singular for one.
pub fn things(number: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(number as u64), if number == 1 { one } else { many })
}

/// What a job does with a grant, in the singular and the plural.
pub fn of_action(action: Action) -> (&'static str, &'static str) {
    match action {
        Action::Detach => ("revocation", "revocations"),
        Action::Attach => ("grant", "grants"),
    }
}

/// A duration: `0.8 s`, `42 s`, `3 min 20 s`, `2 h 5 min`.
pub fn length(seconds: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a duration for people; casts saturate"
    )]
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        _ if seconds < 9.95 => format!("{seconds:.1} s"),
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// The width of the label column of [`entry`].
const LABEL_WIDTH: usize = 40;

/// A line with the label on the left, the number right-aligned, and an optional remark.
pub fn entry(out: &mut String, label: &str, number: u64, remark: &str) {
    let line = format!("  {label:<LABEL_WIDTH$}{:>11}  {remark}", count(number));
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{}", line.trim_end());
}

/// Rows as a table with aligned columns, indented; cells are already escaped.
pub fn table(rows: &[Vec<String>]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at));
        cells.map(|cell| measure_text_width(cell)).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut out = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths);
        let cells: Vec<_> =
            cells.map(|(cell, width)| pad_str(cell, *width, Alignment::Left, None)).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(out, "  {}", cells.join("  ").trim_end());
    }
    out
}

/// Text from outside, escaped for a terminal, up to 1000 characters.
pub fn shown_long(text: &str) -> String {
    let chars: Vec<char> = text.chars().take(1000).collect();
    chars.chunks(60).map(|part| shown(&part.iter().collect::<String>())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_durations_are_formatted() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            [0.04, 9.9, 42.4, 200.0, 7500.0].map(length),
            ["0.0 s", "9.9 s", "42 s", "3 min 20 s", "2 h 5 min"]
        );
    }

    #[test]
    fn the_columns_of_a_table_are_aligned_by_width_on_a_terminal() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let text = table(&[row(["ID", "NAME", "STATE"]), row(["1027", "李娜", ""])]);
        assert_eq!(text, "  ID    NAME  STATE\n  1027  李娜\n");
    }

    #[test]
    fn entries_are_aligned() {
        let mut out = String::new();
        entry(&mut out, "rows", 5, "");
        entry(&mut out, "requests", 1_234_567, "at most");
        let ends: Vec<usize> =
            out.lines().map(|line| line.trim_end_matches("  at most").len()).collect();
        assert_eq!(ends[0], ends[1], "{out}");
    }
}
