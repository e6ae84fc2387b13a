//! Common mistakes in lists and files, and their messages.

use serde_json::Value;

use crate::sandbox::{Ended, Sandbox};

/// A zip archive of these files, uncompressed: local headers, directory, end.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let short = |number: usize| u16::try_from(number).expect("a small number").to_le_bytes();
    let long = |number: usize| u32::try_from(number).expect("a small number").to_le_bytes();
    let (mut all, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in files {
        // Version, flags, method, time, date; a checksum that nothing reads; lengths.
        let sizes = [long(0), long(content.len()), long(content.len())].concat();
        let about = [&[20, 0, 0, 0, 0, 0, 0, 0, 0, 0][..], &sizes, &short(name.len())].concat();
        let offset = long(all.len());
        all.extend([&b"PK\x03\x04"[..], &about, &[0, 0], name.as_bytes(), content].concat());
        let entry = [&b"PK\x01\x02\x14\0"[..], &about, &[0; 12], &offset, name.as_bytes()];
        directory.extend(entry.concat());
    }
    let (count, at) = (short(files.len()), long(all.len()));
    let end = [&b"PK\x05\x06\0\0\0\0"[..], &count, &count, &long(directory.len()), &at, &[0, 0]];
    [all, directory, end.concat()].concat()
}

