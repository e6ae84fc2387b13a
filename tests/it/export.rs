//! `export`: the access of users as a list, and the other routes.

use crate::sandbox::{Ended, INSTANCE, Row, Sandbox, TestService, with_keys};
use bastion_revoke::sim::Settings;
use bastion_revoke::sim::world::World;

const WORLD: &str = include_str!("../../samples/world.toml");

/// The sample world with these lines in its table of behaviour.
fn service(behaviour: &str) -> TestService {
    let text = format!("{WORLD}\n[behaviour]\n{behaviour}\n");
    let world = World::parse(&text).expect("a world");
    TestService::start(Settings { world: Some(world), ..Settings::default() })
}

fn command(sandbox: &Sandbox, service: &TestService, args: &[&str]) -> Ended {
    let endpoint = service.endpoint();
    let more = ["--instance-id", INSTANCE, "--endpoint", &endpoint, "--read-rate", "1000"];
    let mut command = sandbox.command(&[args, &more].concat());
    with_keys(&mut command, "testsecret");
    Ended::of(&command.output().expect("it starts"))
}

fn routes(rows: &[Row], kind: &str) -> Vec<String> {
    let of_kind = rows.iter().filter(|row| row["route"] == kind);
    of_kind.map(|row| format!("{} {} {}", row["user"], row["id"], row["state"])).collect()
}

