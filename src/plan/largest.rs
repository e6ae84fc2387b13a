//! What stands out of a plan: who loses most, and which targets go as a whole.

use super::Plan;
use crate::model::{Account, Grantee, Kind};
use std::collections::HashMap;

/// Of each sort, the most that is named.
pub const NAMED: usize = 5;

/// Somebody, and how much they lose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loser<'a> {
    /// The bastion host.
    pub instance_id: &'a str,
    /// A user or a user group.
    pub grantee: Grantee<&'a str>,
    /// Revocations planned for them, of all kinds.
    pub revocations: usize,
}

/// A target that somebody loses with every account on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Whole<'a> {
    /// Who loses it.
    pub grantee: Grantee<&'a str>,
    /// What sort of target it is.
    pub kind: Kind,
    /// Its id.
    pub target: &'a str,
}

/// What a person should have seen before saying yes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Largest<'a> {
    /// Those who lose most, most first; among equals in the order of the plan.
    pub losers: Vec<Loser<'a>>,
    /// The first whole targets, in the order of the plan.
    pub wholes: Vec<Whole<'a>>,
}

impl<'a> Largest<'a> {
    /// Looks through a plan.
    pub fn of(plan: &'a Plan) -> Self {
        let mut places = HashMap::new();
        let mut losers: Vec<Loser<'a>> = Vec::new();
        let mut wholes = Vec::new();
        for request in 0..plan.requests() {
            let scope = plan.scope_names(request);
            let (instance_id, grantee) = (scope.instance_id, scope.grantee);
            let place = *places.entry((instance_id, grantee)).or_insert(losers.len());
            if place == losers.len() {
                losers.push(Loser { instance_id, grantee, revocations: 0 });
            }
            losers[place].revocations += plan.grants_of(request).len();
            if wholes.len() >= NAMED {
                continue;
            }
            for grant in plan.grants_of(request) {
                if let (target, Account::Whole) = plan.item(grant) {
                    wholes.push(Whole { grantee, kind: scope.kind, target });
                }
            }
        }
        wholes.truncate(NAMED);
        // Stable, so that equals keep their order.
        losers.sort_by_key(|loser| std::cmp::Reverse(loser.revocations));
        losers.truncate(NAMED);
        Self { losers, wholes }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::Collector;
    use crate::model::{Grant, GranteeKind};

    #[test]
    fn those_who_lose_most_come_first_over_all_kinds() {
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
        let losers: Vec<_> =
            largest.losers.iter().map(|loser| (loser.grantee.id, loser.revocations)).collect();
        assert_eq!(losers, [("most", 12), ("few", 7), ("a", 1), ("b", 1), ("c", 1)]);
        let wholes: Vec<_> = largest.wholes.iter().map(|whole| whole.target).collect();
        assert_eq!(wholes, ["0", "1", "2", "3", "4"]);
    }
}
