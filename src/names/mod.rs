//! Interned strings: each distinct id is kept once and known by a small number from then on.

mod index;
mod offsets;

pub(crate) use index::{Index, Keys};

use foldhash::fast::FixedState;
use offsets::Ends;
use std::hash::BuildHasher;
use std::ops::Range;

/// The longest string, in bytes, that fits into a [`Key`] itself; ids are rarely longer.
const SHORT: usize = 15;

/// What the highest byte of a [`Key`] says of a string that is kept apart.
const APART: u8 = u8::MAX;

/// Sixteen bytes for a string that is looked for: its text and then its length, or where its text
/// is. Short strings hash and compare as one number this way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key([u8; SHORT + 1]);

impl Key {
    /// The key of a string, which is appended to `apart` if it is long.
    pub(crate) fn of(name: &str, apart: &mut String) -> Self {
        Self::short(name.as_bytes()).unwrap_or_else(|| {
            let start = apart.len();
            apart.push_str(name);
            Self::apart(start, name.len())
        })
    }

    /// The key of a short string. It is read in two pieces that may overlap, for a copy of unknown
    /// length costs more than all the rest.
    fn short(bytes: &[u8]) -> Option<Self> {
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

    /// The short string itself.
    fn text(&self) -> &[u8] {
        &self.0[..usize::from(self.0[SHORT])]
    }

    /// Whether the first bytes of a text, so many of them, are this short string.
    #[inline]
    fn begins(&self, text: &[u8], length: usize) -> bool {
        if usize::from(self.0[SHORT]) != length {
            return false;
        }
        match text.first_chunk() {
            Some(chunk) => {
                let differing = u128::from_le_bytes(*chunk) ^ self.number();
                differing & ((1 << (length * 8)) - 1) == 0
            }
            // The last strings of all have less than a whole piece behind them.
            None => text[..length] == self.0[..length],
        }
    }

    /// The long string that the key leads to.
    #[expect(clippy::cast_possible_truncation, reason = "both are places in a string in memory")]
    fn long(self, apart: &str) -> &[u8] {
        let number = self.number();
        let start = number as u64 as usize;
        let length = ((number >> 64) as u64 & (u64::MAX >> 8)) as usize;
        &apart.as_bytes()[start..start + length]
    }
}

/// Distinct strings, numbered from 0 by first appearance.
///
/// Costs four bytes for each distinct string beside its text, and 5 to 11 more while strings are
/// interned. Numbers depend only on the order of appearance, never on a hash, so a plan is the same
/// on every machine.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    index: Index,
    names: Names,
}

impl Interner {
    /// The numbers of a column of strings, in its order; `apart` holds its long ones.
    pub(crate) fn intern_all(&mut self, column: &[Key], apart: &str, numbers: &mut Vec<u32>) {
        let mut strings = Strings { kept: &mut self.names, apart, hasher: FixedState::default() };
        self.index.numbers_of(column, &mut strings, numbers);
    }

    /// The number of one string.
    pub(crate) fn intern(&mut self, name: &str) -> u32 {
        let (mut apart, mut number) = (String::new(), Vec::with_capacity(1));
        let key = Key::of(name, &mut apart);
        self.intern_all(&[key], &apart, &mut number);
        number[0]
    }

    /// The strings so far, by their numbers.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// The strings by their numbers, when nothing more is interned.
    pub(crate) fn into_names(self) -> Names {
        self.index.give_back();
        self.names
    }
}

/// The strings that are kept, and the text of the long ones among those that are asked for.
struct Strings<'a> {
    kept: &'a mut Names,
    apart: &'a str,
    hasher: FixedState,
}

impl Strings<'_> {
    fn hash_long(&self, name: &[u8]) -> u64 {
        self.hasher.hash_one(name)
    }

    fn hash_short(&self, key: Key) -> u64 {
        self.hasher.hash_one(key.number())
    }
}

impl Keys for Strings<'_> {
    type Key = Key;

    fn len(&self) -> usize {
        self.kept.len()
    }

    #[inline]
    fn hash(&self, asked: Key) -> u64 {
        if asked.is_apart() {
            self.hash_long(asked.long(self.apart))
        } else {
            self.hash_short(asked)
        }
    }

    fn hashes_kept(&self) -> impl Iterator<Item = u64> {
        self.kept.all_bytes().map(|name| {
            Key::short(name).map_or_else(|| self.hash_long(name), |key| self.hash_short(key))
        })
    }

    #[inline]
    fn is(&self, number: u32, asked: Key) -> bool {
        let Range { start, end } = self.kept.ends.range(number);
        let text = &self.kept.text;
        if asked.is_apart() {
            text[start..end] == *asked.long(self.apart)
        } else {
            asked.begins(&text[start..], end - start)
        }
    }

    fn keep(&mut self, asked: Key) {
        self.kept.append(if asked.is_apart() { asked.long(self.apart) } else { asked.text() });
    }
}

/// Strings by their numbers: four bytes each beside their text.
#[derive(Debug, Default)]
pub struct Names {
    /// All of them, one after the other.
    text: Vec<u8>,
    ends: Ends,
}

impl Names {
    /// Takes the string with the next number.
    fn append(&mut self, name: &[u8]) {
        self.text.extend_from_slice(name);
        self.ends.push(self.text.len());
    }

    /// The string with that number.
    pub fn get(&self, number: u32) -> &str {
        // A whole string went in, so that it is one when it comes out.
        std::str::from_utf8(self.bytes(number)).unwrap_or_default()
    }

    /// Its bytes.
    #[inline]
    pub fn bytes(&self, number: u32) -> &[u8] {
        &self.text[self.ends.range(number)]
    }

    /// The bytes of all, in the order of their numbers.
    fn all_bytes(&self) -> impl Iterator<Item = &[u8]> {
        self.ends.all().map(|range| &self.text[range])
    }

    /// The bytes of all, one after the other in the order of their numbers.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The lengths of all, in bytes.
    pub fn lengths(&self) -> impl Iterator<Item = usize> {
        self.ends.all().map(|range| range.len())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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

    /// Every length around the pieces in which short ones are read, and NULs, which must not pass
    /// for the end of a shorter string.
    fn of_many_lengths() -> Vec<String> {
        let of_length = |length| {
            let letters: String = ('a'..='z').cycle().take(length).collect();
            [letters.clone(), letters + "\0", "\0".repeat(length), "中".repeat(length)]
        };
        (0..40).flat_map(of_length).collect()
    }

    #[test]
    fn a_short_string_is_found_only_where_it_stands() {
        let all = of_many_lengths();
        for name in all.iter().filter(|name| name.len() <= SHORT) {
            let key = Key::of(name, &mut String::new());
            assert_eq!(key.text(), name.as_bytes());
            for other in &all {
                for behind in ["", "behind", "a text of more than sixteen bytes"] {
                    let text = format!("{other}{behind}");
                    let found = key.begins(text.as_bytes(), other.len());
                    assert_eq!(found, name == other, "{name:?} in {text:?}");
                }
            }
        }
    }

    #[test]
    fn strings_of_any_length_are_told_apart_and_lead_back() {
        let all = of_many_lengths();
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