#[test]
fn an_exported_list_can_be_run_and_then_nothing_direct_is_left() {
    let service = service("");
    let sandbox = Sandbox::new();
    sandbox.file("leavers.txt", "# today\n\nid:58\nlina@corp\n");
    let export = ["export", "--user", "lina@corp", "--users-from", "leavers.txt"];
    let export = [&export[..], &["--scope", "accounts"]].concat();
    let ended = command(&sandbox, &service, &export);
    assert_eq!(ended.code, 0, "{ended:?}");
    let rows = sandbox.outcome("access.csv");
    let grants = |user: &str| -> Vec<String> {
        let own = rows.iter().filter(|row| row["user"] == user);
        own.map(|row| format!("{} {} {}", row["kind"], row["target"], row["account"])).collect()
    };
    assert_eq!(
        grants("17"),
        [
            "host 1027 *",
            "host 1027 3058",
            "host 1027 3059",
            "host 1031 *",
            "host 1031 3102",
            "host 1044 *",
            "host 1044 3150",
            "host-group 12 *",
            "host-group 12 ops",
            "database 88 *",
            "database 88 501",
        ]
    );
    assert_eq!(grants("58").len(), 9);
    let all = sandbox.outcome("access.routes.csv");
    assert_eq!(routes(&all, "user_group"), ["17 3 ", "58 3 "]);
    assert_eq!(routes(&all, "rule"), ["17 7 active"]);
    assert_eq!(routes(&all, "rule_of_user_group"), ["17 8 active", "58 8 active"]);
    assert_eq!(routes(&all, "public_key"), ["17 201 "]);
    assert_eq!(routes(&all, "not_checked"), [""; 0]);
    assert!(service.audit().removed.is_empty(), "export changes nothing");

    let ended = command(&sandbox, &service, &["run", "access.csv", "--yes"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let ended = command(&sandbox, &service, &export);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(sandbox.outcome("access.csv").is_empty());
    assert_eq!(routes(&sandbox.outcome("access.routes.csv"), "user_group").len(), 2);
}

#[test]
fn inherited_grants_in_a_users_lists_are_marked() {
    let service = service("inherited_grants = true\nis_authorized_text = true\npage_size_cap = 2");
    let sandbox = Sandbox::new();
    let export = ["export", "--user", "id:17", "--scope", "whole"];
    let ended = command(&sandbox, &service, &export);
    assert_eq!(ended.code, 0, "{ended:?}");
    let rows = sandbox.outcome("access.csv");
    let also_by = |target: &str| {
        let row = rows.iter().find(|row| row["target"] == target).expect("a row");
        row["also_by"].clone()
    };
    assert_eq!(also_by("1027"), "");
    assert_eq!(also_by("1081"), "user group 3");
    assert_eq!(also_by("1080"), "rule 7");
    assert_eq!(also_by("91"), "user group 3; rule 8", "the group inherits the rule, too");
}

#[test]
fn an_unreadable_route_is_reported_and_never_counts_as_none() {
    let service = service(
        "denied_operations = [\"ListDatabasesForUser\", \"GetRule\"]\n\
         missing_operations = [\"ListUserGroupsForUser\"]",
    );
    let sandbox = Sandbox::new();
    let ended = command(&sandbox, &service, &["export", "--user", "id:17", "--scope", "whole"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let all = sandbox.outcome("access.routes.csv");
    assert_eq!(routes(&all, "user_group"), ["17 3 "], "by the members of the groups");
    let unchecked: Vec<&str> =
        all.iter().filter(|row| row["route"] == "not_checked").map(|row| &*row["note"]).collect();
    assert!(
        unchecked
            .iter()
            .any(|note| note.starts_with("direct grants: ListDatabasesForUser: NoPermission")),
        "{unchecked:?}"
    );
    assert!(
        unchecked
            .iter()
            .any(|note| note.starts_with("authorization rule 7: GetRule: NoPermission"))
    );
    assert!(!sandbox.outcome("access.csv").is_empty(), "the rest is there");
}

#[test]
fn a_deleted_user_is_not_a_user_without_access() {
    let service = service("");
    let sandbox = Sandbox::new();
    let ended = command(&sandbox, &service, &["export", "--user", "id:999", "--scope", "whole"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.out.contains("user 999: not found"), "{}", ended.out);
    let all = sandbox.outcome("access.routes.csv");
    assert_eq!(routes(&all, "direct"), ["999 999 not_found"]);
}

#[test]
fn an_ambiguous_user_or_an_unusable_file_writes_nothing() {
    let service = service("");
    let sandbox = Sandbox::new();
    let export = ["export", "--scope", "whole"];
    let ended = command(&sandbox, &service, &[&export[..], &["--user", "li.wei"]].concat());
    let ended = ended.expect(65, "3 have it: id 61 (Li Wei, Local, Normal), id 62");
    assert!(ended.err.contains("pass --user id:N"), "{}", ended.err);
    sandbox.file("leavers.txt", "lina@corp\n\n*\n");
    let args = [&export[..], &["--users-from", "leavers.txt"]].concat();
    command(&sandbox, &service, &args).expect(65, "leavers.txt:3: *: expected the login name");
    assert!(!sandbox.path("access.csv").exists());
    sandbox.file("list.csv", "user,host,account\n1,2,3\n");
    let args = [&export[..], &["--user", "id:17", "--out", "list.csv"]].concat();
    command(&sandbox, &service, &args).expect(2, "is not an earlier export");
    let args = [&export[..], &["--users-from", "none.txt"]].concat();
    command(&sandbox, &service, &args).expect(66, "none.txt: cannot read");
}

/// Objects of a second project, which the lists hold only if they are asked for it.
const SECOND_PROJECT: &str = r#"
[[projects]]
id = 2
name = "payments"
[[user_groups]]
id = "7"
name = "payments"
members = ["17"]
project_id = "2"
[[hosts]]
id = "2001"
name = "pay-01"
project_id = "2"
accounts = [{ id = "4001", name = "root" }]
[[host_groups]]
id = "20"
name = "pay"
hosts = ["2001"]
project_id = "2"
[[grants]]
user = "17"
host = "2001"
accounts = ["4001"]
[[grants]]
user = "17"
host_group = "20"
accounts = ["root"]
[[grants]]
user_group = "7"
host = "2001"
[[rules]]
id = "10"
name = "payments"
project_id = "2"
users = ["17"]
hosts = [{ id = "2001" }]
"#;

#[test]
fn every_project_is_read_whether_or_not_lists_without_a_project_hold_it() {
    for behaviour in ["default_project_only = true", "default_project_only = false"] {
        let service = service(&format!("{behaviour}\n{SECOND_PROJECT}"));
        let sandbox = Sandbox::new();
        let export = ["export", "--user", "id:17", "--scope", "accounts"];
        let ended = command(&sandbox, &service, &export);
        assert_eq!(ended.code, 0, "{behaviour}: {ended:?}");
        let rows = sandbox.outcome("access.csv");
        let grants = rows.iter().map(|row| format!("{} {}", row["target"], row["account"]));
        let grants: Vec<String> = grants.collect();
        for grant in ["1027 3058", "2001 *", "2001 4001", "12 ops", "20 *", "20 root"] {
            let times = grants.iter().filter(|known| *known == grant).count();
            assert_eq!(times, 1, "{behaviour}: {grant}: {grants:?}");
        }
        let all = sandbox.outcome("access.routes.csv");
        assert_eq!(routes(&all, "user_group"), ["17 3 ", "17 7 "], "{behaviour}");
        assert_eq!(routes(&all, "rule"), ["17 10 active", "17 7 active"], "{behaviour}");
        let group = all.iter().find(|row| row["id"] == "7" && row["route"] == "user_group");
        assert_eq!(group.map(|row| &*row["reaches"]), Some("host 2001 (pay-01)"));
    }
}

#[test]
fn projects_that_may_not_be_listed_are_not_checked_and_a_service_without_projects_has_none() {
    for (behaviour, code) in [
        ("denied_operations = [\"ListProjects\"]", 1),
        ("missing_operations = [\"ListProjects\"]", 0),
    ] {
        let service = service(behaviour);
        let sandbox = Sandbox::new();
        let ended = command(&sandbox, &service, &["export", "--user", "id:17", "--scope", "whole"]);
        assert_eq!(ended.code, code, "{behaviour}: {ended:?}");
        let all = sandbox.outcome("access.routes.csv");
        let unchecked = all.iter().filter(|row| row["route"] == "not_checked");
        let notes: Vec<&str> = unchecked.map(|row| &*row["note"]).collect();
        let is_named = notes.iter().any(|note| note.starts_with("projects besides the default"));
        assert_eq!(is_named, code == 1, "{notes:?}");
    }
}
