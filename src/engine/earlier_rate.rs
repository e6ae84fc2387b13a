//! The rate at which a resumed run, or a fleet after idle time, starts: from what the service
//! sustained before.

use super::rate_controller::{RateController, START_PER_S, seconds_from};
use super::send_queue::Queue;
use crate::model::Operation;
use crate::plan::Plan;
use crate::verdicts::{AnsweredAttempt, LedgerState};
use jiff::Timestamp;
use std::time::Duration;

/// The answers of the last so many seconds count.
const COUNTED_S: f64 = 10.0;

/// With fewer answers, or within less time, nothing is known.
const LEAST_ANSWERS: usize = 20;
const LEAST_S: f64 = 1.0;

/// The share of the earlier rate to start with: the quota may be lower by now.
const SHARE: f64 = 0.8;

/// After this time the start is half-way back to that of a first run.
const HALF_LIFE: Duration = Duration::from_secs(60 * 60);

/// A rate to start with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct EarlierRate {
    /// In requests per second.
    pub(crate) per_s: f64,
    /// Whether the service throttled the earlier run, so that its quota is roughly known.
    pub(crate) is_limit_known: bool,
}

impl EarlierRate {
    /// The rate to start with, `idle` after this one was sustained: a share of it, and after longer
    /// time nearer to the start of a first run. Without a throttled call the quota was never reached,
    /// so the start is not below that of a first run.
    #[must_use]
    pub(crate) fn after(self, idle: Duration) -> Self {
        let shared_per_s = self.per_s * SHARE;
        let known_per_s =
            if self.is_limit_known { shared_per_s } else { shared_per_s.max(START_PER_S) };
        Self { per_s: faded(known_per_s, idle), ..self }
    }

    /// The controller that starts at this rate.
    pub(crate) fn controller(self, ceiling_per_s: f64) -> RateController {
        if self.is_limit_known {
            RateController::starting_at(ceiling_per_s, self.per_s)
        } else {
            RateController::searching_from(ceiling_per_s, self.per_s)
        }
    }
}

/// What is left of a known rate after idle time.
pub(crate) fn faded(known_per_s: f64, idle: Duration) -> f64 {
    let weight = 0.5_f64.powf(idle.as_secs_f64() / HALF_LIFE.as_secs_f64());
    START_PER_S + (known_per_s - START_PER_S) * weight
}

/// The least time in seconds that a resumed run takes for what is left, at this ceiling.
pub(crate) fn seconds_left(
    plan: &Plan,
    state: &LedgerState,
    now: Timestamp,
    ceiling_per_s: f64,
) -> f64 {
    let is_open = |grant| !state.verdicts.is_settled(grant);
    let waiting = Queue::new(plan, state.sent_requests(plan), None, is_open).waiting(plan);
    let seconds = Operation::of(plan.action()).map(|operation| {
        let earlier = earlier_rate_of(plan, state, operation, now);
        let start = earlier.map_or((START_PER_S, false), |rate| (rate.per_s, rate.is_limit_known));
        seconds_from(waiting[operation.index()], start, ceiling_per_s)
    });
    seconds.into_iter().fold(0.0, f64::max)
}

/// What an earlier run of the job shows of the quota of an operation.
pub(super) fn earlier_rate_of(
    plan: &Plan,
    state: &LedgerState,
    operation: Operation,
    now: Timestamp,
) -> Option<EarlierRate> {
    let is_of_operation =
        |attempt: &&AnsweredAttempt| plan.operation_of(plan.request_of(attempt.grant)) == operation;
    let answers = state.recent.iter().filter(is_of_operation);
    let answers: Vec<_> = answers.map(|answer| (answer.at, answer.is_throttled)).collect();
    earlier_rate(&answers, now)
}

