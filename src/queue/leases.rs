//! The entries that this worker holds, and when each lease expires.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The share of a lease that is not used, because the clocks of two machines differ.
const MARGIN: u32 = 10;

/// The leases of a worker.
#[derive(Debug)]
pub struct Leases {
    lease: Duration,
    held: Mutex<HashMap<String, Instant>>,
}

impl Leases {
    /// No leases. Another worker claims an entry after `lease` without a heartbeat.
    pub fn new(lease: Duration) -> Self {
        Self { lease, held: Mutex::default() }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<String, Instant>> {
        // No code that holds the lock leaves the map half changed.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds entries that Redis delivered in reply to a command sent at `asked_at`.
    pub fn add<'i>(&self, ids: impl IntoIterator<Item = &'i String>, asked_at: Instant) {
        let until = asked_at + self.lease - self.lease / MARGIN;
        let mut held = self.held();
        for id in ids {
            held.insert(id.clone(), until);
        }
    }

    /// Renews leases: of the entries in `asked`, Redis confirmed `ours` in reply to a command sent at
    /// `asked_at`. The others are removed.
    pub fn renew(&self, asked: &[String], ours: &[String], asked_at: Instant) {
        let until = asked_at + self.lease - self.lease / MARGIN;
        let mut held = self.held();
        for id in asked {
            if ours.contains(id) {
                // A lease that was removed meanwhile stays removed.
                if let Some(before) = held.get_mut(id) {
                    *before = until;
                }
            } else {
                held.remove(id);
            }
        }
    }

    /// Removes leases.
    pub fn remove<'i>(&self, ids: impl IntoIterator<Item = &'i String>) {
        let mut held = self.held();
        for id in ids {
            held.remove(id);
        }
    }

    /// Whether the lease of an entry is certainly valid now.
    pub fn is_valid(&self, id: &str) -> bool {
        self.held().get(id).is_some_and(|until| Instant::now() < *until)
    }

    /// Whether an entry is held, even if its lease may have expired.
    pub fn is_held(&self, id: &str) -> bool {
        self.held().contains_key(id)
    }

    /// The ids of all entries held.
    pub fn ids(&self) -> Vec<String> {
        self.held().keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_lease_expires_here_before_another_worker_claims_the_entry() {
        let leases = Leases::new(Duration::from_secs(60));
        let ids = ["1-0".to_owned(), "2-0".to_owned()];
        leases.add(&ids, Instant::now());
        tokio::time::advance(Duration::from_secs(50)).await;
        assert!(leases.is_valid("1-0"));
        let asked_at = Instant::now();
        // The reply is slow; the lease counts from the command.
        tokio::time::advance(Duration::from_secs(3)).await;
        leases.renew(&ids, &ids[..1], asked_at);
        assert!(leases.is_valid("1-0") && !leases.is_held("2-0"));
        tokio::time::advance(Duration::from_secs(51)).await;
        assert!(!leases.is_valid("1-0") && leases.is_held("1-0"));
        leases.remove(&ids);
        leases.renew(&ids, &ids, Instant::now());
        assert!(!leases.is_held("1-0"), "a removed lease stays removed");
    }
}
