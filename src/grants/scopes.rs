//! Scopes: which grants may share a request.

use super::{Item, NO_GRANT, Row};
use crate::malloc::give_back;
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
    pub(crate) region: u32,
    /// What revokes them.
    pub operation: Operation,
}

/// Grants that may share a request: those of one grantee in one context.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Scope {
    context: u32,
    grantee: u32,
}

/// A scope whose grantee has another one that came before it.
#[derive(Debug, Clone, Copy)]
struct Further {
    scope: Scope,
    /// Its number; while it is asked for, how many grantees had appeared before it.
    number: u32,
}

/// All scopes by first appearance. Most grantees have one: it costs a byte or, with many contexts,
/// four. Further ones cost twelve bytes each.
#[derive(Debug)]
pub struct Scopes {
    contexts: Vec<Context>,
    /// For each grantee the context of its first scope.
    firsts: Narrow,
    further: Vec<Further>,
}

impl Scopes {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.firsts.len() + self.further.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What the grants of a scope have in common beside the grantee.
    pub fn context(&self, scope: u32) -> &Context {
        self.of(scope).0
    }

    /// The same, and the number of the grantee.
    pub(crate) fn of(&self, scope: u32) -> (&Context, u32) {
        self.behind(self.further_before(scope), scope)
    }

    /// The same of all scopes from one on, which is faster than asking for one after the other.
    pub(crate) fn all_from(&self, first: u32) -> impl Iterator<Item = (&Context, u32)> {
        let mut before = self.further_before(first);
        (first..count(self.len())).map(move |scope| {
            let of_scope = self.behind(before, scope);
            before += usize::from(self.is_further(before, scope));
            of_scope
        })
    }

    /// The contexts of all scopes.
    pub(crate) fn contexts(&self) -> &[Context] {
        &self.contexts
    }

    /// How many further scopes come before one.
    fn further_before(&self, scope: u32) -> usize {
        self.further.partition_point(|further| further.number < scope)
    }

    fn is_further(&self, before: usize, scope: u32) -> bool {
        self.further.get(before).is_some_and(|further| further.number == scope)
    }

    /// The context and grantee of the scope behind so many further ones.
    fn behind(&self, before: usize, scope: u32) -> (&Context, u32) {
        let Scope { context, grantee } = if self.is_further(before, scope) {
            self.further[before].scope
        } else {
            let grantee = scope - count(before);
            Scope { context: self.firsts.get(grantee), grantee }
        };
        (&self.contexts[context as usize], grantee)
    }

    /// The places of all scopes, in their order, where the first ones of all grantees come before
    /// all further ones.
    fn places(&self) -> impl Iterator<Item = usize> {
        let mut further = (self.firsts.len()..).zip(&self.further).peekable();
        let mut first = 0..self.firsts.len();
        (0..count(self.len())).filter_map(move |scope| {
            let next = further.next_if(|(_, further)| further.number == scope);
            next.map(|(place, _)| place).or_else(|| first.next())
        })
    }
}

/// Numbers that are mostly small: a byte each as long as all of them fit, four bytes otherwise.
#[derive(Debug)]
enum Narrow {
    Bytes(Vec<u8>),
    Words(Vec<u32>),
}

impl Narrow {
    fn len(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Words(words) => words.len(),
        }
    }

    fn get(&self, at: u32) -> u32 {
        match self {
            Self::Bytes(bytes) => u32::from(bytes[at as usize]),
            Self::Words(words) => words[at as usize],
        }
    }

    fn push(&mut self, number: u32) {
        match (&mut *self, u8::try_from(number)) {
            (Self::Bytes(bytes), Ok(number)) => bytes.push(number),
            (Self::Bytes(bytes), Err(_)) => {
                let widened = bytes.iter().map(|byte| u32::from(*byte));
                *self = Self::Words(widened.chain([number]).collect());
            }
            (Self::Words(words), _) => words.push(number),
        }
    }
}

/// Set in the number that a further scope has while rows come in.
const FURTHER: u32 = 1 << 31;

/// Scopes while rows come in. The first one of a grantee has the grantee's number; only further ones
/// take the way through a table.
#[derive(Debug)]
pub(super) struct ScopeTable {
    scopes: Scopes,
    by_context: HashMap<Context, u32>,
    by_further: Index,
    asked: Asked,
}

