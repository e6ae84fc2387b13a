//! What Redis does in one step, as Lua; and the names of the keys.
//!
//! All keys share the hash slot of the stream's name, and scripts name their keys as literal
//! `KEYS[n]`, so that cluster editions and the proxies before them carry them out.

use super::connection::{Link, LinkError};
use redis::{Cmd, Value};
use serde::Serialize;

/// The most deliveries of an entry; one that comes more often stays dead.
pub const MAX_DELIVERIES: u64 = 5;

/// The keys around one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// The stream itself.
    pub stream: String,
    /// The stream of outcomes: one entry for each row, or for each unit of a job.
    pub outcomes: String,
    /// The stream of entries that nobody can carry out.
    pub dead: String,
    /// A hash: how often what an entry asks was sent.
    pub attempts: String,
    /// A hash: the entry of each live unit of a job.
    pub units: String,
    /// A hash: the quota that all workers share.
    pub pace: String,
}

impl Keys {
    /// The keys around a stream, whose name holds no braces.
    pub fn new(stream: &str) -> Self {
        let beside = |name: &str| format!("{{{stream}}}:{name}");
        Self {
            stream: stream.to_owned(),
            outcomes: beside("outcomes"),
            dead: beside("dead"),
            attempts: beside("attempts"),
            units: beside("units"),
            pace: beside("pace"),
        }
    }
}

/// What happens to one entry.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Step {
    /// The entry.
    pub id: String,
    /// How many more sendings it has had.
    pub sent: i64,
    /// How many more of them have no recorded answer.
    pub doubt: i64,
    /// Its outcome, names and values in turn; it is done with then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Vec<String>>,
    /// Whether it is copied to the dead.
    #[serde(default)]
    pub dead: bool,
    /// The name of its unit, or nothing.
    #[serde(default)]
    pub unit: String,
}

/// An entry as it was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its id in the stream.
    pub id: String,
    /// Its fields, in their order.
    pub fields: Vec<(Vec<u8>, Vec<u8>)>,
    /// How often it was handed to a worker.
    pub deliveries: u64,
    /// How often what it asks was sent by earlier workers.
    pub sent: u32,
    /// Those of them whose answer nobody has recorded.
    pub doubt: u32,
}

/// A group of workers on a stream, seen by one of them.
#[derive(Debug, Clone)]
pub struct Seat {
    /// The keys.
    pub keys: Keys,
    /// The group.
    pub group: String,
    /// This worker's name, which no other has.
    pub consumer: String,
}

fn script(text: &str, keys: &[&str], arguments: &[&str]) -> Cmd {
    let mut command = redis::cmd("EVAL");
    command.arg(text).arg(keys.len());
    for word in keys.iter().chain(arguments) {
        command.arg(*word);
    }
    command
}

fn json(value: &impl Serialize) -> String {
    // Plain data with string keys always has a JSON form.
    serde_json::to_string(value).unwrap_or_else(|_| "[]".to_owned())
}

impl Seat {
    /// Makes the group, and the stream with it, if they are not there.
    pub async fn make_group(&self, link: &Link) -> Result<(), LinkError> {
        let mut command = redis::cmd("XGROUP");
        command.arg("CREATE").arg(&self.keys.stream).arg(&self.group).arg("0").arg("MKSTREAM");
        match link.ask(&command).await {
            Err(LinkError::Unfit(said)) if said.contains("BUSYGROUP") => Ok(()),
            made => made.map(drop),
        }
    }

    /// Reads up to so many new entries, and waits so many milliseconds for the first.
    pub async fn read(
        &self,
        link: &Link,
        most: usize,
        wait_ms: u64,
    ) -> Result<Vec<Entry>, LinkError> {
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(&self.group).arg(&self.consumer).arg("COUNT").arg(most);
        command.arg("BLOCK").arg(wait_ms).arg("STREAMS").arg(&self.keys.stream).arg(">");
        let Value::Array(streams) = link.ask(&command).await? else { return Ok(Vec::new()) };
        let entries = streams.into_iter().filter_map(|stream| match stream {
            Value::Array(pair) => pair.into_iter().nth(1),
            _ => None,
        });
        Ok(entries.flat_map(list).filter_map(|entry| read_entry(list(entry))).collect())
    }

