//! The desk of a job: hands units out, and takes their outcomes into the ledger.
//!
//! The ledger is the authority and Redis is transport. A unit is in the ledger, as the intent of an
//! attempt, before it is in the stream: handed over counts as sent. What came of it is recorded as
//! that attempt's result, and what the worker sent besides as attempts of their own. A unit that is
//! neither live nor answered was lost on the way, and is handed out anew.

use super::batch::unrecorded;
use super::connection::{ConnectionError, RedisConnection};
use super::entry::Entry;
use super::keys::Keys;
use super::message::{UnitAccounts, Wildcard, WorkUnit};
use super::outcome_message::UnitAnswer;
use crate::clock::WallClock;
use crate::ledger::{
    Attempt, AttemptId, AttemptResult, AttemptState, GrantSet, Journal, JournalError, Record,
};
use crate::model::{Accounts, GranteeKind, ListError, Request};
use crate::plan::{GrantId, Plan};
use crate::verdicts::Verdicts;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many units or outcomes travel at once.
const AT_ONCE: usize = 100;

/// The first and last grant of each range of a unit.
type Ranges = Vec<(GrantId, GrantId)>;

/// The job can't go on.
#[derive(Debug, thiserror::Error)]
pub enum DeskError {
    /// Redis does not do what it should.
    #[error(transparent)]
    Link(#[from] ConnectionError),
    /// The ledger can't be written (exit 74).
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A request that may not exist; a defect of this tool (exit 70).
    #[error("a request that may not exist: {0}")]
    Request(#[from] ListError),
}

/// A job on its way through the queue.
pub struct Desk<'a, J> {
    /// What is to be done.
    pub plan: &'a Plan,
    /// The ledger.
    pub journal: &'a J,
    /// The keys.
    pub keys: &'a Keys,
    /// The connection.
    pub link: &'a RedisConnection,
    /// For the times that are written down.
    pub clock: Arc<dyn WallClock>,
    job: String,
    verdicts: Verdicts,
    /// Units that are handed out and not answered, with the attempts that they were handed out as.
    open: BTreeMap<Ranges, Vec<AttemptId>>,
    next_attempt: AttemptId,
    /// The outcome that was read last, and those that were this job's.
    after: String,
    taken: Vec<String>,
}

/// What a ledger says of a job's units.
#[derive(Debug)]
pub struct Known {
    verdicts: Verdicts,
    open: BTreeMap<Ranges, Vec<AttemptId>>,
    next_attempt: AttemptId,
}

impl Known {
    /// Nothing was handed out yet.
    pub fn new(plan: &Plan) -> Self {
        let verdicts = Verdicts::new(plan.grants());
        Self { verdicts, open: BTreeMap::new(), next_attempt: 1 }
    }

    /// Takes in the next attempt of a sound ledger.
    pub fn hear(&mut self, attempt: &Attempt) {
        self.next_attempt = self.next_attempt.max(attempt.id + 1);
        match &attempt.result {
            Some(result) => {
                self.verdicts.record(&attempt.grants, result);
                // An answer answers every time that the same was handed out.
                self.open.remove(&ranges(&attempt.grants));
            }
            None => self.open.entry(ranges(&attempt.grants)).or_default().push(attempt.id),
        }
    }
}

fn ranges(grants: &GrantSet) -> Ranges {
    let filled = grants.ranges().iter().filter(|range| !range.is_empty());
    filled.map(|range| (range.start, range.end - 1)).collect()
}

fn grants_of(ranges: &Ranges) -> GrantSet {
    ranges.iter().flat_map(|(first, last)| *first..=*last).collect()
}

impl<'a, J: Journal> Desk<'a, J> {
    /// A desk for the job of that name.
    pub fn new(
        (plan, journal): (&'a Plan, &'a J),
        (keys, link): (&'a Keys, &'a RedisConnection),
        clock: Arc<dyn WallClock>,
        job: String,
        known: Known,
    ) -> Self {
        let Known { verdicts, mut open, next_attempt } = known;
        // Some grants may have been settled in another way since.
        open.retain(|ranges, _| !grants_of(ranges).iter().any(|g| verdicts.is_settled(g)));
        let after = "0-0".to_owned();
        let taken = Vec::new();
        Self { plan, journal, keys, link, clock, job, verdicts, open, next_attempt, after, taken }
    }

    /// How many grants are settled.
    pub fn settled(&self) -> usize {
        self.verdicts.settled()
    }

    /// How many units are handed out and not answered.
    pub fn open(&self) -> usize {
        self.open.len()
    }

    /// Hands out everything that is neither settled nor handed out already; gives how many units
    /// that made.
    pub async fn hand_out(&mut self) -> Result<usize, DeskError> {
        let mut is_out = vec![false; self.plan.grants()];
        for grant in
            self.open.keys().flat_map(|ranges| grants_of(ranges).iter().collect::<Vec<_>>())
        {
            is_out[grant as usize] = true;
        }
        let mut units: Vec<GrantSet> = Vec::new();
        let mut loose: BTreeMap<u32, Vec<GrantId>> = BTreeMap::new();
        for request in 0..self.plan.requests() {
            let grants = self.plan.grants_of(request);
            let waits =
                |grant: &GrantId| !is_out[*grant as usize] && !self.verdicts.is_settled(*grant);
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
            self.hand_out_these(units).await?;
        }
        Ok(units.len())
    }