impl Default for ScopeTable {
    fn default() -> Self {
        let firsts = Narrow::Bytes(Vec::new());
        Self {
            scopes: Scopes { contexts: Vec::new(), firsts, further: Vec::new() },
            by_context: HashMap::default(),
            by_further: Index::default(),
            asked: Asked::default(),
        }
    }
}

/// The rows of a batch that ask for further scopes; kept to be filled again.
#[derive(Debug, Default)]
struct Asked {
    rows: Vec<usize>,
    scopes: Vec<Further>,
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

    /// The scopes of rows by their contexts and grantees: the numbers that scopes have while rows
    /// come in. Grantees must be numbered by first appearance.
    pub(super) fn numbers_of(
        &mut self,
        contexts: &[u32],
        grantees: &[u32],
        numbers: &mut Vec<u32>,
    ) {
        let Self { scopes: Scopes { firsts, further, .. }, by_further, asked, .. } = self;
        asked.rows.clear();
        asked.scopes.clear();
        numbers.clear();
        numbers.extend_from_slice(grantees);
        for (row, (context, grantee)) in contexts.iter().zip(grantees).enumerate() {
            if *grantee as usize == firsts.len() {
                firsts.push(*context);
            } else if firsts.get(*grantee) != *context {
                let scope = Scope { context: *context, grantee: *grantee };
                asked.rows.push(row);
                asked.scopes.push(Further { scope, number: count(firsts.len()) });
            }
        }
        by_further.numbers_of(&asked.scopes, further, &mut asked.numbers);
        for (row, number) in asked.rows.iter().zip(&asked.numbers) {
            numbers[*row] = FURTHER | number;
        }
    }

    /// Sorts all rows that name a grant by scope, by counting: within a scope they stay in their
    /// order. The rows go from the back, in two halves, so that of a list that came in its scopes'
    /// order never more than one and a half are kept.
    pub(super) fn sort(self, mut rows: Vec<Row>) -> ByScope {
        let Self { scopes, by_further, .. } = self;
        by_further.give_back();
        let firsts = scopes.firsts.len();
        let place = |scope: u32| match scope & FURTHER {
            0 => scope as usize,
            _ => firsts + (scope & !FURTHER) as usize,
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
        let mut items = blank_items(total as usize);
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
        give_back(rows);
        if !scopes.further.is_empty() {
            ends = scopes.places().map(|place| ends[place]).collect();
        }
        if !ends.is_empty() {
            // Where a scope starts the one before it ends.
            ends.remove(0);
            ends.push(total);
        }
        ByScope { scopes, ends, items, item_rows }
    }
}

/// Items to be written over. Zeros are asked for as such, so that no memory is taken before that.
fn blank_items(length: usize) -> Vec<Item> {
    let item = |[target, account]: [u32; 2]| Item { target, account };
    vec![[0; 2]; length].into_iter().map(item).collect()
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

/// No more of anything is counted than there are rows.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

impl Keys for Vec<Further> {
    type Key = Further;

    fn len(&self) -> usize {
        self.len()
    }

    fn hash(&self, asked: Further) -> u64 {
        let Scope { context, grantee } = asked.scope;
        FixedState::default().hash_one(u64::from(context) << 32 | u64::from(grantee))
    }

    fn hashes_kept(&self) -> impl Iterator<Item = u64> {
        self.iter().map(|further| self.hash(*further))
    }

    fn is(&self, number: u32, asked: Further) -> bool {
        self[number as usize].scope == asked.scope
    }

    fn keep(&mut self, asked: Further) {
        self.push(Further { number: asked.number + count(self.len()), ..asked });
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
            let by_scope = table.sort(rows);
            let all = (0..count(by_scope.scopes.len())).map(|scope| by_scope.scopes.of(scope));
            let mut start = 0;
            let found: Vec<_> = (0..count(by_scope.scopes.len()))
                .map(|scope| {
                    let rows = start..by_scope.ends[scope as usize] as usize;
                    start = rows.end;
                    let items = by_scope.items[rows.clone()].iter().copied();
                    let asking = items.zip(by_scope.item_rows[rows].iter().copied()).collect();
                    let (context, grantee) = by_scope.scopes.of(scope);
                    assert!(by_scope.scopes.all_from(scope).eq(all.clone().skip(scope as usize)));
                    let mut contexts = by_scope.scopes.contexts().iter();
                    let context = contexts.position(|known| known == context).unwrap();
                    ((count(context), grantee), asking)
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
