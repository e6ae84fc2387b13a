//! Who reaches a target: what was read, put together for the report and for a list.

use super::candidates::Candidates;
use super::indirect::{Principal, RuleState, active_rules, time};
use super::list::{AccessRow, GranteeCells, Place, UnusableRow, rows_of};
use super::survey::RuleAccess;
use super::target_access::{Holder, Target, TargetAccess, Unread};
use crate::api::reading::{Listing, Lookup, RuleDetail, RuleTarget, User};
use crate::clock::utc_seconds;
use crate::model::{Grantee, GranteeKind};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// A user, with what people know it by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The id.
    pub id: String,
    /// The login name; blank if it is not known.
    pub login: String,
    /// The display name; blank if it is not known.
    pub display: String,
}

/// A user or user group in whose list the target is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhoGrantee {
    /// The user or the user group.
    pub grantee: Grantee,
    /// The login name of a user.
    pub login: String,
    /// The display name of a user, the name of a user group.
    pub display: String,
    /// The source of a user.
    pub source: String,
    /// The states of a user.
    pub states: Vec<String>,
    /// The authorized accounts on the target as id, name and protocol; `None` if they were not read.
    pub accounts: Option<Vec<[String; 3]>>,
    /// The other routes that reach the target: then the list may hold an inherited grant.
    pub also_by: Vec<String>,
    /// The members of a user group.
    pub members: Vec<Person>,
}

/// An authorization rule that gives access to the target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhoRule {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// `active`, `dormant`, `expired` or `disabled`.
    pub state: &'static str,
    /// The beginning of its validity; blank without one.
    pub valid_from: String,
    /// The end of its validity; blank without one.
    pub valid_until: String,
    /// The target or the host group in the rule, with the accounts: `host 17 [3058]`.
    pub gives: Vec<String>,
    /// The users that it names.
    pub users: Vec<Person>,
    /// The ids of the user groups that it names, with the members.
    pub user_groups: Vec<(String, Vec<Person>)>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// The target.
    pub target: Target,
    /// When it was read.
    pub read_at: String,
    /// Users whose list was read.
    pub users_read: usize,
    /// Users that are known.
    pub users: usize,
    /// User groups whose list was read.
    pub user_groups_read: usize,
    /// User groups that are known.
    pub user_groups: usize,
    /// The users and user groups in whose lists it is.
    pub grantees: Vec<WhoGrantee>,
    /// The authorization rules that give access to it.
    pub rules: Vec<WhoRule>,
    /// The id and the name of each host group that contains it.
    pub host_groups: Vec<(String, String)>,
    /// What could not be read, by kind and reason.
    pub not_checked: Vec<NotChecked>,
}

/// Objects of one kind that could not be read for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotChecked {
    /// Their kind, in the plural.
    pub what: &'static str,
    /// Their ids; none for a list as a whole.
    pub ids: Vec<String>,
    /// The reason.
    pub reason: String,
}

/// The users and user groups of the candidates, by id.
struct Known<'a> {
    users: BTreeMap<&'a str, &'a User>,
    user_groups: BTreeMap<&'a str, &'a str>,
}

impl Known<'_> {
    fn person(&self, id: &str) -> Person {
        let user = self.users.get(id);
        Person {
            id: id.to_owned(),
            login: user.map(|user| user.name.clone()).unwrap_or_default(),
            display: user.map(|user| user.display_name.clone()).unwrap_or_default(),
        }
    }
}

/// Puts together who reaches the target. `unusable`: rows of [`who_rows`] that a list cannot hold.
pub fn who(
    access: &TargetAccess,
    candidates: &Candidates,
    unusable: &[UnusableRow],
    now: Timestamp,
) -> Who {
    let known = known(candidates);
    let grantees = access.holders.iter().map(|holder| grantee(access, &known, holder, now));
    let rules = access.rules_with_target().map(|(rule, detail)| {
        let gives = detail.targets.iter().filter(|one| access.is_reached(one));
        WhoRule {
            id: detail.id.clone(),
            name: rule.rule.name.clone(),
            state: RuleState::of(rule, now).name(),
            valid_from: time(rule.rule.effective_start_s),
            valid_until: time(rule.rule.effective_end_s),
            gives: gives.map(RuleTarget::to_string).collect(),
            users: detail.user_ids.iter().map(|id| known.person(id)).collect(),
            user_groups: groups_of_rule(access, &known, detail),
        }
    });
    let host_groups = access.host_groups.iter().map(|group| (group.id.clone(), group.name.clone()));
    let unread = |what| access.unread.iter().filter(move |one| one.what == what);
    let unread = |what| unread(what).filter(|one| !one.id.is_empty()).count();
    let (users, user_groups) =
        (candidates.users.items().len(), candidates.user_groups.items().len());
    Who {
        target: access.target.clone(),
        read_at: utc_seconds(now),
        users_read: users.saturating_sub(unread("users")),
        users,
        user_groups_read: user_groups.saturating_sub(unread("user groups")),
        user_groups,
        grantees: grantees.collect(),
        rules: rules.collect(),
        host_groups: host_groups.collect(),
        not_checked: not_checked(access, unusable),
    }
}

