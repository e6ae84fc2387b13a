//! One quota for all workers: slots are reserved in Redis, on its own clock, and the pace at which
//! it gives them away is found by the same controller as a single run's, from what all workers
//! meet.
//!
//! Slots are reserved a little ahead, so that no request waits for Redis, and never far ahead, so
//! that a worker that dies wastes little. What the workers meet is told with the next question.
//! Whoever asks when there is news, and it is nobody else's turn, folds it into the controller's
//! state, which is kept in Redis, too: it outlives every worker. Without Redis there are no slots.

use super::connection::{Link, LinkError};
use super::metrics::Metrics;
use super::scripts::{list, number, text};
use crate::engine::admission::Quota;
use crate::engine::rate_controller::{self, Pace, START_PER_S};
use crate::model::Operation;
use redis::Value;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// How far ahead slots are given away.
const AHEAD: Duration = Duration::from_secs(1);
/// Slots that a worker keeps in hand, in time at the present pace: a few round trips.
const IN_HAND: Duration = Duration::from_millis(100);
/// What is met is told at most so late.
const TELL_WITHIN: Duration = Duration::from_millis(50);
/// A slot that was not used for so long is lost: it would only make a burst.
const STALE_AFTER: Duration = Duration::from_millis(500);
/// The pause after Redis did not answer.
const PAUSE: Duration = Duration::from_millis(500);

/// Where the quota is kept.
pub trait Bank: Send + Sync + 'static {
    /// Carries a script out.
    fn eval(
        &self,
        script: &'static str,
        arguments: &[String],
    ) -> impl Future<Output = Result<Value, LinkError>> + Send;

    /// The time in microseconds; blank for Redis' own.
    fn now_us(&self) -> String {
        String::new()
    }
}

/// The quota beside a stream.
#[derive(Debug)]
pub struct RedisBank {
    /// A connection of its own.
    pub link: Link,
    /// The hash of the quota; the list of reports is beside it.
    pub key: String,
}

impl Bank for RedisBank {
    async fn eval(&self, script: &'static str, arguments: &[String]) -> Result<Value, LinkError> {
        let mut command = redis::cmd("EVAL");
        command.arg(script).arg(2).arg(&self.key).arg(format!("{}:reports", self.key));
        command.arg(arguments);
        self.link.ask(&command).await
    }
}

/// The share of one worker in the quota.
pub struct SharedQuota<B> {
    bank: B,
    ceiling_per_s: f64,
    lanes: Mutex<[Lane; Operation::ALL.len()]>,
    changes: watch::Sender<u64>,
    wanted: Notify,
    metrics: Option<Arc<Metrics>>,
}

#[derive(Debug, Default)]
struct Lane {
    slots: VecDeque<Instant>,
    wanted: usize,
    reports: Vec<Report>,
    rate_per_s: f64,
    hold: Option<Instant>,
    /// Not before that time there are slots to be had.
    ask_at: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Report {
    kind: Kind,
    at: Instant,
    sent_at: Instant,
    wait: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Sent,
    Accepted,
    Throttled,
}

#[derive(Serialize)]
struct Ask {
    op: usize,
    want: usize,
    ceiling: f64,
    start: f64,
    reports: Vec<Told>,
}

#[derive(Serialize)]
struct Told {
    kind: Kind,
    age: u64,
    sent_age: u64,
    wait: i64,
}

/// A report as Redis keeps it, in its own time.
#[derive(Deserialize)]
struct Kept {
    op: usize,
    kind: Kind,
    at: String,
    sent_at: String,
    wait: String,
}

#[derive(Serialize)]
struct Folded {
    rate: String,
    state: String,
}

impl<B: Bank> SharedQuota<B> {
    /// A share in a quota of which at most `ceiling_per_s` is used, by all workers together.
    pub fn new(bank: B, ceiling_per_s: f64, metrics: Option<Arc<Metrics>>) -> Arc<Self> {
        let lane = |_| Lane { rate_per_s: ceiling_per_s.min(START_PER_S), ..Lane::default() };
        Arc::new(Self {
            bank,
            ceiling_per_s,
            lanes: Mutex::new(std::array::from_fn(lane)),
            changes: watch::Sender::new(0),
            wanted: Notify::new(),
            metrics,
        })
    }

    fn lanes(&self) -> MutexGuard<'_, [Lane; Operation::ALL.len()]> {
        // A panic elsewhere leaves the numbers as good as they were.
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Talks to the bank as long as there is something to say; ends only with its task.
    pub async fn run(self: Arc<Self>) {
        loop {
            self.wanted.notified().await;
            loop {
                match self.talk().await {
                    // Let a few more come together.
                    Ok(Some(pause)) => {
                        tokio::select! {
                            () = tokio::time::sleep(pause) => {}
                            () = self.wanted.notified() => {}
                        }
                    }
                    Ok(None) => break,
                    Err(error) => {
                        tracing::debug!(%error, "no slots without Redis");
                        tokio::time::sleep(PAUSE).await;
                    }
                }
            }
        }
    }

