//! Batches of rows between the thread that reads them and the thread that collects them.

use crate::model::{Account, Action, Grant, Operation};
use crate::names::Key;

/// The number of rows in a batch: few enough for a processor's own cache, and enough to make the
/// cost of a hand-over negligible.
const ROWS: usize = 2048;

/// The size of a batch's text that ends it, for long values.
const TEXT_BYTES: usize = 1 << 18;

/// Consecutive rows, stored as columns; each has a grant or none. Batches are reused, so rows cost
/// no allocation.
#[derive(Debug, Default)]
pub struct Batch {
    /// For each row its operation, instance and scope of the account, if it has a grant.
    pub(super) heads: Vec<Option<RowHead>>,
    /// For each row with a grant.
    pub(super) grantees: Vec<Key>,
    /// For each row with a grant.
    pub(super) targets: Vec<Key>,
    /// For each row with an account.
    pub(super) accounts: Vec<Key>,
    /// The text of long values.
    pub(super) text: String,
    /// The instances and regions of the rows: usually one pair for all.
    pub(super) instances: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct RowHead {
    pub(super) operation: Operation,
    /// Whether it names the whole target.
    pub(super) whole: bool,
    pub(super) instance: u32,
}

impl Batch {
    /// Adds the next row: its grant, or `None` if nothing is sent for it.
    pub fn push(&mut self, grant: Option<&Grant<'_>>) {
        let Some(grant) = grant else { return self.heads.push(None) };
        let instance = self.instance(grant);
        self.grantees.push(Key::of(grant.grantee.id, &mut self.text));
        self.targets.push(Key::of(grant.target, &mut self.text));
        let whole = match grant.account {
            Account::Whole => true,
            Account::Named(name) => {
                self.accounts.push(Key::of(name, &mut self.text));
                false
            }
        };
        let (action, kind, from) = (Action::Detach, grant.kind, grant.grantee.kind);
        let operation = Operation { action, kind, from };
        self.heads.push(Some(RowHead { operation, whole, instance }));
    }

    /// Whether it should be handed over.
    pub fn is_full(&self) -> bool {
        self.heads.len() >= ROWS || self.text.len() >= TEXT_BYTES
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    #[expect(clippy::cast_possible_truncation, reason = "at most one for each of ROWS")]
    fn instance(&mut self, grant: &Grant<'_>) -> u32 {
        // An empty string may have a dangling pointer. Comparing it causes a fault on some
        // processors, which takes longer than the rest of the row.
        let same = |(instance, region): &(String, String)| {
            instance.len() == grant.instance_id.len()
                && (instance.is_empty() || instance == grant.instance_id)
                && region == grant.region
        };
        if !self.instances.last().is_some_and(same) {
            self.instances.push((grant.instance_id.to_owned(), grant.region.to_owned()));
        }
        (self.instances.len() - 1) as u32
    }

    pub(super) fn clear(&mut self) {
        self.heads.clear();
        self.grantees.clear();
        self.targets.clear();
        self.accounts.clear();
        self.text.clear();
        self.instances.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::{Collector, OfScope};
    use crate::model::{Grantee, GranteeKind, Kind};

    #[test]
    fn batched_rows_give_the_same_grants_as_single_rows() {
        let grant = |instance_id, grantee_kind, id, account| Grant {
            instance_id,
            region: "r",
            grantee: Grantee { kind: grantee_kind, id },
            kind: Kind::HostGroup,
            target: "目标",
            account,
        };
        let rows = [
            Some(grant("i", GranteeKind::User, "u", Account::Named("a"))),
            None,
            Some(grant("j", GranteeKind::UserGroup, "u", Account::Whole)),
            Some(grant("i", GranteeKind::User, "", Account::Named("a"))),
        ];
        let mut direct = Collector::default();
        let mut batched = Collector::default();
        let mut batch = Batch::default();
        for _ in 0..2 {
            for row in &rows {
                batch.push(row.as_ref());
                match row {
                    Some(grant) => direct.push(grant).unwrap(),
                    None => direct.skip().unwrap(),
                }
            }
            batched.take(&mut batch).unwrap();
            assert!(batch.is_empty());
        }
        let [batched, direct] = [batched, direct].map(Collector::finish);
        assert_eq!(format!("{batched:?}"), format!("{direct:?}"));
        assert_eq!(direct.input_rows, 8);
        let names = direct.names.scope(&direct.scopes, 1);
        assert_eq!((names.instance_id, names.grantee.kind), ("j", GranteeKind::UserGroup));
        let mut of_scope = OfScope::default();
        direct.of_scope(1, &mut of_scope);
        assert_eq!(direct.names.item(of_scope.grant(0).0), ("目标", Account::Whole));
    }
}
