//! Any table, and anything else.

use ::csv;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::*;

/// Runs a test over the same cases each time.
pub(super) fn check<S: Strategy>(cases: u32, strategy: &S, test: impl Fn(S::Value)) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    runner
        .run(strategy, |value| {
            test(value);
            Ok(())
        })
        .unwrap();
}

/// Cells in which everything occurs that CSV must quote, and characters of every length.
fn cell() -> impl Strategy<Value = String> {
    prop_oneof!["[0-9]{1,6}", "[\"',;\t \r\na中\u{20000}]{0,6}", "[^\u{0}\u{feff}]{0,4}",]
}

fn rows() -> impl Strategy<Value = Vec<Vec<String>>> {
    prop::collection::vec(prop::collection::vec(cell(), 4), 0..8)
}

fn written(rows: &[Vec<String>], delimiter: u8, terminator: csv::Terminator) -> String {
    let mut out = csv::WriterBuilder::new();
    let mut out = out.delimiter(delimiter).terminator(terminator).from_writer(Vec::new());
    out.write_record(["user", "host", "account", "note, \"x\"; y"]).unwrap();
    for row in rows {
        out.write_record(row).unwrap();
    }
    String::from_utf8(out.into_inner().unwrap()).unwrap()
}

pub(super) fn encoded(text: &str, encoding: usize) -> Vec<u8> {
    let utf16 = |bytes: fn(u16) -> [u8; 2]| text.encode_utf16().flat_map(bytes).collect();
    match encoding {
        0 => text.into(),
        1 => format!("\u{feff}{text}").into(),
        2 => utf16(u16::to_le_bytes),
        3 => utf16(u16::to_be_bytes),
        _ => encoding_rs::GB18030.encode(text).0.into_owned(),
    }
}

#[test]
fn any_table_reads_back_in_any_encoding_separator_and_line_end() {
    let terminators =
        [csv::Terminator::CRLF, csv::Terminator::Any(b'\n'), csv::Terminator::Any(b'\r')];
    let shape = (rows(), 0..5_usize, 0..3_usize, 0..3_usize, 1..40_usize, 4..64_usize);
    check(1500, &shape, |(rows, encoding, delimiter, terminator, step, window)| {
        let text = written(&rows, b",;\t"[delimiter], terminators[terminator]);
        let bytes = encoded(&text, encoding);
        // What GB18030 writes may happen to be UTF-8, and a character it lacks is lost.
        let given = [None, None, None, None, Some(Encoding::Gb18030)][encoding];
        if encoding == 4 && encoding_rs::GB18030.encode(&text).2 {
            return;
        }
        let options = Arc::new(Options { encoding: given, ..Options::default() });
        let source = Source::memory_in_steps("list.csv", &bytes, step);
        let mut reader = Reader::new(vec![source], options);
        reader.window = window;
        for (at, row) in rows.iter().enumerate() {
            let read = reader.next().unwrap().unwrap();
            assert_eq!(read.number, at as u64 + 1);
            let cells: Vec<_> = (0..4).map(|column| read.cells.get(column)).collect();
            assert_eq!(&cells, row, "{text:?}");
            let is_plain = |cell: &&str| {
                cell.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
            };
            let joined = (delimiter == 0 && cells.iter().all(is_plain)).then(|| cells.join(","));
            assert_eq!(read.cells.plain_line(4), joined.as_deref(), "{text:?}");
            assert_eq!(read.cells.plain_line(5), None);
        }
        assert!(reader.next().unwrap().is_none());
    });
}

/// Everything that reading some bytes tells.
fn all_of(bytes: &[u8], step: usize, window: usize) -> Vec<String> {
    let source = Source::memory_in_steps("list.csv", bytes, step);
    let mut reader = Reader::new(vec![source], Arc::new(Options::default()));
    reader.window = window;
    let mut told = Vec::new();
    loop {
        match reader.next() {
            Ok(Some(row)) => {
                let cells: Vec<_> = (0..6).map(|at| row.cells.get(at)).collect();
                told.push(format!("{}: {} {cells:?}", row.place.line, row_text(&row)));
                if let RowContent::Invalid(problems) = row.content {
                    assert!(!problems.is_empty(), "an invalid row has a reason");
                    told.extend(problems.iter().map(ToString::to_string));
                }
            }
            Ok(None) => return told,
            Err(error) => told.push(error.to_string()),
        }
    }
}

/// Pieces that lists, and broken ones, are made of.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"user,host,account\n".to_vec()),
        Just(b"user;kind;target;account\r\n".to_vec()),
        Just(b"1,2,3\n".to_vec()),
        Just(b"{\"user\":\"1\",\"host\":2,\"account\":\"*\"}\n".to_vec()),
        Just(b"{\"user\":".to_vec()),
        Just("中文".as_bytes().to_vec()),
        "[\",;\t\r\n{}\\[\\]:1*\\\\ \u{0}]{1,3}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 1..4),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

