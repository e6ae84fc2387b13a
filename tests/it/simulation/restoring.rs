//! A revocation and its restore, each with its own faults, crashes and disk: whatever happens,
//! nothing is granted that the snapshot lacks or that the run is not known to have removed.

use super::case::Case;
use super::disk::Disk;
use super::faults::FaultSchedule;
use super::invariants;
use super::restarts::{CaseResult, environment_of, run_in};
use super::virtual_time;
use bastion_revoke::access::{HeldTarget, TargetKey};
use bastion_revoke::grants::Collector;
use bastion_revoke::input::{Options, Reader, RowContent, Source};
use bastion_revoke::model::{Account, Action, Grant, Grantee, GranteeKind, Kind, Status};
use bastion_revoke::plan::Plan;
use bastion_revoke::restore::{OutcomeRow, Removed, Restorable, select};
use bastion_revoke::sim::{self, GrantRecord};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How many seeds every `cargo test` runs.
const SEEDS: u64 = 1500;

/// Runs of the restore are numbered from here, so that no nonce is used twice.
const FIRST_RUN: usize = 1000;

/// A grant on a target: an account, or the target itself.
type Held = (TargetKey, Option<String>);

/// A revocation that was restored.
struct Played {
    revocation: CaseResult,
    restore: CaseResult,
    snapshot: BTreeMap<TargetKey, HeldTarget>,
    before: BTreeSet<Held>,
    between: BTreeSet<Held>,
    after: BTreeSet<Held>,
    is_calm: bool,
}

/// The grants of the service at the beginning: most of those that the plan names, accounts on
/// targets that it revokes as a whole, and those of somebody else.
fn grants(plan: &Plan, random: &mut fastrand::Rng) -> sim::Grants {
    let mut grants = sim::Grants::listed();
    for Grant { instance_id, grantee, kind, target, account, .. } in plan.all_grants() {
        let other = Grantee { kind: grantee.kind, id: "somebody else" };
        grants.add(instance_id, &other, kind, target, None);
        grants.add(instance_id, &other, kind, target, Some("1"));
        if random.u8(..8) == 0 {
            continue;
        }
        grants.add(instance_id, &grantee, kind, target, None);
        match account {
            Account::Named(name) => grants.add(instance_id, &grantee, kind, target, Some(name)),
            Account::Whole => {
                for number in 0..random.usize(..14) {
                    let name = format!("extra-{number}");
                    grants.add(instance_id, &grantee, kind, target, Some(&name));
                }
            }
        }
    }
    grants
}

fn held(records: &[GrantRecord]) -> BTreeSet<Held> {
    let held = records.iter().filter(|record| record.held).map(|record| {
        let is_user = record.grantee_kind == "user";
        let from = if is_user { GranteeKind::User } else { GranteeKind::UserGroup };
        let kinds = [Kind::Host, Kind::HostGroup, Kind::Database];
        let key = TargetKey {
            instance_id: record.instance_id.clone(),
            region: "cn-hangzhou".to_owned(),
            grantee: Grantee { kind: from, id: record.grantee.clone() },
            kind: kinds.into_iter().find(|kind| kind.name() == record.kind).expect("a kind"),
            target: record.target.clone(),
        };
        (key, record.account.clone())
    });
    held.collect()
}

/// What lists would show of the plan's targets; some of it cannot be read.
fn snapshot(
    plan: &Plan,
    before: &BTreeSet<Held>,
    random: &mut fastrand::Rng,
) -> BTreeMap<TargetKey, HeldTarget> {
    let keys: BTreeSet<TargetKey> = plan.all_grants().map(|grant| TargetKey::of(&grant)).collect();
    let read = |key: TargetKey| {
        let of_target = before.iter().filter(|(other, _)| *other == key);
        let is_granted = Some(of_target.clone().next().is_some());
        let accounts = of_target.filter_map(|(_, account)| account.clone()).collect();
        let held = HeldTarget { key: key.clone(), is_granted, accounts, reason: None };
        let reason = Some("NoPermission".to_owned());
        let held = match random.u8(..12) {
            0 => HeldTarget { is_granted: None, accounts: BTreeSet::new(), reason, ..held },
            1 => {
                let accounts = held.accounts.into_iter().skip(1).collect();
                HeldTarget { accounts, reason, ..held }
            }
            _ => held,
        };
        (key, held)
    };
    keys.into_iter().map(read).collect()
}

