//! Notes read back into memory for an outcome, which needs them in any order.

use super::packed_note::PackedNote;
use super::{NO_NOTE, NoteId, Verdicts};
use crate::plan::GrantId;
use std::hint::black_box;
use std::io;

/// The notes of some grants: 25 bytes each, and two bits for each existing note.
#[derive(Debug)]
pub struct NoteCache<'a> {
    verdicts: &'a Verdicts,
    ranks: RankSet,
    packed: Vec<[u8; PackedNote::BYTES]>,
}

impl<'a> NoteCache<'a> {
    /// An empty cache.
    pub(super) fn of(verdicts: &'a Verdicts) -> Self {
        Self { verdicts, ranks: RankSet::default(), packed: Vec::new() }
    }

    /// How many notes fit into that many bytes.
    pub fn capacity(bytes: usize) -> usize {
        bytes / PackedNote::BYTES
    }

    /// Reads the notes of these grants, and drops all others. Fails if the file with the notes
    /// can't be read.
    pub fn load(&mut self, grants: impl Iterator<Item = GrantId>) -> io::Result<()> {
        let Self { verdicts, ranks, packed } = self;
        let notes = grants.map(|grant| verdicts.grants[grant as usize].note());
        *ranks = RankSet::of(verdicts.notes.len(), notes.filter(|note| *note != NO_NOTE));
        packed.clear();
        packed.reserve_exact(ranks.len());
        verdicts.notes.each(|note, bytes| {
            if ranks.contains(note) {
                packed.push(*bytes);
            }
        })
    }

    /// The note of one of these grants.
    pub fn get(&self, note: NoteId) -> PackedNote {
        PackedNote::of(&self.packed[self.ranks.rank_of(note as usize)])
    }

    /// Loads notes of these grants into the processor's cache, as [`Verdicts::prefetch`] does.
    pub fn prefetch(&self, notes: impl Iterator<Item = NoteId>) {
        black_box(notes.fold(0, |all, note| {
            let packed = &self.packed[self.ranks.rank_of(note as usize)];
            all ^ packed[0] ^ packed[PackedNote::BYTES - 1]
        }));
    }

    /// The number of distinct pairs of code and message.
    pub fn reasons(&self) -> u32 {
        self.verdicts.notes.reasons()
    }

    /// A code with its message, by their number.
    pub fn reason(&self, number: u32) -> (&'a str, &'a str) {
        self.verdicts.notes.reason(number)
    }

    /// The text of a request id, by its number.
    pub fn text(&self, number: u32) -> &'a str {
        self.verdicts.notes.text(number)
    }
}

/// A set of numbers with the rank of each: two bits for each possible number.
#[derive(Debug, Default)]
struct RankSet(Vec<RankWord>);

#[derive(Debug, Clone, Copy, Default)]
struct RankWord {
    bits: u64,
    /// How many are in the set before these.
    before: usize,
}

impl RankSet {
    fn of(numbers: usize, wanted: impl Iterator<Item = NoteId>) -> Self {
        let mut words = vec![RankWord::default(); numbers.div_ceil(64)];
        for number in wanted {
            words[number as usize / 64].bits |= 1 << (number % 64);
        }
        let mut before = 0;
        for word in &mut words {
            word.before = before;
            before += word.bits.count_ones() as usize;
        }
        Self(words)
    }

    fn len(&self) -> usize {
        self.0.last().map_or(0, |last| last.before + last.bits.count_ones() as usize)
    }

    fn contains(&self, number: usize) -> bool {
        self.0[number / 64].bits >> (number % 64) & 1 == 1
    }

    /// The rank of a number in the set.
    fn rank_of(&self, number: usize) -> usize {
        let RankWord { bits, before } = self.0[number / 64];
        before + (bits & ((1 << (number % 64)) - 1)).count_ones() as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{AttemptResult, AttemptState, GrantSet};
    use jiff::Timestamp;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn each_number_has_its_rank_in_the_set(
            wanted in prop::collection::vec(0_u32..400, 0..300)
        ) {
            let sorted: BTreeSet<u32> = wanted.iter().copied().collect();
            let ranks = RankSet::of(400, wanted.into_iter());
            prop_assert_eq!(ranks.len(), sorted.len());
            for (place, number) in sorted.iter().enumerate() {
                prop_assert_eq!(ranks.rank_of(*number as usize), place);
            }
            for number in 0..400 {
                prop_assert_eq!(ranks.contains(number as usize), sorted.contains(&number));
            }
        }
    }

    #[test]
    fn the_cache_has_no_notes_of_other_grants() {
        let mut verdicts = Verdicts::new(70_000);
        for grant in 0..69_999_u32 {
            let result = AttemptResult {
                state: AttemptState::Answered,
                last: true,
                code: ["OK", "NODE_NOT_EXISTS"][grant as usize % 2].into(),
                message: String::new(),
                request_id: ["R", "0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9"][grant as usize % 3 % 2]
                    .into(),
                finished_at: Timestamp::from_second(grant.into()).unwrap(),
                exceptions: Vec::new(),
            };
            verdicts.record(&GrantSet::range(grant..grant + 1), &result);
        }
        let mut cache = verdicts.note_cache();
        // The last one has no note.
        for (grants, notes) in [(0..70_000, 69_999), (5..7, 2), (40_000..70_000, 29_999)] {
            cache.load(grants.clone().rev().chain(grants.clone())).unwrap();
            assert_eq!(cache.packed.len(), notes);
            for grant in grants {
                let Some(note) = verdicts.of(grant).note else { continue };
                let (packed, whole) = (cache.get(note), verdicts.note_of(grant).unwrap().unwrap());
                assert_eq!(cache.reason(packed.reason), (whole.code, whole.message));
                assert_eq!(packed.finished_at(), whole.finished_at);
                assert_eq!(whole.finished_at.as_second(), i64::from(grant));
            }
        }
    }
}
