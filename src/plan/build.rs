//! Building a plan: scope by scope, on two threads where there is enough to do.

use super::pack::Packed;
use super::rows::{Rows, STOOD_FOR};
use super::{GrantId, Limits, Plan, place};
use crate::grants::{Grants, Item, NO_GRANT, OfScope};
use std::ops::Range;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// From this many rows on a second thread is worth starting.
const PARALLEL_ROWS: usize = 1 << 16;

/// Packs all grants.
pub(super) fn build(grants: Grants, limits: Limits) -> Plan {
    let in_two = grants.items.len() >= PARALLEL_ROWS;
    build_in(grants, limits, in_two)
}

/// Packs all grants, perhaps in two parts at once. What a part packs stands where its rows stood, and
/// is numbered as if every row before it asked for something of its own; the second part moves up
/// when it is known how many of the first one's rows did not.
pub(super) fn build_in(grants: Grants, limits: Limits, in_two: bool) -> Plan {
    let Grants { words, scopes, mut ends, mut items, item_rows, input_rows } = grants;
    let mut rows = Vec::with_capacity(input_rows);
    rows.resize_with(input_rows, || AtomicU32::new(NO_GRANT));
    let packing = Packing { item_rows: &item_rows, rows: &rows, limits };
    let half = if in_two { items.len() / 2 } else { items.len() };
    let half = ends.partition_point(|end| *end as usize <= half);
    let middle = half.checked_sub(1).map_or(0, |last| ends[last]);
    let ((head, tail), (head_ends, tail_ends)) =
        (items.split_at_mut(middle as usize), ends.split_at_mut(half));
    let (first, second) = if tail.is_empty() {
        (packing.part(0, head, head_ends), Part::default())
    } else {
        thread::scope(|scope| {
            let second = scope.spawn(|| packing.part(middle, tail, tail_ends));
            let first = packing.part(0, head, head_ends);
            // Its panic is ours.
            (first, second.join().unwrap_or_else(|panic| resume_unwind(panic)))
        })
    };
    let before = place(first.request_ends.len());
    for end in tail_ends {
        *end += before;
    }
    let Part { mut request_ends, grants: Range { end: packed, .. }, .. } = first;
    let Range { start, end } = second.grants;
    let gap = start.saturating_sub(packed);
    request_ends.extend(second.request_ends.iter().map(|end| end - gap));
    items.copy_within(start as usize..end as usize, packed as usize);
    items.truncate((packed + (end - start)) as usize);
    items.shrink_to_fit();
    if gap > 0 {
        let moved = |row: &&mut u32| **row & STOOD_FOR == 0 && **row >= start;
        rows.iter_mut().map(AtomicU32::get_mut).filter(moved).for_each(|row| *row -= gap);
    }
    Plan {
        words,
        scopes,
        scope_ends: ends,
        request_ends,
        items,
        rows: Arc::new(Rows::of(rows)),
        whole_targets: first.whole_targets + second.whole_targets,
        targets_kept: first.targets_kept + second.targets_kept,
    }
}

/// What all parts share.
struct Packing<'a> {
    item_rows: &'a [u32],
    /// What becomes of each row. No two parts have a row in common.
    rows: &'a [AtomicU32],
    limits: Limits,
}

/// What has been packed of some of the scopes.
#[derive(Default)]
struct Part {
    /// For each request where its grants end.
    request_ends: Vec<GrantId>,
    /// The numbers of its grants.
    grants: Range<GrantId>,
    whole_targets: usize,
    targets_kept: usize,
}

impl Packing<'_> {
    /// Packs scopes whose rows begin with that one among all rows that name a grant. `items` is what
    /// the rows ask for, and begins with the grants afterwards: no scope has more grants than rows.
    /// `ends` is where each scope's rows end, and becomes where its requests end.
    fn part(&self, first: u32, items: &mut [Item], ends: &mut [u32]) -> Part {
        let mut part = Part { grants: first..first, ..Part::default() };
        let mut of_scope = OfScope::default();
        let mut packed = Packed::default();
        let mut start = first;
        for end in ends {
            let rows = std::mem::replace(&mut start, *end) as usize..*end as usize;
            let own = rows.start - first as usize..rows.end - first as usize;
            of_scope.fold(&items[own], &self.item_rows[rows]);
            packed.deal(&of_scope.items, self.limits);
            let base = part.grants.end;
            for at in &packed.order {
                let (at, grant) = (*at as usize, part.grants.end);
                items[(grant - first) as usize] = of_scope.items[at];
                let (standing, others) = of_scope.rows_of(at);
                self.rows[standing as usize].store(grant, Ordering::Relaxed);
                for row in others {
                    self.rows[row as usize].store(STOOD_FOR | standing, Ordering::Relaxed);
                }
                part.grants.end += 1;
            }
            part.request_ends.extend(packed.ends.iter().map(|end| base + end));
            *end = place(part.request_ends.len());
            let whole = of_scope.items.iter().filter(|item| item.is_whole()).count();
            part.whole_targets += whole;
            part.targets_kept += packed.targets - whole;
        }
        part
    }
}
