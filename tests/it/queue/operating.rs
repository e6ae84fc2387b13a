//! `queue`: operating a queue without another client.

use super::server::Redis;
use super::workers::{STREAM, Worker};
use crate::sandbox::{Ended, INSTANCE, Sandbox, TestService, with_keys};
use bastion_revoke::sim::{ACCESS_KEY_SECRET, Settings};

const OUTCOMES: &str = "{revocations}:outcomes";
const DEAD: &str = "{revocations}:dead";

fn queue(sandbox: &Sandbox, redis: &Redis, args: &[&str]) -> Ended {
    let url = redis.queue(STREAM);
    let mut command = sandbox.command(&[&["queue"], args, &["--queue", &url]].concat());
    Ended::of(&command.output().expect("it starts"))
}

fn status(sandbox: &Sandbox, redis: &Redis) -> serde_json::Value {
    let ended = queue(sandbox, redis, &["status", "--json"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    serde_json::from_str(&ended.out).expect("JSON")
}

#[test]
fn a_queue_that_nothing_was_added_to_is_empty() {
    let (sandbox, redis) = (Sandbox::new(), Redis::start());
    let status = status(&sandbox, &redis);
    assert_eq!((&status["entries"], &status["dead"]), (&0.into(), &0.into()), "{status}");
    assert!(status["paused_since"].is_null() && status["oldest_seconds"].is_null(), "{status}");
    let text = queue(&sandbox, &redis, &["status"]);
    assert!(text.out.contains("entries in the stream"), "{text:?}");
    assert!(queue(&sandbox, &redis, &["peek"]).out.contains("no entries"));
}

#[test]
fn a_paused_queue_sends_nothing_until_it_is_resumed() {
    let (sandbox, redis) = (Sandbox::new(), Redis::start());
    let service = TestService::start(Settings::default());
    let mut client = redis.connect();
    assert_eq!(queue(&sandbox, &redis, &["pause"]).code, 0);
    client.add_row(STREAM, "7", "1", "2");
    let worker = Worker::start(&sandbox, &redis, &service.endpoint(), &[]);
    assert!(!client.adds_within(OUTCOMES, 3000), "a paused queue sends nothing");
    let paused = status(&sandbox, &redis);
    assert!(paused["paused_since"].is_string(), "{paused}");
    assert_eq!(paused["entries"], 1);
    assert!(queue(&sandbox, &redis, &["pause"]).out.contains("already"));
    assert!(queue(&sandbox, &redis, &["resume"]).out.contains("resumed"));
    client.wait_for(OUTCOMES, 1);
    assert!(queue(&sandbox, &redis, &["resume"]).out.contains("not paused"));
    assert_eq!(worker.drain(), 0);
}

#[test]
fn a_pause_in_the_middle_of_a_batch_stops_its_sending() {
    let (sandbox, redis) = (Sandbox::new(), Redis::start());
    let service = TestService::start(Settings::default());
    let mut client = redis.connect();
    // A request per row, 5 a second: they take 20 seconds.
    for user in 0..100 {
        client.add_row(STREAM, &user.to_string(), "1", "2");
    }
    let url = redis.queue(STREAM);
    let args = ["work", "--queue", &url, "--endpoint", &service.endpoint(), "--rate", "5"];
    let more = ["--instance-id", INSTANCE, "--listen", "127.0.0.1:0", "--linger", "20ms"];
    let mut command = sandbox.command(&[&args[..], &more].concat());
    with_keys(&mut command, ACCESS_KEY_SECRET);
    let worker = Worker::spawn(command, &sandbox);
    client.wait_for(OUTCOMES, 3);
    assert_eq!(queue(&sandbox, &redis, &["pause"]).code, 0);
    while client.adds_within(OUTCOMES, 1200) {}
    let done = client.entries(OUTCOMES).len();
    assert!(done < 60, "{done}");
    assert!(!client.adds_within(OUTCOMES, 2000), "nothing is sent while the queue is paused");
    assert_eq!(queue(&sandbox, &redis, &["resume"]).code, 0);
    client.wait_for(OUTCOMES, done + 5);
    assert_eq!(worker.drain(), 0);
}

#[test]
fn dead_letters_are_listed_requeued_and_dropped() {
    let (sandbox, redis) = (Sandbox::new(), Redis::start());
    let service = TestService::start(Settings::default());
    let mut client = redis.connect();
    client.add_row(STREAM, "7", "1", "");
    client.add_row(STREAM, "8", "1", "");
    client.add(STREAM, &[("_unit", b"{}")]);
    let worker = Worker::start(&sandbox, &redis, &service.endpoint(), &[]);
    client.wait_for(OUTCOMES, 3);
    assert_eq!(status(&sandbox, &redis)["dead"], 3);
    let list = queue(&sandbox, &redis, &["dead", "list", "--json"]);
    let letters: Vec<serde_json::Value> =
        list.out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(letters.len(), 3, "{list:?}");
    let id = |at: usize| letters[at]["id"].as_str().expect("an id").to_owned();
    let at = |of: &str| {
        (0..3)
            .find(|at| letters[*at]["fields"].to_string().contains(of))
            .unwrap_or_else(|| panic!("{of}: {list:?}"))
    };
    // It is as invalid as before, so it comes back as a new dead letter.
    let requeued = queue(&sandbox, &redis, &["dead", "requeue", &id(at("\"7\""))]);
    assert_eq!((requeued.code, requeued.out.trim()), (0, "requeued: 1"), "{requeued:?}");
    client.wait_for(OUTCOMES, 4);
    assert_eq!(client.entries(DEAD).len(), 3);
    let unit = queue(&sandbox, &redis, &["dead", "requeue", &id(at("_unit"))]);
    assert_eq!(unit.code, 1, "{unit:?}");
    assert!(unit.out.contains("a request of a job"), "{unit:?}");
    let dropped = queue(&sandbox, &redis, &["dead", "drop", &id(at("\"8\"")), "1-1"]);
    assert_eq!(dropped.code, 1, "{dropped:?}");
    assert!(dropped.out.contains("dropped: 1"), "{dropped:?}");
    assert_eq!(queue(&sandbox, &redis, &["dead", "drop", "--all"]).code, 2, "--all needs --yes");
    assert_eq!(queue(&sandbox, &redis, &["dead", "drop", "--all", "--yes"]).code, 0);
    assert!(client.entries(DEAD).is_empty());
    assert_eq!(client.entries(OUTCOMES).len(), 4, "the outcomes stay");
    assert_eq!(worker.drain(), 0);
}

#[test]
fn retained_outcomes_are_bounded() {
    let (sandbox, redis) = (Sandbox::new(), Redis::start());
    let service = TestService::start(Settings::default());
    let mut client = redis.connect();
    for user in 0..1000 {
        client.add_row(STREAM, &user.to_string(), "1", "");
    }
    let worker = Worker::start(&sandbox, &redis, &service.endpoint(), &["--retain", "150"]);
    while client.ask::<u64>(&["XLEN", STREAM]) > 0 {
        client.adds_within("absent", 50);
    }
    // Redis trims whole nodes of a hundred entries.
    let left = client.entries(OUTCOMES).len();
    assert!((150..=250).contains(&left), "{left}");
    assert!(client.entries(DEAD).len() <= 250);
    assert_eq!(worker.drain(), 0);
}
