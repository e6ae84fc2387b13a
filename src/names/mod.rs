//! Interned strings: each distinct id is stored once and has a small number.

mod index;
mod offsets;

pub(crate) use index::{Index, Keys};

use foldhash::fast::FixedState;
use offsets::Offsets;
use std::hash::BuildHasher;
use std::ops::Range;

/// The longest string, in bytes, that fits into a [`Key`] itself; ids are rarely longer.
const SHORT_BYTES: usize = 15;

/// The highest byte of a [`Key`] whose text is stored elsewhere.
const LONG: u8 = u8::MAX;

/// A string to look up, in sixteen bytes: its text and its length, or the place of its text. Short
/// strings are hashed and compared as one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key([u8; SHORT_BYTES + 1]);

impl Key {
    /// The key of a string, which is appended to `long_text` if it is long.
    pub(crate) fn of(name: &str, long_text: &mut String) -> Self {
        Self::short(name.as_bytes()).unwrap_or_else(|| {
            let start = long_text.len();
            long_text.push_str(name);
            Self::long_key(start, name.len())
        })
    }

    /// The key of a short string. It is read in two pieces that may overlap, which is faster than a
    /// copy of variable length.
    fn short(bytes: &[u8]) -> Option<Self> {
        let length = bytes.len();
        let number = match length {
            0..4 => bytes.iter().rev().fold(0, |sum, byte| sum << 8 | u128::from(*byte)),
            4..8 => {
                let (head, tail) = (*bytes.first_chunk::<4>()?, *bytes.last_chunk::<4>()?);
                let tail = u64::from(u32::from_le_bytes(tail)) << ((length - 4) * 8);
                u128::from(u64::from(u32::from_le_bytes(head)) | tail)
            }
            8..=SHORT_BYTES => {
                let (head, tail) = (*bytes.first_chunk::<8>()?, *bytes.last_chunk::<8>()?);
                let tail = u128::from(u64::from_le_bytes(tail)) << ((length - 8) * 8);
                u128::from(u64::from_le_bytes(head)) | tail
            }
            _ => return None,
        };
        Some(Self((number | (length as u128) << (SHORT_BYTES * 8)).to_le_bytes()))
    }

    fn long_key(start: usize, length: usize) -> Self {
        let number = start as u128 | (length as u128) << 64 | u128::from(LONG) << (SHORT_BYTES * 8);
        Self(number.to_le_bytes())
    }

    fn is_long(self) -> bool {
        self.0[SHORT_BYTES] == LONG
    }

    fn number(self) -> u128 {
        u128::from_le_bytes(self.0)
    }

    /// The short string itself.
    fn text(&self) -> &[u8] {
        &self.0[..usize::from(self.0[SHORT_BYTES])]
    }

    /// Whether the first `length` bytes of a text are this short string.
    #[inline]
    fn begins(&self, text: &[u8], length: usize) -> bool {
        if usize::from(self.0[SHORT_BYTES]) != length {
            return false;
        }
        match text.first_chunk() {
            Some(chunk) => {
                let differing = u128::from_le_bytes(*chunk) ^ self.number();
                differing & ((1 << (length * 8)) - 1) == 0
            }
            // The last names have fewer than sixteen bytes after their start.
            None => text[..length] == self.0[..length],
        }
    }

    /// The long string of the key.
    #[expect(clippy::cast_possible_truncation, reason = "both are places in a string in memory")]
    fn long(self, long_text: &str) -> &[u8] {
        let number = self.number();
        let start = number as u64 as usize;
        let length = ((number >> 64) as u64 & (u64::MAX >> 8)) as usize;
        &long_text.as_bytes()[start..start + length]
    }
}

/// Distinct strings, numbered from 0 by first appearance.
///
/// Costs 1.5 bytes for each distinct string besides its text, and 5 to 11 more while strings are
/// interned. Numbers depend only on the order of appearance, never on a hash, so a plan is the same
/// on every machine.
#[derive(Debug, Default)]
pub(crate) struct Interner {
    index: Index,
    names: Names,
}

