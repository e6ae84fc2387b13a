//! Workers and servers that die, stop, or lose their connection while rows arrive.

use super::checker::{Reservation, check};
use super::proxy::Proxy;
use super::server::{Connection, Redis};
use super::workers::{STREAM, Worker};
use crate::sandbox::{Sandbox, TestService};
use bastion_revoke::sim::{Fault, FaultRate, Faults, Settings};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::time::Duration;

const OUTCOMES: &str = "{revocations}:outcomes";

/// Rounds of killing; `BASTION_REVOKE_SOAK=N` makes them N times as many.
fn rounds() -> usize {
    let times = std::env::var("BASTION_REVOKE_SOAK").ok().and_then(|n| n.parse().ok());
    50 * times.unwrap_or(1)
}

/// A service that is slow enough to be interrupted.
fn slow_service(slow_ms: u64) -> TestService {
    let rate = FaultRate { fault: Fault::SlowAnswer, probability: 1.0 };
    TestService::start(Settings {
        faults: Faults::new([rate]),
        slow: Duration::from_millis(slow_ms),
        ..Settings::default()
    })
}

/// Adds rows of different users, so that each is a request of its own.
fn add(
    client: &mut Connection,
    asked: &mut BTreeMap<String, Option<Reservation>>,
    users: std::ops::Range<usize>,
) {
    for user in users {
        let user = format!("u{user}");
        let id = client.add_row(STREAM, &user, "1", "2");
        asked.insert(id, Some((user, "1".to_owned(), "2".to_owned())));
    }
}

/// Every grant is gone: revoked, or found absent by the worker that took over.
#[track_caller]
fn all_gone(counts: &BTreeMap<String, usize>, rows: usize) {
    let of = |status: &str| counts.get(status).copied().unwrap_or(0);
    assert_eq!(of("revoked") + of("already_absent"), rows, "{counts:?}");
}

#[test]
fn one_of_three_workers_is_killed_repeatedly() {
    let (sandbox, redis) = (Sandbox::new(), Redis::start());
    let service = slow_service(15);
    let mut client = redis.connect();
    let mut random = fastrand::Rng::with_seed(6);
    let mut asked = BTreeMap::new();
    let more = ["--lease", "2s", "--concurrency", "4", "--window", "8"];
    let start = || Worker::start(&sandbox, &redis, &service.endpoint(), &more);
    let mut workers = vec![start(), start(), start()];
    for round in 0..rounds() {
        add(&mut client, &mut asked, round * 12..round * 12 + 12);
        // Any time; nothing else depends on it.
        service.wait(Duration::from_millis(random.u64(10..300)));
        workers.swap_remove(random.usize(..workers.len())).kill();
        workers.push(start());
    }
    client.wait_for(OUTCOMES, asked.len());
    for worker in workers {
        assert_eq!(worker.drain(), 0);
    }
    let counts = check(&mut client, STREAM, &asked, &service.stop());
    all_gone(&counts, asked.len());
}

#[test]
fn a_suspended_worker_stores_no_second_outcome_and_sends_nothing_more() {
    let (sandbox, redis) = (Sandbox::new(), Redis::start());
    let service = slow_service(100);
    let mut client = redis.connect();
    let mut asked = BTreeMap::new();
    add(&mut client, &mut asked, 0..40);
    let more = ["--lease", "1s", "--concurrency", "2"];
    let sleeper = Worker::start(&sandbox, &redis, &service.endpoint(), &more);
    while service.audit().counts.attempts < 3 {
        service.wait(Duration::from_millis(5));
    }
    sleeper.signal(Signal::STOP);
    // Requests in flight were counted before they were sent, for the worker that takes over.
    let counted: BTreeMap<String, u64> = client.ask(&["HGETALL", "{revocations}:attempts"]);
    assert!(counted.iter().any(|(field, n)| field.ends_with(" doubt") && *n > 0), "{counted:?}");
    let other = Worker::start(&sandbox, &redis, &service.endpoint(), &["--lease", "1s"]);
    client.wait_for(OUTCOMES, asked.len());
    let sent = service.audit().counts.attempts;
    sleeper.signal(Signal::CONT);
    // Time for mistakes.
    service.wait(Duration::from_secs(2));
    assert_eq!(sleeper.drain(), 0);
    assert_eq!(other.drain(), 0);
    let audit = service.stop();
    assert_eq!(audit.counts.attempts, sent, "what was not its own any more was not sent");
    all_gone(&check(&mut client, STREAM, &asked, &audit), asked.len());
}

#[test]
fn redis_restarts_with_its_data() {
    let (sandbox, mut redis) =
        (Sandbox::new(), Redis::start_with(&["--appendonly", "yes", "--appendfsync", "always"]));
    let service = slow_service(30);
    let mut asked = BTreeMap::new();
    let more = ["--lease", "2s", "--concurrency", "4"];
    let workers = [(); 2].map(|()| Worker::start(&sandbox, &redis, &service.endpoint(), &more));
    for round in 0..3 {
        let mut client = redis.connect();
        add(&mut client, &mut asked, round * 40..round * 40 + 40);
        client.wait_for(OUTCOMES, round * 40 + 10);
        redis.restart();
    }
    let mut client = redis.connect();
    client.wait_for(OUTCOMES, asked.len());
    for worker in workers {
        assert_eq!(worker.drain(), 0);
    }
    all_gone(&check(&mut client, STREAM, &asked, &service.stop()), asked.len());
}