/// The grants as an input list. Also for accounts, if they were read.
pub fn who_rows(
    access: &TargetAccess,
    candidates: &Candidates,
    instance_id: &str,
    region: &str,
    now: Timestamp,
) -> Vec<AccessRow> {
    let known = known(candidates);
    let place = Place { instance_id, region };
    let mut rows = Vec::new();
    for holder in &access.holders {
        let WhoGrantee { login, display, source, also_by, .. } =
            grantee(access, &known, holder, now);
        let cells = GranteeCells {
            kind: holder.grantee.kind,
            id: &holder.grantee.id,
            login: &login,
            display: &display,
            source: &source,
        };
        let accounts = holder.accounts.as_ref();
        rows.extend(rows_of(place, cells, &holder.target, accounts, &also_by.join("; ")));
    }
    rows
}

fn known(candidates: &Candidates) -> Known<'_> {
    let users = candidates.users.items().iter();
    let user_groups = candidates.user_groups.items().iter();
    Known {
        users: users.map(|user| (user.id.as_str(), user)).collect(),
        user_groups: user_groups.map(|group| (group.id.as_str(), group.name.as_str())).collect(),
    }
}

fn grantee(
    access: &TargetAccess,
    known: &Known<'_>,
    holder: &Holder,
    now: Timestamp,
) -> WhoGrantee {
    let id = holder.grantee.id.as_str();
    let target = (access.target.kind, access.target.id.as_str());
    let accounts = holder.accounts.as_ref().map(|accounts| {
        let authorized = accounts.items().iter().filter(|one| one.is_authorized == Some(true));
        let cells = authorized.map(|one| [&one.id, &one.name, &one.protocol].map(String::clone));
        cells.collect()
    });
    let grantee = WhoGrantee {
        grantee: holder.grantee.clone(),
        login: String::new(),
        display: String::new(),
        source: String::new(),
        states: Vec::new(),
        accounts,
        also_by: Vec::new(),
        members: Vec::new(),
    };
    match holder.grantee.kind {
        GranteeKind::User => {
            let user = known.users.get(id);
            let group_ids: Vec<&str> = access.groups_of_member(id).collect();
            let is_holder = |id: &&&str| access.is_held_by_group(id);
            let groups = group_ids.iter().filter(is_holder);
            let mut also_by: Vec<String> = groups.map(|id| format!("user group {id}")).collect();
            let principal = Principal { user_id: Some(id), group_ids };
            also_by.extend(active_rules(&access.rules, &principal, target, now));
            WhoGrantee {
                login: user.map(|user| user.name.clone()).unwrap_or_default(),
                display: user.map(|user| user.display_name.clone()).unwrap_or_default(),
                source: user.map(|user| user.source.clone()).unwrap_or_default(),
                states: user.map(|user| user.states.clone()).unwrap_or_default(),
                also_by,
                ..grantee
            }
        }
        GranteeKind::UserGroup => {
            let principal = Principal { user_id: None, group_ids: vec![id] };
            WhoGrantee {
                display: known.user_groups.get(id).copied().unwrap_or_default().to_owned(),
                also_by: active_rules(&access.rules, &principal, target, now),
                members: members(access, known, id),
                ..grantee
            }
        }
    }
}

impl TargetAccess {
    /// The user groups with this member, of those whose members were read.
    fn groups_of_member<'a>(&'a self, user_id: &'a str) -> impl Iterator<Item = &'a str> {
        let has_member = move |members: &Listing<User>| {
            members.items().iter().any(|member| member.id == user_id)
        };
        let groups = self.members.iter().filter(move |(_, members)| has_member(members));
        groups.map(|(id, _)| id.as_str())
    }

    fn is_held_by_group(&self, id: &str) -> bool {
        let is_it = |grantee: &Grantee| grantee.kind == GranteeKind::UserGroup && grantee.id == id;
        self.holders.iter().any(|holder| is_it(&holder.grantee))
    }
}

fn members(access: &TargetAccess, known: &Known<'_>, group_id: &str) -> Vec<Person> {
    let members = access.members.get(group_id).map(Listing::items).unwrap_or_default();
    members.iter().map(|member| known.person(&member.id)).collect()
}

fn groups_of_rule(
    access: &TargetAccess,
    known: &Known<'_>,
    detail: &RuleDetail,
) -> Vec<(String, Vec<Person>)> {
    let ids = detail.user_group_ids.iter();
    ids.map(|id| (id.clone(), members(access, known, id))).collect()
}

/// What could not be read, one entry for each kind and reason.
fn not_checked(access: &TargetAccess, unusable: &[UnusableRow]) -> Vec<NotChecked> {
    let of_rule = |rule: &RuleAccess| {
        let reason = match &rule.detail {
            Lookup::Found(_) => return None,
            Lookup::NotFound => "deleted while it was read",
            Lookup::NotChecked(reason) => reason,
        };
        let (id, reason) = (rule.rule.id.clone(), reason.to_owned());
        Some(Unread { what: "authorization rules", id, reason })
    };
    let rows = unusable.iter().map(|UnusableRow { row, reason }| Unread {
        what: "rows of the list",
        id: row.grant(),
        reason: reason.clone(),
    });
    let rules = access.rules.iter().filter_map(of_rule);
    let mut all: Vec<NotChecked> = Vec::new();
    for Unread { what, id, reason } in access.unread.iter().cloned().chain(rules).chain(rows) {
        let ids = Some(id).filter(|id| !id.is_empty());
        match all.iter_mut().find(|one| one.what == what && one.reason == reason) {
            Some(known) => known.ids.extend(ids),
            None => all.push(NotChecked { what, ids: ids.into_iter().collect(), reason }),
        }
    }
    all
}
