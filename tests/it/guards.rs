//! Guards: the wrong list is refused before the first request, and says which rows are to blame.

use bastion_revoke::sim::Settings;

use crate::sandbox::{Ended, Sandbox, TestService};

const LIST: &str = "user,kind,target,account\n\
    1,host,10,100\n2,host,10,*\n3,host,11,7\n1,host,12,100\n1,host,10,100\n";

fn run(sandbox: &Sandbox, service: &TestService, more: &[&str]) -> Ended {
    let list = sandbox.file("list.csv", LIST);
    let more = [&["--yes"], more].concat();
    let mut command = sandbox.run_command(list, &service.endpoint(), &more);
    Ended::of(&command.output().expect("the command starts"))
}

#[test]
fn a_plan_beyond_a_limit_is_refused_with_the_rows_beyond_it() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    for (option, limit, says) in [
        ("--max-revocations", "3", "revocations: 4, and --max-revocations is 3; beyond it: row 4"),
        (
            "--max-users",
            "1",
            "users and user groups: 3, and --max-users is 1; beyond it: rows 2, 3",
        ),
        (
            "--max-whole-targets",
            "0",
            "whole targets: 1, and --max-whole-targets is 0; beyond it: row 2",
        ),
        ("--expect-rows", "4", "rows: 5, and --expect-rows is 4"),
    ] {
        run(&sandbox, &service, &[option, limit]).expect(4, says);
    }
    assert_eq!(service.audit().counts.attempts, 0, "nothing was sent");
    assert_eq!(sandbox.files().len(), 1, "nothing was written");
    let enough = ["--max-revocations", "4", "--max-users", "3", "--max-whole-targets", "1"];
    run(&sandbox, &service, &[&enough[..], &["--expect-rows", "5"]].concat()).expect(0, "");
}

#[test]
fn protected_rows_are_refused_or_left_be() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    sandbox.file("protect.csv", "user,kind,target,account\n,host,1*,7\n");
    let guard = ["--protect", "protect.csv"];
    // The whole of host 10 would take account 7 there with it.
    run(&sandbox, &service, &guard).expect(4, "2 rows are protected: rows 2, 3");
    assert_eq!(service.audit().counts.attempts, 0, "nothing was sent");
    run(&sandbox, &service, &[&guard[..], &["--skip-protected"]].concat()).expect(1, "");
    let outcome = sandbox.outcome("outcome.csv");
    let statuses: Vec<&str> = outcome.iter().map(|row| row["status"].as_str()).collect();
    assert_eq!(statuses, ["revoked", "protected", "protected", "revoked", "revoked"]);
    assert_eq!(service.stop().removed.len(), 2);
    run_again(&sandbox);
}

/// A finished job ends as it did, protected rows and all.
fn run_again(sandbox: &Sandbox) {
    let service = TestService::start(Settings::default());
    let more = ["--protect", "protect.csv", "--skip-protected", "--restart"];
    run(sandbox, &service, &more).expect(1, "");
    let ended = run(sandbox, &service, &more[..3]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.out.contains("nothing was sent"), "{ended:?}");
}
