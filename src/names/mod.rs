//! Interned strings: each distinct id is kept once and known by a small number from then on.

mod index;

pub(crate) use index::{Index, Keys};

use foldhash::fast::FixedState;
use std::hash::BuildHasher;

/// The longest string, in bytes, that fits into a [`Key`] itself; ids are rarely longer.
const SHORT: usize = 15;

/// What the highest byte of a [`Key`] says of a string that is kept apart.
const APART: u8 = u8::MAX;

/// Sixteen bytes for a string: its text and then its length, or where its text is kept. Short
/// strings compare and hash as one number this way, and a lookup reads one place in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key([u8; SHORT + 1]);

impl Key {
    /// The key of a string, which is appended to `apart` if it is long.
    pub(crate) fn of(name: &str, apart: &mut String) -> Self {
        Self::short(name).unwrap_or_else(|| {
            let start = apart.len();
            apart.push_str(name);
            Self::apart(start, name.len())
        })
    }

    /// The key of a short string. It is read in two pieces that may overlap, for a copy of unknown
    /// length costs more than all the rest.
    fn short(name: &str) -> Option<Self> {
        let bytes = name.as_bytes();
        let length = bytes.len();
        let number = match length {
            0..4 => bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u128::from(*byte)),
            4..8 => {
                let (head, tail) = (*bytes.first_chunk::<4>()?, *bytes.last_chunk::<4>()?);
                let tail = u64::from(u32::from_le_bytes(tail)) << ((length - 4) * 8);
                u128::from(u64::from(u32::from_le_bytes(head)) | tail)
            }
            8..=SHORT => {
                let (head, tail) = (*bytes.first_chunk::<8>()?, *bytes.last_chunk::<8>()?);
                let tail = u128::from(u64::from_le_bytes(tail)) << ((length - 8) * 8);
                u128::from(u64::from_le_bytes(head)) | tail
            }
            _ => return None,
        };
        Some(Self((number | (length as u128) << (SHORT * 8)).to_le_bytes()))
    }

    fn apart(start: usize, length: usize) -> Self {
        let number = start as u128 | (length as u128) << 64 | u128::from(APART) << (SHORT * 8);
        Self(number.to_le_bytes())
    }

    fn is_apart(self) -> bool {
        self.0[SHORT] == APART
    }

    fn number(self) -> u128 {
        u128::from_le_bytes(self.0)
    }

    /// The long string that the key leads to.
    #[expect(clippy::cast_possible_truncation, reason = "both are places in a string in memory")]
    fn long(self, apart: &str) -> &str {
        let number = self.number();
        let start = number as u64 as usize;
        let length = ((number >> 64) as u64 & (u64::MAX >> 8)) as usize;
        &apart[start..start + length]
    }
}

/// Distinct strings, numbered from 0 by first appearance.
///
/// Costs 16 bytes for each distinct string of at most 15 bytes, otherwise 16 and its bytes, and
/// 5 to 11 more while strings are interned. Numbers depend only on the order of appearance, never
/// on a hash, so a plan is the same on every machine.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    index: Index<Key>,
    /// The long strings, one after the other.
    apart: String,
}

impl Interner {
    /// The numbers of a column of strings, in its order; `apart` holds its long ones.
    pub(crate) fn intern_all(&mut self, column: &[Key], apart: &str, numbers: &mut Vec<u32>) {
        let mut strings =
            Strings { kept: &mut self.apart, asked: apart, hasher: FixedState::default() };
        self.index.numbers_of(column, &mut strings, numbers);
    }

    /// The number of one string.
    pub(crate) fn intern(&mut self, name: &str) -> u32 {
        let (mut apart, mut number) = (String::new(), Vec::with_capacity(1));
        let key = Key::of(name, &mut apart);
        self.intern_all(&[key], &apart, &mut number);
        number[0]
    }

