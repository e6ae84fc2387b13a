//! Scenarios: how the service behaves over time, and the result expected of each run. They are the
//! files `tests/scenarios/*.toml`; the `README.md` there documents their keys.

use super::case::{Case, Interruption};
use super::environment::NetworkModel;
use super::faults::{self, FaultKind, FaultWindow};
use super::invariants;
use super::restarts::{RunConditions, environment_of, finish, run_process};
use super::{disk, restarts};
use bastion_revoke::engine::{self, StopCause};
use bastion_revoke::exit::Exit;
use bastion_revoke::grants::Collector;
use bastion_revoke::model::{Account, Grant, Grantee, GranteeKind, Kind, Operation, Status};
use bastion_revoke::outcome::Tally;
use bastion_revoke::plan::Plan;
use bastion_revoke::plan::summary::LeftOut;
use bastion_revoke::sim;
use jiff::SignedDuration;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// A file of `tests/scenarios`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Scenario {
    title: String,
    description: String,
    list: List,
    #[serde(default)]
    settings: Settings,
    #[serde(default)]
    service: Service,
    #[serde(default)]
    #[serde(rename = "fault")]
    faults: Vec<Fault>,
    run: Vec<ExpectedRun>,
}

/// The list: every user loses every account on every target.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    users: usize,
    targets: usize,
    /// Accounts on each target; 0 revokes whole targets.
    accounts: usize,
    #[serde(default = "hosts")]
    kinds: Vec<String>,
    #[serde(default = "one_instance")]
    instances: Vec<String>,
}

fn hosts() -> Vec<String> {
    vec!["host".to_owned()]
}

fn one_instance() -> Vec<String> {
    vec!["i-1".to_owned()]
}

/// The settings of the command.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Settings {
    rate: f64,
    concurrency: usize,
    max_attempts: u32,
    timeout: Span,
    deadline: Option<Span>,
    canary: Option<usize>,
    fail_over: Option<String>,
    /// How far this machine's clock is ahead.
    clock_ahead: Span,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            rate: 10.0,
            concurrency: 16,
            max_attempts: 8,
            timeout: Span(Duration::from_secs(10)),
            deadline: None,
            canary: None,
            fail_over: None,
            clock_ahead: Span(Duration::ZERO),
        }
    }
}

/// The service outside of the scheduled faults.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Service {
    /// The longest one-way latency.
    latency: Span,
    /// Ids that are refused with every request that names them.
    poison: Vec<String>,
    /// Faults of the simulated service by name, with their probability.
    faults: BTreeMap<String, f64>,
}

impl Default for Service {
    fn default() -> Self {
        let latency = Span(Duration::from_millis(60));
        Self { latency, poison: Vec::new(), faults: BTreeMap::new() }
    }
}

/// A scheduled fault, as written in a scenario.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fault {
    #[serde(default)]
    from: Span,
    until: Option<Span>,
    operation: Option<String>,
    instance: Option<String>,
    does: String,
    status: Option<u16>,
    code: Option<String>,
    message: Option<String>,
    retry_after_ms: Option<u64>,
    retry_after_s: Option<u64>,
    per_second: Option<u32>,
    hint: Option<bool>,
    #[serde(default)]
    shared: bool,
}

/// One run of the command and its expected result.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedRun {
    what: String,
    killed_after: Option<Span>,
    drained_after: Option<Span>,
    /// The exit code; absent for a killed run.
    exit: Option<u8>,
    /// The causes of an early stop.
    #[serde(default)]
    causes: Vec<String>,
    /// Rows by status at the end; 0 for a status that is not listed.
    rows: BTreeMap<String, Range>,
    /// Requests sent by this run.
    requests: Range,
    /// Duration in virtual seconds.
    seconds: Range,
}

/// `12`, or `[10, 20]` for anything between.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Range {
    Exactly(f64),
    Between([f64; 2]),
}

impl Range {
    fn check(self, what: &str, value: f64) -> Option<String> {
        let (least, most) = match self {
            Self::Exactly(value) => (value, value),
            Self::Between([least, most]) => (least, most),
        };
        let is_in = (least..=most).contains(&value);
        (!is_in).then(|| format!("{what}: {value}, and not {least} to {most}"))
    }
}

