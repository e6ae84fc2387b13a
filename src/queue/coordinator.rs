//! The coordinator of a job: publishes its units to the queue and records their results in the
//! ledger.
//!
//! The ledger is the authority, Redis is transport. A unit is in the ledger, as the intent of an
//! attempt, before it is in the stream: published counts as sent. The worker's result is stored as
//! the result of that attempt, and further attempts of the worker as attempts of their own. A unit
//! that is neither live nor answered was lost and is published again.

use super::batch::unrecorded;
use super::connection::{ConnectionError, RedisConnection};
use super::entry::Entry;
use super::keys::Keys;
use super::message::{UnitAccounts, Wildcard, WorkUnit};
use super::outcome_message::UnitAnswer;
use crate::clock::WallClock;
use crate::engine::events::Event;
use crate::ledger::{
    AttemptId, AttemptResult, AttemptState, GrantSet, Journal, JournalError, Record,
};
use crate::model::{Accounts, GranteeKind, ListError, Operation, Request};
use crate::plan::{GrantId, Plan};
use crate::verdicts::{LedgerState, Ranges, Unanswered, Verdicts, grants_in, ranges_of};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Units or outcomes per call to Redis.
const AT_ONCE: usize = 100;

/// The job cannot continue.
#[derive(Debug, thiserror::Error)]
pub enum CoordinatorError {
    /// Redis failed or refused.
    #[error(transparent)]
    RedisConnection(#[from] ConnectionError),
    /// The ledger can't be written (exit 74).
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A request that may not exist; a defect of this tool (exit 70).
    #[error("a request that may not exist: {0}")]
    Request(#[from] ListError),
}

/// Publishes a job's units and records their results.
pub struct JobCoordinator<'a, J> {
    plan: &'a Plan,
    journal: &'a J,
    keys: &'a Keys,
    connection: &'a RedisConnection,
    clock: Arc<dyn WallClock>,
    job: String,
    state: LedgerState,
    /// Units that are published and not answered, with the attempts that they were published as.
    open: Unanswered,
    /// The position in the stream of outcomes, and the outcomes that were this job's.
    after: String,
    taken: Vec<String>,
    events: Vec<Event>,
}

impl<'a, J: Journal> JobCoordinator<'a, J> {
    /// A coordinator of the job with that name on the queue. `state` is that of its ledger, with
    /// unanswered attempts pending.
    pub fn new(
        (plan, journal): (&'a Plan, &'a J),
        (keys, connection): (&'a Keys, &'a RedisConnection),
        clock: Arc<dyn WallClock>,
        job: String,
        mut state: LedgerState,
    ) -> Self {
        let open = state.take_unanswered();
        let waiting = waiting_requests(plan, &state.verdicts);
        state.verdicts.count_rows(plan.rows());
        let (settled, settled_rows) = (state.verdicts.settled(), state.verdicts.settled_rows());
        let events = vec![Event::Started { waiting, settled, settled_rows, pace_per_s: None }];
        let after = "0-0".to_owned();
        let taken = Vec::new();
        Self { plan, journal, keys, connection, clock, job, state, open, after, taken, events }
    }

    /// The events since the last call.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// The final verdicts: units without an answer count as sent and lost.
    pub fn into_verdicts(mut self) -> Verdicts {
        for (ranges, attempts) in self.open {
            self.state.record_lost(&grants_in(&ranges), attempts);
        }
        self.state.verdicts
    }

    /// The number of units that are published and not answered.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Publishes everything that is neither settled nor published; returns the number of units.
    pub async fn publish(&mut self) -> Result<usize, CoordinatorError> {
        let mut is_out = vec![false; self.plan.grants()];
        for grant in
            self.open.keys().flat_map(|ranges| grants_in(ranges).iter().collect::<Vec<_>>())
        {
            is_out[grant as usize] = true;
        }
        let mut units: Vec<GrantSet> = Vec::new();
        let mut loose: BTreeMap<u32, Vec<GrantId>> = BTreeMap::new();
        for request in 0..self.plan.requests() {
            let grants = self.plan.grants_of(request);
            let waits = |grant: &GrantId| {
                !is_out[*grant as usize] && !self.state.verdicts.is_settled(*grant)
            };
            let waiting: Vec<GrantId> = grants.clone().filter(waits).collect();
            if waiting.len() == grants.len() {
                units.push(GrantSet::range(grants));
            } else {
                loose.entry(self.plan.scope_number_of(request)).or_default().extend(waiting);
            }
        }
        for (_, grants) in loose {
            units.extend(
                self.plan.repack(grants).into_iter().map(|grants| grants.into_iter().collect()),
            );
        }
        for units in units.chunks(AT_ONCE) {
            self.publish_units(units).await?;
        }
        Ok(units.len())
    }

