//! Where many pieces of one text lie.

use std::ops::Range;

/// So many pieces share a block.
const BLOCK: usize = 8;

/// Stands for the length of each piece of a block that keeps its ends apart.
const APART: u8 = u8::MAX;

/// Where pieces lie that follow one another: a byte and a half each, as long as they are short.
#[derive(Debug, Default)]
pub(super) struct Ends {
    blocks: Vec<Block>,
    /// The blocks with a piece of 255 bytes and more, or beyond four GiB, in their order.
    apart: Vec<Apart>,
    len: usize,
    /// Where the last piece ends.
    end: usize,
}

/// Some pieces: where the first begins, and how long each is.
#[derive(Debug)]
struct Block {
    start: u32,
    lengths: [u8; BLOCK],
}

/// Where the pieces of a block end.
#[derive(Debug)]
struct Apart {
    block: usize,
    start: usize,
    ends: [usize; BLOCK],
}

impl Ends {
    /// Takes the end of the next piece, which is not before the one before it.
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
            Ok(length) if length != APART && near.is_ok() && lengths[at] != APART => {
                lengths[at] = length;
            }
            _ => self.push_apart(block, at, start..end),
        }
    }

    #[cold]
    fn push_apart(&mut self, block: usize, at: usize, piece: Range<usize>) {
        if self.blocks[block].lengths[at] != APART {
            let start = if at == 0 { piece.start } else { self.range_in(block, 0).start };
            let ends = std::array::from_fn(|at| self.range_in(block, at).end);
            self.apart.push(Apart { block, start, ends });
            self.blocks[block].lengths = [APART; BLOCK];
        }
        if let Some(apart) = self.apart.last_mut() {
            apart.ends[at..].fill(piece.end);
        }
    }

    /// How many pieces there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Where a piece lies.
    #[inline]
    pub(super) fn range(&self, piece: u32) -> Range<usize> {
        self.range_in(piece as usize / BLOCK, piece as usize % BLOCK)
    }

    /// Where all pieces lie, in their order.
    pub(super) fn all(&self) -> impl Iterator<Item = Range<usize>> {
        let mut next = 0;
        (0..self.len).map(move |piece| {
            let (block, at) = (piece / BLOCK, piece % BLOCK);
            let length = self.blocks[block].lengths[at];
            let start = next;
            let is_apart = length == APART;
            next = if is_apart {
                self.range_apart(block, at).end
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
        if length == APART {
            return self.range_apart(block, at);
        }
        let start = *start as usize + sum_of_first(*lengths, at);
        start..start + usize::from(length)
    }

    #[cold]
    fn range_apart(&self, block: usize, at: usize) -> Range<usize> {
        let place = self.apart.partition_point(|apart| apart.block < block);
        let Apart { start, ends, .. } = &self.apart[place];
        at.checked_sub(1).map_or(*start, |before| ends[before])..ends[at]
    }
}

/// The sum of the first lengths, so many of them: first of two neighbours each, then of all pairs.
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

    /// Gives all of them back, at every length that there was on the way.
    fn lead_back(all: &[usize]) {
        let mut ends = Ends::default();
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
    fn pieces_lead_back_however_far_they_reach() {
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
        lead_back(&far);
        let short: Vec<usize> = (TURN - 100..TURN + 100).step_by(3).collect();
        lead_back(&short);
    }

    #[test]
    fn pieces_lead_back_however_long_they_are() {
        let mut random = fastrand::Rng::with_seed(8);
        for most in [1, 20, 254, 255, 256, 300, 100_000] {
            let mut end = 0;
            let ends = (0..500).map(|_| {
                let most = if random.u8(..10) == 0 { most } else { most.min(254) };
                end += random.usize(..=most);
                end
            });
            lead_back(&ends.collect::<Vec<_>>());
        }
        lead_back(&(1..=50).map(|piece| piece * 254).collect::<Vec<_>>());
        lead_back(&(1..=50).map(|piece| piece * 255).collect::<Vec<_>>());
    }
}