/// The plan of the restore, made as the command makes it.
fn restore_plan(revoked: &CaseResult, snapshot: &BTreeMap<TargetKey, HeldTarget>) -> Plan {
    let plan = &revoked.environment.plan;
    let rows = (1..).zip(plan.all_grants()).map(|(number, grant)| {
        let account = match grant.account {
            Account::Whole => Account::Whole,
            Account::Named(name) => Account::Named(name.to_owned()),
        };
        OutcomeRow { number, key: TargetKey::of(&grant), account }
    });
    let held: Vec<HeldTarget> = snapshot.values().cloned().collect();
    let removed = Removed::of(plan, revoked.verdicts());
    let mut selection = select(rows.collect(), &removed, &held);
    selection.leave_out_unusable().expect("the list is read back");
    let list = selection.list();
    let sources = vec![Source::memory("restore.csv", &list)];
    let mut reader = Reader::new(sources, Arc::new(Options::default()));
    let mut collector = Collector::default();
    let mut grants: Vec<&Restorable> = Vec::new();
    while let Some(row) = reader.next().expect("the list is read") {
        let RowContent::Grant(grant) = row.content else { panic!("{:?}", row.content) };
        collector.push(&grant).expect("few rows");
        grants.push(&selection.grants[grants.len()]);
    }
    let plan = Plan::new(collector.finish().with_action(Action::Attach));
    assert_eq!(plan.grants(), grants.len(), "no grant stands for another");
    plan
}

/// Revokes and restores, each to its end. Nothing if there is nothing to restore.
async fn play(seed: u64) -> Option<Played> {
    let mut random = fastrand::Rng::with_seed(seed ^ 0x756e_646f);
    let mut first = Case::draw(seed);
    first.service.grants = grants(&first.plan, &mut random);
    let environment = environment_of(&mut first, false);
    let before = held(&environment.state().service.audit().granted);
    let snapshot = snapshot(&environment.plan, &before, &mut random);
    let revocation = Box::pin(run_in(first, environment, 0)).await;
    let between = held(&revocation.audit.granted);
    let plan = Arc::new(restore_plan(&revocation, &snapshot));
    if plan.grants() == 0 {
        return None;
    }
    let mut second = Case::draw(seed ^ (1 << 40));
    second.service = revocation.case.service.clone();
    second.clock_ahead = revocation.case.clock_ahead;
    let now = revocation.environment.time.now();
    for window in &mut second.faults {
        window.from += now;
        window.until += now;
    }
    let is_calm = revocation.case.calm && second.calm && second.service.poison.is_empty();
    let environment = revocation.environment.for_next_job(
        plan,
        Disk::new(second.disk, seed ^ 3),
        FaultSchedule::new(second.faults.clone()),
        second.network,
        seed ^ 4,
    );
    let restore = Box::pin(run_in(second, environment, FIRST_RUN)).await;
    let after = held(&restore.audit.granted);
    Some(Played { revocation, restore, snapshot, before, between, after, is_calm })
}

