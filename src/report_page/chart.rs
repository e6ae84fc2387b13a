//! The shapes of the timeline.

use super::timeline::{Interval, Timeline};
use crate::clock::utc_seconds;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

/// The width of the drawing. The page stretches it.
const WIDTH: f64 = 1000.0;
/// The height of one diagram.
const HEIGHT: f64 = 100.0;
/// Rows of the table of figures, at most.
const MOST_FIGURES: usize = 24;

/// The timeline as two diagrams and a table.
#[derive(Debug, Serialize)]
pub(super) struct Chart {
    /// Stacked bars: requests per second by their result.
    bars: Vec<Bar>,
    /// The polygon of revocations per second.
    pace: String,
    most_requests_per_s: String,
    most_revocations_per_s: String,
    has_throttled: bool,
    has_lost: bool,
    from: String,
    to: String,
    /// The places where a further run begins.
    runs: Vec<RunMark>,
    figures: Vec<Figure>,
}

#[derive(Debug, Serialize)]
struct Bar {
    class: &'static str,
    x: String,
    y: String,
    width: String,
    height: String,
}

#[derive(Debug, Serialize)]
struct RunMark {
    x: String,
    at: String,
}

#[derive(Debug, Serialize)]
struct Figure {
    at: String,
    answered: u64,
    throttled: u64,
    lost: u64,
    settled: u64,
}

impl Chart {
    /// Draws a timeline; `None` if nothing was sent.
    pub(super) fn of(timeline: &Timeline) -> Option<Self> {
        if timeline.is_empty() {
            return None;
        }
        let all: Vec<Interval> = timeline.intervals().collect();
        let per_s = |count: u64| float(count) * 1000.0 / float(timeline.interval_ms.unsigned_abs());
        let most = |of: fn(Interval) -> u64| per_s(all.iter().map(|i| of(*i)).max().unwrap_or(0));
        let (most_sent, most_settled) = (most(Interval::sent), most(|interval| interval.settled));
        let width = WIDTH / float(all.len() as u64);
        let mut bars = Vec::new();
        let mut pace = vec![format!("0,{HEIGHT}")];
        for (at, interval) in all.iter().enumerate() {
            let x = float(at as u64) * width;
            let mut top = HEIGHT;
            let Interval { answered, throttled, lost, settled } = *interval;
            for (class, count) in [("answered", answered), ("throttled", throttled), ("lost", lost)]
            {
                let height = scaled(per_s(count), most_sent);
                top -= height;
                if count > 0 {
                    let width = number(width * 0.9);
                    let (x, y, height) = (number(x), number(top), number(height));
                    bars.push(Bar { class, x, y, width, height });
                }
            }
            let y = number(HEIGHT - scaled(per_s(settled), most_settled));
            pace.extend([x, x + width].map(|x| format!("{},{y}", number(x))));
        }
        pace.push(format!("{WIDTH},{HEIGHT}"));
        let runs = run_starts(timeline).into_iter().skip(1);
        let runs = runs.map(|(place, at)| RunMark { x: number(float(place as u64) * width), at });
        Some(Self {
            bars,
            pace: pace.join(" "),
            most_requests_per_s: rate(most_sent),
            most_revocations_per_s: rate(most_settled),
            has_throttled: all.iter().any(|interval| interval.throttled > 0),
            has_lost: all.iter().any(|interval| interval.lost > 0),
            from: timeline.runs.first().map(|run| utc_seconds(run.started_at)).unwrap_or_default(),
            to: end(timeline),
            runs: runs.collect(),
            figures: figures(timeline),
        })
    }
}

/// The place of the first interval of each run, and when it began.
fn run_starts(timeline: &Timeline) -> Vec<(usize, String)> {
    let mut place = 0;
    let starts = timeline.runs.iter().map(|run| {
        let start = (place, utc_seconds(run.started_at));
        place += run.intervals.len();
        start
    });
    starts.collect()
}

fn end(timeline: &Timeline) -> String {
    let Some(last) = timeline.runs.last() else { return String::new() };
    utc_seconds(after(last.started_at, timeline.interval_ms, last.intervals.len()))
}

fn after(start: Timestamp, interval_ms: i64, intervals: usize) -> Timestamp {
    let ms = interval_ms.saturating_mul(i64::try_from(intervals).unwrap_or(i64::MAX));
    start.checked_add(SignedDuration::from_millis(ms)).unwrap_or(start)
}

/// The intervals in groups, so that they are few enough to be read.
fn figures(timeline: &Timeline) -> Vec<Figure> {
    let intervals = timeline.intervals().count();
    let size = intervals.div_ceil(MOST_FIGURES).max(1);
    let groups = timeline.runs.iter().flat_map(|run| {
        run.intervals.chunks(size).enumerate().map(move |(group, intervals)| {
            let at = after(run.started_at, timeline.interval_ms, group * size);
            let sum = |of: fn(&Interval) -> u64| intervals.iter().map(of).sum();
            Figure {
                at: utc_seconds(at),
                answered: sum(|interval| interval.answered),
                throttled: sum(|interval| interval.throttled),
                lost: sum(|interval| interval.lost),
                settled: sum(|interval| interval.settled),
            }
        })
    });
    groups.collect()
}

fn scaled(value: f64, most: f64) -> f64 {
    if most > 0.0 { value / most * HEIGHT } else { 0.0 }
}

fn number(value: f64) -> String {
    format!("{value:.2}")
}

/// A rate for people.
fn rate(per_s: f64) -> String {
    if per_s >= 100.0 { format!("{per_s:.0}") } else { format!("{per_s:.1}") }
}

#[expect(clippy::cast_precision_loss, reason = "a drawing")]
fn float(count: u64) -> f64 {
    count as f64
}
