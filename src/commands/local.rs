//! Execution of a job by the engine of this process.

use super::api_session::ApiSession;
use super::execution::{Execution, Show};
use super::job::Job;
use super::signals;
use crate::clock::{SystemClock, WallClock};
use crate::config::RunSettings;
use crate::engine::events::Event;
use crate::engine::{Engine, StopCause};
use crate::ledger::Journal;
use crate::report::progress::Progress;
use crate::sim::world::{World, WorldFile};
use crate::verdicts::LedgerState;
use std::io::IsTerminal as _;
use std::sync::Arc;

/// Sends the requests of all unsettled grants. A reason why nothing can be sent is a stop cause
/// like any other, so that the outcome is written in every case.
pub async fn execute<J: Journal>(
    job: &Job,
    settings: &RunSettings,
    journal: &Arc<J>,
    state: LedgerState,
    show: Show,
) -> Execution {
    let control = signals::listen();
    let requests = &settings.requests;
    let mut progress = Progress::new(&job.numbers, requests.engine.rate_per_s, show.is_hidden());
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let session = if settings.rehearse {
        rehearsal(job, settings, &clock).await
    } else {
        ApiSession::connect(requests, job.plan.regions(), &clock).await
    };
    let client = session.and_then(|session| {
        let client = session.client(job.plan.regions());
        let client = client.map_err(|message| StopCause::Setup { message })?;
        Ok((session, client))
    });
    let mut lookup = None;
    let (verdicts, causes, session) = match client {
        Err(cause) => {
            // At a terminal the summary on the next line reports it.
            if !std::io::stderr().is_terminal() {
                progress.on(&Event::Stopping(cause.clone()));
            }
            (state.verdicts, vec![cause], None)
        }
        Ok((session, client)) => {
            lookup = Some(session.look_up_caller());
            let engine = Engine {
                plan: Arc::clone(&job.plan),
                client: Arc::new(client),
                journal: Arc::clone(journal),
                clock,
                settings: requests.engine,
                control,
            };
            let ended = Box::pin(engine.run(state, &mut |event| progress.on(&event))).await;
            (ended.verdicts, ended.causes, Some(session))
        }
    };
    let (sendings, took) = progress.finish();
    let caller = match lookup {
        Some(lookup) => lookup.finish().await,
        None => None,
    };
    Execution { verdicts, causes, sendings, took, caller, session }
}

/// A session with a simulated service that can answer for this job.
pub async fn rehearsal(
    job: &Job,
    settings: &RunSettings,
    clock: &Arc<dyn WallClock>,
) -> Result<ApiSession, StopCause> {
    let reads = settings.snapshot.is_some() || !job.plan.action().is_detach();
    let world = if job.has_names() {
        Some(World::sample())
    } else if reads {
        // Grants are there to be revoked, and absent where they are to be given.
        let file = WorldFile::of_grants(job.plan.all_grants(), job.plan.action().is_detach());
        let world = World::new(file);
        Some(world.map_err(|error| StopCause::Setup { message: error.to_string() })?)
    } else {
        None
    };
    ApiSession::simulate(&settings.requests, world, job.plan.regions(), clock).await
}
