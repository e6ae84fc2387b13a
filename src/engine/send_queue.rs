//! What waits to be sent: planned requests in their order, then what comes back to be sent again.

use super::retry::Cost;
use crate::ledger::GrantSet;
use crate::model::Operation;
use crate::plan::{GrantId, Plan};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::Duration;

/// Grants that go out in one request, and how often they did before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// What it revokes.
    pub grants: GrantSet,
    /// The scope of all its grants.
    pub scope: u32,
    /// The operation that carries it.
    pub operation: Operation,
    /// Tries before, throttled ones not counted.
    pub tries: u32,
    /// Set for a try after a failure: what it costs.
    pub retry: Option<Cost>,
    /// Attempts before, throttled ones included.
    pub attempts: u32,
    /// Since when it waits to be sent again.
    pub waits_since: Option<Duration>,
    /// Whether it waited when the run began, rather than being a part of such a one.
    pub planned: bool,
}

/// One operation's units.
#[derive(Debug, Default)]
struct OperationQueue {
    /// Where to look for the next planned request.
    cursor: usize,
    /// Throttled, or cut out of others: to be sent before anything new.
    again: VecDeque<Unit>,
    /// Failed as a whole, by the time at which they are tried again.
    repeats: BinaryHeap<Reverse<DelayedUnit>>,
    /// Single grants to be tried again, by scope and tries, and when.
    pools: BTreeMap<(u32, u32), (Duration, Vec<GrantId>)>,
    /// Halves of refused requests: behind everything planned, so that poison delays nobody.
    halves: VecDeque<Unit>,
    stopped: bool,
}

#[derive(Debug)]
struct DelayedUnit {
    at: Duration,
    number: u64,
    unit: Unit,
}

impl PartialEq for DelayedUnit {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}
impl Eq for DelayedUnit {}
impl PartialOrd for DelayedUnit {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for DelayedUnit {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

/// All that waits, an operation's lane each. Planned requests are not held: they are taken from
/// the plan as they come, so a queue stays small however long the plan is.
#[derive(Debug)]
pub struct Queue {
    operations: [OperationQueue; Operation::ALL.len()],
    /// Planned requests that an earlier run has sent.
    sent: Vec<bool>,
    /// Planned requests from here on are held back.
    horizon: usize,
    /// Open grants of sent requests beyond the horizon.
    held: Vec<GrantId>,
    number: u64,
}

impl Queue {
    /// Everything planned that is not sent, and the grants of sent requests that are still
    /// open, packed anew. With a `canary`, all beyond that many planned requests is held back
    /// until [`Queue::release_held`].
    pub fn new(
        plan: &Plan,
        sent: Vec<bool>,
        canary: Option<usize>,
        is_open: impl Fn(GrantId) -> bool,
    ) -> Self {
        let horizon = canary.unwrap_or(usize::MAX).min(plan.requests());
        let mut queue =
            Self { operations: Default::default(), sent, horizon, held: Vec::new(), number: 0 };
        let open = |requests: std::ops::Range<usize>| -> Vec<GrantId> {
            let sent = requests.filter(|n| queue.sent.get(*n).copied().unwrap_or(false));
            sent.flat_map(|n| plan.grants_of(n)).filter(|grant| is_open(*grant)).collect()
        };
        let (now, held) = (open(0..horizon), open(horizon..plan.requests()));
        queue.push_open(plan, now);
        queue.held = held;
        queue
    }

    /// Lets go what the canary held back.
    pub fn release_held(&mut self, plan: &Plan) {
        self.horizon = plan.requests();
        let held = std::mem::take(&mut self.held);
        self.push_open(plan, held);
    }

    /// Grants of sent requests, in their order, packed anew by their scopes.
    fn push_open(&mut self, plan: &Plan, grants: Vec<GrantId>) {
        let mut open: BTreeMap<u32, (Operation, Vec<GrantId>)> = BTreeMap::new();
        for grant in grants {
            let request = plan.request_of(grant);
            let scope = plan.scope_number_of(request);
            let (_, all) = open.entry(scope).or_insert((plan.operation_of(request), Vec::new()));
            all.push(grant);
        }
        for (scope, (operation, grants)) in open {
            self.push_packed(plan, (scope, 0), operation, true, grants);
        }
    }

    /// Requests that wait when a run begins, by operation; what a canary holds back of sent ones
    /// counts once it is let go.
    pub fn waiting(&self, plan: &Plan) -> [usize; Operation::ALL.len()] {
        let mut waiting = std::array::from_fn(|operation| self.operations[operation].again.len());
        let is_sent = |request: &usize| self.sent.get(*request).copied().unwrap_or(false);
        for (operation, planned) in plan.by_scope() {
            waiting[operation.index()] += planned.filter(|request| !is_sent(request)).count();
        }
        waiting
    }

    fn operation(&mut self, operation: Operation) -> &mut OperationQueue {
        &mut self.operations[operation.index()]
    }

    fn push_packed(
        &mut self,
        plan: &Plan,
        (scope, tries): (u32, u32),
        operation: Operation,
        planned: bool,
        grants: Vec<GrantId>,
    ) {
        let units = plan.repack(grants).into_iter().map(|grants| Unit {
            grants: grants.into_iter().collect(),
            scope,
            operation,
            tries,
            retry: None,
            attempts: tries,
            waits_since: None,
            planned,
        });
        self.operation(operation).again.extend(units);
    }

