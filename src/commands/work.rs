//! `work`: one worker of a queue, until it is told to stop.

use super::queue_args::{Reached, WorkArgs, WorkSettings, reach};
use super::{api_session, health, signals};
use crate::api::client::Client;
use crate::api::credentials::Provider;
use crate::api::endpoint::{self, Endpoints};
use crate::api::transport::HttpTransport;
use crate::clock::{SystemClock, WallClock};
use crate::engine::{Control, StopCause};
use crate::exit::{Exit, Failure};
use crate::outcome::Tally;
use crate::queue::leases::Leases;
use crate::queue::metrics::Metrics;
use crate::queue::outbox::Shelf;
use crate::queue::quota::{RedisBank, SharedQuota};
use crate::queue::scripts::{Keys, Seat};
use crate::queue::store::Store;
use crate::queue::worker::{Clients, Settings, WINDOWS, Worker};
use crate::report::summary;
use std::sync::Arc;
use tokio::sync::watch;
use tracing::Instrument as _;

/// Works on a queue.
pub async fn command(args: &WorkArgs) -> Result<Exit, Failure> {
    let settings = WorkSettings::settle(args, fastrand::u64(..))?;
    let control = signals::listen();
    let reached = reach(&args.queue, settings.ca_file.as_deref())?;
    let metrics = Arc::new(Metrics::default());
    let listening = health::start(args.listen, Arc::clone(&metrics)).await?;
    tracing::info!(address = %listening.address, "answering /healthz, /readyz and /metrics");
    let causes = work(&settings, reached, metrics, control.clone()).await?;
    let stopped = *control.borrow();
    for cause in causes.iter().filter(|cause| **cause != StopCause::Signal) {
        tracing::error!("stopping: {}", summary::cause(cause));
    }
    let others: Vec<StopCause> =
        causes.into_iter().filter(|cause| *cause != StopCause::Signal).collect();
    Ok(match (others.is_empty(), stopped) {
        // To stop when told to is what a worker is expected to do.
        (true, Control::Run | Control::Drain) => Exit::Done,
        (true, Control::Abort) => Exit::Stopped,
        (false, _) => Exit::of_run(&others, &Tally::default()),
    })
}

/// Works until the control says otherwise; the causes say why it ended.
pub async fn work(
    settings: &WorkSettings,
    reached: Reached,
    metrics: Arc<Metrics>,
    control: watch::Receiver<Control>,
) -> Result<Vec<StopCause>, Failure> {
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let clients = clients(settings, &clock).await?;
    let seat = Seat {
        keys: Keys::new(&reached.address.stream),
        group: settings.group.clone(),
        // Two workers of one name would pass for each other, and an outcome could be stored twice.
        consumer: format!("{}-{:08x}", settings.consumer, fastrand::u32(..)),
    };
    let spool = |error: std::io::Error| {
        Failure::new(Exit::File, format!("--spool {}: {error}", settings.spool.display()))
    };
    let shelf = Shelf::open(&settings.spool, &seat).map_err(spool)?;
    let table =
        settings.outcomes.as_deref().map(crate::queue::outcome_csv::Table::open).transpose();
    let table = table.map_err(|error| Failure::new(Exit::File, format!("--outcomes: {error}")))?;
    let run = seat.consumer.clone();
    let reads = reached.link.another();
    let bank = RedisBank { link: reached.link.another(), key: seat.keys.pace.clone() };
    let quota = SharedQuota::new(bank, settings.engine.rate_per_s, Some(Arc::clone(&metrics)));
    let paying = tokio::spawn(Arc::clone(&quota).run());
    let leases = Leases::new(settings.lease);
    let store = Arc::new(Store::new(seat, reached.link, leases, shelf, table, metrics));
    let mut engine = settings.engine;
    engine.concurrency = engine.concurrency.div_ceil(WINDOWS);
    let worker = Worker {
        store,
        reads,
        settings: Settings {
            lease: settings.lease,
            linger: settings.linger,
            window: settings.window,
            options: settings.options.clone(),
            engine,
        },
        clients,
        fits: |region| endpoint::of_region(region).map(drop).map_err(|error| error.to_string()),
        clock,
        control,
        quota,
    };
    let causes = worker.run().instrument(tracing::info_span!("work", run)).await;
    paying.abort();
    Ok(causes)
}

/// Looks up the keys and sets up the network once; a client is made for each window.
async fn clients(
    settings: &WorkSettings,
    clock: &Arc<dyn WallClock>,
) -> Result<Arc<Clients<HttpTransport>>, Failure> {
    let setup = |message: String| Failure::new(Exit::Configuration, message);
    let ca_pem = settings.ca_file.as_ref().map(std::fs::read).transpose();
    let ca_pem = ca_pem.map_err(|error| setup(format!("--ca-file can't be read: {error}")))?;
    let keys: Provider =
        api_session::provider(settings.profile.clone(), ca_pem.clone(), clock).map_err(setup)?;
    keys.current().await.map_err(|error| Failure::new(Exit::Credentials, error.to_string()))?;
    let endpoint = settings.endpoint.clone();
    let endpoints =
        Endpoints::new(endpoint.clone(), []).map_err(|error| setup(error.to_string()))?;
    let transport = HttpTransport::new(
        settings.timeout,
        settings.engine.concurrency,
        ca_pem.as_deref(),
        endpoints.reach(),
    )
    .map_err(|error| setup(error.to_string()))?;
    let (keys, clock, scheme) = (Arc::new(keys), Arc::clone(clock), settings.signature);
    Ok(Arc::new(move |plan| {
        let endpoints = Endpoints::new(endpoint.clone(), plan.regions());
        let endpoints = endpoints.map_err(|error| error.to_string())?;
        let (keys, clock) = (Arc::clone(&keys), Arc::clone(&clock));
        Ok(Client::with_provider(transport.clone(), endpoints, keys, clock).signing(scheme))
    }))
}
