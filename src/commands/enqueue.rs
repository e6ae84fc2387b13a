//! `enqueue`: publish a job's requests to a queue.

use super::driver::{self, Executor};
use super::execution::Show;
use super::queue_job::QueueJob;
use super::run;
use crate::cli::queue::EnqueueArgs;
use crate::config::table::Table;
use crate::exit::{Exit, Failure};

/// Publishes a job. `table`: the settings, and where they were set.
pub async fn enqueue(args: &EnqueueArgs, table: &Table, quiet: bool) -> Result<Exit, Failure> {
    let settings = run::settings(&args.run, table)?;
    if settings.rehearse || settings.report_only {
        return Err(Failure::new(Exit::Usage, "a rehearsal or a report needs no queue: use `run`"));
    }
    if settings.on_finish.is_some() {
        tracing::warn!("--on-finish is ignored by enqueue; pass it to collect");
    }
    if settings.page.is_some() {
        tracing::warn!("--html is ignored by enqueue; run `report` after collect");
    }
    let executor = Executor::Queue(Box::new(QueueJob::publish(&args.queue, &settings)?));
    let show = Show::new(quiet, settings.json);
    Box::pin(driver::drive(&settings, executor, show)).await
}
