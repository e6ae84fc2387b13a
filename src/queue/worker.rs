//! The loop of a worker: reads entries from the stream, runs them in batches, renews its leases.
//!
//! One loop owns all entries that the worker holds. An entry is buffered -> in a batch -> done, or
//! waits for a retry; when the worker ends it releases what it still holds.

use super::batch_runner::BatchRunner;
use super::connection::{ConnectionError, RedisConnection};
use super::entry::{Entry, MAX_DELIVERIES};
use super::in_flight::{InFlight, SHORT_PAUSE, rows_in};
use super::store::EntryStore;
use crate::api::transport::Transport;
use crate::engine::{Control, StopCause};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Instrument as _;

/// The maximum number of batches at once: one is sent while the next is filled and started.
pub const MAX_BATCHES: usize = 2;
/// The maximum interval of heartbeats: metrics and `queue status` are not older than that.
const MAX_HEARTBEAT: Duration = Duration::from_secs(5);
/// How long a read waits for new entries, in milliseconds.
const READ_WAIT_MS: u64 = 400;
/// The maximum number of entries per read.
const READ_LIMIT: usize = 100;

/// Settings of a worker's loop.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The time without a heartbeat after which another worker claims an entry.
    pub lease: Duration,
    /// How long rows are buffered for a batch.
    pub linger: Duration,
    /// The rows of a full batch.
    pub window: usize,
}

/// A worker.
pub struct Worker<T> {
    /// Runs batches.
    pub runner: Arc<BatchRunner<T>>,
    /// A separate connection for reads, which block.
    pub reads: RedisConnection,
    /// Settings of the loop.
    pub settings: Settings,
    /// Run, drain or abort.
    pub control: watch::Receiver<Control>,
    /// Whether the queue is paused.
    pub paused: watch::Receiver<bool>,
}

/// The reply to a read, and when the read was sent.
type ReadReply = (Instant, Result<Vec<Entry>, ConnectionError>);

/// The reply to a claim, when the claim was sent, and the next cursor.
type ClaimReply = (Instant, String, Result<Vec<Entry>, ConnectionError>);

/// A call to Redis under way, if there is one.
type Call<'a, V> = Option<Pin<Box<dyn Future<Output = V> + Send + 'a>>>;

impl<T: Transport> Worker<T> {
    fn store(&self) -> &EntryStore {
        &self.runner.store
    }

    /// Works until the control says stop or an error ends it; returns the causes.
    pub async fn run(self) -> Vec<StopCause> {
        let created = self.store().consumer.create_group(&self.store().link).await;
        self.store().on_reply(&created);
        let mut in_flight = InFlight::new();
        self.run_loop(&mut in_flight).await;
        self.release_all(&in_flight).await;
        in_flight.causes
    }

