//! The journal of a batch, stored in Redis: an intent is counted before its request leaves, and an
//! entry whose grants are all settled gets its outcome in the step that acknowledges it.
//!
//! A batch has two folds of its results, this one and the engine's. The outcome must be stored
//! before the engine may count the result, so the journal needs a verdict one commit earlier than
//! the engine has it. One shared fold would have to be undone when a commit fails, or copied for
//! each commit, in every journal. A second fold is simpler: it is the same
//! [`Verdicts::record`], on at most a batch of grants with six bytes each.

use super::batch::Batch;
use super::entry::{Entry, EntryUpdate};
use super::outcome_message::{self, UnitAnswer};
use super::store::EntryStore;
use crate::clock::WallClock;
use crate::ledger::{
    AttemptId, AttemptResult, AttemptState, Exception, GrantSet, Journal, JournalError, Record,
};
use crate::model::Status;
use crate::verdicts::Verdicts;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The journal of one batch.
#[derive(Debug)]
pub struct BatchJournal {
    batch: Arc<Batch>,
    store: Arc<EntryStore>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    verdicts: Verdicts,
    entries: Vec<Progress>,
    /// Intents that are not in Redis: their requests must not be sent.
    unstored: BTreeSet<AttemptId>,
}

#[derive(Debug, Clone, Default)]
struct Progress {
    done: bool,
    sent: i64,
    doubt: i64,
    answers: Vec<UnitAnswer>,
}

