//! Damage that stops the reading of an input, and the accuracy of its messages.

use super::*;

const GOOD: &str = "user,host,account\n1,2,3\n";

fn kind_of(bytes: &[u8]) -> DamageKind {
    match read_with(bytes, Options::default()) {
        Err(InputError::Damaged(damage)) => damage.kind,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_unclosed_quote_is_found_where_it_opens() {
    let list = "user,host,account,note\n1,2,3,\"two\nlines\"\n1,2,3,\"oops\n1,2,3,x\n1,2,3,y\n";
    assert_eq!(
        refused(list),
        "list.csv, line 4, column 4 (note): a quoted field that starts here is never closed: \
         close the quote, or double it if it is part of the value"
    );
    assert_eq!(kind_of(b"user,host,\"account\n1,2,3\n"), DamageKind::UnclosedQuote);
    assert_eq!(kind_of(b"user,host,account\n1,2,\""), DamageKind::UnclosedQuote);
    assert_eq!(kind_of(b"user,host,account\n1,2,\"3\"\""), DamageKind::UnclosedQuote);
}

#[test]
fn the_line_of_an_unclosed_quote_is_right_with_every_sort_of_line_end() {
    let list = "user,host,account,note,more\n1,2,3,\"a\nb\n\",\"oops\n1,2,3,x\n";
    for end in ["\n", "\r\n", "\r"] {
        let error = refused(list.replace('\n', end));
        assert!(error.starts_with("list.csv, line 4, column 5 (more): "), "{error}");
    }
}

#[test]
fn rows_before_the_damage_are_read() {
    let mut reader = reader(b"user,host,account\n1,2,3\n1,2,\"", Options::default());
    assert_eq!(reader.next().unwrap().unwrap().number, 1);
    assert!(reader.next().is_err());
    assert!(reader.next().unwrap().is_none(), "nothing follows an error");
}

#[test]
fn wrong_bytes_are_reported_with_their_place_after_the_rows_before() {
    // A wrong byte, one that does not go on, and characters that the end of the file cuts.
    let all = [&b"\xff,3\n1,2,3\n"[..], b"\xe4\xb8,3\n", b"\xe4\xb8", b"\xf0\x9f\x98", b"\xc3"];
    for (wrong, rows) in all.into_iter().flat_map(|wrong| [0, 1, 20, 9000].map(|n| (wrong, n))) {
        for window in [4, 7, 64, 1 << 16] {
            let before = format!("user,host,account\n{}1,", "1,2,中\n".repeat(rows));
            let bytes = [before.as_bytes(), wrong].concat();
            let utf8 = Options { encoding: Some(Encoding::Utf8), ..Options::default() };
            let mut reader = reader(&bytes, utf8);
            reader.window = window;
            let error = loop {
                match reader.next() {
                    Ok(row) => assert!(row.is_some(), "{wrong:x?} passed for nothing"),
                    Err(error) => break error.to_string(),
                }
            };
            let (line, byte) = (rows + 2, before.len() + 1);
            let place = format!("list.csv, line {line}: byte {byte} is not utf-8: ");
            assert!(error.starts_with(&place), "{error} {place}");
            assert_eq!(reader.formats()[0].rows, rows as u64);
        }
    }
}

#[test]
fn text_after_a_closing_quote_is_refused() {
    let error = refused("user,host,account,note\n1,2,3,\"5\" disk\"\n");
    assert_eq!(
        error,
        "list.csv, line 2, column 4 (note): more text behind the quoted field \"5\": \
         double a quote that is part of the value"
    );
    assert_eq!(read("user,host,account\n\"1\" ,\"2\"\t,\"3\" \n"), ["user 1 host 2 3"]);
}

/// Why the `csv` crate does not read the lists: see [`crate::input`]'s `csv` module.
#[test]
fn the_csv_crate_accepts_what_this_reader_refuses() {
    for (rows, fields, kind) in [
        // One forgotten quote makes one record of all rows after it.
        ("1,2,\"3\n4,5,6\n7,8,9\n", vec!["1", "2", "3\n4,5,6\n7,8,9\n"], DamageKind::UnclosedQuote),
        ("1,2,\"3\"x\n", vec!["1", "2", "3x"], DamageKind::TextAfterQuote),
        ("1,2,\"3\" \"4\"\n", vec!["1", "2", "3 \"4\""], DamageKind::TextAfterQuote),
    ] {
        let list = format!("user,host,account\n{rows}");
        let mut lenient = ::csv::ReaderBuilder::new().flexible(true).from_reader(list.as_bytes());
        let first = lenient.records().next().unwrap().unwrap();
        assert_eq!(first.iter().collect::<Vec<_>>(), fields, "no error from the csv crate");
        assert_eq!(kind_of(list.as_bytes()), kind);
    }
    // A list with CR line ends and blank lines: the crate's line of the last row is another.
    let list = "user,host,account\r\r\r1,2,\r";
    let mut lenient = ::csv::Reader::from_reader(list.as_bytes());
    let record = lenient.records().next().unwrap().unwrap();
    assert_ne!(record.position().map(::csv::Position::line), Some(4));
    assert!(problems(list)[0].starts_with("list.csv, line 4, "));
}

#[test]
fn a_record_over_the_limit_is_refused_and_one_of_the_limit_is_read() {
    let row = |bytes: usize| format!("{GOOD}1,2,3,{}\n1,2,3\n", "x".repeat(bytes - 6));
    assert_eq!(
        read(row(MAX_RECORD_BYTES)),
        ["user 1 host 2 3", "invalid: extra_fields", "user 1 host 2 3"]
    );
    let error = refused(row(MAX_RECORD_BYTES + 1));
    assert!(error.starts_with("list.csv, line 3: a record over 1 MiB: "), "{error}");
    let quoted = format!("{GOOD}1,2,\"3\n{}", "1,2,3\n".repeat(300_000));
    let error = refused(quoted);
    assert!(
        error.starts_with("list.csv, line 3: a quoted field that starts here is longer"),
        "{error}"
    );
    let json = format!("{{\"user\":\"{}\"}}", "x".repeat(MAX_RECORD_BYTES));
    assert_eq!(kind_of(json.as_bytes()), DamageKind::RecordTooLong);
    assert_eq!(kind_of(&vec![b'x'; 3 * MAX_RECORD_BYTES]), DamageKind::RecordTooLong);
}

#[test]
fn an_endless_record_is_not_buffered() {
    // 64 MiB of zeros are 64 KiB of gzip: only the window's worth of them may be held.
    let bomb = gzipped(&[GOOD.as_bytes(), &vec![b'0'; 64 << 20]].concat());
    assert_eq!(kind_of(&bomb), DamageKind::RecordTooLong);
}

#[test]
fn gzip_is_detected_by_content_and_all_members_are_read() {
    let two = [gzipped(GOOD.as_bytes()), gzipped(b"1,2,4\n")].concat();
    assert_eq!(read(&two), ["user 1 host 2 3", "user 1 host 2 4"]);
    let mut reader = reader(&two, Options::default());
    while reader.next().unwrap().is_some() {}
    assert_eq!(reader.formats()[0].to_string(), "list.csv: 2 rows, CSV, utf-8, gzip");
}

#[test]
fn broken_gzip_is_refused_after_the_rows_before_it() {
    let list = format!("{GOOD}{}", "1,2,3\n".repeat(1000));
    let whole = gzipped(list.as_bytes());
    let mut damaged = whole.clone();
    let crc = whole.len() - 8;
    damaged[crc] ^= 1;
    for bytes in [&whole[..whole.len() - 1], &whole[..whole.len() - 9], &damaged[..]] {
        let error = refused(bytes);
        assert!(error.contains("broken or cut gzip data"), "{error}");
    }
    assert_eq!(kind_of(&whole[..20]), DamageKind::BrokenGzip);
    assert_eq!(kind_of(&[0x1f, 0x8b]), DamageKind::BrokenGzip);
}

#[test]
fn files_of_other_types_are_reported_with_their_type() {
    for (head, words) in [
        (&b"PK\x03\x04rest"[..], "a zip archive or an Excel workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1rest", "an old Office file"),
        (b"%PDF-1.7", "a PDF"),
        (b"\x28\xb5\x2f\xfd1234", "zstd"),
        (b"\xfd7zXZ\x00abc", "xz"),
        (b"BZh91AY&SY", "bzip2"),
        (b"<html><table>", "HTML or XML"),
        (b"  [\n", "a JSON array"),
    ] {
        let error = refused(head);
        assert!(error.contains(words), "{error}");
    }
    assert!(refused(gzipped(&gzipped(b"x"))).contains("compressed twice"));
    assert!(refused(gzipped(b"PK\x03\x04rest")).contains("workbook"));
}

#[test]
fn a_missing_an_unreadable_and_a_damaged_file_have_different_errors() {
    let directory = tempfile::tempdir().unwrap();
    let open = |path: std::path::PathBuf| {
        Reader::new(vec![Source::file(path)], Arc::new(Options::default())).next().unwrap_err()
    };
    let missing = open(directory.path().join("none.csv"));
    assert!(matches!(missing, InputError::Missing { .. }), "{missing}");
    let folder = open(directory.path().to_owned());
    assert!(matches!(folder, InputError::Unreadable { .. }), "{folder}");
    assert!(folder.to_string().contains("is a directory"), "{folder}");
}

#[test]
fn a_file_replaced_while_it_is_read_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let (list, other) = (directory.path().join("list.csv"), directory.path().join("other.csv"));
    // Which encoding it is shows only far behind, where it is opened once more.
    let rows = "1,2,ops\n".repeat(100_000);
    let (chinese, ..) = encoding_rs::GB18030.encode("1,2,中文\n");
    std::fs::write(&list, [b"user,group,account\n", rows.as_bytes(), &chinese].concat()).unwrap();
    std::fs::write(&other, b"\xff").unwrap();
    let mut reader = Reader::new(vec![Source::file(list.clone())], Arc::new(Options::default()));
    assert!(reader.next().unwrap().is_some());
    std::fs::rename(&other, &list).unwrap();
    let error = loop {
        match reader.next() {
            Ok(row) => assert!(row.is_some(), "rows are lost"),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, InputError::Unreadable { .. }), "{error}");
}

#[test]
fn segments_of_a_snapshot_are_read_separately_and_a_truncated_one_is_refused() {
    use std::io::Write;
    let mut file = tempfile::tempfile().unwrap();
    let second = "{\"user\":\"9\",\"host\":\"8\",\"account\":\"7\"}\n";
    write!(file, "{GOOD}{second}").unwrap();
    let file = Arc::new(file);
    let segment = |name: &str, offset: usize, len: usize| {
        Source::segment(name, Arc::clone(&file), offset as u64, len as u64)
    };
    let sources = vec![segment("-", 0, GOOD.len()), segment("b", GOOD.len(), second.len())];
    let mut reader = Reader::new(sources, Arc::new(Options::default()));
    let mut rows = Vec::new();
    while let Some(row) = reader.next().unwrap() {
        rows.push(format!(
            "{} {} {}: {}",
            row.number,
            row.place.source,
            row.place.name,
            row_text(&row)
        ));
    }
    assert_eq!(rows, ["1 0 -: user 1 host 2 3", "2 1 b: user 9 host 8 7"]);

    let cut = vec![segment("-", GOOD.len(), second.len() + 1)];
    let mut reader = Reader::new(cut, Arc::new(Options::default()));
    let error = loop {
        match reader.next() {
            Ok(row) => assert!(row.is_some(), "a cut spool passed for a whole one"),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("has lost its end"), "{error}");
}
