//! Distinct keys, each known by a small number from then on.

/// An empty place of a table.
const EMPTY: u32 = 0;

/// What an [`Index`] has to know of its keys.
pub(crate) trait Keys {
    /// A key as it is asked for, and as it is kept.
    type Key: Copy;

    /// The hash of a key that is asked for.
    fn hash(&self, asked: Self::Key) -> u64;

    /// The hash of a key that is kept: the same as when it was asked for.
    fn hash_kept(&self, kept: Self::Key) -> u64;

    /// Whether a key that is asked for is the one that is kept.
    fn same(&self, kept: Self::Key, asked: Self::Key) -> bool;

    /// The key as it is to be kept.
    fn keep(&mut self, asked: Self::Key) -> Self::Key;
}

/// Distinct keys, numbered from 0 by first appearance.
///
/// Whole columns are looked up at once: the first pass over a column only reads the table, the
/// second only the keys it leads to, so that the processor waits for many places in memory
/// together and not for one after the other.
#[derive(Debug)]
pub(crate) struct Index<K> {
    keys: Vec<K>,
    /// In its low bits, as many as the length of the table needs, a key's number plus one, and above
    /// them a piece of its hash. The place is another piece of the hash, or the next free one behind.
    table: Vec<u32>,
    hashes: Vec<u64>,
}

impl<K> Default for Index<K> {
    fn default() -> Self {
        Self { keys: Vec::new(), table: Vec::new(), hashes: Vec::new() }
    }
}

impl<K: Copy> Index<K> {
    /// The numbers of a column of keys, in its order; new ones for those never seen.
    pub(crate) fn numbers_of(
        &mut self,
        column: &[K],
        keys: &mut impl Keys<Key = K>,
        numbers: &mut Vec<u32>,
    ) {
        numbers.clear();
        let mut hashes = std::mem::take(&mut self.hashes);
        hashes.clear();
        hashes.extend(column.iter().map(|key| keys.hash(*key)));
        if self.table.is_empty() {
            numbers.resize(column.len(), 0);
        } else {
            let slots = Slots::of(&self.table);
            numbers.extend(hashes.iter().map(|hash| {
                let slot = self.table[slots.place(*hash)];
                if slots.tag(slot) == slots.tag_of(*hash) { slots.next_number(slot) } else { 0 }
            }));
        }
        for (number, key) in numbers.iter_mut().zip(column) {
            let found = self.keys.get((*number as usize).wrapping_sub(1));
            let same = found.is_some_and(|kept| keys.same(*kept, *key));
            *number = if same { *number } else { 0 };
        }
        for (at, key) in column.iter().enumerate() {
            numbers[at] = match numbers[at] {
                0 => self.number_of(*key, hashes[at], keys),
                known => known - 1,
            };
        }
        self.hashes = hashes;
    }

    fn number_of(&mut self, key: K, hash: u64, keys: &mut impl Keys<Key = K>) -> u32 {
        if self.keys.len() * 4 >= self.table.len() * 3 {
            self.grow(keys);
        }
        let slots = Slots::of(&self.table);
        let mut at = slots.place(hash);
        loop {
            let slot = self.table[at];
            if slot == EMPTY {
                let number = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
                self.keys.push(keys.keep(key));
                self.table[at] = slots.tag_of(hash) | (number + 1);
                return number;
            }
            if slots.tag(slot) == slots.tag_of(hash) {
                let number = slots.next_number(slot) - 1;
                if keys.same(self.keys[number as usize], key) {
                    return number;
                }
            }
            at = slots.behind(at);
        }
    }

    fn grow(&mut self, keys: &impl Keys<Key = K>) {
        let length = (self.table.len() * 2).max(16);
        // Before the new table is there, for they could be many; every key knows its number.
        self.table = Vec::new();
        let mut table = Vec::with_capacity(length);
        // Written and not only asked for as zeros: memory that is read before it is first written is
        // mapped twice, and changing a mapping interrupts the other threads.
        table.resize(length, EMPTY);
        let slots = Slots::of(&table);
        for (number, key) in (1..).zip(&self.keys) {
            let hash = keys.hash_kept(*key);
            let mut at = slots.place(hash);
            while table[at] != EMPTY {
                at = slots.behind(at);
            }
            table[at] = slots.tag_of(hash) | number;
        }
        self.table = table;
    }

    /// Only the keys, for when nothing more is looked up.
    pub(crate) fn into_keys(mut self) -> Vec<K> {
        self.keys.shrink_to_fit();
        self.keys
    }
}

/// How a table of some length, a power of two, uses its slots.
#[derive(Clone, Copy)]
struct Slots {
    /// The bits of a slot that hold a number; the others hold a piece of a hash.
    number: u32,
}

impl Slots {
    #[expect(clippy::cast_possible_truncation, reason = "no more keys than 32 bits can number")]
    fn of(table: &[u32]) -> Self {
        Self { number: (table.len() - 1) as u32 }
    }

    /// Where a hash belongs; its lower half alone decides, so that the upper one tells apart those
    /// that meet there.
    #[expect(clippy::cast_possible_truncation, reason = "the lower half")]
    fn place(self, hash: u64) -> usize {
        (hash as u32 & self.number) as usize
    }

    /// The place behind another one, the first behind the last.
    fn behind(self, place: usize) -> usize {
        (place + 1) & self.number as usize
    }

    fn tag_of(self, hash: u64) -> u32 {
        (hash >> 32) as u32 & !self.number
    }

    fn tag(self, slot: u32) -> u32 {
        slot & !self.number
    }

    fn next_number(self, slot: u32) -> u32 {
        slot & self.number
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers with hashes so bad that many meet at one place, some of them with one tag.
    struct Numbers;

    impl Keys for Numbers {
        type Key = u32;

        fn hash(&self, asked: u32) -> u64 {
            u64::from(asked % 700) << 32 | u64::from(asked % 3000)
        }

        fn hash_kept(&self, kept: u32) -> u64 {
            self.hash(kept)
        }

        fn same(&self, kept: u32, asked: u32) -> bool {
            kept == asked
        }

        fn keep(&mut self, asked: u32) -> u32 {
            asked
        }
    }

    #[test]
    fn columns_of_any_length_number_keys_by_first_appearance() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut index = Index::default();
        let mut seen: Vec<u32> = Vec::new();
        let mut numbers = Vec::new();
        for length in [0, 1, 15, 1, 3000, 2, 20_000] {
            let column: Vec<u32> = (0..length).map(|_| random.u32(..9000)).collect();
            index.numbers_of(&column, &mut Numbers, &mut numbers);
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
        assert_eq!(index.into_keys(), seen);
    }
}
