//! The promises, each named once, checked against what the service itself saw.
//!
//! None of these asks the tool what it did: they compare its verdicts with the service's audit,
//! with the requests and answers that crossed the wire (read by [`super::wire`]), and with what
//! was durable at the time.

use super::restarts::{Lived, TRIALS, is_settled, lost_its_disk};
use super::wire::Key;
use super::world::key_of;
use bastion_revoke::model::{Operation, Status};
use bastion_revoke::outcome::Tally;
use bastion_revoke::plan::GrantId;
use bastion_revoke::plan::summary::LeftOut;
use bastion_revoke::sim::GrantRecord;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A promise, or a rule that follows from one, with its name.
pub(super) type Invariant = (&'static str, fn(&Lived) -> Result<(), String>);

/// All of them.
pub(super) const ALL: [Invariant; 14] = [
    ("1 conservation", conservation),
    ("2 no widening", no_widening),
    ("3 fewest requests, extra ones within their bound", requests_within_bound),
    ("4 honesty: revoked", revoked_is_true),
    ("4 honesty: every other status", no_other_status_lies),
    ("5 pace: never above the rate", never_above_the_rate),
    ("5 pace: never inside a wait", never_inside_a_wait),
    ("7 nothing is lost: an intent is durable before its request leaves", intents_come_first),
    ("7 nothing is lost: a ledger says what the run said", the_ledger_says_the_same),
    ("the API's limits and the concurrency are kept", limits_are_kept),
    ("5 pace: throttling fails no row", throttling_fails_no_row),
    ("6 poison stays alone", poison_stays_alone),
    ("nothing beyond the canary leaves before all of it has succeeded", canary_goes_first),
    ("7 nothing is lost: every case is lived to its end", everything_is_settled),
];

/// How many of them, from the front, hold in a story too.
const IN_STORIES: usize = 10;

/// Checks every promise; all that are broken, with their names.
pub(super) fn broken(lived: &Lived) -> Vec<String> {
    of(lived, &ALL)
}

/// The same for a story, in which the service may refuse rows, and a run may be the last one
/// although work is left.
pub(super) fn broken_in_a_story(lived: &Lived) -> Vec<String> {
    of(lived, &ALL[..IN_STORIES])
}

fn of(lived: &Lived, invariants: &[Invariant]) -> Vec<String> {
    invariants
        .iter()
        .filter_map(|(name, holds)| holds(lived).err().map(|why| format!("{name}: {why}")))
        .collect()
}

fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

/// Every row has exactly one final verdict, and what was settled once stays so after any crash.
fn conservation(lived: &Lived) -> Result<(), String> {
    let plan = &lived.world.plan;
    let tally = Tally::of_plan(plan.rows(), lived.verdicts(), LeftOut::default());
    ensure(tally.rows() == plan.rows().len() as u64, || {
        format!("{tally:?} of {}", plan.rows().len())
    })?;
    ensure(lived.verdicts().len() == plan.grants(), || "a verdict too few".to_owned())?;
    for pair in lived.lives.windows(2) {
        for (grant, _) in lived.statuses() {
            let (before, after) = (pair[0].durable.status(grant), pair[1].durable.status(grant));
            let stays = !pair[0].durable.is_settled(grant) || before == after;
            ensure(stays, || format!("grant {grant} was {before} and is {after}"))?;
        }
    }
    Ok(())
}

/// The service was asked for nothing that no row names, and for a whole target only by a `*`.
fn no_widening(lived: &Lived) -> Result<(), String> {
    let planned = |key: &Key| lived.world.keys.contains_key(key);
    for key in lived.world.state().log.departures.iter().flat_map(|departure| &departure.keys) {
        ensure(planned(key), || format!("a request left for {key:?}"))?;
    }
    for attempt in &lived.audit.asked {
        let text = |value: &Option<String>| value.clone().unwrap_or_default();
        for target in &attempt.targets {
            let accounts: Vec<Option<String>> = match &target.accounts {
                None => vec![None],
                Some(accounts) => accounts.iter().cloned().map(Some).collect(),
            };
            for account in accounts {
                let operation = Operation::from_name(&text(&attempt.operation));
                let key = Key {
                    operation: operation.map_or("", Operation::name),
                    instance: text(&attempt.instance_id),
                    grantee: text(&attempt.grantee),
                    target: target.target.clone(),
                    account,
                };
                ensure(planned(&key), || format!("asked for {key:?}"))?;
            }
        }
    }
    ensure(lived.audit.asked_dropped == 0, || "the audit is not whole".to_owned())
}

/// The grants that the service says it took away.
fn removed(lived: &Lived, records: &[GrantRecord]) -> BTreeSet<GrantId> {
    let removed = records.iter().filter_map(|record| {
        let from = record.grantee_kind.as_str();
        let operation = Operation::ALL.into_iter().find(|operation| {
            operation.kind.name() == record.kind && operation.from.name().replace(' ', "_") == from
        })?;
        let key = Key {
            operation: operation.name(),
            instance: record.instance_id.clone(),
            grantee: record.grantee.clone(),
            target: record.target.clone(),
            account: record.account.clone(),
        };
        lived.world.keys.get(&key).copied()
    });
    removed.collect()
}

/// What delivered answers said of each grant; refusals of the whole request as `refused`, but for
/// a bad argument only where the grant stood alone.
fn said(lived: &Lived) -> BTreeMap<GrantId, BTreeSet<String>> {
    let keys = &lived.world.keys;
    let mut said: BTreeMap<GrantId, BTreeSet<String>> = BTreeMap::new();
    for delivery in &lived.world.state().log.deliveries {
        for (key, code) in &delivery.said.items {
            said.entry(keys[key]).or_default().insert(code.clone());
        }
        let Some(code) = &delivery.said.refusal else { continue };
        // An argument that is bad may be any of several; other refusals are about all of them.
        let is_argument = ["InvalidParameter", "OBJECT_NOT_FOUND"].contains(&code.as_str());
        if delivery.keys.len() == 1 || !is_argument {
            for key in &delivery.keys {
                said.entry(keys[key]).or_default().insert(format!("refused {code}"));
            }
        }
    }
    said
}

/// `revoked` is said only where the service said OK in an answer that arrived whole, and where it
/// did take the grant away.
fn revoked_is_true(lived: &Lived) -> Result<(), String> {
    let (removed, said) = (removed(lived, &lived.audit.removed), said(lived));
    for (grant, _) in lived.statuses().filter(|(_, status)| *status == Status::Revoked) {
        let key = || key_of(&lived.world.plan, grant);
        let ok = said.get(&grant).is_some_and(|said| said.contains("OK"));
        ensure(ok, || format!("nobody said OK for {:?}", key()))?;
        ensure(removed.contains(&grant), || format!("it still stands: {:?}", key()))?;
    }
    Ok(())
}

/// `already_absent`, `not_found` and `failed` were said by the service; `unprocessed` was never
/// applied; `unknown` was at least intended.
fn no_other_status_lies(lived: &Lived) -> Result<(), String> {
    let (gone, said) = (removed(lived, &lived.audit.removed), said(lived));
    let intended = lived.world.disk.intended(lived.world.plan.grants());
    for (grant, status) in lived.statuses() {
        let none = BTreeSet::new();
        let said = said.get(&grant).unwrap_or(&none);
        let is_true = match status {
            Status::Revoked => true,
            Status::AlreadyAbsent => said.contains("OBJECT_AlREADY_EXISTS"),
            Status::NotFound => {
                said.contains("OBJECT_NOT_FOUND") || said.contains("refused OBJECT_NOT_FOUND")
            }
            Status::Failed => said.iter().any(|said| said.starts_with("refused ")),
            Status::Unknown => intended[grant as usize],
            Status::Unprocessed => !gone.contains(&grant),
            Status::Invalid | Status::Protected => false,
        };
        ensure(is_true, || {
            format!("{status} and {said:?} of {:?}", key_of(&lived.world.plan, grant))
        })?;
    }
    // Nor did a life before the last one call unprocessed what had been taken away by then.
    for (number, life) in lived.lives.iter().enumerate() {
        let gone = removed(lived, &life.removed);
        let ended = life.ended.as_ref().map(|ended| &ended.verdicts);
        for verdicts in ended.into_iter().chain([&life.durable]) {
            let lie = gone.iter().find(|grant| verdicts.status(**grant) == Status::Unprocessed);
            ensure(lie.is_none(), || format!("life {number} called grant {lie:?} unprocessed"))?;
        }
    }
    Ok(())
}

/// While a canary holds, what is beyond it leaves only after the service said of each grant of it
/// that it is gone.
fn canary_goes_first(lived: &Lived) -> Result<(), String> {
    let plan = &lived.world.plan;
    let Some(canary) = lived.case.canary.filter(|n| *n < plan.requests()) else { return Ok(()) };
    let first_beyond = plan.grants_of(canary).start;
    let grant_of = |key: &Key| lived.world.keys[key];
    let log = &lived.world.state().log;
    for departure in log.departures.iter().filter(|departure| departure.life < TRIALS) {
        if !departure.keys.iter().any(|key| grant_of(key) >= first_beyond) {
            continue;
        }
        let delivered = log.deliveries.iter().filter(|delivery| delivery.at <= departure.at);
        let gone: BTreeSet<GrantId> = delivered
            .flat_map(|delivery| &delivery.said.items)
            .filter(|(_, code)| ["OK", "OBJECT_AlREADY_EXISTS"].contains(&code.as_str()))
            .map(|(key, _)| grant_of(key))
            .collect();
        let left = (0..first_beyond).find(|grant| !gone.contains(grant));
        ensure(left.is_none(), || format!("life {}: grant {left:?} stood", departure.life))?;
    }
    Ok(())
}

/// In a calm case the requests are those planned, those throttled or refused for their time, and
/// for each planned request that holds `p` poisonous grants among `n` at most `2 p log2 n` more.
fn requests_within_bound(lived: &Lived) -> Result<(), String> {
    if !lived.case.calm {
        return Ok(());
    }
    let plan = &lived.world.plan;
    let extra = |request: usize| {
        let grants = plan.grants_of(request);
        let halvings = usize::BITS - grants.len().saturating_sub(1).leading_zeros();
        let poisonous = grants.filter(|grant| is_poisoned(lived, *grant)).count();
        2 * poisonous * halvings as usize
    };
    let bound = plan.requests() + (0..plan.requests()).map(extra).sum::<usize>();
    let state = lived.world.state();
    let free = |code: &String| code.starts_with("Throttling") || code == "InvalidTimeStamp.Expired";
    let deliveries = state.log.deliveries.iter();
    let again = deliveries.filter(|heard| heard.said.refusal.as_ref().is_some_and(free)).count();
    let sent = state.log.departures.len() - again;
    ensure((plan.requests()..=bound).contains(&sent), || {
        format!("{sent} requests, for a plan of {} and a bound of {bound}", plan.requests())
    })
}

fn is_poisoned(lived: &Lived, grant: GrantId) -> bool {
    let key = key_of(&lived.world.plan, grant);
    let ids = [Some(&key.grantee), Some(&key.target), key.account.as_ref()];
    ids.into_iter().flatten().any(|id| lived.case.is_poison(id))
}

/// Over any stretch of one life no more requests of an operation left than the rate allows. A
/// timer may be two milliseconds late, and what it lost is made up for.
fn never_above_the_rate(lived: &Lived) -> Result<(), String> {
    const LATE: Duration = Duration::from_millis(3);
    const BACK: u32 = 40;
    let interval = Duration::from_secs_f64(1.0 / lived.case.engine.rate_per_s);
    let state = lived.world.state();
    let mut left: BTreeMap<(usize, Operation), Vec<Duration>> = BTreeMap::new();
    for departure in &state.log.departures {
        let times = left.entry((departure.life, departure.operation)).or_default();
        for (before, time) in (1_u32..=BACK).zip(times.iter().rev()) {
            let least = interval * before;
            ensure(departure.at + LATE >= *time + least, || {
                format!(
                    "{} requests in {:?} at {:?}",
                    before + 1,
                    departure.at.saturating_sub(*time),
                    *time
                )
            })?;
        }
        times.push(departure.at);
    }
    Ok(())
}

/// Nothing left while a wait lasted that the tool had been told of.
fn never_inside_a_wait(lived: &Lived) -> Result<(), String> {
    let state = lived.world.state();
    for heard in &state.log.deliveries {
        let Some(wait) = heard.said.wait else { continue };
        let inside = state.log.departures.iter().find(|departure| {
            (departure.life, departure.operation) == (heard.life, heard.operation)
                && departure.at > heard.at
                && departure.at < heard.at + wait
        });
        if let Some(departure) = inside {
            return Err(format!("left at {:?}, told at {:?} for {wait:?}", departure.at, heard.at));
        }
    }
    Ok(())
}

/// Nothing but poison fails: throttled rows are tried until they get through.
fn throttling_fails_no_row(lived: &Lived) -> Result<(), String> {
    for (grant, status) in lived.statuses() {
        let fails = matches!(status, Status::Failed | Status::NotFound);
        ensure(!fails || is_poisoned(lived, grant), || {
            let note = lived.verdicts().note_of(grant);
            format!("{status} {:?} {note:?}", key_of(&lived.world.plan, grant))
        })?;
    }
    Ok(())
}

/// The guilty never pass; and where nothing else goes wrong they have failed alone, and all the
/// innocent are revoked.
fn poison_stays_alone(lived: &Lived) -> Result<(), String> {
    for (grant, status) in lived.statuses() {
        let is_right = match (is_poisoned(lived, grant), lived.case.calm) {
            (true, true) => status == Status::Failed,
            (true, false) => !status.is_gone(),
            (false, true) => status == Status::Revoked,
            (false, false) => status != Status::Failed,
        };
        ensure(is_right, || format!("{status} {:?}", key_of(&lived.world.plan, grant)))?;
    }
    Ok(())
}

/// No request left before an intent for exactly its grants was durable.
fn intents_come_first(lived: &Lived) -> Result<(), String> {
    let state = lived.world.state();
    let early = state.log.departures.iter().find(|departure| !departure.intended);
    early.map_or(Ok(()), |early| Err(format!("{early:?}")))
}

/// A run that ended by itself, with its disk in order, said of every grant what its ledger says.
fn the_ledger_says_the_same(lived: &Lived) -> Result<(), String> {
    for (number, life) in lived.lives.iter().enumerate() {
        let Some(ended) = life.ended.as_ref().filter(|ended| !lost_its_disk(ended)) else {
            continue;
        };
        for (grant, _) in lived.statuses() {
            let of = |verdicts: &bastion_revoke::verdicts::Verdicts| {
                (verdicts.status(grant), verdicts.attempts(grant), verdicts.is_settled(grant))
            };
            let (told, written) = (of(&ended.verdicts), of(&life.durable));
            ensure(told == written, || {
                format!("life {number} told {told:?} of grant {grant}, its ledger {written:?}")
            })?;
        }
    }
    Ok(())
}

/// Once the weather is clear and nobody interrupts, the work gets done.
fn everything_is_settled(lived: &Lived) -> Result<(), String> {
    ensure(is_settled(lived.verdicts()), || {
        let causes = lived.lives.last().and_then(|life| life.ended.as_ref()).map(|e| &e.causes);
        format!("{} lives, the last one ended by {causes:?}", lived.lives.len())
    })
}

/// The service found nothing wrong with any request, and no more were under way than allowed.
fn limits_are_kept(lived: &Lived) -> Result<(), String> {
    use bastion_revoke::sim::Violations;
    let mut violations = lived.audit.violations;
    if lived.case.service.quota.is_some() {
        violations.over_quota = 0;
    }
    if lived.case.clock_ahead.abs().as_secs() > 15 * 60 {
        violations.bad_timestamps = 0;
    }
    ensure(violations == Violations::default(), || format!("{violations:?}"))?;
    let state = lived.world.state();
    let most = state.log.departures.iter().map(|departure| departure.under_way).max();
    ensure(most.unwrap_or(0) <= lived.case.engine.concurrency, || format!("{most:?} under way"))
}
