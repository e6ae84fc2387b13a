//! The speed of the single stages: `cargo bench --bench stages`.
//!
//! No stage limits a run, whose duration is requests divided by the quota; these benches detect
//! when that changes.

use bastion_revoke::api::client::Client;
use bastion_revoke::api::credentials::{Credentials, Secret};
use bastion_revoke::api::endpoint::{self, Endpoints};
use bastion_revoke::api::transport::{SendError, Transport, WireAnswer, WireRequest};
use bastion_revoke::api::{operation, response, sign};
use bastion_revoke::clock::{SystemClock, WallClock};
use bastion_revoke::engine::rate_controller::{Event, RateController};
use bastion_revoke::engine::{Control, Engine, Settings};
use bastion_revoke::grants::{Collector, Grants};
use bastion_revoke::input::{Options, Reader, Source};
use bastion_revoke::ledger::{
    AttemptResult, AttemptState, GrantSet, JobSpec, Journal, Ledger, MemoryJournal, Record,
    SqliteJournal,
};
use bastion_revoke::model::{
    Account, Accounts, Entries, Entry, Grant, Grantee, GranteeKind, Kind, Name, Request, UpToTen,
};
use bastion_revoke::outcome::Outcome;
use bastion_revoke::plan::Plan;
use bastion_revoke::verdicts::LedgerState;
use bastion_revoke::verdicts::Verdicts;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use http::HeaderMap;
use std::hint::black_box;
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// More than any machine can send: no quota.
const UNLIMITED_PER_S: f64 = 10_000_000.0;

const ROWS: usize = 20_000;

/// Rows like those of an audit: some users, a few targets each, some accounts on each.
fn rows() -> Vec<(String, String, String)> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut row = || (random.u32(..400), random.u32(..40), random.u32(..20));
    (0..ROWS)
        .map(|_| {
            let (user, target, account) = row();
            (user.to_string(), format!("{user}{target}"), account.to_string())
        })
        .collect()
}

fn collected(rows: &[(String, String, String)]) -> Grants {
    let mut collector = Collector::default();
    for (user, target, account) in rows {
        let taken = collector.push(&Grant {
            instance_id: "i",
            region: "cn-hangzhou",
            grantee: Grantee { kind: GranteeKind::User, id: user },
            kind: Kind::Host,
            target,
            account: Account::Named(account),
        });
        assert!(taken.is_ok());
    }
    collector.finish()
}

fn plan(bench: &mut Criterion) {
    let rows = rows();
    let mut group = bench.benchmark_group("plan");
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("group", |b| b.iter(|| collected(black_box(&rows))));
    group.bench_function("pack", |b| {
        b.iter_batched(|| collected(&rows), Plan::new, BatchSize::LargeInput);
    });
    group.finish();
}

fn write_rows(to: &mut impl Write) {
    writeln!(to, "note,user,kind,target,account").expect("a row");
    for (user, target, account) in rows() {
        writeln!(to, "left the company,{user},host,{target},{account}").expect("a row");
    }
}

fn parse(bench: &mut Criterion) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    write_rows(&mut file);
    let options = Arc::new(Options::default());
    let mut group = bench.benchmark_group("parse");
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("csv", |b| {
        b.iter(|| {
            let source = Source::file(file.path().to_owned());
            let mut reader = Reader::new(vec![source], Arc::clone(&options));
            let mut rows = 0;
            while let Ok(Some(row)) = reader.next() {
                black_box(&row);
                rows += 1;
            }
            assert_eq!(rows, ROWS);
        });
    });
    group.finish();
}

/// The largest request: 10 hosts with 10 accounts each.
fn full_request() -> Request {
    let entry = |target: u32| {
        let accounts = (0..10).map(|account| (target * 10 + account).to_string().into()).collect();
        let accounts = Accounts::Listed(UpToTen::new(accounts).expect("ten"));
        Entry { target: target.to_string().into(), accounts }
    };
    Request {
        action: bastion_revoke::model::Action::Detach,
        instance_id: "bastionhost-cn-abc123".to_owned(),
        region: "cn-hangzhou".to_owned(),
        grantee: Grantee { kind: GranteeKind::User, id: "17".to_owned() },
        kind: Kind::Host,
        entries: Entries::new((100..110).map(entry).collect()).expect("ten"),
    }
}

