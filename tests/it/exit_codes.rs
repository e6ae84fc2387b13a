//! Every exit code that scripts depend on, and the files that remain after it.

use std::process::Command;
use std::time::Duration;

use bastion_revoke::sim::Settings;

use crate::sandbox::{Ended, INSTANCE, Row, Sandbox, TestService, sample, with_keys};

fn output(command: &mut Command) -> Ended {
    Ended::of(&command.output().expect("the command starts"))
}

fn statuses(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row["status"].as_str()).collect()
}

/// A port on loopback where nothing listens.
fn dead_endpoint() -> String {
    let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    format!("http://{}", socket.local_addr().expect("an address"))
}

#[test]
fn only_revoked_and_absent_rows_give_0_and_others_give_1() {
    let sandbox = Sandbox::new();
    sandbox.sample("mistakes.csv");
    let service = TestService::start(Settings::default());
    let more = ["--yes", "--skip-invalid", "--json"];
    let ended = output(&mut sandbox.run_command("mistakes.csv", &service.endpoint(), &more));
    assert_eq!(ended.code, 1, "{ended:?}");
    let outcome = sandbox.outcome("outcome.csv");
    assert_eq!(outcome.len(), 24);
    assert_eq!(outcome[0]["status"], "revoked");
    assert!(outcome[1..].iter().all(|row| row["status"] == "invalid" && row["attempts"] == "0"));
    assert_eq!((&*outcome[1]["code"], &*outcome[1]["user"]), ("blank_account", "17"));
    let json: serde_json::Value = serde_json::from_str(&ended.out).expect("one JSON value");
    assert_eq!((&json["rows"]["revoked"], &json["rows"]["invalid"]), (&1.into(), &23.into()));
    assert_eq!(json["exit_code"], 1);
    let audit = service.stop();
    assert_eq!((audit.removed.len(), audit.counts.attempts), (1, 1), "promise 2, no widening");
}

#[test]
fn a_wrong_command_line_is_2_and_writes_nothing() {
    let sandbox = Sandbox::new();
    sandbox.sample("offboarding.csv");
    let run = |more: &[&str]| {
        let args = ["run", "offboarding.csv", "--instance-id", INSTANCE];
        sandbox.ends(&[&args[..], more].concat())
    };
    run(&[]).expect(2, "there is no terminal to confirm at");
    run(&["--yes", "--endpoint", "http://192.0.2.1"]).expect(2, "plain http");
    run(&["--yes", "--out", "offboarding.csv"]).expect(2, "is also an input");
    run(&["--yes", "--out", "./offboarding.csv"]).expect(2, "is also an input");
    run(&["--yes", "--rehearse"]).expect(2, "cannot be used with");
    run(&["--yes", "--rate", "0"]).expect(2, "--rate 0: expected");
    run(&["--yes", "--timeout", "10"]).expect(2, "expected a duration such as 500ms");
    run(&["--yes", "--map", "user"]).expect(2, "expected FIELD=COLUMN");
    run(&["--yes", "--nonsense"]).expect(2, "unexpected argument");
    sandbox.ends(&["run", "offboarding.csv", "--yes"]).expect(2, "no instance ID");
    sandbox.ends(&["run", "-", "-", "--yes"]).expect(2, "can be read only once");
    assert_eq!(sandbox.files(), [sandbox.path("offboarding.csv")]);
    let sample = std::fs::read(sample("offboarding.csv")).expect("the sample");
    assert_eq!(std::fs::read(sandbox.path("offboarding.csv")).expect("the list"), sample);
}

#[test]
fn a_number_other_than_the_confirmed_one_is_4_and_sends_nothing() {
    let sandbox = Sandbox::new();
    sandbox.sample("offboarding.csv");
    let service = TestService::start(Settings::default());
    let more = ["--confirm", "25"];
    output(&mut sandbox.run_command("offboarding.csv", &service.endpoint(), &more))
        .expect(4, "24 revocations are planned; nothing was sent");
    assert_eq!(service.stop().counts.attempts, 0);
    assert!(!sandbox.path("outcome.csv").exists());
}

#[test]
fn an_invalid_list_is_65_and_a_missing_one_66() {
    let sandbox = Sandbox::new();
    sandbox.sample("mistakes.csv");
    sandbox.file("unclosed.csv", "user,host,account\n7,1,\"2\n");
    sandbox.file("headless.csv", "7,1,2\n");
    let service = TestService::start(Settings::default());
    let run = |list: &str| output(&mut sandbox.run_command(list, &service.endpoint(), &["--yes"]));
    run("mistakes.csv").expect(65, "error[blank_account]").expect(65, "column 6 (account)");
    run("unclosed.csv").expect(65, "unclosed.csv");
    run("headless.csv").expect(65, "headless.csv");
    run("absent.csv").expect(66, "absent.csv");
    for command in ["check", "plan"] {
        let on_either = |list| {
            let ended = sandbox.ends(&[command, list]);
            (ended.code, ended.out + &ended.err)
        };
        let (code, printed) = on_either("mistakes.csv");
        assert!(code == 65 && printed.contains("blank account"), "{printed}");
        assert_eq!(on_either("absent.csv").0, 66);
    }
    assert_eq!(service.stop().counts.attempts, 0);
    assert!(!sandbox.path("outcome.csv").exists());
}

