//! Short cases about one controller. Its behaviour over minutes is measured by the grid of
//! `docs/pace.md`.

use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;

use super::{Event, FLOOR_PER_S, LONGEST_WAIT, RateController, START_PER_S};
use crate::engine::fixed_rate_limiter::SLACK;

const LATENCY: Duration = Duration::from_millis(20);

/// A controller and a clock that only the test moves.
struct Run {
    pace: RateController,
    now: Duration,
}

impl Run {
    fn new(ceiling_per_s: f64) -> Self {
        Self { pace: RateController::without_slow_start(ceiling_per_s), now: Duration::ZERO }
    }

    fn rate(&self) -> f64 {
        self.pace.rate_per_s()
    }

    /// Waits for its turn and sends.
    fn send(&mut self) -> Duration {
        self.now = self.pace.next_at(self.now);
        self.pace.on(self.now, Event::Sent);
        self.now
    }

    fn accepted(&mut self) {
        let sent_at = self.send();
        self.pace.on(sent_at + LATENCY, Event::Accepted { sent_at });
    }

    fn throttled(&mut self) {
        self.throttled_for(None);
    }

    fn throttled_for(&mut self, wait: Option<Duration>) {
        let sent_at = self.send();
        self.pace.on(sent_at + LATENCY, Event::Throttled { sent_at, wait });
    }

    fn accepted_times(&mut self, times: u32) {
        for _ in 0..times {
            self.accepted();
        }
    }
}

fn assert_near(left: f64, right: f64) {
    assert!((left - right).abs() < 1e-6, "{left} is not {right}");
}

#[test]
fn it_starts_at_nine_and_a_half_or_the_ceiling() {
    assert_near(RateController::new(1000.0).rate_per_s(), START_PER_S);
    assert_near(RateController::new(3.0).rate_per_s(), 3.0);
}

#[test]
fn an_invalid_ceiling_becomes_a_very_low_one() {
    for ceiling in [0.0, -1.0, f64::NAN] {
        assert_near(RateController::new(ceiling).rate_per_s(), 0.001);
    }
}

#[test]
fn the_first_request_leaves_at_once_and_the_second_an_interval_later() {
    let mut pace = RateController::new(4.0);
    let start = Duration::from_secs(7);
    assert_eq!(pace.next_at(start), start);
    pace.on(start, Event::Sent);
    assert_eq!(pace.next_at(start), start + Duration::from_millis(250));
}

#[test]
fn next_at_changes_nothing() {
    let mut run = Run::new(4.0);
    run.accepted_times(3);
    let before = format!("{:?}", run.pace);
    let _ = run.pace.next_at(run.now);
    assert_eq!(before, format!("{:?}", run.pace));
}

#[test]
fn an_accepted_call_raises_the_pace_by_less_than_a_thousandth() {
    let mut run = Run::new(100.0);
    run.accepted();
    assert!(run.rate() > START_PER_S);
    assert!(run.rate() < START_PER_S * 1.001);
}

#[test]
fn one_throttle_cuts_one_per_cent() {
    let mut run = Run::new(100.0);
    run.accepted_times(20);
    let before = run.rate();
    run.throttled();
    assert!(run.rate() < before * 0.995, "{} of {before}", run.rate());
    assert!(run.rate() > before * 0.985, "{} of {before}", run.rate());
}

#[test]
fn throttles_close_together_cut_more_than_throttles_far_apart() {
    let share_left = |apart: u32| {
        let mut run = Run::new(9.5);
        run.throttled();
        run.accepted_times(apart);
        run.throttled();
        run.accepted_times(apart);
        let before = run.rate();
        run.throttled();
        run.rate() / before
    };
    let (close, far) = (share_left(10), share_left(150));
    assert!(close < 0.97, "{close}");
    assert!(far > 0.985, "{far}");
}