fn sign_request(bench: &mut Criterion) {
    let request = full_request();
    let mut bench = bench.benchmark_group("request");
    bench.throughput(Throughput::Elements(1));
    bench.bench_function("sign", |b| {
        b.iter(|| {
            let parameters = operation::parameters(black_box(&request));
            let pairs = parameters.iter().map(|(name, value)| (&**name, &**value));
            let form: sign::Form<'_> = pairs.collect();
            let signature = sign::v1_signature(
                "testsecret",
                &sign::v1_string_to_sign_of("POST", &[black_box(&form)]),
            );
            (form.into_text(), signature)
        });
    });
}

/// The answer that everything in a request is revoked.
fn answer_to(request: &Request, grantee: Option<&str>) -> String {
    let result = |entry: &Entry| {
        let Accounts::Listed(accounts) = &entry.accounts else { unreachable!() };
        let item = |id: &Name| serde_json::json!({ "Code": "OK", "HostAccountId": id });
        let items: Vec<_> = accounts.as_slice().iter().map(item).collect();
        let mut result = serde_json::json!({
            "Code": "OK", "HostId": entry.target, "HostAccounts": items,
        });
        if let Some(grantee) = grantee {
            result["UserId"] = grantee.into();
        }
        result
    };
    let results: Vec<_> = request.entries.as_slice().iter().map(result).collect();
    serde_json::json!({ "RequestId": "R", "Results": results }).to_string()
}

fn decode(bench: &mut Criterion) {
    let request = full_request();
    let body = answer_to(&request, Some("17"));
    let mut bench = bench.benchmark_group("answer");
    bench.throughput(Throughput::Elements(1));
    bench.bench_function("decode", |b| {
        b.iter(|| response::judge(&request, 200, black_box(body.as_bytes())));
    });
}

/// The records of a plan's requests: an intent and a result each.
fn records(plan: &Plan) -> Vec<Record> {
    let record = |request: usize| {
        let (attempt, grants) = (request as u64 + 1, GrantSet::range(plan.grants_of(request)));
        let intent =
            Record::Intent { attempt, grants: grants.clone(), at: jiff::Timestamp::UNIX_EPOCH };
        [intent, Record::Result { attempt, grants, result: answered() }]
    };
    (0..plan.requests()).flat_map(record).collect()
}

fn answered() -> AttemptResult {
    AttemptResult {
        state: AttemptState::Answered,
        last: false,
        code: "OK".into(),
        message: String::new(),
        request_id: "11111111-2222-4333-8444-555555555555".to_owned(),
        finished_at: jiff::Timestamp::UNIX_EPOCH,
        exceptions: Vec::new(),
    }
}

