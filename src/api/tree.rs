//! An answer as a tree, from JSON or from XML alike.
//!
//! Both formats are read into the same shape, so that an object where a list is due, a number
//! where text is due, repeated members and unusual capitals are dealt with in one place. Repeated
//! members are kept: which of two contradicting values counts is the reader's to decide.

use quick_xml::events::{BytesRef, Event};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// How deep an answer may be nested; a real one is five deep.
const MAX_DEPTH: usize = 64;

/// A node of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Tree<'a> {
    /// JSON `null`.
    Null,
    /// Text, or the text of a number or boolean.
    Text(Cow<'a, str>),
    /// A list.
    List(Vec<Tree<'a>>),
    /// An object, members in the order and number in which they came.
    Object(Vec<(Cow<'a, str>, Tree<'a>)>),
}

/// What a member holds when one text is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member<'a> {
    /// It is not there, or null.
    Absent,
    /// This.
    Text(&'a str),
    /// Several different values, or no text.
    Contradictory,
}

impl<'a> Member<'a> {
    /// The text, if that is what it is.
    pub fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Contradictory => None,
        }
    }
}

impl<'a> Tree<'a> {
    /// Reads JSON; trailing or missing bytes make it fail.
    pub fn from_json(text: &'a str) -> Result<Self, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    /// Reads XML as the members of its root, whatever the root is called.
    pub fn from_xml(text: &str) -> Result<Tree<'static>, String> {
        read_xml(text)
    }

    /// Hears every value under that name, lists opened, whatever the capitals.
    pub fn each<'t>(&'t self, name: &str, hear: &mut impl FnMut(&'t Tree<'a>)) {
        if let Tree::Object(members) = self {
            for (_, value) in members.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name)) {
                value.open(hear);
            }
        }
    }

    /// Whether there is a member of that name at all.
    pub fn has(&self, name: &str) -> bool {
        matches!(self, Tree::Object(members)
            if members.iter().any(|(key, _)| key.eq_ignore_ascii_case(name)))
    }

    /// The one text under that name.
    pub fn member(&self, name: &str) -> Member<'_> {
        let mut found = Member::Absent;
        self.each(name, &mut |value| {
            found = match (found, value) {
                (found, Tree::Null) => found,
                (Member::Absent, Tree::Text(text)) => Member::Text(text),
                (Member::Text(before), Tree::Text(text)) if before == text => found,
                _ => Member::Contradictory,
            };
        });
        found
    }

    fn open<'t>(&'t self, hear: &mut impl FnMut(&'t Tree<'a>)) {
        match self {
            Tree::List(values) => values.iter().for_each(|value| value.open(hear)),
            value => hear(value),
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Tree<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TreeVisitor(std::marker::PhantomData))
    }
}

/// A member's name, borrowed from the answer where it holds no escapes.
struct Key<'a>(Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Key<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct KeyVisitor;
        impl<'de> Visitor<'de> for KeyVisitor {
            type Value = Cow<'de, str>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a member's name")
            }
            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(text))
            }
            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(text.to_owned()))
            }
        }
        deserializer.deserialize_str(KeyVisitor).map(Key)
    }
}

struct TreeVisitor<'a>(std::marker::PhantomData<&'a ()>);

impl<'de: 'a, 'a> Visitor<'de> for TreeVisitor<'a> {
    type Value = Tree<'a>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer of the API")
    }
    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Tree::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Tree::Text(value.to_string().into()))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Tree::Text(value.to_string().into()))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Tree::Text(value.to_string().into()))
    }
    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        // An id that only fits a float has lost digits: spelled so that it matches no id.
        Ok(Tree::Text(format!("{value:e}").into()))
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Tree::Text(Cow::Borrowed(text)))
    }
    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Tree::Text(Cow::Owned(text.to_owned())))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::with_capacity(values.size_hint().unwrap_or(0).min(128));
        while let Some(value) = values.next_element()? {
            list.push(value);
        }
        Ok(Tree::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::with_capacity(4);
        while let Some((Key(key), value)) = entries.next_entry()? {
            members.push((key, value));
        }
        Ok(Tree::Object(members))
    }
}

