//! Operating a queue: its state, its entries, dead letters, pause and resume.
//!
//! Nothing here changes an entry that a worker holds.

use super::connection::{ConnectionError, RedisConnection};
use super::consumer::{Consumer, QueueDepth};
use super::entry::Entry;
use super::keys::Keys;
use super::message::UNIT_FIELD;
use super::reply::{count, entries, eval, list, number, text};
use super::retention::Retention;
use jiff::Timestamp;
use redis::Value;

/// The field of the control hash that is set while the queue is paused: the time of the pause.
pub(super) const PAUSED_FIELD: &str = "paused";

/// Entries per call when all dead letters are processed.
const PAGE: usize = 100;

/// A queue as its operator sees it.
#[derive(Debug)]
pub struct QueueAdmin {
    keys: Keys,
    group: String,
    link: RedisConnection,
}

/// The state of a queue.
#[derive(Debug, Clone, PartialEq)]
pub struct QueueStatus {
    /// Entries, pending entries, the oldest entry, dead letters and live workers.
    pub depth: QueueDepth,
    /// Outcomes in the stream of outcomes.
    pub outcomes: u64,
    /// Since when the queue is paused, as [`QueueAdmin::pause`] recorded it; `None` if it is not.
    pub paused_since: Option<String>,
    /// The workers of the group.
    pub workers: Vec<WorkerStatus>,
    /// The rates of operations, in requests per second of all workers together.
    pub rates: Vec<(&'static str, f64)>,
}

/// A worker as Redis sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerStatus {
    /// Its name.
    pub name: String,
    /// The entries that it holds.
    pub pending: u64,
    /// The time since its last command, in milliseconds.
    pub idle_ms: u64,
}

/// What happened to one dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requeued {
    /// It is in the stream again, as a new entry.
    Yes,
    /// There is no such dead letter.
    NotFound,
    /// It is a unit of a job, whose ledger has its outcome: the job decides about another attempt.
    IsUnit,
    /// It was too long for the dead-letter stream, so it is not complete.
    Truncated,
}

impl QueueAdmin {
    /// An operator of the queue with these keys and this consumer group.
    pub fn new(stream: &str, group: &str, link: RedisConnection) -> Self {
        Self { keys: Keys::new(stream), group: group.to_owned(), link }
    }

    /// The state of the queue. A stream or group that does not exist yet counts as empty.
    pub async fn status(&self) -> Result<QueueStatus, ConnectionError> {
        let consumer = Consumer {
            keys: self.keys.clone(),
            group: self.group.clone(),
            name: String::new(),
            retention: Retention::Unlimited,
        };
        let depth = match consumer.depth(&self.link).await {
            Err(ConnectionError::NoGroup) => {
                let entries = self.length(&self.keys.stream).await?;
                let dead = self.length(&self.keys.dead).await?;
                QueueDepth { entries, dead, ..QueueDepth::default() }
            }
            depth => depth?,
        };
        Ok(QueueStatus {
            depth,
            outcomes: self.length(&self.keys.outcomes).await?,
            paused_since: paused_since(&self.link, &self.keys).await?,
            workers: self.workers().await?,
            rates: self.rates().await?,
        })
    }

    async fn length(&self, stream: &str) -> Result<u64, ConnectionError> {
        Ok(count(&self.link.query(redis::cmd("XLEN").arg(stream)).await?))
    }

