//! Rows on their way from the thread that reads them to the one that collects them.

use crate::model::{Account, Grant, Operation};
use crate::names::Key;

/// How many rows travel together: few enough to stay in a processor's own cache, and enough that
/// handing them over costs nothing.
const ROWS: usize = 2048;

/// The text of a batch is not let grow far beyond this, however long the values are.
const TEXT_BYTES: usize = 1 << 18;

/// Some rows one after the other, each a grant or none, column by column. A batch is used again
/// and again, so that rows cost no allocation.
#[derive(Debug, Default)]
pub struct Batch {
    /// For each row what is short of it, if it names a grant.
    pub(super) heads: Vec<Option<Head>>,
    /// For each row that names a grant.
    pub(super) grantees: Vec<Key>,
    /// For each row that names a grant.
    pub(super) targets: Vec<Key>,
    /// For each row that names an account.
    pub(super) accounts: Vec<Key>,
    /// The long values.
    pub(super) text: String,
    /// The instances and regions that the rows name: mostly one for all of them.
    pub(super) instances: Vec<(String, String)>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    pub(super) operation: Operation,
    /// Whether it names the target as a whole.
    pub(super) whole: bool,
    pub(super) instance: u32,
}

impl Batch {
    /// Takes the next row: its grant, or none if nothing is to be sent for it.
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
        let operation = Operation { kind: grant.kind, from: grant.grantee.kind };
        self.heads.push(Some(Head { operation, whole, instance }));
    }

    /// Whether it is time to hand it over.
    pub fn is_full(&self) -> bool {
        self.heads.len() >= ROWS || self.text.len() >= TEXT_BYTES
    }

    /// Whether there are no rows in it.
    pub fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }

    #[expect(clippy::cast_possible_truncation, reason = "at most one for each of ROWS")]
    fn instance(&mut self, grant: &Grant<'_>) -> u32 {
        // An empty string may point nowhere, and comparing it takes some processors a fault and
        // more time than all the rest of a row.
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
    fn rows_arrive_as_they_left_in_one_batch_after_the_other() {
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
        let names = direct.words.scope(&direct.scopes, 1);
        assert_eq!((names.instance_id, names.grantee.kind), ("j", GranteeKind::UserGroup));
        let mut of_scope = OfScope::default();
        direct.of_scope(1, &mut of_scope);
        assert_eq!(direct.words.item(of_scope.grant(0).0), ("目标", Account::Whole));
    }
}
