//! `restore` of an offboarding: grants, memberships and locks are as before, and nothing else is
//! changed.

use crate::sandbox::{Ended, INSTANCE, Sandbox, TestService, with_keys};
use bastion_revoke::failpoint;
use bastion_revoke::sim::Settings;
use bastion_revoke::sim::world::World;
use std::process::Command;

const WORLD: &str = include_str!("../../samples/world.toml");

/// A user that is locked in the sample world.
const FROZEN: &str = "id:31";

const USERS: [&str; 4] = ["--user", "lina@corp", "--user", "id:58"];

fn service(more: &str) -> TestService {
    let world = World::parse(&format!("{WORLD}\n{more}\n")).expect("a world");
    TestService::start(Settings { world: Some(world), ..Settings::default() })
}

fn command(sandbox: &Sandbox, service: &TestService, args: &[&str]) -> Command {
    let endpoint = service.endpoint();
    let more = ["--endpoint", &endpoint, "--read-rate", "1000", "--rate", "1000"];
    let mut command = sandbox.command(&[args, &more].concat());
    with_keys(&mut command, "testsecret");
    command.env("BASTION_REVOKE_STS_ENDPOINT", endpoint);
    command
}

fn run(sandbox: &Sandbox, service: &TestService, args: &[&str]) -> Ended {
    Ended::of(&command(sandbox, service, args).output().expect("it starts"))
}

fn offboard(sandbox: &Sandbox, service: &TestService, more: &[&str]) -> Ended {
    let args = ["offboard", "--instance-id", INSTANCE, "--settle", "0", "--yes"];
    run(sandbox, service, &[&args[..], &USERS, more].concat())
}

const RESTORE: [&str; 5] = ["restore", "offboarding.csv", "--yes", "--read-lag", "300ms"];

fn restore(sandbox: &Sandbox, service: &TestService, more: &[&str]) -> Ended {
    run(sandbox, service, &[&RESTORE[..], more].concat())
}

/// Everything that an offboarding of the users would take: locks, groups, grants with accounts, keys.
fn state(service: &TestService) -> String {
    let sandbox = Sandbox::new();
    let args = ["offboard", "--instance-id", INSTANCE, "--lock", "--leave-groups", "--dry-run"];
    let shown = run(&sandbox, service, &[&args[..], &USERS].concat());
    assert_eq!(shown.code, 0, "{shown:?}");
    let held = service.audit().granted.into_iter().filter(|grant| grant.held);
    let mut held: Vec<String> = held
        .map(|grant| format!("{:?} {:?}", (grant.grantee, grant.kind), grant.account))
        .collect();
    held.sort();
    format!("{}{}", shown.out, held.join("\n"))
}

