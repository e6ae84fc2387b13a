//! Who reaches a target, as text and as JSON.

use super::text::{count, length, table, things};
use crate::access::{Cost, NotChecked, Person, Target, Who, WhoGrantee, WhoRule};
use crate::input::shown;
use crate::model::GranteeKind;
use serde_json::{Value, json};
use std::fmt::Write as _;

/// How many members or ids a line names.
const MOST_NAMED: usize = 10;

/// What the reading takes, before it begins. `with_accounts`: accounts are read, too.
pub fn cost(target: &Target, cost: &Cost, with_accounts: bool, rate_per_s: f64) -> String {
    let calls = cost.calls();
    #[expect(clippy::cast_precision_loss, reason = "an estimate for people")]
    let time = length(calls as f64 / rate_per_s);
    let more = if with_accounts {
        "The members of user groups, and the accounts on the target, take more."
    } else {
        "The members of user groups take more."
    };
    format!(
        "{}\nThis takes at least {}, about {time} at {rate_per_s} per second: the lists of {} and \
         {}, {}, {}.\n{more}",
        of_target(target),
        things(usize::try_from(calls).unwrap_or(usize::MAX), "call", "calls"),
        things(cost.users, "user", "users"),
        things(cost.user_groups, "user group", "user groups"),
        things(cost.rules, "rule", "rules"),
        things(cost.host_groups, "host group", "host groups"),
    )
}

/// The answer as text.
pub fn text(who: &Who) -> String {
    let mut out = String::new();
    let of_kind = |kind| who.grantees.iter().filter(move |one| one.grantee.kind == kind).count();
    // Writing to a string cannot fail.
    let _ = writeln!(
        out,
        "{}\ngranted to {} and {}; checked: {} of {} users, {} of {} user groups",
        of_target(&who.target),
        things(of_kind(GranteeKind::User), "user", "users"),
        things(of_kind(GranteeKind::UserGroup), "user group", "user groups"),
        count(who.users_read as u64),
        count(who.users as u64),
        count(who.user_groups_read as u64),
        count(who.user_groups as u64),
    );
    if !who.grantees.is_empty() {
        out.push('\n');
        out.push_str(&table(&grantee_rows(who)));
    }
    if who.grantees.iter().any(|one| !one.also_by.is_empty()) {
        out.push_str("  A grant that is also given by another route may be inherited: the API does not say.\n");
    }
    let groups = who.grantees.iter().filter(|one| one.grantee.kind == GranteeKind::UserGroup);
    for group in groups {
        let _ = writeln!(out, "\nMembers of user group {}:", shown(&group.grantee.id));
        let _ = writeln!(out, "  {}", people(&group.members));
    }
    for rule in &who.rules {
        add_rule(&mut out, rule);
    }
    if !who.host_groups.is_empty() {
        out.push_str("\nIt is in these host groups, which may be granted, too:\n");
    }
    for (id, name) in &who.host_groups {
        let (id, name) = (shown(id), shown(name));
        let _ = writeln!(out, "  {id} ({name}): bastion-revoke who host-group:{id}");
    }
    if !who.not_checked.is_empty() {
        out.push_str("\nNot checked:\n");
    }
    for NotChecked { what, ids, reason } in &who.not_checked {
        let ids = ids.iter().map(|id| shown(id)).collect::<Vec<_>>();
        let ids = if ids.is_empty() { String::new() } else { format!(" {}", named(&ids)) };
        let _ = writeln!(out, "  {what}{ids}: {}", super::text::shown_long(reason));
    }
    out
}

fn grantee_rows(who: &Who) -> Vec<Vec<String>> {
    let has_accounts = who.grantees.iter().any(|one| one.accounts.is_some());
    let has_routes = who.grantees.iter().any(|one| !one.also_by.is_empty());
    let mut header = vec!["GRANTEE", "ID", "LOGIN", "NAME", "SOURCE", "STATE"];
    header.extend(has_accounts.then_some("ACCOUNTS"));
    header.extend(has_routes.then_some("ALSO BY"));
    let mut rows = vec![header.into_iter().map(str::to_owned).collect()];
    for WhoGrantee { grantee, login, display, source, states, accounts, also_by, .. } in
        &who.grantees
    {
        let mut row = vec![
            grantee.kind.name().to_owned(),
            shown(&grantee.id),
            shown(login),
            shown(display),
            shown(source),
            shown(&states.join(", ")),
        ];
        if has_accounts {
            let names = accounts.iter().flatten();
            let names: Vec<String> = names.map(|[_, name, _]| shown(name)).collect();
            row.push(named(&names));
        }
        if has_routes {
            row.push(shown(&also_by.join(", ")));
        }
        rows.push(row);
    }
    rows
}

