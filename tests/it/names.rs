//! Lists that name people and assets by name.

use std::os::unix::process::ExitStatusExt as _;

use crate::sandbox::{Ended, INSTANCE, Sandbox, TestService, with_keys};
use bastion_revoke::sim::Settings;
use bastion_revoke::sim::world::World;

const LEAVERS: &str = include_str!("../../samples/leavers.csv");

fn sample_service() -> TestService {
    TestService::start(Settings { world: Some(World::sample()), ..Settings::default() })
}

/// A rehearsal of this list in the built-in world.
fn rehearse(list: &str, more: &[&str]) -> (Ended, Sandbox) {
    let sandbox = Sandbox::new();
    sandbox.file("leavers.csv", list);
    let args = [&["run", "leavers.csv", "--rehearse"][..], more].concat();
    let ended = Ended::of(&sandbox.command(&args).output().expect("it starts"));
    (ended, sandbox)
}

#[test]
fn an_ambiguous_name_stops_the_run_with_its_candidates() {
    let (ended, sandbox) = rehearse(LEAVERS, &[]);
    assert_eq!(ended.code, 65, "{ended:?}");
    for part in [
        "error[ambiguous_name]: a name of several objects",
        "leavers.csv:11:1",
        "3 have it: id 61 (Li Wei, Local, Normal), id 62 (Li Wei, AD, Normal), id 63 (Li Wei",
        "write the id in a column user",
        "1 invalid row",
    ] {
        assert!(ended.err.contains(part), "{part}: {}", ended.err);
    }
    assert!(!sandbox.path("rehearsal.csv").exists(), "nothing was sent");
}

