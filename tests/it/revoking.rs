//! Whole runs on the samples: the outcome, compared with the audit of a service in this process.
//! Promises 1 to 4.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use bastion_revoke::sim::{Audit, Settings, Violations};

use crate::sandbox::{Ended, INSTANCE, Row, Sandbox, TestService, sample};

/// A grant as the audit names it: instance, `user` or `user_group`, id, kind, target, account.
pub(crate) type Grant = (String, String, String, String, String, Option<String>);

pub(crate) fn removed(audit: &Audit) -> BTreeSet<Grant> {
    let gone = audit.removed.iter().map(|g| {
        assert_eq!(g.removed, 1, "the simulated service keeps its own rules: {g:?}");
        let g = g.clone();
        (g.instance_id, g.grantee_kind, g.grantee, g.kind, g.target, g.account)
    });
    gone.collect()
}

/// The grant of each row of a list, parsed without any code of the product.
pub(crate) fn asked_by_rows(list: &Path) -> Vec<Grant> {
    let read = std::fs::read_to_string(list).expect("the list");
    let rows: Vec<Row> = if list.extension().is_some_and(|e| e == "jsonl") {
        read.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    } else {
        let mut table = csv::Reader::from_reader(read.as_bytes());
        table.deserialize().map(|row| row.expect("CSV")).collect()
    };
    rows.iter().map(asked_by).collect()
}

pub(crate) fn asked_by(row: &Row) -> Grant {
    let cell = |name: &str| row.get(name).filter(|cell| !cell.is_empty()).cloned();
    let (from, grantee) = match cell("user") {
        Some(user) => ("user", user),
        None => ("user_group", cell("user_group").expect("a grantee")),
    };
    let of_column = |name: &str, kind: &str| cell(name).map(|target| (kind.to_owned(), target));
    let (kind, target) = of_column("host", "host")
        .or_else(|| of_column("group", "host-group"))
        .or_else(|| of_column("db", "database"))
        .or_else(|| Some((cell("kind")?, cell("target")?)))
        .expect("a target");
    let account = cell("account").filter(|account| account != "*");
    (INSTANCE.to_owned(), from.to_owned(), grantee, kind, target, account)
}

/// The grant that stands for each row: itself, or the whole target if another row names it.
pub(crate) fn standing(asked: &[Grant]) -> Vec<Grant> {
    let all: BTreeSet<&Grant> = asked.iter().collect();
    let standing = asked.iter().map(|grant| {
        let mut whole = grant.clone();
        whole.5 = None;
        if all.contains(&whole) { whole } else { grant.clone() }
    });
    standing.collect()
}

/// Promise 1, *conservation*: the input's rows, each once, in their order, and their own cells.
pub(crate) fn assert_conserved(list: &Path, outcome: &[Row]) {
    let asked = asked_by_rows(list);
    let answered: Vec<Grant> = outcome.iter().map(asked_by).collect();
    assert_eq!(asked, answered, "every row of the input once, in its order");
}

fn run(list: &str, more: &[&str]) -> (Sandbox, Ended, Audit) {
    let sandbox = Sandbox::new();
    sandbox.sample(list);
    let service = TestService::start(Settings::default());
    let all = [&["--yes", "--out", "out.csv"], more].concat();
    let mut command = sandbox.run_command(list, &service.endpoint(), &all);
    let ended = Ended::of(&command.output().expect("the command starts"));
    (sandbox, ended, service.stop())
}

#[test]
fn exactly_the_named_grants_are_revoked_and_no_rule_is_broken() {
    for list in ["offboarding.csv", "cleanup.csv"] {
        let (sandbox, ended, audit) = run(list, &[]);
        assert_eq!(ended.code, 0, "{ended:?}");
        let outcome = sandbox.outcome("out.csv");
        assert_conserved(&sample(list), &outcome);
        assert!(outcome.iter().all(|row| row["status"] == "revoked"), "{outcome:?}");
        // Promise 2, *no widening*: these grants, and no others.
        let expected: BTreeSet<Grant> =
            standing(&asked_by_rows(&sample(list))).into_iter().collect();
        assert_eq!(removed(&audit), expected);
        assert_eq!(audit.granted, audit.removed, "nothing else was even asked for");
        assert_eq!(audit.violations, Violations::default());
        assert_eq!(audit.asked_dropped, 0);
    }
}

