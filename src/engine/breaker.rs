//! Circuit breaker: when the service seems to be down, sending pauses, one request probes, and the
//! run resumes or pauses for longer.

use std::time::Duration;

/// At most this many consecutive failures, of any requests, open the breaker ...
const THRESHOLD: u32 = 10;
/// ... and at least this many: fewer are too likely to be chance.
const LOWEST_THRESHOLD: u32 = 7;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long a service that never answered is probed. The address is probably wrong.
const GIVE_UP_FIRST: Duration = Duration::from_secs(60);
/// How long a service that has answered before is probed.
const GIVE_UP: Duration = Duration::from_secs(30 * 60);

/// A failed probe does not count as an attempt of its request for this long. After that it does: a
/// request that always fails is then more likely to be at fault than the service.
const FREE_PROBE_TIME: Duration = Duration::from_secs(2 * 60);

/// A circuit breaker; all times are since the start of the run.
#[derive(Debug, Clone)]
pub struct Breaker {
    state: State,
    answered_before: bool,
    threshold: u32,
    is_probe_free: bool,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Closed { failures: u32 },
    Open { since: Duration, until: Duration, pause: Duration },
    Probing { since: Duration, pause: Duration },
}

/// Whether a request may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Yes.
    Yes,
    /// Yes, as the only one: it is the probe.
    Probe,
    /// Not before this time.
    NotBefore(Duration),
    /// Not while a probe is in flight.
    NotNow,
    /// The service has been down for too long.
    GivenUp,
}

/// The effect of a reply on the breaker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// The breaker opened, or stays open, for this long.
    Opened(Duration),
    /// The service answers again.
    Closed,
}

impl Breaker {
    /// A breaker for requests with this many attempts. It opens while the last request of a run,
    /// failing on its own, still has an attempt left. Otherwise an outage would use up the attempts
    /// of the last requests before it is recognised as one.
    pub fn new(max_attempts: u32) -> Self {
        Self {
            state: State::Closed { failures: 0 },
            answered_before: false,
            threshold: max_attempts.saturating_sub(1).clamp(LOWEST_THRESHOLD, THRESHOLD),
            // With a single attempt, nothing may be sent twice.
            is_probe_free: max_attempts > 1,
        }
    }

    /// Whether a failure at `now` does not count as an attempt of its request, because the request
    /// was the probe of a service that is down.
    pub fn is_probe_free(&self, now: Duration) -> bool {
        match self.state {
            State::Probing { since, .. } => self.is_probe_free && now < since + FREE_PROBE_TIME,
            State::Closed { .. } | State::Open { .. } => false,
        }
    }

    /// Whether a request may leave at `now`.
    pub fn permit(&self, now: Duration) -> Permit {
        match self.state {
            State::Closed { .. } => Permit::Yes,
            State::Probing { .. } => Permit::NotNow,
            State::Open { since, .. } if now >= since + self.give_up_after() => Permit::GivenUp,
            State::Open { until, .. } if now < until => Permit::NotBefore(until),
            State::Open { .. } => Permit::Probe,
        }
    }

    /// A request leaves. While the breaker is open, it is the probe.
    pub fn sent(&mut self) {
        if let State::Open { since, pause, .. } = self.state {
            self.state = State::Probing { since, pause };
        }
    }

    /// The probe was not sent after all.
    pub fn withdrawn(&mut self, now: Duration) {
        if let State::Probing { since, pause } = self.state {
            self.state = State::Open { since, until: now, pause };
        }
    }

    /// A reply arrived, or the request failed.
    pub fn on_event(&mut self, now: Duration, healthy: bool) -> Change {
        if healthy {
            self.answered_before = true;
            let was_open = !matches!(self.state, State::Closed { .. });
            self.state = State::Closed { failures: 0 };
            return if was_open { Change::Closed } else { Change::None };
        }
        match self.state {
            State::Closed { failures } if failures + 1 < self.threshold => {
                self.state = State::Closed { failures: failures + 1 };
                Change::None
            }
            State::Closed { .. } => self.open(now, now, FIRST_PAUSE),
            State::Probing { since, pause } => {
                self.open(now, since, (pause * 2).min(LONGEST_PAUSE))
            }
            // Requests that were in flight when the breaker opened give no new information.
            State::Open { .. } => Change::None,
        }
    }

