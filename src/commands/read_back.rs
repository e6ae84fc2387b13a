//! Reads back what a restore has granted, and adds to its outcome whether the lists show it.

use super::api_session::ApiSession;
use super::names;
use crate::access::{HeldScope, HeldTarget, TargetKey, read_held};
use crate::api::caller::Caller;
use crate::api::reading::ReadError;
use crate::api::transport::Transport;
use crate::clock::{SystemClock, WallClock, utc_seconds};
use crate::config::RunSettings;
use crate::exit::{Exit, Failure};
use crate::model::Account;
use crate::outcome;
use crate::plan::Plan;
use crate::report::summary::Confirmed;
use crate::restore::{Presence, expected, presence, scopes};
use crate::verdicts::Verdicts;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The wait before lists are read again for the first time; it doubles up to [`MOST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(1);
const MOST_WAIT: Duration = Duration::from_secs(8);

/// Reads what is held. Targets that are not as expected are read again for up to `lag`, because
/// lists may show a change late.
pub async fn read_until<T: Transport>(
    caller: &Arc<Caller<T>>,
    scopes: Vec<HeldScope>,
    is_as_expected: impl Fn(&HeldTarget) -> bool,
    lag: Duration,
) -> Result<Vec<HeldTarget>, ReadError> {
    let deadline = Instant::now() + lag;
    let reads_accounts: HashMap<TargetKey, bool> =
        scopes.iter().flat_map(HeldScope::keys).collect();
    let mut all: BTreeMap<TargetKey, HeldTarget> = BTreeMap::new();
    let mut left = scopes;
    let mut wait = FIRST_WAIT;
    loop {
        let read = read_held(caller, left).await?;
        let late: Vec<TargetKey> = read
            .iter()
            .filter(|held| held.reason.is_none() && !is_as_expected(held))
            .map(|held| held.key.clone())
            .collect();
        all.extend(read.into_iter().map(|held| (held.key.clone(), held)));
        if late.is_empty() || Instant::now() + wait > deadline {
            return Ok(all.into_values().collect());
        }
        let again = late.into_iter().map(|key| {
            let reads_accounts = reads_accounts.get(&key).copied().unwrap_or(true);
            (key, reads_accounts)
        });
        left = crate::restore::scopes(again);
        sleep(wait).await;
        wait = (wait * 2).min(MOST_WAIT);
    }
}

/// Reads back the grants of a restore and adds the columns to its outcome. Nothing without a plan,
/// for a job that revokes.
pub async fn confirm(
    plan: Option<&Plan>,
    verdicts: &Verdicts,
    settings: &RunSettings,
    session: Option<&ApiSession>,
) -> Result<Option<Confirmed>, Failure> {
    let Some(plan) = plan else { return Ok(None) };
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let held = match held(plan, verdicts, settings, session, &clock).await {
        Ok(held) => held,
        Err(failure) => {
            tracing::warn!("cannot read back what was granted: {}", failure.message);
            Vec::new()
        }
    };
    let all = presence(plan, verdicts, &held);
    let count = |wanted| all.iter().flatten().filter(|one| **one == wanted).count() as u64;
    let confirmed = Confirmed {
        present: count(Presence::Present),
        absent: count(Presence::Absent),
        unchecked: count(Presence::Unchecked),
    };
    let now = utc_seconds(clock.now());
    let cells = |row: usize| {
        let of_row = plan.rows().get(row).and_then(|(grant, _)| all[grant as usize]);
        match of_row {
            Some(presence) => [presence.name(), now.as_str()],
            None => ["", ""],
        }
    };
    outcome::add_confirmation(&settings.out, cells).map_err(|error| {
        let out = settings.out.display();
        Failure::new(Exit::File, format!("{out}: cannot add what was read back: {error}"))
    })?;
    Ok(Some(confirmed))
}

/// What is held of the grants that may have been given.
async fn held(
    plan: &Plan,
    verdicts: &Verdicts,
    settings: &RunSettings,
    session: Option<&ApiSession>,
    clock: &Arc<dyn WallClock>,
) -> Result<Vec<HeldTarget>, Failure> {
    let mut wanted: HashMap<TargetKey, Vec<Account<&str>>> = HashMap::new();
    for (_, grant) in expected(plan, verdicts) {
        wanted.entry(TargetKey::of(&grant)).or_default().push(grant.account);
    }
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let reads_accounts = |accounts: &[Account<&str>]| accounts.iter().any(|a| *a != Account::Whole);
    let lists = wanted.iter().map(|(key, accounts)| (key.clone(), reads_accounts(accounts)));
    let lists = scopes(lists);
    let is_present = |held: &HeldTarget| {
        let accounts = wanted.get(&held.key).into_iter().flatten();
        accounts.into_iter().all(|one| Presence::of(Some(held), one) == Presence::Present)
    };
    let (mut new, regions) = (None, plan.regions());
    let session = ApiSession::or_new(session, &mut new, &settings.requests, regions, clock).await;
    let session = session.map_err(names::failure)?;
    let caller = session.caller(plan.regions(), &settings.requests)?;
    Ok(read_until(&caller, lists, is_present, settings.read_lag).await?)
}
