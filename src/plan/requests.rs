//! The range of grants of each request.

use super::GrantId;
use std::ops::Range;

/// One start is stored for this many requests.
const BLOCK: usize = 64;

/// The number of grants of each request, in a byte: it is at most 100. Starts are computed from the
/// stored start of the block.
#[derive(Debug)]
pub(super) struct Requests {
    sizes: Vec<u8>,
    starts: Vec<GrantId>,
}

impl Requests {
    /// Consecutive requests with these numbers of grants.
    pub(super) fn of(mut sizes: Vec<u8>) -> Self {
        sizes.shrink_to_fit();
        let mut next = 0;
        let starts = sizes.chunks(BLOCK).map(|block| {
            let start = next;
            next += sum(block);
            start
        });
        Self { starts: starts.collect(), sizes }
    }

    /// The number of requests.
    pub(super) fn len(&self) -> usize {
        self.sizes.len()
    }

    /// The grants of a request.
    pub(super) fn grants_of(&self, request: usize) -> Range<GrantId> {
        let block = request / BLOCK;
        let start = self.starts[block] + sum(&self.sizes[block * BLOCK..request]);
        start..start + GrantId::from(self.sizes[request])
    }

    /// The request that holds a grant.
    pub(super) fn request_of(&self, grant: GrantId) -> usize {
        // The first start is 0.
        let block = self.starts.partition_point(|start| *start <= grant).saturating_sub(1);
        let of_block = block * BLOCK..self.len().min((block + 1) * BLOCK);
        let mut end = self.starts.get(block).copied().unwrap_or_default();
        let ends_before = |request: &usize| {
            end += GrantId::from(self.sizes[*request]);
            end <= grant
        };
        of_block.start + of_block.clone().take_while(ends_before).count()
    }
}

fn sum(sizes: &[u8]) -> GrantId {
    sizes.iter().map(|size| GrantId::from(*size)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_of_any_size_map_to_their_grants_and_back() {
        let mut random = fastrand::Rng::with_seed(5);
        for number in [0, 1, 63, 64, 65, 128, 1000] {
            let sizes: Vec<u8> = (0..number).map(|_| random.u8(1..=100)).collect();
            let requests = Requests::of(sizes.clone());
            assert_eq!(requests.len(), number);
            let mut start = 0;
            for (request, size) in sizes.iter().enumerate() {
                let end = start + u32::from(*size);
                assert_eq!(requests.grants_of(request), start..end);
                for grant in start..end {
                    assert_eq!(requests.request_of(grant), request);
                }
                start = end;
            }
        }
    }
}
