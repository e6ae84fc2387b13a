//! How long to wait before a retry, and how many retries a run may make.
//!
//! Source: "Exponential Backoff And Jitter" (AWS Architecture Blog, full jitter) and the retry
//! quota of the AWS SDKs' standard mode.

use std::time::Duration;

const BASE: Duration = Duration::from_millis(250);
const CAP: Duration = Duration::from_secs(20);

/// Full jitter: between zero and 250 ms doubled with each earlier attempt, at most 20 s.
pub fn backoff(tries: u32, random: &mut fastrand::Rng) -> Duration {
    let ceiling = BASE.saturating_mul(1_u32 << tries.saturating_sub(1).min(16)).min(CAP);
    ceiling.mul_f64(random.f64())
}

/// A run-wide budget of retries after failures: a service that is down gets a few requests per
/// minute and not a storm. Throttled calls are exempt, because the rate falls for those.
#[derive(Debug, Clone)]
pub struct Budget {
    tokens: u32,
    next_trickle: Duration,
}

/// The cost of a retry after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cost {
    /// After an error or a lost connection.
    Failure,
    /// After a time-out, which occupied a worker for long.
    TimeOut,
}

impl Cost {
    fn tokens(self) -> u32 {
        match self {
            Self::Failure => 5,
            Self::TimeOut => 10,
        }
    }
}

const CAPACITY: u32 = 500;
const REFILL_INTERVAL: Duration = Duration::from_secs(1);

impl Default for Budget {
    fn default() -> Self {
        Self { tokens: CAPACITY, next_trickle: Duration::ZERO }
    }
}

impl Budget {
    /// Pays for a retry at `now` (since the start of the run), or returns when to ask again.
    /// Without tokens, one retry per second is free.
    pub fn take(&mut self, now: Duration, cost: Cost) -> Result<(), Duration> {
        if let Some(left) = self.tokens.checked_sub(cost.tokens()) {
            self.tokens = left;
            Ok(())
        } else if now >= self.next_trickle {
            self.next_trickle = now + REFILL_INTERVAL;
            Ok(())
        } else {
            Err(self.next_trickle)
        }
    }

    /// A request was answered: returns one token, and the cost of its retry.
    pub fn succeeded(&mut self, retry: Option<Cost>) {
        self.tokens = (self.tokens + retry.map_or(1, Cost::tokens)).min(CAPACITY);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_with_full_jitter() {
        let mut random = fastrand::Rng::with_seed(1);
        for (tries, most_ms) in [(1, 250), (2, 500), (3, 1000), (8, 20_000), (40, 20_000)] {
            let waits: Vec<Duration> = (0..2000).map(|_| backoff(tries, &mut random)).collect();
            let most = Duration::from_millis(most_ms);
            assert!(waits.iter().all(|wait| *wait <= most));
            assert!(waits.iter().any(|wait| *wait > most.mul_f64(0.9)));
            assert!(waits.iter().any(|wait| *wait < most.mul_f64(0.1)));
        }
    }

    #[test]
    fn a_server_that_is_down_gets_few_retries() {
        let mut budget = Budget::default();
        let second = Duration::from_secs(1);
        let at_once = (0..1000).filter(|_| budget.take(second, Cost::Failure).is_ok()).count();
        assert_eq!(at_once, 101);
        assert_eq!(budget.take(second, Cost::Failure), Err(second * 2));
        assert_eq!(budget.take(second * 2, Cost::TimeOut), Ok(()));
    }

    #[test]
    fn successes_refill_the_budget() {
        let mut budget = Budget::default();
        while budget.tokens > 0 {
            budget.take(Duration::ZERO, Cost::TimeOut).unwrap();
        }
        budget.take(Duration::ZERO, Cost::Failure).unwrap();
        budget.succeeded(Some(Cost::Failure));
        assert_eq!(budget.tokens, 5);
        budget.succeeded(None);
        assert_eq!(budget.tokens, 6);
        assert!(budget.take(Duration::ZERO, Cost::Failure).is_ok());
        (0..1000).for_each(|_| budget.succeeded(None));
        assert_eq!(budget.tokens, CAPACITY);
    }
}