/// The rate to start with at `now`, from the answers of an earlier run: their times, and whether they
/// were throttled. `None` if they are too few.
#[expect(clippy::cast_precision_loss, reason = "the calls of ten seconds")]
fn earlier_rate(answers: &[(Timestamp, bool)], now: Timestamp) -> Option<EarlierRate> {
    let end = answers.iter().map(|(at, _)| *at).max()?;
    let age_s = |at: Timestamp| end.duration_since(at).as_secs_f64();
    let counted: Vec<_> = answers.iter().filter(|(at, _)| age_s(*at) < COUNTED_S).collect();
    let accepted = counted.iter().filter(|(_, is_throttled)| !is_throttled).count();
    let span_s = counted.iter().map(|(at, _)| age_s(*at)).fold(0.0, f64::max);
    if accepted < LEAST_ANSWERS || span_s < LEAST_S {
        return None;
    }
    let sustained = EarlierRate {
        per_s: (accepted - 1) as f64 / span_s,
        is_limit_known: accepted < counted.len(),
    };
    // A clock that was set back gives no more weight.
    let idle = Duration::try_from(now.duration_since(end)).unwrap_or_default();
    Some(sustained.after(idle))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::Collector;
    use crate::ledger::{Attempt, AttemptResult, AttemptState, GrantSet};
    use crate::model::{Account, Grant, Grantee, GranteeKind, Kind};
    use jiff::SignedDuration;

    fn at(seconds: f64) -> Timestamp {
        Timestamp::UNIX_EPOCH + SignedDuration::from_secs_f64(seconds)
    }

    /// Answers at a constant rate, every `throttled`-th of them throttled.
    fn answers(per_s: f64, seconds: f64, throttled: usize) -> Vec<(Timestamp, bool)> {
        let mut all = Vec::new();
        let mut time = 0.0;
        while time <= seconds {
            all.push((at(time), throttled > 0 && all.len() % throttled == 1));
            time += 1.0 / per_s;
        }
        all
    }

    #[test]
    fn a_run_starts_at_four_fifths_of_what_was_sustained() {
        let known = earlier_rate(&answers(50.0, 30.0, 50), at(31.0)).unwrap();
        assert!((38.0..41.0).contains(&known.per_s) && known.is_limit_known, "{known:?}");
        let slow = earlier_rate(&answers(4.0, 30.0, 10), at(31.0)).unwrap();
        assert!((2.5..3.3).contains(&slow.per_s), "{slow:?}");
    }

    #[test]
    fn without_a_throttled_call_the_start_is_not_below_that_of_a_first_run() {
        let open = earlier_rate(&answers(9.5, 30.0, 0), at(31.0)).unwrap();
        assert!(!open.is_limit_known && (open.per_s - START_PER_S).abs() < 1e-9, "{open:?}");
        let fast = earlier_rate(&answers(200.0, 30.0, 0), at(31.0)).unwrap();
        assert!((155.0..162.0).contains(&fast.per_s), "{fast:?}");
    }

    #[test]
    fn the_evidence_fades_and_too_little_of_it_is_none() {
        let all = answers(100.0, 20.0, 100);
        let after = |hours: f64| earlier_rate(&all, at(20.0 + hours * 3600.0)).unwrap().per_s;
        assert!(after(0.0) > after(1.0) && after(1.0) > after(4.0));
        let half = f64::midpoint(after(0.0), START_PER_S);
        assert!((after(1.0) - half).abs() < 0.1, "{}", after(1.0));
        assert!((after(48.0) - START_PER_S).abs() < 0.01);
        assert_eq!(earlier_rate(&answers(10.0, 1.5, 0), at(2.0)), None);
        assert_eq!(earlier_rate(&answers(100.0, 0.5, 0), at(2.0)), None);
        assert_eq!(earlier_rate(&[], at(2.0)), None);
        // A clock that was set back does not give more weight.
        assert!((after(-1.0) - after(0.0)).abs() < 0.01);
    }

    /// 400 requests of one operation, of which an earlier run had this many answered at 50 per second,
    /// some of them throttled.
    fn resumed(answered: u32, throttled_every: u32) -> (Plan, LedgerState) {
        let mut collector = Collector::default();
        for user in 0..400 {
            let id = user.to_string();
            let grantee = Grantee { kind: GranteeKind::User, id: id.as_str() };
            let (kind, account) = (Kind::Host, Account::Whole);
            let (instance_id, region) = ("i", "r");
            let grant = Grant { instance_id, region, grantee, kind, target: "1", account };
            collector.push(&grant).unwrap();
        }
        let plan = Plan::new(collector.finish());
        let mut state = LedgerState::new(plan.grants());
        for n in 0..answered {
            let is_throttled = n % throttled_every == throttled_every / 2;
            let sent = if is_throttled { AttemptState::Throttled } else { AttemptState::Answered };
            let result = AttemptResult {
                state: sent,
                last: false,
                code: "".into(),
                message: String::new(),
                request_id: String::new(),
                finished_at: at(f64::from(n) / 50.0),
                exceptions: Vec::new(),
            };
            let grants = GrantSet::range(n..n + 1);
            let intended_at = result.finished_at;
            state.apply(Attempt { id: n.into(), grants, intended_at, result: Some(result) });
        }
        (plan, state)
    }

    #[test]
    fn the_time_left_of_a_resume_counts_from_the_remembered_rate() {
        // Nothing was throttled: 40 per second at first, doubling to 400.
        let (plan, state) = resumed(200, 1000);
        let left_s = seconds_left(&plan, &state, at(4.0), 400.0);
        let from_start_s = seconds_from(200, (START_PER_S, false), 400.0);
        assert!(left_s < from_start_s - 0.3, "{left_s} and not {from_start_s}");
        // The quota is roughly known: about 39 per second, and a gentle rise.
        let (plan, state) = resumed(200, 50);
        let left_s = seconds_left(&plan, &state, at(4.0), 400.0);
        assert!((2.8..3.2).contains(&left_s), "{left_s}");
        // At the default rate it is the rate itself.
        assert!((seconds_left(&plan, &state, at(4.0), 10.0) - 20.4).abs() < 0.05);
    }
}
