//! The same command again: when it continues, what it refuses, and which files it keeps.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use crate::real::{Ended, Sandbox, rows, serve};
use bastion_revoke::sim::server::Running;
use bastion_revoke::sim::{Fault, FaultRate, Faults, Settings};
use rustix::process::{Pid, Signal, kill_process};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// A list with that many requests of one operation: one per user.
fn list_of(requests: usize) -> String {
    let rows = (0..requests).map(|user| format!("{user},host,1,2\n"));
    std::iter::once("user,kind,target,account\n".to_owned()).chain(rows).collect()
}

const OTHER: &str = "user,kind,target,account\n99,host,1,2\n";

async fn plain() -> Running {
    serve(Settings::default()).await
}

async fn faulty(fault: Fault) -> Running {
    let faults = Faults::new([FaultRate { fault, probability: 1.0 }]);
    serve(Settings { faults, slow: Duration::from_secs(60), ..Settings::default() }).await
}

/// A sandbox with a list whose run was killed before its answers were recorded.
fn begun(service: &Running, requests: usize) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write("list.csv", list_of(requests));
    killed(&sandbox, service, "after-answer:1");
    sandbox
}

fn killed(sandbox: &Sandbox, service: &Running, at: &str) {
    let mut command = sandbox.run_command(service, &["-q"]);
    assert_eq!(command.env("BASTION_REVOKE_FAIL_POINT", at).status().unwrap().code(), None);
}

fn arrived(service: &Running) -> u64 {
    service.audit().counts.attempts
}

