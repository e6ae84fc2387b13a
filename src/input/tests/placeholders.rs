//! Typographic quotation marks, words for nothing and for everything, repeated headers, and several
//! values in one cell: what exports and people leave in lists.

use proptest::prelude::*;

use super::random::check;
use super::*;

/// The codes of the problems of a row of user, target and account on a host or a database.
fn codes(kind: &str, user: &str, target: &str, account: &str) -> String {
    let rows = read(format!("user|kind|target|account\n{user}|{kind}|{target}|{account}\n"));
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.into_iter().next().unwrap()
}

/// A value in each of the three places of an id, and the problem that it must be.
#[track_caller]
fn refused_as_id(value: &str, code: &str) {
    let expected = format!("invalid: {code}");
    for kind in ["host", "database"] {
        assert_eq!(codes(kind, value, "2", "3"), expected, "{value}");
        assert_eq!(codes(kind, "1", value, "3"), expected, "{value}");
        assert_eq!(codes(kind, "1", "2", value), expected, "{value}");
    }
    assert_eq!(codes("host-group", value, "2", "root"), expected, "{value}");
    assert_eq!(codes("host-group", "1", value, "root"), expected, "{value}");
    let json = |user: &str, target: &str, account: &str| {
        let object = serde_json::json!({"user": user, "host": target, "account": account});
        read(format!("{object}\n")).concat()
    };
    assert_eq!(json(value, "2", "3"), expected, "{value}");
    assert_eq!(json("1", value, "3"), expected, "{value}");
    assert_eq!(json("1", "2", value), expected, "{value}");
}

fn quotes() -> impl Strategy<Value = (&'static str, &'static str)> {
    prop::sample::select(vec![
        ("“", "”"),
        ("‘", "’"),
        ("„", "“"),
        ("„", "”"),
        ("‚", "‘"),
        ("”", "”"),
        ("’", "’"),
        ("«", "»"),
        ("»", "«"),
        ("‹", "›"),
        ("「", "」"),
        ("『", "』"),
        ("〝", "〞"),
        ("《", "》"),
        ("【", "】"),
        ("`", "`"),
        ("´", "´"),
    ])
}

#[test]
fn typographic_quotes_around_an_id_are_refused_and_the_plain_id_is_shown() {
    check(400, &(quotes(), "[0-9]{1,18}|[a-z][a-z0-9.-]{0,9}"), |((open, close), id)| {
        let quoted = format!("{open}{id}{close}");
        refused_as_id(&quoted, "typographic_quotes");
        let messages = problems(format!("user,host,account\n{quoted},2,3\n"));
        assert!(messages[0].ends_with(&format!("remove them and write {id}")), "{messages:?}");
        let named = codes("host-group", "1", "2", &quoted);
        assert_eq!(named, "invalid: typographic_quotes", "also around a name");
    });
    refused_as_id("17”", "typographic_quotes");
    assert_eq!(codes("host-group", "1", "2", "o’neil"), "user 1 host-group 2 o’neil");
}

/// Words for a missing value, in any case and in brackets.
fn placeholder() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "null",
        "none",
        "nil",
        "nan",
        "n/a",
        "na",
        "\\n",
        "-",
        "--",
        "blank",
        "undefined",
        "无",
        "空",
    ]);
    let brackets = prop::sample::select(vec![("", ""), ("(", ")"), ("<", ">"), ("[", "]")]);
    (word, brackets, 0..3_usize).prop_map(|(word, (open, close), case)| {
        let word = match case {
            0 => word.to_owned(),
            1 => word.to_uppercase(),
            _ => word.replacen('n', "N", 1),
        };
        format!("{open}{word}{close}")
    })
}

#[test]
fn a_placeholder_is_no_id_and_a_name_only_with_a_warning() {
    let ascii = placeholder()
        .prop_filter("brackets of JSON lists are another problem", |word| !word.starts_with('['));
    check(400, &ascii, |word| {
        refused_as_id(&word, "placeholder");
        let list = format!("user,group,account\n1,2,{word}\n1,2,root\n");
        let mut reader = reader(list.as_bytes(), Options::default());
        assert!(matches!(reader.next().unwrap().unwrap().content, RowContent::Grant(_)));
        while reader.next().unwrap().is_some() {}
        let findings = reader.list_findings();
        assert_eq!(findings.len(), 1, "{word}");
        assert_eq!((findings[0].kind, findings[0].count), (ProblemKind::Placeholder, 1));
        assert_eq!(findings[0].severity, Severity::Warning);
    });
    for word in [
        "NULL", "null", "None", "nil", "NaN", "N/A", "n/a", "#N/A", "#REF!", "\\N", "-", "--",
        "(blank)", "无",
    ] {
        refused_as_id(word, "placeholder");
    }
    assert_eq!(codes("host", "nullable", "none-1", "n-a"), "user nullable host none-1 n-a");
}

