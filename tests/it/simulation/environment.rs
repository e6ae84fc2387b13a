//! The environment of the simulated process: the simulated service behind an unreliable network,
//! in virtual time.

use super::clock::Time;
use super::disk::Disk;
use super::faults::{Effect, FaultSchedule};
use super::log::{Delivery, Departure, Log};
use super::wire::{self, DecodedRequest, Key};
use bastion_revoke::api::transport::{SendError, Transport, WireAnswer, WireRequest};
use bastion_revoke::plan::{GrantId, Plan};
use bastion_revoke::sim;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;

/// Latency and loss rates of the network.
#[derive(Debug, Clone, Copy)]
pub(super) struct NetworkModel {
    /// The longest one-way latency.
    pub(super) slowest: Duration,
    /// The client's timeout of one attempt.
    pub(super) timeout: Duration,
    /// Probabilities of a refused connection, a lost request and a lost answer.
    pub(super) unreachable: f64,
    pub(super) request_lost: f64,
    pub(super) answer_lost: f64,
}

impl NetworkModel {
    /// No losses.
    pub(super) const CALM: Self = Self {
        slowest: Duration::from_millis(80),
        timeout: Duration::from_secs(10),
        unreachable: 0.0,
        request_lost: 0.0,
        answer_lost: 0.0,
    };
}

/// State that survives a crash of the process.
pub(super) struct Environment {
    pub(super) time: Time,
    pub(super) plan: Arc<Plan>,
    pub(super) disk: Arc<Disk>,
    pub(super) keys: HashMap<Key, GrantId>,
    network: NetworkModel,
    state: Mutex<State>,
}

pub(super) struct State {
    pub(super) service: sim::Service,
    pub(super) log: Log,
    faults: FaultSchedule,
    random: fastrand::Rng,
}

impl Environment {
    pub(super) fn new(
        plan: Arc<Plan>,
        disk: Arc<Disk>,
        service: sim::Service,
        faults: FaultSchedule,
        network: NetworkModel,
        seed: u64,
        with_trace: bool,
    ) -> Arc<Self> {
        let keys = (0..).take(plan.grants()).map(|grant| (key_of(&plan, grant), grant)).collect();
        let log = Log::new(with_trace);
        let random = fastrand::Rng::with_seed(seed);
        let state = Mutex::new(State { service, log, faults, random });
        Arc::new(Self { time: Time::begin(), plan, disk, keys, network, state })
    }

