//! Which grants are chosen, and the reasons for the others.

use super::*;
use crate::grants::Collector;
use crate::ledger::{AttemptResult, AttemptState, Exception, GrantSet};
use crate::model::{Grant, Grantee, GranteeKind, Kind};
use jiff::Timestamp;

fn key(target: &str) -> TargetKey {
    TargetKey {
        instance_id: "i".to_owned(),
        region: "r".to_owned(),
        grantee: Grantee { kind: GranteeKind::User, id: "7".to_owned() },
        kind: Kind::Host,
        target: target.to_owned(),
    }
}

fn account(name: &str) -> Account {
    if name == "*" { Account::Whole } else { Account::Named(name.to_owned()) }
}

fn held(target: &str, is_granted: Option<bool>, accounts: &[&str], reason: &str) -> HeldTarget {
    HeldTarget {
        key: key(target),
        is_granted,
        accounts: accounts.iter().map(|name| (*name).to_owned()).collect(),
        reason: Some(reason.to_owned()).filter(|reason| !reason.is_empty()),
    }
}

/// A run of these rows; all are revoked but those with another status.
fn removed(rows: &[(&str, &str, Status)]) -> Removed {
    let mut collector = Collector::default();
    for (target, name, _) in rows {
        let grantee = Grantee { kind: GranteeKind::User, id: "7" };
        let account = if *name == "*" { Account::Whole } else { Account::Named(*name) };
        let (instance_id, region, kind) = ("i", "r", Kind::Host);
        let grant = Grant { instance_id, region, grantee, kind, target, account };
        collector.push(&grant).unwrap();
    }
    let plan = Plan::new(collector.finish());
    let mut verdicts = Verdicts::new(plan.grants());
    for id in verdicts.all() {
        let (target, of_plan) = plan.item(id);
        let name = if let Account::Named(name) = of_plan { name } else { "*" };
        let row = rows.iter().find(|row| (row.0, row.1) == (target, name)).unwrap();
        let exception = Exception { place: 0, status: row.2, code: "C".into(), message: "".into() };
        let result = AttemptResult {
            state: AttemptState::Answered,
            last: true,
            code: "OK".into(),
            message: String::new(),
            request_id: String::new(),
            finished_at: Timestamp::UNIX_EPOCH,
            exceptions: if row.2 == Status::Revoked { vec![] } else { vec![exception] },
        };
        verdicts.record(&GrantSet::range(id..id + 1), &result);
    }
    Removed::of(&plan, &verdicts)
}

/// The grants that are chosen, as `target account`, and the reasons for the others.
fn chosen(
    rows: &[(&str, &str)],
    removed: &Removed,
    snapshot: &[HeldTarget],
) -> (Vec<String>, Vec<String>) {
    let rows = (1..).zip(rows).map(|(number, (target, name))| OutcomeRow {
        number,
        key: key(target),
        account: account(name),
    });
    let selection = select(rows.collect(), removed, snapshot);
    shown(&selection)
}

fn shown(selection: &Selection) -> (Vec<String>, Vec<String>) {
    let grants = selection
        .grants
        .iter()
        .map(|grant| format!("{} {}", grant.key.target, named(&grant.account).unwrap_or("*")));
    let reasons = selection.left_out.iter().map(|left| left.reason.clone());
    (grants.collect(), reasons.collect())
}

const REVOKED: Status = Status::Revoked;

#[test]
fn a_whole_target_comes_back_with_the_accounts_that_the_snapshot_has() {
    let removed = removed(&[("1", "*", REVOKED), ("2", "*", REVOKED), ("3", "a", REVOKED)]);
    let snapshot = [
        held("1", Some(true), &["a", "b"], ""),
        held("2", Some(true), &[], ""),
        held("3", Some(true), &["a", "b"], ""),
    ];
    let rows = [("1", "*"), ("1", "a"), ("2", "*"), ("3", "a"), ("3", "a")];
    let (grants, reasons) = chosen(&rows, &removed, &snapshot);
    assert_eq!(grants, ["1 a", "1 b", "2 *", "3 a"]);
    assert!(reasons.is_empty(), "{reasons:?}");
    // A row that the whole target stands for brings back its own account only.
    assert_eq!(chosen(&[("1", "a")], &removed, &snapshot).0, ["1 a"]);
}