    /// The intents become durable first.
    async fn hand_out_these(&mut self, units: &[GrantSet]) -> Result<(), DeskError> {
        let mut records = Vec::with_capacity(units.len());
        let mut messages = Vec::with_capacity(units.len());
        for grants in units {
            let attempt = self.next_attempt;
            self.next_attempt += 1;
            let (at, grants) = (self.clock.now(), grants.clone());
            let unit = self.unit(attempt, &grants)?;
            // Plain data with string keys always has a JSON form.
            messages.push((unit.name(), serde_json::to_string(&unit).unwrap_or_default()));
            self.open.entry(ranges(&grants)).or_default().push(attempt);
            records.push(Record::Intent { attempt, grants, at });
        }
        self.journal.commit(records).await?;
        Ok(self.keys.publish(self.link, &messages).await?)
    }

    fn unit(&self, attempt: AttemptId, grants: &GrantSet) -> Result<WorkUnit, DeskError> {
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
            grants: ranges(grants),
            attempt,
            user: of(GranteeKind::User),
            user_group: of(GranteeKind::UserGroup),
            kind: request.kind.name().to_owned(),
            targets: targets.collect(),
            instance_id: request.instance_id,
            region: request.region,
        })
    }

    /// Takes all outcomes that there are into the ledger; gives how many units they settled.
    pub async fn take(&mut self) -> Result<usize, DeskError> {
        let before = self.open.len();
        loop {
            let outcomes = self.keys.outcomes_after(self.link, &self.after, AT_ONCE).await?;
            let Some(last) = outcomes.last() else { return Ok(before - self.open.len()) };
            let after = last.id.clone();
            let mut records = Vec::new();
            for outcome in &outcomes {
                self.read(outcome, &mut records);
            }
            if !records.is_empty() {
                self.journal.commit(records).await?;
            }
            self.after = after;
        }
    }

    fn read(&mut self, outcome: &Entry, records: &mut Vec<Record>) {
        let of = |name: &str| {
            let field = outcome.fields.iter().find(|(field, _)| field == name.as_bytes());
            field.map_or(&b""[..], |(_, value)| value.as_slice())
        };
        if of("job") != self.job.as_bytes() {
            return;
        }
        self.taken.push(outcome.id.clone());
        let Ok(ranges) = serde_json::from_slice::<Ranges>(of("grants")) else { return };
        let attempt = std::str::from_utf8(of("attempt")).ok().and_then(|text| text.parse().ok());
        // Without an open attempt of that number it is an answer to what was answered before.
        let is_open = |attempts: &Vec<AttemptId>| attempt.is_some_and(|a| attempts.contains(&a));
        if !self.open.get(&ranges).is_some_and(is_open) {
            return;
        }
        let Some(attempts) = self.open.remove(&ranges) else { return };
        let latest = attempts.into_iter().max().unwrap_or_default();
        let grants: Vec<GrantId> = grants_of(&ranges).iter().collect();
        let answers = serde_json::from_slice::<Vec<UnitAnswer>>(of("answers")).unwrap_or_default();
        let results = self.results(&grants, &answers).unwrap_or_else(|| {
            tracing::error!(outcome = outcome.id, "an outcome that no worker writes");
            let unusable = AttemptResult {
                last: true,
                code: "UnusableOutcome".into(),
                message: "what a worker has written can't be read".to_owned(),
                ..unrecorded(AttemptState::Lost, self.clock.now())
            };
            vec![(grants_of(&ranges), unusable)]
        });
        let mut attempt = latest;
        for (number, (grants, result)) in results.into_iter().enumerate() {
            if number > 0 {
                attempt = self.next_attempt;
                self.next_attempt += 1;
                let at = result.finished_at;
                records.push(Record::Intent { attempt, grants: grants.clone(), at });
            }
            self.verdicts.record(&grants, &result);
            records.push(Record::Result { attempt, grants, result });
        }
    }

    /// What a worker says of a unit, if it can be believed: the first sending is of the whole unit,
    /// and nothing is sent again that was settled.
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

    /// Hands out anew what was lost on the way; gives how many units that were.
    pub async fn hand_out_the_lost(&mut self) -> Result<usize, DeskError> {
        let units: Vec<Ranges> = self.open.keys().cloned().collect();
        let mut gone = Vec::new();
        for units in units.chunks(AT_ONCE) {
            let names: Vec<String> = units.iter().map(|ranges| self.name(ranges)).collect();
            let live = self.keys.are_live(self.link, &names).await?;
            gone.extend(units.iter().zip(live).filter(|(_, live)| !live).map(|(u, _)| u.clone()));
        }
        if gone.is_empty() {
            return Ok(0);
        }
        // What was done a moment ago is not live any more, and its outcome is there.
        self.take().await?;
        gone.retain(|ranges| self.open.contains_key(ranges));
        for units in gone.chunks(AT_ONCE) {
            let units: Vec<GrantSet> = units.iter().map(grants_of).collect();
            self.hand_out_these(&units).await?;
        }
        if !gone.is_empty() {
            tracing::warn!(units = gone.len(), "lost on the way; handed out anew");
        }
        Ok(gone.len())
    }

    fn name(&self, ranges: &Ranges) -> String {
        let list: Vec<String> =
            ranges.iter().map(|(first, last)| format!("{first}-{last}")).collect();
        format!("{} {}", self.job, list.join(","))
    }

    /// Clears this job's outcomes away, which the ledger has now.
    pub async fn clear_away(&mut self) -> Result<(), DeskError> {
        for ids in self.taken.chunks(AT_ONCE) {
            self.keys.delete_outcomes(self.link, ids).await?;
        }
        self.taken.clear();
        Ok(())
    }
}
