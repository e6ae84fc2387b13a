//! A worker: takes entries from the stream, sends them window by window through the engine, and
//! leaves an outcome for each.
//!
//! One loop owns what the worker holds. An entry is gathered -> in a window -> done with, or back
//! among those that wait for another try; what a worker holds when it ends it gives back.

use super::batch;
use super::connection::{Link, LinkError};
use super::in_flight::{Hands, SHORT_PAUSE, WindowEnd, is_unit, rows_of, weight};
use super::journal::WindowJournal;
use super::outcome_message;
use super::scripts::{Entry, MAX_DELIVERIES, Step};
use super::store::Store;
use crate::api::client::Client;
use crate::api::transport::Transport;
use crate::clock::WallClock;
use crate::engine::dispatcher::Start;
use crate::engine::{self, Control, Engine, StopCause};
use crate::input::Options;
use crate::plan::Plan;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::Instrument as _;

/// Windows on their way at once: one is sent while the next is gathered and begun.
pub const WINDOWS: usize = 2;
/// How long a read waits for new entries.
const READ_MS: u64 = 400;
/// The most entries that are read at once.
const READ_MOST: usize = 100;
/// How a worker works.
#[derive(Debug, Clone)]
pub struct Settings {
    /// After so long without a sign of its worker an entry is taken over by another.
    pub lease: Duration,
    /// How long rows are gathered before they are planned.
    pub linger: Duration,
    /// How many rows make a full window.
    pub window: usize,
    /// How rows are read.
    pub options: Options,
    /// How the engine works.
    pub engine: engine::Settings,
}

/// Makes the client for a plan: keys and network are set up, the regions are the plan's.
pub type Clients<T> = dyn Fn(&Plan) -> Result<Client<T>, String> + Send + Sync;

/// What a worker is made of.
pub struct Worker<T> {
    /// Where outcomes go, and what is held.
    pub store: Arc<Store>,
    /// A connection of its own for reads, which wait.
    pub reads: Link,
    /// How it works.
    pub settings: Settings,
    /// Makes clients.
    pub clients: Arc<Clients<T>>,
    /// Why a region can't be reached, if so.
    pub fits: fn(&str) -> Result<(), String>,
    /// For the times that are written down.
    pub clock: Arc<dyn WallClock>,
    /// What somebody asks of it.
    pub control: watch::Receiver<Control>,
    /// The quota that all workers share.
    pub quota: Arc<dyn engine::admission::Quota>,
}

/// Where to look on, and what was taken over.
type Found = (String, Vec<Entry>);

type Later<'a, V> = Option<Pin<Box<dyn Future<Output = V> + Send + 'a>>>;

impl<T: Transport> Worker<T> {
    /// Works until it is told to stop, or can't go on: the causes say why.
    pub async fn run(self) -> Vec<StopCause> {
        let made = self.store.seat.make_group(&self.store.link).await;
        self.store.heard(&made);
        let mut hands = Hands::new();
        self.work(&mut hands).await;
        self.give_back(&hands).await;
        hands.causes
    }

    async fn work(&self, hands: &mut Hands) {
        let mut control = self.control.clone();
        let mut control_is_open = true;
        let mut reading: Later<'_, (Instant, Result<Vec<Entry>, LinkError>)> = None;
        let mut looking: Later<'_, (Instant, Result<Found, LinkError>)> = None;
        let mut keeping: Later<'_, ()> = None;
        let beat = self.settings.lease / 3;
        let (mut keep_at, mut look_at) = (Instant::now(), Instant::now());
        let mut read_at = Instant::now();
        let mut from = "0-0".to_owned();
        loop {
            self.obey(hands, *control.borrow_and_update());
            let now = Instant::now();
            let is_open = !hands.stopping && self.store.is_reachable();
            let has_room = hands.held() < self.settings.window * WINDOWS;
            if is_open && has_room && reading.is_none() && now >= read_at {
                let room = self.settings.window * WINDOWS - hands.held();
                reading = Some(Box::pin(self.read(hands.entries_in(room))));
            }
            if is_open && has_room && looking.is_none() && now >= look_at {
                looking = Some(Box::pin(self.look(from.clone())));
            }
            if keeping.is_none() && now >= keep_at {
                keeping = Some(Box::pin(self.keep()));
            }
            if is_open {
                self.launch(hands);
            }
            if hands.stopping && hands.windows.is_empty() && reading.is_none() && looking.is_none()
            {
                return;
            }
            let wake = [keep_at, look_at, read_at, hands.wake_at(self.settings.linger)];
            // What is due and has not happened waits for something else that wakes the loop.
            let wake = wake.into_iter().filter(|at| *at > now).min().unwrap_or(now + SHORT_PAUSE);
            tokio::select! {
                biased;
                changed = control.changed(), if control_is_open => control_is_open = changed.is_ok(),
                Some(ended) = hands.windows.join_next() => hands.window_ended(ended),
                () = later(&mut keeping) => {
                    keeping = None;
                    // Soon again as long as Redis is away, so that little time is lost.
                    let pause = if self.store.is_reachable() { beat } else { beat.min(SHORT_PAUSE) };
                    keep_at = Instant::now() + pause;
                }
                (asked_at, entries) = later(&mut reading) => {
                    reading = None;
                    if entries.is_err() {
                        read_at = Instant::now() + SHORT_PAUSE;
                    }
                    self.arrived(hands, asked_at, entries).await;
                }
                (asked_at, found) = later(&mut looking) => {
                    looking = None;
                    let (next, entries) = match found {
                        Ok((next, entries)) => (next, Ok(entries)),
                        Err(error) => ("0-0".to_owned(), Err(error)),
                    };
                    // A look that is not at its end goes on at once.
                    let is_over = next == "0-0";
                    look_at = Instant::now() + if is_over { beat } else { Duration::ZERO };
                    from = next;
                    self.arrived(hands, asked_at, entries).await;
                }
                () = tokio::time::sleep_until(wake) => {}
            }
        }
    }

