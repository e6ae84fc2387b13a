//! Keeps what a verification reads in the ledger of the run, so that it can be continued, and says
//! what is left to read.

use crate::access::{Claim, Claims, GranteeKey, TargetId};
use crate::api::caller::Caller;
use crate::api::reading::{KeptReading, Reader, ReadingStore};
use crate::api::transport::HttpTransport;
use crate::clock::{WallClock, utc_seconds};
use crate::config::RequestSettings;
use crate::exit::Failure;
use crate::files::RunFiles;
use crate::ledger::{Continued, Ledger, LedgerError, Readings};
use crate::model::GranteeKind;
use crate::report::print;
use crate::report::text::{count, length, things};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// An instance and its region.
type Place = (String, String);

/// What a verification does with the readings of an interrupted one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// Uses those that are recent enough.
    Continue,
    /// Reads everything again.
    Restart,
    /// Keeps nothing: something that the ledger does not know may have changed in between.
    Nothing,
}

impl ReadingStore for Readings {
    fn find(&self, key: &str) -> Option<KeptReading> {
        self.find(key).map(|(read_at, json)| KeptReading { read_at, json })
    }

    fn keep(&self, key: &str, json: &str) {
        self.keep(key, json);
    }
}

/// The readings of a ledger, and those of a verification that is continued.
type Kept = (Arc<Readings>, Option<Continued>);

/// The readings of this verification, in the ledger of its first outcome, and what is continued.
/// `None`, with a message, if the ledger of an outcome is missing or cannot be used.
pub(super) fn open(
    keeping: Keeping,
    outcomes: &[PathBuf],
    is_quiet: bool,
    clock: &Arc<dyn WallClock>,
) -> Result<Option<Kept>, Failure> {
    if keeping == Keeping::Nothing || outcomes.is_empty() {
        return Ok(None);
    }
    let restart = keeping == Keeping::Restart;
    let opened = begin(outcomes, restart, clock);
    let (readings, continued) = match opened {
        Ok(opened) => opened,
        Err(why) => {
            tracing::warn!("the verification cannot be continued if it is interrupted: {why}");
            return Ok(None);
        }
    };
    if let Some(continued) = continued.filter(|_| !is_quiet) {
        let since = utc_seconds(continued.oldest_at);
        print::line(&format!(
            "Continuing the interrupted verification: {} readings since {since} are not read again",
            continued.readings
        ))?;
    }
    Ok(Some((Arc::new(readings), continued)))
}

fn begin(
    outcomes: &[PathBuf],
    restart: bool,
    clock: &Arc<dyn WallClock>,
) -> Result<(Readings, Option<Continued>), String> {
    let mut subject = Vec::new();
    let mut first = None;
    for outcome in outcomes {
        let path = RunFiles::new(outcome.clone()).ledger();
        if !path.exists() {
            return Err(format!("{} is missing", path.display()));
        }
        let describe = |error: LedgerError| error.to_string();
        let ledger = Ledger::open(&path).map_err(describe)?;
        let name = outcome.file_name().unwrap_or_default().to_string_lossy().into_owned();
        subject.push((name, ledger.attempt_count().map_err(describe)?));
        first.get_or_insert(ledger);
    }
    let first = first.ok_or("there is no outcome")?;
    let subject = serde_json::to_string(&subject).map_err(|error| error.to_string())?;
    first.begin_verification(&subject, restart, clock).map_err(|error| error.to_string())
}

/// A reader that uses what was kept, and keeps the rest.
pub(super) fn reader(
    caller: &Arc<Caller<HttpTransport>>,
    place: &Place,
    store: Option<&Arc<Readings>>,
) -> Reader<HttpTransport> {
    let reader = Reader::new(Arc::clone(caller), &place.0, &place.1);
    match store {
        Some(store) => reader.keeping(Arc::<Readings>::clone(store)),
        None => reader,
    }
}

/// How many calls the verification takes at least.
pub(super) fn cost(
    requests: &RequestSettings,
    residual: bool,
    claims: &BTreeMap<Place, Claims>,
    continued: Option<Continued>,
) -> String {
    let of_grantee = |(key, targets): (&GranteeKey, &BTreeMap<TargetId, Claim>)| {
        let kinds: BTreeSet<_> = targets.keys().map(|(kind, _)| *kind).collect();
        let accounts = targets.values().filter(|claim| claim.accounts && !claim.whole).count();
        let lists = match (key.0, residual) {
            (GranteeKind::User, true) => 6,
            (GranteeKind::User, false) => kinds.len() + 1,
            (GranteeKind::UserGroup, _) => kinds.len(),
        };
        (lists + accounts) as u64
    };
    let calls: u64 = claims.values().flatten().map(of_grantee).sum();
    let calls = calls.saturating_sub(continued.map_or(0, |continued| continued.readings));
    #[expect(clippy::cast_precision_loss, reason = "a number of calls for people")]
    let took = length(calls as f64 / requests.read_rate_per_s);
    let users: usize = claims.values().map(Claims::len).sum();
    let users = things(users, "user or user group", "users and user groups");
    format!("Reading back the access of {users}: at least {} calls, about {took}", count(calls))
}
