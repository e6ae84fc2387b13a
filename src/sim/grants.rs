//! The grants: which exist, which are held, and which were removed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::model::{Grantee, GranteeKind, Kind};

/// The result code of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ItemCode {
    /// Revoked just now.
    Ok,
    /// An unknown error; nothing was changed.
    Unexpected,
    /// No such user, target or account.
    NotFound,
    /// Revoked before, or never granted.
    AlreadyExists,
}

impl ItemCode {
    /// The API's spelling, including the lower-case l.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "OK",
            Self::Unexpected => "UNEXPECTED",
            Self::NotFound => "OBJECT_NOT_FOUND",
            Self::AlreadyExists => "OBJECT_AlREADY_EXISTS",
        }
    }
}

/// One grant in the audit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GrantRecord {
    /// The bastion host; blank if the file of grants doesn't name one.
    pub instance_id: String,
    /// `user` or `user_group`.
    pub grantee_kind: String,
    /// The id of the user or user group.
    pub grantee: String,
    /// `host`, `host-group` or `database`.
    pub kind: String,
    /// The target's id.
    pub target: String,
    /// The account; nothing means the target's own grant.
    pub account: Option<String>,
    /// Whether it is held now.
    #[serde(default)]
    pub held: bool,
    /// How many times it was removed. Without attach operations once at most.
    pub removed: u64,
}

/// The grants of one holder on targets of one kind.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Holder {
    instance: Box<str>,
    from: u8,
    id: Box<str>,
    kind: Kind,
}

impl Holder {
    fn new(instance: &str, grantee: &Grantee<&str>, kind: Kind) -> Self {
        let from = u8::from(grantee.kind == GranteeKind::UserGroup);
        Self { instance: instance.into(), from, id: grantee.id.into(), kind }
    }
}

/// A target of an instance.
type TargetKey = (Box<str>, Kind, Box<str>);

/// One grant's state.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    granted: bool,
    held: bool,
    removed: u32,
}

impl Slot {
    fn grant(&mut self) {
        (self.granted, self.held) = (true, true);
    }

    /// Removes the grant, if it is held.
    fn remove(&mut self) -> bool {
        let held = std::mem::take(&mut self.held);
        self.removed += u32::from(held);
        held
    }
}

#[derive(Debug, Clone, Default)]
struct Held {
    own: Slot,
    accounts: BTreeMap<Box<str>, Slot>,
}

impl Held {
    fn is_any(&self) -> bool {
        self.own.held || self.accounts.values().any(|account| account.held)
    }
}

/// All grants of the service.
#[derive(Debug, Clone, Default)]
pub struct Grants {
    /// Whether they come from a file or a world; otherwise every grant that a request names existed
    /// and was granted once.
    listed: bool,
    held: BTreeMap<Holder, BTreeMap<Box<str>, Held>>,
    /// The accounts that the file names on each target, whoever holds them.
    known: BTreeMap<TargetKey, BTreeSet<Box<str>>>,
}

impl Grants {
    /// Every grant that a request names existed and was granted once.
    pub fn on_demand() -> Self {
        Self::default()
    }

    /// Only the grants that [`Grants::add`] adds.
    pub fn listed() -> Self {
        Self { listed: true, ..Self::default() }
    }

    /// Whether they come from a list.
    pub fn is_listed(&self) -> bool {
        self.listed
    }

    /// Adds a grant; no account means the target's own. One added twice is granted once. A
    /// blank instance means any.
    pub fn add(
        &mut self,
        instance: &str,
        grantee: &Grantee<&str>,
        kind: Kind,
        target: &str,
        account: Option<&str>,
    ) {
        let holder = Holder::new(instance, grantee, kind);
        let held = self.held.entry(holder).or_default().entry(target.into()).or_default();
        let known = self.known.entry((instance.into(), kind, target.into())).or_default();
        match account {
            None => held.own.grant(),
            Some(account) => {
                held.accounts.entry(account.into()).or_default().grant();
                known.insert(account.into());
            }
        }
    }

    /// Adds a grantee without grants, for any instance.
    pub(super) fn add_grantee(&mut self, grantee: &Grantee<&str>) {
        self.held.entry(Holder::new("", grantee, Kind::Host)).or_default();
    }

