//! Runs one batch of entries through the engine.

use super::batch::{self, Batch, RejectedEntry};
use super::batch_journal::BatchJournal;
use super::entry::{Entry, EntryUpdate};
use super::in_flight::BatchResult;
use super::outcome_message;
use super::store::EntryStore;
use crate::api::client::Client;
use crate::api::transport::Transport;
use crate::clock::WallClock;
use crate::engine::{self, Control, Engine, StopCause};
use crate::input::Options;
use crate::plan::Plan;
use crate::verdicts::LedgerState;
use std::sync::Arc;
use tokio::sync::watch;

/// Creates the client for a plan's regions; credentials and network are set up before.
pub type ClientFactory<T> = dyn Fn(&Plan) -> Result<Client<T>, String> + Send + Sync;

/// The shared parts of a worker's batches.
pub struct BatchRunner<T> {
    /// Where updates of entries are stored.
    pub store: Arc<EntryStore>,
    /// The options for decoding rows.
    pub options: Options,
    /// Rates and limits.
    pub engine: engine::Settings,
    /// Creates clients.
    pub clients: Arc<ClientFactory<T>>,
    /// Checks that a region has an endpoint.
    pub check_region: fn(&str) -> Result<(), String>,
    /// For recorded times.
    pub clock: Arc<dyn WallClock>,
    /// The quota that all workers share.
    pub quota: Arc<dyn engine::admission::Quota>,
}

impl<T: Transport> BatchRunner<T> {
    /// Runs entries with `rows` rows in total.
    pub(super) async fn run(
        &self,
        entries: Vec<Entry>,
        rows: usize,
        control: watch::Receiver<Control>,
    ) -> BatchResult {
        let (batch, rejected) = batch::plan(&entries, &self.options, self.check_region);
        self.reject(&rejected).await;
        if batch.plan.requests() == 0 {
            return BatchResult { unfinished: Vec::new(), rows, causes: Vec::new() };
        }
        match (self.clients)(&batch.plan) {
            Ok(client) => {
                let (unfinished, causes) = self.send(batch, &entries, client, control).await;
                BatchResult { unfinished, rows, causes }
            }
            Err(message) => {
                let causes = vec![StopCause::Setup { message }];
                BatchResult { unfinished: entries, rows, causes }
            }
        }
    }

    /// Sends a batch; returns the unfinished entries and the reasons.
    async fn send(
        &self,
        batch: Batch,
        entries: &[Entry],
        client: Client<T>,
        control: watch::Receiver<Control>,
    ) -> (Vec<Entry>, Vec<StopCause>) {
        let batch = Arc::new(batch);
        let state = LedgerState::from_verdicts(batch.start(self.clock.now()));
        let journal = BatchJournal::new(Arc::clone(&batch), Arc::clone(&self.store), &*self.clock);
        let journal = Arc::new(journal);
        let engine = Engine {
            plan: Arc::clone(&batch.plan),
            client: Arc::new(client),
            journal: Arc::clone(&journal),
            clock: Arc::clone(&self.clock),
            settings: self.engine,
            control,
        };
        tracing::debug!(
            entries = batch.entries.len(),
            requests = batch.plan.requests(),
            "starting a batch"
        );
        let metrics = &self.store.metrics;
        let ended =
            engine.run_with(&self.quota, state, &mut |event| metrics.on_event(&event)).await;
        (journal.unfinished(entries), ended.causes)
    }

    /// Completes entries that were delivered too often.
    pub(super) async fn dead_letter(&self, entries: &[Entry]) {
        let now = self.clock.now();
        let (batch, rejected) = batch::plan(entries, &self.options, self.check_region);
        let worker = &self.store.consumer.name;
        let updates = batch.entries.iter().map(|entry| {
            let (status, outcome) = outcome_message::of_over_delivered(entry, now, worker);
            tracing::warn!(row = entry.id, status = status.name(), "delivered too often");
            EntryUpdate::dead_letter(&entry.id, entry.unit_name(), outcome)
        });
        self.store.apply(updates.collect()).await;
        self.reject(&rejected).await;
    }

    /// Completes entries that cannot be executed.
    async fn reject(&self, rejected: &[RejectedEntry]) {
        let now = self.clock.now();
        let updates = rejected.iter().map(|entry| {
            tracing::warn!(row = entry.id, code = entry.error.code, "this message is invalid");
            let outcome = outcome_message::of_rejected(entry, now, &self.store.consumer.name);
            let unit = entry.unit.as_ref().map(|unit| unit.name()).unwrap_or_default();
            EntryUpdate::dead_letter(&entry.id, unit, outcome)
        });
        self.store.apply(updates.collect()).await;
    }
}
