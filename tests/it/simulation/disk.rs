//! A simulated disk. A commit takes time; a crash during a commit keeps or loses all of it, as
//! with SQLite's transactions.

use bastion_revoke::ledger::{Attempt, AttemptId, Journal, JournalError, Record};
use bastion_revoke::plan::{GrantId, Plan};
use bastion_revoke::verdicts::LedgerState;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Timing and failure rate of commits.
#[derive(Debug, Clone, Copy)]
pub(super) struct DiskModel {
    /// The longest commit.
    pub(super) slowest: Duration,
    /// Probability that a commit fails.
    pub(super) failing: f64,
}

/// The ledger's disk, which survives every crash.
#[derive(Debug)]
pub(super) struct Disk {
    state: Mutex<State>,
    model: DiskModel,
}

#[derive(Debug)]
struct State {
    random: fastrand::Rng,
    attempts: BTreeMap<AttemptId, Attempt>,
    /// Intents of this run without a request so far, keyed by their sorted grants.
    intents: HashMap<Vec<GrantId>, u32>,
}

impl Disk {
    pub(super) fn new(model: DiskModel, seed: u64) -> Arc<Self> {
        let state = State {
            random: fastrand::Rng::with_seed(seed),
            attempts: BTreeMap::new(),
            intents: HashMap::new(),
        };
        Arc::new(Self { state: Mutex::new(state), model })
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The start of the next run, from the ledger exactly as the command reads it.
    pub(super) fn replay(&self, plan: &Plan) -> LedgerState {
        let mut state = LedgerState::of_action(plan.action(), plan.grants());
        for attempt in self.state().attempts.values() {
            state.apply(attempt.clone());
        }
        assert!(state.is_sound(), "the ledger matches the plan");
        state
    }

    /// Starts a new run: intents of the previous run do not cover its requests.
    pub(super) fn restart(&self) {
        self.state().intents.clear();
    }

    /// Records a request for these grants; returns false if it has no durable intent.
    pub(super) fn covers(&self, mut grants: Vec<GrantId>) -> bool {
        grants.sort_unstable();
        let mut state = self.state();
        let left = state.intents.get_mut(&grants).filter(|left| **left > 0);
        left.map(|left| *left -= 1).is_some()
    }

    /// For each grant, whether an intent was ever written.
    pub(super) fn intended(&self, grants: usize) -> Vec<bool> {
        let mut intended = vec![false; grants];
        for attempt in self.state().attempts.values() {
            attempt.grants.iter().for_each(|grant| intended[grant as usize] = true);
        }
        intended
    }
}

impl State {
    fn write(&mut self, records: Vec<Record>) {
        for record in records {
            match record {
                Record::Intent { attempt: id, grants, at } => {
                    let mut sorted: Vec<GrantId> = grants.iter().collect();
                    sorted.sort_unstable();
                    *self.intents.entry(sorted).or_default() += 1;
                    let attempt = Attempt { id, grants, intended_at: at, result: None };
                    let before = self.attempts.insert(id, attempt);
                    assert!(before.is_none(), "attempt {id} is intended twice");
                }
                Record::Result { attempt: id, grants, result } => {
                    let attempt = self.attempts.get_mut(&id).expect("a result has an intent");
                    assert_eq!(attempt.grants, grants, "a result is about what was intended");
                    assert!(attempt.result.is_none(), "attempt {id} ends twice");
                    attempt.result = Some(result);
                }
            }
        }
    }
}

/// A commit in progress. If it is dropped, a coin toss decides whether its records are durable.
struct RunningCommit<'a> {
    disk: &'a Disk,
    records: Vec<Record>,
}

impl Drop for RunningCommit<'_> {
    fn drop(&mut self) {
        let records = std::mem::take(&mut self.records);
        if records.is_empty() || std::thread::panicking() {
            return;
        }
        let mut state = self.disk.state();
        if state.random.bool() {
            state.write(records);
        }
    }
}

impl Journal for Disk {
    async fn commit(&self, records: Vec<Record>) -> Result<(), JournalError> {
        let (takes, fails) = {
            let mut state = self.state();
            let share = state.random.f64();
            // Mostly fast, now and then slow.
            let takes = self.model.slowest.mul_f64(share * share * share);
            (takes, state.random.f64() < self.model.failing)
        };
        let mut in_flight = RunningCommit { disk: self, records };
        tokio::time::sleep(takes).await;
        if fails {
            return Err(JournalError("no space left on the simulated disk".to_owned()));
        }
        let records = std::mem::take(&mut in_flight.records);
        self.state().write(records);
        Ok(())
    }
}
