//! When the service seems to be down: pause, send one request to see, and resume or pause longer.

use std::time::Duration;

/// Failures in a row, of any requests, that open the breaker at the latest ...
const THRESHOLD: u32 = 10;
/// ... and at the earliest: fewer are too easily chance.
const THRESHOLD_LEAST: u32 = 7;
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// How long a service that never answered is probed: probably the address is wrong.
const GIVE_UP_FIRST: Duration = Duration::from_secs(60);
/// How long a service that did answer before is probed.
const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// For so long a probe that fails costs its request no try. After that it does: what always fails
/// is then more likely to be the request than the service.
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
    /// It may.
    Yes,
    /// It may, alone, as a probe.
    Probe,
    /// Not before then.
    NotBefore(Duration),
    /// Not while a probe is under way.
    NotNow,
    /// The service has been down for too long.
    GivenUp,
}

/// What changed by a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// The breaker opened, or stays open, for so long.
    Opened(Duration),
    /// The service answers again.
    Closed,
}

impl Breaker {
    /// A breaker for requests that may be tried so often. It opens while a request that failed
    /// each time, all alone at the end of a run, has a try left: else an outage would use up the
    /// tries of the last requests before anything is taken for an outage.
    pub fn new(max_attempts: u32) -> Self {
        Self {
            state: State::Closed { failures: 0 },
            answered_before: false,
            threshold: max_attempts.saturating_sub(1).clamp(THRESHOLD_LEAST, THRESHOLD),
            // Who allows one attempt wants nothing to be sent twice.
            is_probe_free: max_attempts > 1,
        }
    }

    /// Whether a request whose failure is heard of at `now` keeps the try that it cost: it was
    /// sent to see whether the service is back, and the service is to blame.
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
            State::Open { since, .. } if now >= since + self.patience() => Permit::GivenUp,
            State::Open { until, .. } if now < until => Permit::NotBefore(until),
            State::Open { .. } => Permit::Probe,
        }
    }

    /// A request leaves; while the breaker is open that is the probe.
    pub fn sent(&mut self) {
        if let State::Open { since, pause, .. } = self.state {
            self.state = State::Probing { since, pause };
        }
    }

    /// The probe did not leave after all.
    pub fn withdrawn(&mut self, now: Duration) {
        if let State::Probing { since, pause } = self.state {
            self.state = State::Open { since, until: now, pause };
        }
    }

    /// A reply came, or failed to.
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
            // Requests that were under way when it opened say nothing new.
            State::Open { .. } => Change::None,
        }
    }

    fn open(&mut self, now: Duration, since: Duration, pause: Duration) -> Change {
        self.state = State::Open { since, until: now + pause, pause };
        Change::Opened(pause)
    }

    fn patience(&self) -> Duration {
        if self.answered_before { PATIENCE } else { GIVE_UP_FIRST }
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
    fn an_answer_closes_it_and_earns_patience() {
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
    fn a_probe_that_never_left_is_given_back() {
        let mut breaker = opened();
        breaker.sent();
        breaker.withdrawn(at(5));
        assert_eq!(breaker.permit(at(5)), Permit::Probe);
    }

    #[test]
    fn it_opens_before_a_lone_request_has_used_up_its_tries() {
        for (max_attempts, failures) in [(1, 7), (8, 7), (9, 8), (11, 10), (50, 10)] {
            let mut breaker = Breaker::new(max_attempts);
            for _ in 1..failures {
                assert_eq!(breaker.on_event(at(0), false), Change::None);
            }
            assert_eq!(breaker.on_event(at(0), false), Change::Opened(at(1)), "{max_attempts}");
        }
    }

    #[test]
    fn a_probe_is_spared_for_two_minutes_and_nothing_else_ever_is() {
        let mut breaker = opened();
        assert!(!Breaker::new(100).is_probe_free(at(0)) && !breaker.is_probe_free(at(1)));
        breaker.sent();
        assert!(breaker.is_probe_free(at(1)) && breaker.is_probe_free(at(119)));
        assert!(!breaker.is_probe_free(at(120)));
        breaker.on_event(at(2), false);
        assert!(!breaker.is_probe_free(at(2)));
    }

    #[test]
    fn nothing_is_spared_where_one_attempt_is_allowed() {
        let mut breaker = Breaker::new(1);
        for _ in 0..THRESHOLD {
            breaker.on_event(at(0), false);
        }
        breaker.sent();
        assert!(!breaker.is_probe_free(at(1)));
    }
}
