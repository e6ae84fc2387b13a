//! The steps of an offboarding and of its restore, besides the grants: locks, user groups and public
//! keys. Processes are killed, answers are lost, and somebody else changes the same users meanwhile.
//!
//! The promises are checked against what the service saw change, and not against what the tool
//! recorded.

use super::clock::{Time, VirtualClock};
use super::virtual_time;
use bastion_revoke::api::caller::Caller;
use bastion_revoke::api::client::Client;
use bastion_revoke::api::credentials::{Credentials, Secret};
use bastion_revoke::api::endpoint::{self, Endpoints};
use bastion_revoke::api::transport::{SendError, Transport, WireAnswer, WireRequest};
use bastion_revoke::api::writing::Writer;
use bastion_revoke::clock::WallClock;
use bastion_revoke::offboard::{
    Begun, SendStepsError, Step, StepKind, StepLog, StepResult, StepState, recorded_steps,
    send_steps, undo,
};
use bastion_revoke::sim::world::{PublicKey, User, UserGroup, World, WorldFile};
use bastion_revoke::sim::{self, Fault, FaultRate, Faults};
use jiff::SignedDuration;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many seeds every `cargo test` runs.
const SEEDS: u64 = 1500;

/// More processes than any offboarding or restore needs.
const MAX_RUNS: usize = 60;

/// Longer than a request that lost its sender is on its way.
const PAUSE: Duration = Duration::from_secs(1);

const INSTANCE: &str = "bastionhost-cn-simulated";
const REGION: &str = "cn-hangzhou";

/// A user that is locked, a membership, or a key: what a step sets or removes.
type Fact = Step;

/// Who sent a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Actor {
    Tool,
    Other,
}

/// Something that the service saw change.
#[derive(Debug, Clone)]
struct Change {
    actor: Actor,
    fact: Fact,
    /// Whether the fact holds since, such as that a user is locked.
    holds: bool,
    in_restore: bool,
}

/// What a case draws from its seed.
struct Case {
    is_calm: bool,
    /// Whether the offboarding is restored before it has ended.
    is_left: bool,
    world: World,
    steps: Vec<Step>,
    users: Vec<String>,
    locked_before: Vec<String>,
    faults: Faults,
    refused: f64,
    seed: u64,
}

/// The service, and what it saw.
struct Service {
    time: Time,
    log: PathBuf,
    state: Mutex<State>,
}

struct State {
    service: sim::Service,
    random: fastrand::Rng,
    refused: f64,
    changes: Vec<Change>,
    broken: Vec<String>,
    in_restore: bool,
}

fn step(kind: StepKind, user: &str, object: &str) -> Step {
    Step { kind, user: user.to_owned(), object: object.to_owned() }
}

impl Case {
    fn draw(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed ^ 0x6f66_6662);
        let is_calm = random.u8(..5) == 0;
        let ids: Vec<String> = (1..=random.u32(1..6)).map(|id| id.to_string()).collect();
        let frozen = |random: &mut fastrand::Rng| match random.u8(..4) {
            0 => vec!["Frozen".to_owned()],
            1 => vec!["Expired".to_owned()],
            _ => vec!["Normal".to_owned()],
        };
        let user = |id: &String, random: &mut fastrand::Rng| {
            let text = serde_json::json!({ "id": id, "name": format!("user-{id}"), "states": frozen(random) });
            serde_json::from_value::<User>(text).expect("a user")
        };
        let users: Vec<User> = ids.iter().map(|id| user(id, &mut random)).collect();
        let group = |id: u32, random: &mut fastrand::Rng| {
            let members: Vec<&String> = ids.iter().filter(|_| random.bool()).collect();
            let text = serde_json::json!({ "id": id.to_string(), "name": format!("group-{id}"), "members": members });
            serde_json::from_value::<UserGroup>(text).expect("a group")
        };
        let user_groups: Vec<_> =
            (70..70 + random.u32(0..4)).map(|id| group(id, &mut random)).collect();
        let key = |id: u32, random: &mut fastrand::Rng| {
            let owner = &ids[random.usize(..ids.len())];
            let text = serde_json::json!({ "id": id.to_string(), "name": format!("key-{id}"), "user": owner, "fingerprint": "00" });
            serde_json::from_value::<PublicKey>(text).expect("a key")
        };
        let public_keys: Vec<_> =
            (90..90 + random.u32(0..4)).map(|id| key(id, &mut random)).collect();
        let file = WorldFile { users, user_groups, public_keys, ..WorldFile::default() };
        let leavers: Vec<String> = ids.iter().filter(|_| random.u8(..4) > 0).cloned().collect();
        let world = World::new(file).expect("a world");
        let (locked_before, steps) = steps(&world, &leavers);
        let rate = |fault| FaultRate { fault, probability: 0.0 };
        let mut rates: Vec<FaultRate> = Fault::ALL.into_iter().map(rate).collect();
        if !is_calm {
            for rate in &mut rates {
                rate.probability = [0.0, 0.0, 0.05, 0.3][random.usize(..4)] * random.f64();
            }
        }
        let refused = if is_calm { 0.0 } else { 0.2 * random.f64() };
        let faults = Faults::new(rates);
        let is_left = !is_calm && random.u8(..4) == 0;
        Self {
            is_calm,
            is_left,
            world,
            steps,
            users: leavers,
            locked_before,
            faults,
            refused,
            seed,
        }
    }
}

