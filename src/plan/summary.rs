//! What a plan amounts to, in numbers.

use super::Plan;
use crate::grants::Scope;
use crate::model::{GranteeKind, Kind, Operation};
use serde::Serialize;
use std::collections::BTreeMap;

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
        let mut requests = [0_usize; Operation::ALL.len()];
        for request in 0..plan.requests() {
            requests[plan.operation_of(request).index()] += 1;
        }
        let mut holders: Vec<_> = plan.scopes.iter().map(Scope::holder).collect();
        holders.sort_unstable();
        holders.dedup();
        let users = holders.iter().filter(|holder| holder.1 == GranteeKind::User).count();
        let Targets { named, whole, kept } = Targets::of(plan);
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
            targets: named,
            whole_targets: whole,
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

/// What is counted of targets.
#[derive(Debug, Default)]
struct Targets {
    named: usize,
    whole: usize,
    kept: usize,
}

/// No scope and no instance has this number.
const NEVER: u32 = u32::MAX;

impl Targets {
    /// Counts without a set of pairs, which would be as large as the plan: each target's name
    /// remembers the instance in which it was last counted, by kind, and the scope.
    fn of(plan: &Plan) -> Self {
        let mut last_instance = vec![[NEVER; 3]; plan.words.targets()];
        let mut last_scope = vec![NEVER; plan.words.targets()];
        // Instance by instance, or a name would forget that it was counted.
        let count = u32::try_from(plan.requests()).unwrap_or(u32::MAX);
        let mut requests: Vec<u32> = (0..count).collect();
        requests.sort_by_key(|request| plan.scope_of(*request as usize).instance());
        let mut counted = Self::default();
        for request in requests {
            let request = request as usize;
            let scope = plan.scope_of(request);
            let number = plan.scope_number_of(request);
            let kind = match scope.kind() {
                Kind::Host => 0,
                Kind::HostGroup => 1,
                Kind::Database => 2,
            };
            let grants = plan.grants_of(request);
            let items = &plan.items[grants.start as usize..grants.end as usize];
            for entry in items.chunk_by(|a, b| a.target == b.target) {
                let target = entry[0].target as usize;
                if std::mem::replace(&mut last_instance[target][kind], scope.instance())
                    != scope.instance()
                {
                    counted.named += 1;
                }
                if entry[0].is_whole() {
                    counted.whole += 1;
                } else if std::mem::replace(&mut last_scope[target], number) != number {
                    counted.kept += 1;
                }
            }
        }
        counted
    }
}
