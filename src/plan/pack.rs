//! Packing: the grants of a scope dealt out to the fewest requests.
//!
//! Each target's accounts are cut into slots of at most ten; slot `i` goes to request `i mod N`.
//! With `N` at least the slots of any one target, no request gets a target twice; with `N` at
//! least a tenth of all slots, none gets more than ten.

use super::Limits;
use crate::grants::Item;
use std::ops::Range;

/// One scope's items, dealt out. It is used for one scope after the other, for most of them are
/// small.
#[derive(Debug, Default)]
pub struct Packed {
    /// For each request, where its items end in `order`.
    pub ends: Vec<usize>,
    /// Indexes into the items given, request by request.
    pub order: Vec<usize>,
    slots: Vec<Range<usize>>,
}

impl Packed {
    /// Deals out items that are sorted by target; a whole target is one item of its own.
    pub fn deal(&mut self, items: &[Item], limits: Limits) {
        self.ends.clear();
        self.order.clear();
        self.slots.clear();
        let most = self.cut(items, limits);
        // Enough for all slots, and for the target with most of them.
        let requests = self.slots.len().div_ceil(limits.targets).max(most);
        for request in 0..requests {
            for slot in self.slots.iter().skip(request).step_by(requests) {
                self.order.extend(slot.clone());
            }
            self.ends.push(self.order.len());
        }
    }

    /// Cuts the items into entries of requests: runs of one target, at most ten accounts each.
    /// Returns the most entries of one target.
    fn cut(&mut self, items: &[Item], limits: Limits) -> usize {
        let mut most = 0;
        let mut start = 0;
        while start < items.len() {
            let target = items[start].target;
            let before = self.slots.len();
            while start < items.len() && items[start].target == target {
                let longest = items.len().min(start + limits.accounts);
                let alike = |item: &&Item| item.target == target;
                let end = start + items[start..longest].iter().take_while(alike).count();
                self.slots.push(start..end);
                start = end;
            }
            most = most.max(self.slots.len() - before);
        }
        most
    }
}
