//! Requests over time, from the attempts of a ledger.

use crate::ledger::{Attempt, AttemptState, Ledger, LedgerError, RunRecord};
use crate::model::Status;
use jiff::{SignedDuration, Timestamp};

/// Intervals of the whole timeline, at most; one for each run if there are more runs.
const MOST_INTERVALS: usize = 240;

/// The shortest interval, in milliseconds.
const SHORTEST_MS: i64 = 1000;

/// What happened in one interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Interval {
    /// Requests with an answer other than throttling.
    pub(super) answered: u64,
    /// Requests that were throttled.
    pub(super) throttled: u64,
    /// Requests without a usable answer.
    pub(super) lost: u64,
    /// Grants that were settled.
    pub(super) settled: u64,
}

impl Interval {
    fn add(&mut self, other: Self) {
        self.answered += other.answered;
        self.throttled += other.throttled;
        self.lost += other.lost;
        self.settled += other.settled;
    }

    /// All requests.
    pub(super) fn sent(self) -> u64 {
        self.answered + self.throttled + self.lost
    }

    fn of(attempt: &Attempt) -> Self {
        let Some(result) = &attempt.result else { return Self { lost: 1, ..Self::default() } };
        let grants = attempt.grants.len() as u64;
        let open = result.exceptions.iter().filter(|item| item.status == Status::Unknown).count();
        match result.state {
            AttemptState::Answered => {
                Self { answered: 1, settled: grants - open as u64, ..Self::default() }
            }
            AttemptState::Refused => Self { answered: 1, settled: grants, ..Self::default() },
            AttemptState::Split | AttemptState::Stopped | AttemptState::Expired => {
                Self { answered: 1, ..Self::default() }
            }
            AttemptState::Throttled => Self { throttled: 1, ..Self::default() },
            AttemptState::Lost => Self { lost: 1, ..Self::default() },
            AttemptState::Unconnected | AttemptState::Withdrawn => Self::default(),
        }
    }
}

/// One run of the command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RunSpan {
    /// When it sent the first request.
    pub(super) started_at: Timestamp,
    /// Its intervals, from then on.
    pub(super) intervals: Vec<Interval>,
}

/// The requests of all runs. The time between runs is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Timeline {
    /// The length of each interval, in milliseconds.
    pub(super) interval_ms: i64,
    /// The runs that sent requests, in their order.
    pub(super) runs: Vec<RunSpan>,
}

impl Timeline {
    /// Reads a ledger; `runs` are its runs.
    pub(super) fn read(ledger: &Ledger, runs: &[RunRecord]) -> Result<Self, LedgerError> {
        let starts: Vec<Timestamp> = runs.iter().filter_map(|run| run.started_at).collect();
        let mut spans: Vec<Option<GrowingSpan>> = vec![None; starts.len().max(1)];
        ledger.attempts(|attempt| {
            let started = starts.partition_point(|start| *start <= attempt.intended_at);
            let span = &mut spans[started.saturating_sub(1)];
            let span = span.get_or_insert_with(|| GrowingSpan::new(attempt.intended_at));
            let at = attempt.result.as_ref().map_or(attempt.intended_at, |r| r.finished_at);
            span.add(at, Interval::of(&attempt));
        })?;
        Ok(Self::of(spans.into_iter().flatten().collect()))
    }

    /// Brings all runs to intervals of one length.
    fn of(mut spans: Vec<GrowingSpan>) -> Self {
        let longest = spans.iter().map(|span| span.interval_ms).max();
        let mut interval_ms = longest.unwrap_or(SHORTEST_MS);
        let most = MOST_INTERVALS.max(spans.len());
        loop {
            for span in &mut spans {
                while span.interval_ms < interval_ms {
                    span.double();
                }
            }
            if spans.iter().map(|span| span.intervals.len()).sum::<usize>() <= most {
                break;
            }
            interval_ms *= 2;
        }
        let runs = spans
            .into_iter()
            .map(|span| RunSpan { started_at: span.started_at, intervals: span.intervals });
        Self { interval_ms, runs: runs.collect() }
    }

