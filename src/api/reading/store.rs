//! Complete readings that are kept, so that a reading that was interrupted can be continued.
//!
//! Only complete listings and objects that were found are kept. Anything else is read again.

use super::reader::Reader;
use crate::api::operation::grantee_id;
use crate::api::transport::Transport;
use crate::model::GranteeKind;
use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

/// A reading that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptReading {
    /// When it was complete.
    pub read_at: Timestamp,
    /// What was read, as JSON.
    pub json: String,
}

/// Keeps complete readings by operation and parameters.
pub trait ReadingStore: Send + Sync {
    /// A reading that is recent enough to be used.
    fn find(&self, key: &str) -> Option<KeptReading>;

    /// Keeps what was read now. A reading that cannot be kept is read again another time.
    fn keep(&self, key: &str, json: &str);
}

/// What a reader does with a store.
#[derive(Clone, Default)]
pub(super) enum Keeping {
    /// There is none.
    #[default]
    Nothing,
    /// Uses what is kept, and keeps the rest.
    Continue(Arc<dyn ReadingStore>),
    /// Reads everything, and keeps it.
    Afresh(Arc<dyn ReadingStore>),
}

/// The oldest kept reading that was used, by a parameter and its value.
pub(super) type KeptTimes = Mutex<BTreeMap<(String, String), Timestamp>>;

impl<T: Transport> Reader<T> {
    /// A reader that uses readings of this store and keeps new ones there.
    #[must_use]
    pub fn keeping(mut self, store: Arc<dyn ReadingStore>) -> Self {
        self.keeping = Keeping::Continue(store);
        self
    }

    /// A reader that reads everything again, and still keeps it.
    #[must_use]
    pub fn afresh(mut self) -> Self {
        if let Keeping::Continue(store) = self.keeping {
            self.keeping = Keeping::Afresh(store);
        }
        self
    }

    /// When the oldest kept reading of this user or user group was read that was used in place of
    /// a call; `None` if there was none.
    pub fn kept_at(&self, kind: GranteeKind, id: &str) -> Option<Timestamp> {
        let times = self.kept_times().lock().ok()?;
        times.get(&(grantee_id(kind).to_owned(), id.to_owned())).copied()
    }

    /// A kept reading; `None`: it has to be read.
    pub(super) fn kept<R: DeserializeOwned>(
        &self,
        action: &str,
        parameters: &[(&'static str, &str)],
    ) -> Option<R> {
        let Keeping::Continue(store) = &self.keeping else { return None };
        let KeptReading { read_at, json } = store.find(&self.key(action, parameters)?)?;
        let value = serde_json::from_str(&json).ok()?;
        let mut times = self.kept_times().lock().ok()?;
        for (name, value) in parameters {
            let time = times.entry(((*name).to_owned(), (*value).to_owned())).or_insert(read_at);
            *time = read_at.min(*time);
        }
        Some(value)
    }

    /// Keeps a complete reading.
    pub(super) fn keep<R: Serialize>(
        &self,
        action: &str,
        parameters: &[(&'static str, &str)],
        value: &R,
    ) {
        let (Keeping::Continue(store) | Keeping::Afresh(store)) = &self.keeping else { return };
        if let (Some(key), Ok(json)) = (self.key(action, parameters), serde_json::to_string(value))
        {
            store.keep(&key, &json);
        }
    }

    fn key(&self, action: &str, parameters: &[(&'static str, &str)]) -> Option<String> {
        serde_json::to_string(&(self.place(), action, parameters)).ok()
    }
}
