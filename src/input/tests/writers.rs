//! Tables as common programs write them, and mistakes at known places.

use ::csv;
use ::csv::QuoteStyle::{Always, Necessary, NonNumeric};
use proptest::prelude::*;

use super::random::{check, encoded};
use super::*;

/// The formats of common programs.
#[derive(Debug, Clone, Copy)]
enum Program {
    /// "CSV UTF-8": a mark, CR LF, the separator of the country.
    Excel(u8),
    /// "Unicode text": UTF-16 with a mark, tabs, CR LF.
    ExcelUnicode,
    /// With a first line that names the separator.
    ExcelSep,
    /// "CSV (Macintosh)": CR alone.
    ExcelMac,
    /// In the encoding of a Chinese Windows.
    Wps,
    /// UTF-8, LF, text in quotes.
    LibreOffice,
    /// Windows PowerShell's `Export-Csv -Encoding Unicode`: the type first, quotes everywhere.
    PowerShell,
    /// UTF-8, CR LF, no line end after the last row.
    GoogleSheets,
}

const PROGRAMS: [Program; 10] = [
    Program::Excel(b','),
    Program::Excel(b';'),
    Program::Excel(b'\t'),
    Program::ExcelUnicode,
    Program::ExcelSep,
    Program::ExcelMac,
    Program::Wps,
    Program::LibreOffice,
    Program::PowerShell,
    Program::GoogleSheets,
];

fn written(program: Program, rows: &[Vec<String>]) -> Vec<u8> {
    let table = |delimiter: u8, end: csv::Terminator, quotes: csv::QuoteStyle| {
        let mut out = csv::WriterBuilder::new()
            .delimiter(delimiter)
            .terminator(end)
            .quote_style(quotes)
            .from_writer(Vec::new());
        for row in rows {
            out.write_record(row).unwrap();
        }
        String::from_utf8(out.into_inner().unwrap()).unwrap()
    };
    let (crlf, lf) = (csv::Terminator::CRLF, csv::Terminator::Any(b'\n'));
    match program {
        Program::Excel(delimiter) => encoded(&table(delimiter, crlf, Necessary), 1),
        Program::ExcelUnicode => encoded(&format!("\u{feff}{}", table(b'\t', crlf, Necessary)), 2),
        Program::ExcelSep => format!("sep=;\r\n{}", table(b';', crlf, Necessary)).into(),
        Program::ExcelMac => table(b',', csv::Terminator::Any(b'\r'), Necessary).into(),
        Program::Wps => encoded(&table(b',', crlf, Necessary), 4),
        Program::LibreOffice => table(b',', lf, NonNumeric).into(),
        Program::PowerShell => {
            let table = table(b',', crlf, Always);
            let head = "\u{feff}#TYPE System.Management.Automation.PSCustomObject\r\n";
            encoded(&format!("{head}{table}"), 2)
        }
        Program::GoogleSheets => table(b',', crlf, Necessary).trim_end_matches("\r\n").into(),
    }
}

/// Columns with a value of each kind, in any order, and one with any content.
fn tables() -> impl Strategy<Value = Vec<Vec<String>>> {
    let id = || "[1-9][0-9]{0,9}";
    let note = prop_oneof!["[a-z]{0,5}", "[\"',;\t \r\na中文（）]{0,6}"];
    let row = (id(), id(), "[a-z]{1,5}|中文账户|[*]", note)
        .prop_map(|(user, group, account, note)| vec![user, group, account, format!("n{note}")]);
    prop::collection::vec(row, 1..8).prop_map(|mut rows| {
        rows.insert(0, ["user", "host_group", "account", "note"].map(str::to_owned).into());
        rows
    })
}

#[test]
fn a_table_is_the_same_whichever_program_wrote_it() {
    check(800, &(tables(), 0..PROGRAMS.len()), |(rows, program)| {
        let program = PROGRAMS[program];
        let bytes = written(program, &rows);
        let (columns, read) = table(&[memory(&bytes)]);
        assert_eq!(columns, rows[0], "{program:?}");
        assert_eq!(read, rows[1..], "{program:?}");
        let mut reader = reader(&bytes, Options::default());
        while let Some(row) = reader.next().unwrap() {
            assert!(matches!(row.content, RowContent::Grant(_)), "{program:?}: {}", row_text(&row));
        }
    });
}

/// A table written cell by cell, with the counted place of one cell.
struct Written {
    text: String,
    line: u64,
    character: u64,
    /// The line on which the row of the cell begins.
    row_line: u64,
}