    async fn run_loop(&self, in_flight: &mut InFlight) {
        let mut control = self.control.clone();
        let mut control_is_open = true;
        let mut read: Call<'_, ReadReply> = None;
        let mut claim: Call<'_, ClaimReply> = None;
        let mut heartbeat: Call<'_, ()> = None;
        let claim_interval = self.settings.lease / 3;
        let (mut heartbeat_at, mut claim_at) = (Instant::now(), Instant::now());
        let mut read_at = Instant::now();
        let mut cursor = "0-0".to_owned();
        loop {
            self.apply_control(in_flight, *control.borrow_and_update());
            let now = Instant::now();
            let is_paused = *self.paused.borrow();
            let is_open = !in_flight.stopping && !is_paused && self.store().is_reachable();
            let room = (self.settings.window * MAX_BATCHES).saturating_sub(in_flight.rows());
            if is_open && room > 0 && read.is_none() && now >= read_at {
                read = Some(Box::pin(self.read(in_flight.entries_for(room))));
            }
            if is_open && room > 0 && claim.is_none() && now >= claim_at {
                claim = Some(Box::pin(self.claim(cursor.clone())));
            }
            if heartbeat.is_none() && now >= heartbeat_at {
                heartbeat = Some(Box::pin(self.heartbeat()));
            }
            if is_open {
                self.start_batch(in_flight);
            }
            let is_idle = in_flight.batches.is_empty() && read.is_none() && claim.is_none();
            if in_flight.stopping && is_idle {
                return;
            }
            let wake = [heartbeat_at, claim_at, read_at, in_flight.wake_at(self.settings.linger)];
            // What is due and has not started yet waits for another event that wakes the loop.
            let wake = wake.into_iter().filter(|at| *at > now).min().unwrap_or(now + SHORT_PAUSE);
            tokio::select! {
                biased;
                changed = control.changed(), if control_is_open => control_is_open = changed.is_ok(),
                Some(finished) = in_flight.batches.join_next() => {
                    in_flight.on_batch_finished(finished);
                }
                () = poll_call(&mut heartbeat) => {
                    heartbeat = None;
                    heartbeat_at = Instant::now() + self.heartbeat_interval();
                }
                (asked_at, entries) = poll_call(&mut read) => {
                    read = None;
                    if entries.is_err() {
                        read_at = Instant::now() + SHORT_PAUSE;
                    }
                    self.on_entries(in_flight, asked_at, entries).await;
                }
                (asked_at, next, entries) = poll_call(&mut claim) => {
                    claim = None;
                    // A scan that is not at its end continues at once.
                    let is_complete = next == "0-0";
                    claim_at = Instant::now() + if is_complete { claim_interval } else { Duration::ZERO };
                    cursor = next;
                    self.on_entries(in_flight, asked_at, entries).await;
                }
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    async fn read(&self, limit: usize) -> ReadReply {
        let asked_at = Instant::now();
        let consumer = &self.store().consumer;
        (asked_at, consumer.read_new(&self.reads, limit.min(READ_LIMIT), READ_WAIT_MS).await)
    }

    async fn claim(&self, cursor: String) -> ClaimReply {
        let asked_at = Instant::now();
        let lease_ms = u64::try_from(self.settings.lease.as_millis()).unwrap_or(u64::MAX);
        let limit = READ_LIMIT.min(self.settings.window);
        let store = self.store();
        match store.consumer.claim_expired(&store.link, lease_ms, &cursor, limit).await {
            Ok((next, entries)) => (asked_at, next, Ok(entries)),
            Err(error) => (asked_at, "0-0".to_owned(), Err(error)),
        }
    }

    /// Shorter while Redis is unreachable, so that leases lose little time.
    fn heartbeat_interval(&self) -> Duration {
        let longest = if self.store().is_reachable() { MAX_HEARTBEAT } else { SHORT_PAUSE };
        longest.min(self.settings.lease / 3)
    }

    /// Renews the leases, flushes the outbox, measures the queue, and drops deleted entries.
    async fn heartbeat(&self) {
        let store = self.store();
        store.renew_leases().await;
        if !store.is_reachable() {
            return;
        }
        if store.has_outbox().await {
            store.flush_outbox().await;
        }
        if let Ok(depth) = store.consumer.depth(&store.link).await {
            store.metrics.set_queue(&depth, self.runner.clock.now());
        }
        let deleted = store.consumer.acknowledge_deleted(&store.link, &store.leases.ids()).await;
        if let Ok(deleted) = deleted
            && !deleted.is_empty()
        {
            tracing::warn!(entries = ?deleted, "entries were deleted from the stream before they were done");
        }
    }

    fn apply_control(&self, in_flight: &mut InFlight, control: Control) {
        if control != Control::Run && !in_flight.causes.contains(&StopCause::Signal) {
            in_flight.causes.push(StopCause::Signal);
        }
        if let Some(error) = self.store().fatal_error()
            && !in_flight.stopping
        {
            let message = error.to_string();
            in_flight.causes.push(match error {
                ConnectionError::Denied(_) => StopCause::NoCredentials { message },
                _ => StopCause::Setup { message },
            });
        }
        in_flight.set_control(control);
        self.store().metrics.set_ready(!in_flight.stopping);
    }

    /// Buffers entries; those delivered too often go to the dead-letter stream.
    async fn on_entries(
        &self,
        in_flight: &mut InFlight,
        asked_at: Instant,
        entries: Result<Vec<Entry>, ConnectionError>,
    ) {
        let store = self.store();
        store.on_reply(&entries);
        let entries = match entries {
            Ok(entries) => entries,
            Err(ConnectionError::NoGroup) => {
                // Redis lost its data, or the group was deleted.
                let created = store.consumer.create_group(&store.link).await;
                return store.on_reply(&created);
            }
            Err(_) => return,
        };
        if entries.is_empty() {
            return;
        }
        // An entry that is held already came back because a heartbeat was late.
        let held: Vec<String> = store.leases.ids();
        store.leases.add(entries.iter().map(|entry| &entry.id), asked_at);
        let entries = entries.into_iter().filter(|entry| !held.contains(&entry.id));
        let (over_delivered, entries): (Vec<Entry>, Vec<Entry>) =
            entries.partition(|entry| entry.deliveries > MAX_DELIVERIES);
        if !over_delivered.is_empty() {
            self.runner.dead_letter(&over_delivered).await;
        }
        in_flight.buffer(entries);
    }

    /// Starts a batch if one is ready and there is room for it.
    fn start_batch(&self, in_flight: &mut InFlight) {
        if in_flight.batches.len() >= MAX_BATCHES {
            return;
        }
        let mut entries = in_flight.take_ready(self.settings.window, self.settings.linger);
        entries.retain(|entry| self.store().leases.is_held(&entry.id));
        if entries.is_empty() {
            return;
        }
        let rows = rows_in(&entries);
        in_flight.rows_in_batches += rows;
        let (runner, control) = (Arc::clone(&self.runner), in_flight.batch_control.subscribe());
        let batch = async move { runner.run(entries, rows, control).await };
        in_flight.batches.spawn(batch.in_current_span());
    }

    /// Releases all entries, so that other workers need not wait for the leases to expire.
    async fn release_all(&self, in_flight: &InFlight) {
        let store = self.store();
        store.flush_outbox().await;
        let held = store.leases.ids();
        let (poisoned, others): (Vec<String>, Vec<String>) =
            held.into_iter().partition(|id| in_flight.poisoned.contains(id));
        for (ids, uncounted) in [(poisoned, false), (others, true)] {
            if !ids.is_empty()
                && let Err(error) = store.consumer.release(&store.link, &ids, uncounted).await
            {
                tracing::warn!(%error, "cannot release entries; other workers get them when their leases expire");
            }
        }
        let _ = store.consumer.leave_group(&store.link).await;
    }
}

/// Waits for a call; for ever if there is none.
async fn poll_call<V>(call: &mut Call<'_, V>) -> V {
    match call {
        Some(call) => call.await,
        None => std::future::pending().await,
    }
}