    async fn read(&self, most: usize) -> (Instant, Result<Vec<Entry>, LinkError>) {
        let asked_at = Instant::now();
        (asked_at, self.store.seat.read(&self.reads, most.min(READ_MOST), READ_MS).await)
    }

    async fn look(&self, from: String) -> (Instant, Result<(String, Vec<Entry>), LinkError>) {
        let asked_at = Instant::now();
        let lease_ms = u64::try_from(self.settings.lease.as_millis()).unwrap_or(u64::MAX);
        let most = READ_MOST.min(self.settings.window);
        (asked_at, self.store.seat.take_over(&self.store.link, lease_ms, &from, most).await)
    }

    /// Shows that this worker lives, and puts away what Redis could not take before.
    async fn keep(&self) {
        self.store.keep().await;
        if self.store.is_reachable() {
            if self.store.has_a_full_shelf().await {
                self.store.empty_the_shelf().await;
            }
            if let Ok((depth, pending, oldest)) = self.store.seat.measure(&self.store.link).await {
                let age_ms = oldest.map_or(0, |at| self.clock.now().as_millisecond() - at);
                #[expect(clippy::cast_precision_loss, reason = "an age for people")]
                self.store.metrics.queue(depth, pending, (age_ms.max(0)) as f64 / 1000.0);
            }
            let gone = self.store.seat.forget(&self.store.link, &self.store.leases.ids()).await;
            if let Ok(gone) = gone
                && !gone.is_empty()
            {
                tracing::warn!(entries = ?gone, "somebody has deleted these before they were done");
            }
        }
    }

    fn obey(&self, hands: &mut Hands, control: Control) {
        if control != Control::Run && !hands.causes.contains(&StopCause::Signal) {
            hands.causes.push(StopCause::Signal);
        }
        if let Some(trouble) = self.store.trouble()
            && !hands.stopping
        {
            let message = trouble.to_string();
            hands.causes.push(match trouble {
                LinkError::Denied(_) => StopCause::NoCredentials { message },
                _ => StopCause::Setup { message },
            });
        }
        let control = if hands.causes.is_empty() { control } else { control.max(Control::Drain) };
        hands.stopping |= control != Control::Run;
        hands.drain.send_if_modified(|before| {
            let is_more = control > *before;
            *before = control.max(*before);
            is_more
        });
        self.store.metrics.ready(!hands.stopping);
    }

    /// Takes in entries. Those that came too often are done with.
    async fn arrived(
        &self,
        hands: &mut Hands,
        asked_at: Instant,
        entries: Result<Vec<Entry>, LinkError>,
    ) {
        self.store.heard(&entries);
        let entries = match entries {
            Ok(entries) => entries,
            Err(LinkError::NoGroup) => {
                // Redis has lost its data, or somebody has removed the group.
                let made = self.store.seat.make_group(&self.store.link).await;
                return self.store.heard(&made);
            }
            Err(_) => return,
        };
        if entries.is_empty() {
            return;
        }
        // What is held already came back because this worker was slow to show that it lives.
        let held: Vec<String> = self.store.leases.ids();
        self.store.leases.hold(entries.iter().map(|entry| &entry.id), asked_at);
        let entries = entries.into_iter().filter(|entry| !held.contains(&entry.id));
        let (worn, good): (Vec<Entry>, Vec<Entry>) =
            entries.partition(|entry| entry.deliveries > MAX_DELIVERIES);
        if !worn.is_empty() {
            self.bury(&worn).await;
        }
        if hands.gathered.is_empty() {
            hands.gathered_at = Instant::now();
        }
        hands.heaviest = good.iter().map(rows_of).max().unwrap_or(hands.heaviest);
        hands.gathered.extend(good);
    }

    /// Gives entries that came too often their outcome.
    async fn bury(&self, worn: &[Entry]) {
        let now = self.clock.now();
        let (window, rejects) = batch::plan(worn, &self.settings.options, self.fits);
        let worker = &self.store.seat.consumer;
        let dead = window.members.iter().map(|member| {
            let (status, outcome) = outcome_message::of_worn(member, now, worker);
            tracing::warn!(row = member.id, status = status.name(), "handed out too often");
            let unit = member.unit.as_ref().map(|unit| unit.name()).unwrap_or_default();
            Step {
                id: member.id.clone(),
                outcome: Some(outcome),
                dead: true,
                unit,
                ..Step::default()
            }
        });
        let steps: Vec<Step> = dead.collect();
        self.store.step(steps).await;
        self.reject(&rejects).await;
    }

