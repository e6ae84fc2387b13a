//! `collect`: wait for an enqueued job and write its outcome.

use super::driver::{self, Executor};
use super::execution::Show;
use super::queue_job::QueueJob;
use crate::cli::queue::CollectArgs;
use crate::config::{RequestSettings, RunSettings};
use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use crate::ledger::Ledger;

/// Collects the results of the job that the ledger of `--out` describes.
pub async fn collect(args: &CollectArgs, quiet: bool) -> Result<Exit, Failure> {
    let queue = QueueJob::collect(&args.queue, args.ca_file.as_deref())?;
    let files = RunFiles::new(args.out.clone());
    if !files.ledger().exists() {
        let message = format!("{}: no such job", files.ledger().display());
        return Err(Failure::new(Exit::MissingInput, message));
    }
    let job = Ledger::open(&files.ledger())?.job()?;
    let requests = RequestSettings::of_collect(args.deadline);
    let settings = RunSettings {
        on_finish: args.on_finish.clone(),
        json: args.json,
        ..RunSettings::of_job(&job, files.out, requests)?
    };
    let show = Show::new(quiet, args.json);
    Box::pin(driver::drive(&settings, Executor::Queue(Box::new(queue)), show)).await
}
