//! The promises, each named once, checked against the service's audit.
//!
//! No check trusts the tool's own account: each compares its verdicts with the service's audit,
//! with the requests and answers on the wire (decoded by [`super::wire`]) and with the records
//! that were durable at the time.

use super::environment::key_of;
use super::restarts::{CaseResult, LIMITED_RUNS, is_settled, lost_its_disk};
use super::wire::Key;
use bastion_revoke::model::{Operation, Status};
use bastion_revoke::outcome::Tally;
use bastion_revoke::plan::GrantId;
use bastion_revoke::plan::summary::LeftOut;
use bastion_revoke::sim::GrantRecord;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A promise, or a rule derived from one, with its name.
pub(super) type Invariant = (&'static str, fn(&CaseResult) -> Result<(), String>);

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
    ("7 nothing is lost: every case is result to its end", everything_is_settled),
];

/// Those that hold of a job whatever it does with its grants.
const OF_ANY_JOB: [&str; 7] = [
    "1 conservation",
    "5 pace: never above the rate",
    "5 pace: never inside a wait",
    "7 nothing is lost: an intent is durable before its request leaves",
    "7 nothing is lost: a ledger says what the run said",
    "the API's limits and the concurrency are kept",
    "7 nothing is lost: every case is result to its end",
];

/// Returns the broken promises of a job that may also grant.
pub(super) fn broken_in_any_job(result: &CaseResult) -> Vec<String> {
    let some: Vec<Invariant> =
        ALL.into_iter().filter(|(name, _)| OF_ANY_JOB.contains(name)).collect();
    assert_eq!(some.len(), OF_ANY_JOB.len(), "each is one of the promises");
    of(result, &some)
}

/// How many of them, from the front, also hold in a scenario.
const IN_SCENARIOS: usize = 10;

/// Returns the broken promises with their names.
pub(super) fn broken(result: &CaseResult) -> Vec<String> {
    of(result, &ALL)
}

/// The same for a scenario: the service may refuse rows, and the last run may leave work undone.
pub(super) fn broken_in_a_scenario(result: &CaseResult) -> Vec<String> {
    of(result, &ALL[..IN_SCENARIOS])
}

fn of(result: &CaseResult, invariants: &[Invariant]) -> Vec<String> {
    invariants
        .iter()
        .filter_map(|(name, holds)| holds(result).err().map(|why| format!("{name}: {why}")))
        .collect()
}

fn ensure(holds: bool, why: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(why()) }
}

/// Every row has exactly one final verdict, and a settled verdict never changes after a crash.
fn conservation(result: &CaseResult) -> Result<(), String> {
    let plan = &result.environment.plan;
    let tally = Tally::of_plan(plan.rows(), result.verdicts(), LeftOut::default());
    ensure(tally.rows() == plan.rows().len() as u64, || {
        format!("{tally:?} of {}", plan.rows().len())
    })?;
    ensure(result.verdicts().len() == plan.grants(), || "a verdict too few".to_owned())?;
    for pair in result.runs.windows(2) {
        for (grant, _) in result.statuses() {
            let (before, after) = (pair[0].durable.status(grant), pair[1].durable.status(grant));
            let stays = !pair[0].durable.is_settled(grant) || before == after;
            ensure(stays, || format!("grant {grant} was {before} and is {after}"))?;
        }
    }
    Ok(())
}

/// The service received only grants named by a row, and a whole target only for a `*`.
fn no_widening(result: &CaseResult) -> Result<(), String> {
    let planned = |key: &Key| result.environment.keys.contains_key(key);
    for key in
        result.environment.state().log.departures.iter().flat_map(|departure| &departure.keys)
    {
        ensure(planned(key), || format!("a request left for {key:?}"))?;
    }
    for attempt in &result.audit.asked {
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
    ensure(result.audit.asked_dropped == 0, || "the audit is not whole".to_owned())
}

/// The grants that the service removed.
fn removed(result: &CaseResult, records: &[GrantRecord]) -> BTreeSet<GrantId> {
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
        result.environment.keys.get(&key).copied()
    });
    removed.collect()
}

/// The codes of delivered answers by grant. A refusal of the whole request counts as `refused`; a
/// bad argument counts only if the grant was alone in its request.
fn codes_answered(result: &CaseResult) -> BTreeMap<GrantId, BTreeSet<String>> {
    let keys = &result.environment.keys;
    let mut codes: BTreeMap<GrantId, BTreeSet<String>> = BTreeMap::new();
    for delivery in &result.environment.state().log.deliveries {
        for (key, code) in &delivery.answer.items {
            codes.entry(keys[key]).or_default().insert(code.clone());
        }
        let Some(code) = &delivery.answer.refusal else { continue };
        // An argument that is bad may be any of several; other refusals are about all of them.
        let is_argument = ["InvalidParameter", "OBJECT_NOT_FOUND"].contains(&code.as_str());
        if delivery.keys.len() == 1 || !is_argument {
            for key in &delivery.keys {
                codes.entry(keys[key]).or_default().insert(format!("refused {code}"));
            }
        }
    }
    codes
}

