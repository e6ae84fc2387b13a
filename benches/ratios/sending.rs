//! The engine without a quota against a minimal server, compared with a minimal client.

use crate::Line;
use crate::minimal;
use crate::process::cpu_of;
use crate::service::Server;
use anyhow::Context;
use bastion_revoke::api::client::Client;
use bastion_revoke::api::credentials::{Credentials, Secret};
use bastion_revoke::api::endpoint::{self, Endpoints};
use bastion_revoke::api::transport::HttpTransport;
use bastion_revoke::clock::{SystemClock, WallClock};
use bastion_revoke::engine::{Control, Engine, Settings};
use bastion_revoke::grants::Collector;
use bastion_revoke::ledger::{JobSpec, Journal, Ledger, MemoryJournal, SqliteJournal};
use bastion_revoke::model::{Account, Grant, Grantee, GranteeKind, Kind};
use bastion_revoke::plan::Plan;
use bastion_revoke::verdicts::LedgerState;
use bastion_revoke::verdicts::Verdicts;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

const REQUESTS: usize = 20_000;
const CONCURRENCY: usize = 64;
/// More than any machine can send: no quota.
const UNLIMITED_PER_S: f64 = 10_000_000.0;

/// Full requests: the same ten targets and accounts for each of many users.
fn full_requests() -> anyhow::Result<Plan> {
    let text = |numbers: std::ops::Range<usize>| numbers.map(|n| n.to_string()).collect();
    let (targets, accounts): (Vec<String>, Vec<String>) = (text(100..110), text(2000..2010));
    let mut collector = Collector::default();
    for user in 0..REQUESTS {
        let id = &user.to_string();
        for target in &targets {
            for account in &accounts {
                collector.push(&Grant {
                    instance_id: "bastionhost-cn-abc",
                    region: "cn-hangzhou",
                    grantee: Grantee { kind: GranteeKind::User, id },
                    kind: Kind::Host,
                    target,
                    account: Account::Named(account),
                })?;
            }
        }
    }
    Ok(Plan::new(collector.finish()))
}

/// The cost of sending all requests.
#[derive(Clone, Copy)]
struct Cost {
    per_s: f64,
    cpu_us: f64,
}

/// Runs `work` on one thread, as `run` does, and measures it.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn timed(work: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<Cost> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let cpu = || cpu_of("self").context("/proc/self/stat");
    let (started, before) = (Instant::now(), cpu()?);
    runtime.block_on(work)?;
    let (wall, cpu) = (started.elapsed(), cpu()?.saturating_sub(before));
    let requests = REQUESTS as f64;
    Ok(Cost { per_s: requests / wall.as_secs_f64(), cpu_us: cpu.as_secs_f64() * 1e6 / requests })
}

/// The engine, with a journal that stores nothing or with a durable ledger.
async fn engine<J: Journal>(plan: Arc<Plan>, url: &str, journal: Arc<J>) -> anyhow::Result<()> {
    let endpoints = Endpoints::new(Some(endpoint::parse(url)?), plan.regions())?;
    let transport =
        HttpTransport::new(Duration::from_secs(10), CONCURRENCY, None, endpoints.reach())?;
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let keys = Credentials {
        access_key_id: "testid".to_owned(),
        access_key_secret: Secret::new("testsecret".to_owned()),
        security_token: None,
    };
    let (_control, control) = watch::channel(Control::Run);
    let engine = Engine {
        client: Arc::new(Client::new(transport, endpoints, keys, Arc::clone(&clock))),
        journal,
        clock,
        settings: Settings {
            rate_per_s: UNLIMITED_PER_S,
            concurrency: CONCURRENCY,
            max_attempts: 8,
            deadline: None,
            canary: None,
            fail_over: None,
            seed: 1,
        },
        control,
        plan,
    };
    let verdicts = Verdicts::new(engine.plan.grants());
    let start = LedgerState::from_verdicts(verdicts);
    let ended = engine.run_from(UNLIMITED_PER_S, start, &mut |_| {}).await;
    anyhow::ensure!(ended.causes.is_empty(), "{:?}", ended.causes);
    let revoked = (0..u32::try_from(ended.verdicts.len())?)
        .all(|grant| ended.verdicts.status(grant).is_gone());
    anyhow::ensure!(revoked, "not all is revoked");
    Ok(())
}

fn ledger(path: &Path) -> anyhow::Result<SqliteJournal> {
    let job = JobSpec::default();
    let ledger = Ledger::create(path, &job)?;
    let run = ledger.begin_run(jiff::Timestamp::UNIX_EPOCH)?;
    Ok(SqliteJournal::start(ledger, run)?)
}

pub(crate) fn measure(folder: &Path) -> anyhow::Result<()> {
    let plan = Arc::new(full_requests()?);
    let mut best: [Option<Cost>; 3] = [None; 3];
    for round in 0..3 {
        let server = Server::start()?;
        let path = folder.join(format!("sending-{round}.ledger"));
        let costs = [
            timed(minimal::send(REQUESTS, CONCURRENCY, server.url.clone()))?,
            timed(engine(Arc::clone(&plan), &server.url, Arc::new(MemoryJournal)))?,
            timed(engine(Arc::clone(&plan), &server.url, Arc::new(ledger(&path)?)))?,
        ];
        for (best, cost) in best.iter_mut().zip(costs) {
            *best = Some(best.filter(|best| best.per_s > cost.per_s).unwrap_or(cost));
        }
    }
    let [Some(minimal), Some(forgetful), Some(durable)] = best else { anyhow::bail!("no rounds") };
    let described =
        |cost: Cost| format!("{:.0} requests/s, {:.0} us of CPU", cost.per_s, cost.cpu_us);
    let reference = || format!("minimal client {}", described(minimal));
    for (name, cost) in [("without a ledger", forgetful), ("with a durable ledger", durable)] {
        Line {
            what: format!("engine {name}: time a request"),
            ours: described(cost),
            reference: reference(),
            ratio: minimal.per_s / cost.per_s,
            most: 1.0 / 0.6,
        }
        .print();
        Line {
            what: format!("engine {name}: CPU a request"),
            ours: described(cost),
            reference: reference(),
            ratio: cost.cpu_us / minimal.cpu_us,
            most: 1.7,
        }
        .print();
    }
    Ok(())
}