fn ledger_commit(bench: &mut Criterion) {
    let records = records(&Plan::new(collected(&rows())));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
    let fresh = || {
        let folder = tempfile::tempdir().expect("a folder");
        let job = JobSpec::default();
        let ledger = Ledger::create(&folder.path().join("ledger"), &job).expect("a ledger");
        let run = ledger.begin_run(jiff::Timestamp::UNIX_EPOCH).expect("a run");
        (folder, SqliteJournal::start(ledger, run).expect("a thread"))
    };
    let mut group = bench.benchmark_group("ledger");
    // The intents and results of 32 requests share a durable write; a single request waits for its
    // own.
    for together in [2, 64] {
        let some = records[..together].to_vec();
        group.throughput(Throughput::Elements(together as u64));
        group.bench_function(format!("commit {together} records"), |b| {
            b.iter_batched(
                || (fresh(), some.clone()),
                |((folder, journal), some)| {
                    runtime.block_on(journal.commit(some)).expect("a durable write");
                    (folder, journal)
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn pace_decision(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("pace");
    group.throughput(Throughput::Elements(1000));
    group.bench_function("decide", |b| {
        b.iter(|| {
            let mut pace = RateController::new(50.0);
            let mut now = Duration::ZERO;
            for request in 0..1000_u32 {
                now = now.max(pace.next_at(black_box(now)));
                pace.on(now, Event::Sent);
                let event = if request % 200 == 199 {
                    Event::Throttled { sent_at: now, wait: None }
                } else {
                    Event::Accepted { sent_at: now }
                };
                pace.on(now + Duration::from_millis(100), event);
            }
            pace.rate_per_s()
        });
    });
    group.finish();
}

fn outcome_write(bench: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a folder");
    let list = folder.path().join("list.csv");
    write_rows(&mut std::fs::File::create(&list).expect("a file"));
    let plan = Plan::new(collected(&rows()));
    let mut verdicts = Verdicts::new(plan.grants());
    for request in 0..plan.requests() {
        verdicts.record(&GrantSet::range(plan.grants_of(request)), &answered());
    }
    let options = Arc::new(Options::default());
    let mut group = bench.benchmark_group("outcome");
    group.throughput(Throughput::Elements(ROWS as u64));
    group.bench_function("write", |b| {
        b.iter(|| {
            let columns = ["note", "user", "kind", "target", "account"].map(str::to_owned);
            let source = Source::file(list.clone());
            let reader = Reader::with_columns(vec![source], Arc::clone(&options), columns.to_vec());
            let outcome = Outcome {
                rows: plan.rows(),
                verdicts: &verdicts,
                rehearsal: false,
                protected: false,
                is_chosen_from: false,
                excel: false,
                has_names: false,
            };
            outcome.write(reader, &folder.path().join("outcome.csv")).expect("an outcome")
        });
    });
    group.finish();
}

/// A network that answers immediately.
struct Instant(WireAnswer);

impl Transport for Instant {
    async fn send(&self, _: WireRequest) -> Result<WireAnswer, SendError> {
        Ok(self.0.clone())
    }
}

/// All work between the plan and the network, for full requests of many users.
fn engine(bench: &mut Criterion) {
    const REQUESTS: usize = 1000;
    let request = full_request();
    let mut collector = Collector::default();
    for user in 0..REQUESTS {
        let id = user.to_string();
        for (target, account) in request.items() {
            let taken = collector.push(&Grant {
                instance_id: &request.instance_id,
                region: &request.region,
                grantee: Grantee { kind: GranteeKind::User, id: &id },
                kind: Kind::Host,
                target,
                account,
            });
            assert!(taken.is_ok());
        }
    }
    let plan = Arc::new(Plan::new(collector.finish()));
    let answer = WireAnswer {
        status: 200,
        headers: HeaderMap::new(),
        body: answer_to(&request, None).into(),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.expect("a runtime");
    let mut group = bench.benchmark_group("engine");
    group.throughput(Throughput::Elements(REQUESTS as u64));
    group.bench_function("request", |b| {
        b.iter(|| {
            let endpoint = endpoint::parse("http://127.0.0.1:1").expect("an address");
            let endpoints = Endpoints::new(Some(endpoint), []).expect("an endpoint");
            let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
            let keys = Credentials {
                access_key_id: "testid".to_owned(),
                access_key_secret: Secret::new("testsecret".to_owned()),
                security_token: None,
            };
            let transport = Instant(answer.clone());
            let engine = Engine {
                client: Arc::new(Client::new(transport, endpoints, keys, Arc::clone(&clock))),
                journal: Arc::new(MemoryJournal),
                clock,
                settings: Settings {
                    rate_per_s: UNLIMITED_PER_S,
                    concurrency: 64,
                    max_attempts: 8,
                    deadline: None,
                    canary: None,
                    fail_over: None,
                    seed: 1,
                },
                control: watch::channel(Control::Run).1,
                plan: Arc::clone(&plan),
            };
            let verdicts = Verdicts::new(plan.grants());
            let start = LedgerState::from_verdicts(verdicts);
            let ended = runtime.block_on(engine.run_from(UNLIMITED_PER_S, start, &mut |_| {}));
            assert_eq!(ended.verdicts.settled(), plan.grants());
        });
    });
    group.finish();
}

criterion_group! {
    name = stages;
    config = Criterion::default().sample_size(20);
    targets = plan, parse, sign_request, decode, engine, ledger_commit, pace_decision, outcome_write
}
criterion_main!(stages);
