//! One random case, generated from its seed alone: list, settings, service, faults, network, disk
//! and interruptions of the process.

use super::faults::{FaultKind, FaultWindow};
use super::{disk, environment, faults};
use bastion_revoke::engine;
use bastion_revoke::engine::fail_over::FailOver;
use bastion_revoke::grants::Collector;
use bastion_revoke::model::{Account, Grant, Grantee, GranteeKind, Kind};
use bastion_revoke::plan::Plan;
use bastion_revoke::sim::{self, Fault, FaultRate, Faults, POISON_PREFIX};
use jiff::SignedDuration;
use std::num::NonZeroU32;
use std::time::Duration;

/// An interruption that ends a run before its work is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interruption {
    /// Killed: records that were not durable are lost.
    Crash,
    /// Drains: requests in flight are completed, no new ones are sent.
    Drain,
    /// Stops at once.
    Abort,
}

/// A case.
pub(super) struct Case {
    pub(super) seed: u64,
    pub(super) plan: Plan,
    pub(super) engine: engine::Settings,
    /// The interruption of each of the first runs, and its time; later runs are not interrupted.
    pub(super) interruptions: Vec<(Duration, Interruption)>,
    /// A deadline, in the first runs only: it may be too short for any progress.
    pub(super) deadline: Option<Duration>,
    /// A canary and a failure limit, in the first runs only: they may stop every run.
    pub(super) canary: Option<usize>,
    pub(super) fail_over: Option<FailOver>,
    pub(super) clock_ahead: SignedDuration,
    pub(super) service: sim::Settings,
    pub(super) network: environment::NetworkModel,
    pub(super) faults: Vec<FaultWindow>,
    pub(super) disk: disk::DiskModel,
    /// No message is lost, no run is interrupted and every item is answered correctly: the
    /// strictest bounds apply.
    pub(super) calm: bool,
}

/// Faults allowed in a calm case: they only delay an answer or change its form.
const CALM_FAULTS: [Fault; 7] = [
    Fault::ThrottleRetryAfter,
    Fault::ThrottleRatelimit,
    Fault::Throttle,
    Fault::SlowAnswer,
    Fault::ShuffledItems,
    Fault::NumericIds,
    Fault::ObjectForOne,
];

impl Case {
    pub(super) fn draw(seed: u64) -> Self {
        let random = &mut fastrand::Rng::with_seed(seed);
        let calm = random.u8(..4) == 0;
        let (plan, poison) = plan(random);
        let rate_per_s = *pick(random, &[0.7, 3.0, 10.0, 10.0, 40.0, 200.0]);
        let engine = engine::Settings {
            rate_per_s,
            concurrency: random.usize(1..=16),
            max_attempts: random.u32(1..=8),
            deadline: None,
            canary: None,
            fail_over: None,
            seed: random.u64(..),
        };
        let interruptions = if calm {
            Vec::new()
        } else {
            let count = *pick(random, &[0, 0, 1, 2, 3, 5]);
            let one = |random: &mut fastrand::Rng| {
                let kinds = [
                    Interruption::Crash,
                    Interruption::Crash,
                    Interruption::Drain,
                    Interruption::Abort,
                ];
                (at_any_scale(random), *pick(random, &kinds))
            };
            (0..count).map(|_| one(random)).collect()
        };
        let deadline = (!calm && random.u8(..10) == 0).then(|| at_any_scale(random));
        let clock_ahead = SignedDuration::from_secs(match random.u8(..12) {
            0 => random.i64(-7200..=7200),
            _ => random.i64(-20..=20),
        });
        let service = sim::Settings {
            quota: (random.u8(..3) == 0).then(|| random.u32(1..=20)).and_then(NonZeroU32::new),
            seed: random.u64(..),
            faults: faults(random, calm),
            poison,
            retry_after: Duration::from_millis(random.u64(1..=5000)),
            slow: Duration::from_millis(random.u64(100..=if calm { 8000 } else { 15_000 })),
            ..sim::Settings::default()
        };
        let often = |random: &mut fastrand::Rng| {
            if calm || random.bool() { 0.0 } else { random.f64() * random.f64() * 0.3 }
        };
        let network = environment::NetworkModel {
            slowest: Duration::from_millis(random.u64(1..=1500)),
            unreachable: often(random),
            request_lost: often(random),
            answer_lost: often(random),
            timeout: Duration::from_secs(if calm { 60 } else { random.u64(2..=12) }),
        };
        let disk = disk::DiskModel {
            slowest: Duration::from_millis(*pick(random, &[1, 5, 50, 400])),
            failing: if calm || random.u8(..8) != 0 { 0.0 } else { 0.03 },
        };
        let faults = if calm { Vec::new() } else { windows(random) };
        // Drawn last, so that everything before is as it was without them.
        let canary = (!calm && random.u8(..3) == 0).then(|| random.usize(1..=4));
        let limit = |random: &mut fastrand::Rng| FailOver::Share(random.f64() * 0.3);
        let fail_over = (!calm && random.u8(..6) == 0).then(|| limit(random));
        Self {
            seed,
            plan,
            engine,
            interruptions,
            deadline,
            canary,
            fail_over,
            clock_ahead,
            service,
            network,
            faults,
            disk,
            calm,
        }
    }

