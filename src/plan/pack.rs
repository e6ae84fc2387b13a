//! Packing: the grants of a scope dealt out to the fewest requests.
//!
//! Each target's accounts are cut into slots of at most ten; slot `i` goes to request `i mod N`.
//! With `N` at least the slots of any one target, no request gets a target twice; with `N` at
//! least a tenth of all slots, none gets more than ten.

use super::{Limits, place};

/// One scope's grants, dealt out. It is used for one scope after the other, for most of them are
/// small.
#[derive(Debug, Default)]
pub struct Packed {
    /// Where each slot begins among the grants, and where the last one ends.
    slots: Vec<u32>,
    requests: usize,
    /// How many targets there are.
    pub targets: usize,
}

impl Packed {
    /// Deals out the grants of one target after the other, given how many each has; a whole target
    /// is one grant.
    pub fn deal(&mut self, targets: impl Iterator<Item = usize>, limits: Limits) {
        self.slots.clear();
        self.targets = 0;
        let (mut most, mut start) = (0, 0);
        for grants in targets {
            let end = start + grants;
            let slots = (start..end).step_by(limits.accounts);
            most = most.max(slots.len());
            self.slots.extend(slots.map(place));
            self.targets += 1;
            start = end;
        }
        // Enough for all slots, and for the target with most of them.
        self.requests = self.slots.len().div_ceil(limits.targets).max(most);
        self.slots.push(place(start));
    }

    /// Which grants each request holds, by their places in the order that was dealt out.
    pub fn requests(&self) -> impl Iterator<Item = impl Iterator<Item = usize>> {
        let slots = self.slots.len().saturating_sub(1);
        (0..self.requests).map(move |request| {
            let of_request = (request..slots).step_by(self.requests);
            of_request.flat_map(|slot| self.slots[slot] as usize..self.slots[slot + 1] as usize)
        })
    }
}
