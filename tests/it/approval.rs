//! A plan that one person saves and another approves: exactly that plan is run, or nothing.

use std::path::Path;

use bastion_revoke::sim::{Settings, World};
use serde_json::Value;

use crate::archives;
use crate::sandbox::{Ended, INSTANCE, Sandbox, TestService};

const LIST: &str = "user,kind,target,account\n\
    17,host,10,100\n17,host,11,100\n17,host,12,*\n18,database,10,5\n18,database,10,5\n";

/// Saves the plan of `list.csv` for this service.
fn save(sandbox: &Sandbox, service: &TestService, more: &[&str]) -> Ended {
    let endpoint = service.endpoint();
    let args = ["plan", "list.csv", "--instance-id", INSTANCE, "--endpoint", &endpoint];
    sandbox.ends(&[&args[..], &["--save", "plan.zip"], more].concat())
}

fn fingerprint(ended: &Ended) -> String {
    let line = ended.out.lines().find_map(|line| line.strip_prefix("Fingerprint: "));
    line.unwrap_or_else(|| panic!("no fingerprint: {ended:?}")).to_owned()
}

fn saved(sandbox: &Sandbox, service: &TestService, more: &[&str]) -> String {
    sandbox.file("list.csv", LIST);
    fingerprint(&save(sandbox, service, more).expect(0, ""))
}

/// `run --plan plan.zip` with the keys.
fn run(sandbox: &Sandbox, more: &[&str]) -> Ended {
    let mut command =
        sandbox.command(&[&["run", "--plan", "plan.zip", "--rate", "1000"], more].concat());
    crate::sandbox::with_keys(&mut command, bastion_revoke::sim::ACCESS_KEY_SECRET);
    Ended::of(&command.output().expect("the command starts"))
}

/// Writes the archive anew with other content of a file; with right checksums if `listed`.
fn rewrite(path: &Path, name: &str, change: impl Fn(&str) -> String, listed: bool) {
    let mut files = archives::read(path);
    let content = archives::content(&mut files, name);
    *content = change(std::str::from_utf8(content).expect("text")).into_bytes();
    if listed {
        archives::renew_checksums(&mut files);
    }
    archives::write(path, &files);
}

#[test]
fn an_approved_plan_is_run_and_its_fingerprint_is_shown_everywhere() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    let fingerprint = saved(&sandbox, &service, &[]);
    let opened = sandbox.ends(&["plan", "--open", "plan.zip"]).expect(0, "");
    assert!(opened.out.contains(&format!("Fingerprint: {fingerprint}")), "{opened:?}");
    assert!(opened.out.contains("not changed since"), "{opened:?}");
    // The list may be gone: the archive has it.
    std::fs::remove_file(sandbox.path("list.csv")).expect("the list");
    let ended = run(&sandbox, &["--approve", &fingerprint.to_lowercase(), "-v"]).expect(0, "");
    assert!(ended.out.contains(&format!("Fingerprint: {fingerprint}")), "{ended:?}");
    assert!(ended.err.contains(&format!("fingerprint={fingerprint}")), "{ended:?}");
    let again = run(&sandbox, &["--approve", &fingerprint, "--json"]).expect(0, "");
    let summary: Value = serde_json::from_str(&again.out).expect("JSON");
    assert_eq!(summary["fingerprint"], fingerprint.as_str());
    assert_eq!(summary["rows"]["revoked"], 5);
    let ledger = rusqlite::Connection::open(sandbox.path("outcome.csv.ledger")).expect("a ledger");
    let recorded: (String, String) = ledger
        .query_row("SELECT spec ->> '$.fingerprint', spec ->> '$.approval' FROM job", [], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })
        .expect("the job");
    assert_eq!(recorded, (fingerprint, "fingerprint".to_owned()));
    assert_eq!(service.stop().removed.len(), 4);
}

#[test]
fn plan_and_run_of_the_same_list_have_the_same_fingerprint() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    let saved = saved(&sandbox, &service, &[]);
    let endpoint = service.endpoint();
    let args = ["plan", "list.csv", "--instance-id", INSTANCE, "--endpoint", &endpoint];
    assert_eq!(fingerprint(&sandbox.ends(&args)), saved);
    let json = sandbox.ends(&[&args[..], &["--json"]].concat());
    let json: Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(json["fingerprint"], saved.as_str());
    // A list without an instance cannot be run as it is.
    let json = sandbox.ends(&["plan", "list.csv", "--json"]);
    let json: Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!(json["fingerprint"], Value::Null);
    let mut command = sandbox.run_command("list.csv", &endpoint, &["--approve", &saved]);
    let ended = Ended::of(&command.output().expect("it starts")).expect(0, "");
    assert_eq!(fingerprint(&ended), saved);
}