    /// Publishes units; their intents become durable first.
    async fn publish_units(&mut self, units: &[GrantSet]) -> Result<(), CoordinatorError> {
        let mut records = Vec::with_capacity(units.len());
        let mut messages = Vec::with_capacity(units.len());
        for grants in units {
            let attempt = self.next_attempt();
            let (at, grants) = (self.clock.now(), grants.clone());
            let unit = self.unit(attempt, &grants)?;
            // Plain data with string keys always has a JSON form.
            messages.push((unit.name(), serde_json::to_string(&unit).unwrap_or_default()));
            self.open.entry(ranges_of(&grants)).or_default().push((attempt, at));
            records.push(Record::Intent { attempt, grants, at });
        }
        self.journal.commit(records).await?;
        Ok(self.keys.publish(self.connection, &messages).await?)
    }

    fn unit(&self, attempt: AttemptId, grants: &GrantSet) -> Result<WorkUnit, CoordinatorError> {
        let first = grants.iter().next().unwrap_or_default();
        let scope = self.plan.scope_number_of(self.plan.request_of(first));
        let request: Request = self.plan.request_for(scope, grants.iter())?;
        let targets = request.entries.as_slice().iter().map(|entry| {
            let accounts = match &entry.accounts {
                Accounts::Whole => UnitAccounts::Whole(Wildcard::All),
                Accounts::Listed(names) => {
                    let names = names.as_slice().iter().map(ToString::to_string);
                    UnitAccounts::Listed(names.collect())
                }
            };
            (entry.target.to_string(), accounts)
        });
        let of = |kind| (request.grantee.kind == kind).then(|| request.grantee.id.clone());
        Ok(WorkUnit {
            job: self.job.clone(),
            grants: ranges_of(grants),
            attempt,
            user: of(GranteeKind::User),
            user_group: of(GranteeKind::UserGroup),
            kind: request.kind.name().to_owned(),
            targets: targets.collect(),
            instance_id: request.instance_id,
            region: request.region,
        })
    }

    fn next_attempt(&mut self) -> AttemptId {
        let attempt = self.state.next_attempt;
        self.state.next_attempt += 1;
        attempt
    }

    /// Records all available results in the ledger; returns the number of units they answered.
    pub async fn poll_results(&mut self) -> Result<usize, CoordinatorError> {
        let before = self.open.len();
        loop {
            let outcomes = self.keys.outcomes_after(self.connection, &self.after, AT_ONCE).await?;
            let Some(last) = outcomes.last() else { return Ok(before - self.open.len()) };
            let after = last.id.clone();
            let mut records = Vec::new();
            for outcome in &outcomes {
                self.apply(outcome, &mut records);
            }
            if !records.is_empty() {
                self.journal.commit(records).await?;
            }
            self.after = after;
        }
    }