#[test]
fn calls_in_flight_at_a_cut_do_not_cut_again() {
    let mut run = Run::new(100.0);
    run.accepted_times(50);
    let (first, second) = (run.send(), run.send());
    let later = second + LATENCY;
    run.pace.on(later, Event::Throttled { sent_at: first, wait: None });
    let after_first = run.rate();
    run.pace.on(later, Event::Throttled { sent_at: second, wait: None });
    assert_near(run.rate(), after_first);
}

#[test]
fn a_burst_cuts_strongly_and_once() {
    let mut run = Run::new(100.0);
    run.accepted_times(60);
    let before = run.rate();
    // Nothing was accepted for ten seconds; then six calls in flight are throttled together.
    run.now += Duration::from_secs(10);
    let sent: Vec<Duration> = (0..6).map(|_| run.send()).collect();
    let later = run.now + LATENCY;
    for sent_at in sent {
        run.pace.on(later, Event::Throttled { sent_at, wait: None });
        assert!(run.rate() > before * 0.4, "{}", run.rate());
    }
    assert!(run.rate() < before * 0.6, "{} of {before}", run.rate());
}

#[test]
fn a_burst_cuts_to_what_is_still_accepted() {
    // Half of the calls are throttled: the quota fell from 9.5 to about 4.75 per second.
    let mut run = Run::new(100.0);
    run.accepted_times(60);
    for _ in 0..12 {
        run.throttled();
        run.accepted();
    }
    assert!(run.rate() < 6.0, "{}", run.rate());
    assert!(run.rate() > 2.0, "{}", run.rate());
}

#[test]
fn nothing_is_sent_before_a_wait_is_over() {
    for wait_ms in [1, 100, 300, 1500, 30_000] {
        let wait = Duration::from_millis(wait_ms);
        let mut run = Run::new(100.0);
        let sent_at = run.send();
        let answered_at = sent_at + LATENCY;
        run.pace.on(answered_at, Event::Throttled { sent_at, wait: Some(wait) });
        assert!(run.pace.next_at(answered_at) >= answered_at + wait);
        // An answer to an earlier call does not lift it, nor does a shorter hint.
        run.pace.on(answered_at, Event::Accepted { sent_at });
        run.pace.on(answered_at, Event::Throttled { sent_at, wait: Some(wait / 2) });
        assert!(run.pace.next_at(answered_at) >= answered_at + wait);
    }
}

#[test]
fn after_a_wait_requests_leave_one_by_one() {
    let mut run = Run::new(100.0);
    run.throttled_for(Some(Duration::from_secs(30)));
    let first = run.send();
    let second = run.send();
    let gap = second.saturating_sub(first);
    assert!(gap > Duration::from_millis(90), "{gap:?}");
}

#[test]
fn a_wait_of_years_is_shortened() {
    let mut run = Run::new(100.0);
    run.throttled_for(Some(Duration::MAX));
    assert!(run.pace.next_at(run.now) <= run.now + LATENCY + LONGEST_WAIT);
}

#[test]
fn after_a_long_wait_the_rate_is_the_quota_of_the_window() {
    // 300 calls at about 9.5 per second, then exhausted until second 60: 5 per second.
    let mut run = Run::new(9.5);
    run.accepted_times(300);
    run.throttled_for(Some(Duration::from_secs(60).saturating_sub(run.now)));
    assert!(run.rate() > 4.5 && run.rate() < 5.5, "{}", run.rate());
}

#[test]
fn idle_time_does_not_turn_into_a_burst() {
    let mut run = Run::new(100.0);
    run.accepted_times(30);
    run.now += Duration::from_secs(3600);
    let first = run.send();
    let second = run.send();
    let gap_s = second.saturating_sub(first).as_secs_f64();
    assert!((gap_s - 1.0 / run.rate()).abs() < 1e-3, "{gap_s}");
}

#[test]
fn a_timer_that_fires_late_does_not_lower_the_pace() {
    let mut pace = RateController::without_slow_start(20.0);
    let mut now = Duration::ZERO;
    for _ in 0..1000 {
        now = pace.next_at(now) + Duration::from_millis(7);
        pace.on(now, Event::Sent);
    }
    let sent_per_s = 1000.0 / now.as_secs_f64();
    assert!(sent_per_s > 9.45, "{sent_per_s}");
}

