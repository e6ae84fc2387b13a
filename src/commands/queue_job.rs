//! Execution of a job through a queue: `enqueue`, `collect` and `run --via`.

use super::execution::{Execution, Show};
use super::job::Job;
use super::job_files::record_end;
use super::queue_connection::QueueConnection;
use super::{signals, work};
use crate::cli::queue::QueueArgs;
use crate::clock::{SystemClock, WallClock};
use crate::config::RunSettings;
use crate::config::queue::WorkSettings;
use crate::engine::{Control, StopCause};
use crate::exit::{Exit, Failure};
use crate::ledger::{Journal, Ledger};
use crate::outcome::Tally;
use crate::queue::connection::ConnectionError;
use crate::queue::coordinator::{CoordinatorError, JobCoordinator};
use crate::queue::keys::Keys;
use crate::queue::metrics::Metrics;
use crate::report::causes;
use crate::report::progress::Progress;
use crate::report::text::things;
use crate::verdicts::LedgerState;
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Interval of polling for results.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Interval of looking for lost units.
const LOST_UNITS_INTERVAL: Duration = Duration::from_secs(2);
/// How long `enqueue` tries to reach Redis.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Which part of a job this process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// Publishes the units; another process collects the results.
    Publish,
    /// Collects the results.
    Collect,
    /// Publishes, collects, and works on the queue as well.
    PublishAndWork,
}

/// A job whose requests go through a queue.
pub struct QueueJob {
    queue: QueueConnection,
    part: Part,
}

impl QueueJob {
    fn new(queue: &QueueArgs, ca_file: Option<&Path>, part: Part) -> Result<Self, Failure> {
        Ok(Self { queue: QueueConnection::open(queue, ca_file)?, part })
    }

    /// For `enqueue`.
    pub fn publish(queue: &QueueArgs, settings: &RunSettings) -> Result<Self, Failure> {
        Self::new(queue, settings.requests.ca_file.as_deref(), Part::Publish)
    }

    /// For `collect`.
    pub fn collect(queue: &QueueArgs, ca_file: Option<&Path>) -> Result<Self, Failure> {
        Self::new(queue, ca_file, Part::Collect)
    }

    /// For `run --via`.
    pub fn publish_and_work(queue: &QueueArgs, settings: &RunSettings) -> Result<Self, Failure> {
        Self::new(queue, settings.requests.ca_file.as_deref(), Part::PublishAndWork)
    }

    /// Whether it publishes units, which needs a confirmation.
    pub fn publishes(&self) -> bool {
        self.part != Part::Collect
    }

    /// Whether it ends once the units are published.
    pub fn only_publishes(&self) -> bool {
        self.part == Part::Publish
    }

    /// The job's name on the queue: unique to its identity and start, so that no other job's
    /// results, nor those of an earlier run of the same list, are taken for its own.
    pub fn name(ledger: &Ledger) -> Result<String, Failure> {
        let (started, _) = ledger.history()?;
        let identity = serde_json::to_vec(&ledger.job()?.identity)
            .map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
        let mut digest = Sha256::new();
        digest.update((identity.len() as u64).to_le_bytes());
        digest.update(identity);
        let started = started.unwrap_or_else(|| SystemClock.now());
        digest.update(started.to_string());
        Ok(crate::hex::hex(&digest.finalize())[..24].to_owned())
    }

    /// Executes this process's part of the job.
    pub async fn execute<J: Journal>(
        &self,
        job: &Job,
        settings: &RunSettings,
        (journal, name): (&J, String),
        state: LedgerState,
        show: Show,
    ) -> Result<Execution, Failure> {
        let control = signals::listen();
        let keys = Keys::new(&self.queue.address.stream);
        let clock = Arc::new(SystemClock);
        let mut coordinator = JobCoordinator::new(
            (&job.plan, journal),
            (&keys, &self.queue.connection),
            clock,
            name,
            state,
        );
        let engine = &settings.requests.engine;
        let mut progress = Progress::new(&job.numbers, engine.rate_per_s, show.is_hidden());
        let mut wait = Wait { control, deadline: engine.deadline, progress: &mut progress };
        let causes = match self.part {
            Part::Publish => wait.until_published(&mut coordinator).await,
            Part::Collect => wait.until_collected(&mut coordinator).await,
            Part::PublishAndWork => {
                let (stop, worker_control) = watch::channel(Control::Run);
                let working = self.work(settings, worker_control);
                let collecting = async {
                    let causes = wait.until_collected(&mut coordinator).await;
                    // Everything is collected, or the wait was ended: the worker can end too.
                    let _ = stop.send(Control::Drain);
                    causes
                };
                let (mut causes, worked) = tokio::join!(collecting, working);
                let others = worked?.into_iter().filter(|cause| *cause != StopCause::Signal);
                causes.extend(others);
                causes
            }
        };
        let units = coordinator.open();
        let verdicts = coordinator.into_verdicts();
        let (mut sendings, took) = progress.finish();
        if self.only_publishes() {
            sendings.planned = units as u64;
        }
        Ok(Execution { verdicts, causes, sendings, took, caller: None, session: None })
    }

