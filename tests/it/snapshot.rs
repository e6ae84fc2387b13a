//! `run --snapshot`: what is granted is recorded before the first revocation.

use crate::sandbox::{Ended, INSTANCE, Sandbox, TestService, with_keys};
use bastion_revoke::access::HeldTarget;
use bastion_revoke::ledger::Ledger;
use bastion_revoke::sim::Settings;
use bastion_revoke::sim::world::World;

const WORLD: &str = include_str!("../../samples/world.toml");

/// Accounts, whole targets and a user group of the sample world.
const LIST: &str = "user,user_group,kind,target,account\n\
    17,,host,1027,3058\n17,,host,1031,*\n17,,host-group,12,ops\n17,,database,88,*\n\
    17,,host,1029,3077\n,3,host,1081,*\n";

/// The sample world with these lines in its table of behaviour.
pub(crate) fn service(behaviour: &str) -> TestService {
    let text = format!("{WORLD}\n[behaviour]\n{behaviour}\n");
    let world = World::parse(&text).expect("a world");
    TestService::start(Settings { world: Some(world), ..Settings::default() })
}

pub(crate) fn command(sandbox: &Sandbox, service: &TestService, args: &[&str]) -> Ended {
    let endpoint = service.endpoint();
    let more = ["--endpoint", &endpoint, "--read-rate", "1000", "--rate", "1000"];
    let mut command = sandbox.command(&[args, &more].concat());
    with_keys(&mut command, "testsecret");
    Ended::of(&command.output().expect("it starts"))
}

fn run(sandbox: &Sandbox, service: &TestService, args: &[&str]) -> Ended {
    let run = ["run", "list.csv", "--instance-id", INSTANCE, "--yes"];
    command(sandbox, service, &[&run, args].concat())
}

fn snapshot(sandbox: &Sandbox) -> Vec<HeldTarget> {
    let ledger = Ledger::open_read_only(&sandbox.path("outcome.csv.ledger")).expect("a ledger");
    ledger.snapshot().expect("a snapshot")
}

/// As `host 1027 of 17: 3058,3059`.
fn shown(held: &HeldTarget) -> String {
    let accounts: Vec<&str> = held.accounts.iter().map(String::as_str).collect();
    let key = &held.key;
    let granted = match held.is_granted {
        Some(true) => format!("[{}]", accounts.join(",")),
        Some(false) => "none".to_owned(),
        None => "unknown".to_owned(),
    };
    format!(
        "{} {} of {} {}: {granted}",
        key.kind,
        key.target,
        key.grantee.kind.name(),
        key.grantee.id
    )
}

#[test]
fn the_ledger_has_every_account_of_the_targets_before_the_first_revocation() {
    let (service, sandbox) = (service(""), Sandbox::new());
    sandbox.file("list.csv", LIST);
    let ended = run(&sandbox, &service, &["--snapshot"]);
    assert!(ended.out.contains("Snapshot first: at least 11 list calls"), "{ended:?}");
    let all: Vec<String> = snapshot(&sandbox).iter().map(shown).collect();
    assert_eq!(
        all,
        [
            "host 1027 of user 17: [3058,3059]",
            "host 1029 of user 17: none",
            "host 1031 of user 17: [3102]",
            "host-group 12 of user 17: [ops]",
            "database 88 of user 17: [501]",
            "host 1081 of user group 3: [3311]",
        ]
    );
    let audit = service.audit();
    let names: Vec<&str> = audit.asked.iter().filter_map(|a| a.operation.as_deref()).collect();
    let first = names.iter().position(|name| name.starts_with("Detach")).expect("a revocation");
    assert!(names[first..].iter().all(|name| !name.starts_with("List")), "{names:?}");
    // Host 1029 is not granted, so that its accounts need not be read.
    assert_eq!(first, 10, "{names:?}");
}

#[test]
fn an_incomplete_snapshot_keeps_the_run_from_starting_unless_it_is_allowed() {
    let service = service("denied_operations = [\"ListDatabaseAccountsForUser\"]");
    let sandbox = Sandbox::new();
    sandbox.file("list.csv", LIST);
    let ended = run(&sandbox, &service, &["--snapshot"]);
    let ended = ended.expect(4, "the snapshot is incomplete: what was granted on 1 of 6 targets");
    assert!(ended.err.contains("database 88 of user 17: ListDatabaseAccountsForUser"), "{ended:?}");
    assert!(service.audit().removed.is_empty());
    assert_eq!(sandbox.files().len(), 1, "only the list");
    let ended = run(&sandbox, &service, &["--snapshot", "--allow-incomplete-snapshot"]);
    assert!(!service.audit().removed.is_empty(), "{ended:?}");
    let missing: Vec<String> =
        snapshot(&sandbox).iter().filter_map(|held| held.reason.clone()).collect();
    assert_eq!(missing.len(), 1, "{missing:?}");
    run(&sandbox, &service, &["--allow-incomplete-snapshot", "--restart"])
        .expect(2, "--allow-incomplete-snapshot needs --snapshot");
}

#[test]
fn a_run_that_began_without_a_snapshot_takes_none_later() {
    let (service, sandbox) = (service(""), Sandbox::new());
    sandbox.file("list.csv", LIST);
    let list = ["run", "list.csv", "--instance-id", INSTANCE, "--yes", "--rate", "1000"];
    let endpoint = service.endpoint();
    let mut killed = sandbox.command(&[&list[..], &["--endpoint", &endpoint]].concat());
    with_keys(&mut killed, "testsecret");
    killed.env("BASTION_REVOKE_FAIL_POINT", "after-answer:1");
    killed.output().expect("it starts");
    run(&sandbox, &service, &["--snapshot"]).expect(4, "began without --snapshot");
    let ended = run(&sandbox, &service, &[]);
    assert_eq!(ended.code, 0, "{ended:?}");
}

#[test]
fn a_rehearsal_reads_the_snapshot_of_a_simulated_world() {
    let sandbox = Sandbox::new();
    sandbox.file("list.csv", LIST);
    let ended = sandbox.ends(&["run", "list.csv", "--rehearse", "--snapshot"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.contains("Snapshot first"), "{ended:?}");
}
