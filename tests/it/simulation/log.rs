//! The trace of a simulation: for the checks, and as a hash that must repeat with the seed.

use super::wire::{DecodedAnswer, Key};
use bastion_revoke::model::Operation;
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hasher};
use std::time::Duration;

/// A request that was sent.
#[derive(Debug, Clone)]
pub(super) struct Departure {
    pub(super) run: usize,
    pub(super) at: Duration,
    pub(super) operation: Operation,
    pub(super) keys: Vec<Key>,
    /// Whether an intent for it was durable.
    pub(super) intended: bool,
    /// Requests of this run in flight, including this one.
    pub(super) in_flight: usize,
}

/// An answer that was received completely.
#[derive(Debug, Clone)]
pub(super) struct Delivery {
    pub(super) run: usize,
    pub(super) at: Duration,
    pub(super) operation: Operation,
    pub(super) keys: Vec<Key>,
    pub(super) answer: DecodedAnswer,
}

/// More than any case needs.
const MOST_NOTES: usize = 100_000;

/// The trace.
#[derive(Debug, Default)]
pub(super) struct Log {
    pub(super) departures: Vec<Departure>,
    pub(super) deliveries: Vec<Delivery>,
    /// Attempts without a complete answer.
    pub(super) lost: usize,
    notes: usize,
    hash: DefaultHasher,
    /// The trace as text, for replays.
    words: Option<String>,
}

impl Log {
    pub(super) fn new(with_trace: bool) -> Self {
        Self { words: with_trace.then(String::new), ..Self::default() }
    }

    /// Adds an event.
    pub(super) fn note(&mut self, at: Duration, what: std::fmt::Arguments<'_>) {
        struct Hashed<'a>(&'a mut DefaultHasher);
        impl std::fmt::Write for Hashed<'_> {
            fn write_str(&mut self, text: &str) -> std::fmt::Result {
                self.0.write(text.as_bytes());
                Ok(())
            }
        }
        self.notes += 1;
        assert!(self.notes < MOST_NOTES, "the run does not end: {what}");
        self.hash.write_u128(at.as_nanos());
        let _ = Hashed(&mut self.hash).write_fmt(what);
        if let Some(words) = &mut self.words {
            let _ = writeln!(words, "{:>12.6} {what}", at.as_secs_f64());
        }
    }

    /// The hash of the trace.
    pub(super) fn hash(&self) -> u64 {
        self.hash.finish()
    }

    pub(super) fn words(&self) -> &str {
        self.words.as_deref().unwrap_or_default()
    }
}
