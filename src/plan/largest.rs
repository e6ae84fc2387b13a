//! The parts of a plan to check before confirming: the grantees who lose most, and whole targets.

use super::Plan;
use crate::model::{Account, Grantee, Kind};
use std::collections::HashMap;

/// The maximum number of grantees and of whole targets shown.
pub const NAMED: usize = 5;

/// A grantee and the number of its revocations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AffectedGrantee<'a> {
    /// The bastion host.
    pub instance_id: &'a str,
    /// A user or a user group.
    pub grantee: Grantee<&'a str>,
    /// Planned revocations, of all kinds.
    pub revocations: usize,
}

/// A target that a grantee loses with every account on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WholeTarget<'a> {
    /// Who loses it.
    pub grantee: Grantee<&'a str>,
    /// The kind of the target.
    pub kind: Kind,
    /// Its id.
    pub target: &'a str,
}

/// What the user should check before confirming.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Largest<'a> {
    /// The grantees with the most revocations, largest first; equal ones in the order of the plan.
    pub most_affected: Vec<AffectedGrantee<'a>>,
    /// The first whole targets, in the order of the plan.
    pub whole_targets: Vec<WholeTarget<'a>>,
}

impl<'a> Largest<'a> {
    /// Finds them in a plan.
    pub fn of(plan: &'a Plan) -> Self {
        let mut places = HashMap::new();
        let mut most_affected: Vec<AffectedGrantee<'a>> = Vec::new();
        let mut whole_targets = Vec::new();
        for request in 0..plan.requests() {
            let scope = plan.scope_names(request);
            let (instance_id, grantee) = (scope.instance_id, scope.grantee);
            let place = *places.entry((instance_id, grantee)).or_insert(most_affected.len());
            if place == most_affected.len() {
                most_affected.push(AffectedGrantee { instance_id, grantee, revocations: 0 });
            }
            most_affected[place].revocations += plan.grants_of(request).len();
            if whole_targets.len() >= NAMED {
                continue;
            }
            for grant in plan.grants_of(request) {
                if let (target, Account::Whole) = plan.item(grant) {
                    whole_targets.push(WholeTarget { grantee, kind: scope.kind, target });
                }
            }
        }
        whole_targets.truncate(NAMED);
        // Stable: equal ones keep their order.
        most_affected.sort_by_key(|affected| std::cmp::Reverse(affected.revocations));
        most_affected.truncate(NAMED);
        Self { most_affected, whole_targets }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::Collector;
    use crate::model::{Grant, GranteeKind};

    #[test]
    fn the_grantees_with_most_revocations_come_first_over_all_kinds() {
        let mut collector = Collector::default();
        let mut add = |user, kind, target: &str, account| {
            let grantee = Grantee { kind: GranteeKind::User, id: user };
            let (instance_id, region) = ("i", "r");
            let grant = Grant { instance_id, region, grantee, kind, target, account };
            collector.push(&grant).expect("room for it");
        };
        for target in 0..7 {
            add("few", Kind::Host, &target.to_string(), Account::Named("1"));
        }
        for target in 0..6 {
            add("most", Kind::Host, &target.to_string(), Account::Whole);
            add("most", Kind::Database, &target.to_string(), Account::Named("1"));
        }
        for user in ["a", "b", "c", "d"] {
            add(user, Kind::Host, "9", Account::Named("1"));
        }
        let plan = Plan::new(collector.finish());
        let largest = Largest::of(&plan);
        let most_affected: Vec<_> = largest
            .most_affected
            .iter()
            .map(|affected| (affected.grantee.id, affected.revocations))
            .collect();
        assert_eq!(most_affected, [("most", 12), ("few", 7), ("a", 1), ("b", 1), ("c", 1)]);
        let whole_targets: Vec<_> =
            largest.whole_targets.iter().map(|whole| whole.target).collect();
        assert_eq!(whole_targets, ["0", "1", "2", "3", "4"]);
    }
}
