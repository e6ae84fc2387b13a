//! An entry of the stream as it was read, and an update of it.

use serde::{Deserialize, Serialize};

/// The maximum number of deliveries of an entry; an entry delivered more often goes to the
/// dead-letter stream.
pub const MAX_DELIVERIES: u64 = 5;

/// An entry as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its id in the stream.
    pub id: String,
    /// Its fields, in their order.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// The number of deliveries to a worker, this one included.
    pub deliveries: u64,
    /// The number of times earlier workers sent its request.
    pub sent: u32,
    /// Those of them without a recorded answer.
    pub doubt: u32,
}

impl Entry {
    /// The first field with this name.
    pub fn field(&self, name: &str) -> Option<&[u8]> {
        let field = self.fields.iter().find(|(field, _)| field == name.as_bytes());
        field.map(|(_, value)| value.as_slice())
    }
}

/// A change of one entry that a worker holds: its counters, or its end.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryUpdate {
    /// The entry.
    pub id: String,
    /// The change of the number of sendings.
    pub sent: i64,
    /// The change of the number of sendings without a recorded answer.
    pub doubt: i64,
    /// Its outcome, names and values alternating; the entry is acknowledged with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Vec<String>>,
    /// Whether it is copied to the dead-letter stream.
    #[serde(default)]
    pub dead: bool,
    /// The name of its unit, or empty.
    #[serde(default)]
    pub unit: String,
}

impl EntryUpdate {
    /// The final update of an entry that goes to the dead-letter stream.
    pub fn dead_letter(id: &str, unit: String, outcome: Vec<String>) -> Self {
        Self { id: id.to_owned(), outcome: Some(outcome), dead: true, unit, ..Self::default() }
    }

    /// A field of its outcome; empty if there is none.
    pub fn outcome_field(&self, name: &str) -> &str {
        let fields = self.outcome.as_deref().unwrap_or_default();
        fields.chunks_exact(2).find(|pair| pair[0] == name).map_or("", |pair| pair[1].as_str())
    }
}
