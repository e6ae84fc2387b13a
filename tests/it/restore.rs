//! `restore`: what a run removed is granted again, and nothing else.

use crate::sandbox::{Ended, INSTANCE, Row, Sandbox, TestService, with_keys};
use crate::snapshot::{command, service};
use bastion_revoke::failpoint;
use std::collections::BTreeSet;

/// Accounts, whole targets and groups of the sample world; a duplicate, a target that is not
/// granted, and a user whose accounts are revoked both ways.
pub(crate) const LIST: &str = "user,user_group,kind,target,account\n\
    17,,host,1027,3058\n17,,host,1031,*\n17,,host,1044,*\n17,,host-group,12,*\n17,,database,88,501\n\
    17,,host,1027,3058\n17,,host,1029,3077\n46,,host-group,19,*\n31,,database,91,*\n31,,database,88,*\n\
    ,3,host,1081,*\n,4,database,91,511\n";

pub(crate) fn revoke(sandbox: &Sandbox, service: &TestService, more: &[&str]) -> Ended {
    let run = ["run", "list.csv", "--instance-id", INSTANCE, "--yes", "--snapshot"];
    command(sandbox, service, &[&run, more].concat())
}

pub(crate) fn restore(sandbox: &Sandbox, service: &TestService, more: &[&str]) -> Ended {
    restore_within("20s", sandbox, service, more)
}

fn restore_within(lag: &str, sandbox: &Sandbox, service: &TestService, more: &[&str]) -> Ended {
    let restore = ["restore", "outcome.csv", "--yes", "--read-lag", lag];
    command(sandbox, service, &[&restore, more].concat())
}

/// Every grant that is held, as text.
pub(crate) fn held(service: &TestService) -> BTreeSet<String> {
    let held = service.audit().granted.into_iter().filter(|grant| grant.held);
    let grants = held.map(|grant| {
        let account = grant.account.unwrap_or_else(|| "*".to_owned());
        let holder = format!("{} {}", grant.grantee_kind, grant.grantee);
        format!("{holder} {} {} {account}", grant.kind, grant.target)
    });
    grants.collect()
}

fn cells(rows: &[Row], column: &str) -> Vec<String> {
    rows.iter().map(|row| row[column].clone()).collect()
}

#[test]
fn after_revoke_and_restore_every_grant_is_as_before_and_it_can_be_revoked_again() {
    let (service, sandbox) = (service(""), Sandbox::new());
    sandbox.file("list.csv", LIST);
    let before = held(&service);
    revoke(&sandbox, &service, &[]);
    let without = held(&service);
    assert!(without.len() < before.len() - 10, "{without:?}");

    let ended = restore(&sandbox, &service, &[]);
    assert_eq!(ended.code, 0, "a row that was already absent is not missing: {ended:?}");
    assert_eq!(held(&service), before);
    let rows = sandbox.outcome("restored.csv");
    assert_eq!(cells(&rows, "status"), vec!["restored"; rows.len()]);
    assert_eq!(cells(&rows, "confirmed"), vec!["present"; rows.len()]);
    assert!(rows.iter().all(|row| row["confirmed_at"].ends_with('Z')), "{rows:?}");
    assert!(ended.out.contains(&format!("Read back: {0} of {0} grants are listed", rows.len())));
    let left_out = sandbox.outcome("restored.csv.left-out.csv");
    assert_eq!(cells(&left_out, "outcome_row"), ["7"]);
    assert!(left_out[0]["reason"].starts_with("already_absent"), "{left_out:?}");

    let again = ["run", "restored.csv", "--out", "again.csv", "--yes"];
    let ended = command(&sandbox, &service, &again);
    assert_eq!(ended.code, 0, "{ended:?}");
    let after: BTreeSet<String> = held(&service).difference(&without).cloned().collect();
    // Accounts were revoked where whole targets were before, and leave the target itself.
    assert!(after.iter().all(|grant| grant.ends_with(" *")), "{after:?}");
    assert!(!sandbox.outcome("again.csv")[0].contains_key("confirmed"));
}

#[test]
fn the_json_summary_of_a_restore_says_what_is_confirmed_and_what_is_left_out() {
    let (service, sandbox) = (service(""), Sandbox::new());
    sandbox.file("list.csv", LIST);
    revoke(&sandbox, &service, &[]);
    let ended = restore(&sandbox, &service, &["--json"]);
    let summary: serde_json::Value = serde_json::from_str(&ended.out).expect("one JSON value");
    assert_eq!(summary["rows"]["restored"], 11, "{summary}");
    assert_eq!(summary["rows"]["already_present"], 0, "{summary}");
    assert!(summary["rows"].get("revoked").is_none(), "{summary}");
    assert_eq!(summary["confirmed"]["present"], 11, "{summary}");
    assert_eq!(summary["not_restored"], 0, "{summary}");
    let status = sandbox.ends(&["status", "restored.csv", "--json"]);
    let status: serde_json::Value = serde_json::from_str(&status.out).expect("one JSON value");
    assert_eq!(status["verdicts"]["restored"], 11, "{status}");
}