#[test]
fn the_size_of_reads_does_not_change_the_result() {
    check(3000, &(soup(), 1..9_usize, 4..40_usize), |(bytes, step, window)| {
        assert_eq!(all_of(&bytes, step, window), all_of(&bytes, usize::MAX, 1 << 16));
    });
}

#[test]
fn a_list_with_any_bytes_after_its_header_is_read_without_a_panic() {
    let heads = [
        &b"user,host,account\n"[..],
        b"{\"user\":1}\n",
        b"\xff\xfeu\0s\0e\0r\0",
        b"\x1f\x8b\x08\0",
        b"",
    ];
    check(3000, &(soup(), 0..heads.len()), |(bytes, head)| {
        let bytes = [heads[head], &bytes].concat();
        // A reader that finds no end would never return from this.
        assert!(all_of(&bytes, usize::MAX, 64).len() <= bytes.len() * 16 + 16);
    });
}

#[test]
fn well_formed_csv_is_read_as_the_csv_crate_reads_it() {
    let text = "([0-9a,;]|\r\n|\n|\r|\"[a,\r\n]{0,3}\"|\"\"){0,12}";
    check(3000, &text, |text| {
        let list = format!("user,host,account\n{text}");
        let mut theirs =
            csv::ReaderBuilder::new().flexible(true).from_reader(list.as_bytes()).into_records();
        let mut ours = reader(list.as_bytes(), Options::default());
        loop {
            let row = match ours.next() {
                Ok(row) => row,
                // The crate takes what this reader refuses on purpose.
                Err(InputError::Damaged(_)) => return,
                Err(error) => panic!("{error}"),
            };
            match (row, theirs.next()) {
                (None, None) => return,
                (Some(row), Some(their)) => {
                    let their = their.unwrap();
                    for column in 0..3 {
                        assert_eq!(
                            row.cells.get(column),
                            their.get(column).unwrap_or(""),
                            "{list:?}"
                        );
                    }
                }
                (row, their) => panic!("{list:?}: {} but {their:?}", row.is_some()),
            }
        }
    });
}

#[test]
fn the_fast_path_gives_the_same_result_as_the_complete_one() {
    // Values around the border between plain and unusual; the reader compares the two itself.
    let value = prop_oneof![
        4 => "[0-9]{1,3}",
        4 => "[a-z][a-z0-9._-]{0,4}",
        2 => "[-+.0-9eE]{1,6}",
        2 => "-?[0-9]{1,2}(\\.0{0,2})?([eE]-?[0-9])?",
        1 => "[ *,\"\t_é中A-Z０-９]{0,3}",
        1 => "[a-z0-9]{30,35}",
        2 => "[a-z]{1,4} [a-z0-9._ é-]{0,4}",
        1 => Just("*".to_owned()),
        2 => Just(String::new()),
    ];
    let kind = prop_oneof![
        6 => prop::sample::select(vec!["host", "host-group", "database"]).prop_map(str::to_owned),
        1 => prop::sample::select(vec!["Host", "host ", "group", "hosts", ""]).prop_map(str::to_owned),
        1 => value.clone(),
    ];
    let mostly = |usual, rare| prop_oneof![3 => Just(usual), 1 => Just(rare), 1 => Just("")];
    let optional = (mostly("", "g-1"), mostly("i-1", "i-2"), mostly("cn-a", "cn-b"));
    let row = (value.clone(), kind, value.clone(), value, optional);
    let headers = [
        "user,kind,target,account",
        "user,kind,target,account,user_group,instance_id,region",
        "user,kind,target,account,note,instance_id,region",
        "user,kind,target,account_id,account_name,instance_id,region",
        "user,kind,target,account_name,account_id,instance_id,region",
        "user,host,group,account",
        "user,db,host,account,group,instance_id,region",
    ];
    let shape = (prop::collection::vec(row, 1..8), 0..headers.len(), any::<bool>());
    check(6000, &shape, |(rows, header, quoted)| {
        let mut list = format!("{}\n", headers[header]);
        for (user, kind, target, account, (a, b, c)) in rows {
            let fields = [&*user, &kind, &target, &account, a, b, c];
            let columns = headers[header].split(',').count();
            let quote = |field: &str| format!("\"{}\"", field.replace('"', "\"\""));
            let fields = fields.map(|field| if quoted { quote(field) } else { field.to_owned() });
            list += &fields[..columns].join(",");
            list += "\n";
        }
        all_of(list.as_bytes(), usize::MAX, 1 << 16);
    });
}
