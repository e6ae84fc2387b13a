//! The keys in Redis around one stream, and the operations of a job on them.
//!
//! All keys share the hash slot of the stream's name, and scripts name their keys as literal
//! `KEYS[n]`, so that cluster editions and their proxies execute them.

use super::connection::{ConnectionError, RedisConnection};
use super::entry::Entry;
use super::reply::{entries, eval, json, list, number};

/// The keys around one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    /// The stream itself.
    pub stream: String,
    /// The stream of outcomes: one entry per row, or per unit of a job.
    pub outcomes: String,
    /// The dead-letter stream: copies of entries that cannot be executed.
    pub dead: String,
    /// A hash: the number of sendings of each entry.
    pub attempts: String,
    /// A hash: the entry of each live unit of a job.
    pub units: String,
    /// A hash: the quota that all workers share.
    pub pace: String,
    /// A hash: whether the queue is paused.
    pub control: String,
}

impl Keys {
    /// The keys around a stream, whose name contains no braces.
    pub fn new(stream: &str) -> Self {
        let key = |name: &str| format!("{{{stream}}}:{name}");
        Self {
            stream: stream.to_owned(),
            outcomes: key("outcomes"),
            dead: key("dead"),
            attempts: key("attempts"),
            units: key("units"),
            pace: key("pace"),
            control: key("control"),
        }
    }

    /// Publishes units, name and JSON each, except those that are live.
    pub async fn publish(
        &self,
        link: &RedisConnection,
        units: &[(String, String)],
    ) -> Result<(), ConnectionError> {
        let keys = [self.stream.as_str(), &self.units];
        let arguments: Vec<&str> = units.iter().flat_map(|(name, json)| [&**name, json]).collect();
        link.query(&eval(include_str!("scripts/publish.lua"), &keys, &arguments)).await.map(drop)
    }

    /// Deletes outcomes that their job has in its ledger.
    pub async fn delete_outcomes(
        &self,
        link: &RedisConnection,
        ids: &[String],
    ) -> Result<(), ConnectionError> {
        let mut command = redis::cmd("XDEL");
        command.arg(&self.outcomes).arg(ids);
        link.query(&command).await.map(drop)
    }

    /// Whether each of these units is still in the stream.
    pub async fn are_live(
        &self,
        link: &RedisConnection,
        names: &[String],
    ) -> Result<Vec<bool>, ConnectionError> {
        let keys = [self.stream.as_str(), &self.units];
        let command = eval(include_str!("scripts/is_live.lua"), &keys, &[&json(&names)]);
        let reply = link.query(&command).await?;
        Ok(list(reply).into_iter().map(|live| number(&live) > 0).collect())
    }

    /// Up to `count` outcomes after the id `after`.
    pub async fn outcomes_after(
        &self,
        link: &RedisConnection,
        after: &str,
        count: usize,
    ) -> Result<Vec<Entry>, ConnectionError> {
        let mut command = redis::cmd("XRANGE");
        // Exclusive ranges need Redis 6.2.
        command.arg(&self.outcomes).arg(format!("({after}")).arg("+").arg("COUNT").arg(count);
        Ok(entries(link.query(&command).await?))
    }
}
