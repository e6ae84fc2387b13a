//! The lists to read for the grants of a plan.

use crate::access::{HeldScope, TargetKey};
use crate::model::{Account, Action, Grantee, Kind};
use crate::plan::Plan;
use std::collections::BTreeMap;

/// The lists that show the grants of a plan. Before a revocation the accounts of every target are
/// read, because a whole target takes its accounts with it; after grants were given, only those of
/// targets with accounts.
pub fn scopes_of(plan: &Plan) -> Vec<HeldScope> {
    scopes(plan.all_grants().map(|grant| {
        let reads_accounts = plan.action() == Action::Detach || grant.account != Account::Whole;
        (TargetKey::of(&grant), reads_accounts)
    }))
}

/// The lists that show these targets, each with whether its accounts are read, too.
pub fn scopes(targets: impl IntoIterator<Item = (TargetKey, bool)>) -> Vec<HeldScope> {
    type Place = (String, String, Grantee, Kind);
    let mut all: BTreeMap<Place, BTreeMap<String, bool>> = BTreeMap::new();
    for (key, reads_accounts) in targets {
        let TargetKey { instance_id, region, grantee, kind, target } = key;
        let targets = all.entry((instance_id, region, grantee, kind)).or_default();
        *targets.entry(target).or_default() |= reads_accounts;
    }
    let scope = |((instance_id, region, grantee, kind), targets)| HeldScope {
        instance_id,
        region,
        grantee,
        kind,
        targets,
    };
    all.into_iter().map(scope).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::calls;
    use crate::grants::Collector;
    use crate::model::{Grant, GranteeKind};

    fn plan(action: Action) -> Plan {
        let mut collector = Collector::default();
        for (user, target, account) in
            [("1", "9", "a"), ("1", "9", "b"), ("1", "8", "*"), ("2", "9", "*")]
        {
            let account = if account == "*" { Account::Whole } else { Account::Named(account) };
            let grantee = Grantee { kind: GranteeKind::User, id: user };
            let (instance_id, region, kind) = ("i", "r", Kind::Host);
            let grant = Grant { instance_id, region, grantee, kind, target, account };
            collector.push(&grant).unwrap();
        }
        Plan::new(collector.finish().with_action(action))
    }

    #[test]
    fn a_list_is_read_once_for_each_user_and_kind_and_accounts_once_for_each_target() {
        let scopes = scopes_of(&plan(Action::Detach));
        assert_eq!(scopes.len(), 2);
        assert_eq!(calls(&scopes), 1 + 2 + 3);
    }

    #[test]
    fn accounts_of_a_target_that_is_granted_without_any_are_not_read_back() {
        assert_eq!(calls(&scopes_of(&plan(Action::Attach))), 1 + 2 + 1);
    }
}
