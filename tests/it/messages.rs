//! Every message of an unsuccessful command on one page: read
//! `snapshots/it__messages__every_message.snap` as a user who gets one of them.

mod other_commands;

use std::fmt::Write as _;

use bastion_revoke::sim::{Fault, FaultRate, Faults, Settings};

use crate::sandbox::{Ended, INSTANCE, Sandbox, TestService, with_keys};

/// The page so far.
struct Page {
    text: String,
    sandbox: Sandbox,
}

impl Page {
    fn topic(&mut self, name: &str) {
        let _ = write!(self.text, "\n{name}\n{}\n", "=".repeat(name.len()));
    }

    /// Uses a new sandbox from here on.
    fn new_sandbox(&mut self) {
        self.sandbox = Sandbox::new();
        self.sandbox.file("list.csv", "user,host,account\n7,1,2\n7,1,3\n");
    }

    fn says(&mut self, code: i32, args: &[&str]) {
        self.run_with_variables(code, args, &[]);
    }

    /// Adds a command with its exit code and its output.
    #[track_caller]
    fn run_with_variables(&mut self, code: i32, args: &[&str], variables: &[(&str, &str)]) {
        let mut command = self.sandbox.command(args);
        with_keys(&mut command, "testsecret");
        for (name, value) in variables {
            if value.is_empty() {
                command.env_remove(name)
            } else {
                command.env(name, value)
            };
        }
        let ended = Ended::of(&command.output().expect("it starts"));
        assert_eq!(ended.code, code, "{args:?}: {ended:?}");
        let _ = write!(self.text, "\n$ ");
        for (name, value) in variables.iter().filter(|(name, _)| !name.contains("FAIL_POINT")) {
            let _ = write!(self.text, "{name}={value} ");
        }
        let _ = writeln!(self.text, "bastion-revoke {}", quoted(args));
        for (stream, text) in [("out", &ended.out), ("err", &ended.err)] {
            for line in without_plan(text) {
                let _ = writeln!(self.text, "{}", format!("{stream}  {line}").trim_end());
            }
        }
        let _ = writeln!(self.text, "exit {}", ended.code);
        self.text = without_varying_parts(&self.text, &self.sandbox);
    }

    /// Adds `run list.csv` with the required options and others.
    #[track_caller]
    fn run(&mut self, code: i32, more: &[&str], variables: &[(&str, &str)]) {
        let args = ["run", "list.csv", "--instance-id", INSTANCE, "--yes"];
        self.run_with_variables(code, &[&args[..], more].concat(), variables);
    }
}

/// The plan has a page of its own.
fn without_plan(text: &str) -> Vec<&str> {
    let mut is_plan = false;
    let is_shown = |line: &&str| {
        is_plan = line.starts_with("Plan: ") || (is_plan && line.starts_with(' '));
        !is_plan && !line.starts_with("Fingerprint: ")
    };
    text.lines().filter(is_shown).collect()
}

fn quoted(args: &[&str]) -> String {
    let quote = |arg: &&str| {
        if arg.contains([' ', ';']) { format!("'{arg}'") } else { (*arg).to_owned() }
    };
    args.iter().map(quote).collect::<Vec<_>>().join(" ")
}

/// Without the parts that change: folders, ports, times and durations.
fn without_varying_parts(text: &str, sandbox: &Sandbox) -> String {
    let text = text.replace(&sandbox.path("").display().to_string(), "/home/you/");
    let text =
        text.replace(sandbox.path("").display().to_string().trim_end_matches('/'), "/home/you");
    let text = text.replace(env!("CARGO_BIN_EXE_bastion-revoke"), "bastion-revoke");
    let lines = text.lines().filter(|line| !line.contains("the service does not answer"));
    lines.fold(String::new(), |out, line| out + &steady_line(line) + "\n")
}

