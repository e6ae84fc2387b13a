//! What the service saw, kept by itself: a test compares this with what a client claims.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::asked::AskedTarget;
use super::faults::Fault;
use super::grants::GrantRecord;
use super::refusal::{Violation, Violations};
use super::verify::SignatureKind;
use crate::model::Operation;

/// The `schema` of an [`Audit`]; it changes whenever a member changes its meaning or goes.
pub const AUDIT_SCHEMA: &str = "bastion-revoke/audit/1";

/// What `GET /audit` answers, as JSON with exactly these names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// [`AUDIT_SCHEMA`].
    pub schema: String,
    /// Whether the grants come from a file; otherwise whatever was asked for existed.
    pub listed: bool,
    /// Every grant there was, sorted: those of the file, or those asked for and reached.
    pub granted: Vec<GrantRecord>,
    /// Those of `granted` that were removed, with how many times (always once, if this service
    /// keeps its own rules).
    pub removed: Vec<GrantRecord>,
    /// Every attempt in the order of arrival, as far as they were kept.
    pub asked: Vec<Attempt>,
    /// Attempts not in `asked` because the bound on memory was reached. All counts include them.
    pub asked_dropped: u64,
    /// How many of what.
    pub counts: Counts,
    /// How often each rule was broken.
    pub violations: Violations,
    /// How often each fault struck, by name; items are counted one by one.
    pub faults: BTreeMap<String, u64>,
    /// What each operation saw, by `Action`.
    pub operations: BTreeMap<String, OperationCounts>,
}

/// How many attempts and items there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests that arrived, refused ones included.
    pub attempts: u64,
    /// Requests that reached the grants.
    pub applied: u64,
    /// Items that reached the grants.
    pub items: u64,
    /// Grants removed, the accounts that a whole target took with it included.
    pub grants_removed: u64,
}

/// What one operation saw of requests whose signature, time and nonce held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationCounts {
    /// Requests that arrived.
    pub attempts: u64,
    /// The most that arrived within one second of the clock.
    pub busiest_second: u64,
    /// Requests that arrived before a wait was over that this service had asked for. Requests
    /// that were on their way when it did count too.
    pub inside_wait: u64,
}

/// One request as it arrived, and what was done about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it arrived, by this service's clock, in UTC and RFC 3339.
    pub time: String,
    /// The `RequestId` of the answer.
    pub request_id: String,
    /// `v1` or `acs3`; nothing if the request could not be read.
    pub signature: Option<SignatureKind>,
    /// The nonce.
    pub nonce: Option<String>,
    /// The `Action`, known or not.
    pub operation: Option<String>,
    /// `InstanceId`. This and the next four are what was sent, believed or not, as far as the
    /// operation is a known one and the parameters could be read.
    pub instance_id: Option<String>,
    /// `RegionId`.
    pub region: Option<String>,
    /// `user` or `user_group`.
    pub grantee_kind: Option<String>,
    /// `UserId` or `UserGroupId`.
    pub grantee: Option<String>,
    /// The targets with their accounts, as they were sent.
    pub targets: Vec<AskedTarget>,
    /// `x-acs-retry-attempts`, if the client sent it.
    pub retry_attempts: Option<u64>,
    /// The faults that struck it, by name.
    pub faults: Vec<String>,
    /// Whether it reached the grants: items not struck by `unexpected-items` took effect.
    pub applied: bool,
    /// The HTTP status of the answer; nothing if the connection was reset.
    pub status: Option<u16>,
    /// `OK`, or the code with which the request was refused as a whole; `BadGateway` for a page
    /// of HTML and `Reset` for a connection reset before anything was done. Of an answer that
    /// was lost or cut, the code that was meant.
    pub code: String,
}

impl Attempt {
    /// How many ids it keeps in memory.
    fn weight(&self) -> usize {
        1 + self.targets.iter().map(AskedTarget::items).sum::<usize>()
    }
}

/// How much the audit keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Attempts, at most.
    pub attempts: usize,
    /// Items over all attempts, at most.
    pub items: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self { attempts: 1_000_000, items: 5_000_000 }
    }
}