    /// Takes over up to so many entries that were left alone for a lease, from the place where the
    /// last look ended; gives the place where the next one begins.
    pub async fn take_over(
        &self,
        link: &Link,
        lease_ms: u64,
        from: &str,
        most: usize,
    ) -> Result<(String, Vec<Entry>), LinkError> {
        let (lease, most) = (lease_ms.to_string(), most.to_string());
        let keys = [self.keys.stream.as_str(), &self.keys.attempts];
        let arguments = [self.group.as_str(), &self.consumer, &lease, from, &most];
        let question = script(include_str!("scripts/take_over.lua"), &keys, &arguments);
        let mut parts = list(link.ask(&question).await?).into_iter();
        let next = parts.next().and_then(text).unwrap_or_else(|| "0-0".to_owned());
        let entries = parts.next().map(list).unwrap_or_default();
        Ok((next, entries.into_iter().filter_map(|entry| read_entry(list(entry))).collect()))
    }

    /// Carries out a step for each entry, and gives those that are not this worker's any more.
    pub async fn step(&self, link: &Link, steps: &[Step]) -> Result<Vec<String>, LinkError> {
        let Keys { stream, outcomes, dead, attempts, units, .. } = &self.keys;
        let keys = [stream.as_str(), outcomes, dead, attempts, units];
        let arguments = [self.group.as_str(), &self.consumer, &json(&steps)];
        let answer = link.ask(&script(include_str!("scripts/step.lua"), &keys, &arguments)).await?;
        Ok(texts(answer))
    }

    /// Shows that this worker still works on these entries; gives those that are its own.
    pub async fn keep(&self, link: &Link, ids: &[String]) -> Result<Vec<String>, LinkError> {
        let arguments = [self.group.as_str(), &self.consumer, &json(&ids)];
        let question = script(include_str!("scripts/keep.lua"), &[&self.keys.stream], &arguments);
        Ok(texts(link.ask(&question).await?))
    }

    /// Gives entries back, with one delivery less if it was for nothing.
    pub async fn release(
        &self,
        link: &Link,
        ids: &[String],
        for_nothing: bool,
    ) -> Result<(), LinkError> {
        let less = if for_nothing { "1" } else { "0" };
        let arguments = [self.group.as_str(), &self.consumer, &json(&ids), less];
        let text = include_str!("scripts/release.lua");
        link.ask(&script(text, &[&self.keys.stream], &arguments)).await.map(drop)
    }

    /// Acknowledges what somebody has deleted from the stream; gives the ids.
    pub async fn forget(&self, link: &Link, known: &[String]) -> Result<Vec<String>, LinkError> {
        let arguments = [self.group.as_str(), &self.consumer, &json(&known)];
        let question = script(include_str!("scripts/forget.lua"), &[&self.keys.stream], &arguments);
        Ok(texts(link.ask(&question).await?))
    }

    /// How full the queue is: entries, those that workers hold, and when the oldest was added, in
    /// milliseconds since 1970.
    pub async fn measure(&self, link: &Link) -> Result<(u64, u64, Option<i64>), LinkError> {
        let count = |value: &Value| u64::try_from(number(value)).unwrap_or(0);
        let depth = link.ask(redis::cmd("XLEN").arg(&self.keys.stream)).await?;
        let mut command = redis::cmd("XPENDING");
        let pending = link.ask(command.arg(&self.keys.stream).arg(&self.group)).await?;
        let pending = list(pending).first().map_or(0, count);
        // The id of an entry begins with its time; only the id comes, however long the entry is.
        let oldest = "local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1] \
                      return first and first[1]";
        let oldest = link.ask(&script(oldest, &[&self.keys.stream], &[])).await?;
        let oldest = text(oldest).and_then(|id| id.split('-').next()?.parse().ok());
        Ok((count(&depth), pending, oldest))
    }

