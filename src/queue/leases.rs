//! Which entries are this worker's, and until when it may believe so.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The part of a lease that is not used: clocks of two machines do not run alike.
const MARGIN: u32 = 10;

/// The entries that a worker holds.
#[derive(Debug)]
pub struct Leases {
    lease: Duration,
    held: Mutex<HashMap<String, Instant>>,
}

impl Leases {
    /// Nothing is held; others take an entry over once it was left alone for `lease`.
    pub fn new(lease: Duration) -> Self {
        Self { lease, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        // A panic elsewhere leaves the map as good as it was.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Entries came with a question that was asked then.
    pub fn hold<'i>(&self, ids: impl IntoIterator<Item = &'i String>, asked_at: Instant) {
        let until = asked_at + self.lease - self.lease / MARGIN;
        let mut held = self.held();
        for id in ids {
            held.insert(id.clone(), until);
        }
    }

    /// Redis has seen, in answer to a question that was asked then, that these are still ours; of
    /// those that were asked for the others are not.
    pub fn kept(&self, asked: &[String], ours: &[String], asked_at: Instant) {
        let until = asked_at + self.lease - self.lease / MARGIN;
        let mut held = self.held();
        for id in asked {
            if ours.contains(id) {
                // What was let go meanwhile does not come back.
                if let Some(before) = held.get_mut(id) {
                    *before = until;
                }
            } else {
                held.remove(id);
            }
        }
    }

    /// These are not ours any more.
    pub fn lose<'i>(&self, ids: impl IntoIterator<Item = &'i String>) {
        let mut held = self.held();
        for id in ids {
            held.remove(id);
        }
    }

    /// Whether an entry is certainly ours now.
    pub fn is_ours(&self, id: &str) -> bool {
        self.held().get(id).is_some_and(|until| Instant::now() < *until)
    }

    /// Whether an entry is still held, even if its lease may be over.
    pub fn is_held(&self, id: &str) -> bool {
        self.held().contains_key(id)
    }

    /// All entries that are held.
    pub fn ids(&self) -> Vec<String> {
        self.held().keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lease_that_nobody_renews_ends_before_others_take_over() {
        let leases = Leases::new(Duration::from_secs(60));
        let ids = ["1-0".to_owned(), "2-0".to_owned()];
        leases.hold(&ids, Instant::now());
        tokio::time::advance(Duration::from_secs(50)).await;
        assert!(leases.is_ours("1-0"));
        let asked_at = Instant::now();
        // The answer took its time; what counts is when the question was asked.
        tokio::time::advance(Duration::from_secs(3)).await;
        leases.kept(&ids, &ids[..1], asked_at);
        assert!(leases.is_ours("1-0") && !leases.is_held("2-0"));
        tokio::time::advance(Duration::from_secs(51)).await;
        assert!(!leases.is_ours("1-0") && leases.is_held("1-0"));
        leases.lose(&ids);
        leases.kept(&ids, &ids, Instant::now());
        assert!(!leases.is_held("1-0"), "what is gone stays gone");
    }
}