/// What the service writes down as it goes.
#[derive(Debug, Default)]
pub(super) struct Journal {
    pub(super) counts: Counts,
    violations: Violations,
    kept: Kept,
    kept_items: usize,
    asked: Vec<Attempt>,
    dropped: u64,
    faults: BTreeMap<Fault, u64>,
    operations: [PerOperation; Operation::ALL.len()],
}

#[derive(Debug, Default)]
struct PerOperation {
    counts: OperationCounts,
    second: i64,
    in_second: u64,
    wait_until: Option<Timestamp>,
}

impl Journal {
    pub(super) fn new(kept: Kept) -> Self {
        Self { kept, ..Self::default() }
    }

    pub(super) fn violation(&mut self, violation: Violation) {
        self.violations.add(violation);
    }

    pub(super) fn fault(&mut self, attempt: &mut Attempt, fault: Fault) {
        *self.faults.entry(fault).or_default() += 1;
        if !attempt.faults.iter().any(|name| name == fault.name()) {
            attempt.faults.push(fault.name().to_owned());
        }
    }

    /// Notes that a signed request of an operation arrived.
    pub(super) fn arrival(&mut self, now: Timestamp, operation: Operation) {
        let of = &mut self.operations[operation.index()];
        of.counts.attempts += 1;
        of.in_second = if of.second == now.as_second() { of.in_second + 1 } else { 1 };
        of.second = now.as_second();
        of.counts.busiest_second = of.counts.busiest_second.max(of.in_second);
        of.counts.inside_wait += u64::from(of.wait_until.is_some_and(|until| now < until));
    }

    /// Notes that requests of an operation were asked to stay away until then.
    pub(super) fn wait(&mut self, operation: Operation, until: Timestamp) {
        let of = &mut self.operations[operation.index()];
        of.wait_until = of.wait_until.max(Some(until));
    }

    pub(super) fn keep(&mut self, attempt: Attempt) {
        self.counts.attempts += 1;
        let items = self.kept_items + attempt.weight();
        if self.asked.len() < self.kept.attempts && items <= self.kept.items {
            self.kept_items = items;
            self.asked.push(attempt);
        } else {
            self.dropped += 1;
        }
    }

    pub(super) fn report(&self, listed: bool, granted: Vec<GrantRecord>) -> Audit {
        let grants_removed = granted.iter().map(|grant| grant.removed).sum();
        let removed = granted.iter().filter(|grant| grant.removed > 0).cloned().collect();
        let operations = Operation::ALL.into_iter().zip(&self.operations);
        Audit {
            schema: AUDIT_SCHEMA.to_owned(),
            listed,
            granted,
            removed,
            asked: self.asked.clone(),
            asked_dropped: self.dropped,
            counts: Counts { grants_removed, ..self.counts },
            violations: self.violations,
            faults: self.faults.iter().map(|(fault, n)| (fault.name().to_owned(), *n)).collect(),
            operations: operations.map(|(op, of)| (op.name().to_owned(), of.counts)).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn the_memory_for_attempts_is_bounded_and_the_rest_counted() {
        let mut journal = Journal::new(Kept { attempts: 3, items: 100 });
        for _ in 0..5 {
            journal.keep(Attempt::default());
        }
        let audit = journal.report(false, vec![]);
        assert_eq!((audit.asked.len(), audit.asked_dropped, audit.counts.attempts), (3, 2, 5));
        let mut journal = Journal::new(Kept { attempts: 100, items: 10 });
        let target = AskedTarget { target: "1".into(), accounts: Some(vec!["1".into(); 4]) };
        for _ in 0..5 {
            journal.keep(Attempt { targets: vec![target.clone()], ..Attempt::default() });
        }
        let audit = journal.report(false, vec![]);
        assert_eq!((audit.asked.len(), audit.asked_dropped), (2, 3));
    }

    #[test]
    fn the_busiest_second_and_broken_waits_are_counted() {
        let mut journal = Journal::default();
        let operation = Operation::ALL[1];
        let at = |ms: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_millis(ms);
        journal.wait(operation, at(950));
        journal.wait(operation, at(100));
        for ms in [0, 900, 950, 1000, 1999, 2000] {
            journal.arrival(at(ms), operation);
        }
        let counts = journal.report(false, vec![]).operations[operation.name()];
        assert_eq!(counts, OperationCounts { attempts: 6, busiest_second: 3, inside_wait: 2 });
    }
}
