//! Notes brought back into memory for an outcome, which asks for them in no order.

use super::packed_note::PackedNote;
use super::{NO_NOTE, NoteId, Verdicts};
use crate::plan::GrantId;
use std::hint::black_box;
use std::io;

/// The notes of some grants: 25 bytes each, and two bits for each note that there is.
#[derive(Debug)]
pub struct NoteCache<'a> {
    verdicts: &'a Verdicts,
    places: Places,
    briefs: Vec<[u8; PackedNote::BYTES]>,
}

impl<'a> NoteCache<'a> {
    /// None yet.
    pub(super) fn of(verdicts: &'a Verdicts) -> Self {
        Self { verdicts, places: Places::default(), briefs: Vec::new() }
    }

    /// How many notes have a place in so many bytes.
    pub fn most(bytes: usize) -> usize {
        bytes / PackedNote::BYTES
    }

    /// Brings back the notes of these grants in place of those of others. Fails if the file in
    /// which they lie can't be read.
    pub fn bring(&mut self, grants: impl Iterator<Item = GrantId>) -> io::Result<()> {
        let Self { verdicts, places, briefs } = self;
        let notes = grants.map(|grant| verdicts.grants[grant as usize].note());
        *places = Places::of(verdicts.notes.len(), notes.filter(|note| *note != NO_NOTE));
        briefs.clear();
        briefs.reserve_exact(places.len());
        verdicts.notes.each(|note, packed| {
            if places.contains(note) {
                briefs.push(*packed);
            }
        })
    }

    /// A note that one of those grants has.
    pub fn get(&self, note: NoteId) -> PackedNote {
        PackedNote::of(&self.briefs[self.places.of_wanted(note as usize)])
    }

    /// Brings notes that some of those grants have near to the processor, as [`Verdicts::fetch`]
    /// does.
    pub fn fetch(&self, notes: impl Iterator<Item = NoteId>) {
        black_box(notes.fold(0, |all, note| {
            let packed = &self.briefs[self.places.of_wanted(note as usize)];
            all ^ packed[0] ^ packed[PackedNote::BYTES - 1]
        }));
    }

    /// How many codes with messages there are.
    pub fn all_said(&self) -> u32 {
        self.verdicts.notes.all_said()
    }

    /// A code with its message, by their number.
    pub fn said(&self, number: u32) -> (&'a str, &'a str) {
        self.verdicts.notes.said(number)
    }

    /// The text of a request's id, by its number.
    pub fn text(&self, number: u32) -> &'a str {
        self.verdicts.notes.text(number)
    }
}

/// Which numbers are wanted, and the place of each among them: two bits for each number that there
/// is.
#[derive(Debug, Default)]
struct Places(Vec<Word>);

#[derive(Debug, Clone, Copy, Default)]
struct Word {
    bits: u64,
    /// How many are wanted before these.
    before: usize,
}

impl Places {
    fn of(numbers: usize, wanted: impl Iterator<Item = NoteId>) -> Self {
        let mut words = vec![Word::default(); numbers.div_ceil(64)];
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

    /// The place of a number that is wanted.
    fn of_wanted(&self, number: usize) -> usize {
        let Word { bits, before } = self.0[number / 64];
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
        fn each_number_has_its_place_among_those_wanted(
            wanted in prop::collection::vec(0_u32..400, 0..300)
        ) {
            let sorted: BTreeSet<u32> = wanted.iter().copied().collect();
            let places = Places::of(400, wanted.into_iter());
            prop_assert_eq!(places.len(), sorted.len());
            for (place, number) in sorted.iter().enumerate() {
                prop_assert_eq!(places.of_wanted(*number as usize), place);
            }
            for number in 0..400 {
                prop_assert_eq!(places.contains(number as usize), sorted.contains(&number));
            }
        }
    }

    #[test]
    fn notes_of_other_grants_are_not_among_them() {
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
        let mut recalled = verdicts.recall();
        // The last one has no note.
        for (grants, notes) in [(0..70_000, 69_999), (5..7, 2), (40_000..70_000, 29_999)] {
            recalled.bring(grants.clone().rev().chain(grants.clone())).unwrap();
            assert_eq!(recalled.briefs.len(), notes);
            for grant in grants {
                let Some(note) = verdicts.of(grant).note else { continue };
                let (packed, whole) =
                    (recalled.get(note), verdicts.note_of(grant).unwrap().unwrap());
                assert_eq!(recalled.said(packed.said), (whole.code, whole.message));
                assert_eq!(packed.finished_at(), whole.finished_at);
                assert_eq!(whole.finished_at.as_second(), i64::from(grant));
            }
        }
    }
}
