//! Scopes: a scope has the grants that may share a request.
//!
//! Most grantees have one scope, so a scope's number is its grantee's number plus the number of
//! extra scopes before it, and only extra scopes are stored with a grantee: four bytes for a
//! grantee and twelve for each extra scope. A table from (context, grantee) to the scope would need
//! 20 bytes more for each. A variant with one byte per grantee was dropped: it saved 1 to 4 % of a
//! plan's memory and no time.

use super::{Item, NO_GRANT, Row};
use crate::model::{Action, Operation};
use crate::names::{Index, Keys};
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::hash::BuildHasher;

/// What the grants of a request have in common, except the id of the grantee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Context {
    /// The number of barriers before it: grants on two sides of a barrier never share a request.
    pub(super) barriers: u32,
    /// The number of the bastion host.
    pub(crate) instance: u32,
    pub(crate) region: u32,
    /// The operation that revokes or grants them.
    pub operation: Operation,
}

/// Grants that may share a request: those of one grantee in one context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Scope {
    context: u32,
    grantee: u32,
}

/// A scope of a grantee who already has another one.
#[derive(Debug, Clone, Copy)]
struct ExtraScope {
    scope: Scope,
    /// Its number; in a look-up, the number of grantees before it.
    number: u32,
}

/// All scopes by first appearance.
#[derive(Debug, Default)]
pub struct Scopes {
    contexts: Vec<Context>,
    /// For each grantee the context of its first scope.
    first_contexts: Vec<u32>,
    extra: Vec<ExtraScope>,
    action: Action,
}

impl Scopes {
    /// The number of scopes.
    pub fn len(&self) -> usize {
        self.first_contexts.len() + self.extra.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The context of a scope.
    pub fn context(&self, scope: u32) -> &Context {
        self.of(scope).0
    }

    /// The context of a scope, and the number of its grantee.
    pub(crate) fn of(&self, scope: u32) -> (&Context, u32) {
        self.scope_after(self.extra_before(scope), scope)
    }

    /// The same for all scopes from `first` on, which is faster than single calls.
    pub(crate) fn all_from(&self, first: u32) -> impl Iterator<Item = (&Context, u32)> {
        let mut before = self.extra_before(first);
        (first..count(self.len())).map(move |scope| {
            let of_scope = self.scope_after(before, scope);
            before += usize::from(self.is_extra(before, scope));
            of_scope
        })
    }

    /// What is done with the grants.
    pub fn action(&self) -> Action {
        self.action
    }

    pub(super) fn set_action(&mut self, action: Action) {
        self.action = action;
        for context in &mut self.contexts {
            context.operation.action = action;
        }
    }

    /// The contexts of all scopes.
    pub(crate) fn contexts(&self) -> &[Context] {
        &self.contexts
    }

    /// The number of extra scopes before one.
    fn extra_before(&self, scope: u32) -> usize {
        self.extra.partition_point(|extra| extra.number < scope)
    }

    fn is_extra(&self, before: usize, scope: u32) -> bool {
        self.extra.get(before).is_some_and(|extra| extra.number == scope)
    }

    /// The context and grantee of a scope with `before` extra scopes before it.
    fn scope_after(&self, before: usize, scope: u32) -> (&Context, u32) {
        let Scope { context, grantee } = if self.is_extra(before, scope) {
            self.extra[before].scope
        } else {
            let grantee = scope - count(before);
            Scope { context: self.first_contexts[grantee as usize], grantee }
        };
        (&self.contexts[context as usize], grantee)
    }

    /// The places of all scopes, in their order, in a list where the first scopes of all grantees
    /// precede all extra ones.
    fn places(&self) -> impl Iterator<Item = usize> {
        let mut extra = (self.first_contexts.len()..).zip(&self.extra).peekable();
        let mut first = 0..self.first_contexts.len();
        (0..count(self.len())).filter_map(move |scope| {
            let next = extra.next_if(|(_, extra)| extra.number == scope);
            next.map(|(place, _)| place).or_else(|| first.next())
        })
    }
}

/// Set in the number of an extra scope during the first pass.
const EXTRA: u32 = 1 << 31;

/// The scopes during the first pass. The first scope of a grantee has the grantee's number; only
/// extra ones need the index.
#[derive(Debug, Default)]
pub(super) struct ScopeTable {
    scopes: Scopes,
    by_context: HashMap<Context, u32>,
    extra_index: Index,
    extra_rows: ExtraRows,
}

/// The rows of a batch with extra scopes; reused.
#[derive(Debug, Default)]
struct ExtraRows {
    rows: Vec<usize>,
    scopes: Vec<ExtraScope>,
    numbers: Vec<u32>,
}

impl ScopeTable {
    /// The number of a context.
    pub(super) fn context(&mut self, context: Context) -> u32 {
        let contexts = &mut self.scopes.contexts;
        *self.by_context.entry(context).or_insert_with(|| {
            contexts.push(context);
            count(contexts.len() - 1)
        })
    }

