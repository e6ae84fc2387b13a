//! Where many pieces of one text end.

use std::ops::Range;

/// Where pieces that lie one after the other end: four bytes each.
#[derive(Debug)]
pub(super) struct Ends {
    /// The lower half of where the first piece begins and of where each ends.
    lower: Vec<u32>,
    /// For each time that the lower half began anew, its first place after that.
    turns: Vec<usize>,
}

impl Default for Ends {
    fn default() -> Self {
        Self { lower: vec![0], turns: Vec::new() }
    }
}

impl Ends {
    /// Takes the end of the next piece, which is not before the one before it.
    #[expect(clippy::cast_possible_truncation, reason = "taken apart into its halves")]
    pub(super) fn push(&mut self, end: usize) {
        let (upper, lower) = ((end as u64 >> 32) as usize, end as u32);
        self.turns.resize(upper, self.lower.len());
        self.lower.push(lower);
    }

    /// How many pieces there are.
    pub(super) fn len(&self) -> usize {
        self.lower.len() - 1
    }

    /// Where a piece lies.
    #[inline]
    pub(super) fn range(&self, piece: u32) -> Range<usize> {
        let start = piece as usize;
        let of_piece = &self.lower[start..start + 2];
        let [start, end] = [(start, of_piece[0]), (start + 1, of_piece[1])].map(|(at, lower)| {
            if self.turns.is_empty() { lower as usize } else { self.far(at, lower) }
        });
        start..end
    }

    #[expect(clippy::cast_possible_truncation, reason = "it was one when it was taken")]
    fn far(&self, at: usize, lower: u32) -> usize {
        let upper = self.turns.partition_point(|first| *first <= at) as u64;
        (upper << 32 | u64::from(lower)) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn pieces_lead_back_however_far_they_reach() {
        const TURN: usize = 1 << 32;
        let all = [
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
        let mut ends = Ends::default();
        for end in all {
            ends.push(end);
        }
        assert_eq!(ends.len(), all.len());
        let mut start = 0;
        for (piece, end) in (0..).zip(all) {
            assert_eq!(ends.range(piece), start..end, "{piece}");
            start = end;
        }
    }
}