/// A compound file whose directory, with these names, is in that sector.
fn compound(names: &[&str], sector: u32) -> Vec<u8> {
    let mut file = vec![0; 512 * (sector as usize + 2)];
    file[..8].copy_from_slice(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1");
    file[30..32].copy_from_slice(&9_u16.to_le_bytes());
    file[48..52].copy_from_slice(&sector.to_le_bytes());
    for (at, name) in names.iter().enumerate() {
        let start = 512 * (sector as usize + 1) + 128 * at;
        let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
        file[start..start + name.len()].copy_from_slice(&name);
    }
    file
}

fn check(name: &str, content: impl AsRef<[u8]>, more: &[&str]) -> Ended {
    let sandbox = Sandbox::new();
    sandbox.file(name, content);
    sandbox.ends(&[&["check", name], more].concat())
}

#[test]
fn a_file_of_another_type_is_reported_with_its_type() {
    let xlsx = zip(&[("[Content_Types].xml", b"<Types/>"), ("xl/workbook.xml", b"<workbook/>")]);
    let ods = zip(&[("mimetype", b"application/vnd.oasis.opendocument.spreadsheet")]);
    let locked = ["Root Entry", "EncryptedPackage", "EncryptionInfo"];
    let mut tar = vec![0; 1024];
    tar[..5].copy_from_slice(b"a.csv");
    tar[257..262].copy_from_slice(b"ustar");
    let files: [(&str, Vec<u8>, &str, &str); 12] = [
        ("a.xlsx", xlsx, "an Excel workbook (.xlsx)", "save the sheet as CSV UTF-8"),
        (
            "locked.xlsx",
            compound(&locked, 1),
            "protected by a password",
            "open it with its password",
        ),
        // Beyond the part that is read first.
        ("big.xlsx", compound(&locked, 4000), "protected by a password", "with its password"),
        ("a.xls", compound(&["Root Entry", "Workbook"], 7), "an old Excel workbook", "CSV UTF-8"),
        ("a.ods", ods, "a spreadsheet of LibreOffice (.ods)", "CSV UTF-8"),
        ("a.xlsb", zip(&[("xl/workbook.bin", b"x")]), "workbook (.xlsb)", "CSV UTF-8"),
        ("a.docx", zip(&[("word/document.xml", b"x")]), "a Word document", "export the list"),
        ("a.zip", zip(&[("leavers.csv", b"user")]), "a zip archive, with leavers.csv", "unpack it"),
        ("a.tar", tar, "a tar archive", "unpack it"),
        ("a.pdf", b"%PDF-1.7\n".to_vec(), "a PDF", "export the list as CSV"),
        ("a.rtf", b"{\\rtf1 user}".to_vec(), "a text document (.rtf)", "export the list"),
        ("page.xls", b"<html><table>".to_vec(), "HTML or XML", "save the list as CSV UTF-8"),
    ];
    for (name, content, is, remedy) in files {
        let ended = check(name, &content, &[]).expect(65, is).expect(65, remedy);
        assert!(ended.err.starts_with(&format!("error: {name}")), "{ended:?}");
        assert_eq!(ended.out, "", "nothing of it is shown");
    }
}

/// A file may start like another format and still be a list.
#[test]
fn a_list_that_begins_like_a_picture_or_an_archive_is_a_list() {
    let list = "PK,user,host,account\n0,1,2,3\n";
    assert_eq!(check("list.csv", list, &[]).expect(0, "").out.lines().count(), 2);
}

fn findings(list: &str, more: &[&str]) -> (i32, Value) {
    let ended = check("list.csv", list, &[&["--json"], more].concat());
    (ended.code, serde_json::from_str(&ended.out).expect("JSON"))
}

#[test]
fn all_findings_are_reported_in_one_pass_and_counted() {
    let mut list = "user,host,account\n".to_owned();
    for _ in 0..1500 {
        list += "1,,3\n1,2\n";
    }
    list += "\"1,2,3\n";
    let (code, found) = findings(&list, &[]);
    assert_eq!((code, &found["rows"], &found["invalid"]), (65, &3000.into(), &3000.into()));
    let counts = serde_json::json!({"blank_target": 1500, "missing_fields": 1500});
    assert_eq!(found["counts"], counts);
    assert_eq!(found["problems"].as_array().map(Vec::len), Some(1000), "and no more");
    assert_eq!(found["damage"]["code"], "unclosed_quote", "the damage behind them is told too");
    assert_eq!((&found["damage"]["line"], &found["damage"]["column"]), (&3002.into(), &1.into()));

    let text = check("list.csv", &list, &[]).expect(65, "line 3002, column 1 (user)");
    let times = |text: &str, word: &str| text.matches(word).count();
    assert_eq!(times(&text.out, "error["), 20);
    assert!(text.out.contains("... and 2,980 more invalid rows\n3,000 invalid rows:\n"));
    assert!(text.out.contains("1,500  missing_fields "), "{}", text.out);
    let one = check("list.csv", &list, &["--show", "1"]);
    assert_eq!(times(&one.out, "error["), 1);
}

#[test]
fn a_finding_as_json_has_its_position_in_the_list_and_in_the_text() {
    let (code, found) = findings("note,user,host,account\n\"a\nb\",1,2 2,3\n", &[]);
    assert_eq!(code, 65);
    let problem = &found["problems"][0];
    let expected = serde_json::json!({
        "severity": "error", "code": "stray_white_space", "file": "list.csv",
        "line": 2, "column": 3, "column_name": "host", "at_line": 3, "at_character": 6,
        "found": "2 2", "message": "column 3 (host): stray white space \"2 2\": remove it",
        "remedy": "remove it"
    });
    assert_eq!(problem, &expected);
    assert_eq!(found["inputs"][0]["fields"]["host"], "host");
    assert_eq!((&found["inputs"][0]["separator"], &found["damage"]), (&",".into(), &Value::Null));
}

const DOUBTFUL: &str = "user,host,account\n0007,1,2\n12,1,2\n1234567890123450,1,2\n";

#[test]
fn warnings_block_only_with_strict() {
    let (code, found) = findings(DOUBTFUL, &[]);
    assert_eq!((code, &found["warnings"]), (0, &2.into()));
    assert_eq!(found["warning_counts"], serde_json::json!({"rounded_id": 1, "short_id": 1}));
    assert_eq!(found["problems"][0]["severity"], "warning");
    assert_eq!(findings(DOUBTFUL, &["--strict"]).0, 65);
    let sandbox = Sandbox::new();
    let list = sandbox.file("list.csv", DOUBTFUL);
    for command in [&["plan", list][..], &["run", list, "--rehearse"]] {
        let ended = sandbox.ends(command).expect(0, "warning[short_id]");
        assert!(ended.err.contains("list.csv:3:1\n") && ended.err.contains("2 warnings:"));
        assert!(!ended.out.contains("warning"), "{}", ended.out);
        assert_eq!(sandbox.ends(&[command, &["--quiet"]].concat()).expect(0, "").err, "");
        let strict = [command, &["--strict", "--skip-invalid"]].concat();
        sandbox.ends(&strict).expect(65, "--strict treats warnings as errors");
    }
}

#[test]
fn a_rounded_column_stops_a_run_even_if_invalid_rows_are_left_out() {
    let rows = (10..15).map(|n| format!("1,2,1234567890123{n}0\n"));
    let list = format!("user,host,account\n{}", rows.collect::<Vec<_>>().concat());
    let (code, found) = findings(&list, &[]);
    assert_eq!((code, &found["counts"]["rounded_column"]), (65, &1.into()), "{found}");
    let sandbox = Sandbox::new();
    let list = sandbox.file("list.csv", list);
    let ended = sandbox.ends(&["run", list, "--rehearse", "--skip-invalid"]);
    let ended = ended.expect(65, "error[rounded_column]").expect(65, "nothing was sent");
    assert!(ended.err.contains("5 rows have an id of more than 15 digits here"), "{}", ended.err);
    assert!(ended.err.contains("\nthe list as a whole is wrong:\n"), "{}", ended.err);
    assert!(!ended.err.contains("0 invalid rows"), "{}", ended.err);
    assert_eq!(sandbox.files().len(), 1, "nothing was written");
}

#[test]
fn counts_are_written_in_singular_and_plural() {
    let sandbox = Sandbox::new();
    for (list, says) in [
        ("user,host,account\n", "\nno rows\n"),
        ("user,host,account\n1,2,3\n", "\n1 row, valid\n"),
        ("user,host,account\n1,2,3\n1,2,4\n", "\n2 rows, all valid\n"),
    ] {
        let ended = sandbox.ends(&["check", sandbox.file("list.csv", list)]).expect(0, "");
        assert!(ended.out.ends_with(says), "{}", ended.out);
    }
}

#[test]
fn cells_of_a_list_do_not_control_the_terminal() {
    let list = "user,host,account\n\u{1b}[31m\u{7}7\u{202e},1,2\n1,2,\"\u{1b}]0;x\n";
    let ended = check("list.csv", list, &[]);
    let all = ended.out + &ended.err;
    let plain = |c: char| c == '\n' || !c.is_control() && c != '\u{202e}';
    assert!(all.chars().all(plain) && all.contains("\\u{1b}[31m\\u{7}7\\u{202e}"), "{all}");
}

/// Excel omits the last blank cells of some rows; those of columns without a name can't have been
/// something else.
#[test]
fn blank_columns_behind_the_last_may_be_missing_on_some_rows() {
    let list = "user,host,account,note,,\r\n1,2,3,a,,\r\n1,2,4,b\r\n1,2,5,c,\r\n";
    assert_eq!(findings(list, &[]).0, 0);
    let (code, found) = findings("user,host,account,note,,\r\n1,2,3\r\n", &[]);
    assert_eq!((code, &found["counts"]["missing_fields"]), (65, &1.into()));
}

#[test]
fn with_a_json_log_each_finding_is_one_line() {
    let sandbox = Sandbox::new();
    let list = sandbox.file("list.csv", format!("{DOUBTFUL}1,,2\n1,2,\"3\n"));
    let ended = sandbox.ends(&["run", list, "--rehearse", "--log-format", "json"]);
    assert_eq!(ended.code, 65, "{ended:?}");
    let lines: Vec<Value> =
        ended.err.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    let fields = &lines[0]["fields"];
    assert_eq!((fields["code"].as_str(), fields["line"].as_u64()), (Some("blank_target"), Some(5)));
}