/// The steps that the command would confirm for these users, and the users that are locked already.
fn steps(world: &World, leavers: &[String]) -> (Vec<String>, Vec<Step>) {
    let facts = facts(world);
    let is_of_leaver = |fact: &&Fact| leavers.contains(&fact.user);
    let locked: Vec<String> = facts
        .iter()
        .filter(|fact| fact.kind == StepKind::Lock && leavers.contains(&fact.user))
        .map(|fact| fact.user.clone())
        .collect();
    let locks = leavers.iter().filter(|user| !locked.contains(user));
    let locks = locks.map(|user| step(StepKind::Lock, user, ""));
    let others = facts.iter().filter(is_of_leaver).filter(|fact| fact.kind != StepKind::Lock);
    let steps = locks.chain(others.cloned()).collect();
    (locked, steps)
}

/// What holds in the world: locked users, memberships (named by the step that ends them) and keys.
fn facts(world: &World) -> BTreeSet<Fact> {
    let is_frozen = |user: &&User| user.states.iter().any(|state| state == "Frozen");
    let locked = world.users().iter().filter(is_frozen);
    let locked = locked.map(|user| step(StepKind::Lock, &user.id, ""));
    let member = |group: &UserGroup| {
        let id = group.id.clone();
        let of = group.members.clone().into_iter();
        of.map(move |user| step(StepKind::LeaveGroup, &user, &id))
    };
    let members = world.user_groups().iter().flat_map(member);
    let key = |key: &PublicKey| step(StepKind::DeleteKey, &key.user, &key.id);
    locked.chain(members).chain(world.public_keys().iter().map(key)).collect()
}

/// Whether a step made its fact hold: a lock does, a removal makes it hold no longer.
fn makes_hold(kind: StepKind) -> bool {
    matches!(kind, StepKind::Lock | StepKind::JoinGroup)
}

/// The fact that a step changes.
fn fact_of(step: &Step) -> Fact {
    let kind = match step.kind {
        StepKind::JoinGroup => StepKind::LeaveGroup,
        StepKind::Unlock => StepKind::Lock,
        kind => kind,
    };
    Step { kind, ..step.clone() }
}

impl Service {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Serves a request, and notes what it changed.
    fn serve(&self, actor: Actor, request: WireRequest) -> (Duration, Option<WireAnswer>) {
        let wall = self.time.wall();
        let state = &mut *self.state();
        if state.random.f64() < state.refused {
            let body = r#"{"Code":"NoPermission","Message":"not now","RequestId":"0"}"#;
            let headers = http::HeaderMap::new();
            let answer = WireAnswer { status: 403, headers, body: body.into() };
            return (Duration::ZERO, Some(answer));
        }
        let before = facts(state.service.world().expect("a world"));
        let reply = state.service.handle(wall, &super::environment::at_service(request));
        let after = facts(state.service.world().expect("a world"));
        let in_restore = state.in_restore;
        let changed = before.symmetric_difference(&after).cloned();
        state.changes.extend(changed.map(|fact| {
            let holds = after.contains(&fact);
            Change { actor, fact, holds, in_restore }
        }));
        let answer = reply.answer().map(|answer| WireAnswer {
            status: answer.status.as_u16(),
            headers: answer.headers.clone(),
            body: answer.body.clone(),
        });
        (reply.delay, answer)
    }

