//! The routes to a target besides a direct grant: user groups and authorization rules.

use super::evidence::GranteeKey;
use super::survey::{RuleAccess, Survey, UserAccess};
use crate::api::reading::{Listing, Lookup, RuleDetail};
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

/// How a rule names a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Named {
    User,
    /// By this user group.
    UserGroup(String),
}

/// The rules that name a user, itself or by a user group.
pub(super) fn rules_of<'a>(
    survey: &'a Survey,
    user: &UserAccess,
) -> Vec<(&'a RuleAccess, &'a RuleDetail, Named)> {
    rules_naming(survey, &(GranteeKind::User, user.id.clone()), Some(user))
}

/// The rules that name a user or a user group; a user also by its user groups, if it was read.
pub(super) fn rules_naming<'a>(
    survey: &'a Survey,
    (kind, id): &GranteeKey,
    user: Option<&UserAccess>,
) -> Vec<(&'a RuleAccess, &'a RuleDetail, Named)> {
    let groups: Vec<&String> = match (kind, user) {
        (GranteeKind::UserGroup, _) => vec![id],
        (GranteeKind::User, Some(user)) => {
            user.memberships.items().iter().map(|group| &group.group_id).collect()
        }
        (GranteeKind::User, None) => Vec::new(),
    };
    let mut found = Vec::new();
    for rule in &survey.rules.0 {
        let Lookup::Found(detail) = &rule.detail else { continue };
        if *kind == GranteeKind::User && detail.user_ids.contains(id) {
            found.push((rule, detail, Named::User));
        }
        for group in groups.iter().filter(|group| detail.user_group_ids.contains(group)) {
            found.push((rule, detail, Named::UserGroup((*group).clone())));
        }
    }
    found
}

/// The routes besides a direct grant that reach this target now, such as `user group 12`.
pub(super) fn also_by(
    survey: &Survey,
    user: &UserAccess,
    kind: Kind,
    target_id: &str,
    now: Timestamp,
) -> String {
    let mut routes = Vec::new();
    for group in user.memberships.items() {
        let access = survey.groups.get(&group.group_id);
        let mut targets = access.iter().flat_map(|access| &access.targets).flat_map(Listing::items);
        if targets.any(|target| target.kind == kind && target.id == target_id) {
            routes.push(format!("user group {}", group.group_id));
        }
    }
    for (rule, detail, _) in rules_of(survey, user) {
        let has_target =
            detail.targets.iter().any(|target| target.kind == kind && target.id == target_id);
        let route = format!("rule {}", detail.id);
        if has_target && RuleState::of(rule, now) == RuleState::Active && !routes.contains(&route) {
            routes.push(route);
        }
    }
    routes.join("; ")
}