impl BatchJournal {
    /// A journal for a batch that starts now.
    pub fn new(batch: Arc<Batch>, store: Arc<EntryStore>, clock: &dyn WallClock) -> Self {
        let now = clock.now();
        let verdicts = batch.start(now);
        let entries = batch.entries.iter().map(|entry| {
            let size = entry.unit.as_ref().map_or(0, |unit| unit.size());
            let answers =
                if size > 0 { outcome_message::earlier(size, entry.before, now) } else { vec![] };
            Progress { answers, ..Progress::default() }
        });
        let entries = entries.collect();
        let state = Mutex::new(State { verdicts, entries, unstored: BTreeSet::new() });
        Self { batch, store, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Only an assertion can panic while the lock is held, and that ends the run.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The unfinished entries that are still held, with their current counters.
    pub fn unfinished(&self, entries: &[Entry]) -> Vec<Entry> {
        let state = self.state();
        let places: BTreeMap<&str, usize> = self
            .batch
            .entries
            .iter()
            .enumerate()
            .map(|(at, entry)| (entry.id.as_str(), at))
            .collect();
        let unfinished = entries.iter().filter_map(|entry| {
            let progress = &state.entries[*places.get(entry.id.as_str())?];
            let add = |count: u32, more: i64| {
                u32::try_from((i64::from(count) + more).max(0)).unwrap_or(u32::MAX)
            };
            let sent = add(entry.sent, progress.sent);
            let doubt = add(entry.doubt, progress.doubt).min(sent);
            let is_unfinished = !progress.done && self.store.leases.is_held(&entry.id);
            is_unfinished.then(|| Entry { sent, doubt, ..entry.clone() })
        });
        unfinished.collect()
    }

    /// The updates of entries for these records: their counters, and the outcomes of finished ones.
    fn updates(&self, records: &[Record]) -> Vec<EntryUpdate> {
        let mut state = self.state();
        let mut counts: BTreeMap<usize, (i64, i64)> = BTreeMap::new();
        for record in records {
            match record {
                Record::Intent { grants, .. } => {
                    for at in self.batch.entries_of(grants) {
                        let count = counts.entry(at).or_default();
                        *count = (count.0 + 1, count.1 + 1);
                    }
                }
                Record::Result { grants, result, .. } => {
                    state.verdicts.record(grants, result);
                    for at in self.batch.entries_of(grants) {
                        let (sent, doubt) = self.resolved(at, grants, result);
                        let count = counts.entry(at).or_default();
                        *count = (count.0 - sent, count.1 - doubt);
                        self.add_answer(&mut state, at, grants, result);
                    }
                }
            }
        }
        let updates = counts.into_iter().filter_map(|(at, (sent, doubt))| {
            let entry = &self.batch.entries[at];
            let progress = &state.entries[at];
            if progress.done {
                return None;
            }
            let is_done = entry.grants.iter().all(|grant| state.verdicts.is_settled(*grant));
            let outcome = is_done.then(|| self.outcome(&state, at));
            state.entries[at].sent += sent;
            state.entries[at].doubt += doubt;
            state.entries[at].done = is_done;
            (is_done || (sent, doubt) != (0, 0)).then(|| EntryUpdate {
                id: entry.id.clone(),
                sent,
                doubt,
                outcome,
                dead: false,
                unit: entry.unit_name(),
            })
        });
        updates.collect()
    }

    /// By how much a result lowers the counts of sendings and of sendings in doubt.
    fn resolved(&self, at: usize, grants: &GrantSet, result: &AttemptResult) -> (i64, i64) {
        let entry = &self.batch.entries[at];
        match result.state {
            AttemptState::Throttled | AttemptState::Unconnected | AttemptState::Withdrawn => (1, 1),
            AttemptState::Lost => (0, 0),
            _ => {
                let places: Vec<_> = grants.iter().collect();
                let is_open = |exception: &Exception| {
                    exception.status == Status::Unknown
                        && entry.grants.contains(&places[usize::from(exception.place)])
                };
                (0, i64::from(!result.exceptions.iter().any(is_open)))
            }
        }
    }

    /// Adds the part of a result that concerns a unit to the answers for its job.
    fn add_answer(&self, state: &mut State, at: usize, grants: &GrantSet, result: &AttemptResult) {
        let entry = &self.batch.entries[at];
        if entry.unit.is_none() || result.state == AttemptState::Withdrawn {
            return;
        }
        let own = |grant| entry.grants.iter().position(|g| *g == grant);
        let mut places = Vec::new();
        let mut exceptions = Vec::new();
        for (place, grant) in grants.iter().enumerate() {
            let Some(own) = own(grant).and_then(|own| u8::try_from(own).ok()) else { continue };
            let exception = result.exceptions.iter().find(|e| usize::from(e.place) == place);
            if let (Some(exception), Ok(place)) = (exception, u8::try_from(places.len())) {
                exceptions.push(Exception { place, ..exception.clone() });
            }
            places.push(own);
        }
        state.entries[at].answers.push(UnitAnswer::new(places, result, &exceptions));
    }

    fn outcome(&self, state: &State, at: usize) -> Vec<String> {
        let entry = &self.batch.entries[at];
        let worker = &self.store.consumer.name;
        if let Some(unit) = &entry.unit {
            return outcome_message::of_unit(&entry.id, unit, &state.entries[at].answers, worker);
        }
        let (status, outcome) = outcome_message::of_row(entry, &state.verdicts, worker);
        let request_id = entry
            .grants
            .first()
            .and_then(|grant| state.verdicts.note_of(*grant).ok().flatten())
            .map(|note| note.request_id.into_owned());
        tracing::info!(row = entry.id, status = status.name(), request_id, "outcome");
        outcome
    }
}

impl Journal for BatchJournal {
    async fn commit(&self, records: Vec<Record>) -> Result<(), JournalError> {
        let updates = self.updates(&records);
        if !self.store.apply(updates).await {
            let intents = records.iter().filter_map(|record| match record {
                Record::Intent { attempt, .. } => Some(*attempt),
                Record::Result { .. } => None,
            });
            self.state().unstored.extend(intents);
        }
        Ok(())
    }

    /// Only while the lease of one of its entries is valid. A delay after this check is harmless: a
    /// grant that is revoked twice is revoked.
    fn may_leave(&self, attempt: AttemptId, grants: &GrantSet) -> bool {
        let is_valid = |at: &usize| self.store.leases.is_valid(&self.batch.entries[*at].id);
        self.batch.entries_of(grants).iter().any(is_valid)
            && !self.state().unstored.contains(&attempt)
    }
}