#[test]
fn a_plan_that_was_not_approved_is_4_and_sends_nothing() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    let approved = saved(&sandbox, &service, &[]);
    run(&sandbox, &[]).expect(2, "--plan needs --approve FINGERPRINT");
    run(&sandbox, &["--yes"]).expect(2, "--plan needs --approve FINGERPRINT");
    run(&sandbox, &["--approve", "7K3M"]).expect(2, "expected the fingerprint of a plan");
    let other = "0000-0000-0000";
    run(&sandbox, &["--approve", other]).expect(4, "0000-0000-0000 was approved, but");
    // Approved, and then a row is added to the list.
    sandbox.file("list.csv", format!("{LIST}19,host,10,100\n"));
    let mut command =
        sandbox.run_command("list.csv", &service.endpoint(), &["--approve", &approved]);
    let ended = Ended::of(&command.output().expect("it starts"));
    ended.expect(4, &format!("{approved} was approved, but the fingerprint of this plan is"));
    assert_eq!(service.stop().counts.attempts, 0);
    assert!(!sandbox.path("outcome.csv.ledger").exists());
}

#[test]
fn an_archive_that_was_changed_after_the_approval_is_refused_and_says_what() {
    type Change = fn(&str) -> String;
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    let approved = saved(&sandbox, &service, &[]);
    let original = std::fs::read(sandbox.path("plan.zip")).expect("the plan");
    let add_row: Change = |list| format!("{list}19,host,10,100\n");
    let other_instance: Change = |plan| plan.replace(INSTANCE, "bastionhost-cn-other");
    let other_endpoint: Change = |plan| plan.replace("http://127.0.0.1", "http://127.0.0.2");
    let fewer: Change = |requests| requests.lines().skip(1).collect();
    let cases: [(&str, Change, bool, &str); 8] = [
        ("input/1-list.csv", add_row, false, "input/1-list.csv: changed"),
        ("requests.jsonl", fewer, false, "requests.jsonl: changed"),
        ("plan.json", other_instance, false, "plan.json: changed"),
        // Even with new checksums.
        ("input/1-list.csv", add_row, true, "input/1-list.csv has not the recorded length"),
        ("input/1-list.csv", |list| list.replace("18,", "19,"), true, "the input's content"),
        ("requests.jsonl", fewer, true, "requests.jsonl does not have the requests of the list"),
        ("plan.json", other_instance, true, "the planned requests"),
        ("plan.json", other_endpoint, true, "planning its list again does not give the saved plan"),
    ];
    for (file, change, listed, says) in cases {
        std::fs::write(sandbox.path("plan.zip"), &original).expect("the plan");
        rewrite(&sandbox.path("plan.zip"), file, change, listed);
        run(&sandbox, &["--approve", &approved]).expect(4, says);
        sandbox.ends(&["plan", "--open", "plan.zip"]).expect(4, says);
    }
    assert_eq!(service.stop().counts.attempts, 0);
}

