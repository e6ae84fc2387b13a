//! The cells of one record: their positions and their content.

use std::collections::HashMap;

use super::MAX_COLUMNS;

/// What a JSON value was; everything in a CSV file is text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueType {
    Text,
    Integer,
    Float,
    Boolean,
    Nested,
}

/// Which sorts of character a field of a CSV file holds, as far as the parser has looked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct CharClass(pub(super) u8);

impl CharClass {
    const WORD: u8 = 1;
    const OTHER: u8 = 2;

    /// Nothing, or ASCII digits alone.
    pub(super) const NONE: Self = Self(0);

    /// Unknown: it may hold anything.
    pub(super) const UNKNOWN: Self = Self(Self::OTHER);

    /// What a field of this byte alone holds.
    pub(super) const fn of(byte: u8) -> Self {
        Self(match byte {
            b'0'..=b'9' => 0,
            b'a'..=b'z' | b'A'..=b'Z' | b'-' | b'_' | b'.' => Self::WORD,
            _ => Self::OTHER,
        })
    }

    /// What two pieces hold together.
    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether a field was looked at and is of ASCII digits alone.
    pub(super) fn is_digits(self) -> bool {
        self == Self::NONE
    }

    /// Whether a field was looked at and is of ASCII letters, digits, `-`, `_` and `.`.
    pub(super) fn is_word(self) -> bool {
        self.0 & Self::OTHER == 0
    }
}

/// Where a cell lies: in the record's own text, or rewritten in the scratch text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) value_type: ValueType,
    pub(super) class: CharClass,
    pub(super) scratch: bool,
}

impl Span {
    pub(super) const BLANK: Self = Self {
        start: 0,
        end: 0,
        value_type: ValueType::Text,
        class: CharClass::UNKNOWN,
        scratch: false,
    };

    /// A piece of the record's own text. Records are at most [`super::MAX_RECORD_BYTES`] long, so
    /// that the places fit.
    pub(super) fn text(start: usize, end: usize) -> Self {
        Self { start: place(start), end: place(end), ..Self::BLANK }
    }

    /// What has been appended to `scratch` since it was `start` bytes long.
    pub(super) fn scratch(start: usize, scratch: &str) -> Self {
        Self { start: place(start), end: place(scratch.len()), scratch: true, ..Self::BLANK }
    }
}

fn place(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

/// No column of the input: the sign for it in a list of places.
pub(super) const NOWHERE: u32 = u32::MAX;

/// The original cells of one row.
///
/// They are exactly what the input holds, untrimmed, with quoting and escapes undone. JSON
/// numbers are as written, `null` and absent members are blank, nested JSON is compact text.
#[derive(Debug, Clone, Copy)]
pub struct Cells<'a> {
    pub(super) text: &'a str,
    pub(super) scratch: &'a str,
    pub(super) spans: &'a [Span],
    /// For each column of the union, the place of the input's own column.
    pub(super) places: &'a [u32],
}

impl<'a> Cells<'a> {
    /// The cell of a column of [`super::Reader::columns`]; blank when this row's input has no
    /// such column, or the row is too short to reach it.
    pub fn get(&self, column: usize) -> &'a str {
        // No row has as many cells as `NOWHERE` would need.
        self.places.get(column).map_or("", |&own| self.own(own as usize))
    }

    /// Whether that cell is known to hold nothing but ASCII letters, digits, `-`, `_` and `.`.
    pub fn is_plain(&self, column: usize) -> bool {
        let own = self.places.get(column).and_then(|own| self.spans.get(*own as usize));
        own.is_some_and(|span| span.class.is_word())
    }

    /// The row as it stands in the input, if that is its cells for so many columns of the union, in
    /// their order, with a comma between them and each known to be plain.
    pub fn plain_line(&self, columns: usize) -> Option<&'a str> {
        let Self { text, spans, places, .. } = *self;
        if spans.len() != columns || places.len() != columns {
            return None;
        }
        let mut end = None;
        for (own, (span, place)) in (0..).zip(spans.iter().zip(places)) {
            let start = match end {
                None => 0,
                Some(end) if text.as_bytes().get(end as usize) == Some(&b',') => end + 1,
                Some(_) => return None,
            };
            if *place != own || span.start != start || !span.class.is_word() {
                return None;
            }
            end = Some(span.end);
        }
        text.get(..end? as usize)
    }

    /// The cell of the input's own column, counted from 0.
    pub(super) fn own(&self, column: usize) -> &'a str {
        let Some(span) = self.spans.get(column) else { return "" };
        let text = if span.scratch { self.scratch } else { self.text };
        text.get(span.start as usize..span.end as usize).unwrap_or("")
    }

    /// What sort of value the input's own column holds.
    pub(super) fn value_type(&self, column: usize) -> ValueType {
        self.spans.get(column).map_or(ValueType::Text, |span| span.value_type)
    }
}

/// The columns of all inputs together, by first appearance.
#[derive(Debug, Default)]
pub(super) struct Union {
    names: Vec<String>,
    by_name: HashMap<String, u32>,
}

impl Union {
    /// Starts from columns that are known already.
    pub(super) fn of(names: Vec<String>) -> Self {
        let mut union = Self::default();
        for name in names {
            union.push(&name);
        }
        union
    }

    pub(super) fn names(&self) -> &[String] {
        &self.names
    }

    /// The column with that name, added if it is new. `None`: there are too many.
    pub(super) fn place_of(&mut self, name: &str) -> Option<u32> {
        if let Some(&known) = self.by_name.get(name) {
            return Some(known);
        }
        (self.names.len() < MAX_COLUMNS).then(|| self.push(name))
    }

    fn push(&mut self, name: &str) -> u32 {
        let at = place(self.names.len());
        self.names.push(name.to_owned());
        *self.by_name.entry(name.to_owned()).or_insert(at)
    }
}

/// Notes that column `union` of the union is column `own` of an input.
pub(super) fn link(places: &mut Vec<u32>, union: u32, own: usize) {
    let at = union as usize;
    if places.len() <= at {
        places.resize(at + 1, NOWHERE);
    }
    places[at] = place(own);
}
