//! What an offboarding does for each user, and what stays. Pure.

use super::step::{Step, StepKind};
use crate::access::{Route, RouteKind, Survey, UserAccess};
use crate::api::reading::{GrantedTarget, Listing, Lookup, User};
use crate::guards::Protection;
use crate::model::{Account, Grant, Grantee, GranteeKind};

/// What is asked for besides the revocation of direct grants.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OffboardOptions {
    /// Lock the users first.
    pub lock: bool,
    /// Remove the users from their user groups.
    pub leave_groups: bool,
    /// Delete their public keys, which cannot be undone.
    pub delete_keys: bool,
}

/// A user group of a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// What it reaches, for people.
    pub reaches: String,
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
}

/// Something that stays, and what a person may do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staying {
    /// What stays.
    pub what: String,
    /// How to remove it; blank if there is nothing to do here.
    pub remedy: String,
}

/// The offboarding of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserPlan {
    /// The id.
    pub id: String,
    /// The user.
    pub user: User,
    /// Whether the user is locked now.
    pub is_locked: bool,
    /// Whether the user gets locked.
    pub lock: bool,
    /// The user groups that the user leaves.
    pub groups: Vec<Group>,
    /// The direct grants that are revoked, each a whole target, for people.
    pub targets: Vec<String>,
    /// The public keys that are deleted.
    pub keys: Vec<Key>,
    /// What stays.
    pub stays: Vec<Staying>,
}

/// The offboarding of all users.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffboardPlan {
    /// By user.
    pub users: Vec<UserPlan>,
    /// Steps that are protected.
    pub protected: Vec<String>,
}

impl OffboardPlan {
    /// The steps besides the revocations, in the order in which they are done.
    pub fn steps(&self) -> Vec<Step> {
        let step = |kind, user: &UserPlan, object: &str| Step {
            kind,
            user: user.id.clone(),
            object: object.to_owned(),
        };
        let mut steps = Vec::new();
        let locked = self.users.iter().filter(|user| user.lock);
        steps.extend(locked.map(|user| step(StepKind::Lock, user, "")));
        for user in &self.users {
            let groups = user.groups.iter();
            steps.extend(groups.map(|group| step(StepKind::LeaveGroup, user, &group.id)));
        }
        for user in &self.users {
            steps.extend(user.keys.iter().map(|key| step(StepKind::DeleteKey, user, &key.id)));
        }
        steps
    }

    /// How many whole targets are revoked.
    pub fn targets(&self) -> usize {
        self.users.iter().map(|user| user.targets.len()).sum()
    }
}

/// Plans the offboarding of the users of a survey that exist. `routes` are those of the survey.
pub fn plan(
    survey: &Survey,
    options: OffboardOptions,
    protection: &Protection,
    routes: &[Route],
) -> OffboardPlan {
    let mut protected = Vec::new();
    let mut users = Vec::new();
    for access in &survey.users {
        let Lookup::Found(user) = &access.user else { continue };
        let planned = UserPlanner { survey, access, user, options, protection };
        users.push(planned.plan(routes, &mut protected));
    }
    OffboardPlan { users, protected }
}

struct UserPlanner<'a> {
    survey: &'a Survey,
    access: &'a UserAccess,
    user: &'a User,
    options: OffboardOptions,
    protection: &'a Protection,
}