#[test]
fn after_offboard_and_restore_locks_groups_and_grants_are_as_before() {
    let (service, sandbox) = (service(""), Sandbox::new());
    let before = state(&service);
    assert!(before.contains("user 17 (lina@corp, Li Na), source AD, Normal"), "{before}");
    offboard(&sandbox, &service, &["--lock", "--leave-groups"]).expect(0, "");
    assert_ne!(state(&service), before);

    let ended = restore(&sandbox, &service, &[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.contains("users to unlock                                   2"), "{ended:?}");
    assert!(ended.out.contains("added to user groups again: done"), "{ended:?}");
    assert_eq!(state(&service), before);
    // Nothing is done twice, also not by a restore with other files.
    let writes = service.audit().counts.writes;
    assert_eq!(restore(&sandbox, &service, &[]).code, 0);
    restore(&sandbox, &service, &["--out", "other.csv", "--restart"]);
    assert_eq!(service.audit().operations["UnlockUsers"].attempts, 1);
    assert_eq!(service.audit().operations["AddUsersToGroup"].attempts, 1);
    assert!(service.audit().counts.writes >= writes);
}

/// `out` of a settings file is that of `run`: a restore must not write over the outcome it reads.
#[test]
fn the_outcome_file_of_the_settings_is_not_that_of_offboard_or_restore() {
    let (service, sandbox) = (service(""), Sandbox::new());
    sandbox.file("bastion-revoke.toml", "out = \"cleanup.csv\"\n");
    offboard(&sandbox, &service, &["--lock"]).expect(0, "");
    assert_eq!(restore(&sandbox, &service, &[]).code, 0);
    for name in ["offboarding.csv", "restored.csv"] {
        assert!(sandbox.path(name).exists(), "{name}");
    }
    assert!(!sandbox.path("cleanup.csv").exists());
}

#[test]
fn users_that_were_locked_before_or_by_others_stay_locked() {
    let (service, sandbox) = (service(""), Sandbox::new());
    let args = ["offboard", "--instance-id", INSTANCE, "--settle", "0", "--yes", "--lock"];
    let users = ["--user", "lina@corp", "--user", FROZEN];
    let ended = run(&sandbox, &service, &[&args[..], &users].concat());
    assert!(ended.out.contains("Frozen"), "{ended:?}");
    restore(&sandbox, &service, &[]);
    let audit = service.audit();
    let unlocked: Vec<_> = audit
        .asked
        .iter()
        .filter(|one| one.operation.as_deref() == Some("UnlockUsers"))
        .map(|one| one.parameters["UserIds"].as_str())
        .collect();
    assert_eq!(unlocked, [r#"["17"]"#]);
}

#[test]
fn a_lock_whose_answer_was_lost_is_not_undone_but_named() {
    let (service, sandbox) = (service(""), Sandbox::new());
    let args = ["offboard", "--instance-id", INSTANCE, "--settle", "0", "--yes", "--lock"];
    let args = [&args[..], &USERS].concat();
    let killed = command(&sandbox, &service, &args)
        .env("BASTION_REVOKE_FAIL_POINT", "step-sent:1")
        .output()
        .expect("it starts");
    assert!(!killed.status.success());
    assert_eq!(run(&sandbox, &service, &args).code, 0);
    let ended = restore(&sandbox, &service, &[]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.out.contains("lock of user 17: may have been changed by somebody else"));
    assert!(!service.audit().operations.contains_key("UnlockUsers"));
}

#[test]
fn deleted_keys_are_named_and_a_summary_as_json_has_the_steps() {
    let (service, sandbox) = (service(""), Sandbox::new());
    offboard(&sandbox, &service, &["--lock", "--delete-keys"]).expect(0, "");
    let ended = restore(&sandbox, &service, &["--json"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let summary: serde_json::Value = serde_json::from_str(&ended.out).expect("one JSON value");
    assert_eq!(summary["undone"]["steps"]["unlock"]["done"], 2, "{summary}");
    let kept = summary["undone"]["kept"][0].as_str().expect("a text");
    assert_eq!(kept, "public key 201 of user 17: is deleted, and the user must upload it again");
    assert_eq!(summary["exit_code"], 1);
}

#[test]
fn users_without_grants_are_unlocked_and_a_restore_that_stops_unlocks_nobody() {
    let (alone, sandbox) = (service(NEW_USER), Sandbox::new());
    let args = ["offboard", "--instance-id", INSTANCE, "--settle", "0", "--yes", "--lock"];
    run(&sandbox, &alone, &[&args[..], &["--user", "new"]].concat()).expect(0, "");
    let ended = restore(&sandbox, &alone, &[]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(alone.audit().operations["UnlockUsers"].attempts, 1);

    let denied = "[behaviour]\ndenied_operations = [\"AttachHostAccountsToUser\"]";
    let (denied, sandbox) = (service(denied), Sandbox::new());
    offboard(&sandbox, &denied, &["--lock", "--leave-groups"]).expect(0, "");
    let ended = restore(&sandbox, &denied, &[]);
    assert_eq!(ended.code, 77, "{ended:?}");
    assert!(ended.out.contains("users stay locked and out of their groups"), "{ended:?}");
    assert!(!denied.audit().operations.contains_key("UnlockUsers"));
    assert!(!denied.audit().operations.contains_key("AddUsersToGroup"));
}

/// A user without grants is locked at one service; another one answers to the restore.
fn restored_elsewhere(world: &str, behaviour: &str) -> (Ended, Sandbox, TestService) {
    let (first, sandbox) = (service(NEW_USER), Sandbox::new());
    let args = ["offboard", "--instance-id", INSTANCE, "--settle", "0", "--yes", "--lock"];
    run(&sandbox, &first, &[&args[..], &["--user", "new"]].concat()).expect(0, "");
    let second = service(&format!("{world}\n{behaviour}"));
    let record = sandbox.path("offboarding.csv.steps");
    let text = std::fs::read_to_string(&record).expect("a record");
    std::fs::write(&record, text.replace(&first.endpoint(), &second.endpoint())).expect("a record");
    (restore(&sandbox, &second, &[]), sandbox, second)
}

const NEW_USER: &str = "[[users]]\nid = \"99\"\nname = \"new\"";

#[test]
fn a_user_who_cannot_be_read_back_or_is_gone_is_not_called_unlocked() {
    let denied = "[behaviour]\ndenied_operations = [\"GetUser\"]";
    for (world, behaviour, says) in [
        (NEW_USER, denied, "whether user 99 is locked is not known: "),
        ("", "", "user 99 does not exist, as read back"),
    ] {
        let (ended, sandbox, service) = restored_elsewhere(world, behaviour);
        assert!(ended.code == 1 && ended.out.contains(says), "{ended:?}");
        assert_eq!(
            service.audit().operations["UnlockUsers"].attempts,
            1,
            "it is sent all the same"
        );
        let again = restore(&sandbox, &service, &[]);
        assert!(again.code == 1 && again.out.contains(says), "the same says the same: {again:?}");
    }
}

#[test]
fn a_rehearsal_and_a_refused_guard_undo_nothing() {
    let (service, sandbox) = (service(""), Sandbox::new());
    offboard(&sandbox, &service, &["--lock", "--leave-groups"]).expect(0, "");
    let writes = service.audit().counts.writes;
    let ended = sandbox.ends(&["restore", "offboarding.csv", "--rehearse"]);
    assert!(ended.out.contains("users to unlock"), "{ended:?}");
    restore(&sandbox, &service, &["--max-users", "0"]).expect(4, "--max-users");
    assert_eq!(service.audit().counts.writes, writes);
}

/// Without an outcome nothing says which grants are to come back before the users are let in.
#[test]
fn an_offboarding_that_was_killed_before_its_outcome_is_not_restored_until_it_has_ended() {
    for failpoint in ["users-locked:1", "after-answer:2", "before-outcome:1"] {
        let (service, sandbox) = (service(""), Sandbox::new());
        let before = state(&service);
        let args = ["offboard", "--instance-id", INSTANCE, "--settle", "0", "--yes", "--lock"];
        let args = [&args[..], &USERS].concat();
        let killed = command(&sandbox, &service, &args)
            .env("BASTION_REVOKE_FAIL_POINT", failpoint)
            .output()
            .expect("it starts");
        assert!(!killed.status.success(), "{failpoint}: it is killed");
        let stopped = state(&service);
        let ended = restore(&sandbox, &service, &[]);
        ended.expect(4, "the offboarding stopped before it was written");
        assert_eq!(state(&service), stopped, "{failpoint}: nothing is changed");
        assert_eq!(run(&sandbox, &service, &args).code, 0, "{failpoint}");
        let ended = restore(&sandbox, &service, &[]);
        // An answer that was lost leaves rows that may have been revoked by somebody else.
        if failpoint == "users-locked:1" {
            assert_eq!((ended.code, state(&service)), (0, before), "{failpoint}");
        }
        assert!(service.audit().operations.contains_key("UnlockUsers"), "{failpoint}: {ended:?}");
    }
}

/// The real binary, killed with the signal that can't be caught in each step.
#[test]
fn a_restore_that_is_killed_in_any_step_ends_with_the_state_of_before() {
    let of_steps = ["step-intended", "step-sent", "step-recorded"];
    let named = of_steps.into_iter().chain(failpoint::UNDOING).chain(["outcome-renamed"]);
    for name in named {
        for times in [1, 2] {
            let (service, sandbox) = (service(""), Sandbox::new());
            let before = state(&service);
            offboard(&sandbox, &service, &["--lock", "--leave-groups"]).expect(0, "");
            let killed = command(&sandbox, &service, &RESTORE)
                .env("BASTION_REVOKE_FAIL_POINT", format!("{name}:{times}"))
                .output()
                .expect("it starts");
            let may_pass = times == 2 && !of_steps.contains(&name);
            assert!(!killed.status.success() || may_pass, "{name}:{times} is hit");
            let ended = restore(&sandbox, &service, &[]);
            assert_eq!(ended.code, 0, "{name}:{times}: {ended:?}");
            assert_eq!(state(&service), before, "{name}:{times}");
        }
    }
}
