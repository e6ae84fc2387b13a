//! The possible values of a row.

use super::*;

/// Reads one row of kind, target and account of user 1.
fn row(kind: &str, target: &str, account: &str) -> String {
    let quoted = |value: &str| format!("\"{}\"", value.replace('"', "\"\""));
    let (target, account) = (quoted(target), quoted(account));
    let rows = read(format!("user,kind,target,account\n1,{kind},{target},{account}\n"));
    assert_eq!(rows.len(), 1);
    rows.into_iter().next().unwrap()
}

#[test]
fn kinds_have_their_usual_spellings_and_no_others() {
    for kind in ["host", "HOST", " Host "] {
        assert_eq!(row(kind, "2", "3"), "user 1 host 2 3");
    }
    for kind in ["host-group", "host_group", "HostGroup", "group", "Host Group", "主机组"] {
        assert_eq!(row(kind, "2", "3"), "user 1 host-group 2 3");
    }
    for kind in ["database", "db", "DB", "数据库"] {
        assert_eq!(row(kind, "2", "3"), "user 1 database 2 3");
    }
    for kind in ["hosts", "user", "ho\u{a0}st", "*"] {
        assert_eq!(row(kind, "2", "3"), "invalid: unknown_kind", "{kind}");
    }
    assert_eq!(row("", "2", "3"), "invalid: blank_kind");
    assert_eq!(row("", "2", "ops user"), "invalid: blank_kind", "it may be a name");
    let messages = problems("user,kind,target,account\n1,databse,2,3\n");
    assert!(messages[0].ends_with("column 2 (kind): unknown kind \"databse\": did you mean database? The kinds are host, host-group, database"), "{messages:?}");
}

#[test]
fn ids_are_opaque_text() {
    for id in
        ["007", "0", "-7", "1e5", "12E5", "a.b", "bastionhost-cn-st220aw1", "1.2.3", "id:7", "编号"]
    {
        assert_eq!(row("host", id, "3"), format!("user 1 host {id} 3"));
        assert_eq!(row("host", "2", id), format!("user 1 host 2 {id}"));
    }
}

#[test]
fn blanks_around_a_value_are_trimmed_and_the_original_is_kept() {
    let list = "user,kind,target,account\n 1\t,\" host\",2 ,  \t3 \n";
    assert_eq!(read(list), ["user 1 host 2 3"]);
    assert_eq!(table(&[memory(list)]).1, [[" 1\t", " host", "2 ", "  \t3 "]]);
}

#[test]
fn stray_characters_in_an_id_are_refused() {
    for (id, code) in [
        ("10 01", "stray_white_space"),
        ("1001\u{a0}", "stray_white_space"),
        ("\u{3000}1001", "stray_white_space"),
        ("1001\r\n", "stray_white_space"),
        ("10\n01", "stray_white_space"),
        ("10\t01", "stray_white_space"),
        ("10\u{200b}01", "invisible_character"),
        ("\u{feff}1001", "invisible_character"),
        ("\u{202e}1001", "invisible_character"),
        ("10\u{0}01", "control_character"),
        ("10\u{7f}", "control_character"),
        ("10\u{fffd}", "broken_character"),
        ("１００１", "full_width"),
        ("1.2E+15", "spreadsheet_number"),
        ("1,2E+15", "spreadsheet_number"),
        ("1e+15", "spreadsheet_number"),
        ("1.234567e15", "spreadsheet_number"),
        ("1001.0", "spreadsheet_number"),
        ("#N/A", "placeholder"),
        ("####", "spreadsheet_error"),
        ("=\"1001\"", "stray_quote"),
        ("'1001", "stray_quote"),
        ("1,2", "several_values"),
        ("1;2", "several_values"),
        ("1|2", "several_values"),
        ("*", "wildcard"),
        ("10*", "wildcard"),
    ] {
        assert_eq!(row("host", id, "3"), format!("invalid: {code}"), "{id:?}");
        if id != "*" {
            assert_eq!(row("host", "2", id), format!("invalid: {code}"), "{id:?}");
        }
    }
    assert_eq!(row("host", &"1".repeat(1024), "*").len(), 1024 + "user 1 host  whole".len());
    assert_eq!(row("host", &"1".repeat(1025), "3"), "invalid: too_long");
    assert_eq!(row("host", "2", &"1".repeat(1025)), "invalid: too_long");
}