/// `500ms`, `10s`, `2m` or `2h`.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(try_from = "String")]
struct Span(Duration);

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let number: u64 = digits.parse().map_err(|_| format!("`{text}` is not a duration"))?;
        let unit = match &text[digits.len()..] {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            _ => return Err(format!("`{text}` has no unit; there are ms, s, m and h")),
        };
        let times = u32::try_from(number).map_err(|_| format!("`{text}` is too long"))?;
        Ok(Self(unit * times))
    }
}

impl Fault {
    fn window(self) -> FaultWindow {
        let what = match self.does.as_str() {
            "refuses connections" => FaultKind::Unreachable,
            "breaks connections" => FaultKind::Reset { applied: false },
            "breaks connections after doing it" => FaultKind::Reset { applied: true },
            "is silent" => FaultKind::Silence { applied: false },
            "is silent after doing it" => FaultKind::Silence { applied: true },
            "answers HTML" => FaultKind::Answer {
                status: self.status.expect("a status"),
                body: "<html><head><title>Oops</title></head></html>".to_owned(),
                retry_after_ms: self.retry_after_ms,
                retry_after_s: self.retry_after_s,
            },
            "answers" => FaultKind::Answer {
                status: self.status.expect("a status"),
                body: faults::error(&self.code.expect("a code"), &self.message.unwrap_or_default()),
                retry_after_ms: self.retry_after_ms,
                retry_after_s: self.retry_after_s,
            },
            "refuses the first token" => FaultKind::FirstTokenExpired,
            "has a quota" => FaultKind::Quota {
                per_second: self.per_second.expect("per_second"),
                hint: self.hint.unwrap_or(false),
                shared: self.shared,
            },
            other => panic!("`{other}` is not a known fault; see tests/scenarios/README.md"),
        };
        let operation = self.operation.map(|name| {
            Operation::from_name(&name).unwrap_or_else(|| panic!("no operation {name}")).name()
        });
        let until = self.until.map_or(Duration::MAX, |span| span.0);
        FaultWindow { from: self.from.0, until, operation, instance: self.instance, what }
    }
}

fn plan(list: &List) -> Plan {
    let mut collector = Collector::default();
    for instance in &list.instances {
        for kind in &list.kinds {
            let kind = [Kind::Host, Kind::HostGroup, Kind::Database]
                .into_iter()
                .find(|known| known.name() == kind)
                .unwrap_or_else(|| panic!("no kind {kind}"));
            for user in 1..=list.users {
                for target in 101..=100 + list.targets {
                    let (user, target) = (format!("user-{user}"), target.to_string());
                    let accounts = (1..=list.accounts).map(|n| Some(n.to_string()));
                    let whole = (list.accounts == 0).then_some(None);
                    for account in accounts.chain(whole) {
                        let grant = Grant {
                            instance_id: instance,
                            region: "cn-hangzhou",
                            grantee: Grantee { kind: GranteeKind::User, id: &user },
                            kind,
                            target: &target,
                            account: account.as_deref().map_or(Account::Whole, Account::Named),
                        };
                        collector.push(&grant).expect("few rows");
                    }
                }
            }
        }
    }
    Plan::new(collector.finish())
}

fn case(scenario: &mut Scenario) -> Case {
    let Scenario { settings, service, .. } = scenario;
    let faults = service.faults.iter().map(|(name, probability)| sim::FaultRate {
        fault: name.parse().unwrap_or_else(|error| panic!("{error}")),
        probability: *probability,
    });
    Case {
        seed: 1,
        plan: plan(&scenario.list),
        engine: engine::Settings {
            rate_per_s: settings.rate,
            concurrency: settings.concurrency,
            max_attempts: settings.max_attempts,
            deadline: settings.deadline.map(|span| span.0),
            canary: settings.canary,
            fail_over: settings.fail_over.as_deref().map(|text| text.parse().expect("a limit")),
            seed: 1,
        },
        interruptions: Vec::new(),
        deadline: None,
        canary: None,
        fail_over: None,
        clock_ahead: SignedDuration::try_from(settings.clock_ahead.0).expect("some hours"),
        service: sim::Settings {
            poison: service.poison.clone(),
            faults: sim::Faults::new(faults),
            ..sim::Settings::default()
        },
        network: NetworkModel {
            slowest: service.latency.0,
            timeout: settings.timeout.0,
            ..NetworkModel::CALM
        },
        faults: std::mem::take(&mut scenario.faults).into_iter().map(Fault::window).collect(),
        disk: disk::DiskModel { slowest: Duration::from_millis(5), failing: 0.0 },
        calm: false,
    }
}

