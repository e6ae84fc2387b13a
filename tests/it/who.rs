//! `who`: the users and user groups that reach a target.

use std::process::Command;

use crate::prompt::on_a_terminal;
use crate::sandbox::{Ended, INSTANCE, Row, Sandbox, TestService, with_keys};
use bastion_revoke::sim::Settings;
use bastion_revoke::sim::world::World;
use serde_json::Value;

const WORLD: &str = include_str!("../../samples/world.toml");

fn service(more: &str) -> TestService {
    let world = World::parse(&format!("{WORLD}\n{more}\n")).expect("a world");
    TestService::start(Settings { world: Some(world), ..Settings::default() })
}

fn who(sandbox: &Sandbox, service: &TestService, args: &[&str]) -> Ended {
    Ended::of(&command(sandbox, service, args).output().expect("it starts"))
}

fn command(sandbox: &Sandbox, service: &TestService, args: &[&str]) -> Command {
    let endpoint = service.endpoint();
    let common = ["--instance-id", INSTANCE, "--endpoint", &endpoint, "--read-rate", "1000"];
    let mut command = sandbox.command(&[&["who"], args, &common].concat());
    with_keys(&mut command, "testsecret");
    command
}

fn json(sandbox: &Sandbox, service: &TestService, args: &[&str], code: i32) -> Value {
    let ended = who(sandbox, service, &[args, &["--yes", "--json"]].concat());
    assert_eq!(ended.code, code, "{ended:?}");
    serde_json::from_str(&ended.out).expect("one JSON value")
}

/// `user 17: user group 3`
fn grantees(answer: &Value) -> Vec<String> {
    let list = |value: &Value| -> Vec<String> {
        let all = value.as_array().expect("a list").iter();
        all.map(|text| text.as_str().expect("text").to_owned()).collect()
    };
    let all = answer["grantees"].as_array().expect("a list").iter();
    let all = all.map(|one| {
        let (kind, id) = (one["kind"].as_str().expect("text"), one["id"].as_str().expect("text"));
        format!("{kind} {id}: {}", list(&one["also_by"]).join(", "))
    });
    all.collect()
}

fn ids(list: &Value) -> Vec<&str> {
    list.as_array().expect("a list").iter().map(|one| one["id"].as_str().expect("text")).collect()
}

#[test]
fn every_direct_grant_of_every_kind_of_target_is_found_by_id_and_by_name() {
    let service = service("");
    let sandbox = Sandbox::new();
    for (target, expected) in [
        (&["host:1027"][..], &["user 17: ", "user 23: "][..]),
        (&["--host", "web-01"], &["user 17: ", "user 23: "]),
        (&["--host-address", "198.51.100.44"], &["user 17: "]),
        (&["host:1081"], &["user_group 3: "]),
        (&["host-group:15"], &["user 23: user group 3", "user 46: ", "user_group 3: "]),
        (&["--host-group", "web"], &["user 17: ", "user 23: ", "user 58: "]),
        (&["database:91"], &["user 31: user group 4", "user_group 4: "]),
        (&["--database", "orders"], &["user 17: ", "user 31: "]),
        (&["--database-address", "192.0.2.197"], &["user 58: "]),
        (&["host:1080"], &[]),
    ] {
        let answer = json(&sandbox, &service, target, 0);
        assert_eq!(grantees(&answer), expected, "{target:?}");
        assert_eq!((&answer["users_read"], &answer["user_groups_read"]), (&8.into(), &3.into()));
    }
    assert!(service.audit().removed.is_empty());
}

#[test]
fn rules_and_host_groups_that_reach_the_target_are_listed() {
    let service = service("");
    let sandbox = Sandbox::new();
    let answer = json(&sandbox, &service, &["host:1080"], 0);
    assert_eq!(ids(&answer["rules"]), ["7"]);
    assert_eq!(ids(&answer["rules"][0]["users"]), ["17", "62"]);
    assert_eq!(answer["rules"][0]["gives"][0], "host 1080 [3310]");
    let answer = json(&sandbox, &service, &["database:91"], 0);
    assert_eq!(ids(&answer["rules"][0]["user_groups"][0]["members"]), ["17", "23", "58"]);
    // Rule 9 is disabled, and gives the host group of the host.
    let answer = json(&sandbox, &service, &["host:1061"], 0);
    assert_eq!(ids(&answer["host_groups"]), ["19"]);
    assert_eq!(
        (&answer["rules"][0]["id"], &answer["rules"][0]["state"]),
        (&"9".into(), &"disabled".into())
    );
    let answer = json(&sandbox, &service, &["database:97"], 0);
    assert_eq!(ids(&answer["host_groups"]), ["15"]);
}

