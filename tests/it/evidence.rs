//! Evidence bundles: what a run did, checked by this tool and by the real `ssh-keygen` and
//! `sha256sum`.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use bastion_revoke::sim::{ACCESS_KEY_SECRET, Fault, FaultRate, Faults, Settings};
use serde_json::{Value, json};

use crate::archives;
use crate::sandbox::{Ended, Sandbox, TestService, program, with_keys};

const LIST: &str = "user,kind,target,account,ticket\n\
    17,host,10,100,HR-1\n17,host,11,100,HR-1\n17,host,12,*,HR-2\n18,database,10,5,\n\
    18,database,10,5,\n19,host,poison,7,=1+1\n";

/// A finished run in `outcome.csv`, of which one row failed.
fn finished(settings: Settings, more: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("list.csv", LIST);
    run(&sandbox, settings, more).expect(1, "");
    sandbox
}

fn run(sandbox: &Sandbox, settings: Settings, more: &[&str]) -> Ended {
    let service = TestService::start(settings);
    let more = [&["--yes"], more].concat();
    let mut command = sandbox.run_command("list.csv", &service.endpoint(), &more);
    Ended::of(&command.output().expect("the command starts"))
}

fn verify(sandbox: &Sandbox, more: &[&str]) -> Ended {
    sandbox.ends(&[&["evidence", "--verify", "evidence.zip"], more].concat())
}

/// A new key without a passphrase; its public key is in `NAME.pub`.
fn ssh_key(sandbox: &Sandbox, name: &str, passphrase: &str) {
    let mut command = program("ssh-keygen", "openssh-client");
    command.args(["-q", "-t", "ed25519", "-N", passphrase, "-C", "auditor@example", "-f"]);
    let made = command.arg(sandbox.path(name)).output().expect("ssh-keygen runs");
    assert!(made.status.success(), "{made:?}");
}

