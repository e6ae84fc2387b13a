//! The service's own record of every request. Tests compare it with a client's report.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::api_error::{Violation, Violations};
use super::authentication::SignatureKind;
use super::faults::Fault;
use super::grants::GrantRecord;
use super::request::RequestTarget;
use crate::model::Operation;

/// The `schema` of an [`Audit`]; it changes when a member is removed or changes its meaning.
pub const AUDIT_SCHEMA: &str = "bastion-revoke/audit/1";

/// The body of `GET /audit`, as JSON with exactly these names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// [`AUDIT_SCHEMA`].
    pub schema: String,
    /// Whether the grants come from a file; otherwise every grant that a request names
    /// existed.
    pub listed: bool,
    /// Every grant that ever existed, sorted: those of the file or the world, or those that
    /// requests named.
    pub granted: Vec<GrantRecord>,
    /// Those of `granted` that were removed, with how many times (always once, unless this service
    /// breaks its own rules).
    pub removed: Vec<GrantRecord>,
    /// The recorded attempts in the order of arrival.
    pub asked: Vec<Attempt>,
    /// Attempts not in `asked` because the bound on memory was reached. All counts include them.
    pub asked_dropped: u64,
    /// The totals.
    pub counts: Counts,
    /// How often each rule was broken.
    pub violations: Violations,
    /// How often each fault was injected, by name; items are counted one by one.
    pub faults: BTreeMap<String, u64>,
    /// The counts of each operation, by `Action`.
    pub operations: BTreeMap<String, OperationCounts>,
}

/// Numbers of attempts and items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Requests that arrived, refused ones included.
    pub attempts: u64,
    /// Requests that reached the grants.
    pub applied: u64,
    /// Items that reached the grants.
    pub items: u64,
    /// Reads that were answered.
    #[serde(default)]
    pub reads: u64,
    /// Writes other than of grants that were applied: locks, group members, public keys.
    #[serde(default)]
    pub writes: u64,
    /// Removed grants, including the accounts of removed whole targets.
    pub grants_removed: u64,
}

/// Requests of one operation whose signature, time and nonce were valid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationCounts {
    /// Requests that arrived.
    pub attempts: u64,
    /// The maximum number that arrived within one second of the clock.
    pub busiest_second: u64,
    /// Requests that arrived before the end of a wait that this service had sent. Requests
    /// that were on their way when it did count too.
    pub inside_wait: u64,
}

/// One request as it arrived, and its result.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When it arrived, by this service's clock, in UTC and RFC 3339.
    pub time: String,
    /// The `RequestId` of the answer.
    pub request_id: String,
    /// `v1` or `acs3`; `None` if the request could not be parsed.
    pub signature: Option<SignatureKind>,
    /// The nonce.
    pub nonce: Option<String>,
    /// The `Action`, known or not.
    pub operation: Option<String>,
    /// `InstanceId`. This and the next four are the values that were sent, valid or not, if the
    /// operation is known and the parameters could be parsed.
    pub instance_id: Option<String>,
    /// `RegionId`.
    pub region: Option<String>,
    /// `user` or `user_group`.
    pub grantee_kind: Option<String>,
    /// `UserId` or `UserGroupId`.
    pub grantee: Option<String>,
    /// The targets with their accounts, as they were sent.
    pub targets: Vec<RequestTarget>,
    /// The parameters of a read, or of a write that names no grants.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parameters: BTreeMap<String, String>,
    /// `x-acs-retry-attempts`, if the client sent it.
    pub retry_attempts: Option<u64>,
    /// The injected faults, by name.
    pub faults: Vec<String>,
    /// Whether it reached the grants: all items but those with the fault `unexpected-items`
    /// took effect.
    pub applied: bool,
    /// The HTTP status of the answer; `None` if the connection was reset.
    pub status: Option<u16>,
    /// `OK`, or the code with which the request was refused as a whole; `BadGateway` for a page of
    /// HTML and `Reset` for a connection reset before the request was applied. For an answer that
    /// was lost or truncated, its intended code.
    pub code: String,
}

impl Attempt {
    /// The number of its ids, an estimate of its memory.
    fn weight(&self) -> usize {
        1 + self.targets.iter().map(RequestTarget::items).sum::<usize>()
    }
}

/// The bounds of the audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditLimits {
    /// The maximum number of attempts.
    pub attempts: usize,
    /// The maximum number of items over all attempts.
    pub items: usize,
}

impl Default for AuditLimits {
    fn default() -> Self {
        Self { attempts: 1_000_000, items: 5_000_000 }
    }
}

