//! `work`: one worker of a queue, until it is stopped.

use super::api_session::ApiSession;
use super::queue_connection::QueueConnection;
use super::{health, signals};
use crate::api::endpoint;
use crate::cli::queue::WorkArgs;
use crate::clock::{SystemClock, WallClock};
use crate::config::queue::WorkSettings;
use crate::engine::{Control, StopCause};
use crate::exit::{Exit, Failure};
use crate::outcome::Tally;
use crate::plan::Plan;
use crate::queue::batch_runner::{BatchRunner, ClientFactory};
use crate::queue::connection::RedisConnection;
use crate::queue::consumer::Consumer;
use crate::queue::keys::Keys;
use crate::queue::leases::Leases;
use crate::queue::metrics::Metrics;
use crate::queue::outbox::Outbox;
use crate::queue::outcome_csv::OutcomeCsv;
use crate::queue::pause;
use crate::queue::quota::{RedisQuotaBackend, SharedQuota};
use crate::queue::store::EntryStore;
use crate::queue::worker::{MAX_BATCHES, Settings, Worker};
use crate::report::causes::cause as explain;
use std::sync::Arc;
use tokio::sync::watch;
use tracing::Instrument as _;

/// Works on a queue.
pub async fn command(args: &WorkArgs) -> Result<Exit, Failure> {
    let settings = WorkSettings::settle(args, fastrand::u64(..))?;
    let control = signals::listen();
    let queue = QueueConnection::open(&args.queue, settings.requests.ca_file.as_deref())?;
    let metrics = Arc::new(Metrics::default());
    let listening = health::start(args.listen, Arc::clone(&metrics)).await?;
    tracing::info!(address = %listening.address, "serving /, /healthz, /readyz and /metrics");
    let causes = work(&settings, queue, metrics, control.clone()).await?;
    let stopped = *control.borrow();
    for cause in causes.iter().filter(|cause| **cause != StopCause::Signal) {
        tracing::error!("stopping: {}", explain(cause));
    }
    let others: Vec<StopCause> =
        causes.into_iter().filter(|cause| *cause != StopCause::Signal).collect();
    Ok(match (others.is_empty(), stopped) {
        // A worker that stops on request has succeeded.
        (true, Control::Run | Control::Drain) => Exit::Done,
        (true, Control::Abort) => Exit::Stopped,
        (false, _) => Exit::of_run(&others, &Tally::default()),
    })
}

/// Works until it is stopped; returns the causes.
pub async fn work(
    settings: &WorkSettings,
    queue: QueueConnection,
    metrics: Arc<Metrics>,
    control: watch::Receiver<Control>,
) -> Result<Vec<StopCause>, Failure> {
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let session = ApiSession::connect(&settings.requests, [], &clock).await.map_err(|cause| {
        let exit = Exit::of_run(std::slice::from_ref(&cause), &Tally::default());
        Failure::new(exit, explain(&cause))
    })?;
    let clients: Arc<ClientFactory<_>> =
        Arc::new(move |plan: &Plan| session.client(plan.regions()));
    let consumer = Consumer {
        keys: Keys::new(&queue.address.stream),
        group: settings.group.clone(),
        // Names must be unique: with equal names, an outcome could be stored twice.
        name: format!("{}-{:08x}", settings.consumer, fastrand::u32(..)),
        retention: settings.retain,
    };
    let run = consumer.name.clone();
    let reads = queue.connection.reconnectable_clone();
    let backend = RedisQuotaBackend {
        link: queue.connection.reconnectable_clone(),
        key: consumer.keys.pace.clone(),
    };
    let (paused, pause_monitor) = pause::monitor(
        queue.connection.reconnectable_clone(),
        consumer.keys.clone(),
        Arc::clone(&metrics),
    )
    .await;
    let rate_per_s = settings.requests.engine.rate_per_s;
    let quota = SharedQuota::new(backend, rate_per_s, paused.clone(), Some(Arc::clone(&metrics)));
    let quota_sync = tokio::spawn(Arc::clone(&quota).run());
    let store = open_store(settings, consumer, queue.connection, metrics)?;
    let mut engine = settings.requests.engine;
    engine.concurrency = engine.concurrency.div_ceil(MAX_BATCHES);
    let runner = BatchRunner {
        store: Arc::new(store),
        options: settings.options.clone(),
        engine,
        clients,
        check_region: |region| {
            endpoint::of_region(region).map(drop).map_err(|error| error.to_string())
        },
        clock,
        quota,
    };
    let worker = Worker {
        runner: Arc::new(runner),
        reads,
        settings: Settings {
            lease: settings.lease,
            linger: settings.linger,
            window: settings.window,
        },
        control,
        paused,
    };
    let causes = worker.run().instrument(tracing::info_span!("work", run)).await;
    quota_sync.abort();
    pause_monitor.abort();
    Ok(causes)
}

/// Opens the files of a worker.
fn open_store(
    settings: &WorkSettings,
    consumer: Consumer,
    connection: RedisConnection,
    metrics: Arc<Metrics>,
) -> Result<EntryStore, Failure> {
    let spool = |error: std::io::Error| {
        Failure::new(Exit::File, format!("--spool {}: {error}", settings.spool.display()))
    };
    let outbox = Outbox::open(&settings.spool, &consumer).map_err(spool)?;
    let outcome_csv = settings.outcomes.as_deref().map(OutcomeCsv::open).transpose();
    let outcome_csv =
        outcome_csv.map_err(|error| Failure::new(Exit::File, format!("--outcomes: {error}")))?;
    let leases = Leases::new(settings.lease);
    Ok(EntryStore::new(consumer, connection, leases, outbox, outcome_csv, metrics))
}