#[test]
fn a_replica_without_the_last_writes_is_promoted() {
    let (sandbox, primary) = (Sandbox::new(), Redis::start());
    let port = primary.port.to_string();
    let replica = Redis::start_with(&["--replicaof", "127.0.0.1", &port]);
    let service = slow_service(30);
    let way = Proxy::to(primary.port);
    let mut client = primary.connect();
    let mut asked = BTreeMap::new();
    add(&mut client, &mut asked, 0..120);
    // Every row has reached the replica, according to the primary.
    assert_eq!(client.ask::<u64>(&["WAIT", "1", "10000"]), 1);
    let more = ["--lease", "2s", "--concurrency", "4"];
    let workers = [(); 2].map(|()| {
        Worker::spawn(Worker::command(&sandbox, way.port, &service.endpoint(), &more), &sandbox)
    });
    client.wait_for(OUTCOMES, 20);
    let mut heir = replica.connect();
    heir.ask::<String>(&["REPLICAOF", "NO", "ONE"]);
    // Later writes to the primary are lost with it.
    client.wait_for(OUTCOMES, 60);
    way.forward_to(Some(replica.port));
    drop(primary);
    heir.wait_for(OUTCOMES, asked.len());
    for worker in workers {
        assert_eq!(worker.drain(), 0);
    }
    all_gone(&check(&mut heir, STREAM, &asked, &service.stop()), asked.len());
}

#[test]
fn a_worker_without_redis_sends_nothing_and_keeps_outcomes_on_disk() {
    let (sandbox, redis) = (Sandbox::new(), Redis::start());
    let service = slow_service(400);
    let way = Proxy::to(redis.port);
    let mut client = redis.connect();
    let mut asked = BTreeMap::new();
    add(&mut client, &mut asked, 0..30);
    let more = ["--concurrency", "4", "--lease", "4s"];
    let start =
        || Worker::spawn(Worker::command(&sandbox, way.port, &service.endpoint(), &more), &sandbox);
    let worker = start();
    while service.audit().counts.attempts == 0 {
        service.wait(Duration::from_millis(5));
    }
    way.forward_to(None);
    let spooled = || {
        let is_spool = |path: &std::path::PathBuf| path.to_string_lossy().ends_with(".spool");
        let files = sandbox.files().into_iter().filter(is_spool);
        files.map(|path| std::fs::read_to_string(path).expect("a spool")).collect::<String>()
    };
    let answered = service.audit().counts.attempts;
    while spooled().lines().count() == 0 {
        service.wait(Duration::from_millis(10));
    }
    // Longer than an answer takes: all requests in flight are answered.
    service.wait(Duration::from_secs(1));
    let attempts = service.audit().counts.attempts;
    assert!(attempts <= answered + 4, "nothing new is sent: {answered}, then {attempts}");
    assert!(client.entries(OUTCOMES).is_empty());
    let kept = spooled().lines().count();
    worker.kill();
    way.forward_to(Some(redis.port));
    let next = start();
    client.wait_for(OUTCOMES, asked.len());
    assert_eq!(next.drain(), 0);
    let workers: Vec<String> = client
        .entries(OUTCOMES)
        .into_iter()
        .map(|(_, outcome)| outcome["worker"].clone())
        .collect();
    assert!(workers[..kept].iter().all(|name| *name == workers[0]), "the spool came first");
    assert!(spooled().is_empty());
    all_gone(&check(&mut client, STREAM, &asked, &service.stop()), asked.len());
}

#[test]
fn an_entry_that_kills_every_worker_goes_to_the_dead_letters() {
    let (sandbox, redis) = (Sandbox::new(), Redis::start());
    let service = TestService::start(Settings::default());
    let mut client = redis.connect();
    let mut asked = BTreeMap::new();
    add(&mut client, &mut asked, 0..1);
    let id = asked.keys().next().expect("it").clone();
    client.ask::<String>(&["XGROUP", "CREATE", STREAM, "bastion-revoke", "0"]);
    let read = ["XREADGROUP", "GROUP", "bastion-revoke", "gone", "STREAMS", STREAM, ">"];
    client.ask::<redis::Value>(&read);
    let claim = ["XCLAIM", STREAM, "bastion-revoke", "gone", "0", &id];
    client.ask::<redis::Value>(&[&claim[..], &["IDLE", "100000", "RETRYCOUNT", "5"]].concat());
    // One of them sent it, without a recorded answer.
    client.ask::<i64>(&["HSET", "{revocations}:attempts", &format!("{id} sent"), "1"]);
    client.ask::<i64>(&["HSET", "{revocations}:attempts", &format!("{id} doubt"), "1"]);
    let worker = Worker::start(&sandbox, &redis, &service.endpoint(), &["--lease", "1s"]);
    client.wait_for(OUTCOMES, 1);
    assert_eq!(worker.drain(), 0);
    let outcome = client.entries(OUTCOMES).remove(0).1;
    assert_eq!(outcome["code"], "TooManyDeliveries");
    assert_eq!((outcome["status"].as_str(), outcome["attempts"].as_str()), ("unknown", "1"));
    assert_eq!(client.entries("{revocations}:dead").len(), 1);
    let counts = check(&mut client, STREAM, &asked, &service.stop());
    assert_eq!(counts, [("unknown".to_owned(), 1)].into());
}
