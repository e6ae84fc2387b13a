//! The confirmation at a terminal: only the right number continues.

use std::path::Path;
use std::process::Command;

use bastion_revoke::sim::Settings;

use crate::sandbox::{Ended, Sandbox, TestService};

const LIST: &str = "user,kind,target,account\n\
    17,host,10,100\n17,host,11,100\n17,host,12,*\n18,database,10,5\n";

/// A run on a terminal of its own, with this answer to its question.
fn answered(sandbox: &Sandbox, service: &TestService, answer: &str) -> Ended {
    let list = sandbox.file("list.csv", LIST);
    on_a_terminal(&sandbox.run_command(list, &service.endpoint(), &[]), answer)
}

/// Runs the command on a terminal of its own and answers its question.
pub(crate) fn on_a_terminal(command: &Command, answer: &str) -> Ended {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/terminal.py");
    let mut terminal = Command::new("python3");
    terminal.arg(script).arg(answer).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    terminal.env("TERM", "xterm").current_dir(command.get_current_dir().expect("the sandbox"));
    Ended::of(&terminal.output().expect("Python 3 runs"))
}

#[test]
fn the_right_number_continues_after_the_largest_were_shown() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    let ended = answered(&sandbox, &service, r" 4 \n");
    assert_eq!(ended.code, 0, "{ended:?}");
    for line in [
        "  user 17: 3 revocations",
        "  user 18: 1 revocation",
        "Targets revoked completely:",
        "  host 12 of user 17",
        "Finished: access is gone for 4 of 4 rows",
    ] {
        assert!(
            ended.out.lines().any(|shown| shown.trim_end().ends_with(line)),
            "{line}: {ended:?}"
        );
    }
    assert_eq!(service.stop().removed.len(), 4);
}

#[test]
fn anything_else_is_4_and_sends_and_writes_nothing() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    for (answer, says) in [
        (r"\n", "the answer is not the number of revocations; nothing was sent"),
        (r"y\n", "the answer is not the number of revocations; nothing was sent"),
        (r"5\n", "the answer is not the number of revocations; nothing was sent"),
        (r"\x03", "interrupted; nothing was sent"),
        (r"\x04", "no answer: standard input was closed; nothing was sent"),
    ] {
        let ended = answered(&sandbox, &service, answer);
        assert_eq!(ended.code, 4, "{answer}: {ended:?}");
        assert!(ended.out.contains(says), "{answer}: {ended:?}");
    }
    assert_eq!(service.stop().counts.attempts, 0);
    assert_eq!(sandbox.files(), [sandbox.path("list.csv")]);
}
