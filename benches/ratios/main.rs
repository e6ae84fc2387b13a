//! The ratios that this project promises, in one table: `cargo bench --bench ratios`.
//!
//! ```text
//! cargo bench --bench ratios -- [ROWS] [PYTHON] [PART]
//! ```
//!
//! The default of `ROWS` is 1,000,000. `PART` is one of `plan`, `outcome`, `run`, `sending` and
//! `memory`; all of them by default. The part `quota` takes eight minutes and must be named.
//! `PYTHON` is an interpreter with the package `duckdb`; without it, the table has no comparison
//! with `DuckDB`. Each reference is measured in the same run, alternating with its counterpart, and
//! the best of three counts: other load on the machine affects both.

#![expect(clippy::print_stdout, reason = "the table is the output")]

#[path = "../../examples/generate/list.rs"]
#[expect(dead_code, reason = "not every form of list is measured")]
mod list;
mod minimal;
mod outcome;
mod plan;
mod process;
mod run;
mod sending;
mod service;
mod whole;

use anyhow::Context;
use std::path::PathBuf;

/// One line of the table.
struct Line {
    what: String,
    ours: String,
    reference: String,
    ratio: f64,
    most: f64,
}

impl Line {
    fn print(&self) {
        let Self { what, ours, reference, ratio, most } = self;
        let kept = if ratio <= most { "kept" } else { "MISSED" };
        println!("| {what} | {ours} | {reference} | {ratio:.2} | {most:.2} | {kept} |");
    }
}

fn main() -> anyhow::Result<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let first = arguments.next();
    if first.as_deref() == Some(service::SERVE) {
        return service::serve();
    }
    let rows: usize = match first {
        Some(rows) => rows.parse().context("ROWS is a number")?,
        None => 1_000_000,
    };
    let python = arguments.next().map(PathBuf::from);
    let folder = tempfile::tempdir()?;
    println!("| what | ours | reference | ratio | at most | |\n|---|---|---|---|---|---|");
    let part = arguments.next();
    let wanted = |name: &str| part.as_deref().is_none_or(|part| part == name);
    if wanted("plan") {
        plan::measure(rows, python.as_deref(), folder.path())?;
    }
    if wanted("outcome") {
        outcome::measure(rows, folder.path())?;
    }
    if wanted("run") {
        run::measure(folder.path())?;
    }
    if wanted("sending") {
        sending::measure(folder.path())?;
    }
    if wanted("memory") {
        whole::memory(folder.path())?;
    }
    if part.as_deref() == Some("quota") {
        whole::quota(folder.path())?;
    }
    Ok(())
}
