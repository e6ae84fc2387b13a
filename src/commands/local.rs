//! Execution of a job by the engine of this process.

use super::api_session::ApiSession;
use super::execution::{Execution, Show};
use super::job::Job;
use super::signals;
use crate::clock::{SystemClock, WallClock};
use crate::config::RunSettings;
use crate::engine::Engine;
use crate::engine::events::Event;
use crate::ledger::Journal;
use crate::report::progress::Progress;
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
        ApiSession::simulate(requests, job.has_names(), job.plan.regions(), &clock).await
    } else {
        ApiSession::connect(requests, job.plan.regions(), &clock).await
    };
    let client = session.and_then(|session| {
        let client = session.client(job.plan.regions());
        let client = client.map_err(|message| crate::engine::StopCause::Setup { message })?;
        Ok((session, client))
    });
    let (verdicts, causes) = match client {
        Err(cause) => {
            // At a terminal the summary on the next line says it.
            if !std::io::stderr().is_terminal() {
                progress.on(&Event::Stopping(cause.clone()));
            }
            (state.verdicts, vec![cause])
        }
        Ok((_session, client)) => {
            let engine = Engine {
                plan: Arc::clone(&job.plan),
                client: Arc::new(client),
                journal: Arc::clone(journal),
                clock,
                settings: requests.engine,
                control,
            };
            let ended = Box::pin(engine.run(state, &mut |event| progress.on(&event))).await;
            (ended.verdicts, ended.causes)
        }
    };
    let (sendings, took) = progress.finish();
    Execution { verdicts, causes, sendings, took }
}