#[test]
fn an_outcome_that_cannot_be_written_is_74_before_anything_is_sent() {
    let sandbox = Sandbox::new();
    sandbox.sample("offboarding.csv");
    let service = TestService::start(Settings::default());
    let more = ["--yes", "--out", "no/such/folder/out.csv"];
    let ended = output(&mut sandbox.run_command("offboarding.csv", &service.endpoint(), &more));
    assert_eq!(ended.code, 74, "{ended:?}");
    assert_eq!(service.stop().counts.attempts, 0);
}

#[test]
fn without_keys_it_is_77_and_every_row_is_unprocessed() {
    let sandbox = Sandbox::new();
    sandbox.sample("offboarding.csv");
    let service = TestService::start(Settings::default());
    let run = |set: &[(&str, &str)], out: &str| {
        let more = ["--yes", "--out", out];
        let mut command = sandbox.run_command("offboarding.csv", &service.endpoint(), &more);
        command.env_remove("ALIBABA_CLOUD_ACCESS_KEY_ID");
        command.env_remove("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
        let ended = output(command.envs(set.iter().copied()));
        assert_eq!(ended.code, 77, "{ended:?}");
        let outcome = sandbox.outcome(out);
        assert_eq!(statuses(&outcome), ["unprocessed"; 25]);
        assert!(outcome.iter().all(|row| row["attempts"] == "0"));
        ended.out + &ended.err
    };
    assert!(run(&[], "none.csv").contains("set ALIBABA_CLOUD_ACCESS_KEY_ID"));
    let half = run(&[("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid")], "half.csv");
    assert!(half.contains("ALIBABA_CLOUD_ACCESS_KEY_SECRET is not set"), "{half}");
    assert_eq!(service.stop().counts.attempts, 0);
}

#[test]
fn a_wrong_secret_is_77_and_stops_the_run_at_once() {
    let sandbox = Sandbox::new();
    sandbox.sample("offboarding.csv");
    let service = TestService::start(Settings::default());
    let more = ["--yes", "--concurrency", "1"];
    let mut command = sandbox.run_command("offboarding.csv", &service.endpoint(), &more);
    with_keys(&mut command, "testsecret-of-another");
    let ended = output(&mut command);
    assert_eq!(ended.code, 77, "{ended:?}");
    assert!(ended.out.contains("the access key secret is wrong"), "{ended:?}");
    let outcome = sandbox.outcome("outcome.csv");
    assert_eq!(statuses(&outcome), ["unprocessed"; 25]);
    assert!(outcome.iter().any(|row| row["code"] == "SignatureDoesNotMatch"));
    let audit = service.stop();
    assert_eq!((audit.counts.attempts, audit.counts.applied), (1, 0), "one is enough to know");
}

#[test]
fn a_missing_set_up_is_78_and_every_row_is_unprocessed() {
    let sandbox = Sandbox::new();
    sandbox.sample("offboarding.csv");
    sandbox.file("empty.pem", "");
    let service = TestService::start(Settings::default());
    for file in ["absent.pem", "empty.pem"] {
        let out = format!("{file}.csv");
        let more = ["--yes", "--ca-file", file, "--out", &out];
        let ended = output(&mut sandbox.run_command("offboarding.csv", &service.endpoint(), &more));
        assert_eq!(ended.code, 78, "{ended:?}");
        assert!(ended.out.contains("--ca-file"), "{ended:?}");
        assert_eq!(statuses(&sandbox.outcome(&out)), ["unprocessed"; 25]);
    }
    assert_eq!(service.stop().counts.attempts, 0);
}

#[test]
fn no_service_until_the_deadline_is_3_and_every_row_is_unprocessed() {
    let sandbox = Sandbox::new();
    sandbox.sample("offboarding.csv");
    let more = ["--yes", "--deadline", "300ms"];
    let ended = output(&mut sandbox.run_command("offboarding.csv", &dead_endpoint(), &more));
    assert_eq!(ended.code, 3, "{ended:?}");
    assert!(ended.out.contains("run the same command again"), "{ended:?}");
    let outcome = sandbox.outcome("outcome.csv");
    assert_eq!(statuses(&outcome), ["unprocessed"; 25], "what never left is not in doubt");
    assert!(outcome.iter().any(|row| row["code"] == "ConnectionFailed"), "{outcome:?}");
}

#[test]
fn a_stop_request_waits_for_answers_and_ends_with_3() {
    let sandbox = Sandbox::new();
    let rows: Vec<String> = (0..40).map(|user| format!("{user},1,2\n")).collect();
    sandbox.file("list.csv", format!("user,host,account\n{}", rows.concat()));
    let service = TestService::start(Settings::default());
    let more = ["--yes", "--rate", "5"];
    let mut command = sandbox.command(&["run", "list.csv", "--endpoint", &service.endpoint()]);
    command.args(["--instance-id", INSTANCE]).args(more);
    with_keys(&mut command, "testsecret");
    let child = command.spawn().expect("the command starts");
    while service.audit().counts.attempts < 2 {
        service.wait(Duration::from_millis(5));
    }
    let signalled = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(signalled.expect("kill").success());
    let ended = Ended::of(&child.wait_with_output().expect("it ends"));
    assert_eq!(ended.code, 3, "{ended:?}");
    let outcome = sandbox.outcome("outcome.csv");
    let audit = service.stop();
    let revoked = outcome.iter().filter(|row| row["status"] == "revoked").count();
    assert_eq!(revoked, audit.removed.len(), "what was answered is known");
    let left = outcome.iter().filter(|row| row["status"] == "unprocessed").count();
    assert_eq!((outcome.len(), revoked + left), (40, 40));
    assert!((2..40).contains(&revoked), "{revoked}");
}