#[test]
fn a_rate_that_is_not_used_is_not_raised() {
    let mut run = Run::new(100.0);
    for _ in 0..1000 {
        run.now += Duration::from_millis(500);
        run.accepted();
    }
    assert!(run.rate() < START_PER_S * 1.01, "{}", run.rate());
}

#[test]
fn after_quiet_the_pace_ramps_up() {
    let mut run = Run::new(1000.0);
    while run.now < Duration::from_secs(40) {
        run.accepted();
    }
    assert!(run.rate() > 100.0, "{}", run.rate());
}

#[test]
fn the_throttle_that_ends_a_small_ramp_takes_it_back() {
    let mut run = Run::new(1000.0);
    // The first limit is near the start.
    run.accepted_times(40);
    run.throttled();
    let settled = run.rate();
    while run.rate() < settled * 1.05 {
        run.accepted();
    }
    run.throttled();
    assert!(run.rate() < settled * 1.03, "{} after {settled}", run.rate());
    assert!(run.rate() > settled * 0.98, "{} after {settled}", run.rate());
}

#[test]
fn calls_throttled_one_after_the_other_cut_as_one() {
    // A window ran out a little early: three calls in a row, each sent after the cut of the one
    // before was known.
    let mut run = Run::new(100.0);
    run.accepted_times(200);
    let before = run.rate();
    for _ in 0..3 {
        run.throttled();
    }
    assert!(run.rate() > before * 0.85, "{} of {before}", run.rate());
}

#[test]
fn an_exhausted_quota_is_probed_rarely_but_not_never() {
    let mut run = Run::new(100.0);
    run.accepted_times(100);
    let closed_at = run.now;
    let mut asked = 0;
    while run.now < closed_at + Duration::from_secs(60) {
        run.throttled();
        asked += 1;
    }
    assert!((25..50).contains(&asked), "{asked}");
}

#[test]
fn the_rate_is_restored_as_soon_as_the_server_accepts_again() {
    let mut run = Run::new(9.5);
    run.accepted_times(570);
    for _ in 0..12 {
        run.throttled();
    }
    assert!(run.rate() < 2.0, "{}", run.rate());
    let asked_at = run.send();
    run.now = asked_at + LATENCY;
    run.pace.on(run.now, Event::Accepted { sent_at: asked_at });
    assert!(run.rate() > 7.0, "{}", run.rate());
    // The long interval of the exhaustion is gone as well.
    assert!(run.pace.next_at(run.now) < asked_at + Duration::from_millis(200));
}

#[test]
fn an_answer_to_a_call_before_the_exhaustion_does_not_end_it() {
    let mut run = Run::new(9.5);
    run.accepted_times(100);
    let early = run.send();
    for _ in 0..8 {
        run.throttled();
    }
    let closed = run.rate();
    run.pace.on(run.now + LATENCY, Event::Accepted { sent_at: early });
    assert_near(run.rate(), closed);
}

#[test]
fn endless_throttling_ends_at_the_floor() {
    let mut run = Run::new(100.0);
    for _ in 0..200 {
        // A single accepted call between them: never an exhaustion, always a burst.
        run.throttled();
        run.throttled();
        run.throttled();
        run.accepted();
    }
    assert!(run.rate() >= FLOOR_PER_S);
    let next = run.pace.next_at(run.now);
    assert!(next <= run.now + Duration::from_secs(5));
}