fn steady_line(line: &str) -> String {
    // The number of attempts before a deadline depends on the machine.
    let varies = ["requests sent", "without a usable answer"];
    if let Some(end) = varies.iter().find_map(|label| Some(line.find(label)? + label.len())) {
        return format!("{}  COUNT", &line[..end]);
    }
    let mut line = line.to_owned();
    // It covers the options and the version.
    for before in ["--approve ", "of this plan is "] {
        let Some(at) = line.find(before).map(|at| at + before.len()) else { continue };
        let is_fingerprint = line.get(at + 4..at + 5) == Some("-") && !line.contains("$ ");
        if is_fingerprint && line.is_char_boundary(at + 14) {
            line.replace_range(at..at + 14, "FINGERPRINT");
        }
    }
    // It covers the endpoint, and so the port.
    let fingerprint = "\"fingerprint\": \"";
    if let Some(at) = line.find(fingerprint).map(|at| at + fingerprint.len()) {
        line.replace_range(at.., "FINGERPRINT\"");
    }
    let mut cut = |before: &str, shown: &str, ends: fn(char) -> bool| {
        let Some(at) = line.find(before).map(|at| at + before.len()) else { return };
        if line[at..].starts_with(|c: char| c.is_ascii_digit()) {
            let end = line[at..].find(ends).map_or(line.len(), |end| at + end);
            line.replace_range(at..end, shown);
        }
    };
    cut("127.0.0.1:", "PORT", |c| !c.is_ascii_digit());
    cut("failpoint.rs:", "LINE", |c| c == ' ');
    cut("\"seconds\": ", "SECONDS", |c| c == ',');
    if let Some(at) = line.find("20").filter(|at| line[*at..].get(10..11) == Some("T")) {
        let end = line[at..].find('Z').map_or(line.len(), |end| at + end + 1);
        line.replace_range(at..end, "TIME");
    }
    line
}

const NO_KEYS: [(&str, &str); 2] =
    [("ALIBABA_CLOUD_ACCESS_KEY_ID", ""), ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "")];

#[test]
fn every_message() {
    let mut page = Page { text: String::new(), sandbox: Sandbox::new() };
    page.new_sandbox();
    command_line(&mut page);
    lists(&mut page);
    settings(&mut page);
    guards(&mut page);
    keys(&mut page);
    routing(&mut page);
    network(&mut page);
    files(&mut page);
    other_commands::all(&mut page);
    defects(&mut page);
    insta::assert_snapshot!(page.text);
}

fn command_line(page: &mut Page) {
    page.topic("The command line");
    page.says(2, &["run", "list.csv"]);
    page.says(2, &["run"]);
    page.says(2, &["rnu", "list.csv"]);
    page.says(2, &["run", "list.csv", "--yes"]);
    page.says(2, &["run", "list.csv", "--maxusers", "3"]);
    page.says(2, &["run", "list.csv", "--rate", "0"]);
    page.says(2, &["run", "list.csv", "--concurrency", "many"]);
    page.says(2, &["run", "list.csv", "--timeout", "10"]);
    page.says(2, &["run", "list.csv", "--max-users", "-1"]);
    page.says(2, &["run", "list.csv", "--map", "user"]);
    page.says(2, &["run", "list.csv", "--map", "usr=Login"]);
    page.says(2, &["run", "list.csv", "--encoding", "latin1"]);
    page.says(2, &["run", "list.csv", "--signature", "v2"]);
    page.says(2, &["run", "list.csv", "--yes", "--confirm", "3"]);
    page.says(2, &["run", "list.csv", "--yes", "--rehearse"]);
    page.says(2, &["run", "list.csv", "--instance-id", "a b", "--yes"]);
    page.says(2, &["run", "list.csv", "--skip-protected", "--yes"]);
    page.says(2, &["run", "-", "-", "--yes"]);
    page.says(2, &["run", "list.csv", "--yes", "--out", "list.csv"]);
    page.says(2, &["run", "list.csv", "--access-key-secret", "testsecret"]);
    page.says(2, &["plan", "list.csv", "--json", "--requests", "-"]);
    page.says(2, &["completions", "tcsh"]);
}

