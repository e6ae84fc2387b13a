//! The whole reader, from bytes to rows.

use std::sync::Arc;

use super::*;

mod damage;
mod headers;
mod json;
mod names;
mod placeholders;
mod places;
mod random;
mod samples;
mod values;
mod warnings;
mod writers;

/// One row as text: the grant in one line, or the codes of its problems.
fn row_text(row: &Row<'_>) -> String {
    match row.content {
        RowContent::Grant(grant) => {
            let account = match grant.account {
                crate::model::Account::Whole => "whole",
                crate::model::Account::Named(name) => name,
            };
            let instance = if grant.instance_id.is_empty() {
                String::new()
            } else {
                format!(" in {}/{}", grant.instance_id, grant.region)
            };
            format!(
                "{} {} {} {} {account}{instance}",
                grant.grantee.kind.name(),
                grant.grantee.id,
                grant.kind,
                grant.target
            )
        }
        RowContent::Invalid(problems) => {
            let codes: Vec<_> = problems.iter().map(|problem| problem.kind.code()).collect();
            format!("invalid: {}", codes.join(" "))
        }
        RowContent::Unresolved(queries) => {
            let names: Vec<_> = queries.iter().map(ToString::to_string).collect();
            format!("unresolved: {}", names.join(" + "))
        }
        RowContent::Carried(status) => format!("carried: {status}"),
    }
}

fn reader(bytes: &[u8], options: Options) -> Reader {
    Reader::new(vec![Source::memory_in_steps("list.csv", bytes, usize::MAX)], Arc::new(options))
}

/// All rows, or the error that stopped the reading.
fn read_with(bytes: &[u8], options: Options) -> Result<Vec<String>, InputError> {
    let mut reader = reader(bytes, options);
    let mut rows = Vec::new();
    while let Some(row) = reader.next()? {
        rows.push(row_text(&row));
    }
    Ok(rows)
}

fn read(bytes: impl AsRef<[u8]>) -> Vec<String> {
    read_with(bytes.as_ref(), Options::default()).unwrap()
}

#[test]
fn a_row_names_a_grant() {
    assert_eq!(read("user,kind,target,account\n1,host,2,3\n"), ["user 1 host 2 3"]);
    assert_eq!(
        read("{\"user\":\"1\",\"kind\":\"host\",\"target\":2,\"account\":\"*\"}\n"),
        ["user 1 host 2 whole"]
    );
}

/// What stopped the reading, as text.
fn refused(bytes: impl AsRef<[u8]>) -> String {
    refused_with(bytes.as_ref(), Options::default())
}

fn refused_with(bytes: &[u8], options: Options) -> String {
    match read_with(bytes, options) {
        Ok(rows) => panic!("read: {rows:?}"),
        Err(error) => error.to_string(),
    }
}

/// The problems of all invalid rows, as people read them.
fn problems(bytes: impl AsRef<[u8]>) -> Vec<String> {
    let mut reader = reader(bytes.as_ref(), Options::default());
    let mut messages = Vec::new();
    while let Some(row) = reader.next().unwrap() {
        if let RowContent::Invalid(problems) = row.content {
            messages.extend(problems.iter().map(ToString::to_string));
        }
    }
    messages
}

fn mapped(map: &[(Field, &str)]) -> Options {
    let map = map.iter().map(|&(field, column)| (field, column.to_owned())).collect();
    Options { map, ..Options::default() }
}

/// Columns, and the cells of every row in their order, read in two passes as a run does.
fn table(sources: &[Source]) -> (Vec<String>, Vec<Vec<String>>) {
    let options = Arc::new(Options::default());
    let mut first = Reader::new(sources.to_vec(), Arc::clone(&options));
    while first.next().unwrap().is_some() {}
    let columns = first.columns().to_vec();
    let mut second = Reader::with_columns(sources.to_vec(), options, columns.clone());
    let mut rows = Vec::new();
    while let Some(row) = second.next().unwrap() {
        rows.push((0..columns.len()).map(|at| row.cells.get(at).to_owned()).collect());
    }
    assert_eq!(second.columns(), columns, "the second pass finds no other columns");
    (columns, rows)
}

fn memory(bytes: impl AsRef<[u8]>) -> Source {
    Source::memory_in_steps("list.csv", bytes.as_ref(), usize::MAX)
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}
