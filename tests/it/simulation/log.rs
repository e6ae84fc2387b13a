//! What happened, in order: for the checker, and as one number that two runs of a seed share.

use super::wire::{Key, Said};
use bastion_revoke::model::Operation;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

/// A request that left the tool.
#[derive(Debug, Clone)]
pub(super) struct Departure {
    pub(super) life: usize,
    pub(super) at: Duration,
    pub(super) operation: Operation,
    pub(super) keys: Vec<Key>,
    /// Whether an intent for it was durable.
    pub(super) intended: bool,
    /// Requests of this life under way, this one included.
    pub(super) under_way: usize,
}

/// An answer that the tool received whole.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) life: usize,
    pub(super) at: Duration,
    pub(super) operation: Operation,
    pub(super) keys: Vec<Key>,
    pub(super) said: Said,
}

/// More than happens in any case.
const MOST_NOTES: usize = 100_000;

/// Everything that was seen.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) departures: Vec<Departure>,
    pub(super) deliveries: Vec<Delivery>,
    /// Sendings after which no whole answer came.
    pub(super) lost: usize,
    notes: usize,
    hash: DefaultHasher,
    /// The trace in words, if somebody wants to read it.
    words: Option<String>,
}

impl Log {
    pub(super) fn new(in_words: bool) -> Self {
        Self { words: in_words.then(String::new), ..Self::default() }
    }

    /// Notes one more thing that happened.
    pub(super) fn note(&mut self, at: Duration, what: std::fmt::Arguments<'_>) {
        struct Hashed<'a>(&'a mut DefaultHasher);
        impl std::fmt::Write for Hashed<'_> {
            fn write_str(&mut self, text: &str) -> std::fmt::Result {
                self.0.write(text.as_bytes());
                Ok(())
            }
        }
        self.notes += 1;
        assert!(self.notes < MOST_NOTES, "the run goes round in circles: {what}");
        self.hash.write_u128(at.as_nanos());
        let _ = Hashed(&mut self.hash).write_fmt(what);
        if let Some(words) = &mut self.words {
            let _ = writeln!(words, "{:>12.6} {what}", at.as_secs_f64());
        }
    }

    /// The trace as one number.
    pub(super) fn hash(&self) -> u64 {
        self.hash.finish()
    }

    pub(super) fn words(&self) -> &str {
        self.words.as_deref().unwrap_or_default()
    }
}
