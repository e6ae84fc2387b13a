//! The world around the tool: the simulated service behind a network with moods, all in virtual
//! time and in this process.

use super::clock::Time;
use super::disk::Disk;
use super::faults::{Fate, Weather};
use super::log::{Delivery, Departure, Log};
use super::wire::{self, Asked, Key};
use bastion_revoke::api::transport::{SendError, Transport, WireAnswer, WireRequest};
use bastion_revoke::plan::{GrantId, Plan};
use bastion_revoke::sim;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// How the network behaves in between.
#[derive(Debug, Clone, Copy)]
pub(super) struct Habits {
    /// The longest way there, and the longest way back.
    pub(super) slowest: Duration,
    /// The tool's patience with one attempt.
    pub(super) timeout: Duration,
    /// How probable each is: no connection, a request that gets lost, an answer that gets lost.
    pub(super) unreachable: f64,
    pub(super) request_lost: f64,
    pub(super) answer_lost: f64,
}

impl Habits {
    /// Nothing gets lost.
    pub(super) const CALM: Self = Self {
        slowest: Duration::from_millis(80),
        timeout: Duration::from_secs(10),
        unreachable: 0.0,
        request_lost: 0.0,
        answer_lost: 0.0,
    };
}

/// Everything that outlives a crash of the tool.
pub(super) struct World {
    pub(super) time: Time,
    pub(super) plan: Arc<Plan>,
    pub(super) disk: Arc<Disk>,
    pub(super) keys: HashMap<Key, GrantId>,
    habits: Habits,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) service: sim::Service,
    pub(super) log: Log,
    weather: Weather,
    random: fastrand::Rng,
}

impl World {
    pub(super) fn new(
        plan: Arc<Plan>,
        disk: Arc<Disk>,
        service: sim::Service,
        weather: Weather,
        habits: Habits,
        seed: u64,
        in_words: bool,
    ) -> Arc<Self> {
        let keys = (0..).take(plan.grants()).map(|grant| (key_of(&plan, grant), grant)).collect();
        let log = Log::new(in_words);
        let random = fastrand::Rng::with_seed(seed);
        let state = Mutex::new(State { service, log, weather, random });
        Arc::new(Self { time: Time::begin(), plan, disk, keys, habits, state })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, what: std::fmt::Arguments<'_>) {
        self.state().log.note(self.time.now(), what);
    }

    fn depart(&self, life: usize, asked: &Asked, under_way: usize) {
        let grants: Option<Vec<GrantId>> =
            asked.keys.iter().map(|key| self.keys.get(key).copied()).collect();
        let intended = grants.is_some_and(|grants| self.disk.covers(grants));
        let at = self.time.now();
        let mut state = self.state();
        state.log.note(at, format_args!("leaves {:?}", asked.keys));
        let (operation, keys) = (asked.operation, asked.keys.clone());
        state.log.departures.push(Departure { life, at, operation, keys, intended, under_way });
    }

    fn deliver(&self, life: usize, asked: &Asked, answer: &WireAnswer) {
        let at = self.time.now();
        let said = wire::said(asked, &answer.headers, &answer.body);
        let mut state = self.state();
        state.log.note(at, format_args!("answered {} {said:?}", answer.status));
        let (operation, keys) = (asked.operation, asked.keys.clone());
        state.log.deliveries.push(Delivery { life, at, operation, keys, said });
    }

    /// The service's side of one request: what it does, and what comes back after how long.
    fn serve(&self, asked: &Asked, request: &sim::WireRequest) -> (Duration, Back) {
        let now = self.time.now();
        let wall = self.time.wall();
        let mut state = self.state();
        let State { service, weather, log, .. } = &mut *state;
        let (reply, fate) = match weather.at(now, wall, asked) {
            Fate::Answer(answer) => (None, Back::Whole(answer)),
            Fate::Broken { applied: false, back } => (None, back),
            Fate::Broken { applied: true, back } => (Some(service.answer(wall, request)), back),
            Fate::Usual => {
                let reply = service.answer(wall, request);
                let back = match &reply.fate {
                    sim::Fate::Respond(answer) => Back::Whole(WireAnswer {
                        status: answer.status.as_u16(),
                        headers: answer.headers.clone(),
                        body: answer.body.clone(),
                    }),
                    _ => Back::Cut,
                };
                (Some(reply), back)
            }
        };
        log.note(now, format_args!("arrives, and is answered {}", fate.name()));
        (reply.map_or(Duration::ZERO, |reply| reply.delay), fate)
    }
}

