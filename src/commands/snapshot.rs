//! The snapshot of `run --snapshot`: what is granted before the first revocation.

use super::api_session::ApiSession;
use super::job::Job;
use super::{local, names};
use crate::access::{self, HeldTarget};
use crate::clock::{SystemClock, WallClock, utc_seconds};
use crate::config::{RunSettings, SnapshotPolicy};
use crate::exit::{Exit, Failure};
use crate::ledger::SnapshotInfo;
use crate::report::snapshot as snapshot_report;
use crate::restore::scopes_of;
use std::sync::Arc;

/// The list calls that a snapshot of the job takes, if one is taken.
pub fn calls(job: &Job, settings: &RunSettings) -> Option<usize> {
    settings.snapshot.map(|_| access::calls(&scopes_of(&job.plan)))
}

/// Reads what is granted on the targets of the job, if a snapshot is to be taken. Changes nothing.
///
/// # Errors
///
/// The keys are refused, or the snapshot is incomplete and has to be complete.
pub async fn take(job: &mut Job, settings: &RunSettings) -> Result<Vec<HeldTarget>, Failure> {
    let Some(policy) = settings.snapshot else { return Ok(Vec::new()) };
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let read_at = utc_seconds(clock.now());
    let session = if settings.rehearse {
        local::rehearsal(job, settings, &clock).await
    } else {
        ApiSession::connect(&settings.requests, job.plan.regions(), &clock).await
    };
    let session = session.map_err(names::failure)?;
    let caller = session.caller(job.plan.regions(), &settings.requests)?;
    let held = access::read_held(&caller, scopes_of(&job.plan)).await?;
    let incomplete: Vec<&HeldTarget> = held.iter().filter(|held| held.reason.is_some()).collect();
    let info = SnapshotInfo { read_at, targets: held.len(), incomplete: incomplete.len() };
    tracing::info!(
        calls = caller.calls(),
        targets = info.targets,
        incomplete = info.incomplete,
        "the snapshot was read"
    );
    if !incomplete.is_empty() {
        let what = snapshot_report::incomplete(&incomplete, held.len());
        match policy {
            SnapshotPolicy::MayBeIncomplete => tracing::warn!("{what}"),
            SnapshotPolicy::Complete => {
                let message = format!(
                    "{what}\nnothing was revoked; allow these reads, or pass \
                     --allow-incomplete-snapshot to start without them: what is missing cannot be \
                     restored"
                );
                return Err(Failure::new(Exit::Refused, message));
            }
        }
    }
    job.set_snapshot(info);
    Ok(held)
}
