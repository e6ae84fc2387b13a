//! Interned strings: each distinct id is kept once and known by a small number from then on.

use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Distinct strings, numbered from 0 by first appearance.
///
/// Costs the bytes of each distinct string once, plus about 14 bytes. Numbers depend only on the
/// order of appearance, never on a hash, so a plan is the same on every machine.
#[derive(Debug, Default)]
pub struct Names {
    text: String,
    /// Where each string ends in `text`.
    ends: Vec<u64>,
    table: HashTable<u32>,
    hasher: FixedState,
}

impl Names {
    /// The number of `name`, a new one if it was never seen.
    pub fn intern(&mut self, name: &str) -> u32 {
        let hash = self.hasher.hash_one(name);
        let (text, ends, hasher) = (&self.text, &self.ends, &self.hasher);
        let found = self.table.entry(
            hash,
            |number| slice(text, ends, *number) == name,
            |number| hasher.hash_one(slice(text, ends, *number)),
        );
        match found {
            hashbrown::hash_table::Entry::Occupied(entry) => *entry.get(),
            hashbrown::hash_table::Entry::Vacant(entry) => {
                let number = u32::try_from(self.ends.len()).unwrap_or(u32::MAX);
                entry.insert(number);
                self.text.push_str(name);
                self.ends.push(self.text.len() as u64);
                number
            }
        }
    }

    /// The string with that number.
    pub fn get(&self, number: u32) -> &str {
        slice(&self.text, &self.ends, number)
    }

    /// How many distinct strings there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether nothing was interned yet.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }
}

#[expect(clippy::cast_possible_truncation, reason = "an offset into a string held in memory")]
fn slice<'a>(text: &'a str, ends: &[u64], number: u32) -> &'a str {
    let at = number as usize;
    let start = if at == 0 { 0 } else { ends[at - 1] as usize };
    &text[start..ends[at] as usize]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_follow_first_appearance_and_lead_back() {
        let mut names = Names::default();
        let numbers: Vec<u32> =
            ["b", "a", "b", "", "a", "007", "7"].map(|name| names.intern(name)).into();
        assert_eq!(numbers, [0, 1, 0, 2, 1, 3, 4]);
        assert_eq!((0..5).map(|n| names.get(n)).collect::<Vec<_>>(), ["b", "a", "", "007", "7"]);
    }
}
