//! Requests to send: planned ones in order, then retries and the halves of refused ones.

use super::retry::Cost;
use crate::ledger::GrantSet;
use crate::model::Operation;
use crate::plan::{GrantId, Plan};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::time::Duration;

/// Grants that are sent in one request, and their earlier attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    /// The grants that it revokes.
    pub grants: GrantSet,
    /// The scope of all its grants.
    pub scope: u32,
    /// The operation that carries it.
    pub operation: Operation,
    /// Earlier attempts, without throttled ones.
    pub tries: u32,
    /// The cost of the retry, if it is one after a failure.
    pub retry: Option<Cost>,
    /// Earlier attempts, including throttled ones.
    pub attempts: u32,
    /// Since when it has waited to be sent again.
    pub waiting_since: Option<Duration>,
    /// Whether it was waiting as a whole when the run started, and is not a part of another unit.
    pub planned: bool,
}

/// The units of one operation.
#[derive(Debug, Default)]
struct OperationQueue {
    /// Where to look for the next planned request.
    cursor: usize,
    /// Throttled, or removed from others: sent before anything new.
    immediate: VecDeque<Unit>,
    /// Failed as a whole; by the time of the retry.
    delayed: BinaryHeap<Reverse<DelayedUnit>>,
    /// Single grants to retry, by scope and number of attempts, and when.
    retry_pools: BTreeMap<(u32, u32), (Duration, Vec<GrantId>)>,
    /// Halves of refused requests. They are sent after all planned ones, so a poisoned request does
    /// not delay healthy ones.
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

/// All units to send, by operation. Planned requests are not stored here but taken from the plan
/// when they are needed, so the queue stays small for any plan.
#[derive(Debug)]
pub struct Queue {
    operations: [OperationQueue; Operation::ALL.len()],
    /// Planned requests that an earlier run has sent.
    sent: Vec<bool>,
    /// Planned requests from this one on are held back by the canary.
    released: usize,
    /// Unsettled grants of sent requests that the canary holds back.
    held: Vec<GrantId>,
    number: u64,
}

impl Queue {
    /// All planned requests that were not sent, and the unsettled grants of sent requests, packed
    /// again. With a `canary`, requests after that number are held back until
    /// [`Queue::release_held`].
    pub fn new(
        plan: &Plan,
        sent: Vec<bool>,
        canary: Option<usize>,
        is_open: impl Fn(GrantId) -> bool,
    ) -> Self {
        let released = canary.unwrap_or(usize::MAX).min(plan.requests());
        let mut queue =
            Self { operations: Default::default(), sent, released, held: Vec::new(), number: 0 };
        let open = |requests: std::ops::Range<usize>| -> Vec<GrantId> {
            let sent = requests.filter(|n| queue.sent.get(*n).copied().unwrap_or(false));
            sent.flat_map(|n| plan.grants_of(n)).filter(|grant| is_open(*grant)).collect()
        };
        let (now, held) = (open(0..released), open(released..plan.requests()));
        queue.push_open(plan, now);
        queue.held = held;
        queue
    }

    /// Releases the requests that the canary held back.
    pub fn release_held(&mut self, plan: &Plan) {
        self.released = plan.requests();
        let held = std::mem::take(&mut self.held);
        self.push_open(plan, held);
    }

    /// Adds grants of sent requests, in their order, packed again by scope.
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

    /// The number of waiting requests by operation when a run starts. Sent ones that the canary
    /// holds back count once they are released.
    pub fn waiting(&self, plan: &Plan) -> [usize; Operation::ALL.len()] {
        let mut waiting =
            std::array::from_fn(|operation| self.operations[operation].immediate.len());
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
            waiting_since: None,
            planned,
        });
        self.operation(operation).immediate.extend(units);
    }

    /// The next unit of an operation at `now` (since the start of the run). `fresh_first` prefers
    /// one without earlier attempts.
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
        let operation_queue = self.operation(operation);
        if let Some(unit) = operation_queue.immediate.pop_front() {
            return Some(unit);
        }
        if operation_queue.delayed.peek().is_some_and(|due| due.0.at <= now) {
            return operation_queue.delayed.pop().map(|due| due.0.unit);
        }
        if let Some(unit) = self.next_planned(plan, operation) {
            return Some(unit);
        }
        self.operation(operation).halves.pop_front()
    }

    /// The next unit without earlier attempts, for when retries have to wait.
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
            waiting_since: None,
            planned: true,
        })
    }

    /// Moves the cursor to the next planned request of the operation that no run has sent.
    fn has_planned(&mut self, plan: &Plan, operation: Operation) -> bool {
        let is_sent = |request: usize| self.sent.get(request).copied().unwrap_or(false);
        let cursor = plan
            .requests_from(self.operations[operation.index()].cursor, operation)
            .find(|request| *request >= self.released || !is_sent(*request))
            .unwrap_or(plan.requests());
        self.operation(operation).cursor = cursor;
        cursor < self.released
    }

    /// Packs the grants whose retry is due.
    fn pack_retries(&mut self, plan: &Plan, operation: Operation, now: Duration) {
        let due: Vec<(u32, u32)> = self
            .operation(operation)
            .retry_pools
            .iter()
            .filter(|(_, (at, _))| *at <= now)
            .map(|(key, _)| *key)
            .collect();
        for (scope, tries) in due {
            if let Some((_, grants)) = self.operation(operation).retry_pools.remove(&(scope, tries))
            {
                self.push_packed(plan, (scope, tries), operation, false, grants);
            }
        }
    }

    /// Sends the same unit again, before anything new.
    pub fn requeue(&mut self, unit: Unit) {
        self.operation(unit.operation).immediate.push_front(unit);
    }

    /// Sends the unit again at this time.
    pub fn retry_at(&mut self, unit: Unit, at: Duration) {
        self.number += 1;
        let number = self.number;
        self.operation(unit.operation).delayed.push(Reverse(DelayedUnit { at, number, unit }));
    }

    /// Retries some grants of a unit at this time, packed with others of their scope that have as
    /// many attempts.
    pub fn retry_items(&mut self, unit: &Unit, grants: Vec<GrantId>, at: Duration) {
        let retry_pools = &mut self.operation(unit.operation).retry_pools;
        retry_pools.entry((unit.scope, unit.tries)).or_insert((at, Vec::new())).1.extend(grants);
    }

    /// Queues the two halves of a unit after all planned requests.
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

    /// Sends nothing more of this operation.
    pub fn stop(&mut self, operation: Operation) {
        self.operation(operation).stopped = true;
    }

    /// When the next delayed unit is due.
    pub fn next_due(&self, operation: Operation) -> Option<Duration> {
        let operation_queue = &self.operations[operation.index()];
        if operation_queue.stopped {
            return None;
        }
        let repeat = operation_queue.delayed.peek().map(|due| due.0.at);
        let pool = operation_queue.retry_pools.values().map(|(at, _)| *at).min();
        repeat.into_iter().chain(pool).min()
    }

    /// Whether nothing is left to send.
    pub fn is_empty(&mut self, plan: &Plan) -> bool {
        Operation::of(plan.action()).into_iter().all(|operation| self.is_finished(plan, operation))
    }

    /// Whether nothing of this operation is left to send.
    pub fn is_finished(&mut self, plan: &Plan, operation: Operation) -> bool {
        let operation_queue = self.operation(operation);
        operation_queue.stopped
            || (operation_queue.immediate.is_empty()
                && operation_queue.delayed.is_empty()
                && operation_queue.retry_pools.is_empty()
                && operation_queue.halves.is_empty()
                && !self.has_planned(plan, operation))
    }
}