impl Interner {
    /// The numbers of a column of strings, in its order; `long_text` has the text of its long ones.
    pub(crate) fn intern_all(&mut self, column: &[Key], long_text: &str, numbers: &mut Vec<u32>) {
        let mut strings =
            Strings { stored: &mut self.names, long_text, hasher: FixedState::default() };
        self.index.numbers_of(column, &mut strings, numbers);
    }

    /// The number of one string.
    pub(crate) fn intern(&mut self, name: &str) -> u32 {
        let (mut long_text, mut number) = (String::new(), Vec::with_capacity(1));
        let key = Key::of(name, &mut long_text);
        self.intern_all(&[key], &long_text, &mut number);
        number[0]
    }

    /// The strings so far.
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// The strings, when nothing more is interned.
    pub(crate) fn into_names(self) -> Names {
        self.names
    }
}

/// The stored strings, and the text of the long ones to look up.
struct Strings<'a> {
    stored: &'a mut Names,
    long_text: &'a str,
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
        self.stored.len()
    }

    #[inline]
    fn hash(&self, asked: Key) -> u64 {
        if asked.is_long() {
            self.hash_long(asked.long(self.long_text))
        } else {
            self.hash_short(asked)
        }
    }

    fn stored_hashes(&self) -> impl Iterator<Item = u64> {
        self.stored.all_bytes().map(|name| {
            Key::short(name).map_or_else(|| self.hash_long(name), |key| self.hash_short(key))
        })
    }

    #[inline]
    fn is(&self, number: u32, asked: Key) -> bool {
        let Range { start, end } = self.stored.offsets.range(number);
        let text = &self.stored.text;
        if asked.is_long() {
            text[start..end] == *asked.long(self.long_text)
        } else {
            asked.begins(&text[start..], end - start)
        }
    }

    fn store(&mut self, asked: Key) {
        self.stored.append(if asked.is_long() { asked.long(self.long_text) } else { asked.text() });
    }
}

/// Strings by their numbers: 1.5 bytes each besides their text.
#[derive(Debug, Default)]
pub struct Names {
    /// The text of all, concatenated.
    text: Vec<u8>,
    offsets: Offsets,
}

impl Names {
    /// Adds the string with the next number.
    fn append(&mut self, name: &[u8]) {
        self.text.extend_from_slice(name);
        self.offsets.push(self.text.len());
    }

    /// The string with that number.
    pub fn get(&self, number: u32) -> &str {
        // Only whole strings were added.
        std::str::from_utf8(self.bytes(number)).unwrap_or_default()
    }

    /// Its bytes.
    #[inline]
    pub fn bytes(&self, number: u32) -> &[u8] {
        &self.text[self.offsets.range(number)]
    }

    /// The bytes of each, in the order of their numbers.
    fn all_bytes(&self) -> impl Iterator<Item = &[u8]> {
        self.offsets.all().map(|range| &self.text[range])
    }

    /// The bytes of all, concatenated in the order of their numbers.
    pub fn text(&self) -> &[u8] {
        &self.text
    }

    /// The length of each, in bytes.
    pub fn lengths(&self) -> impl Iterator<Item = usize> {
        self.offsets.all().map(|range| range.len())
    }

    /// The number of strings.
    pub fn len(&self) -> usize {
        self.offsets.len()
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
        let mut long_text = String::new();
        let keys: Vec<Key> = all.iter().map(|name| Key::of(name, &mut long_text)).collect();
        let mut numbers = Vec::new();
        interner.intern_all(&keys, &long_text, &mut numbers);
        numbers
    }

    #[test]
    fn numbers_follow_first_appearance_and_return_the_strings() {
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

    /// Every length around those of the pieces in which short strings are read, and NULs, which
    /// must not be mistaken for the end of a shorter string.
    fn of_many_lengths() -> Vec<String> {
        let of_length = |length| {
            let letters: String = ('a'..='z').cycle().take(length).collect();
            [letters.clone(), letters + "\0", "\0".repeat(length), "中".repeat(length)]
        };
        (0..40).flat_map(of_length).collect()
    }

    #[test]
    fn a_short_string_matches_only_an_equal_one() {
        let all = of_many_lengths();
        for name in all.iter().filter(|name| name.len() <= SHORT_BYTES) {
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
    fn strings_of_any_length_are_distinguished_and_returned() {
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
