//! Tables as CSV.

/// A table as CSV with its header.
///
/// # Panics
///
/// Never: the records of an array have one length, and memory takes every write.
#[expect(clippy::expect_used, reason = "a vector takes every write")]
pub fn csv_text<'a, const N: usize>(
    columns: [&str; N],
    rows: impl IntoIterator<Item = &'a [String; N]>,
) -> Vec<u8> {
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(columns).expect("a vector takes every write");
    for row in rows {
        table.write_record(row).expect("a vector takes every write");
    }
    table.into_inner().expect("a vector takes every write")
}