#[test]
fn the_planned_number_of_requests_is_sent_and_is_minimal() {
    for (list, requests) in [("offboarding.csv", 12), ("cleanup.csv", 11)] {
        let (sandbox, _, audit) = run(list, &[]);
        // No scope of these lists has more than ten entries: one request for each grantee and kind,
        // which is promise 3 computed by hand.
        let scopes: BTreeSet<_> = asked_by_rows(&sample(list))
            .into_iter()
            .map(|(_, from, grantee, kind, ..)| (from, grantee, kind))
            .collect();
        assert_eq!((audit.counts.attempts, scopes.len()), (requests, scopes.len()));
        assert_eq!(scopes.len() as u64, requests);
        let plan = sandbox.ends(&["plan", list, "--json"]);
        let plan: serde_json::Value = serde_json::from_str(&plan.out).expect("JSON");
        let planned = plan["requests"].as_object().expect("requests by operation");
        for (operation, counts) in &audit.operations {
            let of_plan = planned.get(operation).and_then(serde_json::Value::as_u64);
            assert_eq!(of_plan.unwrap_or(0), counts.attempts, "{operation}");
        }
    }
}

#[test]
fn run_sends_the_requests_that_plan_writes() {
    let (sandbox, _, audit) = run("cleanup.csv", &[]);
    let args = ["plan", "cleanup.csv", "--instance-id", INSTANCE, "--requests", "-"];
    let lines = sandbox.ends(&args).out;
    let mut planned: Vec<serde_json::Value> =
        lines.lines().map(|line| serde_json::from_str(line).expect("JSON Lines")).collect();
    let target = |target: &bastion_revoke::sim::RequestTarget| match &target.accounts {
        Some(accounts) => serde_json::json!({ "id": target.target, "accounts": accounts }),
        None => serde_json::json!({ "id": target.target }),
    };
    let mut sent: Vec<serde_json::Value> = audit
        .asked
        .iter()
        .map(|attempt| {
            serde_json::json!({
                "operation": attempt.operation,
                "instance_id": attempt.instance_id,
                "region": attempt.region,
                "grantee": attempt.grantee,
                "targets": attempt.targets.iter().map(target).collect::<Vec<_>>(),
            })
        })
        .collect();
    // Operations run in parallel, so only the order within one is fixed.
    planned.sort_by_key(ToString::to_string);
    sent.sort_by_key(ToString::to_string);
    assert_eq!(planned, sent);
}

#[test]
fn a_rehearsal_is_marked_in_every_row_and_keeps_the_columns_in_order() {
    let sandbox = Sandbox::new();
    sandbox.sample("offboarding.csv");
    let ended = sandbox.ends(&["run", "offboarding.csv", "--rehearse"]).expect(0, "");
    assert!(ended.out.contains("Rehearsed: access would be gone for 25 of 25 rows"), "{ended:?}");
    let text = std::fs::read_to_string(sandbox.path("rehearsal.csv")).expect("the outcome");
    assert!(
        text.starts_with(
            "ticket,name,user,kind,target,account,status,code,message,request_id,attempts,\
             finished_at,duplicate_of\n"
        ) && text.ends_with('\n')
            && !text.contains('\r'),
        "{text}"
    );
    let mode = std::fs::metadata(sandbox.path("rehearsal.csv")).expect("it is there");
    assert_eq!(mode.permissions().mode() & 0o777, 0o600);
    let outcome = sandbox.outcome("rehearsal.csv");
    let offboarding = sample("offboarding.csv");
    assert_conserved(&offboarding, &outcome);
    let mut own = csv::Reader::from_path(offboarding).expect("the sample");
    for (row, outcome_row) in own.deserialize::<Row>().zip(&outcome) {
        let row = row.expect("CSV");
        assert!(
            row.iter().all(|(name, cell)| outcome_row[name] == *cell),
            "{row:?} {outcome_row:?}"
        );
        assert!(outcome_row["message"].starts_with("rehearsal:"), "{outcome_row:?}");
        assert_eq!((&*outcome_row["status"], &*outcome_row["attempts"]), ("revoked", "1"));
    }
    let duplicates: BTreeMap<usize, &str> = (1..)
        .zip(&outcome)
        .map(|(number, row)| (number, row["duplicate_of"].as_str()))
        .filter(|(_, of)| !of.is_empty())
        .collect();
    assert_eq!(duplicates, BTreeMap::from([(20, "19")]), "rows are counted from 1");
}

