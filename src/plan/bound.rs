//! The minimum number of requests of any plan, computed independently of the packing.

use super::{Limits, place};
use crate::grants::{Grants, Item, OfScope};

/// The lower bound over all scopes: promise 3, *fewest requests*.
///
/// A target with `a` accounts needs `s = ceil(a / 10)` entries (1 for a whole target), all in
/// different requests, since a request may not name a target twice; a request holds 10 entries.
/// So a scope needs at least `max(ceil(sum of s / 10), largest s)` requests.
pub fn fewest_requests(grants: &Grants, limits: Limits) -> usize {
    let mut of_scope = OfScope::default();
    (0..grants.scopes.len())
        .map(|scope| {
            grants.of_scope(scope, &mut of_scope);
            let operation = grants.scopes.context(place(scope)).operation;
            fewest_in_scope(&of_scope.items().collect::<Vec<_>>(), limits.of(operation))
        })
        .sum()
}

fn fewest_in_scope(items: &[Item], limits: Limits) -> usize {
    let entries_of = |accounts: usize| accounts.div_ceil(limits.accounts);
    let by_target = items.chunk_by(|a, b| a.target == b.target);
    let (sum, largest) = by_target
        .map(|target| entries_of(target.len()))
        .fold((0_usize, 0_usize), |(sum, largest), entries| (sum + entries, largest.max(entries)));
    sum.div_ceil(limits.targets).max(largest)
}
