//! `verify`: reads back whether the grants of an outcome are gone, and what users still reach.

use super::api_session::ApiSession;
use super::residual::{self, Residual};
use super::verify_store::{self, Keeping};
use crate::access::{
    self, CONFIDENCE, Claims, Evidence, GranteeKey, TargetId, Verification, evidence, upper_bound,
};
use crate::api::caller::Caller;
use crate::api::transport::HttpTransport;
use crate::cli::verify::VerifyArgs;
use crate::clock::{SystemClock, WallClock, utc_seconds};
use crate::config::RequestSettings;
use crate::config::input::row_options;
use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use crate::input::{Options, escaped};
use crate::ledger::Readings;
use crate::model::{Account, Grant, Status};
use crate::outcome::{OutcomeError, VerifiedCells, VerifiedError, VerifiedOutcome};
use crate::report::calls::CallProgress;
use crate::report::print;
use crate::report::verification::{
    ContinuedReadings, SampleResult, VerificationReport, VerifiedRow,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Grants that are still listed are read again so many times.
const MORE_READINGS: u32 = 3;

/// Rows in `still` of the JSON summary.
const MOST_STILL: usize = 1000;

/// An instance and its region.
type Place = (String, String);

/// What a verification does.
#[derive(Debug, Clone)]
pub struct VerifySettings {
    /// The outcomes.
    pub outcomes: Vec<PathBuf>,
    /// How their rows are read.
    pub options: Options,
    /// Where residual access is written, if it is read.
    pub residual: Option<PathBuf>,
    /// The time over which grants that are still listed are read again.
    pub settle: Duration,
    /// The share of users and user groups, if not all are verified.
    pub sample: Option<f64>,
    /// How far an interrupted verification is continued.
    pub keeping: Keeping,
    /// Whether standard output is for the JSON summary alone.
    pub json: bool,
    /// How the calls are sent.
    pub requests: RequestSettings,
}

/// Reads back the grants of outcomes and writes the result of each row. Calls list and read
/// operations only.
pub async fn verify(args: &VerifyArgs) -> Result<Exit, Failure> {
    let settings = VerifySettings {
        outcomes: args.outcomes.clone(),
        options: row_options(&args.defaults),
        residual: residual_path(args),
        settle: args.settle,
        sample: args.sample,
        keeping: if args.restart { Keeping::Restart } else { Keeping::Continue },
        json: args.json,
        requests: RequestSettings::settle(&args.requests, 0),
    };
    let report = read_back(&settings, None).await?;
    print::summary(&report, || report.text(), args.json)?;
    Ok(report.exit_code)
}

/// Verifies with the session of a run, or with a new one.
pub async fn read_back(
    settings: &VerifySettings,
    session: Option<&ApiSession>,
) -> Result<VerificationReport, Failure> {
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    if let Some(path) = &settings.residual {
        residual::refuse_other_file(path)?;
    }
    let outcomes = open(settings)?;
    let claims = claims(&outcomes)?;
    let regions: BTreeSet<&str> = claims.keys().map(|(_, region)| region.as_str()).collect();
    let mut new = None;
    let session = ApiSession::or_new(session, &mut new, &settings.requests, regions, &clock).await;
    let session = session.map_err(super::names::failure)?;
    verify_with(settings, session, outcomes, claims, &clock).await
}

/// `residual.csv` beside the first outcome.
fn residual_path(args: &VerifyArgs) -> Option<PathBuf> {
    let first = args.outcomes.first().filter(|_| !args.no_residual)?;
    Some(RunFiles::new(first.clone()).residual())
}

/// Opens the outcomes of a verification.
pub fn open(settings: &VerifySettings) -> Result<Vec<VerifiedOutcome>, Failure> {
    let open = |path: &PathBuf| VerifiedOutcome::open(path, &settings.options);
    let mut distinct = settings.outcomes.clone();
    distinct.sort_unstable();
    distinct.dedup();
    if distinct.len() < settings.outcomes.len() {
        return Err(Failure::new(Exit::Usage, "an outcome is given twice"));
    }
    Ok(settings.outcomes.iter().map(open).collect::<Result<_, _>>()?)
}

/// The grants to verify, by instance.
pub fn claims(outcomes: &[VerifiedOutcome]) -> Result<BTreeMap<Place, Claims>, Failure> {
    let mut claims: BTreeMap<Place, Claims> = BTreeMap::new();
    for outcome in outcomes {
        outcome.each(|_, grant| add_claim(&mut claims, grant))?;
    }
    Ok(claims)
}

fn add_claim(claims: &mut BTreeMap<Place, Claims>, grant: &Grant<'_>) {
    let (grantee, target) = keys(grant);
    let of_grantee = claims.entry(place(grant)).or_default().entry(grantee).or_default();
    let claim = of_grantee.entry(target).or_default();
    match grant.account {
        Account::Whole => claim.whole = true,
        Account::Named(_) => claim.accounts = true,
    }
}

fn place(grant: &Grant<'_>) -> Place {
    (grant.instance_id.to_owned(), grant.region.to_owned())
}

fn keys(grant: &Grant<'_>) -> (GranteeKey, TargetId) {
    let grantee = (grant.grantee.kind, grant.grantee.id.to_owned());
    (grantee, (grant.kind, grant.target.to_owned()))
}

/// Verifies through a session, writes the outcomes and residual access, and returns the summary.
pub async fn verify_with(
    settings: &VerifySettings,
    session: &ApiSession,
    outcomes: Vec<VerifiedOutcome>,
    mut claims: BTreeMap<Place, Claims>,
    clock: &Arc<dyn WallClock>,
) -> Result<VerificationReport, Failure> {
    let grantees = claims.values().map(|claims| claims.len() as u64).sum();
    if let Some(share) = settings.sample {
        let chosen = access::sample(claims.values(), share, &seed(settings));
        for claims in claims.values_mut() {
            claims.retain(|key, _| chosen.contains(key));
        }
        claims.retain(|_, claims| !claims.is_empty());
    }
    let store = verify_store::open(settings.keeping, &settings.outcomes, settings.json, clock)?;
    let continued = store.as_ref().and_then(|(_, continued)| *continued);
    if !settings.json {
        print::line(&verify_store::cost(
            &settings.requests,
            settings.residual.is_some(),
            &claims,
            continued,
        ))?;
    }
    let store = store.map(|(readings, _)| readings);
    let regions: BTreeSet<String> = claims.keys().map(|(_, region)| region.clone()).collect();
    let client = session
        .client(regions.iter().map(String::as_str))
        .map_err(|message| Failure::new(Exit::Configuration, message))?;
    let requests = &settings.requests;
    let progress = Arc::new(CallProgress::new(requests.read_rate_per_s, settings.json));
    let shown = Arc::clone(&progress);
    let caller = Caller::new(client, requests.read_rate_per_s, requests.engine.concurrency)
        .with_progress(Box::new(move |calls| shown.on_call(calls)));
    let caller = Arc::new(caller);
    let mut evidences = BTreeMap::new();
    for (place, claims) in &claims {
        let reader = verify_store::reader(&caller, place, store.as_ref());
        let on_step = |step| progress.on_step(step);
        let residual = settings.residual.is_some();
        let evidence = evidence(&reader, claims, residual, clock, &on_step).await?;
        evidences.insert(place.clone(), evidence);
    }
    settle(settings, (&caller, store.as_ref()), &mut evidences, &outcomes, clock).await?;
    progress.clear();
    let mut result = Results::default();
    for outcome in &outcomes {
        result.add(outcome, &evidences, clock)?;
    }
    let sample = settings.sample.map(|_| result.sample(grantees, &claims));
    let residual = match &settings.residual {
        Some(path) => Some(residual::write(path, &evidences, clock.now())?),
        None => None,
    };
    let mut report = result.report(settings, sample, residual, caller.calls());
    report.continued = continued.map(|continued| ContinuedReadings {
        readings: continued.readings,
        oldest_at: utc_seconds(continued.oldest_at),
    });
    if let Some(store) = store {
        store.end(&serde_json::to_string(&report).unwrap_or_default());
    }
    Ok(report)
}

/// The sample of one set of outcomes is always the same.
fn seed(settings: &VerifySettings) -> String {
    let names = settings.outcomes.iter().map(|path| path.display().to_string());
    names.collect::<Vec<_>>().join("\n")
}

/// Reads what explains grants that are still listed, and reads those that nothing explains again:
/// reads may lag behind writes.
async fn settle(
    settings: &VerifySettings,
    (caller, store): (&Arc<Caller<HttpTransport>>, Option<&Arc<Readings>>),
    evidences: &mut BTreeMap<Place, Evidence>,
    outcomes: &[VerifiedOutcome],
    clock: &Arc<dyn WallClock>,
) -> Result<(), Failure> {
    let is_listed = |verification: &Verification| match verification {
        Verification::Gone(_) => false,
        Verification::Still(_) | Verification::Elsewhere(_) | Verification::Unchecked(_) => true,
    };
    let is_still = |verification: &Verification| matches!(verification, Verification::Still(_));
    let listed = with(evidences, outcomes, clock, is_listed)?;
    for (place, claims) in &listed {
        let reader = verify_store::reader(caller, place, store);
        if let Some(evidence) = evidences.get_mut(place) {
            evidence.explain(&reader, claims, clock.now()).await?;
        }
    }
    for _ in 0..MORE_READINGS {
        let still = with(evidences, outcomes, clock, is_still)?;
        if still.is_empty() || settings.settle.is_zero() {
            return Ok(());
        }
        let users: usize = still.values().map(Claims::len).sum();
        tracing::info!(users, "reading grants that are still listed again");
        tokio::time::sleep(settings.settle / MORE_READINGS).await;
        for (place, claims) in &still {
            let reader = verify_store::reader(caller, place, store);
            if let Some(evidence) = evidences.get_mut(place) {
                evidence.read_again(&reader, claims, clock).await?;
            }
        }
    }
    Ok(())
}

/// The grants with such a verification.
fn with(
    evidences: &BTreeMap<Place, Evidence>,
    outcomes: &[VerifiedOutcome],
    clock: &Arc<dyn WallClock>,
    is_wanted: impl Fn(&Verification) -> bool,
) -> Result<BTreeMap<Place, Claims>, Failure> {
    let mut wanted = BTreeMap::new();
    for outcome in outcomes {
        outcome.each(|_, grant| {
            let verified = verified(evidences, grant, clock);
            if verified.is_some_and(|(_, verification)| is_wanted(&verification)) {
                add_claim(&mut wanted, grant);
            }
        })?;
    }
    Ok(wanted)
}

/// When a grant was read and what that shows; `None` outside the sample.
fn verified<'e>(
    evidences: &'e BTreeMap<Place, Evidence>,
    grant: &Grant<'_>,
    clock: &Arc<dyn WallClock>,
) -> Option<(&'e access::GranteeEvidence, Verification)> {
    let evidence = evidences.get(&place(grant))?;
    let (grantee, target) = keys(grant);
    let read = evidence.grantees.get(&grantee)?;
    Some((read, access::verify(evidence, &grantee, &target, grant.account, clock.now())))
}

