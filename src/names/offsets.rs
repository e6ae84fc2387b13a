//! The ranges of the pieces of one text.
//!
//! A `Vec<u32>` of ends would need four bytes per piece instead of one and a half. That is 2 to 6 %
//! of a plan's memory at equal speed (measured), and it would limit the names of a list to 4 GiB,
//! which would need an error of its own.

use std::ops::Range;

/// The number of pieces in a block.
const BLOCK: usize = 8;

/// The length of each piece of a block whose ends are stored in full.
const LONG: u8 = u8::MAX;

/// The ranges of consecutive pieces: one and a half bytes each, while they are short.
#[derive(Debug, Default)]
pub(super) struct Offsets {
    blocks: Vec<Block>,
    /// The blocks with a piece of 255 bytes or more, or beyond 4 GiB, in their order.
    long_blocks: Vec<LongBlock>,
    len: usize,
    /// The end of the last piece.
    end: usize,
}

/// Some pieces: the start of the first, and the length of each.
#[derive(Debug)]
struct Block {
    start: u32,
    lengths: [u8; BLOCK],
}

/// The ends of the pieces of a block.
#[derive(Debug)]
struct LongBlock {
    block: usize,
    start: usize,
    ends: [usize; BLOCK],
}

impl Offsets {
    /// Adds the end of the next piece, which must not precede the last one.
    pub(super) fn push(&mut self, end: usize) {
        let (block, at) = (self.len / BLOCK, self.len % BLOCK);
        let start = std::mem::replace(&mut self.end, end);
        self.len += 1;
        let near = u32::try_from(start);
        if at == 0 {
            self.blocks.push(Block { start: near.unwrap_or(0), lengths: [0; BLOCK] });
        }
        let lengths = &mut self.blocks[block].lengths;
        match u8::try_from(end - start) {
            Ok(length) if length != LONG && near.is_ok() && lengths[at] != LONG => {
                lengths[at] = length;
            }
            _ => self.push_long(block, at, start..end),
        }
    }

    #[cold]
    fn push_long(&mut self, block: usize, at: usize, piece: Range<usize>) {
        if self.blocks[block].lengths[at] != LONG {
            let start = if at == 0 { piece.start } else { self.range_in(block, 0).start };
            let ends = std::array::from_fn(|at| self.range_in(block, at).end);
            self.long_blocks.push(LongBlock { block, start, ends });
            self.blocks[block].lengths = [LONG; BLOCK];
        }
        if let Some(block) = self.long_blocks.last_mut() {
            block.ends[at..].fill(piece.end);
        }
    }

    /// The number of pieces.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The range of a piece.
    #[inline]
    pub(super) fn range(&self, piece: u32) -> Range<usize> {
        self.range_in(piece as usize / BLOCK, piece as usize % BLOCK)
    }

    /// The ranges of all pieces, in their order.
    pub(super) fn all(&self) -> impl Iterator<Item = Range<usize>> {
        let mut next = 0;
        (0..self.len).map(move |piece| {
            let (block, at) = (piece / BLOCK, piece % BLOCK);
            let length = self.blocks[block].lengths[at];
            let start = next;
            let is_long = length == LONG;
            next = if is_long {
                self.range_in_long(block, at).end
            } else {
                start + usize::from(length)
            };
            start..next
        })
    }

    #[inline]
    fn range_in(&self, block: usize, at: usize) -> Range<usize> {
        let Block { start, lengths } = &self.blocks[block];
        let length = lengths[at];
        if length == LONG {
            return self.range_in_long(block, at);
        }
        let start = *start as usize + sum_of_first(*lengths, at);
        start..start + usize::from(length)
    }

    #[cold]
    fn range_in_long(&self, block: usize, at: usize) -> Range<usize> {
        let place = self.long_blocks.partition_point(|long| long.block < block);
        let LongBlock { start, ends, .. } = &self.long_blocks[place];
        at.checked_sub(1).map_or(*start, |before| ends[before])..ends[at]
    }
}

/// The sum of the first `count` lengths, computed in parallel: first the sums of pairs, then their
/// sum.
#[inline]
fn sum_of_first(lengths: [u8; BLOCK], count: usize) -> usize {
    const EVERY_OTHER: u64 = 0x00ff_00ff_00ff_00ff;
    const ADD_UP: u64 = 0x0001_0001_0001_0001;
    let first = u64::from_le_bytes(lengths) & ((1 << (count * 8)) - 1);
    let pairs = (first & EVERY_OTHER) + (first >> 8 & EVERY_OTHER);
    (pairs.wrapping_mul(ADD_UP) >> 48) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks all ranges at every length of the list.
    fn check_ranges(all: &[usize]) {
        let mut ends = Offsets::default();
        for (count, end) in (1..).zip(all) {
            ends.push(*end);
            assert_eq!(ends.len(), count);
            let first = count.saturating_sub(2 * BLOCK);
            let mut start = first.checked_sub(1).map_or(0, |before| all[before]);
            for (piece, end) in (first..).zip(&all[first..count]) {
                assert_eq!(ends.range(u32::try_from(piece).unwrap()), start..*end, "{piece}");
                start = *end;
            }
        }
        let starts = std::iter::once(0).chain(all.iter().copied());
        assert!(ends.all().eq(starts.zip(all).map(|(start, end)| start..*end)));
    }

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn pieces_are_found_beyond_four_gib() {
        const TURN: usize = 1 << 32;
        let far = [
            0,
            7,
            7,
            TURN - 1,
            TURN,
            TURN,
            TURN + 5,
            2 * TURN - 1,
            2 * TURN + 1,
            5 * TURN + 9,
            5 * TURN + 9,
            6 * TURN,
        ];
        check_ranges(&far);
        let short: Vec<usize> = (TURN - 100..TURN + 100).step_by(3).collect();
        check_ranges(&short);
    }

    #[test]
    fn pieces_of_any_length_are_found() {
        let mut random = fastrand::Rng::with_seed(8);
        for most in [1, 20, 254, 255, 256, 300, 100_000] {
            let mut end = 0;
            let ends = (0..500).map(|_| {
                let most = if random.u8(..10) == 0 { most } else { most.min(254) };
                end += random.usize(..=most);
                end
            });
            check_ranges(&ends.collect::<Vec<_>>());
        }
        check_ranges(&(1..=50).map(|piece| piece * 254).collect::<Vec<_>>());
        check_ranges(&(1..=50).map(|piece| piece * 255).collect::<Vec<_>>());
    }
}
