//! Workers share one quota, in virtual time, by the scripts of a real Redis.

use super::server::{Connection, Redis};
use bastion_revoke::engine::admission::Quota as _;
use bastion_revoke::engine::rate_controller::Event;
use bastion_revoke::model::Operation;
use bastion_revoke::queue::connection::ConnectionError;
use bastion_revoke::queue::quota::{QuotaBackend, SharedQuota};
use redis::Value;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::AbortHandle;
use tokio::time::Instant;

const OPERATION: Operation = Operation::ALL[0];

/// The backend of the test: the scripts run in Redis, with the time of the test.
struct TestBackend {
    redis: Mutex<Connection>,
    began: Instant,
    round_trip: Duration,
}

impl QuotaBackend for TestBackend {
    async fn eval(
        &self,
        script: &'static str,
        arguments: &[String],
    ) -> Result<Value, ConnectionError> {
        tokio::time::sleep(self.round_trip / 2).await;
        let mut words = vec!["EVAL", script, "2", "{s}:pace", "{s}:pace:reports"];
        // The time goes in on arrival.
        let now = self.now_us();
        let last = arguments.len() - 1;
        words.extend(arguments.iter().enumerate().map(|(at, word)| {
            if at == last && arguments[at].parse::<u64>().is_ok() { now.as_str() } else { word }
        }));
        let value = self.redis.lock().expect("a connection").ask(&words);
        tokio::time::sleep(self.round_trip / 2).await;
        Ok(value)
    }

    fn now_us(&self) -> String {
        (1_795_000_000_000_000 + self.began.elapsed().as_micros()).to_string()
    }
}

/// A service with a quota per second; further requests are throttled.
struct Service {
    per_s: u32,
    lately: VecDeque<Instant>,
    accepted: u32,
    throttled: u32,
}

impl Service {
    fn arrive(&mut self) -> bool {
        let now = Instant::now();
        while self.lately.front().is_some_and(|at| now - *at >= Duration::from_secs(1)) {
            self.lately.pop_front();
        }
        let fits = self.lately.len() < self.per_s as usize;
        if fits {
            self.lately.push_back(now);
            self.accepted += 1;
        } else {
            self.throttled += 1;
        }
        fits
    }
}

/// Sends without end.
async fn send(
    quota: Arc<SharedQuota<TestBackend>>,
    service: Arc<Mutex<Service>>,
    sent: Arc<AtomicU32>,
) {
    let started = Instant::now();
    let mut changes = quota.changes();
    loop {
        if quota.take(OPERATION, 1) {
            sent.fetch_add(1, Ordering::Relaxed);
            let (quota, service) = (Arc::clone(&quota), Arc::clone(&service));
            tokio::spawn(async move {
                let sent_at = started.elapsed();
                tokio::time::sleep(Duration::from_millis(40)).await;
                let fits = service.lock().expect("a service").arrive();
                tokio::time::sleep(Duration::from_millis(40)).await;
                let event = if fits {
                    Event::Accepted { sent_at }
                } else {
                    Event::Throttled { sent_at, wait: None }
                };
                quota.on_event(OPERATION, started, event);
            });
            continue;
        }
        let wake = quota.next_at(OPERATION).unwrap_or(Instant::now() + Duration::from_secs(1));
        tokio::select! {
            _ = changes.changed() => {}
            () = tokio::time::sleep_until(wake) => {}
        }
    }
}

/// A worker that always has something to send.
struct Worker {
    quota: Arc<SharedQuota<TestBackend>>,
    sent: Arc<AtomicU32>,
    tasks: [AbortHandle; 2],
}

impl Worker {
    fn sent(&self) -> u32 {
        self.sent.load(Ordering::Relaxed)
    }

    fn rate_per_s(&self) -> f64 {
        self.quota.rate_per_s(OPERATION)
    }
}

impl Drop for Worker {
    /// It dies: its last reports are lost.
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// Workers of one stream and their service.
struct Fleet {
    redis: Redis,
    service: Arc<Mutex<Service>>,
    began: Instant,
    ceiling_per_s: f64,
}

impl Fleet {
    fn new(per_s: u32, ceiling_per_s: f64) -> Self {
        let service = Service { per_s, lately: VecDeque::new(), accepted: 0, throttled: 0 };
        let service = Arc::new(Mutex::new(service));
        Self { redis: Redis::start(), service, began: Instant::now(), ceiling_per_s }
    }

    /// Starts a worker; each higher number is further away from Redis.
    fn start(&self, number: u64) -> Worker {
        let round_trip = Duration::from_millis(1 + 3 * number);
        let redis = Mutex::new(self.redis.connect());
        let backend = TestBackend { redis, began: self.began, round_trip };
        let paused = tokio::sync::watch::channel(false).1;
        let quota = SharedQuota::new(backend, self.ceiling_per_s, paused, None);
        let sent = Arc::new(AtomicU32::new(0));
        let talking = tokio::spawn(Arc::clone(&quota).run());
        let service = Arc::clone(&self.service);
        let sending = tokio::spawn(send(Arc::clone(&quota), service, Arc::clone(&sent)));
        let tasks = [talking.abort_handle(), sending.abort_handle()];
        Worker { quota, sent, tasks }
    }

    /// The accepted and the throttled requests so far.
    fn counts(&self) -> (u32, u32) {
        let service = self.service.lock().expect("a service");
        (service.accepted, service.throttled)
    }

