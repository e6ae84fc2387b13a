//! The routes to a target besides a direct grant: user groups and authorization rules.

use super::evidence::GranteeKey;
use super::survey::{RuleAccess, Survey, UserAccess};
use crate::api::reading::{Listing, Lookup, RuleDetail};
use crate::clock::utc_seconds;
use crate::model::{GranteeKind, Kind};
use jiff::Timestamp;

/// Whether a rule gives access now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RuleState {
    Active,
    /// Its validity has not begun.
    Dormant,
    /// Its validity has ended.
    Expired,
    Disabled,
}

impl RuleState {
    pub(super) fn of(rule: &RuleAccess, now: Timestamp) -> Self {
        let (rule, now) = (&rule.rule, now.as_second());
        if rule.state.trim().eq_ignore_ascii_case("Disabled") {
            Self::Disabled
        } else if rule.effective_end_s.is_some_and(|end| end <= now) {
            Self::Expired
        } else if rule.effective_start_s.is_some_and(|start| start > now) {
            Self::Dormant
        } else {
            Self::Active
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Dormant => "dormant",
            Self::Expired => "expired",
            Self::Disabled => "disabled",
        }
    }
}

/// A time for people; blank for none.
pub(super) fn time(seconds: Option<i64>) -> String {
    let time = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    time.map(utc_seconds).unwrap_or_default()
}

/// How a rule names a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    User,
    /// By this user group.
    UserGroup(String),
}

/// A user with its user groups, or a user group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Principal<'a> {
    /// `None`: it is a user group.
    pub(super) user_id: Option<&'a str>,
    /// The user groups of the user, or the user group itself.
    pub(super) group_ids: Vec<&'a str>,
}

impl<'a> Principal<'a> {
    /// A user, with its user groups if they were read, or a user group.
    pub(super) fn of((kind, id): &'a GranteeKey, user: Option<&'a UserAccess>) -> Self {
        match (kind, user) {
            (GranteeKind::UserGroup, _) => Self { user_id: None, group_ids: vec![id] },
            (GranteeKind::User, Some(user)) => user.principal(),
            (GranteeKind::User, None) => Self { user_id: Some(id), group_ids: Vec::new() },
        }
    }
}

/// The rules that name a user or a user group; a user also by its user groups.
pub(super) fn rules_of<'a>(
    rules: &'a [RuleAccess],
    principal: &Principal<'_>,
) -> Vec<(&'a RuleAccess, &'a RuleDetail, Named)> {
    let mut found = Vec::new();
    for rule in rules {
        let Lookup::Found(detail) = &rule.detail else { continue };
        let names = |user_id: &str| detail.user_ids.iter().any(|id| id == user_id);
        if principal.user_id.is_some_and(names) {
            found.push((rule, detail, Named::User));
        }
        for group_id in &principal.group_ids {
            if detail.user_group_ids.iter().any(|id| id == group_id) {
                found.push((rule, detail, Named::UserGroup((*group_id).to_owned())));
            }
        }
    }
    found
}

/// The rules that give access to this target now, such as `rule 7`.
pub(super) fn active_rules(
    rules: &[RuleAccess],
    principal: &Principal<'_>,
    (kind, target_id): (Kind, &str),
    now: Timestamp,
) -> Vec<String> {
    let mut routes = Vec::new();
    for (rule, detail, _) in rules_of(rules, principal) {
        let has_target =
            detail.targets.iter().any(|target| target.kind == kind && target.id == target_id);
        let route = format!("rule {}", detail.id);
        if has_target && RuleState::of(rule, now) == RuleState::Active && !routes.contains(&route) {
            routes.push(route);
        }
    }
    routes
}

impl UserAccess {
    pub(super) fn principal(&self) -> Principal<'_> {
        let groups = self.memberships.items().iter();
        let group_ids = groups.map(|group| group.group_id.as_str()).collect();
        Principal { user_id: Some(&self.id), group_ids }
    }
}

/// The routes besides a direct grant that reach this target now, such as `user group 12`.
pub(super) fn also_by(
    survey: &Survey,
    user: &UserAccess,
    kind: Kind,
    target_id: &str,
    now: Timestamp,
) -> String {
    let principal = user.principal();
    let mut routes = Vec::new();
    for group_id in &principal.group_ids {
        let access = survey.groups.get(*group_id);
        let mut targets = access.iter().flat_map(|access| &access.targets).flat_map(Listing::items);
        if targets.any(|target| target.kind == kind && target.id == target_id) {
            routes.push(format!("user group {group_id}"));
        }
    }
    routes.extend(active_rules(&survey.rules.0, &principal, (kind, target_id), now));
    routes.join("; ")
}

/// What could not be read of the routes besides a direct grant: those of a user, if one is given,
/// and the authorization rules.
pub(super) fn unread_routes(survey: &Survey, user: Option<&UserAccess>) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut add = |what: &str, reason: Option<&str>| {
        reasons.extend(reason.map(|reason| format!("{what}: {reason}")));
    };
    if let Some(user) = user {
        add("user groups", user.memberships.reason());
        for group in user.memberships.items() {
            let targets = survey.groups.get(&group.group_id);
            for targets in targets.iter().flat_map(|group| &group.targets) {
                add(&format!("user group {}", group.group_id), targets.reason());
            }
        }
    }
    add("authorization rules", survey.rules.1.as_deref());
    for rule in &survey.rules.0 {
        let reason = match &rule.detail {
            Lookup::Found(_) => None,
            Lookup::NotFound => Some("it was deleted while it was read"),
            Lookup::NotChecked(reason) => Some(&**reason),
        };
        add(&format!("authorization rule {}", rule.rule.id), reason);
    }
    reasons
}