    /// Whether each step in a request is durable in the record before it leaves.
    fn check_intents(&self, request: &WireRequest) {
        let recorded = recorded_steps(&self.log).expect("a record");
        let intended = |step: &Step| recorded.iter().any(|(of, at)| of == step && at.is_some());
        for step in named(request) {
            let is_known = match step.kind {
                // The request does not name the owner of a key.
                StepKind::DeleteKey => recorded.iter().any(|(of, at)| {
                    of.kind == step.kind && of.object == step.object && at.is_some()
                }),
                _ => intended(&step),
            };
            if !is_known {
                self.state().broken.push(format!("{step:?} left without a durable intent"));
            }
        }
    }
}

/// The steps that a request names.
fn named(request: &WireRequest) -> Vec<Step> {
    let text = format!("http://127.0.0.1/?{}&{}", request.query, request.body);
    let url = reqwest::Url::parse(&text).expect("a query");
    let all: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
    let kind = match all["Action"].as_str() {
        "LockUsers" => StepKind::Lock,
        "UnlockUsers" => StepKind::Unlock,
        "RemoveUsersFromGroup" => StepKind::LeaveGroup,
        "AddUsersToGroup" => StepKind::JoinGroup,
        "DeleteUserPublicKey" => return vec![step(StepKind::DeleteKey, "", &all["PublicKeyId"])],
        other => panic!("{other} is no step"),
    };
    let users: Vec<String> = serde_json::from_str(&all["UserIds"]).expect("a list");
    let object = all.get("UserGroupId").map_or("", String::as_str);
    users.iter().map(|user| step(kind, user, object)).collect()
}

/// The network of one process.
struct Network {
    service: Arc<Service>,
    actor: Actor,
}

impl Transport for Network {
    async fn send(&self, request: WireRequest) -> Result<WireAnswer, SendError> {
        if self.actor == Actor::Tool {
            self.service.check_intents(&request);
        }
        let (there, back) = {
            let random = &mut self.service.state().random;
            (Duration::from_millis(random.u64(..80)), Duration::from_millis(random.u64(..80)))
        };
        // The request arrives even if its sender is killed meanwhile.
        let (service, actor) = (Arc::clone(&self.service), self.actor);
        let travel = tokio::spawn(async move {
            tokio::time::sleep(there).await;
            let (delay, answer) = service.serve(actor, request);
            tokio::time::sleep(delay + back).await;
            answer
        });
        match travel.await {
            Ok(Some(answer)) => Ok(answer),
            _ => Err(SendError::Lost("connection reset".to_owned())),
        }
    }
}

fn writer(
    service: &Arc<Service>,
    actor: Actor,
    run: usize,
) -> (Writer<Network>, Arc<VirtualClock>) {
    let clock = Arc::new(VirtualClock::new(service.time, SignedDuration::ZERO, run));
    let network = Network { service: Arc::clone(service), actor };
    let url = endpoint::parse("http://127.0.0.1:1").expect("loopback");
    let credentials = Credentials {
        access_key_id: sim::ACCESS_KEY_ID.to_owned(),
        access_key_secret: Secret::new(sim::ACCESS_KEY_SECRET.to_owned()),
        security_token: None,
    };
    let endpoints = Endpoints::new(Some(url), []).expect("one endpoint");
    let clock_of_client: Arc<dyn WallClock> = Arc::<VirtualClock>::clone(&clock);
    let client = Client::new(network, endpoints, credentials, clock_of_client);
    let caller = Arc::new(Caller::new(client, 100.0, 4));
    (Writer::new(caller, INSTANCE, REGION), clock)
}

