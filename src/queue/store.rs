//! Stores updates of entries: in Redis, or in the outbox on this machine while Redis is
//! unreachable.

use super::connection::{ConnectionError, RedisConnection};
use super::consumer::Consumer;
use super::entry::EntryUpdate;
use super::leases::Leases;
use super::metrics::Metrics;
use super::outbox::Outbox;
use super::outcome_csv::OutcomeCsv;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::time::Instant;

/// Stores updates, and updates the leases from the replies.
#[derive(Debug)]
pub struct EntryStore {
    /// This worker in its group.
    pub consumer: Consumer,
    /// The connection.
    pub link: RedisConnection,
    /// The entries that this worker holds.
    pub leases: Leases,
    /// The worker's counters.
    pub metrics: Arc<Metrics>,
    outbox: tokio::sync::Mutex<Outbox>,
    outcome_csv: Option<Mutex<OutcomeCsv>>,
    is_reachable: AtomicBool,
    fatal_error: Mutex<Option<ConnectionError>>,
}

impl EntryStore {
    /// A store for the entries of that consumer.
    pub fn new(
        consumer: Consumer,
        link: RedisConnection,
        leases: Leases,
        outbox: Outbox,
        outcome_csv: Option<OutcomeCsv>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            consumer,
            link,
            leases,
            metrics,
            outbox: tokio::sync::Mutex::new(outbox),
            outcome_csv: outcome_csv.map(Mutex::new),
            is_reachable: AtomicBool::new(true),
            fatal_error: Mutex::new(None),
        }
    }

    /// Whether Redis answered the last command.
    pub fn is_reachable(&self) -> bool {
        self.is_reachable.load(Ordering::Relaxed)
    }

    /// The first error that stops this worker, if there was one.
    pub fn fatal_error(&self) -> Option<ConnectionError> {
        self.fatal_error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Records whether Redis is reachable, and errors that stop the worker.
    pub fn on_reply<T>(&self, reply: &Result<T, ConnectionError>) {
        let error = reply.as_ref().err();
        let is_reachable = !matches!(error, Some(ConnectionError::Unreachable(_)));
        if self.is_reachable.swap(is_reachable, Ordering::Relaxed) != is_reachable {
            if let Some(error) = error {
                tracing::warn!(%error, "Redis is unreachable; sending is paused");
            } else {
                tracing::warn!("Redis is reachable again");
            }
        }
        self.metrics.set_redis_up(is_reachable);
        if let Some(error) = error.filter(|error| !error.is_transient()) {
            let mut fatal = self.fatal_error.lock().unwrap_or_else(PoisonError::into_inner);
            fatal.get_or_insert_with(|| error.clone());
        }
    }

    /// Applies updates; returns whether Redis has them. If not, outcomes are kept durably on this
    /// machine until it has.
    pub async fn apply(&self, updates: Vec<EntryUpdate>) -> bool {
        if updates.is_empty() {
            return true;
        }
        let reply = self.consumer.apply(&self.link, &updates).await;
        self.on_reply(&reply);
        match reply {
            Ok(not_ours) => {
                self.on_applied(&updates, &not_ours);
                true
            }
            Err(ConnectionError::NoGroup) => {
                // Redis lost its data, including these entries.
                self.leases.remove(updates.iter().map(|update| &update.id));
                true
            }
            Err(_) => {
                let done: Vec<EntryUpdate> =
                    updates.into_iter().filter(|update| update.outcome.is_some()).collect();
                if !done.is_empty()
                    && let Err(error) = self.outbox.lock().await.append(&self.consumer, done)
                {
                    tracing::error!(%error, "cannot keep outcomes in --spool; they are in memory only");
                }
                false
            }
        }
    }

    fn on_applied(&self, updates: &[EntryUpdate], not_ours: &[String]) {
        for id in not_ours {
            tracing::warn!(row = id, "another worker took this entry over");
        }
        self.leases.remove(not_ours);
        let done = updates.iter().filter(|update| update.outcome.is_some());
        for update in done.filter(|update| !not_ours.contains(&update.id)) {
            self.leases.remove([&update.id]);
            self.metrics.record_outcome(update);
            if let Some(csv) = &self.outcome_csv
                && let Err(error) =
                    csv.lock().unwrap_or_else(PoisonError::into_inner).append(update)
            {
                tracing::error!(%error, row = update.id, "cannot write this outcome to --outcomes");
            }
        }
        self.metrics.record_commit();
    }

    /// Stores the outcomes in the outbox, once Redis is reachable.
    pub async fn flush_outbox(&self) {
        let mut outbox = self.outbox.lock().await;
        for (name, updates) in outbox.pending() {
            let consumer = Consumer { name: name.clone(), ..self.consumer.clone() };
            let reply = consumer.apply(&self.link, &updates).await;
            self.on_reply(&reply);
            match reply {
                Ok(not_ours) => self.on_applied(&updates, &not_ours),
                // The entries that these outcomes would acknowledge do not exist any more.
                Err(ConnectionError::NoGroup) => {
                    self.leases.remove(updates.iter().map(|update| &update.id));
                }
                Err(_) => return,
            }
            outbox.remove(&name);
        }
    }

    /// Whether the outbox holds outcomes.
    pub async fn has_outbox(&self) -> bool {
        !self.outbox.lock().await.is_empty()
    }

    /// Renews the leases of all entries that this worker holds.
    pub async fn renew_leases(&self) {
        let ids = self.leases.ids();
        let asked_at = Instant::now();
        let reply = self.consumer.renew(&self.link, &ids).await;
        self.on_reply(&reply);
        match reply {
            Ok(ours) => self.leases.renew(&ids, &ours, asked_at),
            Err(ConnectionError::NoGroup) => {
                self.leases.remove(&ids);
                let created = self.consumer.create_group(&self.link).await;
                self.on_reply(&created);
            }
            Err(_) => {}
        }
    }
}