fn lists(page: &mut Page) {
    page.topic("The list");
    page.run(66, &["absent.csv"], &[]);
    std::fs::create_dir(page.sandbox.path("folder")).expect("a folder");
    page.says(74, &["run", "folder", "--instance-id", "i", "--yes"]);
    page.sandbox.file("empty.csv", "");
    page.says(65, &["run", "empty.csv", "--instance-id", "i", "--yes"]);
    page.sandbox.file("wrong.csv", "user,host,account\n7,1,\n7,1,2\n");
    page.says(65, &["run", "wrong.csv", "--instance-id", "i", "--yes"]);
    page.says(65, &["run", "wrong.csv", "--instance-id", "i", "--yes", "--map", "user=Login"]);
    page.sandbox.file("damaged.csv", "user,host,account\n7,1,\"2\n");
    page.says(65, &["run", "damaged.csv", "--instance-id", "i", "--yes", "--skip-invalid"]);
    page.sandbox.file("doubtful.csv", "user,host,account\n0012,1,2\n7,1,2\n");
    page.says(65, &["run", "doubtful.csv", "--instance-id", "i", "--yes", "--strict"]);
    page.sandbox.file(
        "joined.csv",
        "user,kind,target,account\n\u{201c}17\u{201d},host,1,2\nNULL,host,1,2\n7,host,1,all\n\
         \u{feff}user,kind,target,account\n7,host,1,\"2;3\"\n7,group,1,all\n",
    );
    page.says(65, &["run", "joined.csv", "--instance-id", "i", "--yes"]);
    page.sandbox.file("full-width.csv", "user\u{ff0c}host\u{ff0c}account\n7\u{ff0c}1\u{ff0c}2\n");
    page.says(65, &["check", "full-width.csv"]);
    page.sandbox.file("names.csv", "user_name,host,account\nlina,1,2\n");
    page.says(2, &["plan", "names.csv"]);
    page.says(0, &["check", "names.csv"]);
    page.sandbox.file("leavers.xlsx", "PK\u{3}\u{4}[Content_Types].xml xl/workbook.xml");
    page.says(65, &["run", "leavers.xlsx", "--instance-id", "i", "--yes"]);
    page.says(65, &["run", "wrong.csv", "--instance-id", "i", "--yes", "--only", "failed"]);
    page.says(2, &["run", "wrong.csv", "--instance-id", "i", "--yes", "--only", "fialed"]);
}

fn settings(page: &mut Page) {
    page.topic("Settings");
    page.sandbox.file(
        "bastion-revoke.toml",
        "rte = 5\nrate = 0\ntimeout = 10\naccess-key-secret = \"testsecret\"\nyes = true\n\
         [profile.prod]\nout = 1\n",
    );
    page.says(78, &["check", "list.csv"]);
    page.sandbox.file("bastion-revoke.toml", "rate = 5 per second\n");
    page.says(78, &["check", "list.csv"]);
    page.sandbox.file("bastion-revoke.toml", "[profile.prod]\nrate = 5\n[profile.test]\n");
    page.says(78, &["check", "list.csv", "--profile", "prdo"]);
    page.says(78, &["check", "list.csv", "--profile", "offboarding"]);
    page.sandbox.file("bastion-revoke.toml", "default-profile = \"prod\"\n");
    page.says(78, &["check", "list.csv"]);
    page.says(78, &["check", "list.csv", "--config", "absent.toml"]);
    std::fs::remove_file(page.sandbox.path("bastion-revoke.toml")).expect("it was there");
    page.run_with_variables(78, &["check", "list.csv"], &[("BASTION_REVOKE_MAX_USER", "3")]);
    page.run_with_variables(78, &["check", "list.csv"], &[("BASTION_REVOKE_RATE", "fast")]);
    page.run_with_variables(
        78,
        &["check", "list.csv"],
        &[("BASTION_REVOKE_CONFIG", "absent.toml")],
    );
}

fn guards(page: &mut Page) {
    page.topic("Guards, and the prompt");
    page.run(4, &["--max-revocations", "1"], &[]);
    page.run(4, &["--max-users", "0"], &[]);
    page.run(4, &["--expect-rows", "3"], &[]);
    page.says(4, &["run", "list.csv", "--instance-id", "i", "--confirm", "3"]);
    page.sandbox.file("keep.csv", "user,kind,target,account\n,,,3\n");
    page.run(4, &["--protect", "keep.csv"], &[]);
    page.run(66, &["--protect", "absent.csv"], &[]);
    page.sandbox.file("keep.csv", "login\nroot\n");
    page.run(65, &["--protect", "keep.csv"], &[]);
}

