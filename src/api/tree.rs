//! An answer as a tree, from JSON or XML.
//!
//! Both formats are parsed into the same shape. An object in place of a list, a number in place of
//! text, repeated members and unusual capitals are handled here. Repeated members are kept: the
//! caller decides which of two contradicting values counts.

use quick_xml::events::{BytesRef, Event};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;

/// The maximum depth of an answer; real ones have a depth of five.
const MAX_DEPTH: usize = 64;

/// An answer, with all nodes in one list: a node precedes its children.
#[derive(Debug)]
pub struct Tree<'a> {
    nodes: Vec<Node<'a>>,
}

#[derive(Debug)]
struct Node<'a> {
    /// The member's name, within an object.
    name: Cow<'a, str>,
    value: Value<'a>,
    /// The end of its children.
    end: usize,
}

#[derive(Debug)]
enum Value<'a> {
    /// JSON `null`.
    Null,
    /// Text, or the text of a number or boolean.
    Text(Cow<'a, str>),
    List,
    /// Members, in order and with repetitions.
    Object,
}

/// A node and its children.
#[derive(Debug, Clone, Copy)]
pub struct Branch<'t> {
    nodes: &'t [Node<'t>],
    at: usize,
}

/// The value of a member that should be one text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Member<'a> {
    /// It is missing or null.
    Absent,
    /// This text.
    Text(&'a str),
    /// Several different values, or not a text.
    Contradictory,
}

impl<'a> Member<'a> {
    /// Adds another value of the same name.
    fn and(self, node: &'a Node<'a>) -> Self {
        match (self, &node.value) {
            (before, Value::Null) => before,
            (Self::Absent, Value::Text(text)) => Self::Text(text),
            (Self::Text(before), Value::Text(text)) if before == text => self,
            _ => Self::Contradictory,
        }
    }

    /// The text, if there is one.
    pub fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Contradictory => None,
        }
    }
}

impl<'a> Tree<'a> {
    /// Parses JSON; trailing or missing bytes are an error.
    pub fn from_json(text: &'a str) -> Result<Self, String> {
        // Real answers have one node per 20 bytes.
        let mut nodes = Vec::with_capacity(text.len() / 16);
        let read = || -> serde_json::Result<()> {
            let mut json = serde_json::Deserializer::from_str(text);
            NodeVisitor { nodes: &mut nodes, name: Cow::Borrowed("") }.deserialize(&mut json)?;
            json.end()
        };
        let mut read = read;
        read().map_err(|error| error.to_string())?;
        Ok(Self { nodes })
    }

    /// Parses XML as the members of its root, whatever the name of the root.
    pub fn from_xml(text: &str) -> Result<Tree<'static>, String> {
        read_xml(text)
    }

    /// The root.
    pub fn root(&self) -> Branch<'_> {
        Branch { nodes: &self.nodes, at: 0 }
    }
}

impl<'t> Branch<'t> {
    fn node(self) -> &'t Node<'t> {
        &self.nodes[self.at]
    }

    /// Its children.
    fn children(self) -> impl Iterator<Item = Self> {
        let mut at = self.at + 1;
        let end = self.node().end;
        std::iter::from_fn(move || {
            let child = (at < end).then_some(Self { at, ..self })?;
            at = child.node().end;
            Some(child)
        })
    }

    /// The members with this name, in any case, if it is an object.
    fn members(self, name: &str) -> impl Iterator<Item = Self> {
        let children = self.is_object().then(|| self.children());
        children.into_iter().flatten().filter(move |member| is_same(&member.node().name, name))
    }

    /// Whether it is an object.
    pub fn is_object(self) -> bool {
        matches!(self.node().value, Value::Object)
    }

    /// The text of a text, number or boolean.
    pub fn text(self) -> Option<&'t str> {
        match &self.node().value {
            Value::Text(text) => Some(text),
            Value::Null | Value::List | Value::Object => None,
        }
    }

    /// Calls `visit` for every value of this name, in any case; lists are flattened.
    pub fn each(self, name: &str, visit: &mut impl FnMut(Self)) {
        self.members(name).for_each(|value| value.open(visit));
    }

    /// Whether there is a member with this name.
    pub fn has(self, name: &str) -> bool {
        self.members(name).next().is_some()
    }

    /// The one text of this name.
    pub fn member(self, name: &str) -> Member<'t> {
        let [member] = self.members_named([name]);
        member
    }

    /// The one text of each of these names, which must differ in more than case.
    pub fn members_named<const NAMES: usize>(self, names: [&str; NAMES]) -> [Member<'t>; NAMES] {
        let mut found = [Member::Absent; NAMES];
        if self.is_object() {
            for member in self.children() {
                let own = &*member.node().name;
                if let Some(at) = names.iter().position(|name| is_same(own, name)) {
                    member.open(&mut |value| found[at] = found[at].and(value.node()));
                }
            }
        }
        found
    }

    fn open(self, visit: &mut impl FnMut(Self)) {
        match self.node().value {
            Value::List => self.children().for_each(|value| value.open(visit)),
            _ => visit(self),
        }
    }
}