fn cause(cause: &StopCause) -> &'static str {
    match cause {
        StopCause::Credentials { .. } => "credentials",
        StopCause::Permission { .. } => "permission",
        StopCause::Routing { .. } => "routing",
        StopCause::RepeatedRefusal { .. } => "refused alike",
        StopCause::NoCredentials { .. } => "no credentials",
        StopCause::Setup { .. } => "setup",
        StopCause::Unreachable { .. } => "unreachable",
        StopCause::Canary { .. } => "canary",
        StopCause::FailOver { .. } => "fail over",
        StopCause::LongWait { .. } => "long wait",
        StopCause::Deadline => "deadline",
        StopCause::Signal => "signal",
        StopCause::Journal(_) => "journal",
        StopCause::Internal(_) => "internal",
    }
}

#[expect(clippy::cast_precision_loss, reason = "some thousands")]
fn differences(
    expected: &ExpectedRun,
    run: &restarts::ProcessRun,
    plan: &Plan,
    requests: usize,
) -> Vec<String> {
    let verdicts = run.ended.as_ref().map_or(&run.durable, |ended| &ended.verdicts);
    let tally = Tally::of_plan(plan.rows(), verdicts, LeftOut::default());
    let mut wrong = Vec::new();
    for status in Status::ALL {
        let range = expected.rows.get(status.name()).copied().unwrap_or(Range::Exactly(0.0));
        wrong.extend(range.check(status.name(), tally.of(status) as f64));
    }
    if let Some(name) =
        expected.rows.keys().find(|name| Status::ALL.iter().all(|s| s.name() != **name))
    {
        wrong.push(format!("no status is called {name}"));
    }
    let none = Vec::new();
    let causes = run.ended.as_ref().map_or(&none, |ended| &ended.causes);
    let named: Vec<&str> = causes.iter().map(cause).collect();
    if named != expected.causes {
        wrong.push(format!("causes: {causes:?}, and not {:?}", expected.causes));
    }
    let exit = run.ended.as_ref().map(|ended| Exit::of_run(&ended.causes, &tally).code());
    if exit != expected.exit {
        wrong.push(format!("exit: {exit:?}, and not {:?}", expected.exit));
    }
    wrong.extend(expected.requests.check("requests", requests as f64));
    wrong.extend(expected.seconds.check("seconds", run.took.as_secs_f64()));
    wrong
}

/// Plays a scenario and returns the differences from its expectations.
pub(super) async fn play(text: &str) -> Vec<String> {
    let mut scenario: Scenario = match toml::from_str(text) {
        Ok(scenario) => scenario,
        Err(error) => return vec![error.to_string()],
    };
    assert!(
        !scenario.title.is_empty() && !scenario.description.is_empty() && !scenario.run.is_empty()
    );
    let mut case = case(&mut scenario);
    let environment = environment_of(&mut case, false);
    let mut runs = Vec::new();
    let mut wrong = Vec::new();
    for (number, expected) in scenario.run.iter().enumerate() {
        let kill = expected.killed_after.map(|span| (span.0, Interruption::Crash));
        let drain = expected.drained_after.map(|span| (span.0, Interruption::Drain));
        let conditions = RunConditions {
            engine: case.engine,
            clock_ahead: case.clock_ahead,
            interruption: kill.or(drain),
        };
        let before = environment.state().log.departures.len();
        let run = run_process(&environment, number, &conditions).await;
        let requests = environment.state().log.departures.len() - before;
        let found = differences(expected, &run, &environment.plan, requests);
        wrong.extend(
            found.into_iter().map(|why| format!("run {} ({}): {why}", number + 1, expected.what)),
        );
        runs.push(run);
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    let all = finish(case, environment, runs).await;
    wrong.extend(invariants::broken_in_a_scenario(&all));
    wrong
}