    /// The scopes of rows, as numbered during the first pass, by their contexts and grantees.
    /// Grantees must be numbered by first appearance.
    pub(super) fn numbers_of(
        &mut self,
        contexts: &[u32],
        grantees: &[u32],
        numbers: &mut Vec<u32>,
    ) {
        let Self { scopes: Scopes { first_contexts, extra, .. }, extra_index, extra_rows, .. } =
            self;
        extra_rows.rows.clear();
        extra_rows.scopes.clear();
        numbers.clear();
        numbers.extend_from_slice(grantees);
        for (row, (context, grantee)) in contexts.iter().zip(grantees).enumerate() {
            if *grantee as usize == first_contexts.len() {
                first_contexts.push(*context);
            } else if first_contexts[*grantee as usize] != *context {
                let scope = Scope { context: *context, grantee: *grantee };
                extra_rows.rows.push(row);
                extra_rows.scopes.push(ExtraScope { scope, number: count(first_contexts.len()) });
            }
        }
        extra_index.numbers_of(&extra_rows.scopes, extra, &mut extra_rows.numbers);
        for (row, number) in extra_rows.rows.iter().zip(&extra_rows.numbers) {
            numbers[*row] = EXTRA | number;
        }
    }

    /// Sorts all rows with a grant by scope: a counting sort, which keeps their order within a
    /// scope. The rows are processed from the end in two halves, and each half is freed: a list in
    /// the order of its scopes never needs more than one and a half copies.
    pub(super) fn sort(self, mut rows: Vec<Row>) -> SortedRows {
        let Self { scopes, extra_index, .. } = self;
        drop(extra_index);
        let first_scopes = scopes.first_contexts.len();
        let place = |scope: u32| match scope & EXTRA {
            0 => scope as usize,
            _ => first_scopes + (scope & !EXTRA) as usize,
        };
        let mut ends = vec![0_u32; scopes.len()];
        for row in rows.iter().filter(|row| row.scope != NO_GRANT) {
            ends[place(row.scope)] += 1;
        }
        let mut total = 0;
        for place in scopes.places() {
            total += ends[place];
            ends[place] = total;
        }
        let mut items = zeroed_items(total as usize);
        let mut item_rows = vec![0_u32; total as usize];
        // The ends become the starts while the rows are placed.
        let mut put = |rows: &[Row], from: usize| {
            let back = (0..count(rows.len())).zip(rows).skip(from).rev();
            for (number, row) in back.filter(|(_, row)| row.scope != NO_GRANT) {
                let end = &mut ends[place(row.scope)];
                *end -= 1;
                items[*end as usize] = row.item;
                item_rows[*end as usize] = number;
            }
        };
        let half = rows.len() / 2;
        put(&rows, half);
        rows.truncate(half);
        rows.shrink_to_fit();
        put(&rows, 0);
        drop(rows);
        if !scopes.extra.is_empty() {
            ends = scopes.places().map(|place| ends[place]).collect();
        }
        if !ends.is_empty() {
            // A scope starts where the one before it ends.
            ends.remove(0);
            ends.push(total);
        }
        SortedRows { scopes, ends, items, item_rows }
    }
}

/// Items to be overwritten. They are allocated as zeros, which takes no memory before the first
/// write.
fn zeroed_items(length: usize) -> Vec<Item> {
    let item = |[target, account]: [u32; 2]| Item { target, account };
    vec![[0; 2]; length].into_iter().map(item).collect()
}

/// Rows sorted by scope.
pub(super) struct SortedRows {
    pub(super) scopes: Scopes,
    /// For each scope the end of its rows.
    pub(super) ends: Vec<u32>,
    /// The item of each row.
    pub(super) items: Vec<Item>,
    /// The number of each row.
    pub(super) item_rows: Vec<u32>,
}

/// There are at most as many of anything as rows.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Keys for Vec<ExtraScope> {
    type Key = ExtraScope;

