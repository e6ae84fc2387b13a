//! Short jobs from their first second: the time until every request is accepted.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use bastion_revoke::engine::rate_controller::{Event, RateController};

use super::client::{Hints, Random};
use super::server::{Counting, Server};

/// A job of equal requests whose quota is unknown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Job {
    /// How the server counts.
    pub(crate) counting: Counting,
    /// The quota per second.
    pub(crate) quota_per_s: f64,
    /// The shortest and the longest time from sending to answer.
    pub(crate) latency_ms: (u32, u32),
    /// The number of requests.
    pub(crate) requests: u32,
    /// Whether the server sends the time to wait.
    pub(crate) hints: Hints,
    /// Operations that share the quota, with a controller each.
    pub(crate) operations: usize,
}

/// The result of a job.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct JobResult {
    /// Seconds until the last request was answered as accepted.
    pub(crate) wall_s: f64,
    /// Throttled calls.
    pub(crate) throttled: u32,
}

/// Decides when the next call is sent.
#[derive(Debug, Clone)]
pub(crate) enum JobPacer {
    /// The controller under test, with this ceiling.
    Adaptive(f64),
    /// A constant interval at 99 % of the quota, known in advance.
    Known,
    /// As many as the server accepts: the floor.
    Floor,
}

/// An event of a call: time, number, operation, time of sending, and state.
type CallEvent = (Duration, u64, usize, Duration, u8);

impl Job {
    /// The maximum number of requests in flight: enough to use the quota, and at least the default
    /// of the command.
    fn concurrency(&self) -> usize {
        let needed = self.quota_per_s * f64::from(self.latency_ms.1) / 1000.0 * 2.0;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "some hundreds"
        )]
        let needed = needed.ceil() as usize;
        needed.max(16)
    }

    /// Runs the job.
    pub(crate) fn play(&self, pacer: &JobPacer, seed: u64) -> JobResult {
        if matches!(pacer, JobPacer::Floor) {
            return JobResult { wall_s: self.floor_s(seed), throttled: 0 };
        }
        let mut random = Random::new(seed);
        let mut server = Server::new(self.counting, self.quota_per_s, random.unit());
        let mut pacers: Vec<Option<RateController>> = (0..self.operations)
            .map(|_| match pacer {
                JobPacer::Adaptive(ceiling) => {
                    let mut pace = RateController::new(*ceiling);
                    pace.share_among(self.operations);
                    Some(pace)
                }
                _ => None,
            })
            .collect();
        let mut waiting: Vec<u32> = share(self.requests, self.operations);
        let mut finished = vec![false; self.operations];
        let mut known_at = Duration::ZERO;
        let known_gap = Duration::from_secs_f64(1.0 / (self.quota_per_s * 0.99));
        let mut heap: BinaryHeap<Reverse<CallEvent>> = BinaryHeap::new();
        let (mut number, mut in_flight, mut accepted, mut throttled) = (0, 0, 0, 0);
        let mut waits: Vec<Option<Duration>> = Vec::new();
        let mut now = Duration::ZERO;
        let mut turn = 0;
        while accepted < self.requests {
            let mut next: Option<(Duration, usize)> = None;
            for offset in 0..self.operations {
                let operation = (turn + offset) % self.operations;
                if waiting[operation] == 0 || in_flight >= self.concurrency() {
                    continue;
                }
                let at = match &pacers[operation] {
                    Some(pace) => pace.next_at(now),
                    None => known_at.max(now),
                };
                let at = whole_ms(at);
                if next.is_none_or(|(before, _)| at < before) {
                    next = Some((at, operation));
                }
            }
            let event_at = heap.peek().map(|Reverse((at, ..))| *at);
            if let Some((at, operation)) = next
                && event_at.is_none_or(|event| at < event)
            {
                now = at;
                turn = operation + 1;
                waiting[operation] -= 1;
                in_flight += 1;
                match &mut pacers[operation] {
                    Some(pace) => pace.on(now, Event::Sent),
                    None => known_at += known_gap,
                }
                if waiting[operation] == 0 && !finished[operation] {
                    finished[operation] = true;
                    on_finished(&mut pacers, &finished, operation);
                }
                number += 1;
                let arrives = now + self.one_way(&mut random);
                heap.push(Reverse((arrives, number, operation, now, 0)));
                continue;
            }
            let Some(Reverse((at, id, operation, sent_at, state))) = heap.pop() else { break };
            now = at;
            if state == 0 {
                let verdict = server.arrive(now, self.quota_per_s);
                let code = if verdict.is_ok() { 1 } else { 2 };
                let index = usize::try_from(id).unwrap_or_default();
                if waits.len() <= index {
                    waits.resize(index + 1, None);
                }
                waits[index] = verdict.err().filter(|_| self.hints != Hints::Off);
                let answered = now + self.one_way(&mut random);
                heap.push(Reverse((answered, id, operation, sent_at, code)));
                continue;
            }
            in_flight -= 1;
            let event = if state == 1 {
                accepted += 1;
                Event::Accepted { sent_at }
            } else {
                throttled += 1;
                waiting[operation] += 1;
                let wait = usize::try_from(id).ok().and_then(|id| waits[id]);
                Event::Throttled { sent_at, wait }
            };
            if let Some(pace) = &mut pacers[operation] {
                pace.on(now, event);
            }
        }
        JobResult { wall_s: now.as_secs_f64(), throttled }
    }

    /// The time that the quota itself takes, with its burst, and one round trip.
    fn floor_s(&self, seed: u64) -> f64 {
        let mut random = Random::new(seed);
        let mut server = Server::new(self.counting, self.quota_per_s, random.unit());
        let latency_s = f64::from(self.latency_ms.0) / 1000.0;
        let (mut now, mut accepted) = (Duration::ZERO, 0);
        while accepted < self.requests {
            match server.arrive(now, self.quota_per_s) {
                Ok(()) => accepted += 1,
                Err(wait) => now += wait.max(Duration::from_micros(100)),
            }
        }
        now.as_secs_f64() + latency_s
    }

    fn one_way(&self, random: &mut Random) -> Duration {
        let (low, high) = (f64::from(self.latency_ms.0), f64::from(self.latency_ms.1));
        Duration::from_secs_f64((low + (high - low) * random.unit()) / 2000.0)
    }
}