#[test]
fn the_ids_of_names_are_in_the_outcome_and_the_ambiguous_row_is_invalid() {
    let (ended, sandbox) = rehearse(LEAVERS, &["--skip-invalid"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let mut table = csv::Reader::from_path(sandbox.path("rehearsal.csv")).expect("an outcome");
    let header = table.headers().expect("a header").clone();
    let rows: Vec<csv::StringRecord> = table.records().map(|row| row.expect("a row")).collect();
    let cells = |name: &str| -> Vec<String> {
        let at = header.iter().position(|column| column == name).expect("a column");
        rows.iter().map(|row| row[at].to_owned()).collect()
    };
    assert_eq!(cells("resolved_user"), ["17", "17", "17", "17", "17", "58", "58", "31", "46", ""]);
    assert_eq!(
        cells("resolved_target"),
        ["1027", "1027", "1044", "12", "88", "1061", "1061", "91", "19", ""]
    );
    assert_eq!(
        cells("resolved_account"),
        ["3058", "3059", "*", "ops", "501", "3244", "3245", "*", "*", ""]
    );
    let statuses = cells("status");
    assert_eq!(statuses[9], "invalid", "{statuses:?}");
    assert!(statuses[..9].iter().all(|status| status == "revoked"), "{statuses:?}");
    assert_eq!(cells("code")[9], "ambiguous_name");
}

#[test]
fn a_name_that_looks_like_an_id_is_no_id() {
    let (ended, _sandbox) = rehearse("user_name,host,account\n17,1027,3058\n", &[]);
    assert_eq!(ended.code, 65, "{ended:?}");
    assert!(ended.err.contains("there is no user with the name \"17\""), "{}", ended.err);
}

/// The ids are in the ledger: what follows a run needs no service to read them again.
#[test]
fn a_finished_run_does_not_look_names_up_again() {
    let list = "user_name,host_name,account_name\nlina@corp,web-01,root\nlina@corp,build-01,*\n";
    let service = sample_service();
    let sandbox = Sandbox::new();
    sandbox.file("leavers.csv", list);
    let endpoint = service.endpoint();
    let run = |more: &[&str]| {
        let args =
            ["run", "leavers.csv", "--instance-id", INSTANCE, "--yes", "--endpoint", &endpoint];
        let mut command = sandbox.command(&[&args[..], more].concat());
        with_keys(&mut command, "testsecret");
        Ended::of(&command.output().expect("it starts"))
    };
    let first = run(&[]);
    assert_eq!(first.code, 0, "{first:?}");
    assert!(first.out.contains("4 names looked up in 4 listings of the API"), "{}", first.out);
    let outcome = || std::fs::read_to_string(sandbox.path("outcome.csv")).expect("an outcome");
    let before = outcome();
    assert!(before.contains("lina@corp,web-01,root,17,1027,3058,revoked,"), "{before}");
    drop(service);
    for more in [&[][..], &["--report-only"]] {
        let again = run(more);
        assert_eq!(again.code, 0, "{again:?}");
        assert_eq!(outcome(), before);
    }
}

/// `check` and `plan` look names up only with `--online`, and change nothing.
#[test]
fn check_and_plan_look_names_up_when_asked_and_change_nothing() {
    let service = sample_service();
    let sandbox = Sandbox::new();
    sandbox.file("good.csv", "user_name,host_name,account_name\nlina@corp,web-01,root\n");
    sandbox.file("leavers.csv", LEAVERS);
    let endpoint = service.endpoint();
    let run = |command: &str, list: &str, more: &[&str]| {
        let args = [command, list, "--instance-id", INSTANCE, "--endpoint", &endpoint];
        let mut command = sandbox.command(&[&args[..], more].concat());
        with_keys(&mut command, "testsecret");
        Ended::of(&command.output().expect("it starts"))
    };
    let offline = run("plan", "good.csv", &[]);
    assert!(offline.code == 2 && offline.err.contains("pass --online"), "{offline:?}");
    let planned = run("plan", "good.csv", &["--online", "--requests", "-"]);
    assert!(planned.code == 0 && planned.out.contains("\"id\":\"1027\""), "{planned:?}");
    let unresolved = run("check", "leavers.csv", &[]);
    assert!(unresolved.code == 0 && unresolved.out.contains("not looked up"), "{unresolved:?}");
    let checked = run("check", "leavers.csv", &["--online"]);
    assert!(checked.code == 65 && checked.out.contains("ambiguous_name"), "{checked:?}");
    assert_eq!(run("check", "good.csv", &["--online"]).code, 0);
    assert!(service.stop().removed.is_empty());
}

/// A list without a project may hold the objects of the default project only.
#[test]
fn names_of_every_project_are_found_and_a_name_in_two_projects_is_ambiguous() {
    let sample = include_str!("../../samples/world.toml");
    let other = "\n[[projects]]\nid = 2\nname = \"payments\"\n\
                 [[hosts]]\nid = \"2001\"\nname = \"pay-01\"\nproject_id = \"2\"\n\
                 [[hosts]]\nid = \"2002\"\nname = \"web-01\"\nproject_id = \"2\"\n";
    let one = "user,host_name,account\n17,pay-01,*\n";
    let two = "user,host_name,account\n17,pay-01,*\n17,web-01,*\n";
    let both = "2 have it: id 1027 (Local, 192.0.2.27), id 2002";
    for (behaviour, list, code, says) in [
        ("default_project_only = true", two, 65, both),
        ("default_project_only = false", two, 65, both),
        ("denied_operations = [\"ListProjects\"]", one, 0, "names in other projects"),
    ] {
        let text = format!("{sample}{other}\n[behaviour]\n{behaviour}\n");
        let world = World::parse(&text).expect("a world");
        let service = TestService::start(Settings { world: Some(world), ..Settings::default() });
        let sandbox = Sandbox::new();
        sandbox.file("list.csv", list);
        let endpoint = service.endpoint();
        let args = ["check", "list.csv", "--online", "--instance-id", INSTANCE, "--endpoint"];
        let mut command = sandbox.command(&[&args[..], &[&endpoint]].concat());
        with_keys(&mut command, "testsecret");
        let ended = Ended::of(&command.output().expect("it starts"));
        let all = format!("{}{}", ended.out, ended.err);
        assert!(ended.code == code && all.contains(says), "{behaviour}: {ended:?}");
        assert!(!all.contains("there is no host"), "{behaviour}: {ended:?}");
    }
}

/// The sample world after the login of user 17 was given to a new user.
fn world_with_another_lina() -> World {
    let sample = include_str!("../../samples/world.toml");
    let renamed = sample.replace("name = \"lina@corp\"", "name = \"lina.left@corp\"");
    assert_ne!(renamed, sample);
    let user = "\n[[users]]\nid = \"99\"\nname = \"lina@corp\"\n\
                [[grants]]\nuser = \"99\"\nhost = \"1027\"\naccounts = [\"3058\"]\n";
    World::parse(&(renamed + user)).expect("a world")
}

/// A run that was killed must not look names up again: a login may belong to somebody else by then.
#[test]
fn a_killed_run_resumes_with_the_ids_it_stored_although_the_login_belongs_to_another_user() {
    let list = "user_name,host_name,db_name,account_name\nlina@corp,web-01,,root\n\
                lina@corp,build-01,,*\nlina@corp,,orders,orders_rw\n";
    for point in ["before-send:1", "before-send:2", "after-answer:1"] {
        let service = sample_service();
        let sandbox = Sandbox::new();
        sandbox.file("leavers.csv", list);
        let endpoint = service.endpoint();
        let more = ["--yes", "--concurrency", "1"];
        let mut killed = sandbox.run_command("leavers.csv", &endpoint, &more);
        killed.env("BASTION_REVOKE_FAIL_POINT", point);
        let killed = killed.output().expect("it starts");
        assert_eq!(killed.status.signal(), Some(9), "{point}: {killed:?}");

        let world = Some(world_with_another_lina());
        let service = service.restart(Settings { world, ..Settings::default() });
        let mut resumed = sandbox.run_command("leavers.csv", &endpoint, &more);
        let resumed = Ended::of(&resumed.output().expect("it starts"));
        assert_eq!(resumed.code, 0, "{point}: {resumed:?}");
        let rows = sandbox.outcome("outcome.csv");
        assert!(rows.iter().all(|row| row["resolved_user"] == "17"), "{point}: {rows:?}");
        let audit = service.stop();
        let removed: Vec<&str> = audit.removed.iter().map(|grant| &*grant.grantee).collect();
        assert!(
            !removed.is_empty() && removed.iter().all(|id| *id == "17"),
            "{point}: {removed:?}"
        );
        let calls: Vec<&str> =
            audit.asked.iter().filter_map(|attempt| attempt.operation.as_deref()).collect();
        assert!(calls.iter().all(|name| name.starts_with("Detach")), "{point}: {calls:?}");
    }
}
