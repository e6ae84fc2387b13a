//! Notes brought back into memory for an outcome, which asks for them in no order.

use super::brief::Brief;
use super::notes::{NoteId, Notes};
use std::hint::black_box;
use std::io;

/// All notes that some grant has: 25 bytes each. What no grant has any more, because a later attempt
/// said more, is not among them.
#[derive(Debug)]
pub struct Recalled<'a> {
    notes: &'a Notes,
    places: Places,
    briefs: Vec<[u8; Brief::BYTES]>,
}

impl<'a> Recalled<'a> {
    /// Fails if the file in which they lie can't be read.
    pub(super) fn of(notes: &'a Notes, wanted: impl Iterator<Item = NoteId>) -> io::Result<Self> {
        let places = Places::of(notes.len(), wanted);
        let mut briefs = Vec::with_capacity(places.len());
        notes.each(|note, brief| {
            if places.contains(note) {
                briefs.push(*brief);
            }
        })?;
        Ok(Self { notes, places, briefs })
    }

    /// A note that some grant has.
    pub fn get(&self, note: NoteId) -> Brief {
        Brief::of(&self.briefs[self.places.of_wanted(note as usize)])
    }

    /// Brings notes that some grants have near to the processor, as [`super::Verdicts::fetch`] does.
    pub fn fetch(&self, notes: impl Iterator<Item = NoteId>) {
        black_box(notes.fold(0, |all, note| {
            let brief = &self.briefs[self.places.of_wanted(note as usize)];
            all ^ brief[0] ^ brief[Brief::BYTES - 1]
        }));
    }

    /// How many codes with messages there are.
    pub fn all_said(&self) -> u32 {
        self.notes.all_said()
    }

    /// A code with its message, by their number.
    pub fn said(&self, number: u32) -> (&'a str, &'a str) {
        self.notes.said(number)
    }

    /// The text of a request's id, by its number.
    pub fn text(&self, number: u32) -> &'a str {
        self.notes.text(number)
    }
}

/// Which numbers are wanted, and the place of each among them: two bits for each number that there
/// is.
#[derive(Debug)]
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
    fn notes_that_no_grant_has_are_not_among_them() {
        let mut notes = Notes::default();
        let ids = ["R", "0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9"];
        for number in 0..70_000_usize {
            let code = ["OK", "NODE_NOT_EXISTS"][number % 2];
            notes.push(code, "", ids[number % 3 % 2], jiff::Timestamp::UNIX_EPOCH);
        }
        let wanted = || (0..70_000).step_by(7).chain([69_999, 0]);
        let recalled = Recalled::of(&notes, wanted()).unwrap();
        assert_eq!(recalled.briefs.len(), 10_001);
        for note in wanted() {
            let (brief, whole) = (recalled.get(note), notes.get(note).unwrap());
            assert_eq!(recalled.said(brief.said), (whole.code, whole.message));
            assert_eq!(brief.finished_at(), whole.finished_at);
        }
    }
}
