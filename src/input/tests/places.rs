//! Encodings, and lines that are counted as an editor counts them.

use super::*;

const LIST: &str = "用户ID,主机组ID,账户名称,备注\n1,2,中文账户,离职\n1,3,ops user,甲\u{20000}乙\n";
const ROWS: [&str; 2] = ["user 1 host-group 2 中文账户", "user 1 host-group 3 ops user"];

fn utf16(text: &str, big: bool) -> Vec<u8> {
    let bytes = |unit: u16| if big { unit.to_be_bytes() } else { unit.to_le_bytes() };
    text.encode_utf16().flat_map(bytes).collect()
}

fn gb18030(text: &str) -> Vec<u8> {
    encoding_rs::GB18030.encode(text).0.into_owned()
}

/// The lines on which the rows begin.
fn lines(bytes: impl AsRef<[u8]>) -> Vec<u64> {
    let mut reader = reader(bytes.as_ref(), Options::default());
    let mut lines = Vec::new();
    while let Some(row) = reader.next().unwrap() {
        lines.push(row.place.line);
    }
    lines
}

#[test]
fn every_encoding_is_detected_with_and_without_a_byte_order_mark() {
    let marked = format!("\u{feff}{LIST}");
    for (bytes, encoding) in [
        (LIST.as_bytes().to_vec(), Encoding::Utf8),
        (marked.as_bytes().to_vec(), Encoding::Utf8),
        (utf16(LIST, false), Encoding::Utf16Le),
        (utf16(&marked, false), Encoding::Utf16Le),
        (utf16(LIST, true), Encoding::Utf16Be),
        (utf16(&marked, true), Encoding::Utf16Be),
        (gb18030(LIST), Encoding::Gb18030),
        (gb18030(&marked), Encoding::Gb18030),
    ] {
        for bytes in [gzipped(&bytes), bytes] {
            let mut reader = reader(&bytes, Options::default());
            let mut rows = Vec::new();
            while let Some(row) = reader.next().unwrap() {
                rows.push(row_text(&row));
            }
            assert_eq!(rows, ROWS, "{encoding}");
            assert_eq!(reader.formats()[0].encoding, encoding);
        }
    }
}

#[test]
fn a_late_byte_can_decide_for_gb18030() {
    let mut list = "user,group,account\n".to_owned();
    list.push_str(&"1,2,ops\n".repeat(100_000));
    list.push_str("1,2,中文\n");
    let rows = read(gb18030(&list));
    assert_eq!(rows.last().unwrap(), "user 1 host-group 2 中文");
    assert_eq!(rows, read(&list));
    // It is also reported, whether or not reading succeeds.
    for behind in [&b""[..], b"1,2,\xff\n", b"1,2,\"\n"] {
        let bytes = [&gb18030(&list), behind].concat();
        let mut reader = reader(&bytes, Options::default());
        assert_eq!(reader.next().unwrap().unwrap().number, 1);
        while reader.next().is_ok_and(|row| row.is_some()) {}
        assert_eq!(reader.formats()[0].encoding, Encoding::Gb18030);
    }
}

#[test]
fn a_given_encoding_overrides_detection() {
    let list = gb18030("user,group,account\n1,2,中文\n");
    let given = |encoding| Options { encoding: Some(encoding), ..Options::default() };
    assert!(read_with(&list, given(Encoding::Gb18030)).is_ok());
    assert_eq!(
        refused_with(&list, given(Encoding::Utf8)),
        "list.csv, line 2: byte 24 is not utf-8: save the list as UTF-8, or name its encoding \
         with --encoding"
    );
    for name in ["UTF-8", "utf_16le", "gbk", "GB18030", "utf-16be"] {
        assert!(name.parse::<Encoding>().is_ok(), "{name}");
    }
    assert!("latin1".parse::<Encoding>().is_err());
}

#[test]
fn undecodable_bytes_are_reported_with_line_and_byte() {
    let list =
        [b"user,group,account,note\n1,2,a,\"x\r\ny\"\n1,2,a,".as_slice(), b"\xff\xff\n"].concat();
    assert_eq!(
        refused(&list),
        "list.csv, line 4: neither utf-8 (wrong at byte 44) nor gb18030 (wrong at byte 44): save \
         the list as UTF-8, or name its encoding with --encoding"
    );
    let mut half = utf16("user,host,account\n1,2,3\n", false);
    half.push(b'1');
    assert!(refused(&half).starts_with("list.csv, line 3: byte 49 is not utf-16le"));
}

#[test]
fn a_last_character_that_would_be_cut_in_utf_8_is_whole_in_gb18030() {
    let list = [b"user,group,account\n1,2,".as_slice(), &gb18030("涓")].concat();
    assert!(list.ends_with(b"\xe4\xb8"));
    assert_eq!(read(list), ["user 1 host-group 2 涓"]);
}

#[test]
fn the_position_of_a_wrong_byte_is_right_late_and_inside_a_character() {
    let mut list = b"user,group,account\n".to_vec();
    for _ in 0..20_000 {
        list.extend("1,2,中文字\n".as_bytes());
    }
    let byte = list.len() + 1;
    list.extend(b"\xff\xff\n");
    let error = refused(&list);
    assert!(error.contains(&format!("neither utf-8 (wrong at byte {byte})")), "{error}");
    let options = Options { encoding: Some(Encoding::Gb18030), ..Options::default() };
    let error = refused_with(b"user,group,account\n1,2,\x81\x30a\n", options);
    assert!(error.starts_with("list.csv, line 2: byte 24 is not gb18030"), "{error}");
}

#[test]
fn one_nul_does_not_make_a_list_utf_16() {
    assert_eq!(read("user,host,account\n1\0,2,3\n"), ["invalid: control_character"]);
}

#[test]
fn lines_are_counted_with_every_sort_of_line_end() {
    let list = "user,host,account,note\n1,2,3,a\n\n1,2,3,\"b\nc\n\"\n1,2,3,d\n \n1,2,3,e";
    for end in ["\n", "\r\n", "\r"] {
        let list = list.replace('\n', end);
        assert_eq!(lines(&list), [2, 4, 7, 9], "{end:?}");
        assert_eq!(lines(utf16(&list, true)), [2, 4, 7, 9], "{end:?}");
    }
    assert_eq!(lines("\n\r\nsep=,\r\n\nuser,host,account\r1,2,3\r\r\n1,2,3"), [6, 8]);
    let object = "{\"user\":\"1\",\"host\":\"2\",\"account\":\"3\"}";
    assert_eq!(lines(format!("\n{object}\r\n\r\n{object}\r{object}")), [2, 4, 5]);
}

#[test]
fn quoted_line_ends_and_quotes_survive_byte_for_byte() {
    let list = "user,host,account,note\r\n1,2,3,\"a\r\nb\nc\rd \"\"q\"\" , \"\r\n";
    let (_, rows) = table(&[memory(list)]);
    assert_eq!(rows, [["1", "2", "3", "a\r\nb\nc\rd \"q\" , "]]);
}