    /// One question. Gives how long the next one has time, if there is one to come.
    async fn talk(&self) -> Result<Option<Duration>, LinkError> {
        let (asks, told) = self.asks();
        if asks.is_empty() {
            let ask_at = self.lanes().iter().filter_map(|lane| lane.ask_at).min();
            return Ok(ask_at.map(|at| at.saturating_duration_since(Instant::now())));
        }
        let ahead = AHEAD.as_micros().to_string();
        let json = serde_json::to_string(&asks).unwrap_or_default();
        let arguments = [json, ahead, self.bank.now_us()];
        let answer = self.bank.eval(include_str!("scripts/reserve.lua"), &arguments).await;
        let mut parts = match answer {
            Ok(answer) => list(answer).into_iter(),
            Err(error) => {
                // What was met is told later, unless there is too much of it.
                let mut lanes = self.lanes();
                for (ask, reports) in asks.iter().zip(told) {
                    let lane = &mut lanes[ask.op];
                    if lane.reports.len() < 1000 {
                        lane.reports.splice(0..0, reports);
                    }
                }
                return Err(error);
            }
        };
        let answers = parts.next().map(list).unwrap_or_default();
        self.take_in(&asks, answers);
        let turn = parts.next().map(list).unwrap_or_default();
        if !turn.is_empty() {
            self.fold(turn).await?;
        }
        Ok(Some(TELL_WITHIN))
    }

    /// What there is to ask and tell.
    fn asks(&self) -> (Vec<Ask>, Vec<Vec<Report>>) {
        let now = Instant::now();
        let mut lanes = self.lanes();
        let mut asks = Vec::new();
        let mut told = Vec::new();
        for (op, lane) in lanes.iter_mut().enumerate() {
            lane.slots.retain(|slot| now < *slot + STALE_AFTER);
            if lane.ask_at.is_some_and(|at| at <= now) {
                lane.ask_at = None;
            }
            let want = if lane.ask_at.is_some() { 0 } else { lane.missing() };
            if want == 0 && lane.reports.is_empty() {
                continue;
            }
            let us = |duration: Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
            let reports = std::mem::take(&mut lane.reports);
            asks.push(Ask {
                op,
                want,
                ceiling: self.ceiling_per_s,
                start: START_PER_S.min(self.ceiling_per_s),
                reports: reports
                    .iter()
                    .map(|report| Told {
                        kind: report.kind,
                        age: us(now - report.at),
                        sent_age: us(now - report.sent_at),
                        wait: report.wait.map_or(-1, |wait| i64::try_from(us(wait)).unwrap_or(-1)),
                    })
                    .collect(),
            });
            told.push(reports);
        }
        (asks, told)
    }

    fn take_in(&self, asks: &[Ask], answers: Vec<Value>) {
        let now = Instant::now();
        let us = |value: &Value| Duration::from_micros(u64::try_from(number(value)).unwrap_or(0));
        let mut lanes = self.lanes();
        for (ask, answer) in asks.iter().zip(answers) {
            let lane = &mut lanes[ask.op];
            let mut parts = list(answer).into_iter();
            let slots = parts.next().map(list).unwrap_or_default();
            lane.slots.extend(slots.iter().map(|wait| now + us(wait)));
            let again = parts.next().unwrap_or_default();
            if number(&again) >= 0 && ask.want > 0 {
                lane.ask_at = Some(now + us(&again).max(Duration::from_millis(5)));
            }
            let rate = parts.next().and_then(text).and_then(|rate| rate.parse::<f64>().ok());
            if let Some(rate) = rate.filter(|rate| *rate > 0.0) {
                lane.rate_per_s = rate;
                if let Some(metrics) = &self.metrics {
                    metrics.pace(Operation::ALL[ask.op], rate);
                }
            }
            let hold = us(&parts.next().unwrap_or_default());
            lane.hold = lane.hold.max((!hold.is_zero()).then(|| now + hold));
            // As many as were asked for are on their way.
            lane.wanted = 0;
        }
        drop(lanes);
        self.changes.send_modify(|version| *version += 1);
    }

