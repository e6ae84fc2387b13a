//! Reads who has been granted a target, and what else may give access to it: the data of `who`.
//!
//! There is no list of a target's users: the list of each user and each user group is read, with
//! the target's name as its filter.

use super::candidates::{Candidates, Cost};
use super::step::{OnStep, Step};
use super::survey::{RuleAccess, rules};
use crate::api::reading::{
    DatabaseFilter, GrantedAccount, GrantedTarget, HostFilter, HostGroup, Listing, Lookup,
    ReadError, Reader, RuleDetail, RuleTarget, User, UserFilter,
};
use crate::api::transport::Transport;
use crate::model::{Grantee, GranteeKind, Kind};
use std::collections::{BTreeMap, BTreeSet};

/// The target that is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Its kind.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// Its name; blank if it could not be read.
    pub name: String,
    /// Its addresses; none for a host group.
    pub addresses: Vec<String>,
}

impl TargetAccess {
    /// The rules that give access to the target, or to a host group that contains it.
    pub(super) fn rules_with_target(&self) -> impl Iterator<Item = (&RuleAccess, &RuleDetail)> {
        self.rules.iter().filter_map(|rule| match &rule.detail {
            Lookup::Found(detail) if detail.targets.iter().any(|one| self.is_reached(one)) => {
                Some((rule, detail))
            }
            Lookup::Found(_) | Lookup::NotFound | Lookup::NotChecked(_) => None,
        })
    }

    /// Whether a target of a rule is this one, or a host group that contains it.
    pub(super) fn is_reached(&self, target: &RuleTarget) -> bool {
        let is_it = target.kind == self.target.kind && target.id == self.target.id;
        let contains = |group: &HostGroup| group.id == target.id;
        is_it || (target.kind == Kind::HostGroup && self.host_groups.iter().any(contains))
    }
}

impl Target {
    /// The name as a filter of lists. Blank, for no filter, if the service might change it.
    fn filter(&self) -> &str {
        if self.name.trim() == self.name { &self.name } else { "" }
    }
}

/// A user or user group that has the target in its list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// The user or the user group.
    pub grantee: Grantee,
    /// The target as the list has it.
    pub target: GrantedTarget,
    /// The accounts on it, if they were read.
    pub accounts: Option<Listing<GrantedAccount>>,
}

/// Something that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unread {
    /// Its kind, in the plural.
    pub what: &'static str,
    /// Its id; blank for a list as a whole.
    pub id: String,
    /// Why.
    pub reason: String,
}

/// Everything that was read of a target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetAccess {
    /// The target.
    pub target: Target,
    /// The users and user groups in whose lists it is.
    pub holders: Vec<Holder>,
    /// All authorization rules.
    pub rules: Vec<RuleAccess>,
    /// The host groups that contain it.
    pub host_groups: Vec<HostGroup>,
    /// The members of the user groups that have it, or that a rule with it names.
    pub members: BTreeMap<String, Listing<User>>,
    /// What could not be read.
    pub unread: Vec<Unread>,
}

