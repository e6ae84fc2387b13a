//! Splits a line of JSON Lines into cells: one object on each line, its members in any order.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::cells::{Cells, Span, Union, ValueType, link};
use super::columns::{Layout, meaning};
use super::fields::Field;
use super::options::Options;
use super::values::trimmed;

/// The members that an input has shown so far.
#[derive(Debug, Default)]
pub(super) struct Members {
    /// By first appearance; a span of the row stands at the same place.
    pub(super) names: Vec<String>,
    /// What each of them means.
    pub(super) fields: Vec<Option<Field>>,
    by_name: HashMap<String, usize>,
    /// The members of the last row in their order: nearly always those of the next one too.
    order: Vec<usize>,
    /// The row in which each was last seen, which finds a member that occurs twice.
    seen: Vec<u64>,
    row: u64,
}

impl Members {
    /// Where the fields of the last row are. `Err`: the second of two filled members that mean
    /// the same; a blank or `null` one gives way to a filled one.
    pub(super) fn layout(&self, cells: &Cells<'_>) -> Result<Layout, usize> {
        let filled = |at: usize| !trimmed(cells.own(at)).is_empty();
        let mut layout = Layout::NONE;
        for (at, field) in self.fields.iter().enumerate() {
            let Some(field) = *field else { continue };
            if self.seen[at] != self.row {
                continue;
            }
            match layout.get(field) {
                Some(before) if filled(before) && filled(at) => return Err(at),
                Some(before) if filled(before) => {}
                _ => layout.set(field, at),
            }
        }
        if layout.get(Field::Account).is_some_and(filled) {
            for field in [Field::AccountId, Field::AccountName] {
                match layout.get(field) {
                    Some(at) if filled(at) => return Err(at),
                    _ => layout.unset(field),
                }
            }
        }
        Ok(layout)
    }
}

/// What is wrong with a line.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum LineFault {
    /// The line is not an object.
    NotAnObject,
    /// It is no JSON at this byte, from 0, for this reason.
    BadJson { at: usize, reason: String },
    /// This member occurs twice.
    Repeated(usize),
    /// More members than a run may have columns.
    TooMany,
}

/// One line, while it is taken apart.
pub(super) struct LineParser<'s> {
    pub(super) members: &'s mut Members,
    pub(super) union: &'s mut Union,
    pub(super) places: &'s mut Vec<u32>,
    pub(super) options: &'s Options,
    pub(super) spans: &'s mut Vec<Span>,
    pub(super) scratch: &'s mut String,
}

