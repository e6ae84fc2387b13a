//! The compact store of what was asked: rows in, distinct grants out, and the way back from a row
//! to the grant that stands for it.
//!
//! Duplicates and accounts covered by a whole-target row are found here. Everything is numbers:
//! 12 bytes a row while reading, 24 while sorting, and no hash order reaches the result.

mod batch;

pub use batch::Batch;

use crate::model::{Account, Grant, Grantee, GranteeKind, Kind, Operation};
use crate::names::{Index, Interner, Names};

/// No grant: the row was invalid, or otherwise never to be sent.
pub const NO_GRANT: u32 = u32::MAX;

/// More rows than this are refused; 16 bytes a row would not fit most machines either.
pub const MAX_ROWS: usize = (u32::MAX - 1) as usize;

/// From this many rows on a second thread is worth starting.
const PARALLEL_ROWS: usize = 1 << 16;

/// The account number that means the whole target; it sorts before every account.
const WHOLE: u32 = 0;

/// Grants that may share a request: those of one grantee on one kind of target of one instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scope {
    instance: u32,
    region: u32,
    grantee_kind: GranteeKind,
    grantee: u32,
    kind: Kind,
}

impl Scope {
    /// The operation that revokes what is in this scope.
    pub fn operation(&self) -> Operation {
        Operation { kind: self.kind, from: self.grantee_kind }
    }

    /// What a collector's number for it means: fence, kinds, instance, region and grantee.
    #[expect(clippy::cast_possible_truncation, reason = "it is taken apart into its parts")]
    fn of_key(key: u128) -> Self {
        let kinds = key >> 96 & 7;
        Self {
            instance: (key >> 64) as u32,
            region: (key >> 32) as u32,
            grantee: key as u32,
            grantee_kind: if kinds >> 2 == GranteeKind::User as u128 {
                GranteeKind::User
            } else {
                GranteeKind::UserGroup
            },
            kind: match kinds & 3 {
                0 => Kind::Host,
                1 => Kind::HostGroup,
                _ => Kind::Database,
            },
        }
    }

    /// Instance and grantee, as numbers to count distinct ones by.
    pub fn holder(&self) -> (u32, GranteeKind, u32) {
        (self.instance, self.grantee_kind, self.grantee)
    }

    /// The number of the instance.
    pub fn instance(&self) -> u32 {
        self.instance
    }

    /// The kind of its targets.
    pub fn kind(&self) -> Kind {
        self.kind
    }
}

/// A target and one of its accounts, or the whole target, within a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// The target's number.
    pub target: u32,
    account: u32,
}

impl Item {
    /// Whether the target is meant as a whole.
    pub fn is_whole(self) -> bool {
        self.account == WHOLE
    }
}

/// A row that names a grant, while rows come in.
#[derive(Debug, Clone, Copy)]
struct Row {
    scope: u32,
    item: Item,
}

/// Takes the rows of the first pass, one by one or a [`Batch`] at a time.
#[derive(Debug, Default)]
pub struct Collector {
    /// Instances and regions.
    instances: Interner,
    grantees: Interner,
    targets: Interner,
    accounts: Interner,
    scopes: Index,
    /// How many rows name a grant of each scope.
    scope_rows: Vec<u32>,
    /// How many fences there are so far.
    fences: u128,
    rows: Vec<Row>,
    pending: Batch,
    columns: Columns,
}

/// What a batch's rows come to, a column of numbers each; kept to be filled again.
#[derive(Debug, Default)]
struct Columns {
    grantees: Vec<u32>,
    targets: Vec<u32>,
    accounts: Vec<u32>,
    scope_keys: Vec<u128>,
    scopes: Vec<u32>,
}

