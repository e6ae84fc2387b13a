//! Four workers share one quota, in virtual time, by the scripts of a real Redis.

use super::server::{Connection, Redis};
use bastion_revoke::engine::admission::Quota as _;
use bastion_revoke::engine::rate_controller::Event;
use bastion_revoke::model::Operation;
use bastion_revoke::queue::connection::ConnectionError;
use bastion_revoke::queue::quota::{QuotaBackend, SharedQuota};
use redis::Value;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;
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

/// A worker that always has something to send.
async fn send(quota: Arc<SharedQuota<TestBackend>>, service: Arc<Mutex<Service>>, until: Instant) {
    let started = Instant::now();
    let mut changes = quota.changes();
    while Instant::now() < until {
        if quota.take(OPERATION, 1) {
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

/// The used share of the quota, and the share of throttled requests, after the first minute, in
/// which the rate is found.
fn shares(workers: u64, per_s: u32, ceiling_per_s: f64, dies: bool) -> (f64, f64) {
    let redis = Redis::start();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let service = Service { per_s, lately: VecDeque::new(), accepted: 0, throttled: 0 };
        let service = Arc::new(Mutex::new(service));
        let began = Instant::now();
        let (warm, until) = (began + Duration::from_secs(60), began + Duration::from_secs(660));
        let mut sending = Vec::new();
        for worker in 0..workers {
            let round_trip = Duration::from_millis(1 + 3 * worker);
            let backend = TestBackend { redis: Mutex::new(redis.connect()), began, round_trip };
            let paused = tokio::sync::watch::channel(false).1;
            let quota = SharedQuota::new(backend, ceiling_per_s, paused, None);
            let talking = tokio::spawn(Arc::clone(&quota).run());
            let task = tokio::spawn(send(quota, Arc::clone(&service), until));
            if dies && worker == 0 {
                let (task, talking) = (task.abort_handle(), talking.abort_handle());
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_secs(300)).await;
                    task.abort();
                    talking.abort();
                });
            }
            sending.push(task);
        }
        tokio::time::sleep_until(warm).await;
        let before = {
            let service = service.lock().expect("a service");
            (service.accepted, service.throttled)
        };
        for task in sending {
            let _ = task.await;
        }
        let service = service.lock().expect("a service");
        let accepted = f64::from(service.accepted - before.0);
        let throttled = f64::from(service.throttled - before.1);
        let most = f64::from(per_s) * (until - warm).as_secs_f64();
        (accepted / most, throttled / (accepted + throttled))
    })
}

#[track_caller]
fn holds((used, throttled): (f64, f64)) {
    assert!(used >= 0.95, "{used:.4} of the quota was used");
    assert!(throttled <= 0.015, "{throttled:.4} of the requests were throttled");
}

#[test]
fn four_workers_keep_the_pace_of_one() {
    holds(shares(1, 10, 20.0, false));
    holds(shares(4, 10, 20.0, false));
    holds(shares(4, 40, 100.0, false));
}

#[test]
fn a_killed_worker_wastes_little_of_the_quota() {
    holds(shares(4, 10, 20.0, true));
}

#[test]
fn the_ceiling_applies_to_all_workers_together() {
    let (used, throttled) = shares(4, 50, 10.0, false);
    // A fifth of the service's quota; the ceiling is never exceeded.
    assert!((0.19..=0.2001).contains(&used), "{used}");
    assert!(throttled == 0.0, "{throttled}");
}