fn add_rule(out: &mut String, rule: &WhoRule) {
    let dates = match (rule.valid_from.as_str(), rule.valid_until.as_str()) {
        ("", "") => String::new(),
        (from, "") => format!(" from {from}"),
        ("", until) => format!(" until {until}"),
        (from, until) => format!(" from {from} until {until}"),
    };
    let (id, name) = (shown(&rule.id), shown(&rule.name));
    let gives: Vec<String> = rule.gives.iter().map(|one| shown(one)).collect();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "\nAuthorization rule {id} ({name}), {}{dates}:", rule.state);
    let _ = writeln!(out, "  gives {}", named(&gives));
    if !rule.users.is_empty() {
        let _ = writeln!(out, "  to users {}", people(&rule.users));
    }
    for (id, members) in &rule.user_groups {
        let _ = writeln!(out, "  to user group {} with {}", shown(id), people(members));
    }
}

/// `host 1027 (web-01, 192.0.2.27)`
fn of_target(target: &Target) -> String {
    let known = std::iter::once(&target.name).chain(&target.addresses);
    let known: Vec<String> =
        known.filter(|text| !text.is_empty()).map(|text| shown(text)).collect();
    let known = if known.is_empty() { String::new() } else { format!(" ({})", known.join(", ")) };
    format!("{} {}{known}", target.kind, shown(&target.id))
}

fn people(people: &[Person]) -> String {
    let person = |person: &Person| match person.login.as_str() {
        "" => shown(&person.id),
        login => format!("{} ({})", shown(&person.id), shown(login)),
    };
    match people.len() {
        0 => "no members".to_owned(),
        _ => named(&people.iter().map(person).collect::<Vec<_>>()),
    }
}

fn named(names: &[String]) -> String {
    let first = names.iter().take(MOST_NAMED).cloned().collect::<Vec<_>>().join(", ");
    match names.len().checked_sub(MOST_NAMED) {
        Some(more @ 1..) => format!("{first} and {} more", count(more as u64)),
        _ => first,
    }
}

/// The answer as JSON. Members are only ever added.
pub fn json(who: &Who) -> Value {
    let target = &who.target;
    let not_checked = who.not_checked.iter().map(
        |NotChecked { what, ids, reason }| json!({"what": what, "ids": ids, "reason": reason}),
    );
    let host_groups = who.host_groups.iter().map(|(id, name)| json!({"id": id, "name": name}));
    json!({
        "target": {
            "kind": target.kind.name(),
            "id": target.id,
            "name": target.name,
            "addresses": target.addresses,
        },
        "read_at": who.read_at,
        "users": who.users,
        "users_read": who.users_read,
        "user_groups": who.user_groups,
        "user_groups_read": who.user_groups_read,
        "grantees": who.grantees.iter().map(grantee_json).collect::<Vec<_>>(),
        "rules": who.rules.iter().map(rule_json).collect::<Vec<_>>(),
        "host_groups": host_groups.collect::<Vec<_>>(),
        "not_checked": not_checked.collect::<Vec<_>>(),
    })
}

fn grantee_json(one: &WhoGrantee) -> Value {
    let kind = match one.grantee.kind {
        GranteeKind::User => "user",
        GranteeKind::UserGroup => "user_group",
    };
    let account =
        |[id, name, protocol]: &[String; 3]| json!({"id": id, "name": name, "protocol": protocol});
    let accounts: Option<Vec<Value>> =
        one.accounts.as_ref().map(|all| all.iter().map(account).collect());
    json!({
        "kind": kind,
        "id": one.grantee.id,
        "login": one.login,
        "display": one.display,
        "source": one.source,
        "states": one.states,
        "accounts": accounts,
        "also_by": one.also_by,
        "members": people_json(&one.members),
    })
}

fn rule_json(rule: &WhoRule) -> Value {
    let groups = rule.user_groups.iter();
    let groups = groups.map(|(id, members)| json!({"id": id, "members": people_json(members)}));
    json!({
        "id": rule.id,
        "name": rule.name,
        "state": rule.state,
        "valid_from": rule.valid_from,
        "valid_until": rule.valid_until,
        "gives": rule.gives,
        "users": people_json(&rule.users),
        "user_groups": groups.collect::<Vec<_>>(),
    })
}

fn people_json(people: &[Person]) -> Vec<Value> {
    let person = |one: &Person| json!({"id": one.id, "login": one.login, "display": one.display});
    people.iter().map(person).collect()
}