    /// The next unit of an operation at `now` (since the start of the run). `fresh_first` asks
    /// for one that was never tried, if there is one.
    pub fn next(
        &mut self,
        plan: &Plan,
        operation: Operation,
        now: Duration,
        fresh_first: bool,
    ) -> Option<Unit> {
        if self.operation(operation).stopped {
            return None;
        }
        self.pack_retries(plan, operation, now);
        if fresh_first && let Some(unit) = self.next_planned(plan, operation) {
            return Some(unit);
        }
        let lane = self.operation(operation);
        if let Some(unit) = lane.again.pop_front() {
            return Some(unit);
        }
        if lane.repeats.peek().is_some_and(|due| due.0.at <= now) {
            return lane.repeats.pop().map(|due| due.0.unit);
        }
        if let Some(unit) = self.next_planned(plan, operation) {
            return Some(unit);
        }
        self.operation(operation).halves.pop_front()
    }

    /// The next unit that was never tried, for when tries after failures have to wait.
    pub fn next_fresh(&mut self, plan: &Plan, operation: Operation) -> Option<Unit> {
        self.next_planned(plan, operation).or_else(|| self.operation(operation).halves.pop_front())
    }

    fn next_planned(&mut self, plan: &Plan, operation: Operation) -> Option<Unit> {
        if !self.has_planned(plan, operation) {
            return None;
        }
        let request = self.operation(operation).cursor;
        self.operation(operation).cursor += 1;
        Some(Unit {
            grants: GrantSet::range(plan.grants_of(request)),
            scope: plan.scope_number_of(request),
            operation,
            tries: 0,
            retry: None,
            attempts: 0,
            waits_since: None,
            planned: true,
        })
    }

    /// Moves the cursor to the next planned request of the operation that no run has sent.
    fn has_planned(&mut self, plan: &Plan, operation: Operation) -> bool {
        let is_sent = |request: usize| self.sent.get(request).copied().unwrap_or(false);
        let cursor = plan
            .requests_from(self.operations[operation.index()].cursor, operation)
            .find(|request| *request >= self.horizon || !is_sent(*request))
            .unwrap_or(plan.requests());
        self.operation(operation).cursor = cursor;
        cursor < self.horizon
    }

    /// Packs the pools whose time has come.
    fn pack_retries(&mut self, plan: &Plan, operation: Operation, now: Duration) {
        let due: Vec<(u32, u32)> = self
            .operation(operation)
            .pools
            .iter()
            .filter(|(_, (at, _))| *at <= now)
            .map(|(key, _)| *key)
            .collect();
        for (scope, tries) in due {
            if let Some((_, grants)) = self.operation(operation).pools.remove(&(scope, tries)) {
                self.push_packed(plan, (scope, tries), operation, false, grants);
            }
        }
    }

    /// The same unit again, before anything new.
    pub fn requeue(&mut self, unit: Unit) {
        self.operation(unit.operation).again.push_front(unit);
    }

    /// The unit again at some time.
    pub fn retry_at(&mut self, unit: Unit, at: Duration) {
        self.number += 1;
        let number = self.number;
        self.operation(unit.operation).repeats.push(Reverse(DelayedUnit { at, number, unit }));
    }

    /// Some grants of a unit again at some time, packed with others of their scope that have been
    /// tried as often.
    pub fn retry_items(&mut self, unit: &Unit, grants: Vec<GrantId>, at: Duration) {
        let pools = &mut self.operation(unit.operation).pools;
        pools.entry((unit.scope, unit.tries)).or_insert((at, Vec::new())).1.extend(grants);
    }

    /// The two halves of a unit, behind everything planned.
    pub fn split(&mut self, unit: &Unit) {
        let grants: Vec<GrantId> = unit.grants.iter().collect();
        let (first, second) = grants.split_at(grants.len() / 2);
        let half = |grants: &[GrantId]| Unit {
            grants: grants.iter().copied().collect(),
            planned: false,
            retry: None,
            ..unit.clone()
        };
        let halves = [half(first), half(second)];
        self.operation(unit.operation).halves.extend(halves);
    }

    /// Nothing more of that operation is sent.
    pub fn stop(&mut self, operation: Operation) {
        self.operation(operation).stopped = true;
    }

    /// When something that waits for its time comes due.
    pub fn next_due(&self, operation: Operation) -> Option<Duration> {
        let lane = &self.operations[operation.index()];
        if lane.stopped {
            return None;
        }
        let repeat = lane.repeats.peek().map(|due| due.0.at);
        let pool = lane.pools.values().map(|(at, _)| *at).min();
        repeat.into_iter().chain(pool).min()
    }

    /// Whether nothing is left that could ever be sent.
    pub fn is_empty(&mut self, plan: &Plan) -> bool {
        Operation::ALL.into_iter().all(|operation| {
            let lane = self.operation(operation);
            lane.stopped
                || (lane.again.is_empty()
                    && lane.repeats.is_empty()
                    && lane.pools.is_empty()
                    && lane.halves.is_empty()
                    && !self.has_planned(plan, operation))
        })
    }
}