#[test]
fn settings_of_the_run_that_differ_from_the_plan_are_refused_by_name() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    sandbox.file("protect.csv", "user,kind,target,account\n99,,,\n");
    sandbox.file("other.csv", "user,kind,target,account\n98,,,\n");
    let guards = ["--protect", "protect.csv", "--max-users", "5", "--canary", "1"];
    let approved = saved(&sandbox, &service, &guards);
    let approve = ["--approve", &approved];
    for (more, says) in [
        (["--instance-id", "i-2"], "instance-id: bastionhost-cn-test in the plan, i-2 by flag"),
        (["--region", "cn-beijing"], "region: cn-hangzhou in the plan, cn-beijing by flag"),
        (["--max-users", "6"], "max-users: 5 in the plan, 6 by flag --max-users"),
        (["--max-revocations", "6"], "max-revocations: none in the plan, 6 by flag"),
        (["--fail-over", "7%"], "fail-over: none in the plan, 7% by flag"),
        (["--protect", "other.csv"], "protect: a file with SHA-256"),
        (["--endpoint", "http://127.0.0.1:1"], "endpoint: http://127.0.0.1"),
    ] {
        run(&sandbox, &[&approve[..], &more].concat()).expect(4, says);
    }
    sandbox.file("bastion-revoke.toml", "max-users = 6\n");
    run(&sandbox, &approve).expect(4, "max-users: 5 in the plan, 6 by bastion-revoke.toml:1");
    sandbox.file("bastion-revoke.toml", "max-users = 5\nprotect = \"protect.csv\"\n");
    run(&sandbox, &[&approve[..], &["list.csv"]].concat())
        .expect(2, "--plan has a list of its own");
    assert_eq!(service.audit().counts.attempts, 0);
    // The same values may be given again.
    run(&sandbox, &[&approve[..], &["--instance-id", INSTANCE]].concat()).expect(0, "");
}

#[test]
fn the_guards_of_a_plan_are_part_of_it() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    sandbox.file("list.csv", LIST);
    sandbox.file("protect.csv", "user,kind,target,account\n18,,,\n");
    save(&sandbox, &service, &["--max-users", "1"]).expect(4, "users and user groups: 2");
    save(&sandbox, &service, &["--protect", "protect.csv"]).expect(4, "2 rows are protected");
    assert!(!sandbox.path("plan.zip").exists(), "a plan that is refused is not saved");
    let skip = ["--protect", "protect.csv", "--skip-protected"];
    let approved = fingerprint(&save(&sandbox, &service, &skip).expect(0, ""));
    // The file may change or go away: the plan has its content.
    std::fs::remove_file(sandbox.path("protect.csv")).expect("the file");
    run(&sandbox, &["--approve", &approved]).expect(1, "");
    let outcome = sandbox.outcome("outcome.csv");
    let statuses: Vec<&str> = outcome.iter().map(|row| row["status"].as_str()).collect();
    assert_eq!(statuses, ["revoked", "revoked", "revoked", "protected", "protected"]);
    let again = ["run", "--plan", "plan.zip", "--report-only"];
    sandbox.ends(&again).expect(1, "");
}

#[test]
fn a_saved_plan_is_not_overwritten_and_can_be_rehearsed() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    let approved = saved(&sandbox, &service, &[]);
    save(&sandbox, &service, &[]).expect(2, "plan.zip: this file exists and is not overwritten");
    let ended = sandbox.ends(&["run", "--plan", "plan.zip", "--rehearse"]).expect(0, "");
    assert_eq!(fingerprint(&ended), approved);
    assert_eq!(service.stop().counts.attempts, 0);
    sandbox.ends(&["run", "--plan", "no.zip", "--rehearse"]).expect(66, "no.zip: there is no such");
    sandbox.ends(&["run", "--plan", "list.csv", "--rehearse"]).expect(65, "not a zip archive");
}

#[test]
fn what_changed_since_a_plan_was_saved_is_shown() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    let then = saved(&sandbox, &service, &[]);
    let endpoint = service.endpoint();
    let diff = |more: &[&str]| {
        let args = ["plan", "list.csv", "--instance-id", INSTANCE, "--endpoint", &endpoint];
        sandbox.ends(&[&args[..], &["--diff", "plan.zip"], more].concat())
    };
    assert_eq!(
        diff(&[]).expect(0, "").out,
        format!("Nothing changed: the fingerprint is still {then}\n")
    );
    sandbox.file("list.csv", LIST.replace("17,host,11,100\n", "") + "19,host-group,3,root\n");
    let ended = diff(&[]).expect(1, "");
    for line in [
        "  the input's content",
        "1 revocation, only now",
        "  + row 5: user 19, host-group 3, account root, on bastionhost-cn-test",
        "1 revocation, only in the saved plan",
        "  - row 2: user 17, host 11, account 100, on bastionhost-cn-test",
    ] {
        assert!(ended.out.lines().any(|shown| shown == line), "{line}: {}", ended.out);
    }
    let json: Value = serde_json::from_str(&diff(&["--json"]).expect(1, "").out).expect("JSON");
    assert_eq!((&json["added"]["count"], &json["removed"]["count"]), (&1.into(), &1.into()));
    assert_eq!(json["saved_fingerprint"], then.as_str());
    let ended = diff(&["--max-users", "3"]).expect(1, "");
    assert!(ended.out.contains("max-users (then ``, now `3`)"), "{}", ended.out);
}

