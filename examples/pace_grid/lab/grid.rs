//! The measured cells and their bounds.

use bastion_revoke::engine::rate_controller::RateController;

use super::client::{Hints, Outcome, Pacer, Scenario, play};
use super::server::Counting;

/// The seeds of the published table.
pub(crate) const SEEDS: [u64; 3] = [1, 2, 3];
/// The seeds of the cells with a changing quota, which vary more.
pub(crate) const STEP_SEEDS: [u64; 10] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
/// The controller may stay below a constant pace that knows the quota by this many points.
const BELOW_KNOWN: f64 = 4.2;
/// How the quota changes on the published page.
pub(crate) const STEPS: [f64; 5] = [10.0, 5.0, 20.0, 10.0, 3.0];
/// Small and large jitter: from sending to answer, in milliseconds.
pub(crate) const LATENCIES: [(u32, u32); 2] = [(20, 30), (20, 500)];
/// The four kinds of server.
pub(crate) const SERVERS: [Counting; 4] = [
    Counting::TokenBucket,
    Counting::FixedWindow(1),
    Counting::FixedWindow(60),
    Counting::SlidingLog,
];

/// The bound of a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bound {
    /// At least this share of the quota used, at most that share of the calls throttled.
    Fixed {
        /// At least, in per cent.
        used: f64,
        /// At most, in per cent.
        throttled: f64,
    },
    /// Within this many points of the best constant pace.
    NearBest {
        /// Points of the quota.
        used: f64,
        /// Points of the calls.
        throttled: f64,
    },
    /// For a changing quota: 90 % used, or [`BELOW_KNOWN`] less than a constant pace that knows
    /// each change, if that is less.
    Changing {
        /// At most, in per cent.
        throttled: f64,
    },
}

/// One cell: a scenario, its result, and the best constant pace.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    /// What distinguishes it from others of its table.
    pub(crate) name: Vec<String>,
    /// The bound.
    pub(crate) bound: Bound,
    /// The controller's result, averaged over the seeds.
    pub(crate) adaptive: Outcome,
    /// The best constant pace (a share of the quota), and its result.
    pub(crate) best: (f64, Outcome),
}

impl Cell {
    /// The minimum used and the maximum throttled, in per cent.
    pub(crate) fn limits(&self) -> (f64, f64) {
        match self.bound {
            Bound::Fixed { used, throttled } => (used, throttled),
            Bound::NearBest { used, throttled } => {
                let (_, best) = self.best;
                (best.used * 100.0 - used, best.throttled * 100.0 + throttled)
            }
            Bound::Changing { throttled } => {
                ((self.best.1.used * 100.0 - BELOW_KNOWN).min(90.0), throttled)
            }
        }
    }

    /// Whether the bound is kept.
    pub(crate) fn holds(&self) -> bool {
        let (used, throttled) = self.limits();
        self.adaptive.used * 100.0 >= used && self.adaptive.throttled * 100.0 <= throttled
    }
}

/// The controller's result over those seeds.
pub(crate) fn adaptive(scenario: &Scenario, seeds: &[u64]) -> Outcome {
    average(seeds, |seed| {
        play(scenario, Pacer::Adaptive(Box::new(RateController::new(scenario.ceiling_per_s))), seed)
    })
}

/// Of all constant paces in steps of 1 % of the quota, the highest with at most 1 % of its calls
/// throttled.
pub(crate) fn best_constant(scenario: &Scenario, seeds: &[u64]) -> (f64, Outcome) {
    let paces = (50..=102).rev().map(|per_cent| f64::from(per_cent) / 100.0);
    let mut last = (0.0, Outcome::default());
    for share in paces {
        last = (share, average(seeds, |seed| play(scenario, Pacer::Constant { share }, seed)));
        if last.1.throttled <= 0.01 {
            break;
        }
    }
    last
}

fn average(seeds: &[u64], run: impl Fn(u64) -> Outcome) -> Outcome {
    #[expect(clippy::cast_precision_loss, reason = "a handful of seeds")]
    let runs = seeds.len() as f64;
    let mut sum = Outcome { shortest_gap_s: f64::MAX, ..Outcome::default() };
    for &seed in seeds {
        let outcome = run(seed);
        sum.used += outcome.used / runs;
        sum.throttled += outcome.throttled / runs;
        sum.shortest_gap_s = sum.shortest_gap_s.min(outcome.shortest_gap_s);
    }
    sum
}

/// The text of a latency.
pub(crate) fn latency((low, high): (u32, u32)) -> String {
    format!("{low}-{high} ms")
}

/// The steady quotas: every server, quota and latency, with and without hints.
pub(crate) fn steady(quotas: &[f64], seeds: &[u64]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for latency_ms in LATENCIES {
        for counting in SERVERS {
            for &quota in quotas {
                cells.extend(steady_pair(counting, quota, latency_ms, seeds));
            }
        }
    }
    cells
}