impl UserPlanner<'_> {
    fn plan(&self, routes: &[Route], protected: &mut Vec<String>) -> UserPlan {
        let Self { access, user, options, .. } = self;
        let mut stays = Vec::new();
        let is_locked = user.is_locked();
        let lock = options.lock && !is_locked && !self.lock_is_protected(protected);
        if !lock && !is_locked {
            let remedy = if options.lock { PROTECTED } else { "--lock" };
            stays.push(staying("the user can log on", remedy));
        }
        let mut groups = Vec::new();
        for membership in access.memberships.items() {
            let group = Group {
                id: membership.group_id.clone(),
                name: membership.group_name.clone(),
                reaches: named(self.group_targets(&membership.group_id)),
            };
            if options.leave_groups && !self.group_is_protected(&group.id, protected) {
                groups.push(group);
            } else {
                let remedy = if options.leave_groups { PROTECTED } else { "--leave-groups" };
                let (name, reaches) = (label(&group.id, &group.name), &group.reaches);
                let reaches = if reaches.is_empty() { "nothing" } else { reaches };
                stays.push(staying(&format!("user group {name}: {reaches}"), remedy));
            }
        }
        let keys = access.public_keys.items().iter();
        let keys: Vec<Key> =
            keys.map(|key| Key { id: key.id.clone(), name: key.name.clone() }).collect();
        let deletes = options.delete_keys
            && (keys.is_empty() || !self.is_protected("its public keys", protected));
        if !deletes {
            for key in &keys {
                let remedy = if options.delete_keys { PROTECTED } else { "--delete-keys" };
                let name = label(&key.id, &key.name);
                stays.push(staying(&format!("public key {name}, to log on with"), remedy));
            }
        }
        let of_user = routes.iter().filter(|route| route.user_id == access.id);
        stays.extend(of_user.filter_map(|route| other_route(route, &groups)));
        UserPlan {
            id: access.id.clone(),
            user: (*user).clone(),
            is_locked,
            lock,
            groups,
            targets: access.all_targets().map(target_label).collect(),
            keys: if deletes { keys } else { Vec::new() },
            stays,
        }
    }

    fn group_targets(&self, id: &str) -> impl Iterator<Item = &GrantedTarget> {
        let group = self.survey.groups.get(id);
        group.into_iter().flat_map(|group| &group.targets).flat_map(Listing::items)
    }

    fn covers(&self, kind: GranteeKind, id: &str, target: &GrantedTarget) -> bool {
        self.protection.covers(&Grant {
            instance_id: "",
            region: "",
            grantee: Grantee { kind, id },
            kind: target.kind,
            target: &target.id,
            account: Account::Whole,
        })
    }

    /// A lock takes all access of the user, so it is protected if any of it is.
    fn lock_is_protected(&self, protected: &mut Vec<String>) -> bool {
        let user = &self.access.id;
        let groups = self.access.memberships.items().iter();
        let by_groups = groups.flat_map(|group| self.group_targets(&group.group_id));
        let mut all = self.access.all_targets().chain(by_groups);
        if let Some(target) = all.find(|target| self.covers(GranteeKind::User, user, target)) {
            let target = target_label(target);
            protected.push(format!("the lock of user {user}, because of {target}"));
            return true;
        }
        self.is_protected("the lock", protected)
    }

    fn group_is_protected(&self, group: &str, protected: &mut Vec<String>) -> bool {
        let user = &self.access.id;
        let covered = self.group_targets(group).find(|target| {
            self.covers(GranteeKind::User, user, target)
                || self.covers(GranteeKind::UserGroup, group, target)
        });
        if let Some(target) = covered {
            let target = target_label(target);
            protected.push(format!(
                "the membership of user {user} in group {group}, because of {target}"
            ));
            return true;
        }
        self.is_protected(&format!("the membership in group {group}"), protected)
    }

    /// Whether the user as a whole is protected.
    fn is_protected(&self, what: &str, protected: &mut Vec<String>) -> bool {
        let user = &self.access.id;
        let is_protected = self.protection.covers_user(user);
        if is_protected {
            protected.push(format!("{what} of user {user}"));
        }
        is_protected
    }
}

/// What stays of a route that no step closes. A rule that names a user group which the user leaves
/// goes with it.
fn other_route(route: &Route, leaves: &[Group]) -> Option<Staying> {
    let [_, login, _, _, id, name, state, _, _, reaches, note] = &route.cells;
    let name = label(id, name);
    match route.kind {
        RouteKind::Rule => Some(staying(
            &format!("authorization rule {name}, {state}: {reaches}"),
            &format!(
                "in the console, Authorization Rules, open rule {name}, Users, remove {login}"
            ),
        )),
        RouteKind::RuleOfUserGroup => {
            let is_left = |group: &Group| *note == format!("by user group {}", group.id);
            let stays = !leaves.iter().any(is_left);
            let what = format!("authorization rule {name} {note}, {state}: {reaches}");
            stays.then(|| staying(&what, "it ends when the user leaves the user group"))
        }
        RouteKind::SamePerson => Some(staying(
            &format!("user {name}, perhaps the same person: {note}"),
            &format!("decide whether to offboard it: --user id:{id}"),
        )),
        RouteKind::DirectoryGroup => {
            Some(staying(note, "remove the user from the organizational unit in the directory"))
        }
        RouteKind::NotChecked => Some(staying(&format!("not checked: {note}"), "")),
        RouteKind::Direct | RouteKind::UserGroup | RouteKind::PublicKey | RouteKind::NotVisible => {
            None
        }
    }
}

/// What to do about a step that was left out.
const PROTECTED: &str = "change the file of --protect, which keeps it";

fn staying(what: &str, remedy: &str) -> Staying {
    Staying { what: what.to_owned(), remedy: remedy.to_owned() }
}

fn label(id: &str, name: &str) -> String {
    if name.is_empty() { id.to_owned() } else { format!("{id} ({name})") }
}

fn target_label(target: &GrantedTarget) -> String {
    format!("{} {}", target.kind, label(&target.id, &target.name))
}

fn named<'a>(targets: impl Iterator<Item = &'a GrantedTarget>) -> String {
    targets.map(target_label).collect::<Vec<_>>().join("; ")
}