    /// Adds a target with its accounts, granted to no one, for any instance.
    pub(super) fn add_target<'a>(
        &mut self,
        kind: Kind,
        target: &str,
        accounts: impl Iterator<Item = &'a str>,
    ) {
        let known = self.known.entry(("".into(), kind, target.into())).or_default();
        known.extend(accounts.map(Box::from));
    }

    /// Deletes a target and every grant on it.
    pub(super) fn delete_target(&mut self, kind: Kind, target: &str) {
        self.known.remove(&("".into(), kind, target.into()));
        for (_, targets) in self.held.iter_mut().filter(|(holder, _)| holder.kind == kind) {
            targets.remove(target);
        }
    }

    /// Deletes a grantee and all its grants.
    pub(super) fn delete_grantee(&mut self, grantee: &Grantee<&str>) {
        for kind in [Kind::Host, Kind::HostGroup, Kind::Database] {
            self.held.remove(&Holder::new("", grantee, kind));
        }
    }

    /// The targets of a kind on which a grantee of a world holds anything.
    pub(super) fn targets(&self, grantee: &Grantee<&str>, kind: Kind) -> BTreeSet<&str> {
        let targets = self.held.get(&Holder::new("", grantee, kind)).into_iter().flatten();
        targets.filter(|(_, held)| held.is_any()).map(|(target, _)| &**target).collect()
    }

    /// The accounts that a grantee of a world holds on a target.
    pub(super) fn accounts(
        &self,
        grantee: &Grantee<&str>,
        kind: Kind,
        target: &str,
    ) -> BTreeSet<&str> {
        let targets = self.held.get(&Holder::new("", grantee, kind));
        let held = targets.and_then(|targets| targets.get(target));
        let accounts = held.into_iter().flat_map(|held| &held.accounts);
        accounts.filter(|(_, slot)| slot.held).map(|(account, _)| &**account).collect()
    }

    /// Whether this user, or user group, and this target exist.
    pub(super) fn exists(
        &self,
        instance: &str,
        grantee: &Grantee<&str>,
        kind: Kind,
        target: &str,
    ) -> bool {
        let has_grantee = |instance: &str| {
            let of = |kind| self.held.contains_key(&Holder::new(instance, grantee, kind));
            [Kind::Host, Kind::HostGroup, Kind::Database].into_iter().any(of)
        };
        let has_target =
            |instance: &str| self.known.contains_key(&(instance.into(), kind, target.into()));
        !self.listed || (scopes(instance).any(has_grantee) && scopes(instance).any(has_target))
    }

    /// Revokes a target and all its accounts.
    pub(super) fn remove_whole(
        &mut self,
        instance: &str,
        grantee: &Grantee<&str>,
        kind: Kind,
        target: &str,
    ) -> ItemCode {
        if !self.exists(instance, grantee, kind, target) {
            return ItemCode::NotFound;
        }
        let on_demand = !self.listed;
        let removed = self.change(instance, grantee, kind, target, |held| {
            if on_demand && !held.own.granted {
                held.own.grant();
            }
            let mut removed = held.own.remove();
            for account in held.accounts.values_mut() {
                removed |= account.remove();
            }
            removed
        });
        if removed { ItemCode::Ok } else { ItemCode::AlreadyExists }
    }

    /// Revokes one account of a target and leaves the target's own grant.
    pub(super) fn remove_account(
        &mut self,
        instance: &str,
        grantee: &Grantee<&str>,
        kind: Kind,
        target: &str,
        account: &str,
    ) -> ItemCode {
        let known = |instance: &str| {
            let accounts = self.known.get(&(instance.into(), kind, target.into()));
            accounts.is_some_and(|accounts| accounts.contains(account))
        };
        if self.listed
            && !(self.exists(instance, grantee, kind, target) && scopes(instance).any(known))
        {
            return ItemCode::NotFound;
        }
        let on_demand = !self.listed;
        let removed = self.change(instance, grantee, kind, target, |held| {
            // A whole target took all its accounts with it, those never named included.
            let whole_is_gone = held.own.removed > 0;
            if on_demand && !whole_is_gone && !held.accounts.contains_key(account) {
                held.accounts.entry(account.into()).or_default().grant();
            }
            held.accounts.get_mut(account).is_some_and(Slot::remove)
        });
        if removed { ItemCode::Ok } else { ItemCode::AlreadyExists }
    }

    /// Grants a target, or an account of it and with it the target.
    pub(super) fn attach(
        &mut self,
        instance: &str,
        grantee: &Grantee<&str>,
        kind: Kind,
        target: &str,
        account: Option<&str>,
    ) -> ItemCode {
        let known = |instance: &str, account: &str| {
            let accounts = self.known.get(&(instance.into(), kind, target.into()));
            accounts.is_some_and(|accounts| accounts.contains(account))
        };
        let is_known = account.is_none_or(|account| {
            !self.listed || scopes(instance).any(|instance| known(instance, account))
        });
        if !is_known || !self.exists(instance, grantee, kind, target) {
            return ItemCode::NotFound;
        }
        // Grants of a list without instances stay without one.
        let in_instance = self.held.contains_key(&Holder::new(instance, grantee, kind));
        let scope = if self.listed && !in_instance { "" } else { instance };
        let targets = self.held.entry(Holder::new(scope, grantee, kind)).or_default();
        let held = targets.entry(target.into()).or_default();
        let had_target = held.own.held;
        held.own.grant();
        let had = match account {
            None => had_target,
            Some(account) => {
                let slot = held.accounts.entry(account.into()).or_default();
                std::mem::replace(slot, Slot { granted: true, held: true, ..*slot }).held
            }
        };
        if had { ItemCode::AlreadyExists } else { ItemCode::Ok }
    }

    /// Changes what the grantee holds on a target; true if any change said so.
    fn change(
        &mut self,
        instance: &str,
        grantee: &Grantee<&str>,
        kind: Kind,
        target: &str,
        mut change: impl FnMut(&mut Held) -> bool,
    ) -> bool {
        if !self.listed {
            let targets = self.held.entry(Holder::new(instance, grantee, kind)).or_default();
            targets.entry(target.into()).or_default();
        }
        let mut changed = false;
        for instance in scopes(instance) {
            let targets = self.held.get_mut(&Holder::new(instance, grantee, kind));
            if let Some(held) = targets.and_then(|targets| targets.get_mut(target)) {
                changed |= change(held);
            }
        }
        changed
    }

    /// Every grant there ever was, in order.
    pub(super) fn records(&self) -> impl Iterator<Item = GrantRecord> {
        self.held.iter().flat_map(|(holder, targets)| {
            targets.iter().flat_map(move |(target, held)| {
                let own = std::iter::once((None, &held.own));
                let accounts = held.accounts.iter().map(|(name, slot)| (Some(name), slot));
                let granted = own.chain(accounts).filter(|(_, slot)| slot.granted);
                granted.map(move |(account, slot)| GrantRecord {
                    instance_id: holder.instance.to_string(),
                    grantee_kind: ["user", "user_group"][usize::from(holder.from)].to_owned(),
                    grantee: holder.id.to_string(),
                    kind: holder.kind.name().to_owned(),
                    target: target.to_string(),
                    account: account.map(ToString::to_string),
                    held: slot.held,
                    removed: slot.removed.into(),
                })
            })
        })
    }
}