    /// Folds what all workers have met into the pace.
    async fn fold(&self, turn: Vec<Value>) -> Result<(), LinkError> {
        let mut parts = turn.into_iter();
        let turn = parts.next().and_then(text).unwrap_or_default();
        let reports: Vec<String> =
            parts.next().map(list).unwrap_or_default().into_iter().filter_map(text).collect();
        let states = parts.next().and_then(text).unwrap_or_default();
        let states: BTreeMap<String, String> = serde_json::from_str(&states).unwrap_or_default();
        let mut kept: Vec<(Duration, Kept)> = reports
            .iter()
            .filter_map(|report| serde_json::from_str::<Kept>(report).ok())
            .filter(|report| report.op < Operation::ALL.len())
            .filter_map(|report| Some((Duration::from_micros(report.at.parse().ok()?), report)))
            .collect();
        kept.sort_by_key(|(at, _)| *at);
        let mut paces: BTreeMap<usize, Shared> = BTreeMap::new();
        for (at, report) in kept {
            let shared = paces.entry(report.op).or_insert_with(|| {
                let known = states.get(&report.op.to_string()).map(String::as_str);
                Shared::read(known.unwrap_or_default(), self.ceiling_per_s)
            });
            shared.on(at, &report);
        }
        let folded: BTreeMap<String, Folded> = paces
            .into_iter()
            .map(|(op, shared)| {
                let rate = format!("{:.6}", shared.pace.rate_per_s());
                let state = serde_json::to_string(&shared).unwrap_or_default();
                (op.to_string(), Folded { rate, state })
            })
            .collect();
        let json = serde_json::to_string(&folded).unwrap_or_default();
        let arguments = [turn, reports.len().to_string(), json];
        self.bank.eval(include_str!("scripts/fold.lua"), &arguments).await.map(drop)
    }
}

/// The controller of one operation as Redis keeps it. Its time is Redis', since it was first told
/// something.
#[derive(Serialize, Deserialize)]
struct Shared {
    pace: Pace,
    began: Option<Duration>,
    /// The last time it has heard of; a report that was late comes then.
    at: Duration,
}

impl Shared {
    fn read(state: &str, ceiling_per_s: f64) -> Self {
        let new = || Self { pace: Pace::new(ceiling_per_s), began: None, at: Duration::ZERO };
        serde_json::from_str(state).unwrap_or_else(|_| new())
    }

    fn on(&mut self, at: Duration, report: &Kept) {
        let began = *self.began.get_or_insert(at);
        self.at = self.at.max(at.saturating_sub(began));
        let sent_at = Duration::from_micros(report.sent_at.parse().unwrap_or(0));
        let sent_at = sent_at.saturating_sub(began).min(self.at);
        let wait = report.wait.parse().ok().map(Duration::from_micros);
        let event = match report.kind {
            Kind::Sent => rate_controller::Event::Sent,
            Kind::Accepted => rate_controller::Event::Accepted { sent_at },
            Kind::Throttled => rate_controller::Event::Throttled { sent_at, wait },
        };
        self.pace.on(self.at, event);
    }
}

impl Lane {
    /// How many more slots are wanted than are in hand. None without something to send.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a positive number, cut off"
    )]
    fn missing(&self) -> usize {
        if self.wanted == 0 {
            return 0;
        }
        let soon = (self.rate_per_s * IN_HAND.as_secs_f64()).ceil() as usize;
        (self.wanted.max(soon.min(200)) + 1).saturating_sub(self.slots.len())
    }
}

impl<B: Bank> Quota for SharedQuota<B> {
    fn rate_per_s(&self, operation: Operation) -> f64 {
        self.lanes()[operation.index()].rate_per_s
    }

    fn next_at(&self, operation: Operation) -> Option<Instant> {
        let lanes = self.lanes();
        let lane = &lanes[operation.index()];
        let slot = lane.slots.front().copied()?;
        Some(lane.hold.map_or(slot, |hold| slot.max(hold)))
    }

    fn take(&self, operation: Operation, wanted: usize) -> bool {
        let now = Instant::now();
        let mut lanes = self.lanes();
        let lane = &mut lanes[operation.index()];
        lane.wanted = lane.wanted.max(wanted);
        lane.slots.retain(|slot| now < *slot + STALE_AFTER);
        let is_held = lane.hold.is_some_and(|hold| now < hold);
        let is_due = lane.slots.front().is_some_and(|slot| *slot <= now);
        let may_leave = is_due && !is_held;
        if may_leave {
            lane.slots.pop_front();
            lane.reports.push(Report { kind: Kind::Sent, at: now, sent_at: now, wait: None });
        }
        let asks = lane.missing() > 0 && lane.ask_at.is_none_or(|at| at <= now);
        drop(lanes);
        if asks {
            self.wanted.notify_one();
        }
        may_leave
    }

    fn heard(&self, operation: Operation, started: Instant, event: rate_controller::Event) {
        let now = Instant::now();
        let (kind, sent_at, wait) = match event {
            rate_controller::Event::Sent => return,
            rate_controller::Event::Accepted { sent_at } => (Kind::Accepted, sent_at, None),
            rate_controller::Event::Throttled { sent_at, wait } => (Kind::Throttled, sent_at, wait),
        };
        let mut lanes = self.lanes();
        let lane = &mut lanes[operation.index()];
        if let Some(wait) = wait {
            // At once here, and with the next question everywhere.
            lane.hold = lane.hold.max(Some(now + wait.min(rate_controller::LONGEST_WAIT)));
        }
        let sent_at = (started + sent_at).min(now);
        lane.reports.push(Report { kind, at: now, sent_at, wait });
        drop(lanes);
        self.wanted.notify_one();
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}