/// An element that is still open: its name, its children and its own text.
struct Open {
    name: String,
    members: Vec<(Cow<'static, str>, Tree<'static>)>,
    text: String,
}

impl Open {
    fn close(self) -> (String, Tree<'static>) {
        let tree = if self.members.is_empty() {
            Tree::Text(self.text.trim().to_owned().into())
        } else {
            Tree::Object(self.members)
        };
        (self.name, tree)
    }
}

fn read_xml(text: &str) -> Result<Tree<'static>, String> {
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                if root.is_some() || open.len() >= MAX_DEPTH {
                    return Err("not one well-formed XML document".to_owned());
                }
                let name = start.local_name().as_ref().to_owned();
                open.push(Open { name, members: Vec::new(), text: String::new() });
            }
            Event::End(_) => {
                let (name, tree) = open.pop().ok_or("an end without a start")?.close();
                match open.last_mut() {
                    Some(parent) => parent.members.push((name.into(), tree)),
                    None => root = Some(tree),
                }
            }
            Event::Text(bytes) => {
                let text = &*bytes;
                match open.last_mut() {
                    Some(element) => element.text.push_str(text),
                    None if text.trim().is_empty() => {}
                    None => return Err("text outside the XML document".to_owned()),
                }
            }
            Event::CData(bytes) => {
                let element = open.last_mut().ok_or("text outside the XML document")?;
                element.text.push_str(&bytes);
            }
            Event::GeneralRef(reference) => {
                let element = open.last_mut().ok_or("text outside the XML document")?;
                element.text.push(resolve(&reference)?);
            }
            Event::Eof => break,
            Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_)
            | Event::DocType(_)
            | Event::Empty(_) => {}
        }
    }
    if !open.is_empty() {
        return Err("the XML document breaks off".to_owned());
    }
    root.ok_or_else(|| "no XML document".to_owned())
}

fn resolve(reference: &BytesRef<'_>) -> Result<char, String> {
    if let Some(character) = reference.resolve_char_ref().map_err(|error| error.to_string())? {
        return Ok(character);
    }
    match &**reference {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => Err("an XML entity that is not defined".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_reads_like_a_list_of_one_and_numbers_like_text() {
        let tree = Tree::from_json(r#"{"results":{"HostId":1,"Code":"OK"}}"#).unwrap();
        let mut ids = Vec::new();
        tree.each("Results", &mut |result| ids.push(result.member("HostId")));
        assert_eq!(ids, [Member::Text("1")]);
    }

    #[test]
    fn repeated_members_that_differ_are_contradictory() {
        let tree = Tree::from_json(r#"{"Code":"OK","Code":"UNEXPECTED","X":1,"x":1}"#).unwrap();
        assert_eq!(tree.member("Code"), Member::Contradictory);
        assert_eq!(tree.member("X"), Member::Text("1"));
        assert_eq!(tree.member("Y"), Member::Absent);
    }

    #[test]
    fn xml_reads_like_the_json_it_stands_for() {
        let tree = Tree::from_xml(
            "<?xml version=\"1.0\"?><R><Results><HostId>1</HostId><Message/></Results>\
             <Results><HostId>a&amp;b&#65;</HostId></Results></R>",
        )
        .unwrap();
        let mut ids = Vec::new();
        tree.each("Results", &mut |result| ids.push(result.member("HostId")));
        assert_eq!(ids, [Member::Text("1"), Member::Text("a&bA")]);
    }

    #[test]
    fn broken_documents_are_errors() {
        for text in ["", "<a>", "<a></b>", "<a/><b/>", "x", "<a>&nope;</a>"] {
            assert!(Tree::from_xml(text).is_err(), "{text}");
        }
        for text in ["", "{", "{} x", "[1,"] {
            assert!(Tree::from_json(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_number_too_long_for_an_integer_matches_no_id() {
        let tree = Tree::from_json(r#"{"HostId":100000000000000000000}"#).unwrap();
        assert_eq!(tree.member("HostId"), Member::Text("1e20"));
    }
}