    fn open(&mut self, now: Duration, since: Duration, pause: Duration) -> Change {
        self.state = State::Open { since, until: now + pause, pause };
        Change::Opened(pause)
    }

    fn give_up_after(&self) -> Duration {
        if self.answered_before { GIVE_UP } else { GIVE_UP_FIRST }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn opened() -> Breaker {
        let mut breaker = Breaker::new(100);
        for _ in 1..THRESHOLD {
            assert_eq!(breaker.on_event(at(0), false), Change::None);
        }
        assert_eq!(breaker.on_event(at(0), false), Change::Opened(at(1)));
        breaker
    }

    #[test]
    fn it_opens_after_failures_in_a_row_only() {
        let mut breaker = Breaker::new(100);
        for n in 0..1000 {
            assert_eq!(breaker.on_event(at(0), n % 9 == 0), Change::None);
        }
        assert_eq!(opened().permit(at(0)), Permit::NotBefore(at(1)));
    }

    #[test]
    fn one_probe_goes_out_after_the_pause_and_pauses_grow() {
        let mut breaker = opened();
        let mut now = at(0);
        for pause in [1, 2, 4, 8, 16, 30, 30] {
            assert_eq!(breaker.permit(now), Permit::NotBefore(now + at(pause)));
            now += at(pause);
            if now >= GIVE_UP_FIRST {
                break;
            }
            assert_eq!(breaker.permit(now), Permit::Probe);
            breaker.sent();
            assert_eq!(breaker.permit(now), Permit::NotNow);
            breaker.on_event(now, false);
        }
        assert_eq!(breaker.permit(now), Permit::GivenUp);
    }

    #[test]
    fn an_answer_closes_it_and_extends_probing() {
        let mut breaker = opened();
        breaker.sent();
        assert_eq!(breaker.on_event(at(1), true), Change::Closed);
        assert_eq!(breaker.permit(at(1)), Permit::Yes);
        for _ in 0..THRESHOLD {
            breaker.on_event(at(2), false);
        }
        assert_eq!(breaker.permit(at(2 + 60)), Permit::Probe);
        assert_eq!(breaker.permit(at(2 + 30 * 60)), Permit::GivenUp);
    }

    #[test]
    fn a_probe_that_was_not_sent_is_sent_again() {
        let mut breaker = opened();
        breaker.sent();
        breaker.withdrawn(at(5));
        assert_eq!(breaker.permit(at(5)), Permit::Probe);
    }

    #[test]
    fn it_opens_before_a_single_request_has_used_its_attempts() {
        for (max_attempts, failures) in [(1, 7), (8, 7), (9, 8), (11, 10), (50, 10)] {
            let mut breaker = Breaker::new(max_attempts);
            for _ in 1..failures {
                assert_eq!(breaker.on_event(at(0), false), Change::None);
            }
            assert_eq!(breaker.on_event(at(0), false), Change::Opened(at(1)), "{max_attempts}");
        }
    }

    #[test]
    fn a_failed_probe_is_free_for_two_minutes_and_nothing_else_is() {
        let mut breaker = opened();
        assert!(!Breaker::new(100).is_probe_free(at(0)) && !breaker.is_probe_free(at(1)));
        breaker.sent();
        assert!(breaker.is_probe_free(at(1)) && breaker.is_probe_free(at(119)));
        assert!(!breaker.is_probe_free(at(120)));
        breaker.on_event(at(2), false);
        assert!(!breaker.is_probe_free(at(2)));
    }

    #[test]
    fn no_probe_is_free_with_a_single_attempt() {
        let mut breaker = Breaker::new(1);
        for _ in 0..THRESHOLD {
            breaker.on_event(at(0), false);
        }
        breaker.sent();
        assert!(!breaker.is_probe_free(at(1)));
    }
}
