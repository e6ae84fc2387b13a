//! The routes of users to targets, for people to decide about.

use super::indirect::{Named, RuleState, rules_of, time, unread_routes};
use super::list::UnusableRow;
use super::survey::{Survey, UserAccess};
use crate::api::reading::{GrantedTarget, Listing, Lookup, RuleTarget, User};
use jiff::Timestamp;

/// The columns of the table of routes.
pub const ROUTE_COLUMNS: [&str; 11] = [
    "user",
    "login",
    "display",
    "route",
    "id",
    "name",
    "state",
    "valid_from",
    "valid_until",
    "reaches",
    "note",
];

/// The columns of `residual.csv`.
pub const RESIDUAL_COLUMNS: [&str; 3 + ROUTE_COLUMNS.len()] = {
    let mut columns =
        ["instance_id", "region", "read_at", "", "", "", "", "", "", "", "", "", "", ""];
    let mut at = 0;
    while at < ROUTE_COLUMNS.len() {
        columns[3 + at] = ROUTE_COLUMNS[at];
        at += 1;
    }
    columns
};

/// The kind of a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RouteKind {
    /// The direct grants, which are in the list.
    Direct,
    /// A user group that the user is a member of.
    UserGroup,
    /// An authorization rule that names the user.
    Rule,
    /// An authorization rule that names a user group of the user.
    RuleOfUserGroup,
    /// A public key: a way to log on, which grants nothing by itself.
    PublicKey,
    /// Another user that may be the same person.
    SamePerson,
    /// A directory that may add the user to groups again.
    DirectoryGroup,
    /// Something that could not be read or not be expressed, with the reason.
    NotChecked,
    /// What the API does not show.
    NotVisible,
}

impl RouteKind {
    /// The value of the column `route`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::UserGroup => "user_group",
            Self::Rule => "rule",
            Self::RuleOfUserGroup => "rule_of_user_group",
            Self::PublicKey => "public_key",
            Self::SamePerson => "same_person",
            Self::DirectoryGroup => "directory_group",
            Self::NotChecked => "not_checked",
            Self::NotVisible => "not_visible",
        }
    }
}

/// One route of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Its kind.
    pub kind: RouteKind,
    /// The id of the user.
    pub user_id: String,
    /// The cells, in the order of [`ROUTE_COLUMNS`].
    pub cells: [String; ROUTE_COLUMNS.len()],
}

/// The parts of a route that differ between kinds.
#[derive(Default)]
struct Parts {
    id: String,
    name: String,
    state: String,
    valid_s: (Option<i64>, Option<i64>),
    reaches: String,
    note: String,
}

/// All routes of all users. Each user has at least `direct` and `not_visible`.
pub fn routes(survey: &Survey, unusable: &[UnusableRow], now: Timestamp) -> Vec<Route> {
    let mut routes = Vec::new();
    for access in &survey.users {
        let known = match &access.user {
            Lookup::Found(user) => Some(user),
            Lookup::NotFound | Lookup::NotChecked(_) => None,
        };
        let mut add = |kind, parts| routes.push(route(access, known, kind, parts));
        add(RouteKind::Direct, direct(access, known));
        of_groups(survey, access, &mut add);
        of_rules(survey, access, now, &mut add);
        for key in access.public_keys.items() {
            let reaches = String::new();
            let note = format!("fingerprint {}", key.fingerprint);
            let (id, name) = (key.id.clone(), key.name.clone());
            add(RouteKind::PublicKey, Parts { id, name, reaches, note, ..Parts::default() });
        }
        if let Some(user) = known {
            of_person(survey, user, &mut add);
        }
        for reason in not_checked(survey, access, unusable) {
            add(RouteKind::NotChecked, Parts { note: reason, ..Parts::default() });
        }
        add(RouteKind::NotVisible, Parts { note: NOT_VISIBLE.to_owned(), ..Parts::default() });
    }
    routes
}

/// What the API has no list of.
pub const NOT_VISIBLE: &str = "application grants, open sessions, O&M tokens, scheduled tasks, USB keys, \
    rights of RAM, passwords and keys of the assets themselves, other instances and regions";

fn route(access: &UserAccess, user: Option<&User>, kind: RouteKind, parts: Parts) -> Route {
    let Parts { id, name, state, valid_s: (from, until), reaches, note } = parts;
    let (login, display) =
        user.map_or_else(Default::default, |user| (user.name.clone(), user.display_name.clone()));
    let cells = [
        access.id.clone(),
        login,
        display,
        kind.name().to_owned(),
        id,
        name,
        state,
        time(from),
        time(until),
        reaches,
        note,
    ];
    Route { kind, user_id: access.id.clone(), cells }
}

fn direct(access: &UserAccess, user: Option<&User>) -> Parts {
    let (state, valid_s) = match &access.user {
        Lookup::Found(user) => {
            (user.states.join(", "), (user.effective_start_s, user.effective_end_s))
        }
        Lookup::NotFound => ("not_found".to_owned(), (None, None)),
        Lookup::NotChecked(_) => ("not_checked".to_owned(), (None, None)),
    };
    let note = match &access.user {
        Lookup::NotFound => "the service has no such user, so its grants cannot be listed",
        _ => "in the list; it may hold inherited grants, see its column also_by",
    };
    Parts {
        id: access.id.clone(),
        name: user.map(|user| user.name.clone()).unwrap_or_default(),
        state,
        valid_s,
        reaches: reached(access.all_targets()),
        note: note.to_owned(),
    }
}