#[derive(Debug, Clone)]
enum Step {
    Send { late_ms: u64 },
    Answer { which: usize, after_ms: u64, verdict: Result<(), Option<u64>> },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..40_u64).prop_map(|late_ms| Step::Send { late_ms }),
        1 => (0..20_000_u64).prop_map(|late_ms| Step::Send { late_ms }),
        3 => (any::<usize>(), 0..400_u64)
            .prop_map(|(which, after_ms)| Step::Answer { which, after_ms, verdict: Ok(()) }),
        2 => (any::<usize>(), 0..400_u64, proptest::option::of(0..70_000_u64)).prop_map(
            |(which, after_ms, wait_ms)| Step::Answer {
                which,
                after_ms,
                verdict: Err(wait_ms)
            }
        ),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(2026),
        ..ProptestConfig::default()
    })]

    /// For any sequence of events: never above the ceiling, never two requests closer than it
    /// allows except after a late timer, never inside a wait, never below the floor, and there is
    /// always a next time.
    #[test]
    fn the_promises_hold_over_any_events(
        ceiling_per_s in 0.05..500.0_f64,
        steps in proptest::collection::vec(step(), 1..400),
    ) {
        let mut pace = RateController::new(ceiling_per_s);
        let mut again = pace.clone();
        let (mut now, mut held_until) = (Duration::ZERO, Duration::ZERO);
        let mut last_sent: Option<Duration> = None;
        let mut sent: Vec<Duration> = Vec::new();
        let mut in_flight: Vec<Duration> = Vec::new();
        for step in steps {
            let event = match step {
                Step::Send { late_ms } => {
                    let at = pace.next_at(now);
                    prop_assert!(at >= now && at >= held_until);
                    // Five seconds at the floor, or one interval of a lower ceiling.
                    let longest = Duration::from_secs_f64((1.0 / ceiling_per_s).max(5.0) + 0.001);
                    prop_assert!(at <= now.max(held_until) + longest);
                    now = at + Duration::from_millis(late_ms);
                    if let Some(last) = last_sent.replace(now) {
                        let gap_s = now.saturating_sub(last).as_secs_f64();
                        let slack_s = SLACK.as_secs_f64();
                        prop_assert!(gap_s >= 1.0 / ceiling_per_s - slack_s - 1e-6, "{gap_s}");
                    }
                    sent.push(now);
                    for (more, earlier) in (1_u32..).zip(sent.iter().rev().skip(1)) {
                        let most = now.saturating_sub(*earlier).as_secs_f64() * ceiling_per_s + 1.001;
                        prop_assert!(f64::from(more) <= most, "{more} within the time for {most}");
                    }
                    in_flight.push(now);
                    Event::Sent
                }
                Step::Answer { which, after_ms, verdict } => {
                    if in_flight.is_empty() {
                        continue;
                    }
                    let sent_at = in_flight.swap_remove(which % in_flight.len());
                    now += Duration::from_millis(after_ms);
                    match verdict {
                        Ok(()) => Event::Accepted { sent_at },
                        Err(wait_ms) => {
                            let wait = wait_ms.map(Duration::from_millis);
                            held_until = held_until.max(now + wait.unwrap_or_default());
                            Event::Throttled { sent_at, wait }
                        }
                    }
                }
            };
            let before = pace.rate_per_s();
            pace.on(now, event);
            again.on(now, event);
            prop_assert_eq!(format!("{:?}", &pace), format!("{:?}", &again));
            let rate = pace.rate_per_s();
            prop_assert!(rate <= ceiling_per_s);
            prop_assert!(rate >= FLOOR_PER_S.min(ceiling_per_s));
            if matches!(event, Event::Throttled { .. }) && rate > before {
                // Only the announced end of an exhaustion may raise it.
                let hinted = matches!(event, Event::Throttled { wait: Some(_), .. });
                prop_assert!(hinted, "{before} became {rate}");
            }
        }
    }
}