/// One process that carries out what is left. Refused keys end it, as they end the command.
async fn process(service: &Arc<Service>, run: usize, is_restore: bool) {
    let mut log = StepLog::open(&service.log).expect("a record").expect("it has begun");
    let (writer, clock) = writer(service, Actor::Tool, run);
    let kinds: &[StepKind] = if is_restore {
        &[StepKind::JoinGroup, StepKind::Unlock]
    } else {
        &[StepKind::Lock, StepKind::LeaveGroup, StepKind::DeleteKey]
    };
    let planned = undo(&log).steps;
    for kind in kinds {
        let steps = if is_restore {
            planned.iter().filter(|step| step.kind == *kind).cloned().collect()
        } else {
            log.open_steps(*kind)
        };
        match send_steps(*kind, steps, &mut log, &writer, &*clock).await {
            Ok(()) => {}
            Err(SendStepsError::Stopped { .. }) => return,
            Err(SendStepsError::Record(error)) => panic!("{error}"),
        }
    }
}

/// Somebody else locks a user, removes or adds a member, or deletes a key.
async fn somebody_else(service: Arc<Service>, run: usize, facts: Vec<Fact>) {
    let (after, fact, is_added) = {
        let random = &mut service.state().random;
        let fact = facts[random.usize(..facts.len())].clone();
        (Duration::from_millis(random.u64(..150)), fact, random.u8(..4) == 0)
    };
    tokio::time::sleep(after).await;
    let (writer, _) = writer(&service, Actor::Other, run);
    let user = std::slice::from_ref(&fact.user);
    let _ = match fact.kind {
        StepKind::LeaveGroup if is_added => writer.add_users_to_group(&fact.object, user).await,
        StepKind::LeaveGroup => writer.remove_users_from_group(&fact.object, user).await,
        StepKind::DeleteKey => writer.delete_public_key(&fact.object).await.map(|one| vec![one]),
        _ => writer.lock_users(user).await,
    };
}

/// A power failure while a process wrote its last results: any part of them may be lost.
fn cut_last_results(log: &Path, written_from: usize, random: &mut fastrand::Rng) {
    let text = std::fs::read_to_string(log).expect("a record");
    let mut kept = text.len();
    for line in text.split_inclusive('\n').rev() {
        if kept - line.len() < written_from || !line.starts_with("{\"result\":") {
            break;
        }
        kept -= line.len();
    }
    let cut = kept + random.usize(..=text.len() - kept);
    std::fs::write(log, &text.as_bytes()[..cut]).expect("a record");
}

/// Runs processes until nothing is left to do.
async fn to_its_end(service: &Arc<Service>, case: &Case, is_restore: bool, interruptions: usize) {
    let others: Vec<Fact> = case.steps.clone();
    for run in 0..MAX_RUNS {
        let number = run + if is_restore { 1000 } else { 0 };
        let draw = |most: u64| service.state().random.u64(..most);
        if !case.is_calm && run < interruptions && !others.is_empty() && draw(2) == 0 {
            let other = somebody_else(Arc::clone(service), number + 10_000, others.clone());
            let other = tokio::spawn(other);
            if draw(2) == 0 {
                // It happened before this process starts.
                other.await.expect("it ends");
            }
        }
        if run < interruptions {
            let after = Duration::from_millis(draw(900));
            let written = std::fs::metadata(&service.log).expect("a record").len();
            let _ = tokio::time::timeout(after, process(service, number, is_restore)).await;
            if draw(2) == 0 {
                let from = usize::try_from(written).expect("a short file");
                cut_last_results(&service.log, from, &mut service.state().random);
            }
        } else {
            process(service, number, is_restore).await;
        }
        tokio::time::sleep(PAUSE).await;
        let log = StepLog::open(&service.log).expect("a record").expect("it has begun");
        let is_done = if is_restore {
            undo(&log).steps.is_empty()
        } else {
            case.steps.iter().all(|step| log.result(step).is_some_and(|one| one.state.holds()))
        };
        // An offboarding may also be restored that has not ended.
        let is_left = case.is_left && !is_restore;
        if run >= interruptions && (is_done || is_left) {
            return;
        }
    }
    service.state().broken.push(format!("not done after {MAX_RUNS} runs"));
}