    async fn reject(&self, rejects: &[batch::Reject]) {
        let now = self.clock.now();
        let steps = rejects.iter().map(|reject| {
            tracing::warn!(row = reject.id, code = reject.bad.code, "this message is invalid");
            let outcome = outcome_message::of_reject(reject, now, &self.store.seat.consumer);
            let unit = reject.unit.as_ref().map(|unit| unit.name()).unwrap_or_default();
            Step {
                id: reject.id.clone(),
                outcome: Some(outcome),
                dead: true,
                unit,
                ..Step::default()
            }
        });
        let steps: Vec<Step> = steps.collect();
        self.store.step(steps).await;
    }

    /// Sends what is gathered on its way, once there is enough of it or it has waited enough.
    fn launch(&self, hands: &mut Hands) {
        let now = Instant::now();
        if hands.windows.len() >= WINDOWS {
            return;
        }
        let is_due = |at: &Instant| *at <= now;
        if hands.gathered.is_empty() {
            hands.gathered_at = now;
        }
        let is_full = weight(&hands.gathered) >= self.settings.window;
        let waited = now >= hands.gathered_at + self.settings.linger;
        // Units are full requests already: they wait for nobody.
        let is_ready = is_full || waited || hands.gathered.iter().all(is_unit);
        let mut entries = if is_ready { std::mem::take(&mut hands.gathered) } else { Vec::new() };
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut hands.again).into_iter().partition(|(at, _)| is_due(at));
        hands.again = later;
        entries.extend(due.into_iter().map(|(_, entry)| entry));
        entries.retain(|entry| self.store.leases.is_held(&entry.id));
        if entries.is_empty() {
            return;
        }
        let rows = weight(&entries);
        hands.in_windows += rows;
        let window = self.window(entries, rows, hands.drain.subscribe());
        hands.windows.spawn(window.in_current_span());
    }

    fn window(
        &self,
        entries: Vec<Entry>,
        rows: usize,
        control: watch::Receiver<Control>,
    ) -> impl Future<Output = WindowEnd> + Send + 'static {
        let this = Self {
            store: Arc::clone(&self.store),
            reads: self.reads.another(),
            settings: self.settings.clone(),
            clients: Arc::clone(&self.clients),
            fits: self.fits,
            clock: Arc::clone(&self.clock),
            control,
            quota: Arc::clone(&self.quota),
        };
        async move {
            let (open, causes) = this.carry_out(entries).await;
            WindowEnd { open, rows, causes }
        }
    }

    /// One window through the engine. Gives what is not done with, and why.
    async fn carry_out(self, entries: Vec<Entry>) -> (Vec<Entry>, Vec<StopCause>) {
        let (window, rejects) = batch::plan(&entries, &self.settings.options, self.fits);
        self.reject(&rejects).await;
        if window.plan.requests() == 0 {
            return (Vec::new(), Vec::new());
        }
        let client = match (self.clients)(&window.plan) {
            Ok(client) => client,
            Err(message) => return (entries, vec![StopCause::Setup { message }]),
        };
        let window = Arc::new(window);
        let (verdicts, touched) = window.start(self.clock.now());
        let (again, _) = window.start(self.clock.now());
        let journal =
            WindowJournal::new(Arc::clone(&window), again, Arc::clone(&self.store), &*self.clock);
        let journal = Arc::new(journal);
        let metrics = journal.metrics();
        let engine = Engine {
            plan: Arc::clone(&window.plan),
            client: Arc::new(client),
            journal: Arc::clone(&journal),
            clock: Arc::clone(&self.clock),
            settings: self.settings.engine,
            control: self.control.clone(),
        };
        tracing::debug!(
            entries = window.members.len(),
            requests = window.plan.requests(),
            "a window begins"
        );
        let start = Start { verdicts, touched, first_attempt: 1 };
        let ended = engine.run_with(&self.quota, start, &mut |event| metrics.on(&event)).await;
        (journal.open(&entries), ended.causes)
    }

    /// Gives back what is held, so that nobody has to wait for the lease to end.
    async fn give_back(&self, hands: &Hands) {
        self.store.empty_the_shelf().await;
        let held = self.store.leases.ids();
        let (guilty, rest): (Vec<String>, Vec<String>) =
            held.into_iter().partition(|id| hands.guilty.contains(id));
        let (seat, link) = (&self.store.seat, &self.store.link);
        for (ids, for_nothing) in [(guilty, false), (rest, true)] {
            if !ids.is_empty()
                && let Err(error) = seat.release(link, &ids, for_nothing).await
            {
                tracing::warn!(%error, "entries are free only when their lease is over");
            }
        }
        let _ = seat.leave(link).await;
    }
}

async fn later<V>(future: &mut Later<'_, V>) -> V {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
