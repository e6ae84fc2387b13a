//! `plan`, compared with the same question to `DuckDB` on the same file.

use crate::list::{Form, list, write_header, write_row};
use crate::process::{self, Took};
use crate::{Line, list::Row};
use anyhow::Context;
use fastrand::Rng;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// The bound of a plan's memory: bytes per row, besides the distinct strings.
const BYTES_A_ROW: usize = 48;

/// A query for the number of requests.
const QUERY: &str = r#"
import duckdb, sys, time
connection = duckdb.connect(config={"threads": 2})
connection.execute("SET enable_progress_bar = false")
started = time.monotonic()
requests = int(connection.execute(f"""
WITH f AS (SELECT * FROM read_csv('{sys.argv[1]}', all_varchar=true)),
t AS (SELECT kind,"user",target, CASE WHEN bool_or(account='*') THEN 1
      ELSE ceil(count(DISTINCT account)/10.0) END s FROM f GROUP BY ALL),
g AS (SELECT kind,"user", greatest(ceil(sum(s)/10.0), max(s)) m FROM t GROUP BY ALL)
SELECT sum(m) FROM g""").fetchone()[0])
print(requests, time.monotonic() - started)
"#;

/// Writes the rows, sorted or shuffled, and returns the size of their distinct strings in bytes.
pub(crate) fn write_list(rows: usize, shuffled: bool, to: &Path) -> anyhow::Result<usize> {
    let mut rng = Rng::with_seed(5);
    let mut all: Vec<Row> = Vec::with_capacity(rows);
    list(rows, &mut rng, |row| {
        all.push(row.clone());
        Ok(())
    })?;
    if shuffled {
        rng.shuffle(&mut all);
    }
    let mut out = BufWriter::new(File::create(to)?);
    write_header(&mut out, Form::Bare)?;
    all.iter().try_for_each(|row| write_row(&mut out, row, Form::Bare))?;
    out.flush()?;
    drop(all);
    let text = std::fs::read_to_string(to)?;
    let fields = text.lines().flat_map(|line| line.split(','));
    let distinct: std::collections::HashSet<&str> = fields.collect();
    Ok(distinct.into_iter().map(str::len).sum())
}

/// Runs `plan` and also returns its number of requests.
pub(crate) fn plan(list: &Path) -> anyhow::Result<(Took, u64)> {
    let (took, output) = process::run(process::ours().args(["plan", "--json"]).arg(list))?;
    let plan: serde_json::Value = serde_json::from_str(&output)?;
    let requests = plan["requests"].as_object().context("requests by operation")?;
    Ok((took, requests.values().filter_map(serde_json::Value::as_u64).sum()))
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn measure(rows: usize, python: Option<&Path>, folder: &Path) -> anyhow::Result<()> {
    for shuffled in [false, true] {
        let order = if shuffled { "shuffled" } else { "sorted" };
        let path = folder.join(format!("{order}.csv"));
        let strings = write_list(rows, shuffled, &path)?;
        let (mut ours, mut theirs) = (None, None);
        for _ in 0..3 {
            let (took, requests) = plan(&path)?;
            ours = Some(took.better(ours));
            if let Some(python) = python {
                let query = &mut Command::new(python);
                let (took, output) = process::run(query.args(["-c", QUERY]).arg(&path))?;
                let (their_requests, seconds) =
                    output.trim().split_once(' ').context("two numbers")?;
                let same = their_requests == requests.to_string();
                anyhow::ensure!(same, "DuckDB says {output} requests, and the plan {requests}");
                // Only the query: without the interpreter's start and the import.
                let wall = Duration::from_secs_f64(seconds.parse()?);
                theirs = Some(process::Took { wall, ..took }.better(theirs));
            }
        }
        let ours = ours.context("three runs")?;
        let what = format!("plan, {rows} rows {order}");
        let described = |took: Took| {
            let (wall, cpu) = (took.wall.as_secs_f64(), took.cpu.as_secs_f64());
            format!("{wall:.2} s, {cpu:.2} s of CPU, {} MiB", took.peak_bytes >> 20)
        };
        match theirs {
            None => println!("| {what} | {} | DuckDB: not given | | | |", described(ours)),
            Some(theirs) => Line {
                what: what.clone(),
                ours: described(ours),
                reference: format!("DuckDB {}", described(theirs)),
                ratio: ours.wall.as_secs_f64() / theirs.wall.as_secs_f64(),
                most: 0.7,
            }
            .print(),
        }
        let allowed = rows * BYTES_A_ROW + strings;
        Line {
            what: format!("{what}: peak memory"),
            ours: format!("{:.1} bytes a row", ours.peak_bytes as f64 / rows as f64),
            reference: format!("{BYTES_A_ROW} a row and {} MiB of strings", strings >> 20),
            ratio: ours.peak_bytes as f64 / allowed as f64,
            most: 1.0,
        }
        .print();
    }
    Ok(())
}