#[test]
fn what_the_run_is_not_known_to_have_removed_is_left_out() {
    // A lost answer may have been that of the revocation, so such a grant is missing.
    let absent = removed(&[("1", "a", Status::AlreadyAbsent)]);
    let (grants, reasons) = chosen(&[("1", "a")], &absent, &[held("1", Some(true), &["a"], "")]);
    assert!(grants.is_empty() && reasons == [REMOVED_UNSEEN], "{reasons:?}");
    let (_, reasons) = chosen(&[("1", "a")], &absent, &[held("1", Some(true), &[], "")]);
    assert_eq!(reasons, [not_removed(Status::AlreadyAbsent)], "it was absent before, too");
    let all = [Status::NotFound, Status::Failed, Status::Unknown];
    for status in all {
        let removed = removed(&[("1", "a", status)]);
        let snapshot = [held("1", Some(true), &["a"], "")];
        let (grants, reasons) = chosen(&[("1", "a")], &removed, &snapshot);
        assert!(grants.is_empty(), "{status}");
        assert_eq!(reasons, [not_removed(status)]);
    }
    let removed = removed(&[("1", "a", REVOKED)]);
    let snapshot = [held("1", Some(true), &["a", "b"], ""), held("2", Some(true), &["a"], "")];
    let (grants, reasons) = chosen(&[("1", "b"), ("2", "a"), ("1", "*")], &removed, &snapshot);
    assert!(grants.is_empty(), "{grants:?}");
    assert_eq!(reasons, ["the run did not send it"; 3]);
}

#[test]
fn what_the_snapshot_lacks_is_left_out() {
    let removed = removed(&[
        ("1", "a", REVOKED),
        ("2", "a", REVOKED),
        ("3", "*", REVOKED),
        ("4", "*", REVOKED),
        ("5", "b", REVOKED),
    ]);
    let snapshot = [
        held("1", Some(true), &["b"], ""),
        held("2", Some(false), &[], ""),
        held("3", None, &[], "NoPermission"),
        held("4", Some(true), &["a"], "page 2 is empty"),
        held("5", Some(true), &["a"], "page 2 is empty"),
    ];
    let rows = [("1", "a"), ("2", "a"), ("3", "*"), ("4", "*"), ("5", "b")];
    let (grants, reasons) = chosen(&rows, &removed, &snapshot);
    assert_eq!(grants, ["4 a"]);
    assert_eq!(
        reasons,
        [
            "it was not granted, according to the snapshot",
            "it was not granted, according to the snapshot",
            "the snapshot does not have it: NoPermission",
            "accounts may be missing in the snapshot: page 2 is empty",
            "the snapshot does not have it: page 2 is empty",
        ]
    );
    assert_eq!(chosen(&[("1", "a")], &removed, &[]).1, ["the snapshot does not have it"]);
}

#[test]
fn accounts_of_a_whole_target_that_are_still_listed_are_left_out() {
    let removed = removed(&[("1", "*", REVOKED), ("2", "*", REVOKED), ("3", "a", REVOKED)]);
    let snapshot = [
        held("1", Some(true), &["a", "b"], ""),
        held("2", Some(true), &["a"], ""),
        held("3", Some(true), &["a"], ""),
    ];
    let rows = [("1", "*"), ("2", "*"), ("3", "a")];
    let rows = (1..).zip(rows).map(|(number, (target, name))| OutcomeRow {
        number,
        key: key(target),
        account: account(name),
    });
    let mut selection = select(rows.collect(), &removed, &snapshot);
    let scopes = selection.still_listed_scopes();
    let asked: Vec<String> =
        scopes.iter().flat_map(HeldScope::keys).map(|(key, _)| key.target).collect();
    assert_eq!(asked, ["1", "2"], "the API named the account of target 3 itself");
    let now = [held("1", Some(true), &["b"], ""), held("2", Some(true), &[], "NoPermission")];
    assert!(selection.is_still_listed(&now[0]) && !selection.is_still_listed(&now[1]));
    selection.leave_out_still_listed(&now);
    let (grants, reasons) = shown(&selection);
    assert_eq!(grants, ["1 a", "2 *", "3 a"], "target 2 was granted in any case");
    assert!(reasons[0].starts_with("still listed after the revocation"), "{reasons:?}");
    assert!(reasons[1].starts_with("it cannot be read whether"), "{reasons:?}");
}

#[test]
fn a_grant_that_a_list_cannot_express_is_left_out() {
    let removed = removed(&[("1", "*", REVOKED)]);
    let snapshot = [held("1", Some(true), &["*", " a", "NULL", "root"], "")];
    let row = OutcomeRow { number: 1, key: key("1"), account: Account::Whole };
    let mut selection = select(vec![row], &removed, &snapshot);
    selection.leave_out_unusable().unwrap();
    let (grants, reasons) = shown(&selection);
    assert_eq!(grants, ["1 root"]);
    assert!(reasons.iter().all(|reason| reason.starts_with("no list can express it")));
    let table = String::from_utf8(selection.left_out_table()).unwrap();
    assert!(table.contains("\n1,7,,host,1,NULL,i,r,"), "{table}");
}