#[test]
fn account_names_on_host_groups_may_hold_blanks_and_any_letters() {
    for name in [
        "ops user",
        "中文账户",
        "CORP\\ops",
        "ops@corp",
        "o'neil",
        "a,b",
        "1001.0",
        "运维１",
        "all",
    ] {
        assert_eq!(row("group", "2", name), format!("user 1 host-group 2 {name}"));
    }
    for (name, code) in [
        ("ops\u{a0}user", "stray_white_space"),
        ("ops\nuser", "stray_white_space"),
        ("ops\u{200d}", "invisible_character"),
        ("ops*", "wildcard"),
        ("**", "wildcard"),
        ("\u{ff0a}", "full_width"),
        ("1.2E+15", "spreadsheet_number"),
    ] {
        assert_eq!(row("group", "2", name), format!("invalid: {code}"), "{name:?}");
    }
}

#[test]
fn only_a_star_is_the_whole_target_and_a_blank_never() {
    for kind in ["host", "group", "db"] {
        assert!(row(kind, "2", "*").ends_with(" 2 whole"));
        assert!(row(kind, "2", " * ").ends_with(" 2 whole"));
        assert_eq!(row(kind, "2", ""), "invalid: blank_account");
        assert_eq!(row(kind, "2", " \t "), "invalid: blank_account");
        assert_eq!(row(kind, "2", "\u{ff0a}"), "invalid: full_width");
        assert_eq!(row(kind, "2", "\"*\""), "invalid: wildcard");
    }
}

#[test]
fn exactly_one_of_user_and_user_group_is_filled() {
    let list = "user,user_group,host,account\n1,,2,3\n,1,2,3\n1,1,2,3\n,,2,3\n*,,2,3\n";
    assert_eq!(
        read(list),
        [
            "user 1 host 2 3",
            "user group 1 host 2 3",
            "invalid: two_grantees",
            "invalid: no_grantee",
            "invalid: wildcard",
        ]
    );
}

#[test]
fn the_instance_comes_from_the_row_or_the_default_or_is_left_open() {
    let with_default = |default: Option<&str>| Options {
        default_instance_id: default.map(str::to_owned),
        ..Options::default()
    };
    let list = b"user,host,account,instance\n1,2,3,i\n1,2,3,\n";
    assert_eq!(
        read_with(list, with_default(None)).unwrap(),
        ["user 1 host 2 3 in i/cn-hangzhou", "invalid: blank_instance"]
    );
    assert_eq!(
        read_with(list, with_default(Some("d"))).unwrap(),
        ["user 1 host 2 3 in i/cn-hangzhou", "user 1 host 2 3 in d/cn-hangzhou"]
    );
    let list = b"user,host,account\n1,2,3\n";
    assert_eq!(read_with(list, with_default(None)).unwrap(), ["user 1 host 2 3"]);
    assert_eq!(
        read_with(list, with_default(Some("d"))).unwrap(),
        ["user 1 host 2 3 in d/cn-hangzhou"]
    );
    let masked = "user,host,account,instance\n1,2,3,bastionhost-cn-st220aw****\n";
    assert_eq!(read(masked), ["invalid: wildcard"]);
}

#[test]
fn one_instance_under_two_regions_is_refused_where_the_second_comes() {
    let list = "user,host,account,instance,region\n1,2,3,i,cn-beijing\n1,2,3,j,\n1,2,3,i,\n\
                1,2,3,i,cn-beijing\n1,2,,k,cn-beijing\n1,2,3,k,cn-shanghai\n1,2,3,l,CN\n\
                1,2,3,l,evil.com/\n";
    assert_eq!(
        read(list),
        [
            "user 1 host 2 3 in i/cn-beijing",
            "user 1 host 2 3 in j/cn-hangzhou",
            "invalid: two_regions",
            "user 1 host 2 3 in i/cn-beijing",
            "invalid: blank_account",
            "user 1 host 2 3 in k/cn-shanghai",
            "invalid: bad_region",
            "invalid: bad_region",
        ]
    );
    assert!(problems(list)[0].contains("an earlier row puts the instance into cn-beijing"));
}