/// The input has more rows than this tool can number.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("more than {MAX_ROWS} rows: split the input, or use the queue")]
pub struct TooManyRows;

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
        let instances: Vec<u128> = batch
            .instances
            .iter()
            .map(|(instance, region)| {
                let number = |interner: &mut Interner, name| u128::from(interner.intern(name));
                let instance = number(&mut self.instances, instance);
                instance << 64 | number(&mut self.instances, region) << 32
            })
            .collect();
        let columns = &mut self.columns;
        let text = &batch.text;
        self.grantees.intern_all(&batch.grantees, text, &mut columns.grantees);
        self.targets.intern_all(&batch.targets, text, &mut columns.targets);
        self.accounts.intern_all(&batch.accounts, text, &mut columns.accounts);
        columns.scope_keys.clear();
        let heads = batch.heads.iter().flatten();
        columns.scope_keys.extend(heads.zip(&columns.grantees).map(|(head, grantee)| {
            let kinds = (head.grantee_kind as u128) << 2 | head.kind as u128;
            self.fences << 100
                | kinds << 96
                | instances[head.instance as usize]
                | u128::from(*grantee)
        }));
        self.scopes.numbers_of(&columns.scope_keys, &mut columns.scopes);
        self.scope_rows.resize(self.scopes.keys().len(), 0);
        for scope in &columns.scopes {
            self.scope_rows[*scope as usize] += 1;
        }
        let mut accounts = columns.accounts.iter();
        let mut scopes = columns.scopes.iter().zip(&columns.targets);
        self.rows.extend(batch.heads.drain(..).map(|head| {
            let no_grant = Row { scope: NO_GRANT, item: Item { target: 0, account: 0 } };
            let Some(head) = head else { return no_grant };
            let Some((scope, target)) = scopes.next() else { return no_grant };
            let account = if head.whole { None } else { accounts.next() };
            let account = account.map_or(WHOLE, |number| number + 1);
            Row { scope: *scope, item: Item { target: *target, account } }
        }));
        batch.clear();
    }

    /// Sorts the rows into grants and drops duplicates and covered accounts.
    pub fn finish(mut self) -> Grants {
        self.absorb_pending();
        let Self { instances, grantees, targets, accounts, scopes, scope_rows, rows, .. } = self;
        let words = Words {
            instances: instances.into_names(),
            grantees: grantees.into_names(),
            targets: targets.into_names(),
            accounts: accounts.into_names(),
        };
        let scopes: Vec<Scope> = scopes.into_keys().into_iter().map(Scope::of_key).collect();
        let input_rows = rows.len();
        let (mut sorted, scope_ends) = rows_by_scope(&rows, scope_rows);
        drop(rows);
        sort_scopes(&mut sorted, &scope_ends);
        Grants { words, scopes, scope_ends, sorted, input_rows }
    }
}

/// A row within its scope.
#[derive(Debug, Clone, Copy, Default)]
struct SortedRow {
    target: u32,
    account: u32,
    row: u32,
}

impl SortedRow {
    /// By target, the whole target first, then by account and by row.
    fn order(&self) -> u128 {
        u128::from(self.target) << 64 | u128::from(self.account) << 32 | u128::from(self.row)
    }
}

/// A counting sort: the rows that name a grant by scope, in input order within a scope, and where
/// each scope ends. `ends` holds how many rows each has.
#[expect(clippy::cast_possible_truncation, reason = "rows are counted against MAX_ROWS")]
fn rows_by_scope(rows: &[Row], mut ends: Vec<u32>) -> (Vec<SortedRow>, Vec<u32>) {
    ends.shrink_to_fit();
    let mut total = 0;
    for end in &mut ends {
        total += std::mem::replace(end, total);
    }
    // `ends` holds the starts now, and becomes the ends while the rows are placed.
    let mut sorted = vec![SortedRow::default(); total as usize];
    for (index, row) in rows.iter().enumerate().filter(|(_, row)| row.scope != NO_GRANT) {
        let place = &mut ends[row.scope as usize];
        let Item { target, account } = row.item;
        sorted[*place as usize] = SortedRow { target, account, row: index as u32 };
        *place += 1;
    }
    (sorted, ends)
}

/// Sorts each scope's rows, on two threads when there is enough to do.
fn sort_scopes(sorted: &mut [SortedRow], ends: &[u32]) {
    let sort = |rows: &mut [SortedRow], first: usize, ends: &[u32]| {
        let mut start = 0;
        for end in ends {
            let end = *end as usize - first;
            rows[start..end].sort_unstable_by_key(SortedRow::order);
            start = end;
        }
    };
    if sorted.len() < PARALLEL_ROWS {
        return sort(sorted, 0, ends);
    }
    let half = ends.partition_point(|end| *end as usize <= sorted.len() / 2);
    let middle = half.checked_sub(1).map_or(0, |last| ends[last] as usize);
    let (head, tail) = sorted.split_at_mut(middle);
    std::thread::scope(|scope| {
        scope.spawn(|| sort(head, 0, &ends[..half]));
        sort(tail, middle, &ends[half..]);
    });
}

/// The rows by scope, target and account, so that those that ask for the same stand together.
#[derive(Debug)]
pub struct Grants {
    pub(crate) words: Words,
    pub(crate) scopes: Vec<Scope>,
    /// For each scope where its rows end in `sorted`.
    scope_ends: Vec<u32>,
    sorted: Vec<SortedRow>,
    /// How many rows there are, those without a grant included.
    pub(crate) input_rows: usize,
}

/// One scope's distinct grants, target by target, each with the rows that ask for it. It is used
/// for one scope after the other, for most of them are small.
#[derive(Debug, Default)]
pub struct OfScope {
    /// The grants.
    pub items: Vec<Item>,
    /// The scope's rows (from 0), grant by grant.
    rows: Vec<u32>,
    /// For each grant where its rows end.
    row_ends: Vec<usize>,
}

impl Grants {
    /// Finds the distinct grants of a scope, by the scope's number.
    pub fn of_scope(&self, scope: usize, into: &mut OfScope) {
        let start = scope.checked_sub(1).map_or(0, |before| self.scope_ends[before]);
        into.fold(&self.sorted[start as usize..self.scope_ends[scope] as usize]);
    }

    /// No fewer grants than there are.
    pub fn at_most(&self) -> usize {
        self.sorted.len()
    }
}

