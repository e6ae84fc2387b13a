//! The compact store of the rows: finds the distinct grants, and for each row the grant that stands
//! for it.
//!
//! Duplicates and accounts covered by a whole-target row are found here. All data are numbers: 12
//! bytes a row while reading, at most 24 while they are sorted by scope. No hash order reaches the
//! result.

mod batch;
mod collector;
mod scopes;

pub use batch::Batch;
pub use collector::Collector;
pub use scopes::{Context, Scopes};

use crate::model::{Account, Action, Grantee, Kind};
use crate::names::Names;

/// No grant: the row is invalid, or is not to be sent for another reason.
pub const NO_GRANT: u32 = u32::MAX;

/// The maximum number of rows: one bit of a row's number has another use.
pub const MAX_ROWS: usize = (1 << 31) - 1;

/// The account number that means the whole target; it sorts before every account.
const WHOLE: u32 = 0;

/// A target and one of its accounts, or the whole target, within a scope.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Item {
    /// The target's number.
    pub target: u32,
    account: u32,
}

impl Item {
    /// Its numbers: equal only if the items are.
    pub fn numbers(self) -> [u32; 2] {
        [self.target, self.account]
    }

    /// Whether it is the whole target.
    pub fn is_whole(self) -> bool {
        self.account == WHOLE
    }
}

/// A row with a grant, during the first pass.
#[derive(Debug, Clone, Copy)]
struct Row {
    scope: u32,
    item: Item,
}

/// The input has more rows than this tool can number.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("more than {MAX_ROWS} rows: split the input, or use the queue")]
pub struct TooManyRows;

/// The rows with a grant, grouped by scope.
#[derive(Debug)]
pub struct Grants {
    pub(crate) names: GrantNames,
    pub(crate) scopes: Scopes,
    /// For each scope the end of its rows.
    pub(crate) ends: Vec<u32>,
    /// The item of each row.
    pub(crate) items: Vec<Item>,
    /// The number of each row, from 0.
    pub(crate) item_rows: Vec<u32>,
    /// The number of all rows, including those without a grant.
    pub(crate) input_rows: usize,
}

impl Grants {
    /// The same grants for another action. [`Collector`] makes those of a revocation.
    #[must_use]
    pub fn with_action(mut self, action: Action) -> Self {
        self.scopes.set_action(action);
        self
    }

    /// Finds the distinct grants of a scope, by the scope's number.
    pub fn of_scope(&self, scope: usize, into: &mut OfScope) {
        let start = scope.checked_sub(1).map_or(0, |before| self.ends[before]);
        let rows = start as usize..self.ends[scope] as usize;
        into.fold(&self.items[rows.clone()], &self.item_rows[rows]);
    }
}

/// A row within its scope.
#[derive(Debug, Clone, Copy)]
struct SortedRow {
    item: Item,
    row: u32,
}

impl SortedRow {
    /// By target, the whole target first, then by account and by row.
    fn order(&self) -> u128 {
        let Self { item: Item { target, account }, row } = *self;
        u128::from(target) << 64 | u128::from(account) << 32 | u128::from(row)
    }
}

/// One scope's distinct grants, target by target, each with the rows that ask for it. The value is
/// reused for all scopes, most of which are small.
#[derive(Debug, Default)]
pub struct OfScope {
    /// The scope's rows, grant by grant.
    sorted: Vec<SortedRow>,
    /// For each grant its first row.
    starts: Vec<u32>,
}

impl OfScope {
    /// Takes the items of a scope's rows, and the numbers of these rows.
    pub(crate) fn fold(&mut self, items: &[Item], rows: &[u32]) {
        let Self { sorted, starts } = self;
        sorted.clear();
        sorted
            .extend(items.iter().zip(rows).map(|(item, row)| SortedRow { item: *item, row: *row }));
        sorted.sort_unstable_by_key(SortedRow::order);
        starts.clear();
        starts.reserve(sorted.len());
        let mut last: Option<Item> = None;
        for (start, SortedRow { item, .. }) in (0..).zip(sorted) {
            let stands = last.is_some_and(|last| {
                last.target == item.target && (last.is_whole() || last.account == item.account)
            });
            if !stands {
                starts.push(start);
                last = Some(*item);
            }
        }
    }

    /// The grants.
    pub fn items(&self) -> impl Iterator<Item = Item> {
        self.starts.iter().map(|start| self.sorted[*start as usize].item)
    }

    /// The number of grants of each target.
    pub fn by_target(&self) -> impl Iterator<Item = usize> {
        let target = |start: &u32| self.sorted[*start as usize].item.target;
        self.starts.chunk_by(move |a, b| target(a) == target(b)).map(<[u32]>::len)
    }

    /// A grant, the number from 0 of the row that stands for it, and the other rows that ask for
    /// it.
    pub fn grant(&self, at: usize) -> (Item, u32, impl Iterator<Item = u32>) {
        let start = self.starts[at] as usize;
        let end = self.starts.get(at + 1).map_or(self.sorted.len(), |end| *end as usize);
        let others = self.sorted[start + 1..end].iter().map(|sorted| sorted.row);
        let SortedRow { item, row } = self.sorted[start];
        (item, row, others)
    }
}

/// The names of a scope.
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

/// The names of all numbers.
#[derive(Debug)]
pub struct GrantNames {
    instances: Names,
    grantees: Names,
    targets: Names,
    accounts: Names,
}

impl GrantNames {
    /// The names of a scope.
    pub fn scope(&self, scopes: &Scopes, scope: u32) -> ScopeNames<'_> {
        let (context, grantee) = scopes.of(scope);
        let Context { instance, region, operation, .. } = *context;
        ScopeNames {
            instance_id: self.instances.get(instance),
            region: self.instances.get(region),
            grantee: Grantee { kind: operation.from, id: self.grantees.get(grantee) },
            kind: operation.kind,
        }
    }

    /// A region by its number.
    pub fn region_of(&self, context: &Context) -> &str {
        self.instances.get(context.region)
    }

    /// The number of distinct grantees, over all kinds and instances.
    pub fn grantees(&self) -> usize {
        self.grantees.len()
    }

    /// The names of an item.
    pub fn item(&self, item: Item) -> (&str, Account<&str>) {
        let account = match item.account {
            WHOLE => Account::Whole,
            account => Account::Named(self.accounts.get(account - 1)),
        };
        (self.targets.get(item.target), account)
    }

    /// All names by kind, each in the order of their numbers.
    pub fn all(&self) -> [&Names; 4] {
        [&self.instances, &self.grantees, &self.targets, &self.accounts]
    }

    /// The number of distinct targets, over all kinds and instances.
    pub fn targets(&self) -> usize {
        self.targets.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Grant, GranteeKind};

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
                let rows = |grant| {
                    let (_, standing, others) = of_scope.grant(grant);
                    std::iter::once(standing).chain(others).collect()
                };
                (0..of_scope.items().count()).map(rows).collect()
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
    fn kinds_instances_and_user_groups_have_scopes_of_their_own() {
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
