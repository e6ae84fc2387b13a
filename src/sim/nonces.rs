//! The nonces that were used; each is accepted once.

use std::collections::{HashSet, VecDeque};

use jiff::{SignedDuration, Timestamp};

/// A timestamp may be 15 minutes ahead and is then accepted for 30; a nonce that is remembered for
/// that long can't be replayed.
const REMEMBERED: SignedDuration = SignedDuration::from_mins(30);

/// A bound on memory, far above what any quota allows in that time.
const MAX_NONCES: usize = 2_000_000;

#[derive(Debug, Default)]
pub(super) struct Nonces {
    seen: HashSet<Box<str>>,
    by_age: VecDeque<(Timestamp, Box<str>)>,
}

impl Nonces {
    /// Records a nonce; false if it was used before.
    pub(super) fn take(&mut self, now: Timestamp, nonce: &str) -> bool {
        while let Some((since, old)) = self.by_age.front() {
            if now.duration_since(*since) <= REMEMBERED && self.by_age.len() < MAX_NONCES {
                break;
            }
            self.seen.remove(old);
            self.by_age.pop_front();
        }
        let fresh = self.seen.insert(nonce.into());
        if fresh {
            self.by_age.push_back((now, nonce.into()));
        }
        fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nonce_is_taken_once_while_its_timestamp_could_still_count() {
        let mut nonces = Nonces::default();
        let start = Timestamp::UNIX_EPOCH;
        assert!(nonces.take(start, "a"));
        assert!(nonces.take(start, "b"));
        assert!(!nonces.take(start, "a"));
        assert!(!nonces.take(start + REMEMBERED, "a"));
        assert!(nonces.take(start + REMEMBERED + SignedDuration::from_secs(1), "a"));
        assert_eq!(nonces.seen.len(), 1);
    }
}