    /// Whether an id is refused with every request that names it.
    pub(super) fn is_poison(&self, id: &str) -> bool {
        id.starts_with(POISON_PREFIX) || self.service.poison.iter().any(|poison| poison == id)
    }
}

fn pick<'a, T>(random: &mut fastrand::Rng, all: &'a [T]) -> &'a T {
    &all[random.usize(..all.len())]
}

/// From a millisecond to a minute and a half, each order of magnitude as likely as the others.
fn at_any_scale(random: &mut fastrand::Rng) -> Duration {
    Duration::from_secs_f64(10.0_f64.powf(random.f64() * 5.0 - 3.0))
}

/// A list of 1 to 60 rows over few ids, so that duplicates, covered accounts and shared targets
/// come often; and some of the ids as poison.
fn plan(random: &mut fastrand::Rng) -> (Plan, Vec<String>) {
    let rows = random.usize(1..=60);
    let users = random.usize(1..=4);
    let targets = random.usize(1..=25);
    let accounts = random.usize(1..=14);
    let wholes = *pick(random, &[0.0, 0.1, 0.5]);
    let kinds = [Kind::Host, Kind::HostGroup, Kind::Database];
    let kinds = &kinds[..random.usize(1..=3)];
    let poisonous = *pick(random, &[0.0, 0.0, 0.02, 0.1]);
    let mut poison = Vec::new();
    let mut collector = Collector::default();
    for _ in 0..rows {
        let user = format!("u{}", random.usize(..users));
        let target = format!("{}", 100 + random.usize(..targets));
        let kind = *pick(random, kinds);
        let account = match kind {
            Kind::HostGroup => format!("账号 {}", random.usize(..accounts)),
            // Ids that are numbers, and others that only look like the same numbers.
            _ => format!("{}{}", pick(random, &["", "", "0"]), random.usize(..accounts)),
        };
        let account =
            if random.f64() < wholes { Account::Whole } else { Account::Named(&*account) };
        let from = if random.u8(..5) == 0 { GranteeKind::UserGroup } else { GranteeKind::User };
        let grant = Grant {
            instance_id: if random.u8(..3) == 0 { "i-2" } else { "i-1" },
            region: "cn-hangzhou",
            grantee: Grantee { kind: from, id: &user },
            kind,
            target: &target,
            account,
        };
        if random.f64() < poisonous {
            let id = match (random.u8(..8), account) {
                (0, _) => &user,
                (1..=3, Account::Named(name)) => name,
                _ => &*target,
            };
            poison.push(id.to_owned());
        }
        collector.push(&grant).expect("few rows");
    }
    (Plan::new(collector.finish()), poison)
}

fn faults(random: &mut fastrand::Rng, calm: bool) -> Faults {
    // A token that expires again and again ends every run: that is a scenario of its own.
    let wild = &Fault::ALL[..Fault::ALL.len() - 1];
    let all: &[Fault] = if calm { &CALM_FAULTS } else { wild };
    let count = random.usize(..5);
    let rates = (0..count).map(|_| FaultRate {
        fault: *pick(random, all),
        probability: random.f64() * *pick(random, &[0.05, 0.4]),
    });
    Faults::new(rates.collect::<Vec<_>>())
}

/// Faults during the first minutes; none after that.
fn windows(random: &mut fastrand::Rng) -> Vec<FaultWindow> {
    let count = *pick(random, &[0, 0, 1, 2]);
    let one = |random: &mut fastrand::Rng| {
        let from = at_any_scale(random);
        let what = match random.u8(..8) {
            0 | 1 => FaultKind::Unreachable,
            2 => FaultKind::Reset { applied: random.bool() },
            3 => FaultKind::Silence { applied: random.bool() },
            4 => FaultKind::Answer {
                status: 502,
                body: "<html><body>Bad Gateway</body></html>".to_owned(),
                retry_after_ms: None,
                retry_after_s: None,
            },
            5 => FaultKind::Answer {
                status: 503,
                body: faults::error("ServiceUnavailable", "Try again."),
                retry_after_ms: None,
                retry_after_s: random.bool().then(|| random.u64(1..=20)),
            },
            6 => FaultKind::Answer {
                status: 400,
                body: faults::error("Throttling.Api", "Request was denied."),
                retry_after_ms: random.bool().then(|| random.u64(1..=20_000)),
                retry_after_s: None,
            },
            _ => FaultKind::Quota {
                per_second: random.u32(1..=8),
                hint: random.bool(),
                shared: false,
            },
        };
        let until = from + at_any_scale(random);
        FaultWindow { from, until, operation: None, instance: None, what }
    };
    (0..count).map(|_| one(random)).collect()
}
