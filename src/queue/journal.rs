//! The journal of a window, kept in Redis: an intent counts there before its request leaves, and
//! an entry whose rows are all settled gets its outcome in the same step that acknowledges it.

use super::batch::Window;
use super::metrics::Metrics;
use super::outcome_message::{self, Answer};
use super::scripts::{Entry, Step};
use super::store::Store;
use crate::clock::WallClock;
use crate::ledger::{
    AttemptId, AttemptResult, AttemptState, Exception, GrantSet, Journal, JournalError, Record,
};
use crate::model::Status;
use crate::verdicts::Verdicts;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The journal of one window.
#[derive(Debug)]
pub struct WindowJournal {
    window: Arc<Window>,
    store: Arc<Store>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    verdicts: Verdicts,
    members: Vec<Progress>,
    /// Intents that Redis does not have: their requests must not leave.
    unstored: BTreeSet<AttemptId>,
}

#[derive(Debug, Clone, Default)]
struct Progress {
    done: bool,
    sent: i64,
    doubt: i64,
    answers: Vec<Answer>,
}

impl WindowJournal {
    /// A journal for a window that starts with these verdicts.
    pub fn new(
        window: Arc<Window>,
        verdicts: Verdicts,
        store: Arc<Store>,
        clock: &dyn WallClock,
    ) -> Self {
        let now = clock.now();
        let members = window.members.iter().map(|member| {
            let size = member.unit.as_ref().map_or(0, |unit| unit.size());
            let answers =
                if size > 0 { outcome_message::earlier(size, member.before, now) } else { vec![] };
            Progress { answers, ..Progress::default() }
        });
        let members = members.collect();
        let state = Mutex::new(State { verdicts, members, unstored: BTreeSet::new() });
        Self { window, store, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing in between can panic but an assertion, after which the run ends anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The entries that are not done with and still held, counted as they stand now.
    pub fn open(&self, entries: &[Entry]) -> Vec<Entry> {
        let state = self.state();
        let places: BTreeMap<&str, usize> =
            self.window.members.iter().enumerate().map(|(at, m)| (m.id.as_str(), at)).collect();
        let open = entries.iter().filter_map(|entry| {
            let progress = &state.members[*places.get(entry.id.as_str())?];
            let add = |count: u32, more: i64| {
                u32::try_from((i64::from(count) + more).max(0)).unwrap_or(u32::MAX)
            };
            let sent = add(entry.sent, progress.sent);
            let doubt = add(entry.doubt, progress.doubt).min(sent);
            let is_open = !progress.done && self.store.leases.is_held(&entry.id);
            is_open.then(|| Entry { sent, doubt, ..entry.clone() })
        });
        open.collect()
    }

    /// What records mean for the entries: how much more was sent, and which are done.
    fn steps(&self, records: &[Record]) -> Vec<Step> {
        let mut state = self.state();
        let mut counts: BTreeMap<usize, (i64, i64)> = BTreeMap::new();
        for record in records {
            match record {
                Record::Intent { grants, .. } => {
                    for at in self.window.askers_of(grants) {
                        let count = counts.entry(at).or_default();
                        *count = (count.0 + 1, count.1 + 1);
                    }
                }
                Record::Result { grants, result, .. } => {
                    state.verdicts.record(grants, result);
                    for at in self.window.askers_of(grants) {
                        let (sent, doubt) = self.less(at, grants, result);
                        let count = counts.entry(at).or_default();
                        *count = (count.0 - sent, count.1 - doubt);
                        self.note(&mut state, at, grants, result);
                    }
                }
            }
        }
        let steps = counts.into_iter().filter_map(|(at, (sent, doubt))| {
            let member = &self.window.members[at];
            let progress = &state.members[at];
            if progress.done {
                return None;
            }
            let is_done = member.grants.iter().all(|grant| state.verdicts.is_settled(*grant));
            let outcome = is_done.then(|| self.outcome(&state, at));
            state.members[at].sent += sent;
            state.members[at].doubt += doubt;
            state.members[at].done = is_done;
            let unit = member.unit.as_ref().map(|unit| unit.name()).unwrap_or_default();
            let id = member.id.clone();
            (is_done || (sent, doubt) != (0, 0)).then_some(Step {
                id,
                sent,
                doubt,
                outcome,
                dead: false,
                unit,
            })
        });
        steps.collect()
    }

    /// How much less was sent, and how much less is in doubt, now that this is known.
    fn less(&self, at: usize, grants: &GrantSet, result: &AttemptResult) -> (i64, i64) {
        let member = &self.window.members[at];
        match result.state {
            AttemptState::Throttled | AttemptState::Unconnected | AttemptState::Withdrawn => (1, 1),
            AttemptState::Lost => (0, 0),
            _ => {
                let places: Vec<_> = grants.iter().collect();
                let is_open = |exception: &Exception| {
                    exception.status == Status::Unknown
                        && member.grants.contains(&places[usize::from(exception.place)])
                };
                (0, i64::from(!result.exceptions.iter().any(is_open)))
            }
        }
    }

    /// Keeps a result for a unit's own ledger, as far as it is about the unit.
    fn note(&self, state: &mut State, at: usize, grants: &GrantSet, result: &AttemptResult) {
        let member = &self.window.members[at];
        if member.unit.is_none() || result.state == AttemptState::Withdrawn {
            return;
        }
        let own = |grant| member.grants.iter().position(|g| *g == grant);
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
        state.members[at].answers.push(Answer::new(places, result, &exceptions));
    }

    fn outcome(&self, state: &State, at: usize) -> Vec<String> {
        let member = &self.window.members[at];
        let worker = &self.store.seat.consumer;
        if let Some(unit) = &member.unit {
            return outcome_message::of_unit(&member.id, unit, &state.members[at].answers, worker);
        }
        let (status, outcome) = outcome_message::of_row(member, &state.verdicts, worker);
        let request_id = member
            .grants
            .first()
            .and_then(|grant| state.verdicts.note_of(*grant).ok().flatten())
            .map(|note| note.request_id.into_owned());
        tracing::info!(row = member.id, status = status.name(), request_id, "outcome");
        outcome
    }

    /// What is counted.
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.store.metrics)
    }
}

impl Journal for WindowJournal {
    async fn commit(&self, records: Vec<Record>) -> Result<(), JournalError> {
        let steps = self.steps(&records);
        if !self.store.step(steps).await {
            let intents = records.iter().filter_map(|record| match record {
                Record::Intent { attempt, .. } => Some(*attempt),
                Record::Result { .. } => None,
            });
            self.state().unstored.extend(intents);
        }
        Ok(())
    }

    /// Only for entries that are this worker's at this moment; a pause after this look is
    /// harmless, for what is revoked twice is revoked.
    fn may_leave(&self, attempt: AttemptId, grants: &GrantSet) -> bool {
        let is_ours = |at: &usize| self.store.leases.is_ours(&self.window.members[*at].id);
        self.window.askers_of(grants).iter().any(is_ours)
            && !self.state().unstored.contains(&attempt)
    }
}