fn of_groups(survey: &Survey, access: &UserAccess, add: &mut impl FnMut(RouteKind, Parts)) {
    for group in access.memberships.items() {
        let targets = survey.groups.get(&group.group_id);
        let targets = targets.iter().flat_map(|group| &group.targets).flat_map(Listing::items);
        let project = &group.project_name;
        add(
            RouteKind::UserGroup,
            Parts {
                id: group.group_id.clone(),
                name: group.group_name.clone(),
                reaches: reached(targets),
                note: if project.is_empty() { String::new() } else { format!("project {project}") },
                ..Parts::default()
            },
        );
    }
}

fn of_rules(
    survey: &Survey,
    access: &UserAccess,
    now: Timestamp,
    add: &mut impl FnMut(RouteKind, Parts),
) {
    for (rule, detail, named) in rules_of(&survey.rules.0, &access.principal()) {
        let (kind, note) = match named {
            Named::User => (RouteKind::Rule, String::new()),
            Named::UserGroup(id) => (RouteKind::RuleOfUserGroup, format!("by user group {id}")),
        };
        let reaches: Vec<String> = detail.targets.iter().map(RuleTarget::to_string).collect();
        add(
            kind,
            Parts {
                id: detail.id.clone(),
                name: rule.rule.name.clone(),
                state: RuleState::of(rule, now).name().to_owned(),
                valid_s: (rule.rule.effective_start_s, rule.rule.effective_end_s),
                reaches: reaches.join("; "),
                note,
            },
        );
    }
}

/// Other users of the same person, and the directory.
fn of_person(survey: &Survey, user: &User, add: &mut impl FnMut(RouteKind, Parts)) {
    for other in survey.all_users.items().iter().filter(|other| other.id != user.id) {
        let properties = [
            ("login", &user.name, &other.name),
            ("display name", &user.display_name, &other.display_name),
            ("id at the source", &user.source_user_id, &other.source_user_id),
            ("e-mail", &user.email, &other.email),
            ("mobile", &user.mobile, &other.mobile),
        ];
        let is_same = |one: &str, two: &str| {
            let (one, two) = (one.trim().to_lowercase(), two.trim().to_lowercase());
            !one.is_empty() && one == two
        };
        let same = properties.into_iter().filter(|(_, one, two)| is_same(one, two));
        let same: Vec<&str> = same.map(|(property, ..)| property).collect();
        if !same.is_empty() {
            add(
                RouteKind::SamePerson,
                Parts {
                    id: other.id.clone(),
                    name: other.name.clone(),
                    state: other.states.join(", "),
                    note: format!("source {}; the same {}", other.source, same.join(", ")),
                    ..Parts::default()
                },
            );
        }
    }
    if ["AD", "LDAP"].iter().any(|name| user.source.trim().eq_ignore_ascii_case(name)) {
        let note = "where organizational units are synchronized as user groups, a membership that \
                    is removed may come back";
        let name = user.source.clone();
        add(RouteKind::DirectoryGroup, Parts { name, note: note.to_owned(), ..Parts::default() });
    }
}

/// What could not be read of a user, or of what may give it access.
fn not_checked(survey: &Survey, access: &UserAccess, unusable: &[UnusableRow]) -> Vec<String> {
    if access.user == Lookup::NotFound {
        return Vec::new();
    }
    let mut reasons = Vec::new();
    if let Lookup::NotChecked(reason) = &access.user {
        reasons.push(format!("the user: {reason}"));
    }
    let mut add = |what: &str, reason: Option<&str>| {
        reasons.extend(reason.map(|reason| format!("{what}: {reason}")));
    };
    for targets in &access.targets {
        add("direct grants", targets.reason());
    }
    for ((kind, id), accounts) in &access.accounts {
        add(&format!("accounts on {kind} {id}"), accounts.reason());
        let unstated = accounts.items().iter().filter(|account| account.is_authorized.is_none());
        for account in unstated {
            let what = format!("account {} on {kind} {id}", account.id);
            add(&what, Some("the answer does not say whether it is authorized"));
        }
    }
    reasons.extend(unread_routes(survey, Some(access)));
    let mut add = |what: &str, reason: Option<&str>| {
        reasons.extend(reason.map(|reason| format!("{what}: {reason}")));
    };
    add("public keys", access.public_keys.reason());
    add("other users of the same person", survey.all_users.reason());
    add("projects besides the default one", survey.projects.reason());
    for UnusableRow { row, reason } in
        unusable.iter().filter(|one| one.row.cell("user") == access.id)
    {
        add(&row.grant(), Some(reason));
    }
    reasons
}

fn reached<'a>(targets: impl Iterator<Item = &'a GrantedTarget>) -> String {
    let target = |target: &GrantedTarget| match target.name.as_str() {
        "" => format!("{} {}", target.kind, target.id),
        name => format!("{} {} ({name})", target.kind, target.id),
    };
    targets.map(target).collect::<Vec<_>>().join("; ")
}
