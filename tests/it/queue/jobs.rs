//! Whole lists through the queue.

use super::checker::is_clean;
use super::server::Redis;
use super::workers::{STREAM, Worker};
use crate::restore;
use crate::sandbox::{Ended, INSTANCE, Row, Sandbox, TestService, with_keys};
use bastion_revoke::sim::{ACCESS_KEY_SECRET, Fault, FaultRate, Faults, Grants, Settings};
use std::fmt::Write as _;
use std::process::{Child, Command};
use std::time::Duration;

const OUTCOMES: &str = "{revocations}:outcomes";

/// A list with several requests, and the existing grants.
fn list(users: usize) -> (String, Grants) {
    let mut list = "user,kind,target,account,ticket\n".to_owned();
    let mut grants = "user,kind,target,account\n".to_owned();
    for user in 0..users {
        for target in 0..12 {
            let _ = writeln!(list, "u{user},host,{target},a{target},T-{user}");
            // One grant of each user was removed before.
            if target != 3 {
                let _ = writeln!(grants, "u{user},host,{target},a{target}");
            }
            let _ = writeln!(grants, "other,host,{target},a{target}");
        }
        let _ = writeln!(list, "u{user},host,1,a1,a duplicate");
    }
    list += "u0,host,7,poison,refused\nu0,host,8,,blank\n";
    (list, Grants::from_csv(grants.as_bytes()).expect("grants"))
}

fn command(sandbox: &Sandbox, service: &TestService, args: &[&str]) -> Command {
    let endpoint = service.endpoint();
    let fixed = ["--instance-id", INSTANCE, "--endpoint", &endpoint, "--yes", "--skip-invalid"];
    let mut command = sandbox.command(&[args, &fixed[..], &["--rate", "1000"]].concat());
    with_keys(&mut command, ACCESS_KEY_SECRET);
    command
}

fn ends(mut command: Command) -> Ended {
    Ended::of(&command.output().expect("it starts"))
}

/// The parts of an outcome that do not vary.
fn comparable(rows: Vec<Row>) -> Vec<Row> {
    let mut rows = rows;
    for row in &mut rows {
        row.remove("request_id");
        row.remove("finished_at");
    }
    rows
}

/// The outcome of the same list by `run`.
fn by_run(users: usize) -> Vec<Row> {
    let sandbox = Sandbox::new();
    let (list, grants) = list(users);
    let service = TestService::start(Settings { grants, ..Settings::default() });
    sandbox.file("list.csv", list);
    let ended = ends(command(&sandbox, &service, &["run", "list.csv"]));
    assert_eq!(ended.code, 1, "{ended:?}");
    comparable(sandbox.outcome("outcome.csv"))
}

