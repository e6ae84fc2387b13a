//! The plan: which requests will be sent, and which of them revokes the grant of which row.
//!
//! A pure function of the rows in their order. Grants are numbered request by request, so that a
//! planned request is one range of grants.

pub mod bound;
pub mod largest;
pub mod pack;
pub mod summary;

use crate::grants::{Grants, Item, NO_GRANT, OfScope, Scope, ScopeNames, Words};
use crate::model::{
    Account, Accounts, Entries, Entry, Grantee, ListError, MAX_PER_LIST, Name, Operation, Request,
    UpToTen,
};
use sha2::{Digest, Sha256};
use std::ops::Range;

/// How much one request may hold. The API's limits are [`Limits::API`]; tests use smaller ones.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Targets in a request.
    pub targets: usize,
    /// Accounts under one target.
    pub accounts: usize,
}

impl Limits {
    /// 10 targets with 10 accounts each.
    pub const API: Self = Self { targets: MAX_PER_LIST, accounts: MAX_PER_LIST };
}

/// Number of a grant, request by request.
pub type GrantId = u32;

/// What will be sent, and the way from each input row to it.
#[derive(Debug)]
pub struct Plan {
    words: Words,
    scopes: Vec<Scope>,
    /// Per request its scope and where its grants end.
    requests: Vec<PlannedRequest>,
    items: Vec<Item>,
    rows: Vec<GrantId>,
    standing_rows: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct PlannedRequest {
    scope: u32,
    end: GrantId,
}

impl Plan {
    /// Packs all grants into the fewest requests.
    pub fn new(grants: Grants) -> Self {
        Self::with_limits(grants, Limits::API)
    }

    /// The same under other limits, so that tests can compare with every possible packing.
    #[expect(clippy::cast_possible_truncation, reason = "grants are counted against MAX_ROWS")]
    pub fn with_limits(grants: Grants, limits: Limits) -> Self {
        let fewest =
            if cfg!(debug_assertions) { bound::fewest_requests(&grants, limits) } else { 0 };
        let mut requests = Vec::new();
        let mut items = Vec::with_capacity(grants.at_most());
        let mut standing_rows = Vec::with_capacity(grants.at_most());
        let mut rows = vec![NO_GRANT; grants.input_rows];
        let mut of_scope = OfScope::default();
        let mut packed = pack::Packed::default();
        for scope in 0..grants.scopes.len() {
            grants.of_scope(scope, &mut of_scope);
            packed.deal(&of_scope.items, limits);
            let base = items.len();
            for at in &packed.order {
                let number = items.len() as GrantId;
                items.push(of_scope.items[*at]);
                let asking = of_scope.rows_of(*at);
                standing_rows.push(asking[0]);
                for row in asking {
                    rows[*row as usize] = number;
                }
            }
            requests.extend(
                packed.ends.iter().map(|end| PlannedRequest {
                    scope: scope as u32,
                    end: (base + end) as GrantId,
                }),
            );
        }
        let Grants { words, scopes, .. } = grants;
        let plan = Self { words, scopes, requests, items, rows, standing_rows };
        debug_assert_eq!(plan.requests.len(), fewest, "the plan has the fewest requests");
        plan
    }

    /// How many requests are planned.
    pub fn requests(&self) -> usize {
        self.requests.len()
    }

    /// How many distinct grants are to be revoked.
    pub fn grants(&self) -> usize {
        self.items.len()
    }

    /// How many input rows there are, skipped ones included.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The grants of a planned request.
    pub fn grants_of(&self, request: usize) -> Range<GrantId> {
        let start = if request == 0 { 0 } else { self.requests[request - 1].end };
        start..self.requests[request].end
    }

    /// The planned request that holds a grant.
    pub fn request_of(&self, grant: GrantId) -> usize {
        self.requests.partition_point(|request| request.end <= grant)
    }

    /// The operation of a planned request.
    pub fn operation_of(&self, request: usize) -> Operation {
        self.scope_of(request).operation()
    }

    /// The number of the scope of a planned request; only grants of one scope share a request.
    pub fn scope_number_of(&self, request: usize) -> u32 {
        self.requests[request].scope
    }

    fn scope_of(&self, request: usize) -> &Scope {
        &self.scopes[self.requests[request].scope as usize]
    }

    /// The grant that a row, from 0, asks for; `None` for a row that nothing is sent for.
    pub fn grant_of_row(&self, row: usize) -> Option<GrantId> {
        let grant = self.rows[row];
        (grant != NO_GRANT).then_some(grant)
    }

