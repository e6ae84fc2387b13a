//! The functions that receive bytes from outside. The fuzz targets call them with the fuzzer's
//! input; `tests/it/fuzz_entry.rs` calls them with the same random bytes each time.

use bastion_revoke::api::response::{Judgement, judge};
use bastion_revoke::input::{Options, Problem, Reader, Report, RowContent, Source};
use bastion_revoke::model::{
    Accounts, Entries, Entry, Grantee, GranteeKind, Kind, Request, Status, UpToTen,
};
use bastion_revoke::report::findings;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

/// A list: CSV or JSON Lines, in any encoding, compressed or not. It is read twice, as in a run,
/// and must give the same result both times.
pub(super) fn list(bytes: &[u8], scratch: &Arc<File>) {
    scratch.set_len(0).and_then(|()| scratch.write_all_at(bytes, 0)).expect("a scratch file");
    let read = |columns: Vec<String>| {
        let source = Source::segment("-", Arc::clone(scratch), 0, bytes.len() as u64);
        let mut reader = Reader::with_columns(vec![source], Arc::new(Options::default()), columns);
        let mut rows = Vec::new();
        let mut report = Report::new();
        loop {
            match reader.next() {
                Ok(Some(row)) => rows.push(match row.content {
                    RowContent::Grant(grant) => {
                        assert!(!grant.target.is_empty() && grant.target != "*", "{grant:?}");
                        assert!(!grant.grantee.id.is_empty(), "{grant:?}");
                        format!("{grant:?}")
                    }
                    RowContent::Invalid(problems) => {
                        assert!(!problems.is_empty(), "an invalid row has a reason");
                        report.add(&row, problems);
                        let messages = problems.iter().map(Problem::message);
                        messages.collect::<Vec<_>>().join("; ")
                    }
                    RowContent::Unresolved(queries) => format!("{queries:?}"),
                    RowContent::Carried(status) => format!("{status}"),
                }),
                Ok(None) => break,
                Err(error) => {
                    rows.push(findings::stopped(&error, false));
                    assert!(matches!(reader.next(), Ok(None)), "an error ends the reading");
                    break;
                }
            }
        }
        report.add_list_findings(reader.list_findings());
        let said = findings::everything(&report, false);
        let is_plain = |c: char| c == '\n' || !c.is_control();
        assert!(said.chars().all(is_plain), "{said:?}");
        (rows, reader.columns().to_vec())
    };
    let (first, columns) = read(Vec::new());
    let (second, _) = read(columns);
    assert_eq!(first, second, "two passes read the same");
}

/// A request whose answer is judged: a whole target, and three accounts of two others.
pub(super) fn request() -> Request {
    let listed = |names: &[&str]| {
        let names = names.iter().map(|name| (*name).into()).collect();
        Accounts::Listed(UpToTen::new(names).expect("one or two"))
    };
    let entry = |target: &str, accounts| Entry { target: target.into(), accounts };
    let entries = vec![
        entry("1", Accounts::Whole),
        entry("2", listed(&["3", "4"])),
        entry("5", listed(&["6"])),
    ];
    Request {
        action: bastion_revoke::model::Action::Detach,
        instance_id: "i-1".to_owned(),
        region: "cn-hangzhou".to_owned(),
        grantee: Grantee { kind: GranteeKind::User, id: "7".to_owned() },
        kind: Kind::Host,
        entries: Entries::new(entries).expect("three targets"),
    }
}

/// An answer to an accepted request: which of the four grants are revoked.
pub(super) fn answer(bytes: &[u8]) -> [bool; 4] {
    let request = request();
    match judge(&request, 200, bytes) {
        Judgement::Items { items, .. } => {
            assert_eq!(items.len(), request.grants(), "one answer for each grant");
            std::array::from_fn(|at| items[at].status == Status::Revoked)
        }
        Judgement::Refused { .. } => [false; 4],
    }
}

/// An answer to a refused request: it never revokes anything.
pub(super) fn error_body(bytes: &[u8]) {
    for status in [100, 302, 400, 403, 404, 429, 500, 502, 503] {
        match judge(&request(), status, bytes) {
            Judgement::Refused { code, .. } => {
                assert!(!code.is_empty(), "a refusal has a name");
            }
            Judgement::Items { .. } => panic!("items under HTTP status {status}"),
        }
    }
}