/// Reads the lists of all candidates.
///
/// # Errors
///
/// The keys are refused. Anything else that cannot be read is part of the result.
pub async fn target_access<T: Transport>(
    reader: &Reader<T>,
    target: Target,
    candidates: &Candidates,
    with_accounts: bool,
    on_step: OnStep<'_>,
    cost: Cost,
) -> Result<TargetAccess, ReadError> {
    let step = |what, total, calls_after: usize| {
        let calls_after = calls_after as u64;
        move |done| on_step(Step { what, done, total, calls_after })
    };
    let mut unread = candidates.unread();
    let mut holders = Vec::new();
    let after = (cost.host_groups + cost.user_groups) * cost.calls_each + cost.rules;
    let users = candidates.users.items().iter().map(|user| user.id.clone()).collect();
    let on_user = step("users", cost.users, after);
    let found = holders_of_kind(reader, GranteeKind::User, users, &target, on_user).await?;
    add_holders(found, "users", &mut holders, &mut unread);
    let after = cost.host_groups * cost.calls_each + cost.rules;
    let groups = candidates.user_groups.items().iter().map(|group| group.id.clone()).collect();
    let on_group = step("user groups", cost.user_groups, after);
    let found = holders_of_kind(reader, GranteeKind::UserGroup, groups, &target, on_group).await?;
    add_holders(found, "user groups", &mut holders, &mut unread);
    // Numbers in their order, although ids are text.
    holders.sort_by_key(|holder| {
        let id = holder.grantee.id.clone();
        (holder.grantee.kind, id.len(), id)
    });
    let on_host_group = step("host groups", cost.host_groups, cost.rules);
    let all = candidates.host_groups.items().to_vec();
    let host_groups = containing(reader, &target, all, on_host_group, &mut unread).await?;
    let on_rule = step("rules", cost.rules, 0);
    let (rules, _) = rules(reader, candidates.rules.clone(), on_rule).await?;
    let mut access =
        TargetAccess { target, holders, rules, host_groups, members: BTreeMap::new(), unread };
    read_members(reader, &mut access, |total| step("members of user groups", total, 0)).await?;
    if with_accounts {
        let total = access.holders.len();
        let on_list = step("lists of accounts", total, 0);
        read_accounts(reader, &mut access, on_list).await?;
    }
    check_name(reader, &mut access).await?;
    Ok(access)
}

/// A grantee, and whether the target is in its list; or why that is not known.
type Found = (Grantee, Result<Option<GrantedTarget>, String>);

async fn holders_of_kind<T: Transport>(
    reader: &Reader<T>,
    kind: GranteeKind,
    ids: Vec<String>,
    target: &Target,
    on_done: impl FnMut(usize),
) -> Result<Vec<Found>, ReadError> {
    let read = |reader: Reader<T>, id: String| {
        let (grantee, target) = (Grantee { kind, id }, target.clone());
        async move {
            let filter = target.filter();
            let listing = reader.granted_targets_named(&grantee, target.kind, filter).await?;
            let found = listing.items().iter().find(|item| item.id == target.id).cloned();
            let found = match (found, listing.reason()) {
                (None, Some(reason)) => Err(reason.to_owned()),
                (found, _) => Ok(found),
            };
            Ok::<_, ReadError>((grantee, found))
        }
    };
    reader.read_each(ids, usize::MAX, read, on_done).await
}

fn add_holders(
    found: Vec<Found>,
    what: &'static str,
    holders: &mut Vec<Holder>,
    unread: &mut Vec<Unread>,
) {
    for (grantee, found) in found {
        match found {
            Ok(None) => {}
            Ok(Some(target)) => holders.push(Holder { grantee, target, accounts: None }),
            Err(reason) => unread.push(Unread { what, id: grantee.id, reason }),
        }
    }
}

/// The host groups that contain the target.
async fn containing<T: Transport>(
    reader: &Reader<T>,
    target: &Target,
    all: Vec<HostGroup>,
    on_done: impl FnMut(usize),
    unread: &mut Vec<Unread>,
) -> Result<Vec<HostGroup>, ReadError> {
    let read = |reader: Reader<T>, group: HostGroup| {
        let target = target.clone();
        async move {
            let host_group_id = &*group.id;
            let (is_member, reason) = if target.kind == Kind::Database {
                let members = reader.databases(DatabaseFilter { host_group_id }).await?;
                let is_member = members.items().iter().any(|one| one.id == target.id);
                (is_member, members.reason().map(str::to_owned))
            } else {
                let filter =
                    HostFilter { name: target.filter(), host_group_id, ..HostFilter::default() };
                let members = reader.hosts(filter).await?;
                let is_member = members.items().iter().any(|one| one.id == target.id);
                (is_member, members.reason().map(str::to_owned))
            };
            Ok::<_, ReadError>((group, is_member, reason))
        }
    };
    let mut found = Vec::new();
    for (group, is_member, reason) in reader.read_each(all, usize::MAX, read, on_done).await? {
        match reason {
            _ if is_member => found.push(group),
            Some(reason) => unread.push(Unread { what: "host groups", id: group.id, reason }),
            None => {}
        }
    }
    Ok(found)
}

