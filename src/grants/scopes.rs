//! Scopes: which grants may share a request.

use super::{Item, NO_GRANT, Row};
use crate::model::Operation;
use crate::names::{Index, Keys};
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::hash::BuildHasher;

/// What the grants of a request have in common beside the id of the grantee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Context {
    /// How many fences came before: grants on two sides of one never share a request.
    pub(super) fences: u32,
    /// The number of the bastion host.
    pub(crate) instance: u32,
    pub(super) region: u32,
    /// What revokes them.
    pub operation: Operation,
}

/// Grants that may share a request: those of one grantee in one context.
#[derive(Debug, Clone, Copy)]
struct Scope {
    context: u32,
    grantee: u32,
}

/// All scopes by first appearance: eight bytes each.
#[derive(Debug)]
pub struct Scopes {
    contexts: Vec<Context>,
    all: Vec<Scope>,
}

impl Scopes {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// What the grants of a scope have in common beside the grantee.
    pub fn context(&self, scope: u32) -> &Context {
        &self.contexts[self.all[scope as usize].context as usize]
    }

    /// The number of a scope's grantee.
    pub(crate) fn grantee(&self, scope: u32) -> u32 {
        self.all[scope as usize].grantee
    }

    /// The contexts of all scopes.
    pub(crate) fn contexts(&self) -> &[Context] {
        &self.contexts
    }
}

/// Set in the number that a scope has while rows come in, if its grantee has another one that
/// came before it.
const FURTHER: u32 = 1 << 31;

/// Scopes while rows come in.
///
/// Most grantees have one scope. The first one of a grantee has the grantee's number and costs four
/// bytes; only further ones take the way through a table.
#[derive(Debug, Default)]
pub(super) struct ScopeTable {
    contexts: Vec<Context>,
    by_context: HashMap<Context, u32>,
    /// For each grantee the context of its first scope.
    firsts: Vec<u32>,
    /// The further scopes, context and grantee in one number.
    further: Index<u64>,
    /// For each further scope how many grantees had appeared before it.
    after: Vec<u32>,
    asked: Asked,
}

/// The rows of a batch that ask for further scopes; kept to be filled again.
#[derive(Debug, Default)]
struct Asked {
    rows: Vec<usize>,
    keys: Vec<u64>,
    after: Vec<u32>,
    numbers: Vec<u32>,
}

impl ScopeTable {
    /// The number of a context.
    pub(super) fn context(&mut self, context: Context) -> u32 {
        let contexts = &mut self.contexts;
        *self.by_context.entry(context).or_insert_with(|| {
            contexts.push(context);
            count(contexts.len() - 1)
        })
    }

    /// The scopes of rows by their contexts and grantees: the numbers that scopes have while rows
    /// come in. Grantees must be numbered by first appearance.
    pub(super) fn numbers_of(
        &mut self,
        contexts: &[u32],
        grantees: &[u32],
        numbers: &mut Vec<u32>,
    ) {
        let Self { firsts, further, after, asked, .. } = self;
        asked.rows.clear();
        asked.keys.clear();
        asked.after.clear();
        numbers.clear();
        numbers.extend_from_slice(grantees);
        for (row, (context, grantee)) in contexts.iter().zip(grantees).enumerate() {
            match firsts.get(*grantee as usize) {
                Some(first) if first == context => {}
                Some(_) => {
                    asked.rows.push(row);
                    asked.keys.push(u64::from(*context) << 32 | u64::from(*grantee));
                    asked.after.push(count(firsts.len()));
                }
                None => firsts.push(*context),
            }
        }
        further.numbers_of(&asked.keys, &mut Plain, &mut asked.numbers);
        for ((row, number), before) in asked.rows.iter().zip(&asked.numbers).zip(&asked.after) {
            if *number as usize == after.len() {
                after.push(*before);
            }
            numbers[*row] = FURTHER | number;
        }
    }

