//! A worker as a service: its endpoints, its logs, and its end.

use super::server::{Redis, free_port};
use super::workers::{STREAM, Worker};
use crate::sandbox::{Ended, INSTANCE, Sandbox, TestService, with_keys};
use bastion_revoke::sim::{ACCESS_KEY_SECRET, Settings};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;

const OUTCOMES: &str = "{revocations}:outcomes";

/// One answer: status line and body.
fn get(port: u16, path: &str) -> (String, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a listener");
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .expect("a request");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head.lines().next().expect("a line").to_owned(), body.to_owned())
}

fn work(sandbox: &Sandbox, redis: &Redis, endpoint: &str, secret: &str) -> Command {
    let mut command = Worker::command(sandbox, redis.port, endpoint, &["--lease", "1s"]);
    with_keys(&mut command, secret);
    command
}

#[test]
fn a_worker_serves_health_checks_and_metrics() {
    let (sandbox, redis) = (Sandbox::new(), Redis::start());
    let service = TestService::start(Settings::default());
    let mut client = redis.connect();
    client.add_row(STREAM, "7", "1", "2");
    client.add_row(STREAM, "7", "1", "");
    let port = free_port();
    let mut command = sandbox.command(&[
        "work",
        "--queue",
        &redis.queue(STREAM),
        "--endpoint",
        &service.endpoint(),
        "--instance-id",
        INSTANCE,
        "--listen",
        &format!("127.0.0.1:{port}"),
        "--log-format",
        "json",
        "-v",
    ]);
    with_keys(&mut command, ACCESS_KEY_SECRET);
    let worker = Worker::spawn(command, &sandbox);
    client.wait_for(OUTCOMES, 2);
    assert_eq!(get(port, "/healthz").0, "HTTP/1.1 200 OK");
    assert_eq!(get(port, "/readyz").0, "HTTP/1.1 200 OK");
    assert_eq!(get(port, "/x").0, "HTTP/1.1 404 Not Found");
    // It is counted a moment after the outcome is stored.
    let page = loop {
        let page = get(port, "/metrics").1;
        if page.contains("verdict=\"revoked\"} 1") {
            break page;
        }
    };
    for line in [
        "bastion_revoke_rows_total{verdict=\"invalid\"} 1",
        "bastion_revoke_requests_total{operation=\"DetachHostAccountsFromUser\",result=\"answered\"} 1",
        "bastion_revoke_throttled_share 0",
        "bastion_revoke_pace_per_second{operation=\"DetachHostAccountsFromUser\"} 9.5",
        "bastion_revoke_requests_in_flight 0",
        "bastion_revoke_queue_entries",
        "bastion_revoke_queue_oldest_seconds",
        "bastion_revoke_commits_total",
        "bastion_revoke_redis_up 1",
    ] {
        assert!(page.contains(line), "{line}:\n{page}");
    }
    assert_eq!(worker.drain(), 0);
    let log = std::fs::read_to_string(sandbox.path("workers.log")).expect("a log");
    let lines: Vec<serde_json::Value> =
        log.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let outcome = lines
        .iter()
        .find(|line| line["fields"]["message"] == "outcome")
        .unwrap_or_else(|| panic!("{log}"));
    assert!(outcome["fields"]["row"].is_string() && outcome["fields"]["request_id"].is_string());
    assert!(outcome["span"]["run"].is_string(), "{outcome}");
}

#[test]
fn refused_keys_stop_a_worker_and_count_as_no_delivery() {
    let (sandbox, redis) = (Sandbox::new(), Redis::start());
    let service = TestService::start(Settings::default());
    let mut client = redis.connect();
    let id = client.add_row(STREAM, "7", "1", "2");
    for _ in 0..7 {
        let mut command = work(&sandbox, &redis, &service.endpoint(), "hunter2");
        let ended = Ended::of(&command.output().expect("it starts"));
        assert_eq!(ended.code, 77, "{ended:?}");
        assert!(!ended.err.contains("hunter2"), "{ended:?}");
    }
    let worker =
        Worker::spawn(work(&sandbox, &redis, &service.endpoint(), ACCESS_KEY_SECRET), &sandbox);
    client.wait_for(OUTCOMES, 1);
    assert_eq!(worker.drain(), 0);
    let outcome = client.entries(OUTCOMES).remove(0).1;
    assert_eq!((outcome["id"].as_str(), outcome["status"].as_str()), (id.as_str(), "revoked"));
}

/// A service that refuses every permission, until the process ends.
fn forbidding() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut request = String::new();
            let mut buffer = [0; 4096];
            let is_whole = |request: &str| {
                let (head, body) = request.split_once("\r\n\r\n")?;
                let head = head.to_ascii_lowercase();
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "))?;
                (body.len() >= length.trim().parse().ok()?).then_some(())
            };
            while is_whole(&request).is_none() {
                let got = stream.read(&mut buffer).unwrap_or(0);
                if got == 0 {
                    break;
                }
                request += &String::from_utf8_lossy(&buffer[..got]);
            }
            let body = r#"{"RequestId":"R","Code":"Forbidden.RAM","Message":"no"}"#;
            let _ = write!(
                stream,
                "HTTP/1.1 403 Forbidden\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                body.len()
            );
        }
    });
    endpoint
}

