//! The samples are what they say they are.

use super::*;

const OFFBOARDING: &str = include_str!("../../../samples/offboarding.csv");
const CLEANUP: &str = include_str!("../../../samples/cleanup.csv");
const AUDIT: &str = include_str!("../../../samples/audit.jsonl");
const MISTAKES: &str = include_str!("../../../samples/mistakes.csv");

fn count(rows: &[String], word: &str) -> usize {
    rows.iter().filter(|row| row.contains(word)).count()
}

#[test]
fn offboarding_is_five_leavers_with_three_whole_targets_and_one_duplicate() {
    let rows = read(OFFBOARDING);
    assert_eq!((rows.len(), count(&rows, "invalid"), count(&rows, " whole")), (25, 0, 3));
    let different: std::collections::BTreeSet<_> = rows.iter().collect();
    assert_eq!(different.len(), 24);
    let users: std::collections::BTreeSet<_> = rows.iter().map(|row| &row[..7]).collect();
    assert_eq!(users.len(), 5);
}

#[test]
fn cleanup_and_audit_are_valid_throughout() {
    for (list, rows) in [(CLEANUP, 15), (AUDIT, 5000)] {
        let read = read(list);
        assert_eq!((read.len(), count(&read, "invalid")), (rows, 0));
        assert!(count(&read, " whole") > 0);
    }
}

#[test]
fn each_row_of_mistakes_but_the_first_has_one_mistake() {
    let rows = read(MISTAKES);
    assert_eq!(rows[0], "user 17 host 1027 3058");
    for row in &rows[1..] {
        assert!(row.starts_with("invalid: ") && row.split(' ').count() == 2, "{row}");
    }
}

#[test]
fn the_messages_of_the_mistakes_are_as_in_the_snapshot() {
    insta::assert_snapshot!(problems(MISTAKES).join("\n"));
}