    /// All intervals, in their order.
    pub(super) fn intervals(&self) -> impl Iterator<Item = Interval> + '_ {
        self.runs.iter().flat_map(|run| run.intervals.iter().copied())
    }

    /// Whether nothing was sent.
    pub(super) fn is_empty(&self) -> bool {
        self.intervals().all(|interval| interval.sent() == 0)
    }
}

/// The intervals of a run whose length is not known yet: they double when there are too many.
#[derive(Debug, Clone)]
struct GrowingSpan {
    started_at: Timestamp,
    interval_ms: i64,
    intervals: Vec<Interval>,
}

impl GrowingSpan {
    fn new(started_at: Timestamp) -> Self {
        Self { started_at, interval_ms: SHORTEST_MS, intervals: Vec::new() }
    }

    /// Adds what happened at a time. A time before the start, by a clock that was set back, counts
    /// as the start.
    fn add(&mut self, at: Timestamp, what: Interval) {
        let since: SignedDuration = at.duration_since(self.started_at);
        let since_ms = i64::try_from(since.as_millis()).unwrap_or(0).max(0);
        let place_at = |interval_ms| usize::try_from(since_ms / interval_ms).unwrap_or(0);
        while place_at(self.interval_ms) >= MOST_INTERVALS {
            self.double();
        }
        let place = place_at(self.interval_ms);
        if self.intervals.len() <= place {
            self.intervals.resize(place + 1, Interval::default());
        }
        self.intervals[place].add(what);
    }

    fn double(&mut self) {
        self.interval_ms *= 2;
        let pairs = self.intervals.chunks(2).map(|pair| {
            let mut sum = pair[0];
            pair.iter().skip(1).for_each(|interval| sum.add(*interval));
            sum
        });
        self.intervals = pairs.collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_767_225_600 + seconds).unwrap()
    }

    fn span(start_s: i64, ends_s: &[i64]) -> GrowingSpan {
        let mut span = GrowingSpan::new(at(start_s));
        for end in ends_s {
            span.add(at(*end), Interval { answered: 1, settled: 2, ..Interval::default() });
        }
        span
    }

    #[test]
    fn a_long_run_has_no_more_intervals_than_a_short_one_and_loses_no_request() {
        let every_second: Vec<i64> = (0..100_000).collect();
        let timeline = Timeline::of(vec![span(0, &every_second)]);
        assert!(timeline.intervals().count() <= MOST_INTERVALS);
        assert_eq!(timeline.intervals().map(Interval::sent).sum::<u64>(), 100_000);
        assert_eq!(timeline.interval_ms, 512_000);
    }

    #[test]
    fn the_time_between_runs_takes_no_space() {
        let day = 86_400;
        let timeline = Timeline::of(vec![span(0, &[0, 1, 9]), span(day, &[day, day + 2])]);
        assert_eq!(timeline.interval_ms, 1000);
        let lengths: Vec<usize> = timeline.runs.iter().map(|run| run.intervals.len()).collect();
        assert_eq!(lengths, [10, 3]);
        assert_eq!(timeline.intervals().map(|interval| interval.settled).sum::<u64>(), 10);
    }

    #[test]
    fn many_runs_have_intervals_of_one_length() {
        let runs: Vec<GrowingSpan> =
            (0..300).map(|n| span(n * 100, &[n * 100, n * 100 + 50])).collect();
        let timeline = Timeline::of(runs);
        assert_eq!(timeline.intervals().count(), 300);
        assert_eq!(timeline.interval_ms, 64_000);
    }

    #[test]
    fn a_clock_that_was_set_back_loses_nothing() {
        let timeline = Timeline::of(vec![span(100, &[50, 101])]);
        assert_eq!(timeline.intervals().map(Interval::sent).collect::<Vec<_>>(), [1, 1]);
    }
}