/// What the seed led to.
struct Played {
    case: Case,
    before: BTreeSet<Fact>,
    between: BTreeSet<Fact>,
    after: BTreeSet<Fact>,
    changes: Vec<Change>,
    offboarded: BTreeMap<Step, StepResult>,
    restored: BTreeMap<Step, StepResult>,
    kept: Vec<Step>,
    broken: Vec<String>,
}

async fn play(seed: u64) -> Played {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("steps");
    let case = Case::draw(seed);
    let begun = Begun {
        asked: case.users.clone(),
        users: case.users.clone(),
        locked_before: case.locked_before.clone(),
        instance_id: INSTANCE.to_owned(),
        region: REGION.to_owned(),
        endpoint: None,
        steps: case.steps.clone(),
        list_sha256: String::new(),
        rows: 0,
        at: String::new(),
    };
    drop(StepLog::create(&path, begun).expect("a record"));
    let settings = sim::Settings {
        world: Some(case.world.clone()),
        seed,
        faults: case.faults.clone(),
        ..sim::Settings::default()
    };
    let mut random = fastrand::Rng::with_seed(case.seed ^ 7);
    let interruptions = if case.is_calm { [0, 0] } else { [random.usize(..5), random.usize(..5)] };
    let state = State {
        service: sim::Service::new(settings),
        random,
        refused: case.refused,
        changes: Vec::new(),
        broken: Vec::new(),
        in_restore: false,
    };
    let service = Service { time: Time::begin(), log: path.clone(), state: Mutex::new(state) };
    let service = Arc::new(service);
    let facts_now = || facts(service.state().service.world().expect("a world"));
    let results = || {
        let log = StepLog::open(&path).expect("a record").expect("it has begun");
        log.results().map(|result| (result.step.clone(), result.clone())).collect()
    };
    let before = facts_now();
    to_its_end(&service, &case, false, interruptions[0]).await;
    let (between, offboarded) = (facts_now(), results());
    service.state().in_restore = true;
    to_its_end(&service, &case, true, interruptions[1]).await;
    let (after, restored) = (facts_now(), results());
    let log = StepLog::open(&path).expect("a record").expect("it has begun");
    let kept = undo(&log).kept.into_iter().map(|(step, _)| step).collect();
    let state = &mut *service.state();
    let (changes, broken) = (std::mem::take(&mut state.changes), std::mem::take(&mut state.broken));
    Played { case, before, between, after, changes, offboarded, restored, kept, broken }
}