/// One server, quota and latency, without and with hints.
pub(crate) fn steady_pair(
    counting: Counting,
    quota: f64,
    latency_ms: (u32, u32),
    seeds: &[u64],
) -> Vec<Cell> {
    let mut scenario = Scenario::steady(counting, quota, latency_ms);
    let best = best_constant(&scenario, seeds);
    let little_jitter = latency_ms.1 - latency_ms.0 <= 10;
    let bound = match counting {
        Counting::TokenBucket => Bound::Fixed { used: 97.0, throttled: 1.0 },
        Counting::FixedWindow(_) if little_jitter => Bound::Fixed { used: 97.0, throttled: 1.0 },
        _ => Bound::NearBest { used: 3.0, throttled: 1.0 },
    };
    [Hints::Off, Hints::Exact]
        .map(|hints| {
            scenario.hints = hints;
            let name =
                vec![counting.name(), quota.to_string(), latency(latency_ms), hint_name(hints)];
            Cell { name, bound, adaptive: adaptive(&scenario, seeds), best }
        })
        .into()
}

fn hint_name(hints: Hints) -> String {
    match hints {
        Hints::Off => "no",
        Hints::Exact => "yes",
        Hints::WholeSeconds => "whole seconds",
    }
    .to_owned()
}

/// The quota has each of these values for two minutes; everything is counted from the first second.
pub(crate) fn steps(quotas: &[f64], servers: &[Counting], seeds: &[u64]) -> Vec<Cell> {
    let mut cells = Vec::new();
    for latency_ms in LATENCIES {
        for &counting in servers {
            let highest = quotas.iter().copied().fold(0.0, f64::max);
            let mut scenario = Scenario::steady(counting, highest * 2.0, latency_ms);
            scenario.ceiling_per_s = highest * 2.0;
            let mut from_s = 0.0;
            scenario.quota.clear();
            for &quota in quotas {
                scenario.quota.push((from_s, quota));
                from_s += 120.0;
            }
            scenario.warm_up_s = 0.0;
            scenario.end_s = from_s;
            let best = best_constant(&scenario, seeds);
            // Slow start adds throttled calls in the first seconds, most with large jitter.
            let throttled = match counting {
                Counting::FixedWindow(60) => 4.0,
                Counting::FixedWindow(_) if latency_ms == LATENCIES[1] => 3.3,
                _ => 3.0,
            };
            let bound = Bound::Changing { throttled };
            for hints in [Hints::Off, Hints::Exact] {
                scenario.hints = hints;
                let name = vec![counting.name(), latency(latency_ms), hint_name(hints)];
                cells.push(Cell { name, bound, adaptive: adaptive(&scenario, seeds), best });
            }
        }
    }
    cells
}

/// Cases that differ in one parameter from ten per second at 20 to 30 ms.
pub(crate) fn others(seeds: &[u64]) -> Vec<Cell> {
    let plain = Scenario::steady(Counting::TokenBucket, 10.0, (20, 30));
    let mut cells = Vec::new();
    let mut add = |name: &str, scenario: Scenario, used: f64, throttled: f64| {
        let best = best_constant(&scenario, seeds);
        let bound = Bound::Fixed { used, throttled };
        let name = vec![name.to_owned(), scenario.counting.name()];
        cells.push(Cell { name, bound, adaptive: adaptive(&scenario, seeds), best });
    };
    let with = |change: fn(&mut Scenario)| {
        let mut scenario = plain.clone();
        change(&mut scenario);
        scenario
    };
    add(
        "somebody else sends 5 per second in the minutes 4 and 5",
        with(|s| s.competitor = Some((240.0, 360.0, 5.0))),
        95.0,
        3.0,
    );
    add("`--rate 8`, below the quota", with(|s| s.ceiling_per_s = 8.0), 79.0, 0.0);
    add("`--rate 10`, the quota itself", with(|s| s.ceiling_per_s = 10.0), 97.0, 1.0);
    add(
        "16 workers at 500 ms: 32 of 100 per second",
        with(|s| {
            s.quota = vec![(0.0, 100.0)];
            s.ceiling_per_s = 400.0;
            s.concurrency = 16;
            s.latency_ms = (500, 500);
        }),
        31.0,
        0.0,
    );
    add("hints rounded up to seconds", with(|s| s.hints = Hints::WholeSeconds), 97.0, 1.0);
    add(
        "hints rounded up to seconds",
        with(|s| {
            s.hints = Hints::WholeSeconds;
            s.counting = Counting::FixedWindow(1);
        }),
        90.0,
        1.0,
    );
    add(
        "hints rounded up to seconds",
        with(|s| {
            s.hints = Hints::WholeSeconds;
            s.counting = Counting::FixedWindow(60);
        }),
        97.0,
        1.0,
    );
    cells
}
