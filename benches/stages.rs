//! How fast the stages are by themselves: `cargo bench`.
//!
//! None of them decides how long a run takes, which is requests divided by the quota; these
//! benches are here to notice when that stops being true.

use bastion_revoke::api::{operation, response, sign};
use bastion_revoke::grants::{Collector, Grants};
use bastion_revoke::input::{Options, Reader, Source};
use bastion_revoke::model::{
    Account, Accounts, Entries, Entry, Grant, Grantee, GranteeKind, Kind, Request, UpToTen,
};
use bastion_revoke::plan::Plan;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;
use std::io::Write as _;
use std::sync::Arc;

const ROWS: usize = 20_000;

/// Rows as an audit lists them: some users, a few targets each, some accounts on each.
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

fn parse(bench: &mut Criterion) {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    writeln!(file, "note,user,kind,target,account").expect("a row");
    for (user, target, account) in rows() {
        writeln!(file, "left the company,{user},host,{target},{account}").expect("a row");
    }
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

/// As large as a request may be: 10 hosts with 10 accounts each.
fn full_request() -> Request {
    let entry = |target: u32| {
        let accounts = (0..10).map(|account| (target * 10 + account).to_string()).collect();
        let accounts = Accounts::Listed(UpToTen::new(accounts).expect("ten"));
        Entry { target: target.to_string(), accounts }
    };
    Request {
        instance_id: "bastionhost-cn-abc123".to_owned(),
        region: "cn-hangzhou".to_owned(),
        grantee: Grantee { kind: GranteeKind::User, id: "17".to_owned() },
        kind: Kind::Host,
        entries: Entries::new((100..110).map(entry).collect()).expect("ten"),
    }
}

fn sign_request(bench: &mut Criterion) {
    let request = full_request();
    bench.bench_function("sign", |b| {
        b.iter(|| {
            let parameters = operation::parameters(black_box(&request));
            let pairs: Vec<sign::Pair<'_>> =
                parameters.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            sign::v1_signature("testsecret", &sign::v1_string_to_sign("POST", &pairs))
        });
    });
}

fn decode(bench: &mut Criterion) {
    let request = full_request();
    let results: Vec<serde_json::Value> = request
        .entries
        .as_slice()
        .iter()
        .map(|entry| {
            let Accounts::Listed(accounts) = &entry.accounts else { unreachable!() };
            let item = |id: &String| serde_json::json!({ "Code": "OK", "HostAccountId": id });
            let items: Vec<_> = accounts.as_slice().iter().map(item).collect();
            serde_json::json!({
                "Code": "OK", "UserId": "17", "HostId": entry.target, "HostAccounts": items,
            })
        })
        .collect();
    let body = serde_json::json!({ "RequestId": "R", "Results": results }).to_string();
    bench.bench_function("decode", |b| {
        b.iter(|| response::judge(&request, 200, black_box(body.as_bytes())));
    });
}

criterion_group! {
    name = stages;
    config = Criterion::default().sample_size(20);
    targets = plan, parse, sign_request, decode
}
criterion_main!(stages);
