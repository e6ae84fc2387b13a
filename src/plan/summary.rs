//! The numbers of a plan.

use super::Plan;
use crate::grants::Item;
use crate::model::{Action, GranteeKind, Operation};
use serde::Serialize;
use std::collections::BTreeMap;

/// The numbers that `plan` prints, guards count, and a confirmation shows.
///
/// As JSON this is the schema of `plan --json`; members are only ever added.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Whether the grants are revoked or granted.
    #[serde(skip)]
    pub action: Action,
    /// Input rows, invalid ones included.
    pub rows: usize,
    /// Rows that are invalid.
    pub invalid: usize,
    /// Valid rows that are protected.
    pub protected: usize,
    /// Rows of an outcome that keep their earlier result.
    pub carried: usize,
    /// Valid rows that repeat another row or are covered by one.
    pub duplicates: usize,
    /// Different users, counted per instance.
    pub users: usize,
    /// Different user groups, counted per instance.
    pub user_groups: usize,
    /// Different hosts, host groups and databases, counted per instance.
    pub targets: usize,
    /// Revocations of a target as a whole, with every account on it.
    pub whole_targets: usize,
    /// Pairs of grantee and target of which only accounts are revoked: the grant of the target
    /// itself stays.
    pub targets_kept: usize,
    /// Distinct grants to be sent.
    pub revocations: usize,
    /// Requests by operation; operations without any are left out.
    pub requests: BTreeMap<&'static str, usize>,
    /// The minimum duration of the requests in seconds; operations run in parallel. Above the
    /// default rate the quota is unknown, and the time of slow start is included.
    pub seconds: f64,
}

/// Rows without a grant that are not invalid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Protected ones.
    pub protected: usize,
    /// Those of an outcome that keep their earlier result.
    pub carried: usize,
}

impl Summary {
    /// Counts a plan. `seconds` returns the duration of that many requests of one operation. Rows
    /// without a grant are invalid, except those in `left_out`.
    pub fn of(plan: &Plan, left_out: LeftOut, seconds: impl FnOnce(usize) -> f64) -> Self {
        let LeftOut { protected, carried } = left_out;
        let mut requests = [0_usize; Operation::ALL.len()];
        for (operation, planned) in plan.by_scope() {
            requests[operation.index()] += planned.len();
        }
        let named = Named::of(plan);
        let sent = plan.rows.asking();
        let longest = requests.iter().copied().max().unwrap_or(0);
        Self {
            action: plan.action(),
            rows: plan.rows.len(),
            invalid: plan.rows.len() - sent - protected - carried,
            protected,
            carried,
            duplicates: sent - plan.grants(),
            users: named.users,
            user_groups: named.user_groups,
            targets: named.targets,
            whole_targets: plan.whole_targets,
            targets_kept: plan.targets_kept,
            revocations: plan.grants(),
            requests: Operation::of(plan.action())
                .into_iter()
                .filter(|operation| requests[operation.index()] > 0)
                .map(|operation| (operation.name(), requests[operation.index()]))
                .collect(),
            seconds: (seconds(longest) * 10.0).ceil() / 10.0,
        }
    }

    /// All requests together.
    pub fn total_requests(&self) -> usize {
        self.requests.values().sum()
    }
}

/// The number of distinct names, counted per instance.
#[derive(Debug, Default)]
struct Named {
    users: usize,
    user_groups: usize,
    targets: usize,
}

impl Named {
    /// Counts without a set of pairs, which could be as large as the plan: each name stores the
    /// kinds it was counted as, one instance at a time.
    fn of(plan: &Plan) -> Self {
        let mut named = Self::default();
        let mut marks = Marks::none(plan);
        let contexts = plan.scopes.contexts();
        if contexts.windows(2).all(|two| two[0].instance == two[1].instance) {
            for (context, grantee, requests) in plan.scopes_from(0) {
                named.count(context.operation, grantee, plan.items_of(requests), &mut marks);
            }
            return named;
        }
        let instance = |scope: &u32| plan.scopes.context(*scope).instance;
        let mut scopes: Vec<u32> = plan.scope_numbers().collect();
        scopes.sort_by_key(instance);
        for of_instance in scopes.chunk_by(|a, b| instance(a) == instance(b)) {
            for scope in of_instance {
                let (context, grantee) = plan.scopes.of(*scope);
                let items = plan.items_of_scope(*scope);
                named.count(context.operation, grantee, items, &mut marks);
            }
            marks.clear(plan, of_instance);
        }
        named
    }

