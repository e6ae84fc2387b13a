//! Distinct numbers of 128 bits, each known by a small number from then on.

use foldhash::fast::FixedState;
use std::hash::BuildHasher;

/// An empty place of the table.
const EMPTY: u64 = 0;

/// Distinct keys, numbered from 0 by first appearance.
///
/// Whole columns are looked up at once: the first pass over a column only reads the table, the
/// second only the keys it leads to, so that the processor waits for many places in memory
/// together and not for one after the other.
#[derive(Debug, Default)]
pub(crate) struct Index {
    keys: Vec<u128>,
    /// Half of a key's hash, and its number plus one. The place is the other half of the hash, or
    /// the next free one behind it.
    table: Vec<u64>,
    in_table: usize,
    hasher: FixedState,
    hashes: Vec<u64>,
}

impl Index {
    /// The numbers of a column of keys, in its order; new ones for those never seen.
    pub(crate) fn numbers_of(&mut self, column: &[u128], numbers: &mut Vec<u32>) {
        numbers.clear();
        self.hashes.clear();
        self.hashes.extend(column.iter().map(|key| self.hasher.hash_one(key)));
        if self.table.is_empty() {
            numbers.resize(column.len(), 0);
        } else {
            let mask = self.table.len() - 1;
            numbers.extend(self.hashes.iter().map(|hash| {
                let slot = self.table[place(*hash, mask)];
                if tag(slot) == tag(*hash) { next_number(slot) } else { 0 }
            }));
        }
        for (number, key) in numbers.iter_mut().zip(column) {
            let found = self.keys.get((*number as usize).wrapping_sub(1));
            *number = if found == Some(key) { *number } else { 0 };
        }
        for (at, key) in column.iter().enumerate() {
            let hash = self.hashes[at];
            numbers[at] = match numbers[at] {
                0 => self.number_of(*key, hash),
                known => known - 1,
            };
        }
    }

    fn number_of(&mut self, key: u128, hash: u64) -> u32 {
        if self.in_table * 4 >= self.table.len() * 3 {
            self.grow();
        }
        let mask = self.table.len() - 1;
        let mut at = place(hash, mask);
        loop {
            let slot = self.table[at];
            if slot == EMPTY {
                let number = self.push(key);
                self.table[at] = hash & !u64::from(u32::MAX) | u64::from(number + 1);
                self.in_table += 1;
                return number;
            }
            let number = next_number(slot).wrapping_sub(1);
            if tag(slot) == tag(hash) && self.keys[number as usize] == key {
                return number;
            }
            at = (at + 1) & mask;
        }
    }

    /// Numbers a key that is found in another way.
    pub(crate) fn push(&mut self, key: u128) -> u32 {
        let number = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        self.keys.push(key);
        number
    }

    fn grow(&mut self) {
        let length = (self.table.len() * 2).max(16);
        let old = std::mem::replace(&mut self.table, vec![EMPTY; length]);
        for slot in old.into_iter().filter(|slot| *slot != EMPTY) {
            let key = self.keys[next_number(slot) as usize - 1];
            let mut at = place(self.hasher.hash_one(key), length - 1);
            while self.table[at] != EMPTY {
                at = (at + 1) & (length - 1);
            }
            self.table[at] = slot;
        }
    }

    /// The keys by their numbers.
    pub(crate) fn keys(&self) -> &[u128] {
        &self.keys
    }

    /// Only the keys, for when nothing more is looked up.
    pub(crate) fn into_keys(mut self) -> Vec<u128> {
        self.keys.shrink_to_fit();
        self.keys
    }
}

/// Where a hash belongs in a table; its lower half alone decides, so that the upper one tells apart
/// those that meet there.
#[expect(clippy::cast_possible_truncation, reason = "a table has no more places than 32 bits say")]
fn place(hash: u64, mask: usize) -> usize {
    hash as usize & mask
}

fn tag(hash: u64) -> u64 {
    hash >> 32
}

#[expect(clippy::cast_possible_truncation, reason = "the lower half is the number")]
fn next_number(slot: u64) -> u32 {
    slot as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_of_any_length_number_keys_by_first_appearance() {
        let mut random = fastrand::Rng::with_seed(7);
        let mut index = Index::default();
        let mut seen: Vec<u128> = Vec::new();
        let mut numbers = Vec::new();
        for length in [0, 1, 15, 1, 3000, 2, 20_000] {
            let column: Vec<u128> = (0..length).map(|_| u128::from(random.u32(..9000))).collect();
            index.numbers_of(&column, &mut numbers);
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
        assert_eq!(index.keys(), seen);
    }
}
