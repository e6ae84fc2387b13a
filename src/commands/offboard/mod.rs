//! `offboard`: shows what goes and what stays, confirms once, then locks the users, leaves their user
//! groups, revokes their direct grants, deletes their public keys, and reads back what remains.
//!
//! The steps have a record beside the outcome ([`StepLog`]), the revocations the ledger of a run. The
//! same command continues where it stopped, with the users, list and steps that were confirmed.

mod begin;
mod rehearse;
pub(super) mod steps;

use crate::access::{self, ROUTE_COLUMNS, RouteKind, Scope, Survey, routes};
use crate::api::caller::Caller;
use crate::api::transport::{HttpTransport, Transport};
use crate::api::writing::Writer;
use crate::cli::offboard::OffboardArgs;
use crate::cli::user::UserName;
use crate::clock::{SystemClock, WallClock, utc_seconds};
use crate::commands::driver::{self, Executor};
use crate::commands::evidence::create as evidence;
use crate::commands::execution::Show;
use crate::commands::export::names;
use crate::commands::reading::{Connection, save};
use crate::commands::verify::{self, VerifySettings};
use crate::commands::verify_store::Keeping;
use crate::commands::{confirm, residual};
use crate::config::RequestSettings;
use crate::config::offboard;
use crate::exit::{Exit, Failure};
use crate::files::{LOCK_TIMEOUT, RunFiles};
use crate::input::{Options, shown};
use crate::model::GranteeKind;
use crate::offboard::{StepKind, StepLog, Taken, send_steps};
use crate::report::evidence::Written;
use crate::report::offboarding::{
    OffboardingReport, is_open, kind_name, result_text, sending, state_name,
};
use crate::report::print;
use crate::report::text::things;
use crate::report::verification::VerificationReport;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use steps::locked;

struct Offboarding<'a> {
    args: &'a OffboardArgs,
    files: RunFiles,
    connection: Connection,
    clock: Arc<dyn WallClock>,
    show: Show,
}

/// Offboards users.
pub async fn offboard(args: &OffboardArgs, quiet: bool) -> Result<Exit, Failure> {
    let show = Show::new(quiet, args.json);
    let out = offboard::out(args);
    let report = if args.rehearse {
        Some(Box::pin(rehearse::rehearse(args, out, show)).await?)
    } else {
        Box::pin(perform(args, out, show)).await?
    };
    let Some(report) = report else { return Ok(Exit::Done) };
    print::summary(&report, || report.text(), args.json)?;
    Ok(report.exit_code)
}

/// The whole offboarding with this outcome; no report of a dry run.
async fn perform(
    args: &OffboardArgs,
    out: PathBuf,
    show: Show,
) -> Result<Option<OffboardingReport>, Failure> {
    let is_terminal = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    let confirmation = offboard::confirmation(args, is_terminal)?;
    if let Some(key) = &args.sign_key {
        // A key that cannot be read is reported before anything is changed.
        evidence::read_key(key)?;
    }
    let asked = names(&args.users.user, args.users.users_from.as_deref())?;
    refuse_existing_bundle(args)?;
    let files = RunFiles::new(out);
    let lock_files = RunFiles::new(files.steps());
    let _lock = lock_files.lock_within(LOCK_TIMEOUT).await?;
    residual::refuse_other_file(&files.residual())?;
    let place = (&args.instance.instance_id, &args.instance.region);
    let hidden = show.is_hidden();
    let connection = Connection::open(&args.requests, place.0, place.1, hidden).await?;
    let clock: Arc<dyn WallClock> = Arc::new(SystemClock);
    let offboarding = Offboarding { args, files, connection, clock, show };
    let prior = if args.dry_run { None } else { StepLog::open(&offboarding.files.steps())? };
    let mut log = match prior {
        Some(log) => {
            offboarding.refuse_other_job(&log, &asked)?;
            offboarding.show.line(&resumed(&log))?;
            let users = log.begun().users.len();
            confirm::confirm_number(&confirmation, users, "users", String::new()).await?;
            log
        }
        None => match Box::pin(offboarding.begin(asked, &confirmation)).await? {
            Some(log) => log,
            None => return Ok(None),
        },
    };
    let done = Box::pin(offboarding.carry_out(&mut log)).await;
    let exit = done.as_ref().map_or_else(|failure| failure.exit, |done| done.exit_code);
    log.record_end(exit.code(), utc_seconds(offboarding.clock.now()))?;
    if done.is_err() {
        let states: Vec<String> = log.results().map(result_text).collect();
        offboarding.show.line(&format!("Stopped. The steps so far:\n  {}", states.join("\n  ")))?;
    }
    done.map(Some)
}

