//! What a ledger says of a run: what was asked, when, and how it ended.

use super::outcome_file::Reading;
use crate::ledger::{JobSpec, Ledger, LedgerError, RunRecord};
use crate::verdicts::RunStatus;
use jiff::Timestamp;

/// What a ledger says of a run.
#[derive(Debug)]
pub(super) struct Facts {
    pub(super) job: JobSpec,
    pub(super) runs: Vec<RunRecord>,
    pub(super) status: RunStatus,
}

impl Facts {
    /// Reads a ledger.
    pub(super) fn read(ledger: &Ledger, now: Timestamp) -> Result<Self, LedgerError> {
        let (job, runs) = (ledger.job()?, ledger.runs()?);
        Ok(Self { job, runs, status: RunStatus::read(ledger, now)? })
    }

    /// What the ledger says about the meaning of the outcome.
    pub(super) fn reading(&self) -> Reading {
        reading_of(&self.job)
    }

    /// When the first run began.
    pub(super) fn started_at(&self) -> Option<Timestamp> {
        self.runs.first().and_then(|run| run.started_at)
    }
}

/// What a job says about the meaning of its outcome.
pub(super) fn reading_of(job: &JobSpec) -> Reading {
    let map = job.options.map.iter();
    let map = map.filter_map(|(field, column)| Some((field.parse().ok()?, column.clone())));
    Reading { map: map.collect(), action: Some(job.action) }
}