    fn len(&self) -> usize {
        self.len()
    }

    fn hash(&self, asked: ExtraScope) -> u64 {
        let Scope { context, grantee } = asked.scope;
        FixedState::default().hash_one(u64::from(context) << 32 | u64::from(grantee))
    }

    fn stored_hashes(&self) -> impl Iterator<Item = u64> {
        self.iter().map(|extra| self.hash(*extra))
    }

    fn is(&self, number: u32, asked: ExtraScope) -> bool {
        self[number as usize].scope == asked.scope
    }

    fn store(&mut self, asked: ExtraScope) {
        self.push(ExtraScope { number: asked.number + count(self.len()), ..asked });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The items of the rows of a scope, and the numbers of these rows.
    type Asking = Vec<(Item, u32)>;

    #[test]
    fn scopes_come_in_the_order_of_their_first_rows() {
        let mut random = fastrand::Rng::with_seed(11);
        for (grantees, contexts) in [(1, 1), (40, 1), (1, 40), (300, 7), (3, 300), (600, 600)] {
            let mut table = ScopeTable::default();
            // By context and grantee.
            let mut expected: Vec<((u32, u32), Asking)> = Vec::new();
            let mut known_grantees = Vec::new();
            let (mut rows, mut numbers) = (Vec::new(), Vec::new());
            for batch in 0..20 {
                let asked: Vec<(u32, u32)> = (0..random.usize(..=batch * 10))
                    .map(|_| {
                        let grantee = random.u32(..grantees);
                        let known = known_grantees.iter().position(|known| *known == grantee);
                        let number = known.unwrap_or(known_grantees.len());
                        if known.is_none() {
                            known_grantees.push(grantee);
                        }
                        let context = context(random.u32(..contexts));
                        (table.context(context), count(number))
                    })
                    .collect();
                let (of_rows, grantees): (Vec<u32>, Vec<u32>) = asked.iter().copied().unzip();
                table.numbers_of(&of_rows, &grantees, &mut numbers);
                rows.push(Row { scope: NO_GRANT, item: Item::default() });
                for (scope, ask) in numbers.iter().zip(asked) {
                    let row = count(rows.len());
                    let item = Item { target: random.u32(..5), account: random.u32(..5) };
                    rows.push(Row { scope: *scope, item });
                    match expected.iter_mut().find(|(known, _)| *known == ask) {
                        Some((_, asking)) => asking.push((item, row)),
                        None => expected.push((ask, vec![(item, row)])),
                    }
                }
            }
            let sorted = table.sort(rows);
            let all = (0..count(sorted.scopes.len())).map(|scope| sorted.scopes.of(scope));
            let mut start = 0;
            let found: Vec<_> = (0..count(sorted.scopes.len()))
                .map(|scope| {
                    let rows = start..sorted.ends[scope as usize] as usize;
                    start = rows.end;
                    let items = sorted.items[rows.clone()].iter().copied();
                    let asking = items.zip(sorted.item_rows[rows].iter().copied()).collect();
                    let (context, grantee) = sorted.scopes.of(scope);
                    assert!(sorted.scopes.all_from(scope).eq(all.clone().skip(scope as usize)));
                    let mut contexts = sorted.scopes.contexts().iter();
                    let context = contexts.position(|known| known == context).unwrap();
                    ((count(context), grantee), asking)
                })
                .collect();
            assert_eq!(found, expected);
        }
    }

    fn context(number: u32) -> Context {
        let operation = Operation::ALL[0];
        Context { barriers: number % 3, instance: number, region: 0, operation }
    }
}