#[test]
fn waits_with_nothing_accepted_between_are_one_exhaustion_and_cut_once() {
    let mut pace = RateController::new(10.0);
    let wait = Some(Duration::from_secs(2));
    let mut now = Duration::ZERO;
    let mut rates = Vec::new();
    for _ in 0..30 {
        let sent_at = pace.next_at(now);
        pace.on(sent_at, Event::Sent);
        now = sent_at + Duration::from_millis(80);
        pace.on(now, Event::Throttled { sent_at, wait });
        rates.push(pace.rate_per_s());
    }
    assert!(rates.iter().all(|rate| (*rate - rates[0]).abs() < 1e-9 && *rate > 1.0), "{rates:?}");
    assert_eq!(pace.next_at(now), now + Duration::from_secs(2));
}

/// Sends for that long to a server with windows of a second that end `phase` into a second, at a
/// constant latency, and counts.
struct SecondWindows {
    quota: u32,
    phase: Duration,
    latency: Duration,
}

impl SecondWindows {
    /// The accepted and the throttled calls, and the rate at the end.
    fn play(&self, mut pace: RateController, end: Duration) -> (u32, u32, f64) {
        let (mut window, mut used, mut accepted, mut throttled) = (0, 0, 0, 0);
        let mut answers: VecDeque<(Duration, Duration, bool)> = VecDeque::new();
        let mut now = Duration::ZERO;
        while now < end {
            let next_at = pace.next_at(now);
            if let Some((at, sent_at, is_accepted)) =
                answers.pop_front_if(|(at, ..)| *at <= next_at)
            {
                now = at;
                let throttled = Event::Throttled { sent_at, wait: None };
                pace.on(now, if is_accepted { Event::Accepted { sent_at } } else { throttled });
                continue;
            }
            now = next_at;
            pace.on(now, Event::Sent);
            let this = (now + self.latency / 2 + self.phase).as_secs();
            if this != window {
                (window, used) = (this, 0);
            }
            used += 1;
            let is_accepted = used <= self.quota;
            *(if is_accepted { &mut accepted } else { &mut throttled }) += 1;
            answers.push_back((now + self.latency, now, is_accepted));
        }
        (accepted, throttled, pace.rate_per_s())
    }
}

#[test]
fn the_first_window_of_a_second_that_is_used_up_gives_the_quota() {
    for quota in [33, 75, 120, 350] {
        for phase in [0, 250, 500, 750].map(Duration::from_millis) {
            for latency in [8, 60, 250].map(Duration::from_millis) {
                let server = SecondWindows { quota, phase, latency };
                let (.., rate) = server.play(RateController::new(2000.0), Duration::from_secs(5));
                let share = rate / f64::from(quota);
                assert!((0.65..1.25).contains(&share), "{quota} {phase:?} {latency:?}: {rate}");
            }
        }
    }
}

#[test]
fn a_ceiling_that_is_reached_before_the_window_ends_hides_no_quota() {
    // `--rate 200` and 120 per second.
    for phase in [0, 250, 500, 750].map(Duration::from_millis) {
        let server = SecondWindows { quota: 120, phase, latency: Duration::from_millis(24) };
        let (.., rate) = server.play(RateController::new(200.0), Duration::from_secs(5));
        assert!((95.0..140.0).contains(&rate), "{phase:?}: {rate}");
    }
}

#[test]
fn an_operation_takes_over_what_another_leaves() {
    let mut run = Run::new(100.0);
    run.accepted_times(20);
    run.throttled();
    let before = run.rate();
    run.pace.on_quota_freed(10.0);
    let from = run.now;
    while run.now < from + Duration::from_secs(3) {
        run.accepted();
    }
    assert!(run.rate() > before + 9.0, "{}", run.rate());
    assert!(run.rate() < before + 12.0, "{}", run.rate());
}

#[test]
fn of_several_operations_each_probes_more_rarely() {
    let rate_after = |operations: usize| {
        let mut run = Run::new(100.0);
        run.pace.share_among(operations);
        run.throttled();
        while run.now < Duration::from_secs(8) {
            run.accepted();
        }
        run.rate()
    };
    let (alone, of_three) = (rate_after(1), rate_after(3));
    assert!(alone > START_PER_S * 1.08, "{alone}");
    assert!(of_three < START_PER_S * 1.01, "{of_three}");
}
