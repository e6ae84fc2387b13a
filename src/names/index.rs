//! Distinct keys, each known by a small number from then on.

use crate::malloc::give_back;

/// What an empty slot of a table holds.
const EMPTY: u32 = 0;

/// A table with more slots than this has wide ones. Up to here at least four bits of a narrow one
/// are left for a piece of a hash.
const NARROW: usize = 1 << 20;

/// What an [`Index`] numbers: keys, distinct and in the order in which they came.
pub(crate) trait Keys {
    /// A key as it is asked for.
    type Key: Copy;

    /// How many keys are kept.
    fn len(&self) -> usize;

    /// The hash of a key that is asked for.
    fn hash(&self, asked: Self::Key) -> u64;

    /// The hashes of all keys, in the order of their numbers: the same as when they were asked for.
    fn hashes_kept(&self) -> impl Iterator<Item = u64>;

    /// Whether the key with that number is the one that is asked for.
    fn is(&self, number: u32, asked: Self::Key) -> bool;

    /// Keeps a key under the next number.
    fn keep(&mut self, asked: Self::Key);
}

/// The way from a key to its number, by first appearance from 0; the keys are kept elsewhere.
///
/// Whole columns are looked up at once: the first pass over a column only reads the table, the
/// second only the keys it leads to, so that the processor waits for many places in memory
/// together and not for one after the other.
#[derive(Debug, Default)]
pub(crate) struct Index {
    table: Table,
    hashes: Vec<u64>,
}

/// Slots, as many as a power of two. In the low bits of a slot, as many as the length needs, is a
/// key's number plus one, and above them a piece of its hash. The place is another piece of the hash,
/// or the next free one behind.
#[derive(Debug)]
enum Table {
    Narrow(Vec<[u8; 3]>),
    Wide(Vec<u32>),
}

impl Default for Table {
    fn default() -> Self {
        Self::Narrow(Vec::new())
    }
}

impl Index {
    /// The numbers of a column of keys, in its order; new ones for those never seen.
    pub(crate) fn numbers_of<K: Keys>(
        &mut self,
        column: &[K::Key],
        keys: &mut K,
        numbers: &mut Vec<u32>,
    ) {
        let mut hashes = std::mem::take(&mut self.hashes);
        hashes.clear();
        hashes.extend(column.iter().map(|key| keys.hash(*key)));
        numbers.clear();
        match &self.table {
            Table::Narrow(table) => look_once(table, &hashes, numbers),
            Table::Wide(table) => look_once(table, &hashes, numbers),
        }
        for (next, key) in numbers.iter_mut().zip(column) {
            let is_it = next.checked_sub(1).is_some_and(|number| keys.is(number, *key));
            *next = if is_it { *next } else { 0 };
        }
        for (at, key) in column.iter().enumerate() {
            numbers[at] = match numbers[at] {
                0 => self.number_of(*key, hashes[at], keys),
                known => known - 1,
            };
        }
        self.hashes = hashes;
    }

    fn number_of<K: Keys>(&mut self, key: K::Key, hash: u64, keys: &mut K) -> u32 {
        if keys.len() * 4 >= self.table.len() * 3 {
            self.grow(keys);
        }
        match &mut self.table {
            Table::Narrow(table) => find(table, key, hash, keys),
            Table::Wide(table) => find(table, key, hash, keys),
        }
    }

    /// In the same memory, or when that is let go: every key knows its number.
    fn grow(&mut self, keys: &impl Keys) {
        let length = (self.table.len() * 2).max(16);
        if length > NARROW && matches!(self.table, Table::Narrow(_)) {
            std::mem::replace(&mut self.table, Table::Wide(Vec::new())).give_back();
        }
        match &mut self.table {
            Table::Narrow(table) => fill(table, length, keys),
            Table::Wide(table) => fill(table, length, keys),
        }
    }

    /// Lets its memory go.
    pub(crate) fn give_back(self) {
        self.table.give_back();
    }
}

impl Table {
    fn len(&self) -> usize {
        match self {
            Self::Narrow(table) => table.len(),
            Self::Wide(table) => table.len(),
        }
    }

    fn give_back(self) {
        match self {
            Self::Narrow(table) => give_back(table),
            Self::Wide(table) => give_back(table),
        }
    }
}

/// Puts for each hash what the first slot it leads to says: a key's number plus one, or zero.
fn look_once<S: Slot>(table: &[S], hashes: &[u64], numbers: &mut Vec<u32>) {
    if table.is_empty() {
        return numbers.resize(hashes.len(), 0);
    }
    let slots = Slots::of(table);
    numbers.extend(hashes.iter().map(|hash| {
        let slot = table[slots.place(*hash)].get();
        if slots.tag(slot) == slots.tag_of::<S>(*hash) { slots.next_number(slot) } else { 0 }
    }));
}