/// Reads the members of the user groups that have the target or that a rule with it names.
async fn read_members<T: Transport, P: FnMut(usize)>(
    reader: &Reader<T>,
    access: &mut TargetAccess,
    progress: impl FnOnce(usize) -> P,
) -> Result<(), ReadError> {
    let holders = access.holders.iter().map(|holder| &holder.grantee);
    let holders = holders.filter(|grantee| grantee.kind == GranteeKind::UserGroup);
    let mut ids: BTreeSet<String> = holders.map(|grantee| grantee.id.clone()).collect();
    for (_, detail) in access.rules_with_target() {
        ids.extend(detail.user_group_ids.iter().cloned());
    }
    let read = |reader: Reader<T>, id: String| async move {
        let filter = UserFilter { user_group_id: &id, ..UserFilter::default() };
        let members = reader.users(filter).await?;
        Ok::<_, ReadError>((id, members))
    };
    let on_done = progress(ids.len());
    let members = reader.read_each(ids.into_iter().collect(), usize::MAX, read, on_done).await?;
    for (id, members) in &members {
        if let Some(reason) = members.reason() {
            let (id, reason) = (id.clone(), reason.to_owned());
            access.unread.push(Unread { what: "members of user groups", id, reason });
        }
    }
    access.members = members.into_iter().collect();
    Ok(())
}

/// Reads the accounts that each holder has on the target.
async fn read_accounts<T: Transport>(
    reader: &Reader<T>,
    access: &mut TargetAccess,
    on_done: impl FnMut(usize),
) -> Result<(), ReadError> {
    let (kind, id) = (access.target.kind, access.target.id.clone());
    let read = |reader: Reader<T>, grantee: Grantee| {
        let id = id.clone();
        async move { reader.granted_accounts(&grantee, kind, &id).await }
    };
    let grantees = access.holders.iter().map(|holder| holder.grantee.clone()).collect();
    let all = reader.read_each(grantees, usize::MAX, read, on_done).await?;
    for (holder, accounts) in access.holders.iter_mut().zip(all) {
        let what = match holder.grantee.kind {
            GranteeKind::User => "accounts of users",
            GranteeKind::UserGroup => "accounts of user groups",
        };
        let unstated = accounts.items().iter().any(|account| account.is_authorized.is_none());
        let unstated =
            unstated.then_some("an answer does not say whether an account is authorized");
        if let Some(reason) = accounts.reason().or(unstated) {
            let (id, reason) = (holder.grantee.id.clone(), reason.to_owned());
            access.unread.push(Unread { what, id, reason });
        }
        holder.accounts = Some(accounts);
    }
    Ok(())
}

/// The lists were filtered by the name of the target: they say nothing if it has another one now.
async fn check_name<T: Transport>(
    reader: &Reader<T>,
    access: &mut TargetAccess,
) -> Result<(), ReadError> {
    let target = &access.target;
    let name = target.filter();
    if name.is_empty() {
        return Ok(());
    }
    let (has_name, reason) = match target.kind {
        Kind::Host => {
            let hosts = reader.hosts(HostFilter { name, ..HostFilter::default() }).await?;
            let has_name = hosts.items().iter().any(|host| host.id == target.id);
            (has_name, hosts.reason().map(str::to_owned))
        }
        Kind::HostGroup => {
            let groups = reader.host_groups(name).await?;
            let has_name = groups.items().iter().any(|group| group.id == target.id);
            (has_name, groups.reason().map(str::to_owned))
        }
        Kind::Database => {
            let databases = reader.databases(DatabaseFilter::default()).await?;
            let mut all = databases.items().iter();
            let has_name = all.any(|one| one.id == target.id && one.name == name);
            (has_name, databases.reason().map(str::to_owned))
        }
    };
    if !has_name {
        let reason = reason.unwrap_or_else(|| {
            "it was renamed or deleted while it was read; run it again".to_owned()
        });
        let id = target.id.clone();
        access.unread.push(Unread { what: "the target", id, reason });
    }
    Ok(())
}