    /// A worker inside this process.
    async fn work(
        &self,
        settings: &RunSettings,
        control: watch::Receiver<Control>,
    ) -> Result<Vec<StopCause>, Failure> {
        let QueueConnection { address, connection } = &self.queue;
        let queue = QueueConnection {
            address: address.clone(),
            connection: connection.reconnectable_clone(),
        };
        work::work(&WorkSettings::of_run(settings), queue, Arc::new(Metrics::default()), control)
            .await
    }

    /// Reports the published units and records the end of this run.
    pub fn finish_publishing(
        &self,
        settings: &RunSettings,
        execution: &Execution,
        ledger: Option<Ledger>,
        run: i64,
        show: Show,
    ) -> Result<Exit, Failure> {
        let exit = Exit::of_run(&execution.causes, &Tally::default());
        for cause in &execution.causes {
            show.line(&format!("Stopped: {}", causes::cause(cause)))?;
        }
        show.line(&format!(
            "Published {} to the queue\nTo collect the results: bastion-revoke collect --queue {} \
             --out {}",
            things(
                usize::try_from(execution.sendings.planned).unwrap_or(usize::MAX),
                "request",
                "requests"
            ),
            self.queue.address,
            settings.out.display()
        ))?;
        let ledger =
            ledger.ok_or_else(|| Failure::new(Exit::Internal, "the ledger's thread has ended"))?;
        let recorded = if exit == Exit::Done { Exit::Stopped } else { exit };
        record_end(ledger, run, recorded, &execution.causes, None);
        Ok(exit)
    }
}

/// Waiting for the queue, until it is done, a signal or a deadline.
struct Wait<'a> {
    control: watch::Receiver<Control>,
    deadline: Option<Duration>,
    progress: &'a mut Progress,
}

impl Wait<'_> {
    /// Publishes units that are not published or were lost.
    async fn until_published<J: Journal>(
        &mut self,
        coordinator: &mut JobCoordinator<'_, J>,
    ) -> Vec<StopCause> {
        let started = Instant::now();
        loop {
            let step = async {
                coordinator.poll_results().await?;
                coordinator.publish().await?;
                coordinator.republish_lost().await
            };
            let Err(error) = step.await else { return Vec::new() };
            let is_transient =
                matches!(&error, CoordinatorError::RedisConnection(error) if error.is_transient());
            if !is_transient || started.elapsed() > CONNECT_TIMEOUT {
                return vec![cause_of(error)];
            }
            if *self.control.borrow() != Control::Run {
                return vec![StopCause::Signal];
            }
            tracing::warn!(%error, "retrying");
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Waits until every unit is answered.
    async fn until_collected<J: Journal>(
        &mut self,
        coordinator: &mut JobCoordinator<'_, J>,
    ) -> Vec<StopCause> {
        let started = Instant::now();
        let mut check_lost_at = started;
        let mut is_published = false;
        let mut is_unreachable = false;
        loop {
            let step = async {
                coordinator.poll_results().await?;
                if !is_published {
                    coordinator.publish().await?;
                }
                if Instant::now() >= check_lost_at {
                    coordinator.republish_lost().await?;
                }
                Ok::<_, CoordinatorError>(())
            };
            let result = step.await;
            let now = Instant::now();
            for event in coordinator.take_events() {
                self.progress.on(&event);
            }
            match result {
                Ok(()) => {
                    is_published = true;
                    if now >= check_lost_at {
                        check_lost_at = now + LOST_UNITS_INTERVAL;
                    }
                    if std::mem::take(&mut is_unreachable) {
                        tracing::warn!("Redis is reachable again");
                    }
                    if coordinator.open() == 0 {
                        delete_results(coordinator).await;
                        return Vec::new();
                    }
                }
                Err(CoordinatorError::RedisConnection(error)) if error.is_transient() => {
                    if !std::mem::replace(&mut is_unreachable, true) {
                        tracing::warn!(%error, "Redis is unreachable; waiting for it");
                    }
                }
                Err(error) => return vec![cause_of(error)],
            }
            if *self.control.borrow_and_update() != Control::Run {
                return vec![StopCause::Signal];
            }
            let deadline = self.deadline.map(|deadline| started + deadline);
            if deadline.is_some_and(|deadline| now >= deadline) {
                return vec![StopCause::Deadline];
            }
            tokio::select! {
                Ok(()) = self.control.changed() => {}
                () = tokio::time::sleep(POLL_INTERVAL) => {}
            }
        }
    }
}

/// Deletes the results, which are in the ledger. A failure leaves them in the stream.
async fn delete_results<J: Journal>(coordinator: &mut JobCoordinator<'_, J>) {
    if let Err(error) = coordinator.delete_results().await {
        tracing::warn!(%error, "cannot delete the job's results from the stream");
    }
}

fn cause_of(error: CoordinatorError) -> StopCause {
    let message = error.to_string();
    match error {
        CoordinatorError::Journal(error) => StopCause::Journal(error.0),
        CoordinatorError::Request(_) => StopCause::Internal(message),
        CoordinatorError::RedisConnection(ConnectionError::Denied(_)) => {
            StopCause::NoCredentials { message }
        }
        CoordinatorError::RedisConnection(ConnectionError::Unreachable(_)) => {
            StopCause::Unreachable { message }
        }
        CoordinatorError::RedisConnection(_) => StopCause::Setup { message },
    }
}