/// The results of all rows.
#[derive(Default)]
struct Results {
    rows: BTreeMap<&'static str, u64>,
    all_rows: u64,
    unknown_that_are_gone: u64,
    still: Vec<VerifiedRow>,
    grantees_with_access: BTreeSet<(Place, GranteeKey)>,
}

impl Results {
    /// Writes the result of each row into the outcome, and counts them.
    fn add(
        &mut self,
        outcome: &VerifiedOutcome,
        evidences: &BTreeMap<Place, Evidence>,
        clock: &Arc<dyn WallClock>,
    ) -> Result<(), Failure> {
        self.all_rows += outcome.write(|row, status, grant| {
            let (read, verification) = verified(evidences, grant, clock)?;
            *self.rows.entry(verification.name()).or_default() += 1;
            match verification {
                Verification::Gone(_) if status == Status::Unknown.name() => {
                    self.unknown_that_are_gone += 1;
                }
                Verification::Still(_) => self.add_still(outcome, row, grant, verification.note()),
                _ => {}
            }
            Some(cells(&verification, &utc_seconds(read.read_at(&keys(grant).1))))
        })?;
        Ok(())
    }

    fn add_still(&mut self, outcome: &VerifiedOutcome, row: u64, grant: &Grant<'_>, note: &str) {
        self.grantees_with_access.insert((place(grant), keys(grant).0));
        if self.still.len() < MOST_STILL {
            let account = match grant.account {
                Account::Whole => "*",
                Account::Named(account) => account,
            };
            let (grantee, kind) = (&grant.grantee, grant.kind);
            let grant = format!(
                "{} {}, {kind} {}, account {account}",
                grantee.kind.name(),
                grantee.id,
                grant.target,
            );
            let (outcome, note) = (outcome.path().display().to_string(), note.to_owned());
            self.still.push(VerifiedRow { outcome, row, grant, note });
        }
    }

