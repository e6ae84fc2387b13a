//! Whole runs against the simulated service: their peak memory, and their duration with a quota.

use crate::Line;
use crate::plan::{plan, write_list};
use crate::process;
use anyhow::Context;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

const ROWS: usize = 1_000_000;

/// `simulate`, which is stopped when this is dropped.
struct Simulated {
    child: Child,
    endpoint: String,
}

impl Simulated {
    fn start(args: &[&str]) -> anyhow::Result<Self> {
        let mut command = process::ours();
        command.args(["simulate", "--port", "0"]).args(args);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let mut output = String::new();
        let stdout = child.stdout.take().context("its output")?;
        BufReader::new(stdout).read_line(&mut output)?;
        let endpoint =
            output.trim().strip_prefix("listening on ").context("an address")?.to_owned();
        Ok(Self { child, endpoint })
    }
}

impl Drop for Simulated {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs the list and measures the process.
fn run(
    list: &Path,
    out: &Path,
    service: &Simulated,
    args: &[&str],
) -> anyhow::Result<process::Took> {
    let mut command = process::ours();
    command.args(["run", "--yes", "--quiet", "--restart", "--endpoint", &service.endpoint]);
    let (took, _) = process::run(command.args(args).arg("--out").arg(out).arg(list))?;
    Ok(took)
}

/// The peak memory of a whole run, compared with that of a plan.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn memory(folder: &Path) -> anyhow::Result<()> {
    let list = folder.join("whole.csv");
    write_list(ROWS, true, &list)?;
    let (planning, _) = plan(&list)?;
    let service = Simulated::start(&[])?;
    // Without a quota, at the highest rate that the controller reaches.
    let args = ["--rate", "100000", "--concurrency", "64"];
    let running = run(&list, &folder.join("whole-outcome.csv"), &service, &args)?;
    Line {
        what: format!("run to its end, {ROWS} rows: peak memory"),
        ours: format!("{} MiB", running.peak_bytes >> 20),
        reference: format!("plan {} MiB", planning.peak_bytes >> 20),
        ratio: running.peak_bytes as f64 / planning.peak_bytes as f64,
        most: 1.3,
    }
    .print();
    Ok(())
}

/// The duration of a run with a quota of 50 per second and answers after 100 ms: 8 minutes.
#[expect(clippy::cast_precision_loss, reason = "figures for people")]
pub(crate) fn quota(folder: &Path) -> anyhow::Result<()> {
    const QUOTA_PER_S: &str = "50";
    let list = folder.join("quota.csv");
    write_list(ROWS, true, &list)?;
    let (_, output) = process::run(process::ours().args(["plan", "--json"]).arg(&list))?;
    let plan: serde_json::Value = serde_json::from_str(&output)?;
    let requests = plan["requests"].as_object().context("requests by operation")?;
    let most = requests.values().filter_map(serde_json::Value::as_u64).max().context("some")?;
    let seconds = most as f64 / QUOTA_PER_S.parse::<f64>()?;
    let slow = ["--quota", QUOTA_PER_S, "--fault", "slow-answer=1", "--slow", "100ms"];
    let service = Simulated::start(&slow)?;
    let out = folder.join("quota-outcome.csv");
    let took = run(&list, &out, &service, &["--rate", QUOTA_PER_S])?;
    Line {
        what: format!("run of {ROWS} rows at {QUOTA_PER_S}/s, answers after 100 ms"),
        ours: format!("{:.1} s", took.wall.as_secs_f64()),
        reference: format!("{most} requests of one operation / quota: {seconds:.1} s"),
        ratio: took.wall.as_secs_f64() / seconds,
        most: 1.03,
    }
    .print();
    Ok(())
}
