//! Looks up the names of a list before it is planned.

use super::api_session::ApiSession;
use crate::clock::{SystemClock, WallClock};
use crate::config::{RequestSettings, RunSettings};
use crate::engine::StopCause;
use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use crate::input::{Options, Source};
use crate::input_snapshot::InputSnapshot;
use crate::ledger::{Ledger, LedgerError};
use crate::outcome::Tally;
use crate::resolve::{self, ApiDirectory, Resolutions};
use crate::sim::world::World;
use std::sync::Arc;

/// The options of a list with the ids of its names. A list without names is not changed, and a run
/// that continues uses the ids of its ledger.
pub async fn look_up(
    snapshot: &InputSnapshot,
    settings: &RunSettings,
    files: &RunFiles,
) -> Result<Options, Failure> {
    let options = &settings.input.options;
    let sources = snapshot.sources();
    if options.names.is_some() || !resolve::has_names(&sources, options) {
        return Ok(options.clone());
    }
    if !settings.rehearse
        && !settings.restart
        && let Some(names) = recorded(snapshot, files)?
    {
        return Ok(Options { names: Some(Arc::new(names)), ..options.clone() });
    }
    resolve_names(&sources, options, &settings.requests, settings.rehearse).await
}

/// The options of a list with the ids of its names, from the API. Calls list operations only.
pub async fn resolve_online(
    sources: &[Source],
    options: &Options,
    requests: &RequestSettings,
) -> Result<Options, Failure> {
    resolve_names(sources, options, requests, false).await
}

async fn resolve_names(
    sources: &[Source],
    options: &Options,
    requests: &RequestSettings,
    is_rehearsal: bool,
) -> Result<Options, Failure> {
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let regions = regions(sources, options);
    let each = || regions.iter().map(String::as_str);
    let session = if is_rehearsal {
        ApiSession::simulate(requests, Some(World::sample()), each(), &clock).await
    } else {
        ApiSession::connect(requests, each(), &clock).await
    };
    let session = session.map_err(failure)?;
    let directory = ApiDirectory::new(session.caller(each(), requests)?);
    let mut calls = 0;
    let mut progress = |progress: resolve::Progress| calls = progress.done;
    let looked_up = resolve::resolve(sources, options, &directory, &mut progress).await;
    let options = looked_up.map_err(|message| {
        Failure::new(Exit::Credentials, format!("cannot look up names: {message}"))
    })?;
    let names = options.names.as_deref().map_or(0, Resolutions::len);
    tracing::info!(names, listings = calls, "names were looked up");
    Ok(options)
}

/// The ids that the ledger has of the same list.
fn recorded(snapshot: &InputSnapshot, files: &RunFiles) -> Result<Option<Resolutions>, Failure> {
    if !files.ledger().exists() {
        return Ok(None);
    }
    let job = match Ledger::open(&files.ledger()) {
        Err(LedgerError::NeverBegun) => return Ok(None),
        opened => opened?.job()?,
    };
    let digest = snapshot.sha256()().map_err(|error| {
        Failure::new(Exit::File, format!("cannot read the copy of the input: {error}"))
    })?;
    let is_same = job.identity.input_sha256 == digest && !job.options.names.is_empty();
    Ok(is_same.then_some(job.options.names))
}

/// The regions of the names.
fn regions(sources: &[Source], options: &Options) -> Vec<String> {
    let options = Arc::new(Options { names: Some(Arc::default()), ..options.clone() });
    // An unreadable list is reported by the first pass.
    let queries = resolve::queries(sources, &options).unwrap_or_default();
    let mut regions: Vec<String> = queries.into_iter().map(|query| query.region).collect();
    regions.sort_unstable();
    regions.dedup();
    regions
}

pub(super) fn failure(cause: StopCause) -> Failure {
    let message = crate::report::causes::cause(&cause);
    Failure::new(Exit::of_run(&[cause], &Tally::default()), message)
}