    /// The row, from 0, that stands for all rows that ask for a grant.
    pub fn standing_row(&self, grant: GrantId) -> usize {
        self.standing_rows[grant as usize] as usize
    }

    /// Both of a row.
    pub fn row(&self, row: usize) -> Option<(GrantId, usize)> {
        self.grant_of_row(row).map(|grant| (grant, self.standing_row(grant)))
    }

    /// The target and account of a grant.
    pub fn item(&self, grant: GrantId) -> (&str, Account<&str>) {
        self.words.item(self.items[grant as usize])
    }

    /// Who and where a planned request is about.
    pub fn scope_names(&self, request: usize) -> ScopeNames<'_> {
        self.words.scope(self.scope_of(request))
    }

    /// The regions of all scopes; one may come more than once.
    pub fn regions(&self) -> impl Iterator<Item = &str> {
        self.scopes.iter().map(|scope| self.words.scope(scope).region)
    }

    /// A digest of the planned requests, in their order: SHA-256 in lower-case hex. Equal digests
    /// mean that the numbers of grants and requests mean the same.
    pub fn digest(&self) -> String {
        let mut digest = Sha256::new();
        // Request by request: the digest takes many small pieces slowly.
        let mut text = Vec::new();
        for request in 0..self.requests() {
            text.clear();
            let scope = self.scope_names(request);
            let operation = self.operation_of(request).name();
            for part in [operation, scope.instance_id, scope.region, scope.grantee.id] {
                text.extend_from_slice(&(part.len() as u64).to_le_bytes());
                text.extend_from_slice(part.as_bytes());
            }
            for grant in self.grants_of(request) {
                let (target, account) = self.item(grant);
                text.extend_from_slice(&(target.len() as u64).to_le_bytes());
                text.extend_from_slice(target.as_bytes());
                // A length no text has stands for the whole target.
                let (len, account) = match account {
                    Account::Whole => (u64::MAX, ""),
                    Account::Named(account) => (account.len() as u64, account),
                };
                text.extend_from_slice(&len.to_le_bytes());
                text.extend_from_slice(account.as_bytes());
            }
            text.extend_from_slice(&u64::MAX.to_be_bytes());
            digest.update(&text);
        }
        crate::hex::hex(&digest.finalize())
    }

    /// A planned request, ready to be sent.
    pub fn request(&self, request: usize) -> Result<Request, ListError> {
        self.request_for(self.scope_number_of(request), self.grants_of(request))
    }

    /// A request for any grants of one scope, in the order given; those of one target must stand
    /// together.
    pub fn request_for(
        &self,
        scope: u32,
        grants: impl IntoIterator<Item = GrantId>,
    ) -> Result<Request, ListError> {
        let names = self.words.scope(&self.scopes[scope as usize]);
        let items: Vec<Item> = grants.into_iter().map(|grant| self.items[grant as usize]).collect();
        let entries = items
            .chunk_by(|a, b| a.target == b.target)
            .map(|target| self.entry(target))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Request {
            instance_id: names.instance_id.to_owned(),
            region: names.region.to_owned(),
            grantee: Grantee { kind: names.grantee.kind, id: names.grantee.id.to_owned() },
            kind: names.kind,
            entries: Entries::new(entries)?,
        })
    }

    fn entry(&self, target: &[Item]) -> Result<Entry, ListError> {
        let accounts: Vec<Name> = target
            .iter()
            .filter_map(|item| match self.words.item(*item).1 {
                Account::Whole => None,
                Account::Named(name) => Some(name.into()),
            })
            .collect();
        let whole = target[0].is_whole();
        // A whole target stands alone in its entry; a mixture would lose one or the other.
        debug_assert!(!whole || target.len() == 1, "a whole target covers its accounts");
        let accounts =
            if whole { Accounts::Whole } else { Accounts::Listed(UpToTen::new(accounts)?) };
        Ok(Entry { target: self.words.item(target[0]).0.into(), accounts })
    }

    /// Packs some grants of one scope anew, into the fewest requests for them.
    pub fn repack(&self, mut grants: Vec<GrantId>) -> Vec<Vec<GrantId>> {
        grants.sort_unstable_by_key(|grant| (self.items[*grant as usize], *grant));
        let items: Vec<Item> = grants.iter().map(|grant| self.items[*grant as usize]).collect();
        let mut packed = pack::Packed::default();
        packed.deal(&items, Limits::API);
        let mut start = 0;
        packed
            .ends
            .into_iter()
            .map(|end| packed.order[std::mem::replace(&mut start, end)..end].to_vec())
            .map(|order| order.into_iter().map(|at| grants[at]).collect())
            .collect()
    }
}

#[cfg(test)]
mod tests;
