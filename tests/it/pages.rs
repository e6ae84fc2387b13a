//! Every page that users read, word for word.

use crate::sandbox::{Ended, Sandbox, TestService};
use bastion_revoke::sim::{Fault, FaultRate, Faults, Settings};

fn help(of: &[&str]) -> String {
    let ended = Sandbox::new().ends(&[of, &["--help"]].concat());
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    ended.out
}

/// Removes durations, which vary, and fingerprints, which cover the port of the endpoint.
pub(crate) fn without_times(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        if line.starts_with("Fingerprint: ") {
            out += "Fingerprint: FINGERPRINT\n";
            continue;
        }
        let redacted = line.trim_start().starts_with("requests sent").then(|| {
            let (before, _) = line.split_once(" in ").unwrap_or((line, ""));
            format!("{before} in TIME")
        });
        out += redacted.as_deref().unwrap_or(line);
        out.push('\n');
    }
    // The path of the binary varies between machines.
    out.replace(env!("CARGO_BIN_EXE_bastion-revoke"), "bastion-revoke")
}

#[test]
fn help_of_the_whole() {
    insta::assert_snapshot!(help(&[]));
}

#[test]
fn help_of_check() {
    insta::assert_snapshot!(help(&["check"]));
}

#[test]
fn help_of_plan() {
    insta::assert_snapshot!(help(&["plan"]));
}

#[test]
fn help_of_run() {
    insta::assert_snapshot!(help(&["run"]));
}

#[test]
fn help_of_restore() {
    insta::assert_snapshot!(help(&["restore"]));
}

#[test]
fn help_of_the_commands_around_it() {
    let all = [["config", "show"], ["credentials", "show"]].map(|of| help(&of));
    let more = [["config"], ["credentials"], ["completions"], ["man"]].map(|of| help(&of));
    let all: Vec<String> = all.into_iter().chain(more).collect();
    insta::assert_snapshot!(all.join("\n=====\n\n"));
}

#[test]
fn help_of_the_queue() {
    insta::assert_snapshot!(["enqueue", "collect", "work"].map(|name| help(&[name])).join("\n"));
}

#[test]
fn help_of_status_and_of_operating_a_queue() {
    let pages: [&[&str]; 5] = [
        &["status"],
        &["queue"],
        &["queue", "status"],
        &["queue", "dead"],
        &["queue", "dead", "drop"],
    ];
    insta::assert_snapshot!(pages.map(help).join("\n=====\n\n"));
}

#[test]
fn help_of_who_and_export() {
    insta::assert_snapshot!(["who", "export"].map(|name| help(&[name])).join("\n"));
}

#[test]
fn help_of_simulate() {
    insta::assert_snapshot!(help(&["simulate"]));
}

#[test]
fn check_on_mistakes() {
    let sandbox = Sandbox::new();
    let ended = sandbox.ends(&["check", sandbox.sample("mistakes.csv")]);
    assert_eq!((ended.code, ended.err.as_str()), (65, ""));
    insta::assert_snapshot!(ended.out);
}

#[test]
fn check_on_the_valid_samples() {
    let sandbox = Sandbox::new();
    let names = ["offboarding.csv", "cleanup.csv", "audit.jsonl"].map(|name| sandbox.sample(name));
    let ended = sandbox.ends(&[&["check"], &names[..]].concat());
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    insta::assert_snapshot!(ended.out);
}

#[test]
fn plan_on_the_samples() {
    let sandbox = Sandbox::new();
    let mut all = Vec::new();
    for name in ["offboarding.csv", "cleanup.csv", "audit.jsonl"] {
        let ended = sandbox.ends(&["plan", sandbox.sample(name)]);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""));
        all.push(format!("$ plan {name}\n{}", ended.out));
    }
    insta::assert_snapshot!(all.concat());
}

#[test]
fn plan_as_json_and_its_requests() {
    let sandbox = Sandbox::new();
    let list = sandbox.sample("cleanup.csv");
    let args = ["plan", list, "--json", "--requests", "requests.jsonl"];
    let ended = sandbox.ends(&[&args[..], &["--instance-id", "bastionhost-cn-test"]].concat());
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    let requests = std::fs::read_to_string(sandbox.path("requests.jsonl")).expect("requests");
    insta::assert_snapshot!(ended.out + &requests);
}

#[test]
fn a_rehearsal_off_the_terminal() {
    let sandbox = Sandbox::new();
    let ended = sandbox.ends(&["run", sandbox.sample("offboarding.csv"), "--rehearse"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "no bar off a terminal");
    insta::assert_snapshot!(without_times(&ended.out));
}

#[test]
fn a_snapshot_and_its_restore() {
    let sandbox = Sandbox::new();
    let list = "user,kind,target,account\n17,host,1027,3058\n17,host,1031,*\n17,host,1029,3077\n";
    sandbox.file("list.csv", list);
    let service = crate::snapshot::service("");
    let run = ["run", "list.csv", "--instance-id", "bastionhost-cn-test", "--yes", "--snapshot"];
    let run = crate::snapshot::command(&sandbox, &service, &run);
    let restore = ["restore", "outcome.csv", "--yes"];
    let restore = crate::snapshot::command(&sandbox, &service, &restore);
    insta::assert_snapshot!(without_times(&(run.out + "=====\n" + &restore.out)));
}

/// One row of every status that a run can have.
#[test]
fn a_run_with_all_sorts_of_endings() {
    let sandbox = Sandbox::new();
    sandbox.file(
        "list.csv",
        "user,host,account\n7,1,2\n7,1,3\n7,9,2\n7,1,poison\n8,1,unexpected\n7,1,\n",
    );
    let grants = "user,kind,target,account\n7,host,1,2\n7,host,1,4\n8,host,1,3\n9,host,1,poison\n";
    let service = TestService::start(Settings {
        grants: bastion_revoke::sim::Grants::from_csv(grants.as_bytes()).expect("grants"),
        ..Settings::default()
    });
    let more = ["--yes", "--skip-invalid", "--concurrency", "1"];
    let mut command = sandbox.run_command("list.csv", &service.endpoint(), &more);
    let ended = Ended::of(&command.output().expect("it starts"));
    assert_eq!(ended.code, 1, "{ended:?}");
    insta::assert_snapshot!(without_times(&ended.out));
}

#[test]
fn a_run_that_never_got_an_answer() {
    let sandbox = Sandbox::new();
    sandbox.file("list.csv", "user,host,account\n7,1,2\n7,1,3\n");
    let rate = FaultRate { fault: Fault::ResetAfter, probability: 1.0 };
    let service =
        TestService::start(Settings { faults: Faults::new([rate]), ..Settings::default() });
    let more = ["--yes", "--max-attempts", "2"];
    let mut command = sandbox.run_command("list.csv", &service.endpoint(), &more);
    let ended = Ended::of(&command.output().expect("it starts"));
    assert_eq!(ended.code, 1, "{ended:?}");
    insta::assert_snapshot!(without_times(&ended.out));
}

#[test]
fn a_run_without_keys() {
    let sandbox = Sandbox::new();
    sandbox.file("list.csv", "user,host,account\n7,1,2\n7,1,3\n");
    let mut command = sandbox.run_command("list.csv", "http://127.0.0.1:9", &["--yes"]);
    command.env_remove("ALIBABA_CLOUD_ACCESS_KEY_ID");
    command.env_remove("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
    let ended = Ended::of(&command.output().expect("it starts"));
    assert_eq!(ended.code, 77, "{ended:?}");
    insta::assert_snapshot!(without_times(&ended.out));
}