    /// Waits, and returns the accepted and the throttled requests of that time.
    async fn run_for(&self, seconds: u64) -> (u32, u32) {
        let before = self.counts();
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        let after = self.counts();
        (after.0 - before.0, after.1 - before.1)
    }
}

fn in_virtual_time(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(test);
}

/// The used share of the quota, and the share of throttled requests, in ten minutes after the first
/// one, in which the rate is found.
async fn shares(workers: u64, per_s: u32, ceiling_per_s: f64, dies: bool) -> (f64, f64) {
    let fleet = Fleet::new(per_s, ceiling_per_s);
    let mut running: Vec<Worker> = (0..workers).map(|number| fleet.start(number)).collect();
    fleet.run_for(60).await;
    let first = fleet.run_for(240).await;
    if dies {
        running.remove(0);
    }
    let second = fleet.run_for(360).await;
    let (accepted, throttled) = (f64::from(first.0 + second.0), f64::from(first.1 + second.1));
    (accepted / (f64::from(per_s) * 600.0), throttled / (accepted + throttled))
}

#[track_caller]
fn holds((used, throttled): (f64, f64)) {
    assert!(used >= 0.95, "{used:.4} of the quota was used");
    assert!(throttled <= 0.015, "{throttled:.4} of the requests were throttled");
}

#[test]
fn four_workers_keep_the_pace_of_one() {
    in_virtual_time(async {
        holds(shares(1, 10, 20.0, false).await);
        holds(shares(4, 10, 20.0, false).await);
        holds(shares(4, 40, 100.0, false).await);
    });
}

#[test]
fn a_killed_worker_wastes_little_of_the_quota() {
    in_virtual_time(async { holds(shares(4, 10, 20.0, true).await) });
}

#[test]
fn the_ceiling_applies_to_all_workers_together() {
    in_virtual_time(async {
        let (used, throttled) = shares(4, 50, 10.0, false).await;
        // A fifth of the service's quota; the ceiling is never exceeded.
        assert!((0.19..=0.2001).contains(&used), "{used}");
        assert!(throttled == 0.0, "{throttled}");
    });
}

#[test]
fn a_fleet_finds_a_high_quota_within_seconds() {
    in_virtual_time(async {
        let fleet = Fleet::new(100, 200.0);
        let _workers: Vec<Worker> = (0..4).map(|number| fleet.start(number)).collect();
        // Without slow start it takes twenty seconds and more to be near the quota.
        let (accepted, throttled) = fleet.run_for(5).await;
        assert!(accepted > 200 && throttled < 50, "{accepted} accepted, {throttled} throttled");
    });
}

#[test]
fn a_worker_that_joins_takes_its_share_at_once() {
    in_virtual_time(async {
        let fleet = Fleet::new(40, 100.0);
        let earlier: Vec<Worker> = (0..3).map(|number| fleet.start(number)).collect();
        fleet.run_for(120).await;
        // The one that joins is the furthest away.
        let before: u32 = earlier.iter().map(Worker::sent).sum();
        let joined = fleet.start(3);
        let (accepted, throttled) = fleet.run_for(10).await;
        let others = earlier.iter().map(Worker::sent).sum::<u32>() - before;
        let share = f64::from(joined.sent()) / f64::from(joined.sent() + others);
        assert!((0.2..0.3).contains(&share), "{share:.2} of the requests");
        assert!(accepted >= 380 && throttled <= 6, "{accepted} accepted, {throttled} throttled");
        assert!((joined.rate_per_s() - earlier[0].rate_per_s()).abs() < 1.0);
    });
}

#[test]
fn of_more_workers_than_slots_none_is_left_out() {
    in_virtual_time(async {
        let fleet = Fleet::new(50, 10.0);
        let workers: Vec<Worker> = (0..20).map(|number| fleet.start(number)).collect();
        fleet.run_for(10).await;
        let before: Vec<u32> = workers.iter().map(Worker::sent).collect();
        let (accepted, _) = fleet.run_for(60).await;
        let sent: Vec<u32> =
            workers.iter().zip(before).map(|(worker, n)| worker.sent() - n).collect();
        // Thirty each on average.
        assert!(sent.iter().all(|sent| (15..45).contains(sent)), "{sent:?}");
        assert!(accepted >= 585, "{accepted} accepted");
    });
}

#[test]
fn after_idle_time_the_fleet_starts_near_the_pace_it_had() {
    in_virtual_time(async {
        let fleet = Fleet::new(50, 200.0);
        let start = || (0..2).map(|number| fleet.start(number)).collect::<Vec<Worker>>();
        let mut workers = start();
        fleet.run_for(120).await;
        let sustained = workers[0].rate_per_s();
        assert!((47.0..51.0).contains(&sustained), "{sustained}");
        let four_fifths = sustained * 0.8;
        // A shorter pause changes nothing. After a longer one, the pace is half-way back to the
        // start of a first run for each hour since it was last used.
        for (idle_minutes, expected) in [
            (9, sustained),
            (11, 9.5 + (four_fifths - 9.5) * 0.88),
            (60, 9.5 + (four_fifths - 9.5) * 0.5),
            (600, 9.5),
        ] {
            drop(std::mem::take(&mut workers));
            fleet.run_for(idle_minutes * 60).await;
            workers = start();
            tokio::time::sleep(Duration::from_millis(300)).await;
            let rate = workers[1].rate_per_s();
            assert!((rate / expected - 1.0).abs() < 0.1, "{rate} after {idle_minutes} minutes");
            // It is at the quota again by the next pause.
            fleet.run_for(60).await;
        }
        let left_ms: i64 = fleet.redis.connect().ask(&["PTTL", "{s}:pace"]);
        assert!((86_300_000..=86_400_000).contains(&left_ms), "{left_ms}");
    });
}