    /// The same service at the same time, for another job.
    pub(super) fn for_next_job(
        &self,
        plan: Arc<Plan>,
        disk: Arc<Disk>,
        faults: FaultSchedule,
        network: NetworkModel,
        seed: u64,
    ) -> Arc<Self> {
        let nothing = sim::Service::new(sim::Settings::default());
        let service = std::mem::replace(&mut self.state().service, nothing);
        let keys = (0..).take(plan.grants()).map(|grant| (key_of(&plan, grant), grant)).collect();
        let random = fastrand::Rng::with_seed(seed);
        let state = Mutex::new(State { service, log: Log::new(false), faults, random });
        Arc::new(Self { time: self.time, plan, disk, keys, network, state })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note(&self, what: std::fmt::Arguments<'_>) {
        self.state().log.note(self.time.now(), what);
    }

    fn depart(&self, run: usize, asked: &DecodedRequest, in_flight: usize) {
        let grants: Option<Vec<GrantId>> =
            asked.keys.iter().map(|key| self.keys.get(key).copied()).collect();
        let intended = grants.is_some_and(|grants| self.disk.covers(grants));
        let at = self.time.now();
        let mut state = self.state();
        state.log.note(at, format_args!("leaves {:?}", asked.keys));
        let (operation, keys) = (asked.operation, asked.keys.clone());
        state.log.departures.push(Departure { run, at, operation, keys, intended, in_flight });
    }

    fn deliver(&self, run: usize, asked: &DecodedRequest, answer: &WireAnswer) {
        let at = self.time.now();
        let decoded = wire::decode_answer(asked, &answer.headers, &answer.body);
        let mut state = self.state();
        state.log.note(at, format_args!("answered {} {decoded:?}", answer.status));
        let (operation, keys) = (asked.operation, asked.keys.clone());
        state.log.deliveries.push(Delivery { run, at, operation, keys, answer: decoded });
    }

    /// Serves one request; returns the response and the service's delay.
    fn serve(&self, asked: &DecodedRequest, request: &sim::HttpRequest) -> (Duration, Response) {
        let now = self.time.now();
        let wall = self.time.wall();
        let mut state = self.state();
        let State { service, faults, log, .. } = &mut *state;
        let (reply, fate) = match faults.at(now, wall, asked) {
            Effect::Answer(answer) => (None, Response::Whole(answer)),
            Effect::Broken { applied: false, back } => (None, back),
            Effect::Broken { applied: true, back } => (Some(service.handle(wall, request)), back),
            Effect::None => {
                let reply = service.handle(wall, request);
                let back = match &reply.delivery {
                    sim::Delivery::Respond(answer) => Response::Whole(WireAnswer {
                        status: answer.status.as_u16(),
                        headers: answer.headers.clone(),
                        body: answer.body.clone(),
                    }),
                    _ => Response::Cut,
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

/// The response of one request.
#[derive(Debug)]
pub(super) enum Response {
    Whole(WireAnswer),
    /// The connection breaks.
    Cut,
    /// No answer, ever.
    Silence,
}

impl Response {
    fn name(&self) -> &'static str {
        match self {
            Self::Whole(_) => "whole",
            Self::Cut => "and cut",
            Self::Silence => "by silence",
        }
    }
}

/// The network of one run.
pub(super) struct Network {
    pub(super) environment: Arc<Environment>,
    pub(super) run: usize,
    pub(super) in_flight: Arc<std::sync::atomic::AtomicUsize>,
}

/// Latency and loss chosen for one request.
struct RequestPath {
    there: Duration,
    back: Duration,
    loss: Loss,
    /// Whether the request is lost when its sender is killed.
    dies_with_sender: bool,
}

/// Which part of a request is lost.
#[derive(Clone, Copy, PartialEq)]
enum Loss {
    Nothing,
    Connection,
    Request,
    Answer,
}

impl Network {
    fn journey(&self) -> RequestPath {
        let network = self.environment.network;
        let mut state = self.environment.state();
        let random = &mut state.random;
        let mut leg = || {
            let share = random.f64();
            network.slowest.mul_f64(share * share)
        };
        let (there, back) = (leg(), leg());
        let chances = [
            (Loss::Connection, network.unreachable),
            (Loss::Request, network.request_lost),
            (Loss::Answer, network.answer_lost),
        ];
        let drawn = chances.into_iter().find(|(_, chance)| random.f64() < *chance);
        let loss = drawn.map_or(Loss::Nothing, |(drawn, _)| drawn);
        RequestPath { there, back, loss, dies_with_sender: random.bool() }
    }
}

/// Counts a request in flight until it is dropped.
struct Counted(Arc<std::sync::atomic::AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
    }
}

impl Transport for Network {
    async fn send(&self, request: WireRequest) -> Result<WireAnswer, SendError> {
        let in_flight = 1 + self.in_flight.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let _counted = Counted(Arc::clone(&self.in_flight));
        let asked = wire::decode_request(&request);
        let environment = &self.environment;
        environment.depart(self.run, &asked, in_flight);
        let journey = self.journey();
        let now = environment.time.now();
        if journey.loss == Loss::Connection
            || environment.state().faults.is_unreachable(now, &asked)
        {
            tokio::time::sleep(journey.there).await;
            return Err(SendError::NotSent("connection refused".to_owned()));
        }
        let (sender, receiver) = oneshot::channel();
        tokio::spawn(travel(Arc::clone(environment), asked.clone(), request, journey, sender));
        let outcome = match tokio::time::timeout(environment.network.timeout, receiver).await {
            Ok(Ok(Response::Whole(answer))) => {
                environment.deliver(self.run, &asked, &answer);
                return Ok(answer);
            }
            Ok(_) => SendError::Lost("connection reset".to_owned()),
            Err(_) => SendError::TimedOut,
        };
        environment.state().log.lost += 1;
        environment.note(format_args!("lost: {outcome}"));
        Err(outcome)
    }
}

/// Carries a request to the service and its answer back, even if the sender was killed.
async fn travel(
    environment: Arc<Environment>,
    asked: DecodedRequest,
    request: WireRequest,
    journey: RequestPath,
    sender: oneshot::Sender<Response>,
) {
    const FOR_EVER: Duration = Duration::from_secs(3600);
    tokio::time::sleep(journey.there).await;
    if journey.loss == Loss::Request || (journey.dies_with_sender && sender.is_closed()) {
        return tokio::time::sleep(FOR_EVER).await;
    }
    let (delay, back) = environment.serve(&asked, &at_service(request));
    tokio::time::sleep(delay + journey.back).await;
    if journey.loss == Loss::Answer || matches!(back, Response::Silence) {
        return tokio::time::sleep(FOR_EVER).await;
    }
    // The receiver is gone if the sender was killed.
    let _ = sender.send(back);
}

pub(super) fn at_service(request: WireRequest) -> sim::HttpRequest {
    sim::HttpRequest {
        method: http::Method::POST,
        path: request.endpoint.path().to_owned(),
        query: request.query,
        headers: request.headers,
        body: request.body.into(),
    }
}