    fn sample(&self, grantees: u64, claims: &BTreeMap<Place, Claims>) -> SampleResult {
        let verified = claims.values().map(|claims| claims.len() as u64).sum();
        let with_access = self.grantees_with_access.len() as u64;
        let upper_bound = upper_bound(with_access, verified);
        SampleResult { grantees, verified, with_access, confidence: CONFIDENCE, upper_bound }
    }

    fn report(
        mut self,
        settings: &VerifySettings,
        sample: Option<SampleResult>,
        residual: Option<Residual>,
        calls: u64,
    ) -> VerificationReport {
        for name in ["gone", "still", "elsewhere", "unchecked"] {
            self.rows.entry(name).or_default();
        }
        let verified: u64 = self.rows.values().sum();
        let is_clear = self.rows["elsewhere"] + self.rows["unchecked"] == 0;
        let exit = match self.rows["still"] {
            0 if is_clear => Exit::Done,
            0 => Exit::Otherwise,
            _ => Exit::AccessFound,
        };
        let Residual { path, users } = residual.unwrap_or_default();
        VerificationReport {
            exit_code: exit,
            rows: self.rows,
            not_verified: self.all_rows - verified,
            unknown_that_are_gone: self.unknown_that_are_gone,
            calls,
            outcomes: settings.outcomes.iter().map(|path| path.display().to_string()).collect(),
            still: self.still,
            sample,
            residual: path.map(|path| path.display().to_string()),
            users,
            not_visible: access::NOT_VISIBLE,
            continued: None,
        }
    }
}

fn cells(verification: &Verification, read_at: &str) -> VerifiedCells {
    let note = escaped(verification.note());
    [verification.name().to_owned(), read_at.to_owned(), note]
}

impl From<VerifiedError> for Failure {
    fn from(error: VerifiedError) -> Self {
        let message = error.to_string();
        match error {
            VerifiedError::Outcome(OutcomeError::Input(error)) => super::list::failure(error),
            VerifiedError::Outcome(OutcomeError::File { .. }) => Self::new(Exit::File, message),
            VerifiedError::Outcome(OutcomeError::Changed) => Self::new(Exit::Internal, message),
            VerifiedError::Unusable(_) => Self::new(Exit::InvalidInput, message),
        }
    }
}
