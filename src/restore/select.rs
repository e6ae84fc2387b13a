//! Which grants a restore gives: those that an outcome names, that its run removed, and that the
//! snapshot has. Promise 10, *no restore beyond the snapshot*.

use crate::access::{HeldScope, HeldTarget, TargetKey};
use crate::model::{Account, Status};
use crate::plan::Plan;
use crate::verdicts::Verdicts;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A row of an outcome that names a grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeRow {
    /// Its number, from 1.
    pub number: u64,
    /// The target, and who lost it.
    pub key: TargetKey,
    /// The account, or the whole target.
    pub account: Account,
}

/// A grant to be given again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Restorable {
    /// The row of the outcome that names it, or a target that had it.
    pub row: u64,
    /// The target, and who gets it.
    pub key: TargetKey,
    /// The account, which implies the target; or the target without an account.
    pub account: Account,
    /// Whether it was removed together with its target, so that the API has not named it.
    pub is_of_whole: bool,
}

/// Something that is not granted again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The row of the outcome that names it.
    pub row: u64,
    /// The target, if the row was read.
    pub key: Option<TargetKey>,
    /// The account, or the whole target.
    pub account: Option<Account>,
    /// Why it is not granted again.
    pub reason: String,
    /// Whether the run removed it or may have removed it, so that it is missing now.
    pub is_missing: bool,
}

impl LeftOut {
    /// A row of an outcome that has this status.
    pub fn of_status(row: u64, status: Status) -> Self {
        let (reason, is_missing) = (not_removed(status).to_owned(), is_missing(status));
        Self { row, key: None, account: None, reason, is_missing }
    }
}

/// What is granted again, and what is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Distinct grants, in the order of the outcome. No target is there both with and without an
    /// account.
    pub grants: Vec<Restorable>,
    /// The others, with the reasons.
    pub left_out: Vec<LeftOut>,
}

/// Whether a grant of this status is missing after the run, or may be.
fn is_missing(status: Status) -> bool {
    matches!(status, Status::Revoked | Status::Unknown)
}

/// What became of the grants of a run, by target.
pub struct Removed(HashMap<TargetKey, TargetStatus>);

#[derive(Default)]
struct TargetStatus {
    whole: Option<Status>,
    accounts: HashMap<String, Status>,
}

impl Removed {
    /// The verdicts of a plan.
    pub fn of(plan: &Plan, verdicts: &Verdicts) -> Self {
        let mut all: HashMap<TargetKey, TargetStatus> = HashMap::new();
        for (grant, id) in plan.all_grants().zip(verdicts.all()) {
            let target = all.entry(TargetKey::of(&grant)).or_default();
            let status = verdicts.status(id);
            match grant.account {
                Account::Whole => target.whole = Some(status),
                Account::Named(name) => drop(target.accounts.insert(name.to_owned(), status)),
            }
        }
        Self(all)
    }

    /// The status of an account or a whole target. A whole target stands for its accounts.
    fn status(&self, key: &TargetKey, account: &Account) -> Option<Status> {
        let target = self.0.get(key)?;
        match account {
            Account::Whole => target.whole,
            Account::Named(name) => target.accounts.get(name).copied().or(target.whole),
        }
    }
}

/// Chooses what is granted again.
pub fn select(rows: Vec<OutcomeRow>, removed: &Removed, snapshot: &[HeldTarget]) -> Selection {
    let snapshot: HashMap<&TargetKey, &HeldTarget> =
        snapshot.iter().map(|held| (&held.key, held)).collect();
    let mut selection = Selection::default();
    let mut known = BTreeSet::new();
    for OutcomeRow { number: row, key, account } in rows {
        let held = match removable(&key, &account, removed, snapshot.get(&key).copied()) {
            Ok(held) => held,
            Err(mut reason) => {
                let status = removed.status(&key, &account);
                let mut is_missing = status.is_none_or(is_missing);
                let held = snapshot.get(&key);
                if status == Some(Status::AlreadyAbsent) && held.is_some_and(|it| has(it, &account))
                {
                    is_missing = true;
                    REMOVED_UNSEEN.clone_into(&mut reason);
                }
                selection.leave_out(row, key, account, reason);
                if let Some(left_out) = selection.left_out.last_mut() {
                    left_out.is_missing = is_missing;
                }
                continue;
            }
        };
        let is_of_whole = account == Account::Whole;
        let accounts: Vec<Account> = match &account {
            Account::Named(_) => vec![account.clone()],
            Account::Whole if held.accounts.is_empty() => vec![Account::Whole],
            Account::Whole => held.accounts.iter().cloned().map(Account::Named).collect(),
        };
        for account in accounts {
            if known.insert((key.clone(), named(&account).map(str::to_owned))) {
                let key = key.clone();
                selection.grants.push(Restorable { row, key, account, is_of_whole });
            }
        }
        if let Some(reason) = held.reason.as_ref().filter(|_| is_of_whole) {
            let reason = format!("accounts may be missing in the snapshot: {reason}");
            selection.leave_out(row, key, account, reason);
        }
    }
    selection
}

/// Why a grant of the snapshot that a run found absent is not granted again.
const REMOVED_UNSEEN: &str = "already_absent, though the snapshot has it: an attempt of the run whose \
     answer was lost may have removed it, or somebody else";