/// Unpacks a bundle and verifies it with `sha256sum` and `ssh-keygen`, as its README.txt says.
fn verified_without_this_tool(sandbox: &Sandbox, public_key: &str) -> bool {
    let folder = sandbox.path("unpacked");
    let _ = fs::remove_dir_all(&folder);
    for (name, bytes) in archives::read(&sandbox.path("evidence.zip")) {
        let path = folder.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        fs::write(path, bytes).expect("a file");
    }
    let sums = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
        .current_dir(&folder)
        .output()
        .expect("sha256sum runs");
    let public = fs::read_to_string(sandbox.path(public_key)).expect("a public key");
    fs::write(folder.join("allowed_signers"), format!("auditor {public}")).expect("a file");
    let args = ["-Y", "verify", "-f", "allowed_signers", "-I", "auditor"];
    let mut ssh = Command::new("ssh-keygen")
        .args(args)
        .args(["-n", "bastion-revoke-evidence", "-s", "SHA256SUMS.sig"])
        .current_dir(&folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("ssh-keygen runs");
    let text = fs::read(folder.join("SHA256SUMS")).expect("checksums");
    ssh.stdin.take().expect("its input").write_all(&text).expect("it reads");
    ssh.wait().expect("it ends").success() && sums.status.success()
}

#[test]
fn a_signed_bundle_is_verified_with_and_without_this_tool() {
    let sandbox = finished(Settings::default(), &[]);
    for (key, other) in [("auditor", "pem"), ("pem", "auditor")] {
        let _ = fs::remove_file(sandbox.path("evidence.zip"));
        if key == "pem" {
            let pem =
                program("openssl", "openssl").args(["genpkey", "-algorithm", "ed25519"]).output();
            fs::write(sandbox.path("pem"), pem.expect("openssl runs").stdout).expect("a key");
        } else {
            ssh_key(&sandbox, "auditor", "");
        }
        let made = sandbox.ends(&["evidence", "--sign-key", key, "--json"]).expect(0, "");
        let made: Value = serde_json::from_str(&made.out).expect("JSON");
        assert_eq!(made["is_signed"], true);
        assert_eq!((&made["rows"]["revoked"], &made["rows"]["failed"]), (&json!(5), &json!(1)));
        let result = verify(&sandbox, &["--json"]).expect(0, "");
        let result: Value = serde_json::from_str(&result.out).expect("JSON");
        assert_eq!(result["is_verified"], true);
        assert_eq!(result["sha256"], made["sha256"]);
        assert_eq!(result["rows"], made["rows"]);
        if key == "auditor" {
            let ended = verify(&sandbox, &["--trusted-keys", "auditor.pub"]).expect(0, "");
            assert!(ended.out.contains("(auditor@example)"), "{ended:?}");
            assert!(verified_without_this_tool(&sandbox, "auditor.pub"));
        } else {
            let ended = verify(&sandbox, &["--trusted-keys", &format!("{other}.pub")]);
            assert!(ended.out.contains("which is not among the trusted keys"), "{ended:?}");
            assert_eq!(ended.code, 1);
            assert!(!verified_without_this_tool(&sandbox, "auditor.pub"), "another key");
        }
    }
}

#[test]
fn a_bundle_without_a_key_can_be_signed_by_ssh_keygen() {
    let sandbox = finished(Settings::default(), &[]);
    ssh_key(&sandbox, "locked", "passphrase of a test");
    sandbox.ends(&["evidence", "--sign-key", "locked"]).expect(77, "the key has a passphrase");
    sandbox.ends(&["evidence", "--sign-key", "list.csv"]).expect(77, "not an Ed25519 private key");
    assert!(!sandbox.path("evidence.zip").exists());
    sandbox.ends(&["evidence"]).expect(0, "");
    let ended = verify(&sandbox, &["--trusted-keys", "locked.pub"]);
    assert!(ended.out.contains("SHA256SUMS.sig: missing: the bundle is not signed"), "{ended:?}");
    assert_eq!(ended.code, 1);
}

#[test]
fn a_changed_byte_in_any_file_is_found_and_the_file_is_named() {
    let sandbox = finished(Settings::default(), &[]);
    ssh_key(&sandbox, "auditor", "");
    sandbox.ends(&["evidence", "--sign-key", "auditor"]).expect(0, "");
    let original = archives::read(&sandbox.path("evidence.zip"));
    let names: Vec<&str> = original.iter().map(|(name, _)| name.as_str()).collect();
    for name in [
        "evidence.json",
        "README.txt",
        "input/1-list.csv",
        "plan.jsonl",
        "requests.csv",
        "ledger.sqlite",
        "outcome.csv",
        "report.html",
        "SHA256SUMS",
        "SHA256SUMS.sig",
    ] {
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    for at in 0..original.len() {
        let mut changed = original.clone();
        let (name, bytes) = &mut changed[at];
        let name = name.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        archives::write(&sandbox.path("evidence.zip"), &changed);
        let ended = verify(&sandbox, &[]);
        assert_eq!(ended.code, 1, "{name}: {ended:?}");
        let is_named = ended.out.lines().any(|line| line.starts_with(&format!("  {name}")));
        assert!(is_named, "{name}: {ended:?}");
        // Removed, or added.
        let mut removed = original.clone();
        removed.remove(at);
        archives::write(&sandbox.path("evidence.zip"), &removed);
        let ended = verify(&sandbox, &["--trusted-keys", "auditor.pub"]);
        let code = if name == "SHA256SUMS" { 65 } else { 1 };
        assert_eq!(ended.code, code, "{name}: {ended:?}");
        assert!(ended.out.contains(&name) || ended.err.contains(&name), "{name}: {ended:?}");
    }
    let added = [&original[..], &[("notes.txt".to_owned(), b"x".to_vec())]].concat();
    archives::write(&sandbox.path("evidence.zip"), &added);
    let ended = verify(&sandbox, &[]);
    assert!(ended.out.contains("notes.txt: added"), "{ended:?}");
}

/// Changes the content of a file.
type Change = Box<dyn Fn(&[u8]) -> Vec<u8>>;

/// Whoever changes a file can change its checksum, too, and drop the signature.
#[test]
fn a_bundle_whose_files_do_not_follow_from_each_other_is_not_verified() {
    let sandbox = finished(Settings::default(), &[]);
    sandbox.ends(&["evidence"]).expect(0, "");
    let original = archives::read(&sandbox.path("evidence.zip"));
    let text = |from: &'static str, to: &'static str| {
        move |bytes: &[u8]| String::from_utf8_lossy(bytes).replacen(from, to, 1).into_bytes()
    };
    let cases: [(&str, Change, &str); 6] = [
        (
            "outcome.csv",
            Box::new(text("failed", "revoked")),
            "outcome.csv: row 6, column status: \"revoked\", but input and ledger give \"failed\"",
        ),
        ("requests.csv", Box::new(text(",17,", ",16,")), "requests.csv: not what input and ledger"),
        ("plan.jsonl", Box::new(text("\"17\"", "\"16\"")), "plan.jsonl: not what input and ledger"),
        (
            "input/1-list.csv",
            Box::new(text("18,", "19,")),
            "ledger.sqlite: not the job of the input",
        ),
        (
            "evidence.json",
            Box::new(text("\"failed\": 1", "\"failed\": 0")),
            "evidence.json: not what",
        ),
        ("ledger.sqlite", Box::new(|bytes| bytes[..bytes.len() / 2].to_vec()), "not recomputed:"),
    ];
    for (name, change, says) in cases {
        let mut changed = original.clone();
        let file = changed.iter_mut().find(|(of, _)| of == name).expect("the file");
        let before = file.1.clone();
        file.1 = change(&before);
        assert_ne!(file.1, before, "{name}");
        archives::renew_checksums(&mut changed);
        archives::write(&sandbox.path("evidence.zip"), &changed);
        let ended = verify(&sandbox, &[]);
        assert!(ended.code == 1 && ended.out.contains(says), "{name}: {ended:?}");
    }
}

#[test]
fn a_run_of_every_kind_makes_a_bundle_that_is_verified() {
    let throttle = FaultRate { fault: Fault::Throttle, probability: 0.3 };
    let lost = FaultRate { fault: Fault::ResetAfter, probability: 0.3 };
    let faults = Settings { faults: Faults::new([throttle, lost]), ..Settings::default() };
    let sandbox = finished(faults, &["--excel", "--max-attempts", "3"]);
    sandbox.ends(&["evidence"]).expect(0, "");
    verify(&sandbox, &[]).expect(0, "");

    // Stopped, and then continued.
    let sandbox = Sandbox::new();
    sandbox.file("list.csv", LIST);
    sandbox.file("protect.csv", "user,kind,target,account\n17,host,11,\n");
    let guards = ["--protect", "protect.csv", "--skip-protected", "--skip-invalid"];
    let service = TestService::start(Settings::default());
    let with = |more: &[&str]| {
        let more = [&["--yes"], &guards[..], more].concat();
        let mut command = sandbox.run_command("list.csv", &service.endpoint(), &more);
        Ended::of(&command.output().expect("the command starts"))
    };
    with(&["--canary", "1", "--concurrency", "1"]);
    fs::remove_file(sandbox.path("protect.csv")).expect("the file");
    let columns = bastion_revoke::access::RESIDUAL_COLUMNS.join(",");
    sandbox.file("outcome.residual.csv", columns + "\n");
    let made = sandbox.ends(&["evidence", "--out", "stopped.zip"]);
    assert_eq!(made.code, 0, "{made:?}");
    let ended = sandbox.ends(&["evidence", "--verify", "stopped.zip"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let names: Vec<String> =
        archives::read(&sandbox.path("stopped.zip")).into_iter().map(|(name, _)| name).collect();
    assert!(names.contains(&"protect.csv".to_owned()), "{names:?}");
    assert!(names.contains(&"residual.csv".to_owned()), "{names:?}");
}

#[test]
fn an_outcome_that_was_edited_makes_no_bundle() {
    let sandbox = finished(Settings::default(), &[]);
    let outcome = fs::read_to_string(sandbox.path("outcome.csv")).expect("the outcome");
    sandbox.file("outcome.csv", outcome.replace("failed", "revoked"));
    sandbox.ends(&["evidence"]).expect(4, "row 6, column status: \"revoked\"");
    // Columns that `verify` adds are no edit.
    let mut lines = outcome.lines();
    let header = lines.next().expect("a header");
    let rows = lines.map(|line| format!("{line},gone,2026-01-02T03:04:05Z\n"));
    let verified = format!("{header},verified,verified_at\n{}", rows.collect::<String>());
    sandbox.file("outcome.csv", verified);
    sandbox.ends(&["evidence"]).expect(0, "");
    verify(&sandbox, &[]).expect(0, "");
    sandbox.ends(&["evidence"]).expect(2, "evidence.zip: this file exists and is not overwritten");
    sandbox.ends(&["evidence", "no.csv"]).expect(66, "no.csv: there is no such file");
    sandbox.ends(&["evidence", "list.csv"]).expect(66, "list.csv.ledger: there is no such file");
    sandbox.ends(&["evidence", "--verify", "list.csv"]).expect(65, "this is not a zip archive");
    sandbox.ends(&["evidence", "--verify", "no.zip"]).expect(66, "no.zip: there is no such file");
}

#[test]
fn revoked_rows_are_matched_with_events_and_misses_are_named() {
    let sandbox = finished(Settings::default(), &[]);
    let outcome = sandbox.outcome("outcome.csv");
    let revoked: Vec<_> = outcome.iter().filter(|row| row["status"] == "revoked").collect();
    assert_eq!(revoked.len(), 5);
    let event = |row: &&crate::sandbox::Row| {
        let operation = match row["kind"].as_str() {
            "host" => "DetachHostAccountsFromUser",
            _ => "DetachDatabaseAccountsFromUser",
        };
        json!({
            "eventId": "e-1",
            "eventName": operation,
            "eventTime": "2026-01-02T03:04:05Z",
            "requestId": row["request_id"],
            "userIdentity": { "accountId": "1", "principalId": "2", "userName": "offboarding" },
        })
    };
    let events: Vec<Value> = revoked.iter().map(event).collect();
    sandbox.file("all.json", json!(events).to_string());
    let made = sandbox.ends(&["evidence", "--actiontrail", "all.json", "--json"]).expect(0, "");
    let made: Value = serde_json::from_str(&made.out).expect("JSON");
    assert_eq!(made["actiontrail"]["matched"], 5);
    assert_eq!(made["actiontrail"]["missing"], 0);
    verify(&sandbox, &[]).expect(0, "");
    // Without the events of the database.
    let of_hosts: Vec<&Value> =
        events.iter().filter(|event| event["eventName"] == "DetachHostAccountsFromUser").collect();
    sandbox.file("some.json", json!({ "Events": of_hosts }).to_string());
    let args = ["evidence", "--actiontrail", "some.json", "--out", "some.zip"];
    let made = sandbox.ends(&args).expect(1, "");
    assert!(made.out.contains("rows 4, 5"), "{made:?}");
    let table = archives::read(&sandbox.path("some.zip"));
    let table = table.iter().find(|(name, _)| name == "actiontrail.csv").expect("the table");
    let table = String::from_utf8_lossy(&table.1).into_owned();
    assert_eq!(table.lines().filter(|line| line.contains(",missing,")).count(), 2, "{table}");
    assert_eq!(table.lines().filter(|line| line.contains(",matched,e-1,")).count(), 3, "{table}");
    sandbox.file("other.json", "[{\"requestId\":\"x\"}]");
    sandbox.ends(&["evidence", "--actiontrail", "other.json"]).expect(65, "no event in it");
}

#[test]
fn no_secret_is_in_a_bundle() {
    let sandbox = Sandbox::new();
    sandbox.file("list.csv", LIST);
    let service = TestService::start(Settings::default());
    let more = ["--yes", "--on-finish", "true planted-in-the-command"];
    let mut command = sandbox.run_command("list.csv", &service.endpoint(), &more);
    with_keys(&mut command, ACCESS_KEY_SECRET);
    command.env("BASTION_REVOKE_REDIS_PASSWORD", "planted-redis-password");
    Ended::of(&command.output().expect("the command starts")).expect(1, "");
    ssh_key(&sandbox, "auditor", "");
    let event = json!({
        "eventName": "DetachHostAccountsFromUser", "requestId": "x", "eventTime": "t",
        "requestParameters": { "SecurityToken": "planted-token" },
        "userIdentity": { "accessKeyId": "planted-key-id" },
    });
    sandbox.file("events.json", event.to_string());
    let args = ["evidence", "--sign-key", "auditor", "--actiontrail", "events.json"];
    sandbox.ends(&args).expect(1, "");
    let key = fs::read_to_string(sandbox.path("auditor")).expect("the key");
    let key = key.lines().nth(2).expect("a line of the key").to_owned();
    for secret in [ACCESS_KEY_SECRET, "planted-", "PRIVATE KEY", &key] {
        for (name, bytes) in archives::read(&sandbox.path("evidence.zip")) {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            assert!(!text.contains(secret), "{name} has {secret}");
        }
    }
}

/// The bundle of a job whose plan was approved says so.
#[test]
fn fingerprint_and_approval_are_in_the_bundle() {
    let sandbox = Sandbox::new();
    sandbox.file("list.csv", LIST);
    let service = TestService::start(Settings::default());
    let endpoint = service.endpoint();
    let args = ["plan", "list.csv", "--instance-id", crate::sandbox::INSTANCE];
    let args = [&args[..], &["--endpoint", &endpoint, "--save", "plan.zip", "--json"]].concat();
    let plan: Value = serde_json::from_str(&sandbox.ends(&args).out).expect("JSON");
    let fingerprint = plan["fingerprint"].as_str().expect("a fingerprint");
    let mut command =
        sandbox.command(&["run", "--plan", "plan.zip", "--approve", fingerprint, "--rate", "1000"]);
    with_keys(&mut command, ACCESS_KEY_SECRET);
    Ended::of(&command.output().expect("the command starts")).expect(1, "");
    let made = sandbox.ends(&["evidence", "--json"]).expect(0, "");
    let made: Value = serde_json::from_str(&made.out).expect("JSON");
    assert_eq!(made["fingerprint"], fingerprint);
    let all = archives::read(&sandbox.path("evidence.zip"));
    let document = all.iter().find(|(name, _)| name == "evidence.json").expect("it");
    let document: Value = serde_json::from_slice(&document.1).expect("JSON");
    assert_eq!(document["job"]["approval"], "fingerprint");
    assert_eq!(document["job"]["fingerprint"], fingerprint);
    assert_eq!(document["runs"][0]["exit_code"], 1);
}
