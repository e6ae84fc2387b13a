//! `status`: the state of a run from its ledger, without disturbing it.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use crate::real::{Ended, Sandbox, serve};
use bastion_revoke::sim::Settings;
use serde_json::Value;
use std::time::Duration;

fn list_of(users: usize) -> String {
    let rows = (0..users).map(|user| format!("{user},host,1,2\n"));
    std::iter::once("user,kind,target,account\n".to_owned()).chain(rows).collect()
}

fn status(sandbox: &Sandbox) -> Value {
    let output = sandbox.command(&["status", "--json"]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_seen_while_it_runs_and_after_it_has_ended() {
    let service = serve(Settings::default()).await;
    let sandbox = Sandbox::new();
    sandbox.write("list.csv", list_of(40));
    let mut command = sandbox.run_command(&service, &["-q"]);
    // The list alone takes four seconds.
    let mut run = command.stdout(std::process::Stdio::null()).spawn().unwrap();
    while service.audit().counts.attempts < 10 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let running = status(&sandbox);
    assert_eq!(running["state"], "running", "{running}");
    assert_eq!((&running["rows"], &running["planned_requests"]), (&40.into(), &40.into()));
    let (done, left) = (running["done"].as_u64().unwrap(), running["left"].as_u64().unwrap());
    assert!(done >= 5 && left > 0 && done + left == 40, "{running}");
    assert!(running["seconds_left"].as_f64().is_some_and(|left| left > 0.0), "{running}");
    let watch = sandbox.command(&["status", "--watch", "--json"]).output().unwrap();
    let watched = String::from_utf8(watch.stdout).unwrap();
    assert_eq!(run.wait().unwrap().code(), Some(0), "the run is not disturbed");
    let last: Value = serde_json::from_str(watched.lines().last().unwrap()).unwrap();
    assert!(watched.lines().count() >= 2 && last["state"] == "finished", "{watched}");
    let finished = status(&sandbox);
    assert_eq!((&finished["done"], &finished["left"]), (&40.into(), &0.into()));
    assert_eq!((&finished["verdicts"]["revoked"], &finished["exit_code"]), (&40.into(), &0.into()));
    let names: Vec<String> = sandbox.content().into_keys().collect();
    assert!(!names.contains(&"outcome.csv.lock".to_owned()), "{names:?}");
    // Another run can use this name.
    sandbox.write("list.csv", list_of(1));
    sandbox.run(&service, &[]).code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_run_is_stopped_and_its_unanswered_requests_are_counted() {
    let service = serve(Settings::default()).await;
    let sandbox = Sandbox::new();
    sandbox.write("list.csv", list_of(3));
    let mut command = sandbox.run_command(&service, &["-q"]);
    assert_eq!(
        command.env("BASTION_REVOKE_FAIL_POINT", "after-answer:1").status().unwrap().code(),
        None
    );
    let before = sandbox.content().get("outcome.csv.ledger").cloned();
    let stopped = status(&sandbox);
    assert_eq!(stopped["state"], "stopped", "{stopped}");
    assert!(stopped["exit_code"].is_null() && stopped["seconds_left"].is_null(), "{stopped}");
    assert!(stopped["requests"]["unanswered"].as_u64().is_some_and(|n| n > 0), "{stopped}");
    assert_eq!(stopped["left"], 3);
    assert_eq!(sandbox.content().get("outcome.csv.ledger").cloned(), before, "it is only read");
    let text = Ended::of(sandbox.command(&["status"]).output().unwrap()).code(0);
    text.says("stopped; the process was killed").says("run the same command again");
    sandbox.run(&service, &[]).code(0);
}

#[test]
fn a_run_that_does_not_exist_is_missing() {
    let sandbox = Sandbox::new();
    let ended = Ended::of(sandbox.command(&["status", "other.csv"]).output().unwrap());
    ended.code(66).says("other.csv.ledger: no such ledger");
    sandbox.write("outcome.csv.ledger", "not a ledger");
    Ended::of(sandbox.command(&["status"]).output().unwrap()).code(74);
}
