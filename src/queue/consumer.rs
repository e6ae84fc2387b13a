//! A worker as a consumer of the stream's group: every operation of a worker on Redis, one round
//! trip each. What must be atomic is a Lua script in `scripts/`.

use super::connection::{ConnectionError, RedisConnection};
use super::entry::{Entry, EntryUpdate};
use super::keys::Keys;
use super::reply::{count, entries, eval, json, list, text, texts};
use super::retention::Retention;
use redis::Value;

/// A member of the consumer group of a stream.
#[derive(Debug, Clone)]
pub struct Consumer {
    /// The keys.
    pub keys: Keys,
    /// The consumer group.
    pub group: String,
    /// This worker's name, unique in the group.
    pub name: String,
    /// The bound of the streams that it adds outcomes and dead letters to.
    pub retention: Retention,
}

/// The state of a queue.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueDepth {
    /// Entries in the stream.
    pub entries: u64,
    /// Those of them that workers hold.
    pub pending: u64,
    /// When the oldest entry was added, in milliseconds since 1970.
    pub oldest_ms: Option<i64>,
    /// Entries in the dead-letter stream.
    pub dead: u64,
    /// Workers of the group that called Redis within a minute; without permission for `XINFO`, those
    /// that hold entries.
    pub workers: u64,
}

impl Consumer {
    /// Creates the group, and with it the stream, unless they exist.
    pub async fn create_group(&self, link: &RedisConnection) -> Result<(), ConnectionError> {
        let mut command = redis::cmd("XGROUP");
        command.arg("CREATE").arg(&self.keys.stream).arg(&self.group).arg("0").arg("MKSTREAM");
        match link.query(&command).await {
            Err(ConnectionError::Unusable(message)) if message.contains("BUSYGROUP") => Ok(()),
            created => created.map(drop),
        }
    }

    /// Reads up to `limit` new entries, and waits up to `wait_ms` for the first.
    pub async fn read_new(
        &self,
        link: &RedisConnection,
        limit: usize,
        wait_ms: u64,
    ) -> Result<Vec<Entry>, ConnectionError> {
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(&self.group).arg(&self.name).arg("COUNT").arg(limit);
        command.arg("BLOCK").arg(wait_ms).arg("STREAMS").arg(&self.keys.stream).arg(">");
        let Value::Array(streams) = link.query(&command).await? else { return Ok(Vec::new()) };
        let of_stream = streams.into_iter().filter_map(|stream| match stream {
            Value::Array(pair) => pair.into_iter().nth(1),
            _ => None,
        });
        Ok(of_stream.flat_map(entries).collect())
    }

    /// Claims up to `limit` entries whose lease has expired, from the cursor of the last call;
    /// returns the next cursor, `0-0` at the end.
    pub async fn claim_expired(
        &self,
        link: &RedisConnection,
        lease_ms: u64,
        cursor: &str,
        limit: usize,
    ) -> Result<(String, Vec<Entry>), ConnectionError> {
        let (lease, limit) = (lease_ms.to_string(), limit.to_string());
        let keys = [self.keys.stream.as_str(), &self.keys.attempts];
        let arguments = [self.group.as_str(), &self.name, &lease, cursor, &limit];
        let command = eval(include_str!("scripts/claim_expired.lua"), &keys, &arguments);
        let mut parts = list(link.query(&command).await?).into_iter();
        let next = parts.next().and_then(text).unwrap_or_else(|| "0-0".to_owned());
        Ok((next, parts.next().map(entries).unwrap_or_default()))
    }

    /// Applies updates; returns the ids of entries that are not this worker's any more.
    pub async fn apply(
        &self,
        link: &RedisConnection,
        updates: &[EntryUpdate],
    ) -> Result<Vec<String>, ConnectionError> {
        let Keys { stream, outcomes, dead, attempts, units, .. } = &self.keys;
        let keys = [stream.as_str(), outcomes, dead, attempts, units];
        let [strategy, threshold] = self.retention.arguments();
        let arguments = [self.group.as_str(), &self.name, &json(&updates), &strategy, &threshold];
        link.query(&eval(include_str!("scripts/apply.lua"), &keys, &arguments)).await.map(texts)
    }

    /// Renews the leases of these entries; returns those that are still this worker's.
    pub async fn renew(
        &self,
        link: &RedisConnection,
        ids: &[String],
    ) -> Result<Vec<String>, ConnectionError> {
        self.eval_on_stream(link, include_str!("scripts/renew.lua"), &[&json(&ids)])
            .await
            .map(texts)
    }

    /// Releases entries, so that the next claim of any worker gets them. `uncounted` takes back
    /// this delivery.
    pub async fn release(
        &self,
        link: &RedisConnection,
        ids: &[String],
        uncounted: bool,
    ) -> Result<(), ConnectionError> {
        let arguments = [json(&ids), if uncounted { "1" } else { "0" }.to_owned()];
        let arguments = [arguments[0].as_str(), &arguments[1]];
        self.eval_on_stream(link, include_str!("scripts/release.lua"), &arguments).await.map(drop)
    }

    /// Acknowledges this worker's entries that were deleted from the stream; returns their ids.
    /// `known` are ids that certainly exist.
    pub async fn acknowledge_deleted(
        &self,
        link: &RedisConnection,
        known: &[String],
    ) -> Result<Vec<String>, ConnectionError> {
        let script = include_str!("scripts/acknowledge_deleted.lua");
        self.eval_on_stream(link, script, &[&json(&known)]).await.map(texts)
    }

    /// Removes this worker from the group if it holds no entry.
    pub async fn leave_group(&self, link: &RedisConnection) -> Result<(), ConnectionError> {
        self.eval_on_stream(link, include_str!("scripts/leave_group.lua"), &[]).await.map(drop)
    }

    /// The state of the queue.
    pub async fn depth(&self, link: &RedisConnection) -> Result<QueueDepth, ConnectionError> {
        let keys = [self.keys.stream.as_str(), &self.keys.dead];
        let command = eval(include_str!("scripts/depth.lua"), &keys, &[&self.group]);
        let parts = list(link.query(&command).await?);
        let at = |index: usize| parts.get(index).map_or(0, count);
        // The id of an entry starts with its time.
        let oldest = parts.get(2).cloned().and_then(text);
        let oldest_ms = oldest.and_then(|id| id.split('-').next()?.parse().ok());
        Ok(QueueDepth { entries: at(0), pending: at(1), oldest_ms, dead: at(3), workers: at(4) })
    }

    async fn eval_on_stream(
        &self,
        link: &RedisConnection,
        script: &str,
        arguments: &[&str],
    ) -> Result<Value, ConnectionError> {
        let arguments: Vec<&str> = [self.group.as_str(), &self.name]
            .into_iter()
            .chain(arguments.iter().copied())
            .collect();
        link.query(&eval(script, &[&self.keys.stream], &arguments)).await
    }
}
