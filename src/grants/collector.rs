//! Rows in: each comes to a few numbers.

use super::scopes::{ByScope, Context, ScopeTable};
use super::{Batch, Grants, Item, MAX_ROWS, NO_GRANT, Row, TooManyRows, WHOLE, Words};
use crate::model::{Grant, Operation};
use crate::names::Interner;

/// Takes the rows of the first pass, one by one or a [`Batch`] at a time: 12 bytes a row.
#[derive(Debug, Default)]
pub struct Collector {
    /// Instances and regions.
    instances: Interner,
    grantees: Interner,
    targets: Interner,
    accounts: Interner,
    scopes: ScopeTable,
    /// How many fences there are so far.
    fences: u32,
    rows: Vec<Row>,
    pending: Batch,
    columns: Columns,
}

/// What a batch's rows come to, a column of numbers each; kept to be filled again.
#[derive(Debug, Default)]
struct Columns {
    contexts: Vec<u32>,
    grantees: Vec<u32>,
    targets: Vec<u32>,
    accounts: Vec<u32>,
    scopes: Vec<u32>,
}

impl Collector {
    /// Takes the next row's grant.
    pub fn push(&mut self, grant: &Grant<'_>) -> Result<(), TooManyRows> {
        self.push_pending(Some(grant))
    }

    /// Takes the next row as one that nothing is to be sent for.
    pub fn skip(&mut self) -> Result<(), TooManyRows> {
        self.push_pending(None)
    }

    /// Keeps what comes from now on apart from what came before: grants on the two sides never share
    /// a request, not even those of one grantee, and never stand for each other.
    pub fn fence(&mut self) {
        self.absorb_pending();
        self.fences += 1;
    }

    fn push_pending(&mut self, grant: Option<&Grant<'_>>) -> Result<(), TooManyRows> {
        self.count_on(self.pending.heads.len() + 1)?;
        self.pending.push(grant);
        if self.pending.is_full() {
            self.absorb_pending();
        }
        Ok(())
    }

    fn absorb_pending(&mut self) {
        let mut pending = std::mem::take(&mut self.pending);
        self.absorb(&mut pending);
        self.pending = pending;
    }

    /// Whether so many more rows can be numbered. No sort of name is more numerous than rows.
    fn count_on(&self, more: usize) -> Result<(), TooManyRows> {
        if self.rows.len() + more > MAX_ROWS { Err(TooManyRows) } else { Ok(()) }
    }

    /// Takes the rows of a batch, which is empty afterwards.
    pub fn take(&mut self, batch: &mut Batch) -> Result<(), TooManyRows> {
        self.absorb_pending();
        self.count_on(batch.heads.len())?;
        self.absorb(batch);
        Ok(())
    }

    fn absorb(&mut self, batch: &mut Batch) {
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

    /// The contexts of the rows that name a grant: few, for a batch names few instances.
    fn find_contexts(&mut self, batch: &Batch) {
        let Self { instances, scopes, fences, columns, .. } = self;
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
                scopes.context(Context { fences: *fences, instance, region, operation })
            })
        }));
    }

    /// Brings the rows of each scope together.
    pub fn finish(mut self) -> Grants {
        self.absorb_pending();
        let Self { instances, grantees, targets, accounts, scopes, rows, .. } = self;
        let words = Words {
            instances: instances.into_names(),
            grantees: grantees.into_names(),
            targets: targets.into_names(),
            accounts: accounts.into_names(),
        };
        let input_rows = rows.len();
        let ByScope { scopes, ends, items, item_rows } = scopes.sort(rows);
        Grants { words, scopes, ends, items, item_rows, input_rows }
    }
}