/// Waits until this many requests have arrived.
async fn until_arrived(service: &Running, requests: u64) {
    while arrived(service) < requests {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn tell(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_jobs_unfinished_ledger_is_refused_and_nothing_is_touched() {
    let service = plain().await;
    let sandbox = begun(&service, 3);
    let (before, sent) = (sandbox.content(), arrived(&service));
    sandbox.write("other.csv", OTHER);
    let endpoint = service.endpoint();
    let other = ["run", "other.csv", "--yes", "--instance-id", "i-1", "--endpoint", &endpoint];
    let refused = || Ended::of(sandbox.command(&other).output().unwrap());
    refused()
        .code(4)
        .says("the input's content")
        .says("`list.csv`, now `other.csv`")
        .says("--restart");
    // Another instance is another plan; another endpoint another service.
    let all = ["run", "list.csv", "--yes", "--instance-id", "i-2", "--endpoint", &endpoint];
    let ended = Ended::of(sandbox.command(&all).output().unwrap());
    ended.code(4).says("the planned requests").says("then `i-1`, now `i-2`");
    let moved = plain().await;
    sandbox.run(&moved, &[]).code(4).says("endpoint");
    // The list has changed since then.
    sandbox.write("list.csv", list_of(4));
    sandbox.run(&service, &[]).code(4).says("the input's content");
    sandbox.run(&service, &[]).code(4);
    let mut after = sandbox.content();
    after.retain(|name, _| name.starts_with("outcome.csv"));
    for (name, content) in &after {
        let is_log = name.ends_with("-shm") || name.ends_with("-wal") || name.ends_with(".ledger");
        assert!(is_log || before.get(name) == Some(content), "{name} was touched");
    }
    assert_eq!((arrived(&service), arrived(&moved)), (sent, 0), "something was sent");
    // The job itself continues as if nothing had happened.
    sandbox.write("list.csv", list_of(3));
    sandbox.run(&service, &[]).code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_ledger_of_a_run_killed_before_sending_is_reported_as_such() {
    let service = plain().await;
    let sandbox = Sandbox::new();
    sandbox.write("list.csv", list_of(2));
    killed(&sandbox, &service, "ledger-made:1");
    sandbox.write("list.csv", OTHER);
    sandbox.run(&service, &[]).code(4).says("stopped before it sent anything");
    sandbox.run(&service, &["--restart"]).code(0);
    assert_eq!(sandbox.column("user"), ["99"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_jobs_files_are_set_aside_and_nothing_is_deleted() {
    let service = plain().await;
    let sandbox = Sandbox::new();
    // This outcome belongs to no job.
    sandbox.write("outcome.csv", "dear,diary\n");
    let mut known = vec![b"dear,diary\n".to_vec()];
    for users in 1..4 {
        sandbox.write("list.csv", list_of(users));
        sandbox.run(&service, &[]).code(0);
        for name in ["outcome.csv", "outcome.csv.input"] {
            known.push(std::fs::read(sandbox.path(name)).unwrap());
        }
    }
    let there = sandbox.content();
    for content in known {
        assert!(there.values().any(|file| *file == content), "{:?}", sandbox.names());
    }
    let ledgers = there.keys().filter(|name| name.ends_with(".ledger"));
    let jobs: Vec<(String, String)> = ledgers
        .map(|name| {
            let ledger = rusqlite::Connection::open(sandbox.path(name)).unwrap();
            let query = "SELECT json_extract(spec, '$.size.rows') FROM job";
            let rows: i64 = ledger.query_row(query, [], |row| row.get(0)).unwrap();
            let rows = rows.to_string();
            let outcome = name.replace(".ledger", "");
            assert_eq!(crate::real::rows(&sandbox.path(&outcome)).len().to_string(), rows);
            (rows, name.clone())
        })
        .collect();
    let mut rows: Vec<&str> = jobs.iter().map(|(rows, _)| &**rows).collect();
    rows.sort_unstable();
    assert_eq!(rows, ["1", "2", "3"], "{jobs:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn restart_sets_files_aside_and_starts_again_even_without_the_list() {
    let service = plain().await;
    let sandbox = begun(&service, 2);
    let sent = arrived(&service);
    std::fs::remove_file(sandbox.path("list.csv")).unwrap();
    sandbox.run(&service, &["--restart"]).code(0);
    assert_eq!(arrived(&service), sent + 2);
    assert_eq!(sandbox.column("attempts"), ["1", "1"]);
    assert_eq!(sandbox.read("outcome.csv.input"), list_of(2));
    let aside = sandbox.names().into_iter().filter(|name| name.ends_with("Z.csv.ledger")).count();
    assert_eq!(aside, 1, "{:?}", sandbox.names());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_that_is_being_read_is_not_set_aside() {
    let service = plain().await;
    let sandbox = Sandbox::new();
    sandbox.write("list.csv", list_of(2));
    sandbox.run(&service, &[]).code(0);
    let before = sandbox.content();
    let reader = rusqlite::Connection::open(sandbox.path("outcome.csv.ledger")).unwrap();
    let count = "SELECT count(*) FROM attempt";
    assert_eq!(reader.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap(), 2);
    sandbox.run(&service, &["--restart"]).code(74).says("another program has this ledger open");
    drop(reader);
    for (name, content) in before {
        assert_eq!(std::fs::read(sandbox.path(&name)).unwrap(), content, "{name}");
    }
    assert_eq!(arrived(&service), 2);
    sandbox.run(&service, &["--restart"]).code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn report_only_writes_the_outcome_and_sends_nothing() {
    let service = plain().await;
    let sandbox = Sandbox::new();
    sandbox.write("list.csv", list_of(3));
    sandbox.run(&service, &["--report-only"]).code(66).says("no such run");
    killed(&sandbox, &service, "after-answer:1");
    let sent = arrived(&service);
    std::fs::remove_file(sandbox.path("list.csv")).unwrap();
    sandbox.run(&service, &["--report-only"]);
    let statuses = sandbox.column("status");
    assert!(statuses.iter().all(|s| s == "unknown" || s == "unprocessed"), "{statuses:?}");
    assert!(statuses.iter().any(|s| s == "unknown"), "{statuses:?}");
    assert_eq!(arrived(&service), sent);
    sandbox.run(&service, &[]).code(0);
    assert!(sandbox.column("status").iter().all(|s| s == "revoked" || s == "already_absent"));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_run_at_a_time_works_on_an_outcome() {
    let service = faulty(Fault::SlowAnswer).await;
    let sandbox = Sandbox::new();
    sandbox.write("list.csv", list_of(1));
    let mut first = sandbox.run_command(&service, &["-q", "--timeout", "100s"]).spawn().unwrap();
    until_arrived(&service, 1).await;
    let before = sandbox.names();
    sandbox.run(&service, &[]).code(75).says("another run");
    sandbox.run(&service, &["--restart"]).code(75);
    sandbox.run(&service, &["--report-only"]).code(75);
    let rehearsal = ["run", "list.csv", "--rehearse", "--out", "outcome.csv"];
    Ended::of(sandbox.command(&rehearsal).output().unwrap()).code(75);
    assert_eq!(sandbox.names(), before);
    // Another program may read the ledger meanwhile.
    let reader = rusqlite::Connection::open(sandbox.path("outcome.csv.ledger")).unwrap();
    let open = "SELECT count(*) FROM attempt WHERE state IS NULL";
    assert_eq!(reader.query_row(open, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
    first.kill().unwrap();
    first.wait().unwrap();
    // A killed process holds no lock.
    assert!(sandbox.exists("outcome.csv.lock"));
    drop(reader);
    sandbox.run(&service, &["--report-only"]).code(1);
    assert!(!sandbox.exists("outcome.csv.lock"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finished_job_run_again_sends_nothing_and_has_the_same_exit_code() {
    let service = plain().await;
    for (list, more, code) in [
        (list_of(2), &[][..], 0),
        ("user,kind,target,account\n1,host,2,poison\n".to_owned(), &[], 1),
        ("user,kind,target,account\n1,host,2,\n".to_owned(), &["--skip-invalid"], 1),
    ] {
        let sandbox = Sandbox::new();
        sandbox.write("list.csv", list);
        sandbox.run(&service, more).code(code);
        let (before, sent) = (sandbox.content(), arrived(&service));
        sandbox.run(&service, more).code(code).says("This job is finished");
        assert_eq!(arrived(&service), sent);
        assert_eq!(sandbox.content(), before);
        // The outcome can be written again.
        std::fs::remove_file(sandbox.path("outcome.csv")).unwrap();
        sandbox.run(&service, more).code(code);
        assert_eq!(sandbox.content(), before);
        assert_eq!(arrived(&service), sent);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_outcome_is_replaced_after_a_kill_before_the_outcome() {
    let service = faulty(Fault::InternalErrorApplied).await;
    let sandbox = Sandbox::new();
    sandbox.write("list.csv", list_of(6));
    // It stops early, with an outcome that says so, ...
    sandbox.run(&service, &["--deadline", "200ms", "--max-attempts", "1"]).code(3);
    let early = sandbox.read("outcome.csv");
    // ... continues, and is killed between its last result and its outcome.
    let mut command = sandbox.run_command(&service, &["-q", "--max-attempts", "1"]);
    command.env("BASTION_REVOKE_FAIL_POINT", "before-outcome:1");
    assert_eq!(command.status().unwrap().code(), None);
    assert_eq!(sandbox.read("outcome.csv"), early);
    let sent = arrived(&service);
    sandbox.run(&service, &["--max-attempts", "1"]).code(1);
    assert_eq!(sandbox.column("status"), ["unknown"; 6]);
    assert_eq!(arrived(&service), sent, "everything was settled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resume_needs_either_the_list_or_its_copy() {
    let service = plain().await;
    let sandbox = begun(&service, 3);
    std::fs::remove_file(sandbox.path("outcome.csv.input")).unwrap();
    killed(&sandbox, &service, "before-commit:1");
    assert_eq!(sandbox.read("outcome.csv.input"), list_of(3), "the copy is made again");
    std::fs::remove_file(sandbox.path("list.csv")).unwrap();
    sandbox.run(&service, &[]).code(0).says("the copy kept by the run is used");
    assert_eq!(sandbox.column("user"), ["0", "1", "2"]);
    // Without a list and without a run there is nothing to continue.
    let sandbox = Sandbox::new();
    sandbox.run(&service, &[]).code(66);
    assert!(sandbox.names().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_copy_is_refused() {
    let service = plain().await;
    let sandbox = begun(&service, 3);
    let sent = arrived(&service);
    std::fs::remove_file(sandbox.path("list.csv")).unwrap();
    for content in [list_of(2), list_of(3).replace("2,host", "7,host"), String::new()] {
        sandbox.write("outcome.csv.input", content);
        sandbox.run(&service, &[]).code(74).says("outcome.csv.input");
    }
    assert_eq!(arrived(&service), sent);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_from_standard_input_can_be_resumed() {
    let service = plain().await;
    let sandbox = Sandbox::new();
    sandbox.write("list.csv", list_of(3));
    let endpoint = service.endpoint();
    let script = format!("cat list.csv | $BIN run - --yes --instance-id i-1 --endpoint {endpoint}");
    let mut first = sandbox.shell(&script);
    first.env("BASTION_REVOKE_FAIL_POINT", "after-answer:1").output().unwrap();
    assert_eq!(sandbox.read("outcome.csv.input"), list_of(3));
    let other = script.replace("cat list.csv", "head -2 list.csv");
    Ended::of(sandbox.shell(&other).output().unwrap()).code(4).says("the input's content");
    Ended::of(sandbox.shell(&script).output().unwrap()).code(0);
    assert_eq!(sandbox.column("user"), ["0", "1", "2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_keys_stop_a_run_and_right_ones_resume_it() {
    let service = plain().await;
    let sandbox = Sandbox::new();
    sandbox.write("list.csv", list_of(3));
    let with = |name: &str, value: &str| {
        let mut command = sandbox.run_command(&service, &[]);
        Ended::of(command.env(name, value).output().unwrap())
    };
    let secret = "ALIBABA_CLOUD_ACCESS_KEY_SECRET";
    with(secret, "qX7-unusual-secret").code(77).says("To continue: ").says("run list.csv --yes");
    assert_eq!(sandbox.column("status"), ["unprocessed"; 3]);
    let mut keyless = sandbox.run_command(&service, &[]);
    Ended::of(keyless.env_remove(secret).output().unwrap()).code(77).says(secret);
    assert_eq!(sandbox.column("status"), ["unprocessed"; 3]);
    let token = "ALIBABA_CLOUD_SECURITY_TOKEN";
    let ended = with(token, "zZ9-unusual-token").code(0);
    assert_eq!(sandbox.column("status"), ["revoked"; 3]);
    for (name, content) in sandbox.content() {
        let text = String::from_utf8_lossy(&content).into_owned();
        for planted in ["qX7-unusual", "zZ9-unusual", "testsecret"] {
            assert!(!text.contains(planted), "{planted} is in {name}");
        }
        if name != "list.csv" {
            let mode = std::fs::metadata(sandbox.path(&name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }
    assert!(!format!("{ended:?}").contains("unusual"), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_logs_of_a_run_are_readable_by_its_owner_only() {
    let service = plain().await;
    let sandbox = begun(&service, 2);
    for name in sandbox.names().into_iter().filter(|name| name != "list.csv") {
        let mode = std::fs::metadata(sandbox.path(&name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    assert!(sandbox.exists("outcome.csv.ledger-wal"), "{:?}", sandbox.names());
}

/// The same command with all signals enabled. Tests that run in the background of a script, or
/// under `nohup`, ignore some signals, and so would their child processes.
fn with_all_signals(command: &Command) -> Command {
    let script = "import os, signal, sys\n\
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):\n    \
        signal.signal(number, signal.SIG_DFL)\n\
        os.execv(sys.argv[1], sys.argv[1:])";
    let mut hearing = Command::new("python3");
    hearing.args(["-c", script]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => hearing.env(name, value),
            None => hearing.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        hearing.current_dir(folder);
    }
    hearing
}

#[tokio::test(flavor = "multi_thread")]
async fn after_the_first_signal_requests_in_flight_are_settled_and_the_run_can_be_resumed() {
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let service = plain().await;
        let sandbox = Sandbox::new();
        sandbox.write("list.csv", list_of(20));
        let mut command = with_all_signals(&sandbox.run_command(&service, &[]));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        until_arrived(&service, 3).await;
        tell(&child, signal);
        let ended = Ended::of(child.wait_with_output().unwrap());
        ended.code(3).says("stopped by signal").says("To continue: ");
        let statuses = sandbox.column("status");
        let revoked = statuses.iter().filter(|status| *status == "revoked").count() as u64;
        assert_eq!(revoked, arrived(&service), "what was sent is settled");
        assert!(statuses.iter().all(|s| s == "revoked" || s == "unprocessed"), "{statuses:?}");
        assert!((3..20).contains(&revoked), "{revoked}");
        sandbox.run(&service, &[]).code(0);
        assert_eq!(arrived(&service), 20, "nothing was sent twice");
        assert_eq!(sandbox.column("attempts"), ["1"; 20]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_signal_stops_at_once_and_the_run_can_be_resumed() {
    let service = faulty(Fault::SlowAnswer).await;
    let sandbox = Sandbox::new();
    sandbox.write("list.csv", list_of(3));
    let mut command = with_all_signals(&sandbox.run_command(&service, &["--timeout", "100s"]));
    let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    until_arrived(&service, 2).await;
    tell(&child, Signal::INT);
    // It reports that it stops; then it has received the first.
    let mut errors = std::io::BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("stopped by signal") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut errors, &mut line).unwrap() > 0);
    }
    tell(&child, Signal::INT);
    assert_eq!(child.wait().unwrap().code(), Some(3));
    let statuses = sandbox.column("status");
    assert!(statuses.iter().filter(|status| *status == "unknown").count() >= 2, "{statuses:?}");
    let all = sandbox.run(&service, &["--timeout", "50ms", "--max-attempts", "1"]);
    all.code(1);
    assert_eq!(sandbox.column("status"), ["unknown"; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ignored_signal_stays_ignored() {
    let service = plain().await;
    let sandbox = Sandbox::new();
    sandbox.write("list.csv", list_of(20));
    let endpoint = service.endpoint();
    let script = format!(
        "trap '' HUP; exec $BIN run list.csv --yes --instance-id i-1 --endpoint {endpoint} -q"
    );
    let mut child = sandbox.shell(&script).spawn().unwrap();
    until_arrived(&service, 3).await;
    tell(&child, Signal::HUP);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_ends_a_run_with_an_outcome_and_it_can_be_resumed() {
    let service = plain().await;
    let sandbox = Sandbox::new();
    sandbox.write("list.csv", list_of(20));
    sandbox.run(&service, &["--deadline", "400ms"]).code(3).says("deadline exceeded");
    assert_eq!(sandbox.column("status").len(), 20);
    let sent = arrived(&service);
    assert!((1..20).contains(&sent), "{sent}");
    sandbox.run(&service, &[]).code(0);
    assert_eq!(arrived(&service), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_or_newer_or_broken_ledger_is_not_changed() {
    let service = plain().await;
    let sandbox = begun(&service, 30);
    sandbox.run(&service, &["--deadline", "1s"]);
    let sent = arrived(&service);
    let ledger = sandbox.path("outcome.csv.ledger");
    let good = std::fs::read(&ledger).unwrap();
    let changed = |pragma: &str| {
        std::fs::write(&ledger, &good).unwrap();
        let open = rusqlite::Connection::open(&ledger).unwrap();
        open.execute_batch(pragma).unwrap();
        open.close().unwrap();
        std::fs::read(&ledger).unwrap()
    };
    let older = changed("PRAGMA user_version = 1");
    let foreign = changed("PRAGMA application_id = 7");
    let item = r#"[{"place":9,"grant":0,"status":"failed","code":"","message":""}]"#;
    let state = changed("UPDATE attempt SET state = 'perhaps' WHERE state = 'answered'");
    let twice = changed(
        "INSERT INTO attempt SELECT id + 1000, run, grants, intended_at, state, last, \
                     code, message, request_id, finished_at, items FROM attempt \
                     WHERE state = 'answered' LIMIT 1",
    );
    let items = changed(&format!("UPDATE attempt SET items = '{item}' WHERE state = 'answered'"));
    let mut torn = good.clone();
    torn.truncate(good.len() / 2);
    let mut garbled = good.clone();
    garbled[4096..].fill(0x55);
    for (content, says) in [
        (b"a letter to somebody\n".to_vec(), "not a database"),
        (older, "format 1"),
        (foreign, "not a ledger of this tool"),
        (state, "can't be read"),
        (twice, "contradicts itself"),
        (items, "can't be read"),
        (torn, "malformed"),
        (garbled, "malformed"),
    ] {
        std::fs::write(&ledger, &content).unwrap();
        for more in [&[][..], &["--report-only"]] {
            sandbox.run(&service, more).code(74).says(says).says("outcome.csv.ledger");
            assert_eq!(std::fs::read(&ledger).unwrap(), content, "{says}");
        }
    }
    assert_eq!(arrived(&service), sent);
    std::fs::write(&ledger, &good).unwrap();
    sandbox.run(&service, &[]).code(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rehearsal_does_not_touch_the_files_of_a_run() {
    let service = plain().await;
    let sandbox = begun(&service, 2);
    std::fs::remove_file(sandbox.path("outcome.csv.lock")).unwrap();
    let before = sandbox.content();
    let rehearse = |out: &str| {
        let arguments = ["run", "list.csv", "--rehearse", "--out", out];
        Ended::of(sandbox.command(&arguments).output().unwrap())
    };
    rehearse("outcome.csv").code(2).says("belongs to a real run");
    sandbox.write("notes.csv", "user,status\n1,revoked\n");
    rehearse("notes.csv").code(2).says("not the outcome of a rehearsal");
    rehearse("rehearsal.csv").code(0);
    rehearse("rehearsal.csv").code(0);
    assert!(rows(&sandbox.path("rehearsal.csv"))[0]["message"].starts_with("rehearsal:"));
    let mut after = sandbox.content();
    after.remove("notes.csv");
    after.remove("rehearsal.csv");
    assert!(after == before, "{:?}", sandbox.names());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_is_a_file_and_never_a_folder_or_a_device() {
    let service = plain().await;
    let sandbox = Sandbox::new();
    sandbox.write("list.csv", list_of(1));
    std::fs::create_dir(sandbox.path("results")).unwrap();
    sandbox.run(&service, &["--out", "results"]).code(2).says("is not a file");
    sandbox.run(&service, &["--out", "/dev/null"]).code(2).says("is not a file");
    assert_eq!(sandbox.names(), ["list.csv", "results"]);
    assert_eq!(arrived(&service), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_writable_folder_nothing_is_sent() {
    let service = plain().await;
    let sandbox = Sandbox::new();
    sandbox.write("list.csv", list_of(1));
    for out in ["list.csv/outcome.csv", "/proc/outcome.csv", "nowhere/outcome.csv"] {
        sandbox.run(&service, &["--out", out]).code(74).says(out);
    }
    assert_eq!(sandbox.names(), ["list.csv"]);
    assert_eq!(arrived(&service), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_reported_and_only_durable_results_are_claimed() {
    let service = plain().await;
    // The limit is in blocks of 1024 bytes: too small for the copy of the list, for the ledger, for
    // the ledger's log, and for the outcome.
    let note = "x".repeat(1300);
    let row = |user: usize| format!("{},host,1,{user},{note}\n", user / 30);
    let rows: Vec<String> = (0..60).map(row).collect();
    let list = format!("user,kind,target,account,note\n{}", rows.concat());
    for blocks in [0, 1, 16, 78, 80] {
        let sandbox = Sandbox::new();
        sandbox.write("list.csv", &list);
        let endpoint = service.endpoint();
        let run = format!("$BIN run list.csv --yes --instance-id i-{blocks} --endpoint {endpoint}");
        let script = format!("ulimit -f {blocks}; {run}");
        let ended = Ended::of(sandbox.shell(&script).output().unwrap());
        let ended = ended.code(74);
        assert!(ended.stderr.contains("can't be"), "{ended:?}");
        assert!(!sandbox.names().join(" ").contains(".tmp"), "{ended:?}");
        // With enough space it continues, whatever it stopped at.
        Ended::of(sandbox.shell(&run).output().unwrap()).code(0);
        let gone = |status: &String| status == "revoked" || status == "already_absent";
        assert!(sandbox.column("status").iter().all(gone));
        assert_eq!(sandbox.column("note"), vec![note.clone(); 60]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_token_without_renewal_stops_the_run_with_nothing_unknown() {
    let service = faulty(Fault::TokenExpired).await;
    let sandbox = Sandbox::new();
    sandbox.write("list.csv", list_of(5));
    let mut command = sandbox.run_command(&service, &["--concurrency", "1"]);
    command.env("ALIBABA_CLOUD_SECURITY_TOKEN", "testtoken-1");
    let ended = Ended::of(command.output().unwrap()).code(77);
    ended.says("InvalidSecurityToken.Expired").says("To continue: ");
    assert_eq!(sandbox.column("status"), ["unprocessed"; 5]);
    assert_eq!((arrived(&service), service.audit().counts.applied), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_the_terminal_does_not_stop_a_run() {
    for output in ["| head -1", ">&-", "2>&-", "2>/dev/full", "2>&1 | true", "2>&1 | head -1"] {
        let service = faulty(Fault::InternalErrorApplied).await;
        let sandbox = Sandbox::new();
        sandbox.write("list.csv", list_of(2));
        let endpoint = service.endpoint();
        let script = format!(
            "$BIN run list.csv --yes --instance-id i-1 --endpoint {endpoint} --max-attempts 3 -v \
             {output}; echo ${{PIPESTATUS[0]}} >ended"
        );
        sandbox.shell(&script).output().unwrap();
        assert_eq!(sandbox.read("ended"), "1\n", "{output}");
        assert_eq!(sandbox.column("status"), ["unknown"; 2], "{output}");
        assert_eq!(sandbox.column("attempts"), ["3"; 2], "{output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unwritable_standard_output_is_reported() {
    let sandbox = Sandbox::new();
    sandbox.write("list.csv", list_of(2));
    let plan = |more: &str| {
        let script = format!("$BIN plan list.csv {more}");
        Ended::of(sandbox.shell(&script).output().unwrap())
    };
    plan("--requests /dev/full").code(74).says("/dev/full");
    plan("--requests - >/dev/full").code(74).says("standard output");
    plan(">/dev/full").code(74).says("standard output");
    plan("--requests requests.jsonl").code(0);
    let script = "ulimit -f 0; $BIN plan list.csv --requests requests.jsonl";
    Ended::of(sandbox.shell(script).output().unwrap()).code(74).says("requests.jsonl");
}
