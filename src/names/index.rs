//! A hash index that numbers distinct keys, by first appearance.
//!
//! `hashbrown::HashTable<u32>` would do the same in a third of the code. It was measured in turns
//! with this index: `plan` takes 6 to 28 % more CPU time with it and 2 to 18 % more memory, because
//! this index looks up whole columns, and because it grows in place: with each key's hash at hand,
//! the old table is not needed. Slots of three bytes for small tables were dropped; they saved at
//! most 6 % of the memory and no time.

/// An empty slot.
const EMPTY: u32 = 0;

/// The numbered keys, stored outside the index: distinct, and in the order of their numbers.
pub(crate) trait Keys {
    /// A key to look up.
    type Key: Copy;

    /// The number of stored keys.
    fn len(&self) -> usize;

    /// The hash of a key.
    fn hash(&self, key: Self::Key) -> u64;

    /// The hashes of all stored keys, in the order of their numbers.
    fn stored_hashes(&self) -> impl Iterator<Item = u64>;

    /// Whether the stored key with that number is this one.
    fn is(&self, number: u32, key: Self::Key) -> bool;

    /// Stores a key under the next number.
    fn store(&mut self, key: Self::Key);
}

/// Maps keys to their numbers.
///
/// A slot contains a key's number plus one in its low bits, as many as the length needs, and a tag
/// in the others: a part of the key's hash. Another part of the hash selects the slot; if it is in
/// use, the next free one follows.
///
/// Whole columns are looked up at once. The first pass over a column only reads slots, the second
/// only the keys they point to, so the processor can load many of them from memory in parallel.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// The number of slots is a power of two.
    slots: Vec<u32>,
    hashes: Vec<u64>,
}

impl Index {
    /// The numbers of a column of keys, in its order; new keys get new numbers.
    pub(crate) fn numbers_of<K: Keys>(
        &mut self,
        column: &[K::Key],
        keys: &mut K,
        numbers: &mut Vec<u32>,
    ) {
        let mut hashes = std::mem::take(&mut self.hashes);
        hashes.clear();
        hashes.extend(column.iter().map(|key| keys.hash(*key)));
        self.find_candidates(&hashes, numbers);
        for (candidate, key) in numbers.iter_mut().zip(column) {
            let is_it = candidate.checked_sub(1).is_some_and(|number| keys.is(number, *key));
            *candidate = if is_it { *candidate } else { EMPTY };
        }
        for (at, key) in column.iter().enumerate() {
            numbers[at] = match numbers[at] {
                EMPTY => self.number_of(*key, hashes[at], keys),
                known => known - 1,
            };
        }
        self.hashes = hashes;
    }

    /// For each hash the number in its first slot, plus one, if the tag is equal; else `EMPTY`.
    fn find_candidates(&self, hashes: &[u64], numbers: &mut Vec<u32>) {
        numbers.clear();
        let Some(layout) = Layout::of(&self.slots) else {
            return numbers.resize(hashes.len(), EMPTY);
        };
        numbers.extend(hashes.iter().map(|hash| {
            let slot = self.slots[layout.slot_of(*hash)];
            if layout.tag(slot) == layout.tag_of(*hash) { layout.number(slot) } else { EMPTY }
        }));
    }

    /// The number of a key, which is stored if it is new.
    fn number_of<K: Keys>(&mut self, key: K::Key, hash: u64, keys: &mut K) -> u32 {
        if keys.len() * 4 >= self.slots.len() * 3 {
            self.grow(keys);
        }
        let layout = Layout { mask: mask(self.slots.len()) };
        let mut at = layout.slot_of(hash);
        loop {
            let slot = self.slots[at];
            if slot == EMPTY {
                let number = count(keys.len());
                keys.store(key);
                self.slots[at] = layout.tag_of(hash) | (number + 1);
                return number;
            }
            if layout.tag(slot) == layout.tag_of(hash) {
                let number = layout.number(slot) - 1;
                if keys.is(number, key) {
                    return number;
                }
            }
            at = layout.next(at);
        }
    }

