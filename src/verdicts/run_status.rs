//! The state of a run according to its ledger, while it runs or afterwards.

use super::LedgerState;
use crate::ledger::{Attempt, AttemptState, JobSize, JobSpec, Ledger, LedgerError, RunRecord};
use crate::model::{Action, Status};
use jiff::Timestamp;
use std::time::Duration;

/// The rates are measured over this time before the present, or before the end of the run.
const PACE_WINDOW: Duration = Duration::from_secs(60);

/// The state of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunStatus {
    /// Whether grants are revoked or granted.
    pub action: Action,
    /// Its planned size.
    pub size: JobSize,
    /// The last run of the command on this job.
    pub last_run: RunRecord,
    /// How often the command was run on this job.
    pub runs: u64,
    /// Settled grants by status.
    pub settled: [u64; Status::ALL.len()],
    /// Grants that are not settled.
    pub left: u64,
    /// Sent requests, including repeats.
    pub sent: u64,
    /// Those of them that were throttled.
    pub throttled: u64,
    /// Those without a usable answer.
    pub lost: u64,
    /// Requests without a recorded answer: in flight, or published to a queue.
    pub unanswered: u64,
    /// Grants settled per second in the last minute.
    pub grants_per_s: f64,
    /// Requests sent per second in the last minute, throttled ones included.
    pub requests_per_s: f64,
}

impl RunStatus {
    /// Reads the ledger. `now` is the present, for a run that has not ended.
    pub fn read(ledger: &Ledger, now: Timestamp) -> Result<Self, LedgerError> {
        let JobSpec { size, action, .. } = ledger.job()?;
        let runs = ledger.runs()?;
        let last_run = runs.last().cloned().unwrap_or_default();
        let mut tally = Tally::new((action, size.grants), &last_run, now);
        ledger.attempts(|attempt| tally.add(attempt))?;
        if !tally.state.is_sound() {
            return Err(ledger.contradictory());
        }
        let verdicts = &tally.state.verdicts;
        let mut settled = [0; Status::ALL.len()];
        for grant in verdicts.all().filter(|grant| verdicts.is_settled(*grant)) {
            settled[verdicts.status(grant) as usize] += 1;
        }
        let window_s = tally.window_s.max(1.0);
        Ok(Self {
            action,
            size,
            last_run,
            runs: runs.len() as u64,
            settled,
            left: (verdicts.len() - verdicts.settled()) as u64,
            sent: tally.sent,
            throttled: tally.throttled,
            lost: tally.lost,
            unanswered: tally.unanswered,
            grants_per_s: number(tally.settled_in_window) / window_s,
            requests_per_s: number(tally.sent_in_window) / window_s,
        })
    }

    /// Settled grants.
    pub fn done(&self) -> u64 {
        self.settled.iter().sum()
    }

    /// Settled grants of a status.
    pub fn with(&self, status: Status) -> u64 {
        self.settled[status as usize]
    }

    /// The expected time until everything is settled, in seconds; `None` if nothing was settled
    /// lately.
    pub fn seconds_left(&self) -> Option<f64> {
        (self.grants_per_s > 0.0).then(|| number(self.left) / self.grants_per_s)
    }
}

/// Attempts counted so far.
struct Tally {
    state: LedgerState,
    from: Timestamp,
    window_s: f64,
    sent: u64,
    throttled: u64,
    lost: u64,
    unanswered: u64,
    settled_in_window: u64,
    sent_in_window: u64,
}

impl Tally {
    fn new((action, grants): (Action, usize), run: &RunRecord, now: Timestamp) -> Self {
        let end = run.ended_at.unwrap_or(now);
        let window = end.checked_sub(PACE_WINDOW).unwrap_or(end);
        let from = run.started_at.map_or(window, |started| started.max(window));
        Self {
            // An attempt without an answer may still be answered, so it is neither settled nor lost.
            state: LedgerState::of_action(action, grants).with_pending_attempts(),
            from,
            window_s: end.duration_since(from).as_secs_f64(),
            sent: 0,
            throttled: 0,
            lost: 0,
            unanswered: 0,
            settled_in_window: 0,
            sent_in_window: 0,
        }
    }

    fn add(&mut self, attempt: Attempt) {
        let Some(result) = &attempt.result else {
            self.unanswered += 1;
            return self.state.apply(attempt);
        };
        let (state, is_recent) = (result.state, result.finished_at >= self.from);
        let was_sent = !matches!(state, AttemptState::Unconnected | AttemptState::Withdrawn);
        self.sent += u64::from(was_sent);
        self.throttled += u64::from(state == AttemptState::Throttled);
        self.lost += u64::from(state == AttemptState::Lost);
        let settled = self.state.verdicts.settled();
        self.state.apply(attempt);
        if is_recent {
            self.sent_in_window += u64::from(was_sent);
            self.settled_in_window += (self.state.verdicts.settled() - settled) as u64;
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
fn number(count: u64) -> f64 {
    count as f64
}
