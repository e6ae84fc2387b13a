//! Texts about what a restore does not grant.

use super::text::{count, entry, things};
use crate::input::shown;
use crate::restore::LeftOut;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Rows that a line names.
const NAMED: usize = 5;

/// The lines about what is not granted again, by reason; nothing if there is nothing.
pub fn left_out(left_out: &[LeftOut]) -> String {
    if left_out.is_empty() {
        return String::new();
    }
    let mut by_reason: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
    for left in left_out {
        by_reason.entry(&left.reason).or_default().push(left.row);
    }
    let mut out = String::from("Not restored:\n");
    for (reason, rows) in by_reason {
        let named: Vec<String> = rows.iter().take(NAMED).map(ToString::to_string).collect();
        let more = if rows.len() > NAMED { ", ..." } else { "" };
        let noun = if rows.len() == 1 { "row" } else { "rows" };
        let label = format!("{noun} {}{more}", named.join(", "));
        entry(&mut out, &label, rows.len() as u64, "");
        let _ = writeln!(out, "    {}", shown(reason));
    }
    out
}

/// The line about a restore that has nothing to grant.
pub fn nothing(all: &[LeftOut]) -> String {
    let out = left_out(all);
    format!("{out}Nothing can be restored; nothing was sent")
}

/// The line about what was read back.
pub fn confirmed(present: u64, absent: u64, unchecked: u64) -> String {
    let all = present + absent + unchecked;
    let mut out = format!("Read back: {} of {} listed", count(present), grants(all));
    for (number, what) in [(absent, "not listed"), (unchecked, "not checked")] {
        if number > 0 {
            let _ = write!(out, ", {} {what}", count(number));
        }
    }
    if absent + unchecked > 0 {
        out.push_str("; the column confirmed says which");
    }
    out
}

fn grants(number: u64) -> String {
    things(usize::try_from(number).unwrap_or(usize::MAX), "grant is", "grants are")
}
