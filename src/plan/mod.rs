//! The plan: which requests are sent, and which request revokes the grant of each row.
//!
//! A pure function of the rows in their order. Grants are numbered request by request, so a planned
//! request is one range of grants.

pub mod bound;
mod build;
mod digest;
pub mod largest;
pub mod pack;
mod request_lines;
mod requests;
pub mod rows;
pub mod summary;

pub use rows::Rows;

use crate::grants::{Context, GrantNames, Grants, Item, ScopeNames, Scopes};
use crate::model::{
    Account, Accounts, Action, Entries, Entry, Grant, Grantee, ListError, MAX_PER_LIST, Name,
    Operation, Request, UpToTen,
};
use requests::Requests;
use std::ops::Range;
use std::sync::Arc;

/// The limits of one request. Those of the API are [`Limits::API`]; tests use smaller ones.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Targets in a request.
    pub targets: usize,
    /// Accounts under one target.
    pub accounts: usize,
}

impl Limits {
    /// 10 targets with 10 accounts each: a request has at most 100 grants.
    pub const API: Self = Self { targets: MAX_PER_LIST, accounts: MAX_PER_LIST };

    /// These limits, or those of an operation where it takes less.
    #[must_use]
    pub fn of(self, operation: Operation) -> Self {
        Self { accounts: self.accounts.min(operation.max_accounts()), ..self }
    }
}

/// Number of a grant, request by request.
pub type GrantId = u32;

/// The requests to send, and the grant of each input row: 12 bytes a row.
#[derive(Debug)]
pub struct Plan {
    names: GrantNames,
    scopes: Scopes,
    /// For each scope the end of its requests.
    scope_ends: Vec<u32>,
    requests: Requests,
    items: Vec<Item>,
    rows: Arc<Rows>,
    whole_targets: usize,
    targets_kept: usize,
}

impl Plan {
    /// Packs all grants into the fewest requests.
    pub fn new(grants: Grants) -> Self {
        Self::with_limits(grants, Limits::API)
    }

    /// The same with other limits, for tests that compare with every possible packing.
    pub fn with_limits(grants: Grants, limits: Limits) -> Self {
        let fewest =
            if cfg!(debug_assertions) { bound::fewest_requests(&grants, limits) } else { 0 };
        let plan = build::build(grants, limits);
        debug_assert_eq!(plan.requests(), fewest, "the plan has the fewest requests");
        plan
    }

    /// Whether the grants are revoked or granted.
    pub fn action(&self) -> Action {
        self.scopes.action()
    }

    /// The number of planned requests.
    pub fn requests(&self) -> usize {
        self.requests.len()
    }

    /// The number of distinct grants.
    pub fn grants(&self) -> usize {
        self.items.len()
    }

    /// The grant of each input row.
    pub fn rows(&self) -> &Arc<Rows> {
        &self.rows
    }

    /// The grants of a planned request.
    pub fn grants_of(&self, request: usize) -> Range<GrantId> {
        self.requests.grants_of(request)
    }

    /// The planned request that holds a grant.
    pub fn request_of(&self, grant: GrantId) -> usize {
        self.requests.request_of(grant)
    }

    /// The operation of a planned request.
    pub fn operation_of(&self, request: usize) -> Operation {
        self.scopes.context(self.scope_number_of(request)).operation
    }

    /// The number of the scope of a planned request; only grants of one scope share a request.
    pub fn scope_number_of(&self, request: usize) -> u32 {
        place(self.scope_ends.partition_point(|end| *end as usize <= request))
    }

    /// The planned requests scope by scope, those of a scope with the operation that carries them.
    pub fn by_scope(&self) -> impl Iterator<Item = (Operation, Range<usize>)> {
        self.scopes_from(0).map(|(context, _, requests)| (context.operation, requests))
    }

    /// For each scope from `first` on: its context, the number of its grantee, and its requests.
    fn scopes_from(&self, first: u32) -> impl Iterator<Item = (&Context, u32, Range<usize>)> {
        let mut start = self.start_of_scope(first);
        let ends = &self.scope_ends[first as usize..];
        self.scopes.all_from(first).zip(ends).map(move |((context, grantee), end)| {
            let requests = start..*end as usize;
            start = requests.end;
            (context, grantee, requests)
        })
    }

