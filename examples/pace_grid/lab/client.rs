//! A run in virtual time: endless work, many workers, one rate controller, one server.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use bastion_revoke::engine::rate_controller::{Event, RateController};

use super::server::{Counting, Server};

/// How a server sends the time to wait when it throttles.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Hints {
    /// It does not send it.
    Off,
    /// To the millisecond.
    Exact,
    /// Rounded up to whole seconds, as in `Retry-After`.
    WholeSeconds,
}

/// The parameters of a run.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    /// How the server counts.
    pub(crate) counting: Counting,
    /// The quota per second, with the second from which it applies.
    pub(crate) quota: Vec<(f64, f64)>,
    /// Whether the server sends the time to wait.
    pub(crate) hints: Hints,
    /// The shortest and the longest time from sending to answer; half of it each way.
    pub(crate) latency_ms: (u32, u32),
    /// `--rate`.
    pub(crate) ceiling_per_s: f64,
    /// The maximum number of requests in flight.
    pub(crate) concurrency: usize,
    /// Calls of another client under the same quota: from, to (seconds), per second.
    pub(crate) competitor: Option<(f64, f64, f64)>,
    /// Nothing is counted before this time.
    pub(crate) warm_up_s: f64,
    /// The end of the run.
    pub(crate) end_s: f64,
}

impl Scenario {
    /// Ten minutes after one minute of warm-up, with `--rate` far above the quota and more workers
    /// than the rate can use.
    pub(crate) fn steady(counting: Counting, quota_per_s: f64, latency_ms: (u32, u32)) -> Self {
        Self {
            counting,
            quota: vec![(0.0, quota_per_s)],
            hints: Hints::Off,
            latency_ms,
            ceiling_per_s: quota_per_s * 4.0,
            concurrency: 1024,
            competitor: None,
            warm_up_s: 60.0,
            end_s: 660.0,
        }
    }

    /// The quota at that second.
    pub(crate) fn quota_at(&self, at_s: f64) -> f64 {
        self.quota.iter().rev().find(|(from_s, _)| *from_s <= at_s).map_or(1.0, |(_, quota)| *quota)
    }

    /// The calls that the quota allows between warm-up and end, without those of the competitor.
    pub(crate) fn allowed(&self) -> f64 {
        let ends = self.quota.iter().skip(1).map(|(from_s, _)| *from_s).chain([self.end_s]);
        let all: f64 = self
            .quota
            .iter()
            .zip(ends)
            .map(|((from_s, quota), to_s)| (to_s - from_s.max(self.warm_up_s)).max(0.0) * quota)
            .sum();
        let taken = self.competitor.map_or(0.0, |(from_s, to_s, per_s)| (to_s - from_s) * per_s);
        all - taken
    }
}

/// The result of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Outcome {
    /// Accepted calls per call that the quota allowed.
    pub(crate) used: f64,
    /// Throttled calls per call sent.
    pub(crate) throttled: f64,
    /// The shortest time between two sendings, in seconds.
    pub(crate) shortest_gap_s: f64,
}

/// Decides when the next call is sent.
#[derive(Debug)]
pub(crate) enum Pacer {
    /// The controller under test.
    Adaptive(Box<RateController>),
    /// A constant interval.
    ///
    /// It knows the quota, unlike the controller: the interval follows each change at once.
    Constant {
        /// This share of the quota.
        share: f64,
    },
}

/// `SplitMix64`, implemented here so that no release of a library changes the published numbers.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A stream of its own for each seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1))
    }

    /// At least 0 and below 1.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    pub(crate) fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Happening {
    Arrival {
        sent_at: Duration,
    },
    /// Accepted, or throttled with the wait that the server sends, if it does.
    Answer {
        sent_at: Duration,
        verdict: Result<(), Option<Duration>>,
    },
    Competitor,
}