    async fn workers(&self) -> Result<Vec<WorkerStatus>, ConnectionError> {
        let mut command = redis::cmd("XINFO");
        command.arg("CONSUMERS").arg(&self.keys.stream).arg(&self.group);
        let reply = match self.link.query(&command).await {
            Ok(reply) => reply,
            Err(ConnectionError::NoGroup) => return Ok(Vec::new()),
            // "no such key": nothing was ever added.
            Err(ConnectionError::Unusable(message)) if message.contains("no such key") => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let workers = list(reply).into_iter().map(|worker| {
            let mut status = WorkerStatus { name: String::new(), pending: 0, idle_ms: 0 };
            let mut parts = list(worker).into_iter();
            while let (Some(field), Some(value)) = (parts.next().and_then(text), parts.next()) {
                match field.as_str() {
                    "name" => status.name = text(value).unwrap_or_default(),
                    "pending" => status.pending = count(&value),
                    "idle" => status.idle_ms = count(&value),
                    _ => {}
                }
            }
            status
        });
        Ok(workers.collect())
    }

    async fn rates(&self) -> Result<Vec<(&'static str, f64)>, ConnectionError> {
        let operations = crate::model::Operation::ALL;
        let mut command = redis::cmd("HMGET");
        command.arg(&self.keys.pace);
        for operation in operations {
            command.arg(format!("{} rate", operation.index()));
        }
        let rates = list(self.link.query(&command).await?);
        let known = operations.iter().zip(rates).filter_map(|(operation, rate)| {
            Some((operation.name(), text(rate)?.parse::<f64>().ok()?))
        });
        Ok(known.collect())
    }

    /// The first entries of the stream, at most `limit`.
    pub async fn peek(&self, limit: usize) -> Result<Vec<Entry>, ConnectionError> {
        self.range(&self.keys.stream, "-", limit).await
    }

    /// The first dead letters, at most `limit`.
    pub async fn dead_letters(&self, limit: usize) -> Result<Vec<Entry>, ConnectionError> {
        self.range(&self.keys.dead, "-", limit).await
    }

    /// The ids of all dead letters.
    pub async fn dead_letter_ids(&self) -> Result<Vec<String>, ConnectionError> {
        let mut ids = Vec::new();
        let mut from = "-".to_owned();
        loop {
            let page = self.range(&self.keys.dead, &from, PAGE).await?;
            let Some(last) = page.last() else { return Ok(ids) };
            from = format!("({}", last.id);
            ids.extend(page.into_iter().map(|entry| entry.id));
        }
    }

    async fn range(
        &self,
        stream: &str,
        from: &str,
        limit: usize,
    ) -> Result<Vec<Entry>, ConnectionError> {
        let mut command = redis::cmd("XRANGE");
        command.arg(stream).arg(from).arg("+").arg("COUNT").arg(limit);
        Ok(entries(self.link.query(&command).await?))
    }

    /// Adds the row of a dead letter to the stream as a new entry, and deletes the dead letter, in
    /// one step.
    pub async fn requeue(&self, id: &str) -> Result<Requeued, ConnectionError> {
        let keys = [self.keys.stream.as_str(), &self.keys.dead];
        let command = eval(include_str!("scripts/requeue.lua"), &keys, &[id, UNIT_FIELD]);
        Ok(match number(&self.link.query(&command).await?) {
            1 => Requeued::Yes,
            2 => Requeued::IsUnit,
            3 => Requeued::Truncated,
            _ => Requeued::NotFound,
        })
    }

    /// Deletes a dead letter; returns whether there was one. Its outcome stays.
    pub async fn drop_dead_letter(&self, id: &str) -> Result<bool, ConnectionError> {
        let deleted = self.link.query(redis::cmd("XDEL").arg(&self.keys.dead).arg(id)).await?;
        Ok(number(&deleted) > 0)
    }

    /// Pauses the queue: workers finish the requests in flight and send no other. Returns since when
    /// it was paused already, if it was.
    pub async fn pause(&self, now: Timestamp) -> Result<Option<String>, ConnectionError> {
        let before = paused_since(&self.link, &self.keys).await?;
        if before.is_none() {
            let mut command = redis::cmd("HSET");
            command.arg(&self.keys.control).arg(PAUSED_FIELD).arg(crate::clock::utc_seconds(now));
            self.link.query(&command).await?;
        }
        Ok(before)
    }

    /// Resumes the queue; returns whether it was paused.
    pub async fn resume(&self) -> Result<bool, ConnectionError> {
        let mut command = redis::cmd("HDEL");
        command.arg(&self.keys.control).arg(PAUSED_FIELD);
        Ok(number(&self.link.query(&command).await?) > 0)
    }
}

/// Since when the queue is paused; `None` if it is not.
pub(super) async fn paused_since(
    link: &RedisConnection,
    keys: &Keys,
) -> Result<Option<String>, ConnectionError> {
    let mut command = redis::cmd("HGET");
    command.arg(&keys.control).arg(PAUSED_FIELD);
    match link.query(&command).await? {
        Value::Nil => Ok(None),
        value => Ok(Some(text(value).unwrap_or_default())),
    }
}