fn with_place(rows: &[Vec<String>], end: &str, wanted: (usize, usize)) -> Written {
    let mut written = Written { text: String::new(), line: 0, character: 0, row_line: 0 };
    let (mut line, mut character) = (1, 1);
    let mut row_line = 1;
    for (at_row, row) in rows.iter().enumerate() {
        for (at, cell) in row.iter().enumerate() {
            let is_quoted = cell.contains(['"', ',', '\n', '\r', ';']) || (at + at_row) % 3 == 0;
            let cell = cell.replace('"', "\"\"").replace('\n', end);
            let piece = if is_quoted { format!("\"{cell}\"") } else { cell };
            if (at_row, at) == wanted {
                written.line = line;
                written.character = character + u64::from(is_quoted);
                written.row_line = row_line;
            }
            written.text += &piece;
            // Counted character by character, as an editor does.
            for c in piece.replace(end, "\n").chars() {
                (line, character) = if c == '\n' { (line + 1, 1) } else { (line, character + 1) };
            }
            if at + 1 < row.len() {
                written.text.push(',');
                character += 1;
            }
        }
        written.text += end;
        (line, character) = (line + 1, 1);
        row_line = line;
    }
    written
}

#[test]
fn every_diagnostic_names_the_line_the_column_and_the_character() {
    let note = "[a\"中\u{20000}\n,]{0,5}";
    let row = (note, "[1-9]{1,3}", note, "[1-9]{1,3}", "[1-9]{1,3}");
    let rows = prop::collection::vec(row, 1..6);
    let bad =
        prop::sample::select(vec!["", "*", "1 2", "１", "1.2E+15", "1\u{a0}", "#N/A", "a\"b"]);
    let shape = (rows, any::<prop::sample::Index>(), 0..3_usize, bad, 0..3_usize, 4..80_usize);
    check(1500, &shape, |(rows, index, field, bad, end, window)| {
        let mut table =
            vec![["before", "user", "note", "host", "account"].map(str::to_owned).to_vec()];
        table.extend(rows.into_iter().map(|(a, b, c, d, e)| vec![a, b, c, d, e]));
        let row = 1 + index.index(table.len() - 1);
        let column = [1, 3, 4][field];
        if (column, bad) == (4, "*") {
            return;
        }
        bad.clone_into(&mut table[row][column]);
        let wanted = with_place(&table, ["\n", "\r\n", "\r"][end], (row, column));
        let source = Source::memory_in_steps("list.csv", wanted.text.as_bytes(), 7);
        let mut reader = Reader::new(vec![source], Arc::new(Options::default()));
        reader.window = window;
        let mut found = 0;
        while let Some(row) = reader.next().unwrap() {
            let RowContent::Invalid(problems) = row.content else { continue };
            assert_eq!(problems.len(), 1, "{:?}", wanted.text);
            let (problem, excerpt) = (&problems[0], row.excerpt(&problems[0]));
            let number = problem.column.as_ref().and_then(|column| column.number);
            assert_eq!((problem.line, number), (wanted.row_line, Some(column + 1)));
            let place = (excerpt.line, excerpt.character);
            assert_eq!(place, (wanted.line, wanted.character), "{:?}", wanted.text);
            let shown = escaped(&bad.replace('"', "\"\""));
            assert_eq!(excerpt.text[excerpt.mark.clone()], shown, "{:?}", wanted.text);
            found += 1;
        }
        assert_eq!(found, 1, "{:?}", wanted.text);
    });
}

#[test]
fn the_place_of_a_json_value_is_found_after_escapes_and_blanks() {
    let list = "{\"user\":\"1\",\"host\":\"2\",\"account\":\"3\"}\n\
        {\"no\\u0074e\": \"\\\"中\", \"user\": \"a\\u0020b\", \"host\": 2, \"account\": \"3\"}\n\
        {\"user\":\"1\",\"host\":2.5,\"account\":\"3\"}\n{\"user\":\"1\" \"host\":2}\n";
    let mut reader = reader(list.as_bytes(), Options::default());
    let mut places = Vec::new();
    while let Some(row) = reader.next().unwrap() {
        let RowContent::Invalid(problems) = row.content else { continue };
        let excerpt = row.excerpt(&problems[0]);
        let piece = excerpt.text[excerpt.mark].to_owned();
        places.push((excerpt.line, excerpt.character, piece));
    }
    assert_eq!(
        places,
        [(2, 30, "\"a\\u0020b\"".to_owned()), (3, 20, "2.5".to_owned()), (4, 13, "\"".to_owned()),]
    );
}