    /// Takes this worker's name out of the group if nothing is pending for it.
    pub async fn leave(&self, link: &Link) -> Result<(), LinkError> {
        let text = "if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) == 0 then \
                    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2]) end \
                    return redis.status_reply('OK')";
        let arguments = [self.group.as_str(), &self.consumer];
        link.ask(&script(text, &[&self.keys.stream], &arguments)).await.map(drop)
    }
}

impl Keys {
    /// Publishes units, name and JSON each, except those that are live.
    pub async fn publish(&self, link: &Link, units: &[(String, String)]) -> Result<(), LinkError> {
        let keys = [self.stream.as_str(), &self.units];
        let words: Vec<&str> = units.iter().flat_map(|(name, json)| [&**name, json]).collect();
        link.ask(&script(include_str!("scripts/publish.lua"), &keys, &words)).await.map(drop)
    }

    /// Removes outcomes that their job has in its ledger.
    pub async fn forget_outcomes(&self, link: &Link, ids: &[String]) -> Result<(), LinkError> {
        let mut command = redis::cmd("XDEL");
        command.arg(&self.outcomes).arg(ids);
        link.ask(&command).await.map(drop)
    }

    /// Which of these units are still in the stream.
    pub async fn are_live(&self, link: &Link, names: &[String]) -> Result<Vec<bool>, LinkError> {
        let keys = [self.stream.as_str(), &self.units];
        let text = include_str!("scripts/is_live.lua");
        let answer = link.ask(&script(text, &keys, &[&json(&names)])).await?;
        Ok(list(answer).into_iter().map(|live| number(&live) > 0).collect())
    }

    /// Outcomes behind that id, at most so many.
    pub async fn outcomes_after(
        &self,
        link: &Link,
        after: &str,
        most: usize,
    ) -> Result<Vec<Entry>, LinkError> {
        let mut command = redis::cmd("XRANGE");
        // Exclusive ranges came with 6.2.
        command.arg(&self.outcomes).arg(format!("({after}")).arg("+").arg("COUNT").arg(most);
        let entries = list(link.ask(&command).await?);
        Ok(entries.into_iter().filter_map(|entry| read_entry(list(entry))).collect())
    }
}

pub(super) fn list(value: Value) -> Vec<Value> {
    match value {
        Value::Array(values) | Value::Set(values) => values,
        Value::Map(pairs) => pairs.into_iter().flat_map(|(k, v)| [k, v]).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn bytes(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        Value::Int(number) => Some(number.to_string().into_bytes()),
        _ => None,
    }
}

pub(super) fn text(value: Value) -> Option<String> {
    bytes(value).and_then(|bytes| String::from_utf8(bytes).ok())
}

fn texts(value: Value) -> Vec<String> {
    list(value).into_iter().filter_map(text).collect()
}

pub(super) fn number(value: &Value) -> i64 {
    match value {
        Value::Int(number) => *number,
        Value::BulkString(bytes) => {
            std::str::from_utf8(bytes).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
        }
        _ => 0,
    }
}

/// Id, fields, and if there are more: deliveries, sendings and doubts.
fn read_entry(parts: Vec<Value>) -> Option<Entry> {
    let mut parts = parts.into_iter();
    let id = parts.next().and_then(text)?;
    // Nothing but its id is left of an entry that was deleted.
    let Some(Value::Array(words)) = parts.next() else { return None };
    let mut words = words.into_iter().filter_map(bytes);
    let mut fields = Vec::new();
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        fields.push((name, value));
    }
    let mut count = || parts.next().map_or(0, |value| number(&value).max(0));
    let (deliveries, sent, doubt) = (count(), count(), count());
    let small = |count: i64| u32::try_from(count).unwrap_or(u32::MAX).min(1000);
    Some(Entry {
        id,
        fields,
        deliveries: u64::try_from(deliveries).unwrap_or(0).max(1),
        sent: small(sent),
        doubt: small(doubt.min(sent)),
    })
}