/// A promise of a restore, with its name.
type Promise = (&'static str, fn(&Played) -> Result<(), String>);

/// The promises of a restore that are broken.
fn broken(result: &Played) -> Vec<String> {
    let mut all = invariants::broken_in_any_job(&result.restore);
    let promises: [Promise; 4] = [
        ("no restore beyond the snapshot", nothing_beyond_the_snapshot),
        ("a restore takes nothing away", nothing_is_taken),
        ("4 honesty: restored and already present", restored_is_true),
        ("in a calm case everything is restored", everything_is_restored),
    ];
    let found = promises
        .into_iter()
        .filter_map(|(name, holds)| holds(result).err().map(|why| format!("{name}: {why}")));
    all.extend(found);
    all
}

/// Whatever is granted afterwards was there before, the snapshot has it, and the run is known to
/// have removed it.
fn nothing_beyond_the_snapshot(result: &Played) -> Result<(), String> {
    let plan = &result.revocation.environment.plan;
    let verdicts = result.revocation.verdicts();
    let mut revoked: BTreeSet<Held> = BTreeSet::new();
    for (grant, id) in plan.all_grants().zip(verdicts.all()) {
        if verdicts.status(id) == Status::Revoked {
            let account = match grant.account {
                Account::Whole => None,
                Account::Named(name) => Some(name.to_owned()),
            };
            revoked.insert((TargetKey::of(&grant), account));
        }
    }
    for (key, account) in result.after.difference(&result.between) {
        let own = (key.clone(), account.clone());
        let was_there = result.before.contains(&own);
        let is_removed = revoked.contains(&own) || revoked.contains(&(key.clone(), None));
        let in_snapshot = result.snapshot.get(key).is_some_and(|held| {
            let has_account = account.as_ref().is_none_or(|name| held.accounts.contains(name));
            held.is_granted == Some(true) && has_account
        });
        if !(was_there && is_removed && in_snapshot) {
            return Err(format!(
                "{own:?}: was there {was_there}, removed {is_removed}, in snapshot {in_snapshot}"
            ));
        }
    }
    Ok(())
}

fn nothing_is_taken(result: &Played) -> Result<(), String> {
    match result.between.difference(&result.after).next() {
        Some(taken) => Err(format!("{taken:?}")),
        None => Ok(()),
    }
}

/// What the verdicts call restored or already present is held.
fn restored_is_true(result: &Played) -> Result<(), String> {
    let plan = &result.restore.environment.plan;
    for (grant, (_, status)) in plan.all_grants().zip(result.restore.statuses()) {
        let account = match grant.account {
            Account::Whole => None,
            Account::Named(name) => Some(name.to_owned()),
        };
        let own = (TargetKey::of(&grant), account);
        let is_success = matches!(status, Status::Restored | Status::AlreadyPresent);
        if is_success && !result.after.contains(&own) {
            return Err(format!("{status}, and it is not held: {own:?}"));
        }
        if status.is_gone() {
            return Err(format!("{status} of a grant that was to be given: {own:?}"));
        }
    }
    Ok(())
}

fn everything_is_restored(result: &Played) -> Result<(), String> {
    if !result.is_calm {
        return Ok(());
    }
    match result.restore.statuses().find(|(_, status)| *status != Status::Restored) {
        Some((grant, status)) => Err(format!("grant {grant} is {status}")),
        None => Ok(()),
    }
}

#[test]
fn whatever_happens_nothing_is_restored_beyond_the_snapshot() {
    let seed = std::env::var("BASTION_REVOKE_SEED").ok().and_then(|text| text.parse().ok());
    let seeds = seed.map_or(0..SEEDS, |seed: u64| seed..seed + 1);
    let (mut wrong, mut played, mut runs) = (Vec::new(), 0_u64, 0);
    for seed in seeds.clone() {
        let Some(result) = virtual_time().block_on(play(seed)) else { continue };
        played += 1;
        runs += result.restore.runs.len();
        let found = broken(&result);
        if !found.is_empty() {
            wrong.push(format!("seed {seed}: {}", found.join("\n  ")));
        }
        if wrong.len() >= super::ENOUGH {
            break;
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    if seeds.end > SEEDS / 2 {
        assert!(played > SEEDS / 2 && runs as u64 > played, "{played} restores in {runs} runs");
    }
}
