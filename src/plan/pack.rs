//! Packing: the grants of a scope dealt out to the fewest requests.
//!
//! Each target's accounts are cut into slots of at most ten; slot `i` goes to request `i mod N`.
//! With `N` at least the slots of any one target, no request gets a target twice; with `N` at
//! least a tenth of all slots, none gets more than ten.

use super::Limits;
use crate::grants::Item;
use std::ops::Range;

/// One scope's items, dealt out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Packed {
    /// For each request, where its items end in `order`.
    pub ends: Vec<usize>,
    /// Indexes into the items given, request by request.
    pub order: Vec<usize>,
}

/// Deals out items that are sorted by target; a whole target is one item of its own.
pub fn pack(items: &[Item], limits: Limits) -> Packed {
    let slots = slots(items, limits);
    let requests = requests_for(items, &slots, limits);
    let mut packed = Packed::default();
    packed.order.reserve_exact(items.len());
    packed.ends.reserve_exact(requests);
    for request in 0..requests {
        for slot in slots.iter().skip(request).step_by(requests) {
            packed.order.extend(slot.clone());
        }
        packed.ends.push(packed.order.len());
    }
    packed
}

/// The items as entries of requests: runs of one target, at most ten accounts each.
fn slots(items: &[Item], limits: Limits) -> Vec<Range<usize>> {
    let mut slots = Vec::new();
    let mut start = 0;
    for target in items.chunk_by(|a, b| a.target == b.target) {
        let end = start + target.len();
        while start < end {
            let next = end.min(start + limits.accounts);
            slots.push(start..next);
            start = next;
        }
    }
    slots
}

/// The number of requests: enough for all slots, and for the target with most of them.
fn requests_for(items: &[Item], slots: &[Range<usize>], limits: Limits) -> usize {
    let same_target =
        |a: &Range<usize>, b: &Range<usize>| items[a.start].target == items[b.start].target;
    let most = slots.chunk_by(same_target).map(<[_]>::len).max().unwrap_or(0);
    slots.len().div_ceil(limits.targets).max(most)
}