/// Runs the scenario with this pacer and seed.
pub(crate) fn play(scenario: &Scenario, mut pacer: Pacer, seed: u64) -> Outcome {
    let mut random = Random::new(seed);
    let mut server = Server::new(scenario.counting, scenario.quota_at(0.0), random.unit());
    let mut heap = BinaryHeap::new();
    let mut number = 0_u64;
    let mut push = |heap: &mut BinaryHeap<_>, at: Duration, what: Happening| {
        number += 1;
        heap.push(Reverse((at, number, what)));
    };
    let one_way = |random: &mut Random| {
        let (low, high) = (f64::from(scenario.latency_ms.0), f64::from(scenario.latency_ms.1));
        Duration::from_secs_f64((low + (high - low) * random.unit()) / 2000.0)
    };
    if let Some((from_s, ..)) = scenario.competitor {
        push(&mut heap, Duration::from_secs_f64(from_s), Happening::Competitor);
    }
    // Whole windows are counted: calls used before the count started are no loss.
    let shift_s = server.to_boundary_s(scenario.warm_up_s);
    let warm_up = Duration::from_secs_f64(scenario.warm_up_s + shift_s);
    let end = Duration::from_secs_f64(scenario.end_s + shift_s);
    let ceiling_gap = Duration::from_secs_f64(1.0 / scenario.ceiling_per_s);
    let mut now = Duration::ZERO;
    let mut ceiling_at = Duration::ZERO;
    let mut constant_at = Duration::ZERO;
    let mut in_flight = 0_usize;
    let mut last_sent: Option<Duration> = None;
    let mut shortest_gap_s = f64::MAX;
    let (mut accepted, mut throttled) = (0.0, 0.0);

    while now < end {
        let wanted_at = match &pacer {
            Pacer::Adaptive(pace) => pace.next_at(now),
            Pacer::Constant { .. } => constant_at,
        };
        // A timer fires on whole milliseconds and never early, like tokio's.
        let send_at = whole_ms(wanted_at.max(ceiling_at).max(now));
        let event_at = heap.peek().map(|Reverse((at, ..))| *at);
        if in_flight < scenario.concurrency && event_at.is_none_or(|at| send_at < at) {
            now = send_at;
            ceiling_at = now + ceiling_gap;
            if let Some(last) = last_sent.replace(now) {
                shortest_gap_s = shortest_gap_s.min(now.saturating_sub(last).as_secs_f64());
            }
            match &mut pacer {
                Pacer::Adaptive(pace) => pace.on(now, Event::Sent),
                Pacer::Constant { share } => {
                    let quota = scenario.quota_at(now.as_secs_f64());
                    constant_at += Duration::from_secs_f64(1.0 / (*share * quota));
                }
            }
            in_flight += 1;
            let arrives_at = now + one_way(&mut random);
            push(&mut heap, arrives_at, Happening::Arrival { sent_at: now });
            continue;
        }
        let Some(Reverse((at, _, what))) = heap.pop() else { break };
        now = at;
        let quota = scenario.quota_at(now.as_secs_f64());
        match what {
            Happening::Arrival { sent_at } => {
                let verdict = server.arrive(now, quota);
                if now >= warm_up && now < end {
                    match verdict {
                        Ok(()) => accepted += 1.0,
                        Err(_) => throttled += 1.0,
                    }
                }
                let verdict = verdict.map_err(|wait| match scenario.hints {
                    Hints::Off => None,
                    Hints::Exact => Some(wait),
                    Hints::WholeSeconds => Some(Duration::from_secs_f64(wait.as_secs_f64().ceil())),
                });
                let answered_at = now + one_way(&mut random);
                push(&mut heap, answered_at, Happening::Answer { sent_at, verdict });
            }
            Happening::Answer { sent_at, verdict } => {
                in_flight -= 1;
                if let Pacer::Adaptive(pace) = &mut pacer {
                    let event = match verdict {
                        Ok(()) => Event::Accepted { sent_at },
                        Err(wait) => Event::Throttled { sent_at, wait },
                    };
                    pace.on(now, event);
                }
            }
            Happening::Competitor => {
                let _ = server.arrive(now, quota);
                let (_, to_s, per_s) = scenario.competitor.unwrap_or_default();
                let next = now + Duration::from_secs_f64(1.0 / per_s);
                if next.as_secs_f64() < to_s {
                    push(&mut heap, next, Happening::Competitor);
                }
            }
        }
    }
    let used = accepted / scenario.allowed();
    Outcome { used, throttled: throttled / (accepted + throttled).max(1.0), shortest_gap_s }
}

fn whole_ms(at: Duration) -> Duration {
    let ms = u64::try_from(at.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
    Duration::from_millis(ms)
}