/// As in cron: no terminal, and unusable keys.
fn keys(page: &mut Page) {
    page.topic("Keys");
    page.new_sandbox();
    page.run(77, &[], &NO_KEYS);
    page.run(77, &[], &NO_KEYS[1..]);
    page.run(77, &["--credential-profile", "offboarding"], &[]);
    page.run(77, &["--quiet"], &NO_KEYS);
    page.run(77, &["--json", "--log-format", "json"], &NO_KEYS[1..]);
    std::fs::create_dir(page.sandbox.path(".aliyun")).expect("a folder");
    page.sandbox.file(".aliyun/config.json", r#"{"current":"default","profiles":["#);
    page.run(77, &[], &NO_KEYS);
    page.sandbox
        .file(".aliyun/config.json", r#"{"current":"a","profiles":[{"name":"a","mode":"AK"}]}"#);
    page.run(77, &[], &NO_KEYS);
    page.run_with_variables(77, &["credentials", "show"], &NO_KEYS);
    page.new_sandbox();
    let oidc = [
        ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "absent.token"),
        ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1:oidc-provider/p"),
        ("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1:role/r"),
    ];
    page.run(77, &[], &[&NO_KEYS[..], &oidc].concat());
    let service = TestService::start(Settings::default());
    let endpoint = service.endpoint();
    let more = ["--endpoint", &endpoint, "--concurrency", "1"];
    page.new_sandbox();
    page.run(77, &more, &[("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret-of-another")]);
    page.new_sandbox();
    page.run(77, &more, &[("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid-of-another")]);
    service.stop();
}

fn routing(page: &mut Page) {
    page.topic("Where requests go");
    page.new_sandbox();
    page.says(2, &["run", "list.csv", "--yes", "--endpoint", "http://192.0.2.1"]);
    page.says(2, &["run", "list.csv", "--yes", "--endpoint", "https://example.com/path"]);
    page.run(78, &["--region", "Hangzhou!"], &[]);
    page.new_sandbox();
    page.run(78, &["--ca-file", "absent.pem"], &[]);
    page.new_sandbox();
    page.sandbox.file("empty.pem", "");
    page.run(78, &["--ca-file", "empty.pem"], &[]);
    page.new_sandbox();
    page.run(78, &[], &[("BASTION_REVOKE_STS_ENDPOINT", "http://sts.example")]);
}

fn network(page: &mut Page) {
    page.topic("The network, and what the service does");
    page.new_sandbox();
    let dead = {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        format!("http://{}", socket.local_addr().expect("an address"))
    };
    page.run(3, &["--endpoint", &dead, "--deadline", "300ms"], &[]);
    page.new_sandbox();
    let service = TestService::start(Settings::default());
    let tls = service.endpoint().replace("http:", "https:");
    // openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -keyout
    // /dev/null -subj "/CN=bastion-revoke test CA": for machines without certificates.
    page.sandbox.file("ca.pem", include_str!("../data/ca.pem"));
    page.run(3, &["--endpoint", &tls, "--deadline", "300ms", "--ca-file", "ca.pem"], &[]);
    service.stop();
    page.new_sandbox();
    let rate = FaultRate { fault: Fault::ResetAfter, probability: 1.0 };
    let service =
        TestService::start(Settings { faults: Faults::new([rate]), ..Settings::default() });
    page.run(1, &["--endpoint", &service.endpoint(), "--max-attempts", "2"], &[]);
    service.stop();
}

fn files(page: &mut Page) {
    page.topic("Files, and other runs");
    page.run(74, &["--out", "no/such/folder/out.csv"], &[]);
    page.run(66, &["--report-only", "--out", "other.csv"], &[]);
    page.new_sandbox();
    page.sandbox.file("outcome.csv.lock", "");
    let held = std::fs::File::open(page.sandbox.path("outcome.csv.lock")).expect("the lock");
    held.lock().expect("nobody else has it");
    page.run(75, &[], &[]);
    drop(held);
    page.new_sandbox();
    page.run(77, &[], &NO_KEYS);
    page.sandbox.file("list.csv", "user,host,account\n8,1,2\n");
    page.run(4, &[], &[]);
    page.sandbox.file("outcome.csv.ledger", "no ledger at all, and long enough to be looked at");
    page.run(74, &[], &[]);
    page.says(2, &["run", "list.csv", "--rehearse", "--out", "outcome.csv"]);
}

fn defects(page: &mut Page) {
    page.topic("A defect");
    page.new_sandbox();
    let service = TestService::start(Settings::default());
    let endpoint = service.endpoint();
    let point = |value| [("BASTION_REVOKE_FAIL_POINT", value)];
    page.run(70, &["--endpoint", &endpoint], &point("before-outcome:1:panic"));
    page.new_sandbox();
    page.run(70, &["--endpoint", &endpoint], &point("before-send:1:panic"));
    page.new_sandbox();
    page.run(70, &["--endpoint", &endpoint], &point("before-commit:1:panic"));
    service.stop();
}