#[test]
fn a_job_through_the_queue_has_the_outcome_of_a_run() {
    let (sandbox, redis) = (Sandbox::new(), Redis::start());
    let (list, grants) = list(20);
    let service = TestService::start(Settings { grants, ..Settings::default() });
    sandbox.file("list.csv", list);
    let queue = redis.queue(STREAM);
    let enqueue = || ends(command(&sandbox, &service, &["enqueue", "list.csv", "--queue", &queue]));
    let ended = enqueue();
    assert_eq!(ended.code, 0, "{ended:?}");
    let mut client = redis.connect();
    let published: usize = client.ask(&["XLEN", STREAM]);
    assert_eq!(enqueue().code, 0);
    assert_eq!(client.ask::<usize>(&["XLEN", STREAM]), published, "not published twice");
    // A published request counts as sent until its result is known.
    let ended = ends(command(&sandbox, &service, &["run", "list.csv", "--report-only"]));
    assert_eq!(ended.code, 1, "{ended:?}");
    let statuses = |rows: &[Row]| rows.iter().filter(|row| row["status"] == "unknown").count();
    assert_eq!(statuses(&sandbox.outcome("outcome.csv")), 20 * 13 + 1);
    let workers = [(); 3].map(|()| Worker::start(&sandbox, &redis, &service.endpoint(), &[]));
    let ended = sandbox.ends(&["collect", "--queue", &queue, "--out", "outcome.csv"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    for worker in workers {
        assert_eq!(worker.drain(), 0);
    }
    assert_eq!(comparable(sandbox.outcome("outcome.csv")), by_run(20));
    let audit = service.stop();
    assert!(audit.removed.iter().all(|grant| grant.grantee.starts_with('u')));
    is_clean(&mut client, STREAM);
    assert_eq!(client.ask::<usize>(&["XLEN", OUTCOMES]), 0, "the ledger has them");
    // A finished job is not started again.
    let again = sandbox.ends(&["collect", "--queue", &queue]);
    assert!(again.code == 1 && again.out.contains("finished"), "{again:?}");
}

#[test]
fn a_run_via_the_queue_publishes_works_and_collects() {
    let (sandbox, redis) = (Sandbox::new(), Redis::start());
    let (list, grants) = list(5);
    let service = TestService::start(Settings { grants, ..Settings::default() });
    sandbox.file("list.csv", list);
    let ended =
        ends(command(&sandbox, &service, &["run", "list.csv", "--via", &redis.queue(STREAM)]));
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_eq!(comparable(sandbox.outcome("outcome.csv")), by_run(5));
    is_clean(&mut redis.connect(), STREAM);
}

/// The snapshot is taken before the list is published, so it does not know which worker removes what.
#[test]
fn a_run_via_the_queue_with_a_snapshot_is_restored_to_the_grants_of_before() {
    let (sandbox, redis, service) = (Sandbox::new(), Redis::start(), crate::snapshot::service(""));
    sandbox.file("list.csv", restore::LIST);
    let before = restore::held(&service);
    let revoked = restore::revoke(&sandbox, &service, &["--via", &redis.queue(STREAM)]);
    assert_eq!(revoked.code, 0, "{revoked:?}");
    assert!(restore::held(&service).len() < before.len() - 10);
    let restored = restore::restore(&sandbox, &service, &[]);
    assert_eq!(restored.code, 0, "{restored:?}");
    assert_eq!(restore::held(&service), before);
    is_clean(&mut redis.connect(), STREAM);
}

fn spawn(mut command: Command) -> Child {
    command.spawn().expect("it starts")
}

#[test]
fn after_a_redis_that_lost_its_data_requests_are_repeated_and_no_row_is_lost() {
    let (sandbox, mut redis) = (Sandbox::new(), Redis::start());
    let mut list = "user,kind,target,account\n".to_owned();
    for user in 0..150 {
        let _ = writeln!(list, "u{user},host,1,2");
    }
    sandbox.file("list.csv", list);
    let slow = FaultRate { fault: Fault::SlowAnswer, probability: 1.0 };
    let service = TestService::start(Settings {
        faults: Faults::new([slow]),
        slow: Duration::from_millis(30),
        ..Settings::default()
    });
    let queue = redis.queue(STREAM);
    assert_eq!(
        ends(command(&sandbox, &service, &["enqueue", "list.csv", "--queue", &queue])).code,
        0
    );
    let more = ["--concurrency", "4", "--lease", "2s"];
    let workers = [(); 2].map(|()| Worker::start(&sandbox, &redis, &service.endpoint(), &more));
    let collect = spawn(sandbox.command(&["collect", "--queue", &queue, "--deadline", "2m"]));
    for attempts in [20, 60] {
        while service.audit().counts.attempts < attempts {
            service.wait(Duration::from_millis(5));
        }
        redis.restart_empty();
    }
    let ended = Ended::of(&collect.wait_with_output().expect("it ends"));
    assert_eq!(ended.code, 0, "{ended:?}");
    for worker in workers {
        assert_eq!(worker.drain(), 0);
    }
    assert_eq!(service.stop().removed.len(), 150);
    is_clean(&mut redis.connect(), STREAM);
}

#[test]
fn a_killed_collector_continues_where_it_stopped() {
    let (sandbox, redis) = (Sandbox::new(), Redis::start());
    let (list, grants) = list(30);
    let service = TestService::start(Settings { grants, ..Settings::default() });
    sandbox.file("list.csv", list);
    let queue = redis.queue(STREAM);
    let mut random = fastrand::Rng::with_seed(8);
    for _ in 0..3 {
        let mut killed =
            spawn(command(&sandbox, &service, &["enqueue", "list.csv", "--queue", &queue]));
        service.wait(Duration::from_millis(random.u64(5..120)));
        let _ = killed.kill();
        let _ = killed.wait();
    }
    assert_eq!(
        ends(command(&sandbox, &service, &["enqueue", "list.csv", "--queue", &queue])).code,
        0
    );
    let worker = Worker::start(&sandbox, &redis, &service.endpoint(), &["--concurrency", "2"]);
    for _ in 0..5 {
        let mut killed = spawn(sandbox.command(&["collect", "--queue", &queue]));
        service.wait(Duration::from_millis(random.u64(5..200)));
        let _ = killed.kill();
        let _ = killed.wait();
    }
    let ended = sandbox.ends(&["collect", "--queue", &queue]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_eq!(worker.drain(), 0);
    let rows = sandbox.outcome("outcome.csv");
    assert_eq!(rows.len(), 30 * 13 + 2);
    let count = |status: &str| rows.iter().filter(|row| row["status"] == status).count();
    assert_eq!((count("unknown"), count("unprocessed"), count("invalid")), (0, 0, 1));
    assert_eq!(service.stop().removed.len(), 30 * 11);
}