#[test]
fn a_refused_permission_leaves_the_rows_and_ends_with_77() {
    let (sandbox, redis) = (Sandbox::new(), Redis::start());
    let endpoint = forbidding();
    let mut client = redis.connect();
    client.add_row(STREAM, "7", "1", "2");
    let mut command = work(&sandbox, &redis, &endpoint, ACCESS_KEY_SECRET);
    let ended = Ended::of(&command.output().expect("it starts"));
    assert_eq!(ended.code, 77, "{ended:?}");
    assert_eq!(client.ask::<u64>(&["XLEN", STREAM]), 1);
    assert!(client.entries(OUTCOMES).is_empty());
}

#[test]
fn a_password_in_the_address_is_refused_and_a_wrong_one_ends_with_77() {
    let sandbox = Sandbox::new();
    let redis = Redis::start_with(&["--requirepass", "opensesame"]);
    let work = |queue: &str, password: &str| {
        let mut command = sandbox.command(&["work", "--queue", queue, "--listen", "127.0.0.1:0"]);
        with_keys(&mut command, ACCESS_KEY_SECRET);
        command.env("BASTION_REVOKE_REDIS_PASSWORD", password);
        Ended::of(&command.output().expect("it starts"))
    };
    let queue = redis.queue(STREAM);
    let with_password = queue.replace("redis://", "redis://:opensesame@");
    let refused = work(&with_password, "").expect(2, "BASTION_REVOKE_REDIS_PASSWORD");
    assert!(!refused.err.contains("opensesame"), "{refused:?}");
    work("redis://redis.example/s", "").expect(2, "rediss://");
    for password in ["", "wrongsesame"] {
        let denied = work(&queue, password).expect(77, "");
        assert!(!denied.err.contains("sesame"), "{denied:?}");
    }
}

#[test]
fn the_access_list_in_the_documentation_is_enough_and_not_too_much() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/src/queue.md");
    let docs = std::fs::read_to_string(docs).expect("docs/src/queue.md");
    let (sandbox, redis) = (Sandbox::new(), Redis::start());
    let mut client = redis.connect();
    let rules = docs.lines().filter(|line| line.starts_with("user "));
    let rules: Vec<Vec<&str>> =
        rules.map(|line| line.split_whitespace().skip(1).collect()).collect();
    assert_eq!(rules.len(), 4);
    for rule in &rules {
        let rule: Vec<&str> =
            rule.iter().map(|word| if *word == ">PASSWORD" { ">secret" } else { word }).collect();
        client.ask::<String>(&[&["ACL", "SETUSER"], &rule[..]].concat());
    }
    let service = TestService::start(Settings::default());
    client.add_row(STREAM, "7", "1", "2");
    client.add_row(STREAM, "7", "1", "");
    let as_user = |user: &str| redis.queue(STREAM).replace("redis://", &format!("redis://{user}@"));
    let mut command = sandbox.command(&[
        "work",
        "--queue",
        &as_user("worker"),
        "--endpoint",
        &service.endpoint(),
        "--instance-id",
        INSTANCE,
        "--listen",
        "127.0.0.1:0",
        "--lease",
        "1s",
    ]);
    with_keys(&mut command, ACCESS_KEY_SECRET);
    command.env("BASTION_REVOKE_REDIS_PASSWORD", "secret");
    let worker = Worker::spawn(command, &sandbox);
    client.wait_for(OUTCOMES, 2);
    sandbox.file("list.csv", "user,host,account\n8,1,2\n8,2,2\n");
    let collector = |args: &[&str]| {
        let mut command = sandbox.command(args);
        command.env("BASTION_REVOKE_REDIS_PASSWORD", "secret");
        with_keys(&mut command, ACCESS_KEY_SECRET);
        Ended::of(&command.output().expect("it starts"))
    };
    let queue = as_user("collector");
    let endpoint = service.endpoint();
    let enqueue =
        ["enqueue", "list.csv", "--yes", "--instance-id", INSTANCE, "--endpoint", &endpoint];
    let ended = collector(&[&enqueue[..], &["--queue", &queue]].concat());
    assert_eq!(ended.code, 0, "{ended:?}");
    let ended = collector(&["collect", "--queue", &queue]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let operator = as_user("operator");
    for args in [
        &["status"][..],
        &["peek"],
        &["dead", "list"],
        &["dead", "requeue", "--all", "--yes"],
        &["dead", "drop", "--all", "--yes"],
        &["pause"],
        &["resume"],
    ] {
        let ended = collector(&[&["queue"], args, &["--queue", &operator]].concat());
        assert_eq!(ended.code, 0, "{args:?}: {ended:?}");
    }
    let status = collector(&["queue", "status", "--json", "--queue", &operator]);
    assert!(status.out.contains("\"name\""), "the worker is listed: {status:?}");
    assert_eq!(worker.drain(), 0);
    // The producer can add, and nothing else.
    let may = |words: &[&str]| {
        let url = redis.queue(STREAM).replace("redis://", "redis://producer:secret@");
        let client = redis::Client::open(url.replace(&format!("/{STREAM}"), "/")).expect("a URL");
        let mut connection = client.get_connection().expect("a connection");
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query::<redis::Value>(&mut connection).is_ok()
    };
    assert!(may(&["XADD", STREAM, "*", "user", "7"]));
    assert!(!may(&["XADD", OUTCOMES, "*", "status", "revoked"]));
    assert!(!may(&["XRANGE", STREAM, "-", "+"]) && !may(&["DEL", STREAM]));
}