#[test]
fn a_finished_restore_sends_nothing_again_and_reads_back_again() {
    let (service, sandbox) = (service(""), Sandbox::new());
    sandbox.file("list.csv", LIST);
    revoke(&sandbox, &service, &[]);
    let code = restore(&sandbox, &service, &[]).code;
    let attaches = |service: &TestService| {
        let asked = service.audit().asked;
        let names = asked.iter().filter_map(|attempt| attempt.operation.as_deref());
        names.filter(|name| name.starts_with("Attach")).count()
    };
    let sent = attaches(&service);
    let ended = restore(&sandbox, &service, &[]);
    assert_eq!(ended.code, code, "{ended:?}");
    assert!(ended.out.contains("This job is finished") && ended.out.contains("Read back: "));
    assert_eq!(attaches(&service), sent);
}

#[test]
fn rows_that_are_added_taken_out_or_not_verified_as_gone_are_not_restored() {
    let (service, sandbox) = (service(""), Sandbox::new());
    sandbox.file("list.csv", LIST);
    let before = held(&service);
    revoke(&sandbox, &service, &[]);
    let without = held(&service);
    let mut rows = csv::Reader::from_path(sandbox.path("outcome.csv")).expect("an outcome");
    let mut header = rows.headers().expect("a header").clone();
    header.push_field("verified");
    let mut table = csv::Writer::from_writer(Vec::new());
    table.write_record(&header).expect("memory");
    for (at, row) in rows.records().enumerate().take(6) {
        let mut row = row.expect("a row");
        row.push_field(["gone", "gone", "still", "elsewhere", "unchecked", ""][at]);
        table.write_record(&row).expect("memory");
    }
    // A grant that was there before and that no row of the run names, added by hand.
    let forged = ["31", "", "host", "1050", "3190", "revoked", "OK", "", "", "1", "", "", "gone"];
    table.write_record(forged).expect("memory");
    sandbox.file("outcome.csv", table.into_inner().expect("memory"));
    let ended = restore(&sandbox, &service, &[]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let restored: Vec<String> = held(&service).difference(&without).cloned().collect();
    assert_eq!(
        restored,
        ["user 17 host 1027 3058", "user 17 host 1031 *", "user 17 host 1031 3102"]
    );
    assert!(held(&service).is_subset(&before));
    let left_out = sandbox.outcome("restored.csv.left-out.csv");
    let reasons = cells(&left_out, "reason");
    for reason in
        ["verified as still", "verified as elsewhere", "verified as unchecked", "not verified"]
    {
        assert!(reasons.iter().any(|one| one.starts_with(reason)), "{reasons:?}");
    }
}

#[test]
fn accounts_that_lists_still_show_after_a_whole_target_was_revoked_are_not_granted() {
    // User 17 has host 1027 directly; group 3, of which he is a member, gets account 3059 there.
    let world = include_str!("../../samples/world.toml").to_owned()
        + "\n[[grants]]\nuser_group = \"3\"\nhost = \"1027\"\naccounts = [\"3059\"]\n\
           [behaviour]\ninherited_grants = true\n";
    let world = world.replacen("accounts = [\"3058\", \"3059\"]", "accounts = [\"3058\"]", 1);
    let world = bastion_revoke::sim::world::World::parse(&world).expect("a world");
    let settings = bastion_revoke::sim::Settings { world: Some(world), ..Default::default() };
    let (service, sandbox) = (TestService::start(settings), Sandbox::new());
    sandbox.file("list.csv", "user,host,account\n17,1027,*\n");
    let before = held(&service);
    revoke(&sandbox, &service, &[]);
    let ended = restore_within("1s", &sandbox, &service, &[]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_eq!(held(&service), before);
    assert!(!held(&service).contains("user 17 host 1027 3059"), "{ended:?}");
    let reasons = cells(&sandbox.outcome("restored.csv.left-out.csv"), "reason");
    assert!(reasons.len() == 1 && reasons[0].starts_with("still listed"), "{reasons:?}");
}

#[test]
fn lists_that_lag_behind_are_read_again_before_and_after() {
    let (service, sandbox) = (service("read_lag_ms = 1500"), Sandbox::new());
    sandbox.file("list.csv", LIST);
    let before = held(&service);
    revoke(&sandbox, &service, &[]);
    let ended = restore(&sandbox, &service, &[]);
    assert_eq!(held(&service), before, "{ended:?}");
    let rows = sandbox.outcome("restored.csv");
    assert_eq!(cells(&rows, "confirmed"), vec!["present"; rows.len()]);
}

#[test]
fn what_an_incomplete_snapshot_lacks_is_not_restored() {
    let (service, sandbox) =
        (service("denied_operations = [\"ListDatabasesForUserGroup\"]"), Sandbox::new());
    sandbox.file("list.csv", LIST);
    let more = ["--allow-incomplete-snapshot"];
    revoke(&sandbox, &service, &more);
    let before = held(&service);
    let ended = restore(&sandbox, &service, &[]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let added: Vec<String> = held(&service).difference(&before).cloned().collect();
    assert!(
        !added.is_empty() && !added.iter().any(|grant| grant.contains("user_group 4")),
        "{added:?}"
    );
    let reasons = cells(&sandbox.outcome("restored.csv.left-out.csv"), "reason");
    assert!(reasons.iter().any(|reason| reason.contains("NoPermission")), "{reasons:?}");
}

#[test]
fn a_restore_that_cannot_be_is_refused_with_the_reason() {
    let (service, sandbox) = (service(""), Sandbox::new());
    sandbox.file("list.csv", LIST);
    restore(&sandbox, &service, &[]).expect(66, "outcome.csv: no such file; a restore needs");
    let run = ["run", "list.csv", "--instance-id", INSTANCE, "--yes"];
    command(&sandbox, &service, &run);
    restore(&sandbox, &service, &[]).expect(4, "its run took no snapshot");
    revoke(&sandbox, &service, &["--restart"]);
    let elsewhere = TestService::start(bastion_revoke::sim::Settings::default());
    restore(&sandbox, &elsewhere, &[]).expect(4, "the run was sent to http://127.0.0.1:");
    // Everything was revoked before that run, so that there is nothing to restore.
    let ended = restore(&sandbox, &service, &[]);
    assert!(ended.code == 0 && ended.out.contains("Nothing can be restored"), "{ended:?}");
    assert!(!sandbox.path("restored.csv").exists());
}

#[test]
fn the_guards_the_number_and_the_rehearsal_of_a_restore_are_those_of_a_run() {
    let (service, sandbox) = (service(""), Sandbox::new());
    sandbox.file("list.csv", LIST);
    revoke(&sandbox, &service, &[]);
    let without = held(&service);
    restore(&sandbox, &service, &["--max-revocations", "3"]).expect(4, "--max-revocations is 3");
    sandbox.file("protect.csv", "user,kind,target,account\n17,,1031,\n");
    restore(&sandbox, &service, &["--protect", "protect.csv"]).expect(4, "1 row is protected");
    let confirm = ["restore", "outcome.csv", "--confirm", "3"];
    command(&sandbox, &service, &confirm).expect(4, "--confirm is 3, but 11 grants are planned");
    assert!(!sandbox.path("restored.csv").exists());
    let ended = sandbox.ends(&["restore", "outcome.csv", "--rehearse"]);
    assert!(ended.out.contains("Read back: 11 of 11 grants are listed"), "{ended:?}");
    assert!(sandbox.outcome("rehearsal.csv")[0]["message"].starts_with("rehearsal:"));
    assert_eq!(held(&service), without);
}

/// The real binary, killed with the signal that can't be caught at each fail point of a restore, and
/// at some of them more than once, until the same command ends.
#[test]
fn a_restore_that_is_killed_anywhere_ends_with_the_grants_of_before() {
    for name in failpoint::ALL {
        if ["setting-aside", "outcome-row"].contains(&name) {
            continue;
        }
        let (service, sandbox) = (service(""), Sandbox::new());
        sandbox.file("list.csv", LIST);
        let before = held(&service);
        revoke(&sandbox, &service, &[]);
        let without = held(&service);
        let mut kills = 0;
        let endpoint = service.endpoint();
        for times in [1, 1, 2] {
            let args = ["restore", "outcome.csv", "--yes", "--endpoint", &endpoint];
            let more = ["--rate", "1000", "--read-rate", "1000", "--concurrency", "2"];
            let mut command = sandbox.command(&[&args[..], &more].concat());
            with_keys(&mut command, "testsecret");
            command.env("BASTION_REVOKE_FAIL_POINT", format!("{name}:{times}"));
            let ended = Ended::of(&command.output().expect("it starts"));
            kills += usize::from(ended.code == -1);
            assert!(held(&service).is_subset(&before), "{name}: beyond what was there before");
            assert!(held(&service).is_superset(&without), "{name}: a restore takes nothing away");
        }
        assert!(kills > 0, "{name} is never hit");
        let ended = restore(&sandbox, &service, &[]);
        assert_eq!(held(&service), before, "{name}: {ended:?}");
        let rows = sandbox.outcome("restored.csv");
        assert_eq!(rows.len(), 11, "{name}: {ended:?}");
        for row in &rows {
            let is_true = ["restored", "already_present"].contains(&row["status"].as_str());
            assert!(is_true && row["confirmed"] == "present", "{name}: {row:?}");
        }
    }
}
