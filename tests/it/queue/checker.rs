//! What must always hold: one outcome for each entry, no row wrongly reported as revoked, nothing
//! revoked that no row names, and nothing left pending.

use super::server::{Connection, Fields};
use bastion_revoke::sim::Audit;
use std::collections::{BTreeMap, BTreeSet};

/// The grant of a row: user, target, account.
pub(crate) type Reservation = (String, String, String);

/// Checks the final state of a test with rows. Returns the number of outcomes by status.
#[track_caller]
pub(crate) fn check(
    redis: &mut Connection,
    stream: &str,
    asked: &BTreeMap<String, Option<Reservation>>,
    audit: &Audit,
) -> BTreeMap<String, usize> {
    let outcomes = redis.entries(&format!("{{{stream}}}:outcomes"));
    let mut by_row: BTreeMap<String, Vec<Fields>> = BTreeMap::new();
    for (_, outcome) in outcomes {
        by_row.entry(outcome["id"].clone()).or_default().push(outcome);
    }
    let rows: BTreeSet<&String> = asked.keys().collect();
    assert_eq!(by_row.keys().collect::<BTreeSet<_>>(), rows, "an outcome for every row");
    for (id, outcomes) in &by_row {
        assert_eq!(outcomes.len(), 1, "one outcome for {id}: {outcomes:?}");
    }
    let removed: BTreeSet<Reservation> = audit
        .removed
        .iter()
        .map(|grant| {
            let account = grant.account.clone().unwrap_or_else(|| "*".to_owned());
            (grant.grantee.clone(), grant.target.clone(), account)
        })
        .collect();
    let mut counts = BTreeMap::new();
    for (id, outcomes) in &by_row {
        let status = outcomes[0]["status"].clone();
        let ask = &asked[id];
        match (status.as_str(), ask) {
            ("revoked", Some(ask)) => assert!(removed.contains(ask), "{ask:?} is still there"),
            ("revoked", None) => panic!("{id} asks for nothing: {outcomes:?}"),
            _ => {}
        }
        *counts.entry(status).or_default() += 1;
    }
    let wanted: BTreeSet<&Reservation> = asked.values().flatten().collect();
    let foreign: Vec<&Reservation> = removed.iter().filter(|ask| !wanted.contains(ask)).collect();
    assert!(foreign.is_empty(), "no row names {foreign:?}");
    is_clean(redis, stream);
    counts
}

/// Nothing is left in the stream, pending, or in the hashes beside it.
#[track_caller]
pub(crate) fn is_clean(redis: &mut Connection, stream: &str) {
    let pending: (u64, Option<String>, Option<String>, redis::Value) =
        redis.ask(&["XPENDING", stream, "bastion-revoke"]);
    assert_eq!(pending.0, 0, "entries are pending");
    assert_eq!(redis.ask::<u64>(&["XLEN", stream]), 0, "entries are left");
    for hash in ["attempts", "units"] {
        let left: BTreeMap<String, String> =
            redis.ask(&["HGETALL", &format!("{{{stream}}}:{hash}")]);
        assert!(left.is_empty(), "{hash}: {left:?}");
    }
}