    /// Applies a worker's outcome of one unit.
    fn apply(&mut self, outcome: &Entry, records: &mut Vec<Record>) {
        let of = |name: &str| {
            let field = outcome.fields.iter().find(|(field, _)| field == name.as_bytes());
            field.map_or(&b""[..], |(_, value)| value.as_slice())
        };
        if of("job") != self.job.as_bytes() {
            return;
        }
        self.taken.push(outcome.id.clone());
        let Ok(ranges) = serde_json::from_slice::<Ranges>(of("grants")) else { return };
        let attempt =
            std::str::from_utf8(of("attempt")).ok().and_then(|text| text.parse::<AttemptId>().ok());
        // Without an open attempt of that number it is an answer to what was answered before.
        let is_open = |attempts: &Vec<(AttemptId, Timestamp)>| {
            attempt.is_some_and(|number| attempts.iter().any(|(open, _)| *open == number))
        };
        if !self.open.get(&ranges).is_some_and(is_open) {
            return;
        }
        let Some(mut attempts) = self.open.remove(&ranges) else { return };
        attempts.sort_unstable();
        let Some((latest, _)) = attempts.pop() else { return };
        let unit = grants_in(&ranges);
        // Earlier publications of the unit were lost, but may have been applied.
        self.state.record_lost(&unit, attempts);
        let grants: Vec<GrantId> = unit.iter().collect();
        let answers = serde_json::from_slice::<Vec<UnitAnswer>>(of("answers")).unwrap_or_default();
        let results = self.results(&grants, &answers).unwrap_or_else(|| {
            tracing::error!(outcome = outcome.id, "unreadable outcome of a unit");
            let unusable = AttemptResult {
                last: true,
                code: "UnusableOutcome".into(),
                message: "the outcome that a worker stored cannot be read".to_owned(),
                ..unrecorded(AttemptState::Lost, self.clock.now())
            };
            vec![(grants_in(&ranges), unusable)]
        });
        let operation = self.plan.operation_of(self.plan.request_of(grants[0]));
        let mut attempt = latest;
        let count = results.len();
        for (number, (grants, result)) in (1..).zip(results) {
            if number > 1 {
                attempt = self.next_attempt();
                let at = result.finished_at;
                records.push(Record::Intent { attempt, grants: grants.clone(), at });
            }
            self.state.verdicts.record(&grants, &result);
            self.events.push(Event::Settled {
                operation,
                state: result.state,
                settled: self.state.verdicts.settled(),
                settled_rows: self.state.verdicts.settled_rows(),
                failed: self.state.verdicts.failed(),
                planned_done: number == count,
            });
            records.push(Record::Result { attempt, grants, result });
        }
    }

    /// The results that a worker reports for a unit, if they are consistent: the first attempt has
    /// the whole unit, and no settled grant is sent again.
    fn results(
        &self,
        grants: &[GrantId],
        answers: &[UnitAnswer],
    ) -> Option<Vec<(GrantSet, AttemptResult)>> {
        let results: Vec<(GrantSet, AttemptResult)> =
            answers.iter().map(|answer| answer.result(grants)).collect::<Option<_>>()?;
        let (first, _) = results.first()?;
        let mut all: Vec<GrantId> = first.iter().collect();
        all.sort_unstable();
        let mut expected = grants.to_vec();
        expected.sort_unstable();
        let mut trial = Verdicts::new(self.plan.grants());
        for (grants, result) in &results {
            if grants.iter().any(|grant| trial.is_settled(grant)) {
                return None;
            }
            trial.record(grants, result);
        }
        (all == expected).then_some(results)
    }

    /// Publishes lost units again; returns their number.
    pub async fn republish_lost(&mut self) -> Result<usize, CoordinatorError> {
        let units: Vec<Ranges> = self.open.keys().cloned().collect();
        let mut gone = Vec::new();
        for units in units.chunks(AT_ONCE) {
            let names: Vec<String> = units.iter().map(|ranges| self.name(ranges)).collect();
            let live = self.keys.are_live(self.connection, &names).await?;
            gone.extend(units.iter().zip(live).filter(|(_, live)| !live).map(|(u, _)| u.clone()));
        }
        if gone.is_empty() {
            return Ok(0);
        }
        // A unit that ended a moment ago is no longer live, and its result is available.
        self.poll_results().await?;
        gone.retain(|ranges| self.open.contains_key(ranges));
        for units in gone.chunks(AT_ONCE) {
            let units: Vec<GrantSet> = units.iter().map(grants_in).collect();
            self.publish_units(&units).await?;
        }
        if !gone.is_empty() {
            tracing::warn!(units = gone.len(), "units were lost; published again");
        }
        Ok(gone.len())
    }

    fn name(&self, ranges: &Ranges) -> String {
        let list: Vec<String> =
            ranges.iter().map(|(first, last)| format!("{first}-{last}")).collect();
        format!("{} {}", self.job, list.join(","))
    }

    /// Deletes this job's outcomes from the stream; the ledger has them.
    pub async fn delete_results(&mut self) -> Result<(), CoordinatorError> {
        for ids in self.taken.chunks(AT_ONCE) {
            self.keys.delete_outcomes(self.connection, ids).await?;
        }
        self.taken.clear();
        Ok(())
    }
}

/// The planned requests with unsettled grants, by operation.
fn waiting_requests(plan: &Plan, verdicts: &Verdicts) -> [usize; Operation::ALL.len()] {
    let mut waiting = [0; Operation::ALL.len()];
    for request in 0..plan.requests() {
        if plan.grants_of(request).any(|grant| !verdicts.is_settled(grant)) {
            waiting[plan.operation_of(request).index()] += 1;
        }
    }
    waiting
}