/// `revoked` requires a complete answer with OK for the grant, and that the service removed it.
fn revoked_is_true(result: &CaseResult) -> Result<(), String> {
    let (removed, codes) = (removed(result, &result.audit.removed), codes_answered(result));
    for (grant, _) in result.statuses().filter(|(_, status)| *status == Status::Revoked) {
        let key = || key_of(&result.environment.plan, grant);
        let ok = codes.get(&grant).is_some_and(|codes| codes.contains("OK"));
        ensure(ok, || format!("no OK was delivered for {:?}", key()))?;
        ensure(removed.contains(&grant), || format!("it was not removed: {:?}", key()))?;
    }
    Ok(())
}

/// `already_absent`, `not_found` and `failed` match an answer of the service; `unprocessed` was
/// never applied; `unknown` has an intent.
fn no_other_status_lies(result: &CaseResult) -> Result<(), String> {
    let (gone, codes) = (removed(result, &result.audit.removed), codes_answered(result));
    let intended = result.environment.disk.intended(result.environment.plan.grants());
    for (grant, status) in result.statuses() {
        let none = BTreeSet::new();
        let codes = codes.get(&grant).unwrap_or(&none);
        let is_true = match status {
            Status::Revoked => true,
            Status::AlreadyAbsent => codes.contains("OBJECT_AlREADY_EXISTS"),
            Status::NotFound => {
                codes.contains("OBJECT_NOT_FOUND") || codes.contains("refused OBJECT_NOT_FOUND")
            }
            Status::Failed => codes.iter().any(|code| code.starts_with("refused ")),
            Status::Unknown => intended[grant as usize],
            Status::Unprocessed => !gone.contains(&grant),
            Status::Invalid | Status::Protected | Status::Restored | Status::AlreadyPresent => {
                false
            }
        };
        ensure(is_true, || {
            format!("{status} and {codes:?} of {:?}", key_of(&result.environment.plan, grant))
        })?;
    }
    // Nor did a run before the last one call unprocessed what had been taken away by then.
    for (number, run) in result.runs.iter().enumerate() {
        let gone = removed(result, &run.removed);
        let ended = run.ended.as_ref().map(|ended| &ended.verdicts);
        for verdicts in ended.into_iter().chain([&run.durable]) {
            let lie = gone.iter().find(|grant| verdicts.status(**grant) == Status::Unprocessed);
            ensure(lie.is_none(), || format!("run {number} called grant {lie:?} unprocessed"))?;
        }
    }
    Ok(())
}

/// With a canary, later requests are sent only after every grant of the canary is gone.
fn canary_goes_first(result: &CaseResult) -> Result<(), String> {
    let plan = &result.environment.plan;
    let Some(canary) = result.case.canary.filter(|n| *n < plan.requests()) else { return Ok(()) };
    let first_beyond = plan.grants_of(canary).start;
    let grant_of = |key: &Key| result.environment.keys[key];
    let log = &result.environment.state().log;
    for departure in log.departures.iter().filter(|departure| departure.run < LIMITED_RUNS) {
        if !departure.keys.iter().any(|key| grant_of(key) >= first_beyond) {
            continue;
        }
        let delivered = log.deliveries.iter().filter(|delivery| delivery.at <= departure.at);
        let gone: BTreeSet<GrantId> = delivered
            .flat_map(|delivery| &delivery.answer.items)
            .filter(|(_, code)| ["OK", "OBJECT_AlREADY_EXISTS"].contains(&code.as_str()))
            .map(|(key, _)| grant_of(key))
            .collect();
        let left = (0..first_beyond).find(|grant| !gone.contains(grant));
        ensure(left.is_none(), || format!("run {}: grant {left:?} stood", departure.run))?;
    }
    Ok(())
}

/// In a calm case the requests sent are the planned ones, repeats after throttling or a wrong
/// clock, and at most `2 p log2 n` more for each planned request with `p` poisoned of `n` grants.
fn requests_within_bound(result: &CaseResult) -> Result<(), String> {
    if !result.case.calm {
        return Ok(());
    }
    let plan = &result.environment.plan;
    let extra = |request: usize| {
        let grants = plan.grants_of(request);
        let halvings = usize::BITS - grants.len().saturating_sub(1).leading_zeros();
        let poisonous = grants.filter(|grant| is_poisoned(result, *grant)).count();
        2 * poisonous * halvings as usize
    };
    let bound = plan.requests() + (0..plan.requests()).map(extra).sum::<usize>();
    let state = result.environment.state();
    let free = |code: &String| code.starts_with("Throttling") || code == "InvalidTimeStamp.Expired";
    let deliveries = state.log.deliveries.iter();
    let again =
        deliveries.filter(|delivery| delivery.answer.refusal.as_ref().is_some_and(free)).count();
    let sent = state.log.departures.len() - again;
    ensure((plan.requests()..=bound).contains(&sent), || {
        format!("{sent} requests, for a plan of {} and a bound of {bound}", plan.requests())
    })
}

