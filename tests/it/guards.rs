//! Guards: a wrong list is refused before the first request, with the rows that cause it.

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
fn protected_rows_are_refused_or_skipped() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    sandbox.file("protect.csv", "user,kind,target,account\n,host,1*,7\n");
    let guard = ["--protect", "protect.csv"];
    // The whole of host 10 includes its account 7.
    run(&sandbox, &service, &guard).expect(4, "2 rows are protected: rows 2, 3");
    assert_eq!(service.audit().counts.attempts, 0, "nothing was sent");
    run(&sandbox, &service, &[&guard[..], &["--skip-protected"]].concat()).expect(1, "");
    let outcome = sandbox.outcome("outcome.csv");
    let statuses: Vec<&str> = outcome.iter().map(|row| row["status"].as_str()).collect();
    assert_eq!(statuses, ["revoked", "protected", "protected", "revoked", "revoked"]);
    assert_eq!(service.stop().removed.len(), 2);
    run_again(&sandbox);
}

#[test]
fn an_invalid_protect_file_is_an_error() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    for (content, says) in [
        ("1,host,10,100\n", "--protect protect.csv, line 1, column 1 (1): 1 is not a column"),
        ("", "--protect protect.csv: the file is empty"),
        (" \n\n", "--protect protect.csv: the file is empty"),
        ("usr\n", "--protect protect.csv, line 1, column 1 (usr): usr is not a column"),
        ("user,user,target\n1,2,3\n", "column 2 (user): the column user occurs twice"),
        ("user,target\n", "protects nothing: write a line for each rule; leave --protect out"),
        ("user,kind\n1,hots\n", "line 2, column 2 (kind): unknown kind \"hots\""),
    ] {
        sandbox.file("protect.csv", content);
        run(&sandbox, &service, &["--protect", "protect.csv"]).expect(65, says);
    }
    run(&sandbox, &service, &["--protect", "none.csv"])
        .expect(66, "--protect none.csv: no such file");
    assert_eq!(service.audit().counts.attempts, 0, "nothing was sent");
    sandbox.file("protect.csv", "\u{feff}User ID;Host-Account\n1;\n");
    run(&sandbox, &service, &["--protect", "protect.csv"]).expect(65, "Host-Account");
    sandbox.file("protect.csv", "\u{feff}User ID;Account ID\r\n1;\r\n");
    let says = "3 rows are protected: rows 1, 4, 5";
    run(&sandbox, &service, &["--protect", "protect.csv"]).expect(4, says);
}

/// A finished job ends with the same result, including its protected rows.
fn run_again(sandbox: &Sandbox) {
    let service = TestService::start(Settings::default());
    let more = ["--protect", "protect.csv", "--skip-protected", "--restart"];
    run(sandbox, &service, &more).expect(1, "");
    let ended = run(sandbox, &service, &more[..3]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.out.contains("nothing was sent"), "{ended:?}");
}

/// Twelve hosts need two requests. Hosts alternate between them, so the first has the even ones.
fn two_requests() -> String {
    let rows = (10..22).map(|host| format!("1,host,{host},100\n"));
    format!("user,kind,target,account\n{}", rows.collect::<String>())
}

fn statuses(sandbox: &Sandbox) -> Vec<String> {
    sandbox.outcome("outcome.csv").iter().map(|row| row["status"].clone()).collect()
}

#[test]
fn after_a_successful_canary_the_rest_is_sent() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    let list = sandbox.file("list.csv", two_requests());
    let more = ["--yes", "--canary", "1"];
    let mut command = sandbox.run_command(list, &service.endpoint(), &more);
    let ended = Ended::of(&command.output().expect("the command starts")).expect(0, "");
    let says = "the canary succeeded: 6 grants in 1 request";
    assert!(ended.err.contains(says), "{ended:?}");
    assert_eq!(service.stop().removed.len(), 12);
}

#[test]
fn a_failed_canary_stops_the_run_until_it_is_removed() {
    let sandbox = Sandbox::new();
    let poisoned = Settings { poison: vec!["14".to_owned()], ..Settings::default() };
    let service = TestService::start(poisoned);
    let list = sandbox.file("list.csv", two_requests());
    let run = |more: &[&str]| {
        let mut command = sandbox.run_command(list, &service.endpoint(), more);
        Ended::of(&command.output().expect("the command starts"))
    };
    let says = "the canary (1 request, 6 grants) failed: 1 failed";
    let ended = run(&["--yes", "--canary=1"]).expect(3, says);
    let go_on = ended.out.lines().find(|line| line.starts_with("To continue anyway: "));
    assert!(go_on.is_some_and(|line| !line.contains("--canary")), "{ended:?}");
    let unprocessed = statuses(&sandbox).iter().filter(|status| *status == "unprocessed").count();
    assert_eq!(unprocessed, 6);
    let sent = service.audit().counts.attempts;
    run(&["--yes", "--canary=1"]).expect(3, says);
    assert_eq!(service.audit().counts.attempts, sent, "the same command sends nothing");
    run(&["--yes"]).expect(1, "");
    assert_eq!(service.stop().removed.len(), 11);
}

#[test]
fn a_run_in_which_too_much_fails_stops() {
    let sandbox = Sandbox::new();
    let poisoned = Settings { poison: vec!["p".to_owned()], ..Settings::default() };
    let service = TestService::start(poisoned);
    // One request per user; one row of each fails alone.
    let rows = (0..40).map(|user| format!("{user},host,1,p\n"));
    let list = format!("user,kind,target,account\n{}", rows.collect::<String>());
    let list = sandbox.file("list.csv", &list);
    let run = |more: &[&str]| {
        let more = [&["--yes", "--concurrency", "1"], more].concat();
        let mut command = sandbox.run_command(list, &service.endpoint(), &more);
        Ended::of(&command.output().expect("the command starts"))
    };
    run(&["--fail-over", "10%"]).expect(3, "grants failed or are unknown");
    let failed = statuses(&sandbox).iter().filter(|status| *status == "failed").count();
    // The next request may be on its way while the result of the twentieth is written to the disk.
    assert!(
        (20..=21).contains(&failed),
        "{failed}: neither fewer requests decide, nor more go out"
    );
    run(&["--fail-over", "ten"]).expect(2, "expected a number of revocations such as 50");
    run(&["--fail-over", "40"]).expect(1, "");
}