    /// The strings by their numbers.
    pub(crate) fn into_names(self) -> Names {
        Names { keys: self.index.into_keys(), apart: self.apart }
    }
}

/// The texts that the keys of long strings lead to: of those that are kept, and of those that are
/// asked for.
struct Strings<'a> {
    kept: &'a mut String,
    asked: &'a str,
    hasher: FixedState,
}

impl Strings<'_> {
    fn hash_in(&self, key: Key, apart: &str) -> u64 {
        if key.is_apart() {
            self.hasher.hash_one(key.long(apart))
        } else {
            self.hasher.hash_one(key.number())
        }
    }
}

impl Keys for Strings<'_> {
    type Key = Key;

    fn hash(&self, asked: Key) -> u64 {
        self.hash_in(asked, self.asked)
    }

    fn hash_kept(&self, kept: Key) -> u64 {
        self.hash_in(kept, self.kept)
    }

    fn same(&self, kept: Key, asked: Key) -> bool {
        if asked.is_apart() {
            kept.is_apart() && kept.long(self.kept) == asked.long(self.asked)
        } else {
            kept == asked
        }
    }

    fn keep(&mut self, asked: Key) -> Key {
        if asked.is_apart() { Key::of(asked.long(self.asked), self.kept) } else { asked }
    }
}

/// Distinct strings by their numbers.
#[derive(Debug, Default)]
pub struct Names {
    keys: Vec<Key>,
    apart: String,
}

impl Names {
    /// The string with that number.
    pub fn get(&self, number: u32) -> &str {
        // A whole string went in, so that it is one when it comes out.
        std::str::from_utf8(self.bytes(number)).unwrap_or_default()
    }

    /// Its bytes.
    pub fn bytes(&self, number: u32) -> &[u8] {
        let key = &self.keys[number as usize];
        match key.0[SHORT] {
            APART => key.long(&self.apart).as_bytes(),
            length => &key.0[..usize::from(length)],
        }
    }

    /// How many distinct strings there are.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interned(interner: &mut Interner, all: &[&str]) -> Vec<u32> {
        let mut apart = String::new();
        let keys: Vec<Key> = all.iter().map(|name| Key::of(name, &mut apart)).collect();
        let mut numbers = Vec::new();
        interner.intern_all(&keys, &apart, &mut numbers);
        numbers
    }

    #[test]
    fn numbers_follow_first_appearance_and_lead_back() {
        let mut interner = Interner::default();
        let long = "a string of more than fifteen bytes";
        let numbers = interned(&mut interner, &["b", long, "b", "", "a", "007", long, "7"]);
        assert_eq!(numbers, [0, 1, 0, 2, 3, 4, 1, 5]);
        assert_eq!(interned(&mut interner, &["7", "8"]), [5, 6]);
        assert_eq!((interner.intern("8"), interner.intern(long)), (6, 1));
        let names = interner.into_names();
        assert_eq!(names.len(), 7);
        let all: Vec<_> = (0..7).map(|number| names.get(number)).collect();
        assert_eq!(all, ["b", long, "", "a", "007", "7", "8"]);
    }

    #[test]
    fn strings_of_any_length_are_told_apart_and_lead_back() {
        // Every length around the pieces in which short ones are read, and NULs, which must not
        // pass for the end of a shorter string.
        let all: Vec<String> = (0..40)
            .flat_map(|length| {
                let letters: String = ('a'..='z').cycle().take(length).collect();
                [letters.clone(), letters + "\0", "\0".repeat(length), "中".repeat(length)]
            })
            .collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let mut interner = Interner::default();
        let numbers = interned(&mut interner, &all);
        let names = interner.into_names();
        for (name, number) in all.iter().zip(&numbers) {
            assert_eq!(names.get(*number), *name);
            for (other, other_number) in all.iter().zip(&numbers) {
                assert_eq!(name == other, number == other_number, "{name:?} {other:?}");
            }
        }
    }
}
