//! Packing: distributes the grants of a scope over the fewest requests.
//!
//! Each target's accounts are cut into slots of at most ten; slot `i` goes to request `i mod N`.
//! With `N` at least the slots of any one target, no request gets a target twice; with `N` at least
//! a tenth of all slots, none gets more than ten.

use super::{Limits, place};

/// The packed grants of one scope. The value is reused for all scopes, most of which are small.
#[derive(Debug, Default)]
pub struct Packed {
    /// The first grant of each slot, and the end of the last one.
    slots: Vec<u32>,
    requests: usize,
    /// The number of targets.
    pub targets: usize,
}

impl Packed {
    /// Distributes the grants of one target after the other, given the number of each; a whole
    /// target is one grant.
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
        // Enough for all slots, and for the target with the most slots.
        self.requests = self.slots.len().div_ceil(limits.targets).max(most);
        self.slots.push(place(start));
    }

    /// The grants of each request, as places in the order given.
    pub fn requests(&self) -> impl Iterator<Item = impl Iterator<Item = usize>> {
        let slots = self.slots.len().saturating_sub(1);
        (0..self.requests).map(move |request| {
            let of_request = (request..slots).step_by(self.requests);
            of_request.flat_map(|slot| self.slots[slot] as usize..self.slots[slot + 1] as usize)
        })
    }
}
