//! Collects rows as numbers.

use super::scopes::{Context, ScopeTable, SortedRows};
use super::{Batch, GrantNames, Grants, Item, MAX_ROWS, NO_GRANT, Row, TooManyRows, WHOLE};
use crate::model::{Grant, Operation};
use crate::names::Interner;

/// Collects the rows of the first pass, one by one or a [`Batch`] at a time: 12 bytes a row.
#[derive(Debug, Default)]
pub struct Collector {
    /// Instances and regions.
    instances: Interner,
    grantees: Interner,
    targets: Interner,
    accounts: Interner,
    scopes: ScopeTable,
    /// The number of barriers so far.
    barriers: u32,
    rows: Vec<Row>,
    pending: Batch,
    columns: Columns,
}

/// The numbers of a batch's rows, by column; reused.
#[derive(Debug, Default)]
struct Columns {
    contexts: Vec<u32>,
    grantees: Vec<u32>,
    targets: Vec<u32>,
    accounts: Vec<u32>,
    scopes: Vec<u32>,
}

impl Collector {
    /// Adds the next row with its grant.
    pub fn push(&mut self, grant: &Grant<'_>) -> Result<(), TooManyRows> {
        self.push_pending(Some(grant))
    }

    /// Adds the next row as one without a grant.
    pub fn skip(&mut self) -> Result<(), TooManyRows> {
        self.push_pending(None)
    }

    /// Adds a batch barrier: grants before and after it never share a request and never stand for
    /// each other, even if they have the same grantee.
    pub fn barrier(&mut self) {
        self.flush_pending();
        self.barriers += 1;
    }

    fn push_pending(&mut self, grant: Option<&Grant<'_>>) -> Result<(), TooManyRows> {
        self.check_room(self.pending.heads.len() + 1)?;
        self.pending.push(grant);
        if self.pending.is_full() {
            self.flush_pending();
        }
        Ok(())
    }

    fn flush_pending(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        self.add_batch(&mut pending);
        self.pending = pending;
    }

    /// Whether that many more rows can be numbered. There are at most as many names as rows.
    fn check_room(&self, more: usize) -> Result<(), TooManyRows> {
        if self.rows.len() + more > MAX_ROWS { Err(TooManyRows) } else { Ok(()) }
    }

    /// Adds the rows of a batch, and empties it.
    pub fn take(&mut self, batch: &mut Batch) -> Result<(), TooManyRows> {
        self.flush_pending();
        self.check_room(batch.heads.len())?;
        self.add_batch(batch);
        Ok(())
    }

    fn add_batch(&mut self, batch: &mut Batch) {
        self.find_contexts(batch);
        let Self { columns, scopes, .. } = self;
        let text = &batch.text;
        self.grantees.intern_all(&batch.grantees, text, &mut columns.grantees);
        self.targets.intern_all(&batch.targets, text, &mut columns.targets);
        self.accounts.intern_all(&batch.accounts, text, &mut columns.accounts);
        scopes.numbers_of(&columns.contexts, &columns.grantees, &mut columns.scopes);
        let mut accounts = columns.accounts.iter();
        let mut scopes = columns.scopes.iter().zip(&columns.targets);
        self.rows.extend(batch.heads.drain(..).map(|head| {
            let no_grant = Row { scope: NO_GRANT, item: Item::default() };
            let Some(head) = head else { return no_grant };
            let Some((scope, target)) = scopes.next() else { return no_grant };
            let account = if head.whole { None } else { accounts.next() };
            let account = account.map_or(WHOLE, |number| number + 1);
            Row { scope: *scope, item: Item { target: *target, account } }
        }));
        batch.clear();
    }

    /// The contexts of the rows with a grant. They are few, because a batch has few instances.
    fn find_contexts(&mut self, batch: &Batch) {
        let Self { instances, scopes, barriers, columns, .. } = self;
        let instances: Vec<[u32; 2]> = batch
            .instances
            .iter()
            .map(|(instance, region)| [instance, region].map(|name| instances.intern(name)))
            .collect();
        let mut known = vec![[None; Operation::ALL.len()]; instances.len()];
        columns.contexts.clear();
        columns.contexts.extend(batch.heads.iter().flatten().map(|head| {
            *known[head.instance as usize][head.operation.index()].get_or_insert_with(|| {
                let [instance, region] = instances[head.instance as usize];
                let operation = head.operation;
                scopes.context(Context { barriers: *barriers, instance, region, operation })
            })
        }));
    }

    /// Groups the rows by scope.
    pub fn finish(mut self) -> Grants {
        self.flush_pending();
        let Self { instances, grantees, targets, accounts, scopes, rows, .. } = self;
        let names = GrantNames {
            instances: instances.into_names(),
            grantees: grantees.into_names(),
            targets: targets.into_names(),
            accounts: accounts.into_names(),
        };
        let input_rows = rows.len();
        let SortedRows { scopes, ends, items, item_rows } = scopes.sort(rows);
        Grants { names, scopes, ends, items, item_rows, input_rows }
    }
}
