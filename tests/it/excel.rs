//! An outcome for spreadsheets: no cell is executed or rewritten, and it can be fed back.

use crate::sandbox::Sandbox;

const LIST: &str = "user,host,account,\"=note\"\n\
    0012,1,1,\"=HYPERLINK(\"\"http://127.0.0.1\"\",\"\"x\"\")\"\n\
    1234567890123456,1,2,'quoted'\n\
    7,1,3,\"-1\r\nplain, text\"\n";

fn text(sandbox: &Sandbox, name: &str) -> String {
    String::from_utf8(std::fs::read(sandbox.path(name)).expect("a file")).expect("UTF-8")
}

#[test]
fn an_outcome_for_spreadsheets_is_marked_and_reads_back_as_the_plain_one() {
    let sandbox = Sandbox::new();
    let list = sandbox.file("list.csv", LIST);
    sandbox.ends(&["run", list, "--rehearse", "--out", "plain.csv"]).expect(0, "");
    sandbox.ends(&["run", list, "--rehearse", "--excel", "--out", "excel.csv"]).expect(0, "");
    let excel = text(&sandbox, "excel.csv");
    let lines: Vec<&str> = excel.split("\r\n").collect();
    assert_eq!(
        lines[0],
        "\u{feff}user,host,account,'=note,status,code,message,request_id,attempts,finished_at,\
         duplicate_of,text_mark"
    );
    assert!(lines[1].starts_with("'0012,1,1,\"'=HYPERLINK(\"\"http:"), "{}", lines[1]);
    assert!(lines[2].starts_with("'1234567890123456,1,2,''quoted',revoked,"), "{}", lines[2]);
    assert!(lines[3].starts_with("7,1,3,\"'-1"), "{}", lines[3]);
    assert!(lines[4].ends_with(",'") && lines[5].is_empty(), "each row says that it is marked");
    // No cell starts with a formula or a number that a spreadsheet would change.
    let mut table = csv::ReaderBuilder::new().has_headers(false).from_reader(excel.as_bytes());
    for cell in table
        .records()
        .flat_map(|row| row.expect("CSV").iter().map(str::to_owned).collect::<Vec<_>>())
    {
        assert!(!cell.starts_with(['=', '+', '-', '@', '\t', '\r', '0']) || cell == "0", "{cell}");
    }

    // Fed back, it gives the plain outcome.
    sandbox.ends(&["check", "excel.csv"]).expect(0, "");
    for (from, out) in [("plain.csv", "plain2.csv"), ("excel.csv", "excel2.csv")] {
        let again = ["run", from, "--rehearse", "--only", "failed", "--out", out];
        sandbox.ends(&again).expect(0, "");
    }
    let without_ids = |name: &str| -> Vec<Vec<String>> {
        let mut table = csv::Reader::from_path(sandbox.path(name)).expect("an outcome");
        let header = table.headers().expect("a header").clone();
        assert_eq!(header.len(), 11, "{header:?}");
        let mut rows = vec![header.iter().map(str::to_owned).collect()];
        let of_row = |row: csv::StringRecord| (0..7).map(|at| row[at].to_owned()).collect();
        rows.extend(table.records().map(|row| of_row(row.expect("CSV"))));
        rows
    };
    assert_eq!(without_ids("excel2.csv"), without_ids("plain2.csv"));
    let again =
        ["run", "excel.csv", "--rehearse", "--excel", "--only", "failed", "--out", "e3.csv"];
    sandbox.ends(&again).expect(0, "");
    assert_eq!(text(&sandbox, "e3.csv"), excel, "and marked once more it is what it was");
}

#[test]
fn an_outcome_saved_by_a_spreadsheet_can_be_read() {
    let sandbox = Sandbox::new();
    let list = sandbox.file("list.csv", LIST);
    sandbox.ends(&["run", list, "--rehearse", "--excel", "--out", "excel.csv"]).expect(0, "");
    let excel = text(&sandbox, "excel.csv");
    let mut table = csv::ReaderBuilder::new().has_headers(false).from_reader(excel.as_bytes());
    let mut saved = csv::WriterBuilder::new()
        .delimiter(b';')
        .terminator(csv::Terminator::CRLF)
        .from_writer(vec![]);
    // Google Sheets removes the mark when it opens the file, also from the mark's own column.
    let mut without = csv::Writer::from_writer(vec![]);
    for row in table.records() {
        let row = row.expect("CSV");
        saved.write_record(&row).expect("a row");
        let bare = row.iter().map(|cell| cell.strip_prefix('\'').unwrap_or(cell));
        without.write_record(bare).expect("a row");
    }
    sandbox.file("saved.csv", saved.into_inner().expect("CSV"));
    sandbox.file("without.csv", without.into_inner().expect("CSV"));
    for name in ["saved.csv", "without.csv"] {
        let again = ["run", name, "--rehearse", "--out", "again.csv"];
        sandbox.ends(&again).expect(0, "");
        let rows = sandbox.outcome("again.csv");
        let users: Vec<_> = rows.iter().map(|row| row["user"].as_str()).collect();
        assert_eq!(users, ["0012", "1234567890123456", "7"], "{name}");
        assert_eq!(rows[1]["=note"], "'quoted'", "{name}");
    }
}