/// Whether the snapshot has this grant.
fn has(held: &HeldTarget, account: &Account) -> bool {
    held.is_granted == Some(true)
        && match account {
            Account::Whole => true,
            Account::Named(name) => held.accounts.contains(name),
        }
}

/// What the snapshot has of a target, if the run removed this grant of it and the snapshot has it;
/// else the reason.
fn removable<'a>(
    key: &TargetKey,
    account: &Account,
    removed: &Removed,
    held: Option<&'a HeldTarget>,
) -> Result<&'a HeldTarget, String> {
    match removed.status(key, account) {
        Some(Status::Revoked) => {}
        Some(status) => return Err(not_removed(status).to_owned()),
        None => return Err("the run did not send it".to_owned()),
    }
    let Some(held) = held else { return Err("the snapshot does not have it".to_owned()) };
    let unread = |reason: &Option<String>| {
        let reason = reason.as_deref().unwrap_or("not read");
        format!("the snapshot does not have it: {reason}")
    };
    match (held.is_granted, account) {
        (None, _) => Err(unread(&held.reason)),
        (Some(false), _) => Err("it was not granted, according to the snapshot".to_owned()),
        (Some(true), Account::Named(name)) if !held.accounts.contains(name) => {
            Err(match held.reason {
                Some(_) => unread(&held.reason),
                None => "it was not granted, according to the snapshot".to_owned(),
            })
        }
        (Some(true), _) => Ok(held),
    }
}

/// Why a grant of this status is not granted again.
fn not_removed(status: Status) -> &'static str {
    match status {
        Status::AlreadyAbsent => "already_absent: it was revoked before the run",
        Status::NotFound => "not_found: the run removed nothing",
        Status::Failed => "failed: it was not removed",
        Status::Unknown => "unknown: nothing trustworthy says that the run removed it",
        Status::Invalid => "invalid: nothing was sent for it",
        Status::Protected => "protected: nothing was sent for it",
        Status::Unprocessed => "unprocessed: it was not removed",
        Status::Revoked | Status::Restored | Status::AlreadyPresent => "it was not removed",
    }
}

fn named(account: &Account) -> Option<&str> {
    match account {
        Account::Whole => None,
        Account::Named(name) => Some(name),
    }
}

impl Selection {
    /// How much is missing that is not granted again.
    pub fn missing(&self) -> usize {
        self.left_out.iter().filter(|left| left.is_missing).count()
    }

    fn leave_out(&mut self, row: u64, key: TargetKey, account: Account, reason: String) {
        let (key, account) = (Some(key), Some(account));
        self.left_out.push(LeftOut { row, key, account, reason, is_missing: true });
    }

    /// The lists that show which accounts of revoked targets are still authorized.
    pub fn still_listed_scopes(&self) -> Vec<HeldScope> {
        let of_whole = self.grants.iter().filter(|grant| grant.is_of_whole);
        let of_whole = of_whole.filter(|grant| grant.account != Account::Whole);
        super::scopes::scopes(of_whole.map(|grant| (grant.key.clone(), true)))
    }

    /// Whether a list still shows an account that a whole target took with it.
    pub fn is_still_listed(&self, now: &HeldTarget) -> bool {
        let of_target = self.grants.iter().filter(|grant| grant.key == now.key);
        of_target.filter_map(|grant| named(&grant.account)).any(|name| now.accounts.contains(name))
    }

    /// Leaves out the accounts of revoked targets that lists still show, or may show: the snapshot
    /// may have had them from a user group or a rule, and the API did not name them when the target
    /// was revoked. A target that is left without an account is granted without one, as its
    /// revocation was confirmed.
    pub fn leave_out_still_listed(&mut self, now: &[HeldTarget]) {
        let now: BTreeMap<&TargetKey, &HeldTarget> =
            now.iter().map(|held| (&held.key, held)).collect();
        let mut bare: BTreeMap<TargetKey, Restorable> = BTreeMap::new();
        let mut kept: Vec<Restorable> = Vec::new();
        for grant in std::mem::take(&mut self.grants) {
            let held = now.get(&grant.key).filter(|_| grant.is_of_whole);
            let reason = match (held, named(&grant.account)) {
                (Some(held), Some(name)) => still_listed(held, name),
                _ => None,
            };
            let Some(reason) = reason else {
                kept.push(grant);
                continue;
            };
            let Restorable { row, key, account, .. } = grant.clone();
            self.leave_out(row, key, account, reason);
            bare.entry(grant.key.clone())
                .or_insert(Restorable { account: Account::Whole, ..grant });
        }
        for grant in &kept {
            bare.remove(&grant.key);
        }
        kept.extend(bare.into_values());
        kept.sort_by_key(|grant| grant.row);
        self.grants = kept;
    }
}

/// Why an account is not granted again that a whole target took with it, if so.
fn still_listed(now: &HeldTarget, account: &str) -> Option<String> {
    if now.accounts.contains(account) {
        return Some(
            "still listed after the revocation: a user group or a rule gives it, or it was granted \
             since"
                .to_owned(),
        );
    }
    let reason = now.reason.as_ref()?;
    Some(format!("it cannot be read whether a user group or a rule gives it: {reason}"))
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod select_tests;