    /// Sorts all rows that name a grant by scope, by counting: within a scope they stay in their
    /// order.
    #[expect(clippy::cast_possible_truncation, reason = "a key is taken apart into its halves")]
    pub(super) fn sort(self, rows: Vec<Row>) -> ByScope {
        let Self { contexts, firsts, further, after, .. } = self;
        let further = further.into_keys();
        let place = |scope: u32| match scope & FURTHER {
            0 => scope as usize,
            _ => firsts.len() + (scope & !FURTHER) as usize,
        };
        let mut ends = vec![0_u32; firsts.len() + further.len()];
        let granted = || (0..).zip(&rows).filter(|(_, row)| row.scope != NO_GRANT);
        for (_, row) in granted() {
            ends[place(row.scope)] += 1;
        }
        let mut total = 0;
        for scope in by_appearance(firsts.len(), &after) {
            let end = &mut ends[place(scope)];
            total += std::mem::replace(end, total);
        }
        // `ends` holds the starts now, and becomes the ends while the rows are placed.
        let mut items = vec![Item::default(); total as usize];
        let mut item_rows = vec![0_u32; total as usize];
        for (number, row) in granted() {
            let end = &mut ends[place(row.scope)];
            items[*end as usize] = row.item;
            item_rows[*end as usize] = number;
            *end += 1;
        }
        drop(rows);
        let mut all = Vec::with_capacity(ends.len());
        all.extend(by_appearance(firsts.len(), &after).map(|scope| {
            if scope & FURTHER == 0 {
                return Scope { context: firsts[scope as usize], grantee: scope };
            }
            let key = further[(scope & !FURTHER) as usize];
            Scope { context: (key >> 32) as u32, grantee: key as u32 }
        }));
        if !further.is_empty() {
            ends = by_appearance(firsts.len(), &after).map(|scope| ends[place(scope)]).collect();
        }
        ByScope { scopes: Scopes { contexts, all }, ends, items, item_rows }
    }
}

/// Rows sorted by scope.
pub(super) struct ByScope {
    pub(super) scopes: Scopes,
    /// For each scope where its rows end.
    pub(super) ends: Vec<u32>,
    /// What the rows ask for.
    pub(super) items: Vec<Item>,
    /// Which rows they are.
    pub(super) item_rows: Vec<u32>,
}

/// The numbers that scopes have while rows come in, in the order in which they came: so many
/// grantees' first ones, with further ones `after` so many of them.
fn by_appearance(firsts: usize, after: &[u32]) -> impl Iterator<Item = u32> {
    let mut further = (FURTHER..).zip(after).peekable();
    let mut first = 0..count(firsts);
    std::iter::from_fn(move || {
        let next = further.next_if(|(_, after)| **after == first.start);
        next.map(|(number, _)| number).or_else(|| first.next())
    })
}

/// No more of anything is counted than there are rows.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// Numbers as keys that are kept as they are.
struct Plain;

impl Keys for Plain {
    type Key = u64;

    fn hash(&self, asked: u64) -> u64 {
        FixedState::default().hash_one(asked)
    }

    fn hash_kept(&self, kept: u64) -> u64 {
        self.hash(kept)
    }

    fn same(&self, kept: u64, asked: u64) -> bool {
        kept == asked
    }

    fn keep(&mut self, asked: u64) -> u64 {
        asked
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{GranteeKind, Kind};

    /// What the rows of a scope ask for, and which rows they are.
    type Asking = Vec<(Item, u32)>;

    #[test]
    fn scopes_come_in_the_order_of_their_first_rows() {
        let mut random = fastrand::Rng::with_seed(11);
        for (grantees, contexts) in [(1, 1), (40, 1), (1, 40), (300, 7), (3, 300)] {
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
            let by_scope = table.sort(rows);
            let mut start = 0;
            let found: Vec<_> = (0..count(by_scope.scopes.len()))
                .map(|scope| {
                    let rows = start..by_scope.ends[scope as usize] as usize;
                    start = rows.end;
                    let items = by_scope.items[rows.clone()].iter().copied();
                    let asking = items.zip(by_scope.item_rows[rows].iter().copied()).collect();
                    let Scope { context, grantee } = by_scope.scopes.all[scope as usize];
                    ((context, grantee), asking)
                })
                .collect();
            assert_eq!(found, expected);
        }
    }

    fn context(number: u32) -> Context {
        let operation = Operation { kind: Kind::Host, from: GranteeKind::User };
        Context { fences: number % 3, instance: number, region: 0, operation }
    }
}
