//! The compact store of what was asked: rows in, distinct grants out, and the way back from a row
//! to the grant that stands for it.
//!
//! Duplicates and accounts covered by a whole-target row are found here. Everything is numbers:
//! 12 bytes a row while reading, and no hash order reaches the result.

use crate::model::{Account, Grant, Grantee, GranteeKind, Kind, Operation};
use crate::names::Names;
use std::collections::HashMap;

/// No grant: the row was invalid, or otherwise never to be sent.
pub const NO_GRANT: u32 = u32::MAX;

/// More rows than this are refused; 16 bytes a row would not fit most machines either.
pub const MAX_ROWS: usize = (u32::MAX - 1) as usize;

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

    /// Instance and grantee, as numbers to count distinct ones by.
    pub fn holder(&self) -> (u32, GranteeKind, u32) {
        (self.instance, self.grantee_kind, self.grantee)
    }

    /// Instance and kind, within which a target's id is unique.
    pub fn place(&self) -> (u32, Kind) {
        (self.instance, self.kind)
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

#[derive(Debug, Clone, Copy)]
struct Row {
    scope: u32,
    item: Item,
}

/// Takes the rows of the first pass, one by one.
#[derive(Debug, Default)]
pub struct Collector {
    names: Names,
    scopes: Vec<Scope>,
    scope_numbers: HashMap<Scope, u32, foldhash::fast::FixedState>,
    last_scope: Option<(Scope, u32)>,
    rows: Vec<Row>,
}

/// The input has more rows than this tool can number.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("more than {MAX_ROWS} rows: split the input, or use the queue")]
pub struct TooManyRows;

impl Collector {
    /// Takes the next row's grant.
    pub fn push(&mut self, grant: &Grant<'_>) -> Result<(), TooManyRows> {
        if self.names.len() >= MAX_ROWS - 5 {
            return Err(TooManyRows);
        }
        let scope = Scope {
            instance: self.names.intern(grant.instance_id),
            region: self.names.intern(grant.region),
            grantee_kind: grant.grantee.kind,
            grantee: self.names.intern(grant.grantee.id),
            kind: grant.kind,
        };
        let scope = self.scope_number(scope);
        let target = self.names.intern(grant.target);
        let account = match grant.account {
            Account::Whole => WHOLE,
            Account::Named(name) => self.names.intern(name) + 1,
        };
        self.push_row(Row { scope, item: Item { target, account } })
    }

    /// Takes the next row as one that nothing is to be sent for.
    pub fn skip(&mut self) -> Result<(), TooManyRows> {
        self.push_row(Row { scope: NO_GRANT, item: Item { target: 0, account: 0 } })
    }

    fn push_row(&mut self, row: Row) -> Result<(), TooManyRows> {
        if self.rows.len() >= MAX_ROWS {
            return Err(TooManyRows);
        }
        self.rows.push(row);
        Ok(())
    }

    fn scope_number(&mut self, scope: Scope) -> u32 {
        // Rows of one user mostly stand together.
        if let Some((last, number)) = self.last_scope
            && last == scope
        {
            return number;
        }
        let next = u32::try_from(self.scopes.len()).unwrap_or(NO_GRANT);
        let number = *self.scope_numbers.entry(scope).or_insert(next);
        if number == next {
            self.scopes.push(scope);
        }
        self.last_scope = Some((scope, number));
        number
    }

    /// Sorts the rows into grants and drops duplicates and covered accounts.
    pub fn finish(self) -> Grants {
        let Self { names, scopes, rows, scope_numbers, .. } = self;
        drop(scope_numbers);
        let (order, scope_ends) = rows_by_scope(&rows, scopes.len());
        let mut grants = Grants {
            names,
            scopes,
            scope_ends: Vec::with_capacity(scope_ends.len()),
            items: Vec::new(),
            rows: vec![NO_GRANT; rows.len()],
            standing_rows: Vec::new(),
        };
        let mut order = order;
        let mut start = 0;
        for end in scope_ends {
            let of_scope = &mut order[start..end];
            of_scope.sort_unstable_by_key(|row| (rows[*row as usize].item, *row));
            grants.fold(&rows, of_scope);
            grants.scope_ends.push(grants.items.len());
            start = end;
        }
        grants
    }
}

/// A counting sort: row indexes by scope, in input order within a scope, and where each ends.
#[expect(clippy::cast_possible_truncation, reason = "rows are counted against MAX_ROWS")]
fn rows_by_scope(rows: &[Row], scopes: usize) -> (Vec<u32>, Vec<usize>) {
    let mut ends = vec![0_usize; scopes];
    for row in rows.iter().filter(|row| row.scope != NO_GRANT) {
        ends[row.scope as usize] += 1;
    }
    let mut total = 0;
    for end in &mut ends {
        total += std::mem::replace(end, total);
    }
    // `ends` holds the starts now, and becomes the ends while the rows are placed.
    let mut order = vec![0_u32; total];
    for (index, row) in rows.iter().enumerate().filter(|(_, row)| row.scope != NO_GRANT) {
        let place = &mut ends[row.scope as usize];
        order[*place] = index as u32;
        *place += 1;
    }
    (order, ends)
}

/// Distinct grants, scope by scope and target by target, and the grant that stands for each row.
#[derive(Debug)]
pub struct Grants {
    pub(crate) names: Names,
    pub(crate) scopes: Vec<Scope>,
    pub(crate) scope_ends: Vec<usize>,
    pub(crate) items: Vec<Item>,
    /// For each row (from 0) its grant, or [`NO_GRANT`].
    pub(crate) rows: Vec<u32>,
    /// For each grant the row (from 0) that stands for it.
    pub(crate) standing_rows: Vec<u32>,
}

impl Grants {
    /// Takes one scope's rows, sorted by target, the whole target first, then by account and row.
    #[expect(clippy::cast_possible_truncation, reason = "grants are no more than rows")]
    fn fold(&mut self, rows: &[Row], sorted: &[u32]) {
        let first = self.items.len();
        for row in sorted {
            let item = rows[*row as usize].item;
            let stands = self.items[first..].last().is_some_and(|last| {
                last.target == item.target && (last.is_whole() || last.account == item.account)
            });
            if !stands {
                self.items.push(item);
                self.standing_rows.push(*row);
            }
            self.rows[*row as usize] = (self.items.len() - 1) as u32;
        }
    }

    /// The scopes with their items, in order of first appearance.
    pub fn by_scope(&self) -> impl Iterator<Item = (&Scope, &[Item])> {
        let starts = std::iter::once(0).chain(self.scope_ends.iter().copied());
        self.scopes
            .iter()
            .zip(starts.zip(&self.scope_ends))
            .map(|(scope, (start, end))| (scope, &self.items[start..*end]))
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

impl Names {
    /// What a scope's numbers stand for.
    pub fn scope(&self, scope: &Scope) -> ScopeNames<'_> {
        ScopeNames {
            instance_id: self.get(scope.instance),
            region: self.get(scope.region),
            grantee: Grantee { kind: scope.grantee_kind, id: self.get(scope.grantee) },
            kind: scope.kind,
        }
    }

    /// What an item's account number stands for.
    pub fn account(&self, item: Item) -> Account<&str> {
        if item.is_whole() { Account::Whole } else { Account::Named(self.get(item.account - 1)) }
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

    #[test]
    fn a_later_duplicate_points_to_the_earlier_row() {
        let row = grant("u", "h", Account::Named("a"));
        let grants = collect(&[row, grant("v", "h", Account::Named("a")), row]);
        assert_eq!(grants.rows, [0, 1, 0]);
        assert_eq!(grants.standing_rows, [0, 1]);
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
        assert_eq!(grants.rows, [0, 0, 0, 0, 1]);
        assert_eq!(grants.standing_rows, [1, 4]);
    }

    #[test]
    fn a_skipped_row_has_no_grant_and_covers_nothing() {
        let mut collector = Collector::default();
        collector.skip().unwrap();
        collector.push(&grant("u", "h", Account::Named("a"))).unwrap();
        let grants = collector.finish();
        assert_eq!(grants.rows, [NO_GRANT, 0]);
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
        assert_eq!(grants.items.len(), 4);
    }
}
