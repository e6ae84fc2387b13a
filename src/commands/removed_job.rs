//! The job that a restore undoes, read from the files beside its outcome.

use super::job::Job;
use crate::access::HeldTarget;
use crate::config::{RequestSettings, RunSettings};
use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use crate::input::{InputError, Options, Problem, Reader, RowContent, Source};
use crate::ledger::{JobSpec, Ledger, RestoredJob};
use crate::model::{Account, Status};
use crate::plan::Plan;
use crate::restore::{LeftOut, OutcomeRow, Removed, Selection, select};
use crate::verdicts::{LedgerState, Verdicts};
use reqwest::Url;
use sha2::{Digest as _, Sha256};
use std::path::Path;
use std::sync::Arc;

/// The column of an outcome that says what reading back has shown, and its value for a grant that a
/// complete list lacks.
const VERIFIED: (&str, &str) = ("verified", "gone");

/// A job that revoked, with its snapshot.
pub struct RemovedJob {
    /// Its plan.
    pub plan: Arc<Plan>,
    verdicts: Verdicts,
    snapshot: Vec<HeldTarget>,
    spec: JobSpec,
    /// How its outcome is read.
    options: Options,
}

impl RemovedJob {
    /// Reads the ledger and the copy of the list beside an outcome.
    pub async fn open(outcome: &Path) -> Result<Self, Failure> {
        let files = RunFiles::new(outcome.to_owned());
        for path in [outcome.to_owned(), files.ledger(), files.input()] {
            if !path.exists() {
                let message = format!(
                    "{}: no such file; a restore needs the outcome of a `run --snapshot` and the \
                     files of that run beside it",
                    path.display()
                );
                return Err(Failure::new(Exit::MissingInput, message));
            }
        }
        if files.is_locked() {
            let message = format!("{}: the run is still in progress", outcome.display());
            return Err(Failure::new(Exit::Held, message));
        }
        let ledger = Ledger::open_read_only(&files.ledger())?;
        let spec = ledger.job()?;
        refuse_without_snapshot(&spec, outcome)?;
        let snapshot = ledger.snapshot()?;
        let mut state = LedgerState::of_action(spec.action, spec.size.grants);
        ledger.attempts(|attempt| state.apply(attempt))?;
        drop(ledger);
        let requests = RequestSettings::of_collect(None);
        let settings = RunSettings::of_job(&spec, outcome.to_owned(), requests)?;
        let mut job = Job::read(&settings, &files).await?;
        let is_same = job.spec()?.identity == spec.identity;
        if !is_same || !state.is_sound() || job.plan.grants() != spec.size.grants {
            return Err(Failure::new(
                Exit::File,
                format!(
                    "{}: the ledger contradicts the copy of the list beside it; nothing was sent",
                    files.ledger().display()
                ),
            ));
        }
        let options = Options {
            encoding: None,
            only: Some(vec![Status::Revoked]),
            names: spec.has_names().then(|| Arc::new(spec.options.names.clone())),
            ..settings.input.options
        };
        Ok(Self { plan: job.plan, verdicts: state.verdicts, snapshot, spec, options })
    }

    /// Refuses to restore at another service than the one that revoked.
    pub fn refuse_other_endpoint(&self, endpoint: Option<&Url>) -> Result<(), Failure> {
        let revoked_at = self.spec.identity.endpoint.as_deref();
        if revoked_at == endpoint.map(Url::as_str) {
            return Ok(());
        }
        let remedy = match revoked_at {
            Some(endpoint) => format!("was sent to {endpoint}: pass --endpoint {endpoint}"),
            None => "was sent to the endpoint of the region: omit --endpoint".to_owned(),
        };
        let message = format!("the run {remedy}; nothing was sent");
        Err(Failure::new(Exit::Refused, message))
    }

    /// What a restore records of this job and its outcome.
    pub fn restored(&self, outcome: &Path) -> Result<RestoredJob, Failure> {
        let bytes = std::fs::read(outcome).map_err(|error| {
            Failure::new(Exit::File, format!("{}: cannot read: {error}", outcome.display()))
        })?;
        Ok(RestoredJob {
            outcome: outcome.to_string_lossy().into_owned(),
            outcome_sha256: crate::hex::hex(&Sha256::digest(&bytes)),
            identity: self.spec.identity.clone(),
            left_out: 0,
        })
    }

    /// What of the outcome's rows is granted again, and what is not.
    pub fn select(&self, outcome: &Path) -> Result<Selection, InputError> {
        let sources = vec![Source::file(outcome.to_owned())];
        let mut reader = Reader::new(sources, Arc::new(self.options.clone()));
        let (mut rows, mut left_out) = (Vec::new(), Vec::new());
        while let Some(row) = reader.next()? {
            let number = row.number;
            let without = |reason| LeftOut {
                row: number,
                key: None,
                account: None,
                reason,
                is_missing: true,
            };
            match row.content {
                RowContent::Grant(grant) => {
                    let account = match grant.account {
                        Account::Whole => Account::Whole,
                        Account::Named(name) => Account::Named(name.to_owned()),
                    };
                    let key = crate::access::TargetKey::of(&grant);
                    let verified = row.named(VERIFIED.0).trim().to_owned();
                    rows.push((OutcomeRow { number, key, account }, verified));
                }
                RowContent::Carried(status) => left_out.push(LeftOut::of_status(number, status)),
                RowContent::Invalid(problems) => {
                    let problems = problems.iter().map(Problem::message);
                    left_out.push(without(problems.collect::<Vec<_>>().join("; ")));
                }
                RowContent::Unresolved(_) => {
                    left_out.push(without("the run did not look its names up".to_owned()));
                }
            }
        }
        let is_verified = reader.columns().iter().any(|column| column == VERIFIED.0);
        let mut usable = Vec::with_capacity(rows.len());
        for (row, verified) in rows {
            if is_verified && verified != VERIFIED.1 {
                let reason = match verified.as_str() {
                    "" => {
                        "not verified: only rows that are verified as gone are restored".to_owned()
                    }
                    other => format!("verified as {other}, not as gone"),
                };
                let OutcomeRow { number, key, account } = row;
                let (key, account) = (Some(key), Some(account));
                let is_missing = true;
                left_out.push(LeftOut { row: number, key, account, reason, is_missing });
            } else {
                usable.push(row);
            }
        }
        let removed = Removed::of(&self.plan, &self.verdicts);
        let mut selection = select(usable, &removed, &self.snapshot);
        selection.left_out.extend(left_out);
        selection.left_out.sort_by_key(|left| left.row);
        Ok(selection)
    }
}

fn refuse_without_snapshot(spec: &JobSpec, outcome: &Path) -> Result<(), Failure> {
    let outcome = outcome.display();
    if !spec.action.is_detach() {
        let message =
            format!("{outcome}: the outcome of a restore; `run` revokes what it has granted");
        return Err(Failure::new(Exit::Usage, message));
    }
    if spec.snapshot.is_none() {
        let message = format!(
            "{outcome}: its run took no snapshot (`run --snapshot`), so nobody knows what was \
             granted before; nothing was sent"
        );
        return Err(Failure::new(Exit::Refused, message));
    }
    Ok(())
}