/// The audit while the service runs.
#[derive(Debug, Default)]
pub(super) struct AuditLog {
    pub(super) counts: Counts,
    violations: Violations,
    kept: AuditLimits,
    kept_items: usize,
    attempts: Vec<Attempt>,
    dropped: u64,
    faults: BTreeMap<Fault, u64>,
    operations: BTreeMap<&'static str, PerOperation>,
}

#[derive(Debug, Clone, Default)]
struct PerOperation {
    counts: OperationCounts,
    second: i64,
    in_second: u64,
    wait_until: Option<Timestamp>,
}

impl AuditLog {
    pub(super) fn new(kept: AuditLimits) -> Self {
        Self { kept, ..Self::default() }
    }

    pub(super) fn record_violation(&mut self, violation: Violation) {
        self.violations.add(violation);
    }

    pub(super) fn record_fault(&mut self, attempt: &mut Attempt, fault: Fault) {
        *self.faults.entry(fault).or_default() += 1;
        if !attempt.faults.iter().any(|name| name == fault.name()) {
            attempt.faults.push(fault.name().to_owned());
        }
    }

    /// Records that a signed request of an operation arrived.
    pub(super) fn record_arrival(&mut self, now: Timestamp, operation: &'static str) {
        let of = self.operations.entry(operation).or_default();
        of.counts.attempts += 1;
        of.in_second = if of.second == now.as_second() { of.in_second + 1 } else { 1 };
        of.second = now.as_second();
        of.counts.busiest_second = of.counts.busiest_second.max(of.in_second);
        of.counts.inside_wait += u64::from(of.wait_until.is_some_and(|until| now < until));
    }

    /// Records that a wait until `until` was sent for an operation.
    pub(super) fn record_wait(&mut self, operation: &'static str, until: Timestamp) {
        let of = self.operations.entry(operation).or_default();
        of.wait_until = of.wait_until.max(Some(until));
    }

    pub(super) fn record(&mut self, attempt: Attempt) {
        self.counts.attempts += 1;
        let items = self.kept_items + attempt.weight();
        if self.attempts.len() < self.kept.attempts && items <= self.kept.items {
            self.kept_items = items;
            self.attempts.push(attempt);
        } else {
            self.dropped += 1;
        }
    }

    pub(super) fn report(&self, listed: bool, granted: Vec<GrantRecord>) -> Audit {
        let grants_removed = granted.iter().map(|grant| grant.removed).sum();
        let removed = granted.iter().filter(|grant| grant.removed > 0).cloned().collect();
        // The detach operations are always listed, the others once they were used.
        let mut operations: BTreeMap<String, OperationCounts> = Operation::ALL
            .into_iter()
            .map(|operation| (operation.name().to_owned(), OperationCounts::default()))
            .collect();
        operations.extend(self.operations.iter().map(|(name, of)| ((*name).to_owned(), of.counts)));
        Audit {
            schema: AUDIT_SCHEMA.to_owned(),
            listed,
            granted,
            removed,
            asked: self.attempts.clone(),
            asked_dropped: self.dropped,
            counts: Counts { grants_removed, ..self.counts },
            violations: self.violations,
            faults: self.faults.iter().map(|(fault, n)| (fault.name().to_owned(), *n)).collect(),
            operations,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn the_memory_for_attempts_is_bounded_and_the_rest_counted() {
        let mut log = AuditLog::new(AuditLimits { attempts: 3, items: 100 });
        for _ in 0..5 {
            log.record(Attempt::default());
        }
        let audit = log.report(false, vec![]);
        assert_eq!((audit.asked.len(), audit.asked_dropped, audit.counts.attempts), (3, 2, 5));
        let mut log = AuditLog::new(AuditLimits { attempts: 100, items: 10 });
        let target = RequestTarget { target: "1".into(), accounts: Some(vec!["1".into(); 4]) };
        for _ in 0..5 {
            log.record(Attempt { targets: vec![target.clone()], ..Attempt::default() });
        }
        let audit = log.report(false, vec![]);
        assert_eq!((audit.asked.len(), audit.asked_dropped), (2, 3));
    }

    #[test]
    fn the_busiest_second_and_broken_waits_are_counted() {
        let mut log = AuditLog::default();
        let operation = Operation::ALL[1].name();
        let at = |ms: i64| Timestamp::UNIX_EPOCH + SignedDuration::from_millis(ms);
        log.record_wait(operation, at(950));
        log.record_wait(operation, at(100));
        for ms in [0, 900, 950, 1000, 1999, 2000] {
            log.record_arrival(at(ms), operation);
        }
        let counts = log.report(false, vec![]).operations[operation];
        assert_eq!(counts, OperationCounts { attempts: 6, busiest_second: 3, inside_wait: 2 });
    }
}