impl OfScope {
    /// Takes rows sorted by target, the whole target first, then by account and row.
    fn fold(&mut self, sorted: &[SortedRow]) {
        self.items.clear();
        self.rows.clear();
        self.row_ends.clear();
        for row in sorted {
            let item = Item { target: row.target, account: row.account };
            let stands = self.items.last().is_some_and(|last| {
                last.target == item.target && (last.is_whole() || last.account == item.account)
            });
            if !stands {
                self.items.push(item);
                self.row_ends.push(self.rows.len());
            }
            self.rows.push(row.row);
            if let Some(end) = self.row_ends.last_mut() {
                *end = self.rows.len();
            }
        }
    }

    /// The rows (from 0) that ask for a grant of the scope; the first of them stands for it.
    pub fn rows_of(&self, grant: usize) -> &[u32] {
        let start = grant.checked_sub(1).map_or(0, |before| self.row_ends[before]);
        &self.rows[start..self.row_ends[grant]]
    }
}

/// The strings behind a scope's numbers.
#[derive(Debug, Clone, Copy)]
pub struct ScopeNames<'a> {
    /// The bastion host.
    pub instance_id: &'a str,
    /// Its region.
    pub region: &'a str,
    /// Who loses access.
    pub grantee: Grantee<&'a str>,
    /// The kind of the targets.
    pub kind: Kind,
}

/// The strings behind all numbers.
#[derive(Debug)]
pub struct Words {
    instances: Names,
    grantees: Names,
    targets: Names,
    accounts: Names,
}

impl Words {
    /// What a scope's numbers stand for.
    pub fn scope(&self, scope: &Scope) -> ScopeNames<'_> {
        ScopeNames {
            instance_id: self.instances.get(scope.instance),
            region: self.instances.get(scope.region),
            grantee: Grantee { kind: scope.grantee_kind, id: self.grantees.get(scope.grantee) },
            kind: scope.kind,
        }
    }

    /// What an item's numbers stand for.
    pub fn item(&self, item: Item) -> (&str, Account<&str>) {
        let account = match item.account {
            WHOLE => Account::Whole,
            account => Account::Named(self.accounts.get(account - 1)),
        };
        (self.targets.get(item.target), account)
    }

    /// How many different targets are named, not told apart by kind and instance.
    pub fn targets(&self) -> usize {
        self.targets.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant<'a>(user: &'a str, target: &'a str, account: Account<&'a str>) -> Grant<'a> {
        Grant {
            instance_id: "i",
            region: "r",
            grantee: Grantee { kind: GranteeKind::User, id: user },
            kind: Kind::Host,
            target,
            account,
        }
    }

    fn collect(rows: &[Grant<'_>]) -> Grants {
        let mut collector = Collector::default();
        for row in rows {
            collector.push(row).unwrap();
        }
        collector.finish()
    }

    /// For each scope, the rows that ask for each of its grants.
    fn asking(grants: &Grants) -> Vec<Vec<Vec<u32>>> {
        let mut of_scope = OfScope::default();
        (0..grants.scopes.len())
            .map(|scope| {
                grants.of_scope(scope, &mut of_scope);
                (0..of_scope.items.len()).map(|at| of_scope.rows_of(at).to_vec()).collect()
            })
            .collect()
    }

    #[test]
    fn a_later_duplicate_points_to_the_earlier_row() {
        let row = grant("u", "h", Account::Named("a"));
        let grants = collect(&[row, grant("v", "h", Account::Named("a")), row]);
        assert_eq!(asking(&grants), [[vec![0, 2]], [vec![1]]]);
    }

    #[test]
    fn a_whole_target_row_stands_for_accounts_before_and_after_it() {
        let grants = collect(&[
            grant("u", "h", Account::Named("a")),
            grant("u", "h", Account::Whole),
            grant("u", "h", Account::Named("b")),
            grant("u", "h", Account::Whole),
            grant("u", "k", Account::Named("a")),
        ]);
        assert_eq!(asking(&grants), [[vec![1, 3, 0, 2], vec![4]]]);
    }

    #[test]
    fn a_skipped_row_has_no_grant_and_covers_nothing() {
        let mut collector = Collector::default();
        collector.skip().unwrap();
        collector.push(&grant("u", "h", Account::Named("a"))).unwrap();
        let grants = collector.finish();
        assert_eq!(asking(&grants), [[vec![1]]]);
        assert_eq!(grants.input_rows, 2);
    }

    #[test]
    fn kinds_instances_and_user_groups_never_mix() {
        let base = grant("u", "h", Account::Named("a"));
        let group = Grantee { kind: GranteeKind::UserGroup, id: "u" };
        let grants = collect(&[
            base,
            Grant { kind: Kind::Database, ..base },
            Grant { instance_id: "j", ..base },
            Grant { grantee: group, ..base },
        ]);
        assert_eq!(grants.scopes.len(), 4);
        assert_eq!(asking(&grants).concat().len(), 4);
    }
}
