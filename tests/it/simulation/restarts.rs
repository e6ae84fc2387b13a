//! The tool's lives: it runs, is killed or asked to stop, and the same command continues, until
//! nothing is left to do.

use super::case::{Case, Upheaval};
use super::clock::VirtualClock;
use super::disk::Disk;
use super::faults::{FIRST_TOKEN, Weather};
use super::world::{Network, World};
use bastion_revoke::api::client::Client;
use bastion_revoke::api::credentials::{Credentials, Secret};
use bastion_revoke::api::endpoint::{self, Endpoints};
use bastion_revoke::clock::WallClock;
use bastion_revoke::engine::dispatcher::Ended;
use bastion_revoke::engine::{self, Control, Engine, StopCause};
use bastion_revoke::model::Status;
use bastion_revoke::sim;
use bastion_revoke::verdicts::Verdicts;
use jiff::SignedDuration;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// More lives than any case needs.
const MOST_LIVES: usize = 40;

/// Lives in which a deadline, a canary and a limit on failures hold.
pub(super) const TRIALS: usize = 6;

/// Long enough for everything under way to arrive.
const QUIET: Duration = Duration::from_secs(600);

/// What one life came to.
pub(super) struct Life {
    pub(super) took: Duration,
    /// Nothing if it was killed.
    pub(super) ended: Option<Ended>,
    /// What the next life will read.
    pub(super) durable: Verdicts,
    /// What the service had taken away by then.
    pub(super) removed: Vec<sim::GrantRecord>,
}

/// How a life is lived.
pub(super) struct Living {
    pub(super) engine: engine::Settings,
    pub(super) clock_ahead: SignedDuration,
    pub(super) upheaval: Option<(Duration, Upheaval)>,
}

/// One life: from the durable records, to its end.
pub(super) async fn live(world: &Arc<World>, number: usize, living: &Living) -> Life {
    world.disk.restart();
    let clock: Arc<dyn WallClock> =
        Arc::new(VirtualClock::new(world.time, living.clock_ahead, number));
    let network = Network { world: Arc::clone(world), life: number, under_way: Arc::default() };
    let url = endpoint::parse("http://127.0.0.1:1").expect("loopback");
    let endpoints = Endpoints::new(Some(url), []).expect("one endpoint");
    let token = if number == 0 { FIRST_TOKEN.to_owned() } else { format!("token-{number}") };
    let credentials = Credentials {
        access_key_id: sim::ACCESS_KEY_ID.to_owned(),
        access_key_secret: Secret::new(sim::ACCESS_KEY_SECRET.to_owned()),
        security_token: Some(Secret::new(token)),
    };
    let (control, receiver) = watch::channel(Control::Run);
    let engine = Engine {
        plan: Arc::clone(&world.plan),
        client: Arc::new(Client::new(network, endpoints, credentials, Arc::clone(&clock))),
        journal: Arc::clone(&world.disk),
        clock,
        settings: living.engine,
        control: receiver,
    };
    world.note(format_args!("life {number} begins"));
    let began = world.time.now();
    let start = world.disk.replay(&world.plan);
    let mut tell = |event| world.note(format_args!("{event:?}"));
    let ended = {
        let run = engine.run(start, &mut tell);
        tokio::pin!(run);
        let upheaval = async {
            match living.upheaval {
                Some((after, what)) => {
                    tokio::time::sleep(after).await;
                    what
                }
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            biased;
            ended = &mut run => Some(ended),
            what = upheaval => {
                world.note(format_args!("{what:?}"));
                match what {
                    Upheaval::Crash => None,
                    Upheaval::Drain | Upheaval::Abort => {
                        let asked = if what == Upheaval::Drain { Control::Drain } else { Control::Abort };
                        control.send(asked).expect("the engine listens");
                        Some(run.await)
                    }
                }
            }
        }
    };
    drop(engine);
    let took = world.time.now().saturating_sub(began);
    let durable = world.disk.replay(&world.plan).verdicts;
    world.note(format_args!("life {number} ends, {} settled", durable.settled()));
    let removed = world.state().service.audit().removed;
    Life { took, ended, durable, removed }
}

/// A case, lived to its end.
pub(super) struct Lived {
    pub(super) case: Case,
    pub(super) world: Arc<World>,
    pub(super) lives: Vec<Life>,
    /// The service's own account of it.
    pub(super) audit: sim::Audit,
}

impl Lived {
    /// What became of every grant.
    pub(super) fn verdicts(&self) -> &Verdicts {
        &self.lives.last().expect("at least one life").durable
    }

    pub(super) fn statuses(&self) -> impl Iterator<Item = (u32, Status)> {
        (0..).take(self.world.plan.grants()).map(|grant| (grant, self.verdicts().status(grant)))
    }
}

/// Lives a case until everything is settled.
pub(super) async fn live_out(mut case: Case, in_words: bool) -> Lived {
    let world = world_of(&mut case, in_words);
    let mut lives: Vec<Life> = Vec::new();
    while lives.len() < MOST_LIVES && lives.last().is_none_or(|life| !is_settled(&life.durable)) {
        let number = lives.len();
        let tried = number < TRIALS;
        let deadline = case.deadline.filter(|_| tried);
        let canary = case.canary.filter(|_| tried);
        let fail_over = case.fail_over.filter(|_| tried);
        let living = Living {
            engine: engine::Settings { deadline, canary, fail_over, ..case.engine },
            clock_ahead: case.clock_ahead,
            upheaval: case.upheavals.get(number).copied(),
        };
        lives.push(live(&world, number, &living).await);
        // Somebody notices, and starts the command again.
        let pause = Duration::from_millis(137 * (number as u64 + 1));
        tokio::time::sleep(pause).await;
    }
    at_the_end(case, world, lives).await
}

/// The world of a case, which takes its plan.
pub(super) fn world_of(case: &mut Case, in_words: bool) -> Arc<World> {
    let plan = std::mem::replace(&mut case.plan, empty());
    World::new(
        Arc::new(plan),
        Disk::new(case.disk, case.seed ^ 1),
        sim::Service::new(case.service.clone()),
        Weather::new(case.weather.clone()),
        case.network,
        case.seed ^ 2,
        in_words,
    )
}

/// Waits until everything under way has arrived, and asks the service what it saw.
pub(super) async fn at_the_end(case: Case, world: Arc<World>, lives: Vec<Life>) -> Lived {
    tokio::time::sleep(QUIET).await;
    let audit = world.state().service.audit();
    Lived { case, world, lives, audit }
}

/// Whether nothing is left to be done.
pub(super) fn is_settled(verdicts: &Verdicts) -> bool {
    verdicts.settled() == verdicts.len()
}

/// Whether a run ended because what happened could not be written down.
pub(super) fn lost_its_disk(ended: &Ended) -> bool {
    ended.causes.iter().any(|cause| matches!(cause, StopCause::Journal(_)))
}

fn empty() -> bastion_revoke::plan::Plan {
    bastion_revoke::plan::Plan::new(bastion_revoke::grants::Collector::default().finish())
}