fn is_poisoned(result: &CaseResult, grant: GrantId) -> bool {
    let key = key_of(&result.environment.plan, grant);
    let ids = [Some(&key.grantee), Some(&key.target), key.account.as_ref()];
    ids.into_iter().flatten().any(|id| result.case.is_poison(id))
}

/// In any interval of one run, no more requests of an operation are sent than the rate allows. A
/// timer may be two milliseconds late, and the lost time may be made up for.
fn never_above_the_rate(result: &CaseResult) -> Result<(), String> {
    const LATE: Duration = Duration::from_millis(3);
    const BACK: u32 = 40;
    let interval = Duration::from_secs_f64(1.0 / result.case.engine.rate_per_s);
    let state = result.environment.state();
    let mut left: BTreeMap<(usize, Operation), Vec<Duration>> = BTreeMap::new();
    for departure in &state.log.departures {
        let times = left.entry((departure.run, departure.operation)).or_default();
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

/// No request is sent during a wait that the service asked for.
fn never_inside_a_wait(result: &CaseResult) -> Result<(), String> {
    let state = result.environment.state();
    for delivery in &state.log.deliveries {
        let Some(wait) = delivery.answer.wait else { continue };
        let inside = state.log.departures.iter().find(|departure| {
            (departure.run, departure.operation) == (delivery.run, delivery.operation)
                && departure.at > delivery.at
                && departure.at < delivery.at + wait
        });
        if let Some(departure) = inside {
            return Err(format!(
                "left at {:?}, asked at {:?} to wait {wait:?}",
                departure.at, delivery.at
            ));
        }
    }
    Ok(())
}

/// Only poisoned grants fail: throttled rows are retried until they are answered.
fn throttling_fails_no_row(result: &CaseResult) -> Result<(), String> {
    for (grant, status) in result.statuses() {
        let fails = matches!(status, Status::Failed | Status::NotFound);
        ensure(!fails || is_poisoned(result, grant), || {
            let note = result.verdicts().note_of(grant);
            format!("{status} {:?} {note:?}", key_of(&result.environment.plan, grant))
        })?;
    }
    Ok(())
}

/// Poisoned grants never succeed; in a calm case they fail alone and all others are revoked.
fn poison_stays_alone(result: &CaseResult) -> Result<(), String> {
    for (grant, status) in result.statuses() {
        let is_right = match (is_poisoned(result, grant), result.case.calm) {
            (true, true) => status == Status::Failed,
            (true, false) => !status.is_gone(),
            (false, true) => status == Status::Revoked,
            (false, false) => status != Status::Failed,
        };
        ensure(is_right, || format!("{status} {:?}", key_of(&result.environment.plan, grant)))?;
    }
    Ok(())
}

/// No request is sent before an intent for exactly its grants is durable.
fn intents_come_first(result: &CaseResult) -> Result<(), String> {
    let state = result.environment.state();
    let early = state.log.departures.iter().find(|departure| !departure.intended);
    early.map_or(Ok(()), |early| Err(format!("{early:?}")))
}

/// A run that ended normally, without a disk error, reports the verdicts of its ledger.
fn the_ledger_says_the_same(result: &CaseResult) -> Result<(), String> {
    for (number, run) in result.runs.iter().enumerate() {
        let Some(ended) = run.ended.as_ref().filter(|ended| !lost_its_disk(ended)) else {
            continue;
        };
        for (grant, _) in result.statuses() {
            let of = |verdicts: &bastion_revoke::verdicts::Verdicts| {
                (verdicts.status(grant), verdicts.attempts(grant), verdicts.is_settled(grant))
            };
            let (reported, recorded) = (of(&ended.verdicts), of(&run.durable));
            ensure(reported == recorded, || {
                format!(
                    "run {number} reported {reported:?} for grant {grant}, its ledger has {recorded:?}"
                )
            })?;
        }
    }
    Ok(())
}

/// Without faults and interruptions the work is completed.
fn everything_is_settled(result: &CaseResult) -> Result<(), String> {
    ensure(is_settled(result.verdicts()), || {
        let causes = result.runs.last().and_then(|run| run.ended.as_ref()).map(|e| &e.causes);
        format!("{} runs, the last one ended by {causes:?}", result.runs.len())
    })
}

/// The service found no violation, and requests in flight never exceeded the concurrency.
fn limits_are_kept(result: &CaseResult) -> Result<(), String> {
    use bastion_revoke::sim::Violations;
    let mut violations = result.audit.violations;
    if result.case.service.quota.is_some() {
        violations.over_quota = 0;
    }
    if result.case.clock_ahead.abs().as_secs() > 15 * 60 {
        violations.bad_timestamps = 0;
    }
    ensure(violations == Violations::default(), || format!("{violations:?}"))?;
    let state = result.environment.state();
    let most = state.log.departures.iter().map(|departure| departure.in_flight).max();
    ensure(most.unwrap_or(0) <= result.case.engine.concurrency, || format!("{most:?} under way"))
}