#[test]
fn resolved_ids_are_frozen_and_a_login_that_changes_hands_is_shown() {
    let world = |id: &str| {
        let text = format!("[[users]]\nid = \"{id}\"\nname = \"lina\"\n");
        let world = Some(World::parse(&text).expect("a world"));
        TestService::start(Settings { world, ..Settings::default() })
    };
    let sandbox = Sandbox::new();
    sandbox.file("list.csv", "user_name,kind,target,account\nlina,host,10,100\n");
    let before = world("7");
    let plan = |service: &TestService, more: &[&str]| {
        let endpoint = service.endpoint();
        let args = ["plan", "list.csv", "--instance-id", INSTANCE, "--endpoint", &endpoint];
        let mut command = sandbox.command(&[&args[..], &["--online"], more].concat());
        crate::sandbox::with_keys(&mut command, bastion_revoke::sim::ACCESS_KEY_SECRET);
        Ended::of(&command.output().expect("the command starts"))
    };
    let approved = fingerprint(&plan(&before, &["--save", "plan.zip"]).expect(0, ""));
    before.stop();
    let after = world("8");
    let ended = plan(&after, &["--diff", "plan.zip"]).expect(1, "");
    assert!(
        ended.out.contains("user with the name \"lina\": 7 in the saved plan, 8 now"),
        "{}",
        ended.out
    );
    // Nothing is looked up again, and the saved id is used; that service is gone.
    let ended = run(&sandbox, &["--approve", &approved, "--max-attempts", "1"]);
    let outcome = sandbox.outcome("outcome.csv");
    assert_eq!(outcome[0]["resolved_user"], "7", "{ended:?}");
    assert_eq!(outcome[0]["status"], "unprocessed");
}

#[test]
fn a_plan_signed_by_an_approver_is_run() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    let fingerprint = saved(&sandbox, &service, &[]);
    for name in ["approver", "other"] {
        let mut command = crate::sandbox::program("ssh-keygen", "openssh-client");
        command.args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"]);
        assert!(command.arg(sandbox.path(name)).status().expect("it runs").success());
    }
    let sign = |key: &str, namespace: &str| {
        let _ = std::fs::remove_file(sandbox.path("plan.zip.sig"));
        let mut command = crate::sandbox::program("ssh-keygen", "openssh-client");
        command.args(["-q", "-Y", "sign", "-n", namespace, "-f"]).arg(sandbox.path(key));
        assert!(command.arg(sandbox.path("plan.zip")).status().expect("it runs").success());
    };
    let approval = ["--approval", "plan.zip.sig", "--approvers", "approver.pub"];
    run(&sandbox, &approval[..2]).expect(2, "--approval needs --plan FILE");
    run(&sandbox, &approval).expect(66, "plan.zip.sig: cannot read");
    sign("other", "bastion-revoke-approval");
    run(&sandbox, &approval).expect(4, "which is not among the trusted keys");
    sign("approver", "file");
    run(&sandbox, &approval).expect(4, "the signature was made for the namespace file");
    sign("approver", "bastion-revoke-approval");
    let with_other = [&approval[..], &["--approve", "0000-0000-0000"]].concat();
    run(&sandbox, &with_other).expect(4, "0000-0000-0000 was approved, but");
    assert_eq!(service.audit().counts.attempts, 0);
    let ended = run(&sandbox, &approval).expect(0, "");
    assert!(ended.out.contains(&fingerprint), "{ended:?}");
    let ledger = rusqlite::Connection::open(sandbox.path("outcome.csv.ledger")).expect("a ledger");
    let query = "SELECT spec ->> '$.approval.signature' FROM job";
    let key: String = ledger.query_row(query, [], |row| row.get(0)).expect("the job");
    assert!(key.starts_with("SHA256:"), "{key}");
    // A changed archive.
    let bytes = std::fs::read(sandbox.path("plan.zip")).expect("the plan");
    std::fs::write(sandbox.path("plan.zip"), [&bytes[..], b" "].concat()).expect("the plan");
    run(&sandbox, &approval).expect(4, "the signature does not match");
}