/// The key of a grant of the plan.
pub(super) fn key_of(plan: &Plan, grant: GrantId) -> Key {
    use bastion_revoke::model::Account;
    let request = plan.request_of(grant);
    let scope = plan.scope_names(request);
    let (target, account) = plan.item(grant);
    Key {
        operation: plan.operation_of(request).name(),
        instance: scope.instance_id.to_owned(),
        grantee: scope.grantee.id.to_owned(),
        target: target.to_owned(),
        account: match account {
            Account::Whole => None,
            Account::Named(name) => Some(name.to_owned()),
        },
    }
}

/// What comes back.
#[derive(Debug)]
pub(super) enum Back {
    Whole(WireAnswer),
    /// The connection breaks.
    Cut,
    /// Nothing, for ever.
    Silence,
}

impl Back {
    fn name(&self) -> &'static str {
        match self {
            Self::Whole(_) => "whole",
            Self::Cut => "and cut",
            Self::Silence => "by silence",
        }
    }
}

/// The network as one life of the tool sees it.
pub(super) struct Network {
    pub(super) world: Arc<World>,
    pub(super) life: usize,
    pub(super) under_way: Arc<std::sync::atomic::AtomicUsize>,
}

/// What the dice of the network say about one request.
struct Way {
    there: Duration,
    back: Duration,
    fate: Lost,
    /// Whether it is lost if the tool dies while it is on its way.
    dies_with_sender: bool,
}

/// What of a request gets lost.
#[derive(Clone, Copy, PartialEq)]
enum Lost {
    Nothing,
    Connection,
    Request,
    Answer,
}

impl Network {
    fn way(&self) -> Way {
        let habits = self.world.habits;
        let mut state = self.world.state();
        let random = &mut state.random;
        let mut leg = || {
            let share = random.f64();
            habits.slowest.mul_f64(share * share)
        };
        let (there, back) = (leg(), leg());
        let chances = [
            (Lost::Connection, habits.unreachable),
            (Lost::Request, habits.request_lost),
            (Lost::Answer, habits.answer_lost),
        ];
        let lost = chances.into_iter().find(|(_, chance)| random.f64() < *chance);
        let fate = lost.map_or(Lost::Nothing, |(lost, _)| lost);
        Way { there, back, fate, dies_with_sender: random.bool() }
    }
}

/// Counts a request under way until it is dropped, whatever ends it.
struct Counted(Arc<std::sync::atomic::AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }
}

impl Transport for Network {
    async fn send(&self, request: WireRequest) -> Result<WireAnswer, SendError> {
        let under_way = 1 + self.under_way.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let _counted = Counted(Arc::clone(&self.under_way));
        let asked = wire::asked(&request);
        let world = &self.world;
        world.depart(self.life, &asked, under_way);
        let way = self.way();
        let now = world.time.now();
        if way.fate == Lost::Connection || world.state().weather.is_unreachable(now, &asked) {
            tokio::time::sleep(way.there).await;
            return Err(SendError::NotSent("connection refused".to_owned()));
        }
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(travel(Arc::clone(world), asked.clone(), request, way, sender));
        let outcome = match tokio::time::timeout(world.habits.timeout, receiver).await {
            Ok(Ok(Back::Whole(answer))) => {
                world.deliver(self.life, &asked, &answer);
                return Ok(answer);
            }
            Ok(_) => SendError::Lost("connection reset".to_owned()),
            Err(_) => SendError::TimedOut,
        };
        world.state().log.lost += 1;
        world.note(format_args!("lost: {outcome}"));
        Err(outcome)
    }
}

/// Carries a request to the service and its answer back, whether or not the sender still lives.
async fn travel(
    world: Arc<World>,
    asked: Asked,
    request: WireRequest,
    way: Way,
    sender: oneshot::Sender<Back>,
) {
    const FOR_EVER: Duration = Duration::from_secs(3600);
    tokio::time::sleep(way.there).await;
    if way.fate == Lost::Request || (way.dies_with_sender && sender.is_closed()) {
        return tokio::time::sleep(FOR_EVER).await;
    }
    let (delay, back) = world.serve(&asked, &at_service(request));
    tokio::time::sleep(delay + way.back).await;
    if way.fate == Lost::Answer || matches!(back, Back::Silence) {
        return tokio::time::sleep(FOR_EVER).await;
    }
    // A sender that has died hears nothing.
    let _ = sender.send(back);
}

fn at_service(request: WireRequest) -> sim::WireRequest {
    sim::WireRequest {
        method: http::Method::POST,
        path: request.endpoint.path().to_owned(),
        query: request.query,
        headers: request.headers,
        body: request.body.into(),
    }
}