#[test]
fn inherited_grants_are_marked_with_the_group_and_the_rule() {
    let service = service("[behaviour]\ninherited_grants = true\npage_size_cap = 2");
    let sandbox = Sandbox::new();
    let answer = json(&sandbox, &service, &["host:1081"], 0);
    let by_group = ["user 17: user group 3", "user 23: user group 3", "user 58: user group 3"];
    assert_eq!(grantees(&answer), [&by_group[..], &["user_group 3: "]].concat());
    let answer = json(&sandbox, &service, &["database:91"], 0);
    assert_eq!(
        grantees(&answer),
        [
            "user 17: user group 3, rule 8",
            "user 23: user group 3, rule 8",
            "user 31: user group 4",
            "user 58: user group 3, rule 8",
            "user_group 3: rule 8",
            "user_group 4: ",
        ]
    );
}

#[test]
fn the_list_of_grants_is_planned_and_run_without_editing() {
    let service = service("");
    let sandbox = Sandbox::new();
    let args = ["host-group:15", "--accounts", "--yes", "--out", "who.csv"];
    let ended = who(&sandbox, &service, &args);
    assert_eq!(ended.code, 0, "{ended:?}");
    let cell = |row: &Row, names: [&str; 5]| names.map(|name| row[name].clone()).join(" ");
    let columns = ["user", "user_group", "kind", "target", "account"];
    let rows: Vec<String> =
        sandbox.outcome("who.csv").iter().map(|row| cell(row, columns)).collect();
    assert_eq!(
        rows,
        [
            "23  host-group 15 *",
            "23  host-group 15 deploy",
            "46  host-group 15 *",
            "46  host-group 15 deploy",
            "46  host-group 15 ops user",
            " 3 host-group 15 *",
            " 3 host-group 15 ops",
        ]
    );
    assert_eq!(sandbox.ends(&["plan", "who.csv"]).code, 0);
    let run = sandbox.run_command("who.csv", &service.endpoint(), &["--yes"]).output();
    assert_eq!(Ended::of(&run.expect("it starts")).code, 0);
    let answer = json(&sandbox, &service, &["host-group:15"], 0);
    assert!(grantees(&answer).is_empty());
}

#[test]
fn what_cannot_be_read_is_not_checked_and_never_nobody() {
    let sandbox = Sandbox::new();
    for (denied, what) in [
        ("ListHostsForUser", "users"),
        ("ListHostsForUserGroup", "user groups"),
        ("ListUsers", "users"),
        ("ListUserGroups", "user groups"),
        ("ListRules", "authorization rules"),
        ("GetRule", "authorization rules"),
        ("ListHostGroups", "host groups"),
        ("ListProjects", "projects besides the default one"),
        ("ListHosts", "the target"),
    ] {
        let service = service(&format!("[behaviour]\ndenied_operations = [\"{denied}\"]"));
        let answer = json(&sandbox, &service, &["host:1027"], 1);
        let not_checked = answer["not_checked"].as_array().expect("a list");
        let reason = format!("{denied}: NoPermission");
        let is_named = not_checked.iter().any(|one| {
            one["what"] == what && one["reason"].as_str().is_some_and(|why| why.contains(&reason))
        });
        assert!(is_named, "{denied}: {not_checked:?}");
        let text = who(&sandbox, &service, &["host:1027", "--yes"]);
        assert!(text.code == 1 && text.out.contains(&reason), "{text:?}");
    }
    let service = service("[behaviour]\ndenied_operations = [\"ListHostsForUser\"]");
    let text = who(&sandbox, &service, &["host:1027", "--yes"]).out;
    assert!(text.contains("granted to 0 users and 0 user groups; checked: 0 of 8 users"), "{text}");
    let all = "users 17, 23, 31, 46, 58, 61, 62, 63: ListHostsForUser: NoPermission";
    assert!(text.contains(all), "{text}");
}

/// The lists are filtered by the name, so they are empty once it has changed.
#[test]
fn a_target_that_is_renamed_while_it_is_read_is_not_checked() {
    let service = service(
        "[[behaviour.changes]]\noperation = \"ListUsers\"\nafter_page = 1\nremove_host = \"1027\"\n\
         add_host = { id = \"1027\", name = \"web-99\" }",
    );
    let sandbox = Sandbox::new();
    let answer = json(&sandbox, &service, &["host:1027"], 1);
    let not_checked = &answer["not_checked"][0];
    assert_eq!(not_checked["what"], "the target");
    assert!(not_checked["reason"].as_str().is_some_and(|why| why.contains("renamed or deleted")));
}