#[test]
fn a_word_for_everything_is_never_the_whole_target() {
    for word in ["all", "ALL", "All", "any", "全部", "所有", "(all)"] {
        refused_as_id(word, "word_for_all");
        let messages = problems(format!("user,host,account\n1,2,{word}\n"));
        assert!(messages[0].contains("write * for the whole target"), "{messages:?}");
        let list = format!("user,group,account\n1,2,{word}\n");
        let findings = |options: Options| {
            let mut reader = reader(list.as_bytes(), options);
            let row = reader.next().unwrap().unwrap();
            assert_eq!(said_of(&row), format!("user 1 host-group 2 {word}"));
            assert!(reader.next().unwrap().is_none());
            reader.list_findings().iter().map(|finding| finding.kind).collect::<Vec<_>>()
        };
        assert_eq!(findings(Options::default()), [ProblemKind::WordForAll]);
        assert!(findings(mapped(&[(Field::Account, "account")])).is_empty(), "--map settles it");
    }
    assert_eq!(codes("host", "allan", "any-1", "all-3"), "user allan host any-1 all-3");
}

fn said_of(row: &Row<'_>) -> String {
    super::row_text(row)
}

#[test]
fn a_header_among_the_rows_is_named_and_the_rows_around_it_are_read() {
    let header = prop::sample::select(vec![
        vec!["user", "kind", "target", "account"],
        vec!["UserId", "HostId", "HostAccountId", "note"],
        vec!["note", "user_group", "group", "account_name"],
        vec!["用户ID", "主机ID", "账户ID", "备注"],
    ]);
    let end = prop::sample::select(vec!["\n", "\r\n", "\r"]);
    let separator = prop::sample::select(vec![",", ";", "\t", "|"]);
    let shape = (header, end, separator, any::<bool>(), any::<bool>(), 0..4_usize, 0..4_usize);
    check(600, &shape, |(header, end, separator, marked, quoted, before, after)| {
        let cell = |name: &str| match name {
            "kind" => "host".to_owned(),
            "note" | "备注" => "x".to_owned(),
            _ => "7".to_owned(),
        };
        let row = header.iter().map(|name| cell(name)).collect::<Vec<_>>().join(separator);
        let quote = |name: &&str| if quoted { format!("\"{name}\"") } else { (*name).to_owned() };
        let names = header.iter().map(quote).collect::<Vec<_>>().join(separator);
        let mark = if marked { "\u{feff}" } else { "" };
        let mut lines = vec![names.clone()];
        lines.extend(vec![row.clone(); before]);
        lines.push(format!("{mark}{names}"));
        lines.extend(vec![row; after]);
        let list = lines.join(end);
        let rows = read(&list);
        assert_eq!(rows.len(), before + 1 + after, "{list:?}");
        for (at, row) in rows.iter().enumerate() {
            let is_header = row == "invalid: repeated_header";
            assert_eq!(is_header, at == before, "{list:?}: {rows:?}");
            assert!(is_header || row.starts_with("user"), "{list:?}: {rows:?}");
        }
        let messages = problems(&list);
        let place = format!("list.csv, line {}: the header line again: delete", before + 2);
        assert!(messages[0].starts_with(&place), "{messages:?}");
    });
    let other = "user,host,account\n1,2,3\nuser,kind,target,account\n1,host,2,4\n";
    assert!(problems(other)[0].contains("it names other columns"), "{:?}", problems(other));
}

#[test]
fn several_values_in_one_cell_are_refused_whatever_separates_them() {
    for list in ["1,2", "1;2", "1|2", "[\"1\",\"2\"]", "[1, 2]", "[\"1\"]"] {
        let cell = format!("\"{}\"", list.replace('"', "\"\""));
        for column in ["account", "HostAccountIds", "DatabaseAccountIds"] {
            let rows = read(format!("user,host,{column}\n1,2,{cell}\n"));
            assert_eq!(rows, ["invalid: several_values"], "{list}");
        }
    }
    for names in ["root,ops", "root;ops", "root，ops", "[\"root\",\"ops\"]"] {
        let cell = format!("\"{}\"", names.replace('"', "\"\""));
        let rows = read(format!("user,group,HostAccountNames\n1,2,{cell}\n"));
        assert_eq!(rows, ["invalid: several_values"], "{names}");
    }
    let json = "{\"user\":\"1\",\"host\":2,\"HostAccountIds\":[\"1\",\"2\"]}\n";
    assert_eq!(read(json), ["invalid: several_values"]);
    assert_eq!(read("user,host,HostAccountIds\n1,2,3\n"), ["user 1 host 2 3"]);
    let messages = problems(json);
    assert!(messages[0].ends_with("write one row for each of them"), "{messages:?}");
}

#[test]
fn a_full_width_comma_in_a_row_is_reported() {
    let messages = problems("user,host,account\n1，2，3\n1,2,3，4\n");
    assert!(messages[0].contains("replace the full-width comma ， (U+FF0C)"), "{messages:?}");
    assert!(messages[1].contains("， is the full-width comma (U+FF0C)"), "{messages:?}");
}

#[test]
fn the_bytes_read_reach_the_size_of_the_inputs() {
    let list = format!("user,host,account\n{}", "1,2,3\n".repeat(50_000));
    for bytes in
        [list.clone().into_bytes(), gzipped(list.as_bytes()), format!("{list}1,2,中\n").into()]
    {
        let source = memory(&bytes);
        let size = source.size().unwrap();
        let mut reader = Reader::new(vec![source.clone(), source], Arc::new(Options::default()));
        let mut before = 0;
        while reader.next().unwrap().is_some() {
            assert!((before..=2 * size).contains(&reader.bytes_read()));
            before = reader.bytes_read();
        }
        assert_eq!(reader.bytes_read(), 2 * size);
    }
}
