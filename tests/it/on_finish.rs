//! `--on-finish`: the command gets the summary, and never changes the result of the run.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;

use bastion_revoke::sim::Settings;
use serde_json::Value;

use crate::sandbox::{Ended, Sandbox, TestService};

fn sandbox() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("list.csv", "user,kind,target,account\n1,host,10,100\n1,host,11,100\n");
    sandbox
}

#[test]
fn the_command_gets_the_summary_that_json_prints() {
    let sandbox = sandbox();
    let service = TestService::start(Settings::default());
    let more = ["--yes", "--json", "--on-finish", "cat > got.json; echo posted"];
    let mut command = sandbox.run_command("list.csv", &service.endpoint(), &more);
    let ended = Ended::of(&command.output().expect("the command starts")).expect(0, "posted");
    let printed: Value = serde_json::from_str(&ended.out).expect("only the summary");
    let got = std::fs::read_to_string(sandbox.path("got.json")).expect("the command ran");
    assert_eq!(got.lines().count(), 1);
    assert_eq!(serde_json::from_str::<Value>(&got).expect("JSON"), printed);
    assert_eq!(printed["rows"]["revoked"], 2);
}

#[test]
fn a_failing_command_is_reported_and_the_exit_code_stays() {
    let sandbox = sandbox();
    for (command, says) in [
        ("exit 7", "--on-finish: the command failed (exit status: 7); the result of the run is"),
        ("no-such-command-here", "--on-finish: the command failed (exit status: 127)"),
    ] {
        let args = ["run", "list.csv", "--rehearse", "--quiet", "--on-finish", command];
        sandbox.ends(&args).expect(0, says);
    }
    // One that does not read its input is no failure.
    let ended = sandbox.ends(&["run", "list.csv", "--rehearse", "--on-finish", "true"]);
    assert!(!ended.expect(0, "").err.contains("--on-finish"));
}

#[test]
fn the_command_does_not_get_the_keys() {
    let sandbox = sandbox();
    let service = TestService::start(Settings::default());
    let more = ["--yes", "--on-finish", "env > env.txt"];
    let mut command = sandbox.run_command("list.csv", &service.endpoint(), &more);
    command.env("DINGTALK_TOKEN", "passed on");
    Ended::of(&command.output().expect("the command starts")).expect(0, "");
    let environment = std::fs::read_to_string(sandbox.path("env.txt")).expect("the command ran");
    assert!(environment.contains("DINGTALK_TOKEN=passed on"), "{environment}");
    assert!(!environment.contains("ACCESS_KEY"), "{environment}");
}

#[test]
fn nothing_is_run_if_there_is_no_summary() {
    let sandbox = sandbox();
    let more = ["--max-revocations", "1", "--instance-id", "i", "--on-finish", "touch ran"];
    sandbox.ends(&[&["run", "list.csv", "--yes"], &more[..]].concat()).expect(4, "revocations: 2");
    assert!(!sandbox.path("ran").exists());
}

/// Runs a rehearsal with the sample hook and returns path and body of its request.
fn posted(service: &str, secret: &str, answer: &str) -> (Ended, String, Value) {
    let sandbox = sandbox();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}/hook?token=t", listener.local_addr().expect("an address"));
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/on-finish.py");
    let hook = format!("python3 '{}' {service}", script.display());
    let mut command = sandbox.command(&["run", "list.csv", "--rehearse", "--on-finish", &hook]);
    command.env("WEBHOOK_URL", url).env("WEBHOOK_SECRET", secret);
    let run = std::thread::spawn(move || Ended::of(&command.output().expect("it starts")));
    let (stream, _) = listener.accept().expect("a connection");
    let mut reader = BufReader::new(stream);
    let (mut path, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a header");
        if let Some(rest) = line.strip_prefix("POST ") {
            rest.split(' ').next().unwrap_or_default().clone_into(&mut path);
        }
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().expect("a length");
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("the body");
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
    reader.get_mut().write_all(format!("{head}{answer}").as_bytes()).expect("an answer");
    let ended = run.join().expect("the run ends");
    (ended, path, serde_json::from_slice(&body).expect("JSON"))
}

#[test]
fn the_sample_posts_to_dingtalk_feishu_and_slack() {
    let text = "bastion-revoke: rehearsal finished, exit code 0: 2 of 2 rows revoked or already \
                absent. Outcome: rehearsal.csv";
    let (ended, path, body) = posted("dingtalk", "s", r#"{"errcode":0}"#);
    assert!(!ended.expect(0, "").err.contains("--on-finish"));
    assert!(path.starts_with("/hook?token=t&timestamp=") && path.contains("&sign="), "{path}");
    assert_eq!((&body["msgtype"], &body["text"]["content"]), (&"text".into(), &text.into()));
    let (_, path, body) = posted("feishu", "s", r#"{"code":0}"#);
    assert_eq!((&*path, &body["content"]["text"]), ("/hook?token=t", &text.into()));
    assert!(body["sign"].as_str().is_some_and(|sign| sign.len() == 44), "{body}");
    let (_, _, body) = posted("slack", "", "ok");
    assert_eq!(body, serde_json::json!({ "text": text }));
    let (ended, ..) = posted("dingtalk", "", r#"{"errcode":310000,"errmsg":"keywords"}"#);
    ended.expect(0, "--on-finish: the command failed");
}