impl LineParser<'_> {
    /// Finds the members of a line. What was read before a fault stays.
    pub(super) fn parse(mut self, line: &str) -> Result<(), LineFault> {
        self.spans.clear();
        self.spans.resize(self.members.names.len(), Span::BLANK);
        self.members.row += 1;
        if !line.trim_start_matches([' ', '\t']).starts_with('{') {
            return Err(LineFault::NotAnObject);
        }
        let mut fault = None;
        let object = Object { line: &mut self, text: line, fault: &mut fault };
        let mut json = serde_json::Deserializer::from_str(line);
        let result = object.deserialize(&mut json).and_then(|()| json.end());
        match (fault, result) {
            (Some(fault), _) => Err(fault),
            (None, Ok(())) => Ok(()),
            (None, Err(error)) => {
                let text = error.to_string();
                let reason = text.rsplit_once(" at line ").map_or(text.as_str(), |(why, _)| why);
                let at = error.column().saturating_sub(1);
                Err(LineFault::BadJson { at, reason: reason.to_owned() })
            }
        }
    }

    /// The place of the `nth` member of this row, added if its name is new.
    fn place_of(&mut self, nth: usize, name: &str) -> Result<usize, LineFault> {
        let members = &mut *self.members;
        let expected = members.order.get(nth).copied();
        let place = match expected.filter(|&at| members.names[at] == name) {
            Some(at) => at,
            None => match members.by_name.get(name) {
                Some(&at) => at,
                None => self.add(name)?,
            },
        };
        let members = &mut *self.members;
        members.order.truncate(members.order.len().max(nth));
        match members.order.get_mut(nth) {
            Some(known) => *known = place,
            None => members.order.push(place),
        }
        if members.seen[place] == members.row {
            return Err(LineFault::Repeated(place));
        }
        members.seen[place] = members.row;
        Ok(place)
    }

    fn add(&mut self, name: &str) -> Result<usize, LineFault> {
        let place = self.members.names.len();
        let union = self.union.place_of(name).ok_or(LineFault::TooMany)?;
        link(self.places, union, place);
        self.members.names.push(name.to_owned());
        self.members.fields.push(meaning(name, self.options));
        self.members.by_name.insert(name.to_owned(), place);
        self.members.seen.push(0);
        self.spans.push(Span::BLANK);
        Ok(place)
    }

    /// Notes where a value lies in the line, or rewrites it if it is not written there plainly.
    fn value(&mut self, raw: &str, text: &str) -> Result<Span, serde_json::Error> {
        let start = raw.as_ptr() as usize - text.as_ptr() as usize;
        let span = Span::text(start, start + raw.len());
        let in_scratch = self.scratch.len();
        Ok(match raw.as_bytes().first() {
            Some(b'"') if !raw.contains('\\') => Span::text(start + 1, start + raw.len() - 1),
            Some(b'"') => {
                serde_json::Deserializer::from_str(raw).deserialize_str(Append(self.scratch))?;
                Span::scratch(in_scratch, self.scratch)
            }
            Some(b'n') => Span::BLANK,
            Some(b't' | b'f') => Span { value_type: ValueType::Boolean, ..span },
            Some(b'{' | b'[') => {
                compact(raw, self.scratch);
                Span { value_type: ValueType::Nested, ..Span::scratch(in_scratch, self.scratch) }
            }
            _ if raw.contains(['.', 'e', 'E']) => Span { value_type: ValueType::Float, ..span },
            _ => Span { value_type: ValueType::Integer, ..span },
        })
    }
}

/// Nested JSON without the white space that has no meaning; nothing else is changed.
fn compact(raw: &str, out: &mut String) {
    let (mut in_string, mut after_backslash) = (false, false);
    out.extend(raw.chars().filter(|&c| {
        if in_string {
            in_string = after_backslash || c != '"';
            after_backslash = c == '\\' && !after_backslash;
            return true;
        }
        in_string = c == '"';
        !matches!(c, ' ' | '\t' | '\n' | '\r')
    }));
}

/// Visits the members of the object on a line.
struct Object<'o, 's> {
    line: &'o mut LineParser<'s>,
    text: &'o str,
    fault: &'o mut Option<LineFault>,
}

/// A member's name, borrowed from the line unless it holds escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'de> DeserializeSeed<'de> for Object<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        use serde::de::Error;
        let mut nth = 0;
        while let Some(Name(name)) = map.next_key()? {
            let raw = map.next_value::<&RawValue>()?.get();
            match self.line.place_of(nth, &name) {
                Ok(place) => {
                    self.line.spans[place] =
                        self.line.value(raw, self.text).map_err(A::Error::custom)?;
                }
                // The first fault is reported; the row is invalid, but all of it is read.
                Err(fault) => _ = self.fault.get_or_insert(fault),
            }
            nth += 1;
        }
        Ok(())
    }
}

/// Appends an unescaped JSON string to a text.
struct Append<'a>(&'a mut String);

impl Visitor<'_> for Append<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON string")
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.0.push_str(text);
        Ok(())
    }
}

/// Where in a line the value of its last member of that name stands; `None` if the line is no
/// object, or has no such member.
pub(super) fn member(line: &str, name: &str) -> Option<Range<usize>> {
    let mut place = None;
    let visitor = Find { line, name, place: &mut place };
    let mut json = serde_json::Deserializer::from_str(line);
    // What is found before a fault is found.
    let _ = json.deserialize_map(visitor);
    place
}

/// Looks for one member of the object on a line.
struct Find<'f> {
    line: &'f str,
    name: &'f str,
    place: &'f mut Option<Range<usize>>,
}

impl<'de> Visitor<'de> for Find<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(Name(name)) = map.next_key()? {
            let raw = map.next_value::<&RawValue>()?.get();
            if name == self.name {
                let start = raw.as_ptr() as usize - self.line.as_ptr() as usize;
                *self.place = Some(start..start + raw.len());
            }
        }
        Ok(())
    }
}