/// Whether two names are equal, ignoring case. Nearly all are exactly equal, which is faster to
/// check.
fn is_same(own: &str, name: &str) -> bool {
    own == name || own.eq_ignore_ascii_case(name)
}

/// A member's name, borrowed from the answer if it has no escapes.
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

/// Parses the next value with its children.
struct NodeVisitor<'n, 'a> {
    nodes: &'n mut Vec<Node<'a>>,
    name: Cow<'a, str>,
}

impl<'a> NodeVisitor<'_, 'a> {
    fn text(self, text: Cow<'a, str>) {
        let end = self.nodes.len() + 1;
        self.nodes.push(Node { name: self.name, value: Value::Text(text), end });
    }
}

impl<'de: 'a, 'a> DeserializeSeed<'de> for NodeVisitor<'_, 'a> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de: 'a, 'a> Visitor<'de> for NodeVisitor<'_, 'a> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an answer of the API")
    }
    fn visit_unit<E>(self) -> Result<(), E> {
        let end = self.nodes.len() + 1;
        self.nodes.push(Node { name: self.name, value: Value::Null, end });
        Ok(())
    }
    fn visit_bool<E>(self, value: bool) -> Result<(), E> {
        self.text(value.to_string().into());
        Ok(())
    }
    fn visit_i64<E>(self, value: i64) -> Result<(), E> {
        self.text(value.to_string().into());
        Ok(())
    }
    fn visit_u64<E>(self, value: u64) -> Result<(), E> {
        self.text(value.to_string().into());
        Ok(())
    }
    fn visit_f64<E>(self, value: f64) -> Result<(), E> {
        // An id that only fits a float has lost digits: this spelling matches no id.
        self.text(format!("{value:e}").into());
        Ok(())
    }
    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<(), E> {
        self.text(Cow::Borrowed(text));
        Ok(())
    }
    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        self.text(Cow::Owned(text.to_owned()));
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut values: A) -> Result<(), A::Error> {
        let Self { nodes, name } = self;
        let at = begin(nodes, name, Value::List);
        while values.next_element_seed(NodeVisitor { nodes, name: Cow::Borrowed("") })?.is_some() {}
        nodes[at].end = nodes.len();
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        let Self { nodes, name } = self;
        let at = begin(nodes, name, Value::Object);
        while let Some(Key(name)) = entries.next_key()? {
            entries.next_value_seed(NodeVisitor { nodes, name })?;
        }
        nodes[at].end = nodes.len();
        Ok(())
    }
}

/// Appends a node whose end is not known yet, and returns its place.
fn begin<'a>(nodes: &mut Vec<Node<'a>>, name: Cow<'a, str>, value: Value<'a>) -> usize {
    let at = nodes.len();
    nodes.push(Node { name, value, end: at + 1 });
    at
}

/// An open element: its place and its text so far.
struct Open {
    at: usize,
    text: String,
}

fn read_xml(text: &str) -> Result<Tree<'static>, String> {
    let mut reader = quick_xml::Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut nodes: Vec<Node<'static>> = Vec::new();
    let mut open: Vec<Open> = Vec::new();
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                let is_second_root = open.is_empty() && !nodes.is_empty();
                if is_second_root || open.len() >= MAX_DEPTH {
                    return Err("not one well-formed XML document".to_owned());
                }
                let name = start.local_name().as_ref().to_owned();
                let at = begin(&mut nodes, name.into(), Value::Object);
                open.push(Open { at, text: String::new() });
            }
            Event::End(_) => {
                let Open { at, text } = open.pop().ok_or("an end without a start")?;
                let end = nodes.len();
                nodes[at].end = end;
                if end == at + 1 {
                    nodes[at].value = Value::Text(text.trim().to_owned().into());
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
    if nodes.is_empty() {
        return Err("no XML document".to_owned());
    }
    Ok(Tree { nodes })
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
        let answer = Tree::from_json(r#"{"results":{"HostId":1,"Code":"OK"}}"#).unwrap();
        let mut ids = Vec::new();
        answer.root().each("Results", &mut |result| ids.push(result.member("HostId")));
        assert_eq!(ids, [Member::Text("1")]);
    }

    #[test]
    fn repeated_members_that_differ_are_contradictory() {
        let answer = Tree::from_json(r#"{"Code":"OK","Code":"UNEXPECTED","X":1,"x":1}"#).unwrap();
        assert_eq!(answer.root().member("Code"), Member::Contradictory);
        assert_eq!(answer.root().member("X"), Member::Text("1"));
        assert_eq!(answer.root().member("Y"), Member::Absent);
    }

    #[test]
    fn xml_reads_like_the_json_it_stands_for() {
        let answer = Tree::from_xml(
            "<?xml version=\"1.0\"?><R><Results><HostId>1</HostId><Message/></Results>\
             <Results><HostId>a&amp;b&#65;</HostId></Results></R>",
        )
        .unwrap();
        let mut ids = Vec::new();
        answer.root().each("Results", &mut |result| ids.push(result.member("HostId")));
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
        let answer = Tree::from_json(r#"{"HostId":100000000000000000000}"#).unwrap();
        assert_eq!(answer.root().member("HostId"), Member::Text("1e20"));
    }
}