/// Tells the other operations that this one has nothing left to send.
fn on_finished(pacers: &mut [Option<RateController>], finished: &[bool], operation: usize) {
    let open = finished.iter().filter(|finished| !**finished).count();
    let Some(freed_per_s) = pacers[operation].as_ref().map(RateController::rate_per_s) else {
        return;
    };
    for (pace, _) in pacers.iter_mut().zip(finished).filter(|(_, finished)| !**finished) {
        if let Some(pace) = pace {
            #[expect(clippy::cast_precision_loss, reason = "a few operations")]
            pace.on_quota_freed(freed_per_s / open as f64);
            pace.share_among(open);
        }
    }
}

fn share(requests: u32, operations: usize) -> Vec<u32> {
    let count = u32::try_from(operations).unwrap_or(1);
    (0..count).map(|n| requests / count + u32::from(n < requests % count)).collect()
}

fn whole_ms(at: Duration) -> Duration {
    let ms = u64::try_from(at.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
    Duration::from_millis(ms)
}

/// A row of the published table: the mean over hints, operations and seeds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row {
    /// The job.
    pub(crate) job: Job,
    /// The least possible time.
    pub(crate) floor_s: f64,
    /// A constant rate of 99 % of the quota, known in advance.
    pub(crate) known_s: f64,
    /// The controller.
    pub(crate) ours: JobResult,
}

impl Row {
    /// The bound of the wall time, where there is one.
    pub(crate) fn bound_s(&self) -> Option<f64> {
        let is_bound =
            matches!(self.job.counting, Counting::TokenBucket | Counting::FixedWindow(1));
        is_bound.then_some(1.15 * self.floor_s + 1.5)
    }

    /// Throttled calls in per cent of those sent.
    pub(crate) fn throttled_percent(&self) -> f64 {
        let throttled = f64::from(self.ours.throttled);
        100.0 * throttled / (throttled + f64::from(self.job.requests))
    }

    /// Whether the bounds are kept.
    pub(crate) fn holds(&self) -> bool {
        self.bound_s().is_none_or(|bound| self.ours.wall_s <= bound)
            && (self.job.requests < 1000 || self.throttled_percent() <= 2.0)
    }
}

/// `--rate` of the jobs: far above every quota.
const CEILING_PER_S: f64 = 2000.0;

/// What the rows of a table vary.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Varied<'a> {
    /// How the server counts.
    pub(crate) servers: &'a [Counting],
    /// Quotas per second.
    pub(crate) quotas: &'a [f64],
    /// The shortest and the longest time from sending to answer, in milliseconds.
    pub(crate) latencies_ms: &'a [(u32, u32)],
    /// Requests of a job.
    pub(crate) requests: &'a [u32],
    /// Seeds.
    pub(crate) seeds: &'a [u64],
}

/// All rows.
pub(crate) fn rows(varied: &Varied) -> Vec<Row> {
    let mut rows = Vec::new();
    for &counting in varied.servers {
        for &quota_per_s in varied.quotas {
            for &latency_ms in varied.latencies_ms {
                for &requests in varied.requests {
                    let hints = Hints::Off;
                    let operations = 1;
                    let job =
                        Job { counting, quota_per_s, latency_ms, requests, hints, operations };
                    rows.push(row(job, varied.seeds));
                }
            }
        }
    }
    rows
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "means of some runs"
)]
fn row(job: Job, seeds: &[u64]) -> Row {
    let mut variants = Vec::new();
    for hints in [Hints::Off, Hints::Exact] {
        for operations in [1, 3] {
            variants.push(Job { hints, operations, ..job });
        }
    }
    let count = (variants.len() * seeds.len()) as f64;
    let (mut floor_s, mut known_s, mut wall_s, mut throttled) = (0.0, 0.0, 0.0, 0.0);
    for variant in &variants {
        for &seed in seeds {
            floor_s += variant.play(&JobPacer::Floor, seed).wall_s / count;
            known_s += variant.play(&JobPacer::Known, seed).wall_s / count;
            let ours = variant.play(&JobPacer::Adaptive(CEILING_PER_S), seed);
            wall_s += ours.wall_s / count;
            throttled += f64::from(ours.throttled) / count;
        }
    }
    Row { job, floor_s, known_s, ours: JobResult { wall_s, throttled: throttled.round() as u32 } }
}