#[test]
fn a_rehearsal_is_marked_in_every_message() {
    let sandbox = Sandbox::new();
    sandbox.sample("mistakes.csv");
    sandbox.file("poison.csv", "user,host,account\n7,1,poison\n");
    let args = ["run", "mistakes.csv", "poison.csv", "--rehearse", "--skip-invalid"];
    sandbox.ends(&args).expect(1, "");
    let outcome = sandbox.outcome("rehearsal.csv");
    assert_eq!(outcome.len(), 25);
    for row in &outcome {
        assert!(row["message"].starts_with("rehearsal: "), "{row:?}");
    }
    let poison = &outcome[24];
    assert!(poison["message"].len() > 20 && poison["status"] == "failed", "{poison:?}");
}

#[test]
fn rows_covered_by_a_whole_target_point_to_it_and_share_its_verdict() {
    let sandbox = Sandbox::new();
    let list = "user,host,account\n7,1,10\n7,1,*\n7,1,11\n7,2,10\n7,2,10\n";
    sandbox.file("list.csv", list);
    let service = TestService::start(Settings::default());
    let mut command = sandbox.run_command("list.csv", &service.endpoint(), &["--yes"]);
    assert_eq!(Ended::of(&command.output().expect("it starts")).code, 0);
    let outcome = sandbox.outcome("outcome.csv");
    let of: Vec<&str> = outcome.iter().map(|row| row["duplicate_of"].as_str()).collect();
    assert_eq!(of, ["2", "", "2", "", "4"]);
    let ids: BTreeSet<&str> = outcome.iter().map(|row| row["request_id"].as_str()).collect();
    assert_eq!(ids.len(), 1, "one request carried them all");
    let audit = service.stop();
    assert_eq!(audit.removed.len(), 2);
    assert_eq!(audit.counts.attempts, 1);
}

#[test]
fn a_second_run_finds_everything_absent() {
    let sandbox = Sandbox::new();
    sandbox.sample("offboarding.csv");
    let service = TestService::start(Settings::default());
    for (out, status) in [("first.csv", "revoked"), ("second.csv", "already_absent")] {
        let more = ["--confirm", "24", "--out", out];
        let mut command = sandbox.run_command("offboarding.csv", &service.endpoint(), &more);
        let ended = Ended::of(&command.output().expect("it starts"));
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(sandbox.outcome(out).iter().all(|row| row["status"] == status), "{status}");
    }
    assert_eq!(removed(&service.stop()).len(), 24);
}

#[test]
fn a_poisoned_id_fails_alone_and_the_rest_is_revoked() {
    let sandbox = Sandbox::new();
    let rows: Vec<String> =
        (0..10).map(|account| format!("7,1,{account}\n7,2,{account}\n")).collect();
    let list = format!("user,host,account\n{}7,3,poison-1\n", rows.concat());
    sandbox.file("list.csv", list);
    let service = TestService::start(Settings::default());
    let mut command = sandbox.run_command("list.csv", &service.endpoint(), &["--yes"]);
    let ended = Ended::of(&command.output().expect("it starts"));
    assert_eq!(ended.code, 1, "{ended:?}");
    let outcome = sandbox.outcome("outcome.csv");
    for row in &outcome {
        let is_poison = row["account"].starts_with("poison");
        assert_eq!(row["status"], if is_poison { "failed" } else { "revoked" }, "{row:?}");
        assert!(!is_poison || row["code"] == "InvalidParameter", "{row:?}");
    }
    let audit = service.stop();
    assert_eq!(removed(&audit).len(), 20);
    assert_eq!(audit.violations, Violations::default());
}

#[test]
fn standard_input_and_several_files_make_one_list() {
    let sandbox = Sandbox::new();
    sandbox.file("a.csv", "user,host,account\n7,1,10\n");
    sandbox.file(
        "b.jsonl",
        r#"{"user":"7","kind":"database","target":"5","account":"*","x":{"y":1}}"#,
    );
    sandbox.file("stdin.csv", "note,user,host,account\nlate,7,1,10\n");
    let service = TestService::start(Settings::default());
    let more = ["b.jsonl", "-", "--yes"];
    let mut command = sandbox.run_command("a.csv", &service.endpoint(), &more);
    let stdin = std::fs::File::open(sandbox.path("stdin.csv")).expect("a file");
    let ended = Ended::of(&command.stdin(stdin).output().expect("it starts"));
    assert_eq!(ended.code, 0, "{ended:?}");
    let text = std::fs::read_to_string(sandbox.path("outcome.csv")).expect("the outcome");
    assert!(text.starts_with("user,host,account,kind,target,x,note,status,"), "{text}");
    assert!(text.contains(r#"7,,*,database,5,"{""y"":1}",,revoked,"#), "{text}");
    assert_eq!(sandbox.outcome("outcome.csv")[2]["duplicate_of"], "1");
    assert_eq!(service.stop().counts.attempts, 2);
}
