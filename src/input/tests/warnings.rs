//! Warnings about rows that are valid individually.

use super::*;

/// What a list is suspected of: each finding with how often, and the lines that are shown.
fn warnings_with(list: &str, options: Options) -> Vec<String> {
    let mut reader = reader(list.as_bytes(), options);
    while let Some(row) = reader.next().unwrap() {
        assert!(matches!(row.content, RowContent::Grant(_)), "{}", row_text(&row));
    }
    let warnings = reader.list_findings().iter().map(|finding| {
        let grave = if finding.severity == Severity::Error { "error " } else { "" };
        let lines: Vec<_> =
            finding.shown.iter().map(|finding| finding.problem.line.to_string()).collect();
        let lines = lines.join(" ");
        format!("{grave}{} {}: {lines}", finding.kind.code(), finding.count)
    });
    warnings.collect()
}

fn warnings(list: &str) -> Vec<String> {
    warnings_with(list, Options::default())
}

/// A list with these users, each losing one account.
fn of_users(users: &[&str]) -> String {
    let rows: Vec<_> = users.iter().map(|user| format!("{user},host,2,3\n")).collect();
    format!("user,kind,target,account\n{}", rows.concat())
}

#[test]
fn a_long_id_with_zeros_after_its_15th_digit_is_a_warning_and_does_not_block() {
    let users = ["1234567890123450", "1234567890123456", "123456789012340", "7", "u-100"];
    assert_eq!(warnings(&of_users(&users)), ["rounded_id 1: 2"]);
    assert!(
        warnings(&of_users(&["1234567890123451", "123456789012345", "100000000000000"])).is_empty()
    );
    assert_eq!(warnings(&of_users(&["12345678901234500000"; 4])), ["rounded_id 4: 2 3 4 5"]);
}

#[test]
fn a_column_whose_long_ids_all_end_in_zeros_has_been_rounded() {
    let five = [
        "1234567890123450",
        "1234567890123460",
        "1234567890123470",
        "1234567890123480",
        "1234567890123490",
    ];
    let with = |more: &str| of_users(&[&five[..], &[more]].concat());
    assert_eq!(warnings(&with("12")), ["error rounded_column 1: 2"]);
    assert_eq!(warnings(&of_users(&five[1..])), ["rounded_id 4: 2 3 4 5"]);
    // One honest id shows that nothing rewrote the column.
    assert_eq!(warnings(&with("1234567890123491")), ["rounded_id 5: 2 3 4 5 6"]);
    // 18 digits: three zeros each, which chance does not make twice.
    let two = ["123456789012345000", "123456789012346000"];
    assert_eq!(
        warnings(&of_users(&[&two[..], &two, &two].concat())),
        ["error rounded_column 1: 2"]
    );
}

#[test]
fn one_leaver_with_an_honest_id_that_ends_in_zero_is_not_a_rounded_column() {
    assert_eq!(warnings(&of_users(&["1234567890123450"; 9])), ["rounded_id 9: 2 3 4 5 6"]);
}

#[test]
fn every_column_of_ids_is_looked_at_and_no_other() {
    let rows = |write: fn(u64) -> String| -> String { (10..15).map(|n| write(n * 10)).collect() };
    for (header, write) in [
        (
            "user,host,account,note\n",
            (|n| format!("1,1234567890123{n},3,a\n")) as fn(u64) -> String,
        ),
        ("user,db,account,note\n", |n| format!("1,2,1234567890123{n},a\n")),
        ("user_group,group,account,note\n", |n| format!("1234567890123{n},2,root,a\n")),
    ] {
        let list = format!("{header}{}", rows(write));
        assert_eq!(warnings(&list), ["error rounded_column 1: 2"], "{list}");
    }
    for (header, write) in [
        (
            "user,host,account,note\n",
            (|n| format!("1,2,3,1234567890123{n}\n")) as fn(u64) -> String,
        ),
        // On a host group it is a name.
        ("user,group,account,note\n", |n| format!("1,2,1234567890123{n},a\n")),
    ] {
        assert!(warnings(&format!("{header}{}", rows(write))).is_empty());
    }
}

#[test]
fn json_was_in_no_spreadsheet_and_only_gets_a_warning() {
    let lines = (10..15)
        .map(|n| format!("{{\"user\":\"1234567890123{n}0\",\"host\":\"1\",\"account\":\"2\"}}\n"));
    assert_eq!(warnings(&lines.collect::<String>()), ["rounded_id 5: 1 2 3 4 5"]);
}

#[test]
fn an_id_shorter_than_its_padded_neighbours_is_a_warning_in_any_row() {
    assert_eq!(warnings(&of_users(&["7", "0007", "0012", "1234", "12345"])), ["short_id 1: 2"]);
    assert_eq!(warnings(&of_users(&["0007", "12", "0012", "7", "12"])), ["short_id 3: 3 5 6"]);
    assert!(warnings(&of_users(&["0007", "0012", "x7"])).is_empty());
    assert!(warnings(&of_users(&["7", "12", "0"])).is_empty(), "a zero alone is not padded");
    let columns = "user,host,account\n7,0007,1\n12,0012,2\n";
    assert!(warnings(columns).is_empty(), "each column for itself");
}

#[test]
fn a_name_in_place_of_an_id_is_one_warning_per_list() {
    let list = "user,kind,target,account_name\n1,host-group,2,root\n1,host,2,root\n1,host,3,ops\n";
    assert_eq!(warnings(list), ["name_for_id 1: 3"]);
    assert!(
        warnings("user,kind,target,account_name\n1,host-group,2,root\n1,host,2,*\n").is_empty()
    );
    let both = "user,kind,target,account_id,account_name\n1,host,2,3,root\n";
    assert!(warnings(both).is_empty());
    let options = mapped(&[(Field::Account, "account_name")]);
    assert!(warnings_with(list, options).is_empty());
}

#[test]
fn a_header_without_rows_is_a_warning() {
    assert_eq!(warnings("user,host,account\n"), ["no_rows 1: 2"]);
}

#[test]
fn a_further_pass_has_no_warnings() {
    let list = of_users(&["7", "0007"]);
    let mut reader =
        Reader::with_columns(vec![memory(list)], Arc::new(Options::default()), Vec::new());
    while reader.next().unwrap().is_some() {}
    assert!(reader.list_findings().is_empty());
}
