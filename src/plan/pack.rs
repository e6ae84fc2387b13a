//! Packing: the grants of a scope dealt out to the fewest requests.
//!
//! Each target's accounts are cut into slots of at most ten; slot `i` goes to request `i mod N`.
//! With `N` at least the slots of any one target, no request gets a target twice; with `N` at
//! least a tenth of all slots, none gets more than ten.

use super::{Limits, place};
use crate::grants::Item;
use std::ops::Range;

/// One scope's items, dealt out. It is used for one scope after the other, for most of them are
/// small.
#[derive(Debug, Default)]
pub struct Packed {
    /// For each request, where its items end in `order`.
    pub ends: Vec<u32>,
    /// Indexes into the items given, request by request.
    pub order: Vec<u32>,
    /// How many targets the items have.
    pub targets: usize,
    slots: Vec<Range<u32>>,
}

impl Packed {
    /// Deals out items that are sorted by target; a whole target is one item of its own.
    pub fn deal(&mut self, items: &[Item], limits: Limits) {
        self.ends.clear();
        self.order.clear();
        let most = self.cut(items, limits);
        // Enough for all slots, and for the target with most of them.
        let requests = self.slots.len().div_ceil(limits.targets).max(most);
        for request in 0..requests {
            for slot in self.slots.iter().skip(request).step_by(requests) {
                self.order.extend(slot.clone());
            }
            self.ends.push(place(self.order.len()));
        }
    }

    /// Cuts the items into entries of requests: runs of one target, at most ten accounts each.
    /// Returns the most entries of one target.
    fn cut(&mut self, items: &[Item], limits: Limits) -> usize {
        self.slots.clear();
        self.targets = 0;
        let mut most = 0;
        let mut start = 0;
        for of_target in items.chunk_by(|a, b| a.target == b.target) {
            let end = start + of_target.len();
            let slots = (start..end).step_by(limits.accounts);
            most = most.max(slots.len());
            self.targets += 1;
            self.slots
                .extend(slots.map(|start| place(start)..place(end.min(start + limits.accounts))));
            start = end;
        }
        most
    }
}