/// A promise, with its name.
type Promise = (&'static str, fn(&Played) -> Result<(), String>);

const PROMISES: [Promise; 6] = [
    ("conservation: each step has a result", each_step_has_a_result),
    ("no widening: only confirmed steps", only_confirmed_steps),
    ("honesty of results", results_are_true),
    ("no unlock of what others locked, no return to other groups", only_own_steps_are_undone),
    ("whatever is not as before is named", the_rest_is_named),
    ("a calm case ends as it began", calm_is_as_before),
];

fn changed_by(result: &Played, actor: Actor, fact: &Fact, in_restore: bool) -> bool {
    let is_it = |change: &&Change| (change.actor, change.in_restore) == (actor, in_restore);
    result.changes.iter().filter(is_it).any(|change| change.fact == *fact)
}

fn each_step_has_a_result(result: &Played) -> Result<(), String> {
    let missing = result.case.steps.iter().find(|step| !result.offboarded.contains_key(step));
    let missing = missing.filter(|_| !result.case.is_left);
    missing.map_or(Ok(()), |step| Err(format!("{step:?}")))
}

fn only_confirmed_steps(result: &Played) -> Result<(), String> {
    let own = result.changes.iter().filter(|change| change.actor == Actor::Tool);
    for Change { fact, holds, in_restore, .. } in own {
        let is_right = result.case.steps.contains(fact)
            && *holds == (makes_hold(fact.kind) != *in_restore)
            && !(*in_restore && fact.kind == StepKind::DeleteKey);
        if !is_right {
            return Err(format!("{fact:?}, holds: {holds}, in the restore: {in_restore}"));
        }
    }
    Ok(())
}

/// `Done` was done by the tool; what it did is not called something else that others did.
fn results_are_true(result: &Played) -> Result<(), String> {
    let restored = result.restored.iter().filter(|(step, _)| !result.case.steps.contains(step));
    let offboarded = result.offboarded.iter().map(|one| (one, false));
    for ((step, found), in_restore) in offboarded.chain(restored.map(|one| (one, true))) {
        let fact = fact_of(step);
        let is_own = changed_by(result, Actor::Tool, &fact, in_restore);
        let by_others = changed_by(result, Actor::Other, &fact, in_restore);
        let wrong = match found.state {
            StepState::Done => !is_own,
            StepState::Already | StepState::NotFound | StepState::Failed => is_own,
            StepState::PossiblyDone | StepState::Unknown => false,
        };
        let facts = if in_restore { &result.after } else { &result.between };
        let is_so = facts.contains(&fact) == makes_hold(step.kind);
        if wrong || (found.state.holds() && !is_so && !by_others) {
            return Err(format!("{found:?}, done by the tool: {is_own}, is so: {is_so}"));
        }
    }
    Ok(())
}

fn only_own_steps_are_undone(result: &Played) -> Result<(), String> {
    let undone = result.changes.iter().filter(|one| one.in_restore && one.actor == Actor::Tool);
    for Change { fact, .. } in undone {
        if !changed_by(result, Actor::Tool, fact, false) {
            return Err(format!("{fact:?}"));
        }
    }
    Ok(())
}

fn the_rest_is_named(result: &Played) -> Result<(), String> {
    for fact in result.before.symmetric_difference(&result.after) {
        let by_others = [false, true].map(|at| changed_by(result, Actor::Other, fact, at));
        if !by_others.contains(&true) && !result.kept.contains(fact) {
            return Err(format!("{fact:?} is not as before"));
        }
    }
    Ok(())
}

fn calm_is_as_before(result: &Played) -> Result<(), String> {
    let is_key = |fact: &&Fact| fact.kind == StepKind::DeleteKey;
    let changed = result.before.symmetric_difference(&result.after).find(|fact| !is_key(fact));
    let kept = result.kept.iter().find(|step| !is_key(step));
    match (result.case.is_calm, changed.or(kept)) {
        (true, Some(fact)) => Err(format!("{fact:?}")),
        _ => Ok(()),
    }
}

#[test]
fn whatever_happens_only_own_steps_are_taken_back_and_the_rest_is_named() {
    let seed = std::env::var("BASTION_REVOKE_SEED").ok().and_then(|text| text.parse().ok());
    let seeds = seed.map_or(0..SEEDS, |seed: u64| seed..seed + 1);
    let (mut wrong, mut reached) = (Vec::new(), BTreeMap::<String, u64>::new());
    for seed in seeds.clone() {
        let result = virtual_time().block_on(play(seed));
        let mut found = result.broken.clone();
        found.extend(
            PROMISES.into_iter().filter_map(|(name, holds)| {
                holds(&result).err().map(|why| format!("{name}: {why}"))
            }),
        );
        for one in result.restored.values() {
            *reached.entry(format!("{:?} {:?}", one.step.kind, one.state)).or_default() += 1;
        }
        if !found.is_empty() {
            if std::env::var_os("BASTION_REVOKE_SEED").is_some() {
                println!("{:#?}", (&result.changes, &result.offboarded, &result.restored));
            }
            wrong.push(format!("seed {seed}: {}", found.join("\n  ")));
        }
        if wrong.len() >= super::ENOUGH {
            break;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // The seeds reach what the promises are about.
    for name in ["Lock PossiblyDone", "Lock Already", "Unlock Done", "JoinGroup PossiblyDone"] {
        assert!(
            seed.is_some() || reached.get(name).is_some_and(|times| *times > 10),
            "{name}: {reached:?}"
        );
    }
}