/// The number of a key, which is kept if it is new.
fn find<S: Slot, K: Keys>(table: &mut [S], key: K::Key, hash: u64, keys: &mut K) -> u32 {
    let slots = Slots::of(table);
    let mut at = slots.place(hash);
    loop {
        let slot = table[at].get();
        if slot == EMPTY {
            let number = count(keys.len());
            keys.keep(key);
            table[at] = S::of(slots.tag_of::<S>(hash) | (number + 1));
            return number;
        }
        if slots.tag(slot) == slots.tag_of::<S>(hash) {
            let number = slots.next_number(slot) - 1;
            if keys.is(number, key) {
                return number;
            }
        }
        at = slots.behind(at);
    }
}

/// Makes a table that long and puts all keys in. All of it is written and not only asked for as
/// zeros: memory that is read before it is first written is mapped twice, and changing a mapping
/// interrupts the other threads.
fn fill<S: Slot>(table: &mut Vec<S>, length: usize, keys: &impl Keys) {
    table.clear();
    table.resize(length, S::of(EMPTY));
    let slots = Slots::of(table);
    for (next_number, hash) in (1..).zip(keys.hashes_kept()) {
        let mut at = slots.place(hash);
        while table[at].get() != EMPTY {
            at = slots.behind(at);
        }
        table[at] = S::of(slots.tag_of::<S>(hash) | next_number);
    }
}

/// No more keys are kept than rows, which 31 bits number.
fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// A number in three or four bytes.
trait Slot: Copy {
    /// All bits that it has.
    const ALL: u32;

    fn of(number: u32) -> Self;

    fn get(self) -> u32;
}

impl Slot for u32 {
    const ALL: u32 = u32::MAX;

    fn of(number: u32) -> Self {
        number
    }

    fn get(self) -> u32 {
        self
    }
}

impl Slot for [u8; 3] {
    const ALL: u32 = u32::MAX >> 8;

    fn of(number: u32) -> Self {
        let [first, second, third, _] = number.to_le_bytes();
        [first, second, third]
    }

    fn get(self) -> u32 {
        let [first, second, third] = self;
        u32::from_le_bytes([first, second, third, 0])
    }
}

/// How a table of some length uses its slots.
#[derive(Clone, Copy)]
struct Slots {
    /// The bits of a slot that hold a number; the others hold a piece of a hash.
    number: u32,
}

impl Slots {
    #[expect(clippy::cast_possible_truncation, reason = "no more keys than 32 bits can number")]
    fn of<S: Slot>(table: &[S]) -> Self {
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

    fn tag_of<S: Slot>(self, hash: u64) -> u32 {
        (hash >> 32) as u32 & S::ALL & !self.number
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

    /// Numbers and their hashes.
    struct Numbers {
        kept: Vec<u32>,
        hash: fn(u32) -> u64,
    }

    impl Keys for Numbers {
        type Key = u32;

        fn len(&self) -> usize {
            self.kept.len()
        }

        fn hash(&self, asked: u32) -> u64 {
            (self.hash)(asked)
        }

        fn hashes_kept(&self) -> impl Iterator<Item = u64> {
            self.kept.iter().map(|key| (self.hash)(*key))
        }

        fn is(&self, number: u32, asked: u32) -> bool {
            self.kept[number as usize] == asked
        }

        fn keep(&mut self, asked: u32) {
            self.kept.push(asked);
        }
    }

    #[test]
    fn columns_of_any_length_number_keys_by_first_appearance() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut index = Index::default();
        // So bad that many meet at one place, some of them with one tag.
        let hash = |key| u64::from(key % 700) << 32 | u64::from(key % 3000);
        let mut keys = Numbers { kept: Vec::new(), hash };
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
        assert_eq!(keys.kept, seen);
    }

    #[test]
    fn numbers_stay_when_slots_become_wide() {
        let mut index = Index::default();
        let hash = |key| u64::from(key).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
        let mut keys = Numbers { kept: Vec::new(), hash };
        let mut numbers = Vec::new();
        let all: Vec<u32> = (0..u32::try_from(NARROW).unwrap()).map(|key| key * 3).collect();
        for column in all.chunks(50_000) {
            let is_narrow = matches!(index.table, Table::Narrow(_));
            assert_eq!(is_narrow, index.table.len() <= NARROW);
            index.numbers_of(column, &mut keys, &mut numbers);
        }
        assert!(matches!(index.table, Table::Wide(_)));
        assert_eq!(keys.kept, all);
        for (column, first) in all.chunks(70_000).zip((0..).step_by(70_000)) {
            index.numbers_of(column, &mut keys, &mut numbers);
            assert!(numbers.iter().copied().eq((first..).take(column.len())));
        }
        assert_eq!(keys.kept.len(), all.len());
    }
}
