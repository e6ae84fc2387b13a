//! Compares plans with definitions that share no code with them: sets, and every possible packing.

use super::*;
use crate::grants::Collector;
use crate::model::{Grant, GranteeKind, Kind};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// (user, target, account), where no account is the whole target.
type Row = (u8, u8, Option<u8>);

fn plan_of(rows: &[Row], limits: Limits) -> Plan {
    Plan::with_limits(grants_of(rows), limits)
}

fn grants_of(rows: &[Row]) -> Grants {
    let mut collector = Collector::default();
    for (user, target, account) in rows {
        let (user, target) = (format!("u{user}"), format!("t{target}"));
        let account = account.map(|account| format!("a{account}"));
        let grant = Grant {
            instance_id: "i",
            region: "r",
            grantee: Grantee { kind: GranteeKind::User, id: &user },
            kind: Kind::Host,
            target: &target,
            account: account.as_deref().map_or(Account::Whole, Account::Named),
        };
        collector.push(&grant).unwrap();
    }
    collector.finish()
}

/// What must be revoked, by user and target; `None` is the whole target.
fn wanted(rows: &[Row]) -> BTreeMap<u8, BTreeMap<u8, Option<BTreeSet<u8>>>> {
    let mut wanted: BTreeMap<u8, BTreeMap<u8, Option<BTreeSet<u8>>>> = BTreeMap::new();
    for (user, target, account) in rows {
        let accounts =
            wanted.entry(*user).or_default().entry(*target).or_insert(Some(BTreeSet::new()));
        match account {
            Some(account) => drop(accounts.as_mut().map(|set| set.insert(*account))),
            None => *accounts = None,
        }
    }
    wanted
}

/// Whether the items fit into these requests, by trying each item in each request.
fn fits(items: &[u8], requests: &mut Vec<BTreeMap<u8, usize>>, limits: Limits) -> bool {
    let Some((target, rest)) = items.split_first() else { return true };
    (0..requests.len()).any(|at| {
        let held = requests[at].get(target).copied().unwrap_or(0);
        let room =
            if held == 0 { requests[at].len() < limits.targets } else { held < limits.accounts };
        if !room {
            return false;
        }
        requests[at].insert(*target, held + 1);
        let found = fits(rest, requests, limits);
        if held == 0 {
            requests[at].remove(target);
        } else {
            requests[at].insert(*target, held);
        }
        found
    })
}

/// The fewest requests by trying every way to put each account into a request.
fn optimum(targets: &BTreeMap<u8, Option<BTreeSet<u8>>>, limits: Limits) -> usize {
    let items: Vec<u8> = targets
        .iter()
        .flat_map(|(target, accounts)| {
            std::iter::repeat_n(*target, accounts.as_ref().map_or(1, BTreeSet::len))
        })
        .collect();
    (0..=items.len())
        .find(|n| fits(&items, &mut vec![BTreeMap::new(); *n], limits))
        .expect("one request an item always fits")
}

/// Each grant asked for is in exactly one request, and there is no other grant.
fn check_exact(rows: &[Row], plan: &Plan) {
    let mut sent: BTreeSet<(String, String, Option<String>)> = BTreeSet::new();
    let mut next = 0;
    for request in 0..plan.requests() {
        let range = plan.grants_of(request);
        assert_eq!(range.start, next, "grants are numbered request by request");
        next = range.end;
        let built = plan.request(request).expect("a planned request is within the limits");
        assert_eq!(built.grants(), range.len());
        for ((target, account), grant) in built.items().zip(range) {
            assert_eq!(plan.item(grant), (target, account), "items follow the grants' numbers");
            assert_eq!(plan.request_of(grant), request);
            let account = match account {
                Account::Whole => None,
                Account::Named(name) => Some(name.to_owned()),
            };
            let fresh = sent.insert((built.grantee.id.clone(), target.to_owned(), account));
            assert!(fresh, "a grant is sent once");
        }
    }
    let expected: BTreeSet<_> = wanted(rows)
        .into_iter()
        .flat_map(|(user, targets)| {
            targets.into_iter().flat_map(move |(target, accounts)| {
                let of = move |account: Option<u8>| {
                    let account = account.map(|a| format!("a{a}"));
                    (format!("u{user}"), format!("t{target}"), account)
                };
                match accounts {
                    None => vec![of(None)],
                    Some(names) => names.into_iter().map(|a| of(Some(a))).collect(),
                }
            })
        })
        .collect();
    assert_eq!(sent, expected);
}

