//! The runs of a case: the process runs, is killed or stopped, and the same command continues
//! until the work is completed.

use super::case::{Case, Interruption};
use super::clock::VirtualClock;
use super::disk::Disk;
use super::environment::{Environment, Network};
use super::faults::{FIRST_TOKEN, FaultSchedule};
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

/// More runs than any case needs.
const MAX_RUNS: usize = 40;

/// Runs in which the deadline, the canary and the failure limit apply.
pub(super) const LIMITED_RUNS: usize = 6;

/// Long enough for every message in flight to arrive.
const QUIET: Duration = Duration::from_secs(600);

/// The result of one run.
pub(super) struct ProcessRun {
    pub(super) took: Duration,
    /// `None` if the run was killed.
    pub(super) ended: Option<Ended>,
    /// The verdicts that the next run reads.
    pub(super) durable: Verdicts,
    /// The grants removed by the service so far.
    pub(super) removed: Vec<sim::GrantRecord>,
}

/// Settings and interruption of one run.
pub(super) struct RunConditions {
    pub(super) engine: engine::Settings,
    pub(super) clock_ahead: SignedDuration,
    pub(super) interruption: Option<(Duration, Interruption)>,
}

/// Runs the process once, from the durable records to its end.
pub(super) async fn run_process(
    environment: &Arc<Environment>,
    number: usize,
    conditions: &RunConditions,
) -> ProcessRun {
    environment.disk.restart();
    let clock: Arc<dyn WallClock> =
        Arc::new(VirtualClock::new(environment.time, conditions.clock_ahead, number));
    let network =
        Network { environment: Arc::clone(environment), run: number, in_flight: Arc::default() };
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
        plan: Arc::clone(&environment.plan),
        client: Arc::new(Client::new(network, endpoints, credentials, Arc::clone(&clock))),
        journal: Arc::clone(&environment.disk),
        clock,
        settings: conditions.engine,
        control: receiver,
    };
    environment.note(format_args!("run {number} begins"));
    let began = environment.time.now();
    let start = environment.disk.replay(&environment.plan);
    let mut on_event = |event| environment.note(format_args!("{event:?}"));
    let ended = {
        let run = engine.run(start, &mut on_event);
        tokio::pin!(run);
        let interruption = async {
            match conditions.interruption {
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
            what = interruption => {
                environment.note(format_args!("{what:?}"));
                match what {
                    Interruption::Crash => None,
                    Interruption::Drain | Interruption::Abort => {
                        let asked = if what == Interruption::Drain { Control::Drain } else { Control::Abort };
                        control.send(asked).expect("the engine listens");
                        Some(run.await)
                    }
                }
            }
        }
    };
    drop(engine);
    let took = environment.time.now().saturating_sub(began);
    let durable = environment.disk.replay(&environment.plan).verdicts;
    environment.note(format_args!("run {number} ends, {} settled", durable.settled()));
    let removed = environment.state().service.audit().removed;
    ProcessRun { took, ended, durable, removed }
}

/// A completed case.
pub(super) struct CaseResult {
    pub(super) case: Case,
    pub(super) environment: Arc<Environment>,
    pub(super) runs: Vec<ProcessRun>,
    /// The audit of the service.
    pub(super) audit: sim::Audit,
}

impl CaseResult {
    /// The final verdicts.
    pub(super) fn verdicts(&self) -> &Verdicts {
        &self.runs.last().expect("at least one run").durable
    }

    pub(super) fn statuses(&self) -> impl Iterator<Item = (u32, Status)> {
        (0..)
            .take(self.environment.plan.grants())
            .map(|grant| (grant, self.verdicts().status(grant)))
    }
}

/// Runs a case until everything is settled.
pub(super) async fn run_to_completion(mut case: Case, with_trace: bool) -> CaseResult {
    let environment = environment_of(&mut case, with_trace);
    Box::pin(run_in(case, environment, 0)).await
}

/// The same in an environment; its runs are numbered from `first`.
pub(super) async fn run_in(case: Case, environment: Arc<Environment>, first: usize) -> CaseResult {
    let mut runs: Vec<ProcessRun> = Vec::new();
    while runs.len() < MAX_RUNS && runs.last().is_none_or(|run| !is_settled(&run.durable)) {
        let number = runs.len();
        let tried = number < LIMITED_RUNS;
        let deadline = case.deadline.filter(|_| tried);
        let canary = case.canary.filter(|_| tried);
        let fail_over = case.fail_over.filter(|_| tried);
        let conditions = RunConditions {
            engine: engine::Settings { deadline, canary, fail_over, ..case.engine },
            clock_ahead: case.clock_ahead,
            interruption: case.interruptions.get(number).copied(),
        };
        runs.push(run_process(&environment, first + number, &conditions).await);
        // The command is started again after a pause.
        let pause = Duration::from_millis(137 * (number as u64 + 1));
        tokio::time::sleep(pause).await;
    }
    finish(case, environment, runs).await
}

/// Builds the environment of a case; takes the plan out of it.
pub(super) fn environment_of(case: &mut Case, with_trace: bool) -> Arc<Environment> {
    let plan = std::mem::replace(&mut case.plan, empty());
    Environment::new(
        Arc::new(plan),
        Disk::new(case.disk, case.seed ^ 1),
        sim::Service::new(case.service.clone()),
        FaultSchedule::new(case.faults.clone()),
        case.network,
        case.seed ^ 2,
        with_trace,
    )
}

/// Waits for messages in flight and collects the service's audit.
pub(super) async fn finish(
    case: Case,
    environment: Arc<Environment>,
    runs: Vec<ProcessRun>,
) -> CaseResult {
    tokio::time::sleep(QUIET).await;
    let audit = environment.state().service.audit();
    CaseResult { case, environment, runs, audit }
}

/// Whether every grant is settled.
pub(super) fn is_settled(verdicts: &Verdicts) -> bool {
    verdicts.settled() == verdicts.len()
}

/// Whether a run ended because the ledger could not be written.
pub(super) fn lost_its_disk(ended: &Ended) -> bool {
    ended.causes.iter().any(|cause| matches!(cause, StopCause::Journal(_)))
}

fn empty() -> bastion_revoke::plan::Plan {
    bastion_revoke::plan::Plan::new(bastion_revoke::grants::Collector::default().finish())
}