/// A bundle is never overwritten; that is said before anything is changed, also when an offboarding
/// is resumed that was killed after its bundle was written.
fn refuse_existing_bundle(args: &OffboardArgs) -> Result<(), Failure> {
    let Some(bundle) = args.evidence.as_ref().filter(|bundle| !args.dry_run && bundle.exists())
    else {
        return Ok(());
    };
    let name = shown(&bundle.to_string_lossy());
    let message = format!(
        "--evidence {name}: the file exists, and a bundle is never overwritten; pass another name"
    );
    Err(Failure::new(Exit::Usage, message))
}

fn resumed(log: &StepLog) -> String {
    let begun = log.begun();
    let done = log.results().filter(|result| result.state.holds()).count();
    format!(
        "Continues the offboarding of {} that began at {}: {done} of {} steps besides the \
         revocations are done",
        begun.asked.join(", "),
        begun.at,
        begun.steps.len()
    )
}

fn asked_text(name: &UserName) -> String {
    match name {
        UserName::Id(id) => format!("id:{id}"),
        UserName::Login(login) => login.clone(),
    }
}

impl Offboarding<'_> {
    /// A resume does what was confirmed: other users, another instance or other steps are another
    /// offboarding.
    fn refuse_other_job(&self, log: &StepLog, asked: &[UserName]) -> Result<(), Failure> {
        let begun = log.begun();
        let has = |kind| begun.steps.iter().any(|step| step.kind == kind);
        let args = self.args;
        let different = if begun.asked != asked.iter().map(asked_text).collect::<Vec<_>>() {
            Some(format!("the users are not those of that offboarding, {}", begun.asked.join(", ")))
        } else if (&begun.instance_id, &begun.region)
            != (&args.instance.instance_id, &args.instance.region)
        {
            Some(format!("it is on {} in {}", begun.instance_id, begun.region))
        } else if begun.endpoint != self.endpoint() {
            Some("it has another endpoint".to_owned())
        } else if [
            (args.lock, StepKind::Lock),
            (args.leave_groups, StepKind::LeaveGroup),
            (args.delete_keys, StepKind::DeleteKey),
        ]
        .into_iter()
        .any(|(is_asked, kind)| has(kind) && !is_asked)
        {
            Some("it has steps that this command does not ask for".to_owned())
        } else {
            None
        };
        different.map_or(Ok(()), |why| {
            let name = self.files.steps();
            let name = name.display();
            let message = format!("{name} is of an earlier offboarding: {why}; pass another --out");
            Err(Failure::new(Exit::Usage, message))
        })
    }

    fn endpoint(&self) -> Option<String> {
        self.args.requests.endpoint.as_ref().map(ToString::to_string)
    }

    async fn survey(&self, ids: Vec<String>) -> Result<Survey, Failure> {
        let Connection { reader, progress, .. } = &self.connection;
        let on_step = |step| progress.on_step(step);
        let survey = access::survey(reader, ids, Scope::Whole, &on_step).await?;
        progress.clear();
        Ok(survey)
    }

    /// Carries the steps out that are not done, and reads back.
    async fn carry_out(&self, log: &mut StepLog) -> Result<OffboardingReport, Failure> {
        let Connection { session, reader, progress, .. } = &self.connection;
        let args = self.args;
        let requests = RequestSettings::settle(&args.requests, 0);
        let client = session
            .client([args.instance.region.as_str()])
            .map_err(|message| Failure::new(Exit::Configuration, message))?;
        let caller: Arc<Caller<HttpTransport>> =
            Arc::new(Caller::new(client, requests.engine.rate_per_s, requests.engine.concurrency));
        let writer = Writer::new(caller, &args.instance.instance_id, &args.instance.region);
        self.send(StepKind::Lock, log, &writer).await?;
        crate::failpoint::hit("users-locked");
        self.record_routes(log).await?;
        self.send(StepKind::LeaveGroup, log, &writer).await?;
        crate::failpoint::hit("groups-left");
        let revoked = if log.begun().rows > 0 { Some(self.revoke(log).await?) } else { None };
        if let Some(exit) = revoked.filter(|exit| !matches!(exit, Exit::Done | Exit::Otherwise)) {
            let message = "the revocations stopped, so no public key was deleted and nothing was \
                           read back; run the same command again to continue";
            return Err(Failure::new(exit, message));
        }
        self.send(StepKind::DeleteKey, log, &writer).await?;
        crate::failpoint::hit("keys-deleted");
        let verification = self.read_back(log, revoked.is_some()).await?;
        let users = &log.begun().users;
        let locked = locked(reader, users, args.settle).await?;
        progress.clear();
        let mut report = self.report(log, locked, revoked, verification);
        if let Some(bundle) = &args.evidence {
            report.evidence = self.prove(bundle, log, &mut report).await?;
        }
        Ok(report)
    }

    /// Sends the steps of a kind that are still to be done.
    async fn send<T: Transport>(
        &self,
        kind: StepKind,
        log: &mut StepLog,
        writer: &Writer<T>,
    ) -> Result<(), Failure> {
        let steps = log.open_steps(kind);
        if !steps.is_empty() {
            self.show.line(&sending(kind, steps.len()))?;
        }
        Ok(send_steps(kind, steps, log, writer, &*self.clock).await?)
    }

    /// Records all routes after the locks, before any of them is closed.
    async fn record_routes(&self, log: &mut StepLog) -> Result<(), Failure> {
        if log.snapshot().is_some() {
            return Ok(());
        }
        let survey = self.survey(log.begun().users.clone()).await?;
        let routes = routes(&survey, &[], self.clock.now());
        let not_checked = routes.iter().filter(|route| route.kind == RouteKind::NotChecked).count();
        if not_checked > 0 && !self.args.allow_incomplete_snapshot {
            let message = format!(
                "{} could not be read after the locks, so the snapshot is not complete; allow these \
                 reads, or pass --allow-incomplete-snapshot, and run the same command again",
                things(not_checked, "thing", "things")
            );
            return Err(Failure::new(Exit::Stopped, message));
        }
        let text = access::csv_text(ROUTE_COLUMNS, routes.iter().map(|route| &route.cells));
        save(&self.files.routes(), &text)?;
        let at = utc_seconds(self.clock.now());
        log.record_snapshot(Taken { routes: routes.len(), not_checked, at })?;
        Ok(())
    }

    /// Revokes the direct grants by a run with its own ledger.
    async fn revoke(&self, log: &StepLog) -> Result<Exit, Failure> {
        let path = self.files.revocations();
        let list = std::fs::read(&path).map_err(|error| {
            let name = path.display();
            Failure::new(Exit::File, format!("{name}: cannot read: {error}"))
        })?;
        if sha256(&list) != log.begun().list_sha256 {
            let name = path.display();
            let message = format!("{name} is not the list that was confirmed; restore it");
            return Err(Failure::new(Exit::Refused, message));
        }
        let settings = offboard::revocations(self.args, &path, self.files.out.clone());
        let show = Show { is_step: true, ..Show::new(self.show.is_hidden(), false) };
        Box::pin(driver::drive(&settings, Executor::Engine, show)).await
    }

    /// Reads back the revoked grants and every other route.
    async fn read_back(
        &self,
        log: &StepLog,
        has_outcome: bool,
    ) -> Result<VerificationReport, Failure> {
        let args = self.args;
        let settings = VerifySettings {
            outcomes: if has_outcome { vec![self.files.out.clone()] } else { Vec::new() },
            options: Options::default(),
            residual: Some(self.files.residual()),
            settle: args.settle,
            sample: None,
            keeping: Keeping::Nothing,
            json: self.show.is_hidden(),
            requests: RequestSettings::settle(&args.requests, 0),
        };
        let outcomes = verify::open(&settings)?;
        let mut claims = verify::claims(&outcomes)?;
        let place = (args.instance.instance_id.clone(), args.instance.region.clone());
        let of_place = claims.entry(place).or_default();
        for user in &log.begun().users {
            of_place.entry((GranteeKind::User, user.clone())).or_default();
        }
        let session = &self.connection.session;
        verify::verify_with(&settings, session, outcomes, claims, &self.clock).await
    }

    /// Writes the bundle. The end is recorded before, so that the bundle has it.
    async fn prove(
        &self,
        bundle: &Path,
        log: &mut StepLog,
        report: &mut OffboardingReport,
    ) -> Result<Option<Written>, Failure> {
        log.record_end(report.exit_code.code(), utc_seconds(self.clock.now()))?;
        if report.revocation_exit_code.is_none() {
            let why = "no bundle was written: nothing was revoked, so there is no ledger to prove \
                       it; keep the files below";
            report.open_steps.push(why.to_owned());
            if report.exit_code == Exit::Done {
                report.exit_code = Exit::Otherwise;
            }
            return Ok(None);
        }
        let key = self.args.sign_key.as_deref().map(evidence::read_key).transpose()?;
        let written = evidence::write(&self.files.out, bundle, key.as_ref(), None).await?;
        Ok(Some(written))
    }

    fn report(
        &self,
        log: &StepLog,
        locked: Vec<String>,
        revoked: Option<Exit>,
        verification: VerificationReport,
    ) -> OffboardingReport {
        let begun = log.begun();
        let mut steps: BTreeMap<&'static str, BTreeMap<&'static str, u64>> = BTreeMap::new();
        for result in log.results() {
            let of_kind = steps.entry(kind_name(result.step.kind)).or_default();
            *of_kind.entry(state_name(result.state)).or_default() += 1;
        }
        let open = log.results().filter(|result| is_open(result.state));
        let mut open: Vec<String> = open.map(result_text).collect();
        let to_lock = begun.steps.iter().filter(|step| step.kind == StepKind::Lock);
        let unlocked = to_lock.filter(|step| !locked.contains(&step.user));
        open.extend(
            unlocked.map(|step| format!("user {} is not locked, as read back", shown(&step.user))),
        );
        let exit = match (verification.exit_code, revoked) {
            (Exit::AccessFound, _) => Exit::AccessFound,
            (Exit::Done, None | Some(Exit::Done)) if open.is_empty() => Exit::Done,
            _ => Exit::Otherwise,
        };
        let mut files = vec![self.files.routes(), self.files.residual(), self.files.steps()];
        if revoked.is_some() {
            files.insert(0, self.files.out.clone());
        }
        OffboardingReport {
            exit_code: exit,
            rehearsal: false,
            users: begun.users.clone(),
            locked_before: begun.locked_before.clone(),
            steps,
            open_steps: open,
            locked,
            rows: begun.rows,
            revocation_exit_code: revoked,
            verification: Some(verification),
            files: files.into_iter().map(|path| path.display().to_string()).collect(),
            evidence: None,
        }
    }
}

fn sha256(text: &[u8]) -> String {
    crate::hex::hex(&Sha256::digest(text))
}
