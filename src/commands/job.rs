//! A job: the list as copied, read and planned, with its identity.

use super::list::{self, InputPolicy};
use super::names;
use crate::config::RunSettings;
use crate::engine::rate_controller::seconds_at_least;
use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use crate::first_pass::Findings;
use crate::guards;
use crate::input::{InputError, Options, Reader, Resolutions};
use crate::input_snapshot::{InputSnapshot, InputSnapshotError};
use crate::ledger::{JobIdentity, JobOptions, JobSize, JobSpec, SnapshotInfo};
use crate::outcome::{Outcome, Tally};
use crate::pipeline::BackgroundTask;
use crate::plan::Plan;
use crate::plan::summary::{LeftOut, Summary};
use crate::report::summary::Carried;
use crate::verdicts::Verdicts;
use std::io;
use std::path::Path;
use std::sync::Arc;

/// A planned job and the input that it was planned from.
pub struct Job {
    /// The plan.
    pub plan: Arc<Plan>,
    /// The plan in numbers.
    pub numbers: Summary,
    /// Valid rows for which nothing is sent.
    pub left_out: LeftOut,
    pub(super) snapshot: InputSnapshot,
    options: Arc<Options>,
    columns: Vec<String>,
    carried_not_revoked: usize,
    spec: PendingSpec,
    excel: bool,
}

/// The specification of a job, whose digests are computed in the background.
struct PendingSpec {
    spec: JobSpec,
    digests: Option<Digests>,
}

struct Digests {
    input: BackgroundTask<io::Result<String>>,
    plan: BackgroundTask<String>,
}

impl Job {
    /// Copies, reads and plans the list. The copy kept by an earlier run is used if it is the same,
    /// or if the list no longer exists: a resume does not depend on the list.
    pub async fn read(settings: &RunSettings, files: &RunFiles) -> Result<Self, Failure> {
        let snapshot = snapshot(settings, files)?;
        let input_digest = (!settings.rehearse).then(|| BackgroundTask::spawn(snapshot.sha256()));
        let options = Arc::new(names::look_up(&snapshot, settings, files).await?);
        let protection = list::protection(settings.protect.as_deref())?;
        let policy =
            InputPolicy { skip_invalid: settings.skip_invalid, strict: settings.input.strict };
        let read = list::read(snapshot.sources(), &options, &protection, policy)?;
        check_findings(&read.findings, settings)?;
        let Findings { columns, protected, carried, carried_not_revoked, .. } = read.findings;
        let plan = Arc::new(Plan::new(read.grants));
        let digests = input_digest.map(|input| {
            let plan = Arc::clone(&plan);
            Digests { input, plan: BackgroundTask::spawn(move || plan.digest()) }
        });
        let left_out = LeftOut { protected: protected.len(), carried };
        let rate_per_s = settings.requests.engine.rate_per_s;
        let seconds = |requests| seconds_at_least(requests, rate_per_s);
        let numbers = Summary::of(&plan, left_out, seconds);
        let exceeded = settings.limits.exceeded(&plan, &numbers);
        if !exceeded.is_empty() {
            return Err(refused_by_guard(&exceeded.join("\n")));
        }
        let spec = PendingSpec { spec: spec(settings, &options, &snapshot, &plan), digests };
        let excel = settings.excel;
        Ok(Self {
            plan,
            numbers,
            left_out,
            snapshot,
            options,
            columns,
            carried_not_revoked,
            spec,
            excel,
        })
    }

    /// Whether the list has names that were looked up.
    pub fn has_names(&self) -> bool {
        self.options.names.is_some()
    }

    /// The names of the list with their ids.
    pub fn names(&self) -> Option<&Resolutions> {
        self.options.names.as_deref()
    }

    /// The specification, complete with its digests.
    pub fn spec(&mut self) -> Result<&JobSpec, Failure> {
        let PendingSpec { spec, digests } = &mut self.spec;
        if let Some(Digests { input, plan }) = digests.take() {
            spec.identity.input_sha256 = input.wait().map_err(|error| {
                Failure::new(Exit::File, format!("cannot read the copy of the input: {error}"))
            })?;
            spec.identity.plan_sha256 = plan.wait();
        }
        Ok(spec)
    }

    /// Records that a snapshot was taken.
    pub fn set_snapshot(&mut self, snapshot: SnapshotInfo) {
        self.spec.spec.snapshot = Some(snapshot);
    }

