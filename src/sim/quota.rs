//! The rate limit of each operation.
//!
//! A token bucket for each operation: it holds a second's worth of requests, is full at the
//! start, and gains one every `1/N` s. A client that sends evenly at `N` a second is never refused,
//! whatever jitter the network adds; a burst of `N` passes once; in any `t` seconds at most
//! `N + N*t` requests pass. The API documents neither the shape of its quota
//! nor a number for these operations.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use jiff::Timestamp;

#[derive(Debug)]
pub(super) struct Quota {
    /// The cost of one request, in nanoseconds of filling; `None` without a quota.
    cost: Option<i128>,
    capacity: i128,
    /// When each operation's bucket will be full again, in nanoseconds since 1970.
    full_at: BTreeMap<&'static str, i128>,
}

impl Quota {
    /// `per_second` requests of each operation; `None` for any number.
    pub(super) fn new(per_second: Option<NonZeroU32>) -> Self {
        let second: i128 = 1_000_000_000;
        let cost = per_second.map(|count| second / i128::from(count.get()));
        Self { cost, capacity: second, full_at: BTreeMap::new() }
    }

    /// Takes a token, or returns how long it takes until one is available.
    pub(super) fn take(&mut self, now: Timestamp, operation: &'static str) -> Result<(), Duration> {
        let Some(cost) = self.cost else { return Ok(()) };
        let now = now.as_nanosecond();
        let full_at = self.full_at.entry(operation).or_insert(i128::MIN);
        let after = now.max(*full_at) + cost;
        let over = after - now - self.capacity;
        if over > 0 {
            let nanoseconds = u64::try_from(over).unwrap_or(u64::MAX);
            return Err(Duration::from_nanos(nanoseconds));
        }
        *full_at = after;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::SignedDuration;

    const HOSTS: &str = "DetachHostAccountsFromUser";
    const GROUPS: &str = "DetachHostGroupAccountsFromUser";

    fn quota(per_second: u32) -> Quota {
        Quota::new(NonZeroU32::new(per_second))
    }

    #[test]
    fn a_burst_of_a_second_passes_and_no_more() {
        let mut quota = quota(10);
        let now = Timestamp::UNIX_EPOCH;
        for _ in 0..10 {
            assert_eq!(quota.take(now, HOSTS), Ok(()));
        }
        assert_eq!(quota.take(now, HOSTS), Err(Duration::from_millis(100)));
        let later = now + SignedDuration::from_millis(100);
        assert_eq!(quota.take(later, HOSTS), Ok(()));
        assert!(quota.take(later, HOSTS).is_err());
    }

    #[test]
    fn an_even_pace_at_the_quota_is_never_refused() {
        let mut quota = quota(3);
        for at in 0..1000_i64 {
            let now = Timestamp::UNIX_EPOCH + SignedDuration::from_nanos(at * 333_333_334);
            assert_eq!(quota.take(now, HOSTS), Ok(()));
        }
    }

    #[test]
    fn every_operation_has_its_own() {
        let mut quota = quota(1);
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(quota.take(now, HOSTS), Ok(()));
        assert_eq!(quota.take(now, GROUPS), Ok(()));
        assert!(quota.take(now, HOSTS).is_err());
    }

    #[test]
    fn a_refused_request_costs_nothing() {
        let mut quota = quota(1);
        let now = Timestamp::UNIX_EPOCH;
        assert_eq!(quota.take(now, HOSTS), Ok(()));
        for _ in 0..100 {
            assert!(quota.take(now, HOSTS).is_err());
        }
        assert_eq!(quota.take(now + SignedDuration::from_secs(1), HOSTS), Ok(()));
    }

    #[test]
    fn without_a_quota_everything_passes() {
        let mut quota = Quota::new(None);
        assert!((0..1000).all(|_| quota.take(Timestamp::UNIX_EPOCH, HOSTS).is_ok()));
    }
}
