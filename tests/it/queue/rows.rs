//! Rows that other programs add to the stream.

use super::checker::{Reservation, check};
use super::server::Redis;
use super::workers::{STREAM, Worker};
use crate::sandbox::{Sandbox, TestService};
use bastion_revoke::sim::Settings;
use std::collections::BTreeMap;

const OUTCOMES: &str = "{revocations}:outcomes";
const DEAD: &str = "{revocations}:dead";

fn ask(user: &str, target: &str, account: &str) -> Reservation {
    (user.to_owned(), target.to_owned(), account.to_owned())
}

#[test]
fn rows_are_fields_or_json_and_each_gets_an_outcome() {
    let (sandbox, redis) = (Sandbox::new(), Redis::start());
    let service = TestService::start(Settings::default());
    let mut client = redis.connect();
    let mut asked = BTreeMap::new();
    for target in 0..30 {
        let target = target.to_string();
        let id = client.add_row(STREAM, "7", &target, "1");
        asked.insert(id, Some(ask("7", &target, "1")));
    }
    let json = br#"{"user":"7","kind":"host","target":"99","account":"2"}"#;
    asked.insert(
        client.add(STREAM, &[("row", json), ("ticket", b"T-1")]),
        Some(ask("7", "99", "2")),
    );
    asked.insert(client.add_row(STREAM, "7", "0", "1"), Some(ask("7", "0", "1")));
    let worker = Worker::start(&sandbox, &redis, &service.endpoint(), &["--outcomes", "rows.csv"]);
    client.wait_for(OUTCOMES, asked.len());
    assert_eq!(worker.drain(), 0);
    let audit = service.stop();
    let counts = check(&mut client, STREAM, &asked, &audit);
    assert_eq!(counts, [("revoked".to_owned(), 32)].into());
    // 32 rows of one user: 31 targets with an account each.
    assert_eq!(audit.counts.attempts, 4, "they were packed together");
    assert_eq!(sandbox.outcome("rows.csv").len(), 32);
    let outcomes = client.entries(OUTCOMES);
    let last =
        &outcomes.iter().find(|(_, o)| !o["duplicate_of"].is_empty()).expect("a duplicate").1;
    assert_eq!(asked[&last["duplicate_of"]], asked[&last["id"]]);
    let consumers: Vec<redis::Value> =
        client.ask(&["XINFO", "CONSUMERS", STREAM, "bastion-revoke"]);
    assert!(consumers.is_empty(), "a worker that ends leaves its group");
}

#[test]
fn malicious_messages_are_rejected_and_affect_no_others() {
    let (sandbox, redis) = (Sandbox::new(), Redis::start());
    let service = TestService::start(Settings::default());
    let mut client = redis.connect();
    let accounts: Vec<String> = (0..1000).map(|account| account.to_string()).collect();
    let accounts = serde_json::json!(accounts);
    let wide = serde_json::json!({"user": "7", "kind": "host", "target": "1", "account": accounts});
    let unit = serde_json::json!({
        "job": "j", "grants": [[0, 999]], "attempt": 1, "instance_id": "i", "region": "cn-hangzhou",
        "user": "7", "kind": "host", "targets": [["1", accounts]],
    });
    let huge = vec![b'x'; 3 << 20];
    let (wide, unit) = (wide.to_string(), unit.to_string());
    let many: Vec<(String, Vec<u8>)> =
        (0..5000).map(|n| (format!("field{n}"), b"x".to_vec())).collect();
    let many: Vec<(&str, &[u8])> = many.iter().map(|(n, v)| (n.as_str(), &v[..])).collect();
    let deep = format!("{{\"user\":{}1{}}}", "[".repeat(5000), "]".repeat(5000));
    let mut asked = BTreeMap::new();
    let hostile: &[&[(&str, &[u8])]] = &[
        &[("user", &huge)],
        &[("row", wide.as_bytes())],
        &[("_unit", unit.as_bytes())],
        &[("_unit", b"\xff\x00")],
        &[("row", b"17")],
        &[("row", b"{\"user\":\"7\"")],
        &[("row", deep.as_bytes())],
        &[("user", b"\x00\x1b[2J"), ("kind", b"host"), ("target", b"1"), ("account", b"1")],
        &[("user", b"7"), ("kind", b"host"), ("target", b"1"), ("account", b"")],
        &[("user", b"7"), ("user", b"8"), ("kind", b"host"), ("target", b"1"), ("account", b"1")],
        &[("\u{202e}", b"\xf0\x28\x8c\x28")],
        &[
            ("instance_id", b"i"),
            ("region", b"../../evil"),
            ("user", b"1"),
            ("host", b"1"),
            ("account", b"1"),
        ],
        &many,
    ];
    for (number, fields) in hostile.iter().enumerate() {
        asked.insert(client.add(STREAM, fields), None);
        let target = number.to_string();
        asked.insert(client.add_row(STREAM, "7", &target, "1"), Some(ask("7", &target, "1")));
    }
    let worker = Worker::start(&sandbox, &redis, &service.endpoint(), &[]);
    client.wait_for(OUTCOMES, asked.len());
    assert_eq!(worker.drain(), 0);
    let dead: usize = client.ask(&["XLEN", DEAD]);
    assert_eq!(dead, hostile.len(), "each is kept as a dead letter");
    let audit = service.stop();
    // A unit's outcome has no status of its own.
    let outcomes = client.entries(OUTCOMES);
    let of_units: Vec<&String> =
        outcomes.iter().filter(|(_, o)| o.contains_key("job")).map(|(_, o)| &o["id"]).collect();
    assert_eq!(of_units.len(), 1);
    assert!(asked.remove(of_units[0]).is_some());
    let entry = outcomes.iter().find(|(_, o)| o.contains_key("job")).expect("it").0.clone();
    client.ask::<u64>(&["XDEL", OUTCOMES, &entry]);
    let counts = check(&mut client, STREAM, &asked, &audit);
    let expected = [("invalid", hostile.len() - 1), ("revoked", hostile.len())];
    assert_eq!(counts, expected.map(|(status, rows)| (status.to_owned(), rows)).into());
}