    /// Rows that are carried over.
    pub fn carried(&self) -> Carried {
        Carried { rows: self.left_out.carried as u64, not_revoked: self.carried_not_revoked as u64 }
    }

    /// Writes the outcome. Frees the plan first, except for the rows.
    pub fn write_outcome(
        self,
        verdicts: &Verdicts,
        rehearsal: bool,
        out: &Path,
    ) -> Result<Tally, Failure> {
        crate::failpoint::hit("before-outcome");
        let rows = Arc::clone(self.plan.rows());
        drop(self.plan);
        let outcome = Outcome {
            rows: &rows,
            verdicts,
            rehearsal,
            protected: self.left_out.protected > 0,
            is_chosen_from: self.options.only.is_some(),
            excel: self.excel,
            has_names: self.options.names.is_some(),
        };
        let sources = self.snapshot.sources();
        let second_pass = Reader::with_columns(sources, Arc::clone(&self.options), self.columns);
        Ok(outcome.write(second_pass, out)?)
    }
}

/// The copy of the list.
fn snapshot(settings: &RunSettings, files: &RunFiles) -> Result<InputSnapshot, Failure> {
    if settings.report_only {
        return super::job_files::kept_copy(files)?.ok_or_else(|| {
            let ledger = files.ledger();
            let message =
                format!("{}: no such run, so there is nothing to report", ledger.display());
            Failure::new(Exit::MissingInput, message)
        });
    }
    match InputSnapshot::of(&settings.input.inputs, files) {
        Err(InputSnapshotError::Input(InputError::Missing { name })) if !settings.rehearse => {
            match super::job_files::kept_copy(files)? {
                Some(copy) if is_copy_of(&copy, settings) => {
                    tracing::warn!("{name} no longer exists; the copy kept by the run is used");
                    Ok(copy)
                }
                _ => Err(InputError::Missing { name }.into()),
            }
        }
        copied => Ok(copied?),
    }
}

fn is_copy_of(copy: &InputSnapshot, settings: &RunSettings) -> bool {
    let names = settings.input.inputs.iter().map(crate::input_snapshot::InputName::name);
    copy.segments().iter().map(|segment| segment.name.clone()).eq(names)
}

fn check_findings(findings: &Findings, settings: &RunSettings) -> Result<(), Failure> {
    if !settings.skip_protected {
        guards::refuse_protected(&findings.protected)
            .map_err(|reason| refused_by_guard(&reason))?;
    }
    if findings.is_rehearsed && !settings.rehearse {
        return Err(Failure::new(
            Exit::Usage,
            "the input is the outcome of a rehearsal, in which nothing was revoked: use the \
             outcome of a run, or omit --only to revoke all rows",
        ));
    }
    if findings.lacks_instance {
        return Err(Failure::new(
            Exit::Usage,
            "no instance ID: pass --instance-id or add a column instance_id",
        ));
    }
    Ok(())
}

fn refused_by_guard(reasons: &str) -> Failure {
    Failure::new(Exit::Refused, format!("{reasons}\nnothing was sent"))
}

/// The specification without its digests.
fn spec(
    settings: &RunSettings,
    options: &Options,
    snapshot: &InputSnapshot,
    plan: &Plan,
) -> JobSpec {
    let map = options.map.iter().map(|(field, column)| (field.name().to_owned(), column.clone()));
    JobSpec {
        action: plan.action(),
        identity: JobIdentity {
            endpoint: settings.requests.endpoint.as_ref().map(ToString::to_string),
            only: options.only.clone(),
            ..JobIdentity::default()
        },
        options: JobOptions {
            instance_id: options.default_instance_id.clone(),
            region: options.default_region.clone(),
            map: map.collect(),
            encoding: options.encoding.map(|encoding| encoding.to_string()),
            skip_invalid: settings.skip_invalid,
            protect: settings.protect.as_deref().map(absolute),
            skip_protected: settings.skip_protected,
            excel: settings.excel,
            names: options.names.as_deref().cloned().unwrap_or_default(),
        },
        size: JobSize { requests: plan.requests(), grants: plan.grants(), rows: plan.rows().len() },
        inputs: snapshot.segments().to_vec(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        snapshot: None,
        restores: None,
    }
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).to_string_lossy().into_owned()
}
