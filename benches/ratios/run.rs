//! `run` from its start to its first request: a new job, and one that is half done.

use crate::Line;
use crate::outcome::{answered, planned};
use crate::plan::{plan, write_list};
use crate::process;
use bastion_revoke::ledger::{GrantSet, Journal, Ledger, Record, SqliteJournal};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

const ROWS: usize = 1_000_000;

/// The measurements of a run up to its first request, after which it is killed.
struct Begun {
    wall: Duration,
    peak_bytes: u64,
}

/// Starts a run and waits for its first connection, on which it sends the first request.
fn begin(listener: &TcpListener, list: &Path, out: &Path, more: &[&str]) -> anyhow::Result<Begun> {
    let endpoint = format!("http://{}", listener.local_addr()?);
    let mut command = process::ours();
    command.args(["run", "--yes", "--quiet", "--endpoint", &endpoint]).args(more);
    command.arg("--out").arg(out).arg(list);
    // Connections of the previous run, which was killed, may be waiting to be accepted.
    while listener.accept().is_ok() {}
    let started = Instant::now();
    let mut child = command.spawn()?;
    let _connection: TcpStream = loop {
        if let Ok((connection, _)) = listener.accept() {
            break connection;
        }
        anyhow::ensure!(child.try_wait()?.is_none(), "the run ended before its first request");
        process::pause();
    };
    let wall = started.elapsed();
    let peak_bytes = process::peak_of(child.id()).unwrap_or(0);
    process::kill(child)?;
    Ok(Begun { wall, peak_bytes })
}

/// Records in the ledger that the first half of the planned requests is done.
fn half_done(list: &Path, out: &Path) -> anyhow::Result<()> {
    let (plan, _) = planned(list)?;
    let ledger = Ledger::open(Path::new(&format!("{}.ledger", out.display())))?;
    let run = ledger.begin_run(jiff::Timestamp::UNIX_EPOCH)?;
    let journal = SqliteJournal::start(ledger, run)?;
    let mut records = Vec::new();
    for request in 0..plan.requests() / 2 {
        let attempt = request as u64 + 1000;
        let grants = GrantSet::range(plan.grants_of(request));
        let at = jiff::Timestamp::UNIX_EPOCH;
        records.push(Record::Intent { attempt, grants: grants.clone(), at });
        records.push(Record::Result { attempt, grants, result: answered(request) });
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    runtime.block_on(journal.commit(records))?;
    drop(journal.stop());
    Ok(())
}

pub(crate) fn measure(folder: &Path) -> anyhow::Result<()> {
    let list = folder.join("run.csv");
    write_list(ROWS, true, &list)?;
    let out = folder.join("run-outcome.csv");
    // The same for all runs, because a job at another endpoint would be another job.
    let listener = TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let (mut fresh, mut resumed) = (Duration::MAX, Duration::MAX);
    let (mut planning, mut planning_peak, mut running_peak) = (Duration::MAX, 0, 0);
    // Short enough for more rounds than the others: the speed of a shared machine changes within
    // seconds.
    for _ in 0..9 {
        let (took, _) = plan(&list)?;
        planning = planning.min(took.wall);
        planning_peak = took.peak_bytes.max(planning_peak);
        let begun = begin(&listener, &list, &out, &["--restart"])?;
        fresh = fresh.min(begun.wall);
        running_peak = begun.peak_bytes.max(running_peak);
        // The request that was in flight at the kill does not belong to the first half.
        half_done(&list, &out)?;
        let begun = begin(&listener, &list, &out, &[])?;
        resumed = resumed.min(begun.wall);
        running_peak = begun.peak_bytes.max(running_peak);
    }
    let s = |time: Duration| format!("{:.2} s", time.as_secs_f64());
    Line {
        what: format!("run to the first request, {ROWS} rows"),
        ours: s(fresh),
        reference: "1 s".to_owned(),
        ratio: fresh.as_secs_f64(),
        most: 1.0,
    }
    .print();
    Line {
        what: format!("half-done run to the first request, {ROWS} rows"),
        ours: s(resumed),
        reference: format!("plan {}; a new run to its first request {}", s(planning), s(fresh)),
        ratio: resumed.as_secs_f64() / planning.as_secs_f64(),
        most: 1.5,
    }
    .print();
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let ratio = running_peak as f64 / planning_peak as f64;
    Line {
        what: format!("run up to the first request, {ROWS} rows: peak memory"),
        ours: format!("{} MiB", running_peak >> 20),
        reference: format!("plan {} MiB", planning_peak >> 20),
        ratio,
        most: 1.3,
    }
    .print();
    Ok(())
}