    /// Doubles the table in place, and inserts all keys again. All slots are written and not only
    /// allocated as zeros: memory that is read before its first write is mapped twice, and changing
    /// a mapping interrupts the other threads.
    fn grow(&mut self, keys: &impl Keys) {
        let length = (self.slots.len() * 2).max(16);
        self.slots.clear();
        self.slots.resize(length, EMPTY);
        let layout = Layout { mask: mask(length) };
        for (number, hash) in (1..).zip(keys.stored_hashes()) {
            let mut at = layout.slot_of(hash);
            while self.slots[at] != EMPTY {
                at = layout.next(at);
            }
            self.slots[at] = layout.tag_of(hash) | number;
        }
    }
}

/// There are no more keys than rows, which 31 bits can number.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The bits of a slot that hold a number, in a table with that many slots.
#[expect(clippy::cast_possible_truncation, reason = "no more keys than 31 bits can number")]
fn mask(slots: usize) -> u32 {
    (slots - 1) as u32
}

/// How the slots of a table are used.
#[derive(Clone, Copy)]
struct Layout {
    /// The bits of a slot that hold a number; the others hold a tag.
    mask: u32,
}

impl Layout {
    /// `None` for a table without slots.
    fn of(slots: &[u32]) -> Option<Self> {
        (!slots.is_empty()).then(|| Self { mask: mask(slots.len()) })
    }

    /// The first slot of a hash. Only its lower half counts, so that the upper half distinguishes
    /// hashes with the same slot.
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    fn slot_of(self, hash: u64) -> usize {
        (hash as u32 & self.mask) as usize
    }

    /// The slot after another one; the first follows the last.
    fn next(self, slot: usize) -> usize {
        (slot + 1) & self.mask as usize
    }

    fn tag_of(self, hash: u64) -> u32 {
        (hash >> 32) as u32 & !self.mask
    }

    fn tag(self, slot: u32) -> u32 {
        slot & !self.mask
    }

    /// The number plus one.
    fn number(self, slot: u32) -> u32 {
        slot & self.mask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers and their hashes.
    struct Numbers {
        stored: Vec<u32>,
        hash: fn(u32) -> u64,
    }

    impl Keys for Numbers {
        type Key = u32;

        fn len(&self) -> usize {
            self.stored.len()
        }

        fn hash(&self, key: u32) -> u64 {
            (self.hash)(key)
        }

        fn stored_hashes(&self) -> impl Iterator<Item = u64> {
            self.stored.iter().map(|key| (self.hash)(*key))
        }

        fn is(&self, number: u32, key: u32) -> bool {
            self.stored[number as usize] == key
        }

        fn store(&mut self, key: u32) {
            self.stored.push(key);
        }
    }

    #[test]
    fn columns_of_any_length_number_keys_by_first_appearance() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut index = Index::default();
        // So weak that many keys share a slot, and some of them a tag.
        let hash = |key| u64::from(key % 700) << 32 | u64::from(key % 3000);
        let mut keys = Numbers { stored: Vec::new(), hash };
        let mut seen: Vec<u32> = Vec::new();
        let mut numbers = Vec::new();
        for length in [0, 1, 15, 1, 3000, 2, 20_000] {
            let column: Vec<u32> = (0..length).map(|_| random.u32(..9000)).collect();
            index.numbers_of(&column, &mut keys, &mut numbers);
            for key in &column {
                if !seen.contains(key) {
                    seen.push(*key);
                }
            }
            let expected: Vec<u32> = column
                .iter()
                .map(|key| u32::try_from(seen.iter().position(|k| k == key).unwrap()).unwrap())
                .collect();
            assert_eq!(numbers, expected);
        }
        assert_eq!(keys.stored, seen);
    }

    #[test]
    fn numbers_stay_when_the_table_grows() {
        let mut index = Index::default();
        let hash = |key| u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
        let mut keys = Numbers { stored: Vec::new(), hash };
        let mut numbers = Vec::new();
        let all: Vec<u32> = (0..300_000).map(|key| key * 3).collect();
        for column in all.chunks(50_000) {
            index.numbers_of(column, &mut keys, &mut numbers);
        }
        assert_eq!(keys.stored, all);
        for (column, first) in all.chunks(70_000).zip((0..).step_by(70_000)) {
            index.numbers_of(column, &mut keys, &mut numbers);
            assert!(numbers.iter().copied().eq((first..).take(column.len())));
        }
        assert_eq!(keys.stored.len(), all.len());
    }
}