fn rows(users: u8, targets: u8, accounts: u8, most: usize) -> impl Strategy<Value = Vec<Row>> {
    let account = prop_oneof![1 => Just(None), 12 => (0..accounts).prop_map(Some)];
    proptest::collection::vec((0..users, 0..targets, account), 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 600,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(2026),
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_packing_has_fewer_requests(rows in rows(2, 4, 4, 10)) {
        let limits = Limits { targets: 2, accounts: 2 };
        let fewest: usize = wanted(&rows).values().map(|targets| optimum(targets, limits)).sum();
        prop_assert_eq!(plan_of(&rows, limits).requests(), fewest);
    }

    #[test]
    fn everything_asked_for_is_sent_once_and_nothing_else(rows in rows(3, 30, 40, 400)) {
        let plan = plan_of(&rows, Limits::API);
        check_exact(&rows, &plan);
        let by_formula: usize = wanted(&rows).values().map(|targets| {
            let entries = targets.values().map(|a| a.as_ref().map_or(1, |a| a.len().div_ceil(10)));
            entries.clone().sum::<usize>().div_ceil(10).max(entries.max().unwrap_or(0))
        }).sum();
        prop_assert_eq!(plan.requests(), by_formula);
    }

    #[test]
    fn two_threads_make_the_same_plan_as_one(rows in rows(8, 4, 14, 200)) {
        let [one, two] = [false, true].map(|in_two| {
            let plan = build::build_in(grants_of(&rows), Limits::API, in_two);
            check_exact(&rows, &plan);
            format!("{plan:?}")
        });
        prop_assert_eq!(one, two);
    }

    #[test]
    fn a_row_points_to_the_row_that_stands_for_it(rows in rows(2, 4, 4, 60)) {
        let plan = plan_of(&rows, Limits::API);
        for (number, (user, target, account)) in rows.iter().enumerate() {
            let (_, standing) = plan.rows().get(number).expect("every row here is valid");
            let whole = rows.iter().position(|row| *row == (*user, *target, None));
            let first = rows.iter().position(|row| *row == (*user, *target, *account));
            prop_assert_eq!(Some(standing), whole.or(first));
        }
    }

    #[test]
    fn any_part_of_a_plan_can_be_packed_again(rows in rows(1, 12, 40, 300), keep in 0_u32..7) {
        let plan = plan_of(&rows, Limits::API);
        let some: Vec<GrantId> = (0..u32::try_from(plan.grants()).unwrap())
            .filter(|grant| grant % 7 != keep).collect();
        let packed = plan.repack(some.clone());
        let mut again: Vec<GrantId> = packed.iter().flatten().copied().collect();
        for request in packed {
            prop_assert!(plan.request_for(0, request).is_ok());
        }
        again.sort_unstable();
        prop_assert_eq!(again, some);
    }
}

/// Grants of `accounts` accounts on one target of a kind, to be given.
fn attach_plan(kind: Kind, from: GranteeKind, accounts: usize) -> Plan {
    let mut collector = Collector::default();
    for name in (0..accounts).map(|n| n.to_string()) {
        let grant = Grant {
            instance_id: "i",
            region: "r",
            grantee: Grantee { kind: from, id: "u" },
            kind,
            target: "t",
            account: Account::Named(&name),
        };
        collector.push(&grant).unwrap();
    }
    Plan::new(collector.finish().with_action(Action::Attach))
}

#[test]
fn only_attach_host_accounts_to_user_takes_nine_accounts_of_a_target() {
    for operation in Operation::of(Action::Attach) {
        let Operation { kind, from, .. } = operation;
        let is_host_of_user = (kind, from) == (Kind::Host, GranteeKind::User);
        let most = if is_host_of_user { 9 } else { 10 };
        let plan = attach_plan(kind, from, 31);
        assert_eq!(plan.requests(), 4);
        assert_eq!(plan.operation_of(0), operation);
        for request in 0..plan.requests() {
            let request = plan.request(request).unwrap();
            assert_eq!(request.operation(), operation);
            assert!(request.grants() <= most, "{operation}: {}", request.grants());
        }
        let all = plan.repack((0..31).collect());
        assert!(all.iter().all(|grants| grants.len() <= most), "{operation}: {all:?}");
        assert_eq!(attach_plan(kind, from, most).requests(), 1);
        assert_eq!(attach_plan(kind, from, most + 1).requests(), 2);
    }
}

#[test]
fn five_thousand_accounts_on_one_target_need_five_hundred_requests() {
    let mut collector = Collector::default();
    let names: Vec<String> = (0..5000).map(|n| n.to_string()).collect();
    for name in &names {
        let grant = Grant {
            instance_id: "i",
            region: "r",
            grantee: Grantee { kind: GranteeKind::User, id: "u" },
            kind: Kind::Database,
            target: "t",
            account: Account::Named(name),
        };
        collector.push(&grant).unwrap();
    }
    assert_eq!(Plan::new(collector.finish()).requests(), 500);
}