#[test]
fn a_default_region_counts_against_another_input_that_names_one() {
    let named = memory("user,host,account,instance,region\n1,2,3,d,cn-beijing\n");
    let silent = memory("user,host,account\n1,2,3\n1,2,4\n");
    let options = Options { default_instance_id: Some("d".to_owned()), ..Options::default() };
    let options = Arc::new(options);
    let all = |sources| {
        let mut reader = Reader::new(sources, Arc::clone(&options));
        let mut rows = Vec::new();
        while let Some(row) = reader.next().unwrap() {
            rows.push(row_text(&row));
        }
        rows
    };
    assert_eq!(
        all(vec![named.clone(), silent.clone()])[1..],
        ["invalid: two_regions", "invalid: two_regions"]
    );
    assert_eq!(all(vec![silent, named])[2], "invalid: two_regions");
}

#[test]
fn every_problem_of_a_row_is_reported_with_its_column() {
    assert_eq!(
        problems("user,kind,target,account,note\n*,hst,１,,x\n"),
        [
            "list.csv, line 2, column 1 (user): a wildcard \"*\": write one id; * has a meaning \
             only as the whole account, for the target and every account on it",
            "list.csv, line 2, column 2 (kind): unknown kind \"hst\": did you mean host? The \
             kinds are host, host-group, database",
            "list.csv, line 2, column 3 (target): full-width characters \"１\": write them in \
             half width, as in 0 to 9 and *",
            "list.csv, line 2, column 4 (account): blank account: write the account id, or * for \
             the whole target and every account on it",
        ]
    );
}

#[test]
fn a_row_of_another_width_is_invalid_unless_the_extra_fields_are_blank() {
    let list = "user,host,account,note\n1,2,3\n1,2,3,x,,\t\n1,2,3,x,y\n,,,\n1,2,3,\n";
    assert_eq!(
        read(list),
        [
            "invalid: missing_fields",
            "user 1 host 2 3",
            "invalid: extra_fields",
            "invalid: empty_row",
            "user 1 host 2 3",
        ]
    );
    assert_eq!(
        problems(list)[1],
        "list.csv, line 4, column 5: too many fields \"y\": give the row as many fields as the header has, and quote a value that holds the separator"
    );
}

#[test]
fn shown_values_are_short_and_cannot_control_a_terminal() {
    let list = format!("user,host,account\n\"1\u{1b}[31m\u{202e}\r\n{}\",2,3\n", "x".repeat(500));
    let messages = &problems(list)[0];
    assert!(messages.contains("\"1\\u{1b}[31m\\u{202e}\\r\\nxxx"), "{messages}");
    assert!(messages.contains("x...\"") && messages.len() < 250, "{messages}");
    assert!(!messages.chars().any(char::is_control));
}

#[test]
fn a_report_keeps_twenty_rows_and_counts_them_all() {
    let mut report = Report::new();
    assert!(report.is_empty());
    let list = format!("user,host,account\n{}", "1,,\n".repeat(30));
    let mut reader = reader(list.as_bytes(), Options::default());
    while let Some(row) = reader.next().unwrap() {
        let RowContent::Invalid(problems) = row.content else { panic!("valid") };
        report.add(&row, problems);
    }
    assert_eq!((report.rows(), report.shown_rows(), report.findings().count()), (30, 20, 40));
    let counts: Vec<_> = report.counts().map(|(_, kind, count)| (kind.code(), count)).collect();
    assert_eq!(counts, [("blank_target", 30), ("blank_account", 30)]);
    assert!(!report.is_empty() && !report.is_list_wrong());
}

#[test]
fn codes_are_snake_case_and_none_is_used_twice() {
    let codes: std::collections::BTreeSet<_> =
        ProblemKind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(codes.len(), ProblemKind::ALL.len());
    assert!(codes.iter().all(|code| code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')));
}
