//! Counts the input rows whose grant is settled. Several rows may ask for one grant.

use crate::plan::{GrantId, Rows};

/// The number of rows whose grant is settled: four bytes for each row that repeats another one.
#[derive(Debug, Default)]
pub(super) struct SettledRows {
    /// The grant of each repeated row, sorted.
    repeated: Vec<GrantId>,
    settled: usize,
}

impl SettledRows {
    /// Counts the rows whose grant is settled already.
    pub(super) fn new(rows: &Rows, is_settled: impl Fn(GrantId) -> bool) -> Self {
        let mut counted = Self::default();
        for row in 0..rows.len() {
            let Some((grant, first)) = rows.get(row) else { continue };
            counted.settled += usize::from(is_settled(grant));
            if first != row {
                counted.repeated.push(grant);
            }
        }
        counted.repeated.sort_unstable();
        counted
    }

    /// Adds the rows of a grant that is now settled.
    pub(super) fn settle(&mut self, grant: GrantId) {
        let from = self.repeated.partition_point(|other| *other < grant);
        let repeats = self.repeated[from..].partition_point(|other| *other == grant);
        self.settled += 1 + repeats;
    }

    pub(super) fn count(&self) -> usize {
        self.settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::Collector;
    use crate::model::{Account, Grant, Grantee, GranteeKind, Kind};
    use crate::plan::Plan;

    fn plan(accounts: &[Option<&str>]) -> Plan {
        let mut collector = Collector::default();
        for account in accounts {
            let grant = Grant {
                instance_id: "i",
                region: "r",
                grantee: Grantee { kind: GranteeKind::User, id: "1" },
                kind: Kind::Host,
                target: "1",
                account: account.map_or(Account::Whole, Account::Named),
            };
            collector.push(&grant).unwrap();
        }
        Plan::new(collector.finish())
    }

    #[test]
    fn a_settled_grant_counts_all_rows_that_ask_for_it() {
        let names = [Some("a"), Some("b"), Some("a"), Some("c"), Some("a"), Some("c")];
        let plan = plan(&names);
        let grant = |row: usize| plan.rows().get(row).unwrap().0;
        let mut rows = SettledRows::new(plan.rows(), |_| false);
        assert_eq!(rows.count(), 0);
        for (row, expected) in [(0, 3), (1, 4), (3, 6)] {
            rows.settle(grant(row));
            assert_eq!(rows.count(), expected);
        }
        // A resumed run starts with what is settled.
        assert_eq!(SettledRows::new(plan.rows(), |settled| settled == grant(3)).count(), 2);
    }

    #[test]
    fn rows_covered_by_a_whole_target_count_with_it() {
        let plan = plan(&[Some("a"), None, Some("b"), None]);
        assert_eq!(plan.grants(), 1);
        let mut rows = SettledRows::new(plan.rows(), |_| false);
        rows.settle(0);
        assert_eq!(rows.count(), 4);
    }
}
