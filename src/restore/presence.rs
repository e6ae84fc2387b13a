//! Whether the lists show what was granted.

use crate::access::{HeldTarget, TargetKey};
use crate::model::{Account, Grant, Status};
use crate::plan::{GrantId, Plan};
use crate::verdicts::Verdicts;
use std::collections::HashMap;

/// What the lists show of a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is listed.
    Present,
    /// A complete list lacks it.
    Absent,
    /// The list could not be read completely.
    Unchecked,
}

impl Presence {
    /// The word in the column `confirmed`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Absent => "absent",
            Self::Unchecked => "unchecked",
        }
    }

    /// What a list shows of one account, or of a target without one.
    pub fn of(held: Option<&HeldTarget>, account: &Account<&str>) -> Self {
        let Some(held) = held else { return Self::Unchecked };
        let Some(is_granted) = held.is_granted else { return Self::Unchecked };
        let is_listed = is_granted
            && match account {
                Account::Whole => true,
                Account::Named(name) => held.accounts.contains(*name),
            };
        match (is_listed, is_granted && held.reason.is_some()) {
            (true, _) => Self::Present,
            (false, true) => Self::Unchecked,
            (false, false) => Self::Absent,
        }
    }
}

/// The grants of a plan that may have been given, and so are looked for in the lists.
pub fn expected<'a>(
    plan: &'a Plan,
    verdicts: &'a Verdicts,
) -> impl Iterator<Item = (GrantId, Grant<'a>)> {
    let may_be_there =
        |status| matches!(status, Status::Restored | Status::AlreadyPresent | Status::Unknown);
    let all = verdicts.all().zip(plan.all_grants());
    all.filter(move |(id, _)| may_be_there(verdicts.status(*id)))
}

/// What the lists show of each expected grant.
pub fn presence(plan: &Plan, verdicts: &Verdicts, held: &[HeldTarget]) -> Vec<Option<Presence>> {
    let held: HashMap<&TargetKey, &HeldTarget> =
        held.iter().map(|held| (&held.key, held)).collect();
    let mut all = vec![None; plan.grants()];
    for (id, grant) in expected(plan, verdicts) {
        let of_target = held.get(&TargetKey::of(&grant)).copied();
        all[id as usize] = Some(Presence::of(of_target, &grant.account));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Grantee, GranteeKind, Kind};

    #[test]
    fn only_a_complete_list_says_that_a_grant_is_absent() {
        let held = |is_granted, accounts: &[&str], reason: Option<&str>| HeldTarget {
            key: TargetKey {
                instance_id: "i".to_owned(),
                region: "r".to_owned(),
                grantee: Grantee { kind: GranteeKind::User, id: "7".to_owned() },
                kind: Kind::Host,
                target: "1".to_owned(),
            },
            is_granted,
            accounts: accounts.iter().map(|name| (*name).to_owned()).collect(),
            reason: reason.map(str::to_owned),
        };
        let of = |held: &HeldTarget, account| Presence::of(Some(held), &account);
        let complete = held(Some(true), &["a"], None);
        assert_eq!(of(&complete, Account::Whole), Presence::Present);
        assert_eq!(of(&complete, Account::Named("a")), Presence::Present);
        assert_eq!(of(&complete, Account::Named("b")), Presence::Absent);
        let part = held(Some(true), &["a"], Some("page 2"));
        assert_eq!(of(&part, Account::Named("a")), Presence::Present);
        assert_eq!(of(&part, Account::Named("b")), Presence::Unchecked);
        assert_eq!(of(&held(Some(false), &[], None), Account::Whole), Presence::Absent);
        assert_eq!(of(&held(None, &[], Some("denied")), Account::Whole), Presence::Unchecked);
        assert_eq!(Presence::of(None, &Account::Whole), Presence::Unchecked);
    }
}
