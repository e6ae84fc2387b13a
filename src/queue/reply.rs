//! Building script calls and reading the values that Redis returns.

use super::entry::Entry;
use redis::{Cmd, Value};
use serde::Serialize;

/// A call of a Lua script.
pub(super) fn eval(script: &str, keys: &[&str], arguments: &[&str]) -> Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(script).arg(keys.len());
    for argument in keys.iter().chain(arguments) {
        command.arg(*argument);
    }
    command
}

/// A value as JSON. Plain data with string keys always has a JSON form.
pub(super) fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "[]".to_owned())
}

/// The elements of a list; of a map, keys and values alternating.
pub(super) fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) | Value::Set(values) => values,
        Value::Map(pairs) => pairs.into_iter().flat_map(|(key, value)| [key, value]).collect(),
        _ => Vec::new(),
    }
}

fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        Value::Int(number) => Some(number.to_string().into_bytes()),
        _ => None,
    }
}

/// A value as text.
pub(super) fn text(value: Value) -> Option<String> {
    bytes(value).and_then(|bytes| String::from_utf8(bytes).ok())
}

/// The elements of a list as texts.
pub(super) fn texts(value: Value) -> Vec<String> {
    list(value).into_iter().filter_map(text).collect()
}

/// A value as a number; 0 if it is none.
pub(super) fn number(value: &Value) -> i64 {
    match value {
        Value::Int(number) => *number,
        Value::BulkString(bytes) => {
            std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
        }
        _ => 0,
    }
}

/// A value as a count; 0 if it is none.
pub(super) fn count(value: &Value) -> u64 {
    u64::try_from(number(value)).unwrap_or(0)
}

/// The entries in a list.
pub(super) fn entries(value: Value) -> Vec<Entry> {
    list(value).into_iter().filter_map(|entry| read_entry(list(entry))).collect()
}

/// Id, fields, and if there are more: deliveries, sendings, and sendings in doubt.
fn read_entry(parts: Vec<Value>) -> Option<Entry> {
    let mut parts = parts.into_iter();
    let id = parts.next().and_then(text)?;
    // Of an entry that was deleted only the id is left.
    let Some(Value::Array(words)) = parts.next() else { return None };
    let mut words = words.into_iter().filter_map(bytes);
    let mut fields = Vec::new();
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        fields.push((name, value));
    }
    let mut next = || parts.next().map_or(0, |value| count(&value));
    let (deliveries, sent, doubt) = (next(), next(), next());
    let small = |count: u64| u32::try_from(count).unwrap_or(u32::MAX).min(1000);
    Some(Entry {
        id,
        fields,
        deliveries: deliveries.max(1),
        sent: small(sent),
        doubt: small(doubt.min(sent)),
    })
}