    /// Counts the names of a scope that are new.
    fn count(&mut self, operation: Operation, grantee: u32, items: &[Item], marks: &mut Marks) {
        let Operation { kind, from, .. } = operation;
        if mark(&mut marks.grantees[grantee as usize], from as u8) {
            match from {
                GranteeKind::User => self.users += 1,
                GranteeKind::UserGroup => self.user_groups += 1,
            }
        }
        for item in items {
            let is_new = mark(&mut marks.targets[item.target as usize], kind as u8);
            self.targets += usize::from(is_new);
        }
    }
}

/// For each name the kinds it was counted as, one bit each.
struct Marks {
    grantees: Vec<u8>,
    targets: Vec<u8>,
}

impl Marks {
    fn none(plan: &Plan) -> Self {
        Self { grantees: vec![0; plan.names.grantees()], targets: vec![0; plan.names.targets()] }
    }

    /// Resets the names of these scopes.
    fn clear(&mut self, plan: &Plan, scopes: &[u32]) {
        for scope in scopes {
            self.grantees[plan.scopes.of(*scope).1 as usize] = 0;
            for item in plan.items_of_scope(*scope) {
                self.targets[item.target as usize] = 0;
            }
        }
    }
}

/// Whether the mark is new.
fn mark(marks: &mut u8, kind: u8) -> bool {
    let bit = 1 << kind;
    let is_new = *marks & bit == 0;
    *marks |= bit;
    is_new
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::Collector;
    use crate::model::{Account, Grant, Grantee, Kind};
    use crate::plan::Limits;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_counted_as_sets_would_count_them() {
        let mut random = fastrand::Rng::with_seed(3);
        for instances in [1, 1, 2, 9] {
            let mut collector = Collector::default();
            let (mut holders, mut targets) = (BTreeSet::new(), BTreeSet::new());
            let [mut whole, mut pairs] = [BTreeSet::new(), BTreeSet::new()];
            for row in 0..random.usize(1..400) {
                if row % 50 == 49 {
                    collector.barrier();
                }
                let instance = random.u8(..instances).to_string();
                let from = random.choice([GranteeKind::User, GranteeKind::UserGroup]).unwrap();
                let kind = random.choice([Kind::Host, Kind::HostGroup, Kind::Database]).unwrap();
                // The same names everywhere: they differ in what they name.
                let [user, target] = [9, 30].map(|most| random.u8(..most).to_string());
                let account = random.u8(..25).to_string();
                let is_whole = account == "0";
                let grant = Grant {
                    instance_id: &instance,
                    region: "r",
                    grantee: Grantee { kind: from, id: &user },
                    kind,
                    target: &target,
                    account: if is_whole { Account::Whole } else { Account::Named(&account) },
                };
                collector.push(&grant).unwrap();
                holders.insert((instance.clone(), from, user.clone()));
                targets.insert((instance.clone(), kind, target.clone()));
                let pair = (row / 50, instance, from, user, kind, target);
                if is_whole {
                    whole.insert(pair)
                } else {
                    pairs.insert(pair)
                };
            }
            // So small that scopes have several requests.
            let limits = Limits { targets: 2, accounts: 2 };
            let plan = Plan::with_limits(collector.finish(), limits);
            let summary = Summary::of(&plan, LeftOut::default(), |_| 1.0);
            let users = holders.iter().filter(|holder| holder.1 == GranteeKind::User).count();
            assert_eq!(summary.users, users);
            assert_eq!(summary.user_groups, holders.len() - users);
            assert_eq!(summary.targets, targets.len());
            assert_eq!(summary.whole_targets, whole.len());
            assert_eq!(summary.targets_kept, pairs.difference(&whole).count());
            finds_the_requests_of_each_operation(&plan);
        }
    }

    fn finds_the_requests_of_each_operation(plan: &Plan) {
        for operation in Operation::ALL {
            for from in 0..=plan.requests() {
                let is_one = |request: &usize| plan.operation_of(*request) == operation;
                let expected = (from..plan.requests()).filter(is_one);
                assert!(plan.requests_from(from, operation).eq(expected));
            }
        }
    }
}