    /// The planned requests of an operation, from `from` on.
    pub fn requests_from(&self, from: usize, operation: Operation) -> impl Iterator<Item = usize> {
        self.scopes_from(self.scope_number_of(from))
            .filter(move |(context, ..)| context.operation == operation)
            .flat_map(|(.., requests)| requests)
            .skip_while(move |request| *request < from)
    }

    /// The first planned request of a scope.
    fn start_of_scope(&self, scope: u32) -> usize {
        scope.checked_sub(1).map_or(0, |before| self.scope_ends[before as usize] as usize)
    }

    /// The items of a scope.
    fn items_of_scope(&self, scope: u32) -> &[Item] {
        self.items_of(self.start_of_scope(scope)..self.scope_ends[scope as usize] as usize)
    }

    /// The items of these requests, of which there must be at least one.
    fn items_of(&self, requests: Range<usize>) -> &[Item] {
        let start = self.grants_of(requests.start).start;
        let end = self.grants_of(requests.end - 1).end;
        &self.items[start as usize..end as usize]
    }

    /// The numbers of all scopes.
    fn scope_numbers(&self) -> Range<u32> {
        0..place(self.scopes.len())
    }

    /// The target and account of a grant.
    pub fn item(&self, grant: GrantId) -> (&str, Account<&str>) {
        self.names.item(self.items[grant as usize])
    }

    /// All grants, request by request.
    pub fn all_grants(&self) -> impl Iterator<Item = Grant<'_>> {
        (0..self.requests()).flat_map(move |request| {
            let ScopeNames { instance_id, region, grantee, kind } = self.scope_names(request);
            self.grants_of(request).map(move |grant| {
                let (target, account) = self.item(grant);
                Grant { instance_id, region, grantee, kind, target, account }
            })
        })
    }

    /// The instance, region, grantee and kind of a planned request.
    pub fn scope_names(&self, request: usize) -> ScopeNames<'_> {
        self.names.scope(&self.scopes, self.scope_number_of(request))
    }

    /// The regions of all requests; a region may occur more than once.
    pub fn regions(&self) -> impl Iterator<Item = &str> {
        self.scopes.contexts().iter().map(|context| self.names.region_of(context))
    }

    /// A planned request, ready to be sent.
    pub fn request(&self, request: usize) -> Result<Request, ListError> {
        self.request_for(self.scope_number_of(request), self.grants_of(request))
    }

    /// A request for any grants of one scope, in this order; the grants of one target must be
    /// adjacent.
    pub fn request_for(
        &self,
        scope: u32,
        grants: impl IntoIterator<Item = GrantId>,
    ) -> Result<Request, ListError> {
        let names = self.names.scope(&self.scopes, scope);
        let items: Vec<Item> = grants.into_iter().map(|grant| self.items[grant as usize]).collect();
        let entries = items
            .chunk_by(|a, b| a.target == b.target)
            .map(|target| self.entry(target))
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Request {
            action: self.action(),
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
            .filter_map(|item| match self.names.item(*item).1 {
                Account::Whole => None,
                Account::Named(name) => Some(name.into()),
            })
            .collect();
        let whole = target[0].is_whole();
        // A whole target has an entry of its own. A mixture would lose one of the two.
        debug_assert!(!whole || target.len() == 1, "a whole target covers its accounts");
        let accounts =
            if whole { Accounts::Whole } else { Accounts::Listed(UpToTen::new(accounts)?) };
        Ok(Entry { target: self.names.item(target[0]).0.into(), accounts })
    }

    /// Packs some grants of one scope again, into the fewest requests for them.
    pub fn repack(&self, mut grants: Vec<GrantId>) -> Vec<Vec<GrantId>> {
        grants.sort_unstable_by_key(|grant| (self.items[*grant as usize], *grant));
        let items: Vec<Item> = grants.iter().map(|grant| self.items[*grant as usize]).collect();
        let mut packed = pack::Packed::default();
        let by_target = items.chunk_by(|a, b| a.target == b.target);
        let operation = grants.first().map(|grant| self.operation_of(self.request_of(*grant)));
        let limits = operation.map_or(Limits::API, |operation| Limits::API.of(operation));
        packed.deal(by_target.map(<[Item]>::len), limits);
        packed.requests().map(|own| own.map(|at| grants[at]).collect()).collect()
    }
}

/// There are at most as many of anything as rows, which 31 bits can number.
fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
