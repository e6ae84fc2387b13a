//! Builds a plan scope by scope, on two threads for large inputs.

use super::pack::Packed;
use super::requests::Requests;
use super::rows::{DUPLICATE, Rows};
use super::{Limits, Plan, place};
use crate::grants::{Grants, Item, NO_GRANT, OfScope, Scopes};
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// A second thread is used from this many rows on.
const PARALLEL_ROWS: usize = 1 << 16;

/// Packs all grants.
pub(super) fn build(grants: Grants, limits: Limits) -> Plan {
    let in_two = grants.items.len() >= PARALLEL_ROWS;
    build_in(grants, limits, in_two)
}

/// Packs all grants, possibly in two parts in parallel. Each part writes its grants over its own
/// rows, and numbers them as if each earlier row had a grant of its own. When the number of grants
/// of the first part is known, the second part is moved to follow it.
pub(super) fn build_in(grants: Grants, limits: Limits, in_two: bool) -> Plan {
    let Grants { names, scopes, mut ends, mut items, item_rows, input_rows } = grants;
    let mut rows = Vec::with_capacity(input_rows);
    rows.resize_with(input_rows, || AtomicU32::new(NO_GRANT));
    let packing = Packing { item_rows: &item_rows, rows: &rows, scopes: &scopes, limits };
    let half = if in_two { items.len() / 2 } else { items.len() };
    let half = ends.partition_point(|end| *end as usize <= half);
    let middle = half.checked_sub(1).map_or(0, |last| ends[last]);
    let (head_ends, tail_ends) = ends.split_at_mut(half);
    let (head, tail) = items.split_at_mut(middle as usize);
    let head = ScopeRows { first: 0, first_scope: 0, items: head, scope_ends: head_ends };
    let first_scope = place(half);
    let tail = ScopeRows { first: middle, first_scope, items: tail, scope_ends: &mut *tail_ends };
    let (first, second) = if tail.items.is_empty() {
        (packing.part(head), Part::default())
    } else {
        thread::scope(|scope| {
            let second = scope.spawn(|| packing.part(tail));
            let first = packing.part(head);
            // A panic of the thread is passed on.
            (first, second.join().unwrap_or_else(|panic| resume_unwind(panic)))
        })
    };
    drop(item_rows);
    let gap = middle - place(first.grants);
    for end in tail_ends {
        *end += place(first.sizes.len());
    }
    items.copy_within(middle as usize..middle as usize + second.grants, first.grants);
    items.truncate(first.grants + second.grants);
    items.shrink_to_fit();
    let mut sizes = first.sizes;
    sizes.extend(second.sizes);
    if gap > 0 {
        let moved = |row: &&mut u32| **row & DUPLICATE == 0 && **row >= middle;
        rows.iter_mut().map(AtomicU32::get_mut).filter(moved).for_each(|row| *row -= gap);
    }
    Plan {
        names,
        scopes,
        scope_ends: ends,
        requests: Requests::of(sizes),
        items,
        rows: Arc::new(Rows::of(rows)),
        whole_targets: first.whole_targets + second.whole_targets,
        targets_kept: first.targets_kept + second.targets_kept,
    }
}

/// Shared by all parts.
struct Packing<'a> {
    item_rows: &'a [u32],
    /// The result for each row. No two parts share a row.
    rows: &'a [AtomicU32],
    scopes: &'a Scopes,
    limits: Limits,
}

/// The rows of some scopes, and afterwards their packed grants.
struct ScopeRows<'a> {
    /// The number of rows with a grant before these.
    first: u32,
    /// The number of the first of the scopes.
    first_scope: u32,
    /// The items of the rows; then, from the start, the grants.
    items: &'a mut [Item],
    /// For each scope the end of its rows; then the end of its requests.
    scope_ends: &'a mut [u32],
}

/// The result of packing some scopes.
#[derive(Default)]
struct Part {
    /// For each request the number of its grants.
    sizes: Vec<u8>,
    grants: usize,
    whole_targets: usize,
    targets_kept: usize,
}

impl Packing<'_> {
    /// Packs some scopes.
    fn part(&self, scope_rows: ScopeRows<'_>) -> Part {
        let ScopeRows { first, first_scope, items, scope_ends } = scope_rows;
        let mut part = Part::default();
        let mut of_scope = OfScope::default();
        let mut packed = Packed::default();
        let mut start = first;
        for ((context, _), end) in self.scopes.all_from(first_scope).zip(scope_ends) {
            let rows = std::mem::replace(&mut start, *end) as usize..*end as usize;
            let own = rows.start - first as usize..rows.end - first as usize;
            of_scope.fold(&items[own], &self.item_rows[rows]);
            packed.deal(of_scope.by_target(), self.limits.of(context.operation));
            for request in packed.requests() {
                let before = part.grants;
                for at in request {
                    let (item, standing, others) = of_scope.grant(at);
                    let grant = first + place(part.grants);
                    items[part.grants] = item;
                    self.rows[standing as usize].store(grant, Ordering::Relaxed);
                    for row in others {
                        self.rows[row as usize].store(DUPLICATE | standing, Ordering::Relaxed);
                    }
                    part.grants += 1;
                }
                let size = u8::try_from(part.grants - before);
                part.sizes.push(size.expect("a request has at most 100 grants"));
            }
            *end = place(part.sizes.len());
            let whole = of_scope.items().filter(|item| item.is_whole()).count();
            part.whole_targets += whole;
            part.targets_kept += packed.targets - whole;
        }
        part
    }
}
