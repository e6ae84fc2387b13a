//! The whole reader, from bytes to rows.

use std::sync::Arc;

use super::*;

/// One row as text: the grant in one line, or the codes of its problems.
fn said(row: &Row<'_>) -> String {
    match row.reading {
        Reading::Grant(grant) => {
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
        Reading::Invalid(problems) => {
            let codes: Vec<_> = problems.iter().map(|problem| problem.kind.code()).collect();
            format!("invalid: {}", codes.join(" "))
        }
    }
}

fn reader(bytes: &[u8], options: Options) -> Reader {
    Reader::new(vec![Source::memory("list.csv", bytes, usize::MAX)], Arc::new(options))
}

/// All rows, or the error that stopped the reading.
fn read_with(bytes: &[u8], options: Options) -> Result<Vec<String>, InputError> {
    let mut reader = reader(bytes, options);
    let mut rows = Vec::new();
    while let Some(row) = reader.next()? {
        rows.push(said(&row));
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