/// The instances under which a grant is looked up: the requested one, and blank for any.
fn scopes(instance: &str) -> impl Iterator<Item = &str> {
    [instance, ""].into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ItemCode::{AlreadyExists, NotFound, Ok};

    const ALICE: Grantee<&str> = Grantee { kind: GranteeKind::User, id: "alice" };
    const BOB: Grantee<&str> = Grantee { kind: GranteeKind::User, id: "bob" };
    const HOST: Kind = Kind::Host;

    fn whole(grants: &mut Grants, who: &Grantee<&str>, target: &str) -> ItemCode {
        grants.remove_whole("i-1", who, HOST, target)
    }

    fn account(grants: &mut Grants, who: &Grantee<&str>, target: &str, name: &str) -> ItemCode {
        grants.remove_account("i-1", who, HOST, target, name)
    }

    /// Alice: host 1 with accounts a and b, host 2 account a. Bob: host 1 account c.
    fn listed() -> Grants {
        let mut grants = Grants::listed();
        for (who, target, account) in [
            (ALICE, "1", None),
            (ALICE, "1", Some("a")),
            (ALICE, "1", Some("b")),
            (ALICE, "2", Some("a")),
            (BOB, "1", Some("c")),
        ] {
            grants.add("", &who, HOST, target, account);
        }
        grants
    }

    /// The grants removed, as target and account.
    fn removed(grants: &Grants) -> Vec<(String, Option<String>)> {
        let gone = grants.records().filter(|record| record.removed > 0);
        gone.map(|record| (record.target, record.account)).collect()
    }

    #[test]
    fn on_demand_every_named_grant_existed_once() {
        let mut grants = Grants::on_demand();
        assert_eq!(account(&mut grants, &ALICE, "1", "a"), Ok);
        assert_eq!(account(&mut grants, &ALICE, "1", "a"), AlreadyExists);
        assert_eq!(account(&mut grants, &ALICE, "1", "b"), Ok);
        assert_eq!(account(&mut grants, &BOB, "1", "a"), Ok);
        assert_eq!(whole(&mut grants, &ALICE, "1"), Ok, "accounts leave the target's own grant");
        assert_eq!(whole(&mut grants, &ALICE, "1"), AlreadyExists);
        assert_eq!(account(&mut grants, &ALICE, "1", "c"), AlreadyExists, "gone with the target");
        let records: Vec<_> = grants.records().map(|record| record.removed).collect();
        assert_eq!(records, [1, 1, 1, 1]);
    }

    #[test]
    fn instances_kinds_and_grantees_are_apart() {
        let mut grants = Grants::on_demand();
        let group = Grantee { kind: GranteeKind::UserGroup, id: "alice" };
        assert_eq!(grants.remove_whole("i-1", &ALICE, HOST, "1"), Ok);
        assert_eq!(grants.remove_whole("i-2", &ALICE, HOST, "1"), Ok);
        assert_eq!(grants.remove_whole("i-1", &group, HOST, "1"), Ok);
        assert_eq!(grants.remove_whole("i-1", &ALICE, Kind::Database, "1"), Ok);
    }

    #[test]
    fn a_listed_grant_is_removed_once() {
        let mut grants = listed();
        assert_eq!(account(&mut grants, &ALICE, "1", "a"), Ok);
        assert_eq!(account(&mut grants, &ALICE, "1", "a"), AlreadyExists);
        assert_eq!(removed(&grants), [("1".to_owned(), Some("a".to_owned()))]);
    }

    #[test]
    fn a_known_object_without_the_grant_was_revoked_before() {
        let mut grants = listed();
        assert_eq!(account(&mut grants, &ALICE, "1", "c"), AlreadyExists, "Bob holds it");
        assert_eq!(whole(&mut grants, &BOB, "2"), AlreadyExists, "Alice holds it");
        assert_eq!(removed(&grants), []);
        assert_eq!(account(&mut grants, &BOB, "1", "c"), Ok);
    }

    #[test]
    fn an_object_never_seen_is_not_found() {
        let mut grants = listed();
        let carol = Grantee { kind: GranteeKind::User, id: "carol" };
        assert_eq!(account(&mut grants, &ALICE, "2", "b"), NotFound, "seen on host 1 only");
        assert_eq!(whole(&mut grants, &ALICE, "3"), NotFound);
        assert_eq!(whole(&mut grants, &carol, "1"), NotFound);
        assert_eq!(grants.remove_whole("i-1", &ALICE, Kind::Database, "1"), NotFound);
        assert_eq!(removed(&grants), []);
    }

    #[test]
    fn a_whole_target_takes_its_accounts_and_accounts_leave_the_target() {
        let mut grants = listed();
        assert_eq!(account(&mut grants, &ALICE, "1", "a"), Ok);
        assert_eq!(whole(&mut grants, &ALICE, "1"), Ok);
        let one = |account: Option<&str>| ("1".to_owned(), account.map(str::to_owned));
        assert_eq!(removed(&grants), [one(None), one(Some("a")), one(Some("b"))]);
        assert_eq!(account(&mut grants, &ALICE, "1", "b"), AlreadyExists);
        assert_eq!(account(&mut grants, &BOB, "1", "c"), Ok, "another's grant stays");
        assert_eq!(whole(&mut grants, &ALICE, "2"), Ok, "accounts alone are enough to revoke");
    }

    #[test]
    fn a_grant_under_an_instance_counts_there_only() {
        let mut grants = Grants::listed();
        grants.add("i-1", &ALICE, HOST, "1", None);
        assert_eq!(grants.remove_whole("i-2", &ALICE, HOST, "1"), NotFound);
        assert_eq!(grants.remove_whole("i-1", &ALICE, HOST, "1"), Ok);
    }
}
