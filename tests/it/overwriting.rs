//! No input is ever overwritten.

use crate::sandbox::{Ended, Sandbox};

const LIST: &str = "user,kind,target,account\n1,host,10,100\n";
const SETTINGS: &str = "instance-id = \"bastionhost-cn-test\"\n";

/// A folder with a list, two names for it, and the other inputs of a run.
fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("list.csv", LIST);
    std::fs::hard_link(sandbox.path("list.csv"), sandbox.path("hard.csv")).expect("a hard link");
    std::os::unix::fs::symlink("list.csv", sandbox.path("soft.csv")).expect("a symbolic link");
    sandbox.file("protect.csv", "user\n7\n");
    sandbox.file("ca.pem", "no certificate");
    sandbox.file("bastion-revoke.toml", SETTINGS);
    sandbox
}

#[test]
fn a_plan_does_not_write_its_requests_over_its_list() {
    let sandbox = sandbox();
    for requests in ["list.csv", "./list.csv", "hard.csv", "soft.csv"] {
        let says = format!("--requests {requests} is also an input; use another name");
        sandbox.ends(&["plan", "list.csv", "--requests", requests]).expect(2, &says);
    }
    let mut command = sandbox.command(&["plan", "-", "--requests", "list.csv"]);
    command.stdin(std::fs::File::open(sandbox.path("list.csv")).unwrap());
    Ended::of(&command.output().unwrap()).expect(2, "--requests list.csv is also an input");
    assert_eq!(std::fs::read_to_string(sandbox.path("list.csv")).unwrap(), LIST);
    sandbox.ends(&["plan", "list.csv", "--requests", "requests.jsonl"]).expect(0, "");
    assert!(sandbox.path("requests.jsonl").exists());
}

#[test]
fn an_outcome_that_is_a_dangling_link_is_refused_by_name() {
    let sandbox = sandbox();
    std::os::unix::fs::symlink("nowhere/gone.csv", sandbox.path("link.csv")).expect("a link");
    let says = "--out: link.csv is a symbolic link to nowhere/gone.csv, which does not exist; use \
                another name";
    let run =
        |more: &[&str]| sandbox.ends(&[&["run", "list.csv", "--out", "link.csv"], more].concat());
    run(&["--yes"]).expect(2, says);
    run(&["--rehearse"]).expect(2, says);
    assert!(sandbox.path("link.csv").is_symlink(), "the link is still there");
}

#[test]
fn an_outcome_does_not_replace_an_input_or_a_file_of_the_run() {
    let sandbox = sandbox();
    let files = sandbox.files().len();
    let given = ["--yes", "--protect", "protect.csv", "--ca-file", "ca.pem"];
    for (out, says) in [
        ("hard.csv", "--out hard.csv is also an input"),
        ("./protect.csv", "--out ./protect.csv is also the file of --protect"),
        ("ca.pem", "--out ca.pem is also the file of --ca-file"),
        ("bastion-revoke.toml", "--out bastion-revoke.toml is also the file of the settings"),
        (
            "outcome.csv.ledger",
            "--out outcome.csv.ledger ends in .ledger, like the files that a run keeps",
        ),
        ("outcome.csv.input", "ends in .input"),
        ("outcome.csv.lock", "ends in .lock"),
    ] {
        let args = [&["run", "list.csv", "--out", out], &given[..]].concat();
        let ended = sandbox.ends(&args).expect(2, says).expect(2, "use another name");
        assert_eq!(ended.out, "");
    }
    assert_eq!(sandbox.files().len(), files, "nothing was written");
    let settings = std::fs::read_to_string(sandbox.path("bastion-revoke.toml")).unwrap();
    assert_eq!(settings, SETTINGS);
}
