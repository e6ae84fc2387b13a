//! `status`: the state of a run, read from its ledger.
//!
//! The run is not disturbed: the ledger is opened read-only for each reading, and no lock is held.

use crate::cli::status::StatusArgs;
use crate::clock::{SystemClock, WallClock as _};
use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use crate::ledger::{Ledger, LedgerError};
use crate::report::print;
use crate::report::run_status::{RunState, status_json, status_text};
use crate::verdicts::RunStatus;
use std::io::IsTerminal as _;
use std::time::Duration;
use tokio::time::Instant;

/// The minimum interval of readings.
const INTERVAL: Duration = Duration::from_secs(2);
/// A reading takes at most one part in so many of the time.
const DUTY: u32 = 5;

/// Prints the state of a run.
pub async fn status(args: &StatusArgs) -> Result<Exit, Failure> {
    let files = RunFiles::new(args.out.clone());
    let is_redrawn = args.watch && !args.json && std::io::stdout().is_terminal();
    let mut lines = 0;
    loop {
        let began = Instant::now();
        let (status, state) = read(&files)?;
        if args.json && args.watch {
            print::line(&status_json(&status, state).to_string())?;
        } else if args.json {
            print::json(&status_json(&status, state))?;
        } else {
            let text = status_text(&status, state, &args.out.display().to_string());
            // Moves the cursor to the start of the last output, and clears from there.
            let clear = if lines > 0 { format!("\x1b[{lines}A\x1b[J") } else { String::new() };
            print::text(&format!("{clear}{text}"))?;
            lines = if is_redrawn { text.lines().count() } else { 0 };
        }
        if !args.watch || state != RunState::Running {
            return Ok(Exit::Done);
        }
        tokio::time::sleep(INTERVAL.max(began.elapsed() * DUTY)).await;
    }
}

fn read(files: &RunFiles) -> Result<(RunStatus, RunState), Failure> {
    let path = files.ledger();
    let missing = || {
        let message = format!(
            "{}: no such ledger; give the --out of a run, such as outcome.csv",
            path.display()
        );
        Failure::new(Exit::MissingInput, message)
    };
    if !path.exists() {
        return Err(missing());
    }
    // Before the ledger: a run that ends in between is then reported as running, not as killed.
    let is_locked = files.is_locked();
    let ledger = match Ledger::open_read_only(&path) {
        Err(LedgerError::NeverBegun) => return Err(missing()),
        ledger => ledger?,
    };
    let status = RunStatus::read(&ledger, SystemClock.now())?;
    let state = RunState::of(&status, is_locked);
    Ok((status, state))
}
