//! What a plan amounts to, in numbers.

use super::Plan;
use crate::model::{GranteeKind, Operation};
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};

/// The numbers that `plan` prints, guards count, and a confirmation shows.
///
/// As JSON this is the schema of `plan --json`; members are only ever added.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// Input rows, invalid ones included.
    pub rows: usize,
    /// Rows that are invalid.
    pub invalid: usize,
    /// Rows that a protection keeps from being revoked.
    pub protected: usize,
    /// Rows of an outcome that keep what became of them before.
    pub carried: usize,
    /// Valid rows that another row stands for.
    pub duplicates: usize,
    /// Different users, counted per instance.
    pub users: usize,
    /// Different user groups, counted per instance.
    pub user_groups: usize,
    /// Different hosts, host groups and databases, counted per instance.
    pub targets: usize,
    /// Revocations of a target as a whole, with every account on it.
    pub whole_targets: usize,
    /// Pairs of grantee and target of which only accounts are revoked: the grant of the target
    /// itself stays.
    pub targets_kept: usize,
    /// Distinct grants to be sent.
    pub revocations: usize,
    /// Requests by operation; operations without any are left out.
    pub requests: BTreeMap<&'static str, usize>,
    /// How long the requests take at the rate, in seconds; operations run side by side.
    pub seconds: f64,
}

/// Rows that nothing is sent for although they are not invalid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Those that a protection keeps from being revoked.
    pub protected: usize,
    /// Those of an outcome that keep what became of them before.
    pub carried: usize,
}

impl Summary {
    /// Counts a plan. `rate_per_s` is per operation; of the rows that nothing is sent for, those
    /// that are not `left_out` for another reason are invalid.
    pub fn of(plan: &Plan, left_out: LeftOut, rate_per_s: f64) -> Self {
        let LeftOut { protected, carried } = left_out;
        let mut holders = HashSet::new();
        let mut targets = HashSet::new();
        let mut requests = [0_usize; Operation::ALL.len()];
        let (mut whole_targets, mut kept) = (0, 0);
        let mut kept_pairs = HashSet::new();
        for request in 0..plan.requests() {
            let scope_number = plan.scope_number_of(request);
            let scope = plan.scope_of(request);
            requests[scope.operation().index()] += 1;
            holders.insert(scope.holder());
            for grant in plan.grants_of(request) {
                let item = plan.items[grant as usize];
                targets.insert((scope.place(), item.target));
                if item.is_whole() {
                    whole_targets += 1;
                } else if kept_pairs.insert((scope_number, item.target)) {
                    kept += 1;
                }
            }
        }
        let is_user = |holder: &&(u32, GranteeKind, u32)| holder.1 == GranteeKind::User;
        let users = holders.iter().filter(is_user).count();
        let sent = plan.rows.iter().filter(|grant| **grant != super::NO_GRANT).count();
        let longest = requests.iter().copied().max().unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "a duration for people")]
        let seconds = longest as f64 / rate_per_s;
        Self {
            rows: plan.rows(),
            invalid: plan.rows() - sent - protected - carried,
            protected,
            carried,
            duplicates: sent - plan.grants(),
            users,
            user_groups: holders.len() - users,
            targets: targets.len(),
            whole_targets,
            targets_kept: kept,
            revocations: plan.grants(),
            requests: Operation::ALL
                .into_iter()
                .filter(|operation| requests[operation.index()] > 0)
                .map(|operation| (operation.name(), requests[operation.index()]))
                .collect(),
            seconds: (seconds * 10.0).ceil() / 10.0,
        }
    }

    /// All requests together.
    pub fn total_requests(&self) -> usize {
        self.requests.values().sum()
    }
}
