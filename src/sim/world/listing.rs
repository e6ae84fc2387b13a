//! A list answer: filtered items, cut into a page, in the shape that the switches ask for.

use serde_json::{Map, Value};

use super::behaviour::Behaviour;
use crate::sim::call::Page;

/// The answer to a read, before the switches of the world apply.
pub(super) enum Reply {
    /// All items that the filters accept.
    List {
        /// The member that holds the items.
        member: &'static str,
        /// The member that holds their number.
        total: &'static str,
        items: Vec<Value>,
    },
    /// Members that are not paged.
    Single(Map<String, Value>),
}

impl Reply {
    pub(super) fn list(member: &'static str, items: Vec<Value>) -> Self {
        Self::List { member, total: "TotalCount", items }
    }

    pub(super) fn single(member: &str, value: Value) -> Self {
        Self::Single(Map::from_iter([(member.to_owned(), value)]))
    }

    /// The members of the answer. `page` is nothing for a list that is answered at once.
    pub(super) fn render(
        self,
        page: Option<Page>,
        is_empty_page: bool,
        behaviour: &Behaviour,
    ) -> Map<String, Value> {
        let mut members = match self {
            Self::Single(members) => members,
            Self::List { member, total, mut items } => {
                let count = items.len();
                if let Some(page) = page {
                    let size = page.size.min(behaviour.page_size_cap.unwrap_or(usize::MAX)).max(1);
                    let skipped = (page.number - 1).saturating_mul(size);
                    items = items.into_iter().skip(skipped).take(size).collect();
                }
                if is_empty_page {
                    items.clear();
                }
                let mut members = Map::new();
                members.insert(member.to_owned(), Value::Array(items));
                members.insert(total.to_owned(), total_count(count, behaviour));
                members
            }
        };
        if behaviour.trailing_blanks || behaviour.is_authorized_text {
            for (name, value) in &mut members {
                reshape(name, value, behaviour);
            }
        }
        members
    }
}

fn total_count(count: usize, behaviour: &Behaviour) -> Value {
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let count = count.saturating_add(behaviour.total_count_offset).max(0);
    if behaviour.total_count_text { count.to_string().into() } else { count.into() }
}

/// Applies the switches to a member and everything in it.
fn reshape(name: &str, value: &mut Value, behaviour: &Behaviour) {
    match value {
        Value::Object(members) => {
            for (name, value) in members.iter_mut() {
                reshape(name, value, behaviour);
            }
        }
        Value::Array(elements) => {
            for element in elements.iter_mut() {
                reshape(name, element, behaviour);
            }
        }
        Value::String(text) if behaviour.trailing_blanks && name.ends_with("Id") => text.push(' '),
        Value::Bool(flag) if behaviour.is_authorized_text && name == "IsAuthorized" => {
            *value = Value::String(flag.to_string());
        }
        _ => {}
    }
}