#[test]
fn targets_in_another_project_are_found() {
    let project = "[[projects]]\nid = 2\nname = \"payments\"\n\
        [[hosts]]\nid = \"2001\"\nname = \"pay-01\"\nproject_id = \"2\"\n\
        [[user_groups]]\nid = \"7\"\nname = \"payments\"\nmembers = [\"63\"]\nproject_id = \"2\"\n\
        [[grants]]\nuser = \"17\"\nhost = \"2001\"\n\
        [[grants]]\nuser_group = \"7\"\nhost = \"2001\"\n";
    for only in ["true", "false"] {
        let service = service(&format!("{project}[behaviour]\ndefault_project_only = {only}"));
        let sandbox = Sandbox::new();
        for target in [&["host:2001"][..], &["--host", "pay-01"]] {
            let answer = json(&sandbox, &service, target, 0);
            assert_eq!(grantees(&answer), ["user 17: ", "user_group 7: "], "{only} {target:?}");
        }
    }
}

#[test]
fn without_a_terminal_and_without_yes_nothing_is_read() {
    let service = service("");
    let sandbox = Sandbox::new();
    who(&sandbox, &service, &["host:1027"]).expect(2, "pass --yes");
    assert_eq!(service.audit().asked.len(), 0);
    let ended = who(&sandbox, &service, &["host:1027", "--yes"]);
    let cost = "This takes at least 17 calls, about 0.0 s at 1000 per second: the lists of 8 users \
                and 3 user groups, 3 rules, 3 host groups.";
    ended.expect(0, cost);
}

/// The few lists that say what it costs are read; those of the users are not.
#[test]
fn at_a_terminal_only_y_reads_the_lists_of_users() {
    let service = service("");
    let sandbox = Sandbox::new();
    let reads_users = || {
        let audit = service.audit();
        audit.asked.iter().any(|one| one.operation.as_deref() == Some("ListHostsForUser"))
    };
    let asked = |answer| on_a_terminal(&command(&sandbox, &service, &["host:1027"]), answer);
    for (answer, says) in [
        (r"\n", "the answer is not y; the lists were not read"),
        (r"no\n", "the answer is not y; the lists were not read"),
        (r"\x03", "interrupted; the lists were not read"),
        (r"\x04", "no answer: standard input was closed; the lists were not read"),
    ] {
        let ended = asked(answer);
        assert!(ended.code == 4 && ended.out.contains(says), "{answer}: {ended:?}");
        assert!(!reads_users(), "{answer}");
    }
    let ended = asked(r"Y\n");
    assert!(ended.code == 0 && ended.out.contains("granted to 2 users"), "{ended:?}");
    assert!(reads_users());
}

#[test]
fn a_target_that_is_not_exactly_one_ends_with_what_to_pass() {
    let service = service("");
    let sandbox = Sandbox::new();
    for (target, says) in [
        (&["--host", "cache-01"][..], "2 have it: id 1070 (Local, 192.0.2.70), id 1071"),
        (&["--host", "cache-01"], "pass host:ID"),
        (&["--host", "Web-01"], "there is no host with the name"),
        (&["--host-group", "nothing"], "pass host-group:ID"),
        (&["--database", "reports"], "pass database:ID"),
        (&["host:17"], "there is no host with the id 17"),
    ] {
        who(&sandbox, &service, &[target, &["--yes"]].concat()).expect(65, says);
    }
    who(&sandbox, &service, &["1027", "--yes"]).expect(2, "expected host:ID");
    who(&sandbox, &service, &["host:1027", "--host", "web-01"]).expect(2, "cannot be used with");
    who(&sandbox, &service, &["--yes"]).expect(2, "required");
    sandbox.file("list.csv", "user,host,account\n1,2,3\n");
    let args = ["host:1027", "--yes", "--out", "list.csv"];
    who(&sandbox, &service, &args).expect(2, "is not an earlier export");
}

/// A setting for the outcome of runs must not make these commands write their list there.
#[test]
fn the_outcome_file_of_the_settings_is_not_the_list_of_who_or_export() {
    let service = service("");
    let sandbox = Sandbox::new();
    sandbox.file("bastion-revoke.toml", "out = \"cleanup.csv\"\n");
    let ended = who(&sandbox, &service, &["host:1027", "--yes"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let endpoint = service.endpoint();
    let args = ["export", "--user", "id:17", "--scope", "whole", "--instance-id", INSTANCE];
    let mut export = sandbox.command(&[&args[..], &["--endpoint", &endpoint]].concat());
    with_keys(&mut export, "testsecret");
    let ended = Ended::of(&export.output().expect("it starts"));
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(sandbox.path("access.csv").exists() && !sandbox.path("cleanup.csv").exists());
}
