//! The entries that a worker holds: buffered, in a batch, or waiting for a retry.

use super::entry::Entry;
use super::message::UNIT_FIELD;
use crate::engine::{Control, StopCause};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::Instant;

/// The pause before a retry when the API was unreachable; also the longest sleep of the loop.
const LONG_PAUSE: Duration = Duration::from_secs(15);
/// The pause before any other retry.
pub(super) const SHORT_PAUSE: Duration = Duration::from_millis(500);

/// The result of a batch.
pub(super) struct BatchResult {
    /// The entries that are not done.
    pub(super) unfinished: Vec<Entry>,
    /// The number of rows in the whole batch.
    pub(super) rows: usize,
    /// Why the batch stopped early, if it did.
    pub(super) causes: Vec<StopCause>,
}

/// The entries that a worker holds, and whether it is stopping.
pub(super) struct InFlight {
    /// Entries that are collected for the next batch.
    pub(super) buffered: Vec<Entry>,
    pub(super) buffered_since: Instant,
    /// Entries to retry, and when.
    pub(super) retries: Vec<(Instant, Entry)>,
    pub(super) batches: JoinSet<BatchResult>,
    pub(super) rows_in_batches: usize,
    /// The most rows in one entry of the last read: the estimate for the next read.
    pub(super) max_entry_rows: usize,
    pub(super) stopping: bool,
    pub(super) causes: Vec<StopCause>,
    /// Entries that stopped this worker; their delivery counts.
    pub(super) poisoned: Vec<String>,
    pub(super) batch_control: watch::Sender<Control>,
}

impl InFlight {
    /// No entries.
    pub(super) fn new() -> Self {
        Self {
            buffered: Vec::new(),
            buffered_since: Instant::now(),
            retries: Vec::new(),
            batches: JoinSet::new(),
            rows_in_batches: 0,
            max_entry_rows: 1,
            stopping: false,
            causes: Vec::new(),
            poisoned: Vec::new(),
            batch_control: watch::Sender::new(Control::Run),
        }
    }

    /// The number of rows held.
    pub(super) fn rows(&self) -> usize {
        let retries: usize = self.retries.iter().map(|(_, entry)| rows_of(entry)).sum();
        rows_in(&self.buffered) + self.rows_in_batches + retries
    }

    /// How many entries to read for this many rows; at least one.
    pub(super) fn entries_for(&self, rows: usize) -> usize {
        (rows / self.max_entry_rows.max(1)).max(1)
    }

    /// Buffers entries for the next batch.
    pub(super) fn buffer(&mut self, entries: Vec<Entry>) {
        if self.buffered.is_empty() {
            self.buffered_since = Instant::now();
        }
        self.max_entry_rows = entries.iter().map(rows_of).max().unwrap_or(self.max_entry_rows);
        self.buffered.extend(entries);
    }

    /// The entries of the next batch: the buffered ones, once they have `full` rows or `linger` has
    /// passed, and those due for a retry.
    pub(super) fn take_ready(&mut self, full: usize, linger: Duration) -> Vec<Entry> {
        let now = Instant::now();
        if self.buffered.is_empty() {
            self.buffered_since = now;
        }
        let is_full = rows_in(&self.buffered) >= full;
        let has_waited = now >= self.buffered_since + linger;
        // Units are full requests already: they do not wait for others.
        let is_ready = is_full || has_waited || self.buffered.iter().all(is_unit);
        let mut entries = if is_ready { std::mem::take(&mut self.buffered) } else { Vec::new() };
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.retries).into_iter().partition(|(at, _)| *at <= now);
        self.retries = later;
        entries.extend(due.into_iter().map(|(_, entry)| entry));
        entries
    }

    /// When the next batch may be ready.
    pub(super) fn wake_at(&self, linger: Duration) -> Instant {
        let far = Instant::now() + LONG_PAUSE;
        let linger = if self.buffered.is_empty() { far } else { self.buffered_since + linger };
        self.retries.iter().map(|(at, _)| *at).chain([linger]).min().unwrap_or(far)
    }

    /// Stops this worker because of an error of Redis or the API, or raises the control of its
    /// batches.
    pub(super) fn set_control(&mut self, control: Control) {
        let control = if self.causes.is_empty() { control } else { control.max(Control::Drain) };
        self.stopping |= control != Control::Run;
        self.batch_control.send_if_modified(|before| {
            let is_raised = control > *before;
            *before = control.max(*before);
            is_raised
        });
    }

    /// Takes back the unfinished entries of a batch.
    pub(super) fn on_batch_finished(&mut self, finished: Result<BatchResult, JoinError>) {
        let BatchResult { unfinished, rows, causes } = match finished {
            Ok(result) => result,
            Err(error) => {
                // Its entries are claimed by a worker once their leases have expired.
                return self.causes.push(StopCause::Internal(format!("a batch failed: {error}")));
            }
        };
        self.rows_in_batches -= rows;
        let mut pause = SHORT_PAUSE;
        for cause in causes {
            match cause {
                StopCause::Signal | StopCause::Deadline => {}
                StopCause::Unreachable { .. } | StopCause::LongWait { .. } => pause = LONG_PAUSE,
                // An invalid message must not stop the others.
                StopCause::RepeatedRefusal { code, message } => {
                    tracing::warn!(code, message, "several requests were refused alike");
                }
                cause => {
                    if matches!(cause, StopCause::Routing { .. }) {
                        let sent = unfinished.iter().filter(|entry| entry.sent > 0);
                        self.poisoned.extend(sent.map(|entry| entry.id.clone()));
                    }
                    if !self.causes.contains(&cause) {
                        self.causes.push(cause);
                    }
                }
            }
        }
        let at = Instant::now() + pause;
        self.retries.extend(unfinished.into_iter().map(|entry| (at, entry)));
    }
}

fn is_unit(entry: &Entry) -> bool {
    entry.fields.first().is_some_and(|(name, _)| name == UNIT_FIELD.as_bytes())
}

/// The estimated rows of an entry. A unit holds 1 to 100; parsing it here costs more than an exact
/// number is worth.
fn rows_of(entry: &Entry) -> usize {
    if is_unit(entry) { 50 } else { 1 }
}

/// The estimated rows of these entries.
pub(super) fn rows_in(entries: &[Entry]) -> usize {
    entries.iter().map(rows_of).sum()
}
