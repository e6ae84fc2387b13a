//! The ledger: an intent is durable before a request is sent, a result before it counts. Promise 7,
//! *nothing is lost*.
//!
//! `record` has the records, `job_spec` the description of a job. `sqlite` is the file of a run, with
//! `row` and `snapshot` encoding its rows; `sqlite_journal` writes it on its own thread, `memory` is
//! the journal of a rehearsal. `readings` has what a verification of the run has read. Code that sends
//! depends only on the trait [`Journal`].

mod fingerprint;
mod job_spec;
mod memory;
mod network_fs;
mod readings;
mod record;
mod row;
mod snapshot;
mod sqlite;
mod sqlite_journal;

pub use fingerprint::{Fingerprint, InvalidFingerprint};
pub use job_spec::{
    Approval, JobGuards, JobIdentity, JobOptions, JobSize, JobSpec, RestoredJob, SnapshotInfo,
};
pub use memory::MemoryJournal;
pub use readings::{Continued, MOST_AGE, Readings};
pub use record::{
    Attempt, AttemptId, AttemptResult, AttemptState, CallerRecord, Exception, GrantSet, Record,
    RunRecord,
};
pub use sqlite::{Ledger, LedgerError};
pub use sqlite_journal::SqliteJournal;

use std::future::Future;

/// The journal could not be written, so nothing more may be sent or counted (exit 74).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the ledger can't be written: {0}")]
pub struct JournalError(pub String);

/// Stores intents and results durably.
pub trait Journal: Send + Sync + 'static {
    /// Writes the records in order. When it returns without error, all of them are durable.
    fn commit(&self, records: Vec<Record>)
    -> impl Future<Output = Result<(), JournalError>> + Send;

    /// Whether an attempt whose intent is durable may still be sent; called immediately before.
    fn may_leave(&self, _attempt: AttemptId, _grants: &GrantSet) -> bool {
        true
    }
}
