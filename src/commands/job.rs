//! A job: the list as copied, read and planned, with its identity.

use super::job_spec::{protect_content, spec_of};
use super::list::{self, InputPolicy};
use super::names;
use super::saved_plan::{self, SavedPlan};
use crate::config::RunSettings;
use crate::engine::rate_controller::seconds_at_least;
use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use crate::first_pass::Findings;
use crate::guards::{self, Protection};
use crate::input::{InputError, Options, Reader, Resolutions};
use crate::input_snapshot::{InputSnapshot, InputSnapshotError};
use crate::ledger::{Fingerprint, JobSize, JobSpec, RestoredJob, SnapshotInfo};
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
    /// Why a run of this list is refused.
    pub refusals: Vec<Failure>,
    /// The table of what a restore does not grant, to be written with the files of the run.
    pub(super) left_out_table: Option<Vec<u8>>,
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
    /// or if the list no longer exists: a resume does not depend on the list. A saved plan must be
    /// planned again in exactly the same way.
    pub async fn read(settings: &RunSettings, files: &RunFiles) -> Result<Self, Failure> {
        let saved = match &settings.saved_plan {
            Some(path) if !settings.report_only => Some(SavedPlan::open(path)?),
            _ => None,
        };
        let (mut saved, snapshot) = match saved {
            Some(mut saved) => {
                let list = saved.list(files)?;
                (Some(saved), list)
            }
            None => (None, snapshot(settings, files)?),
        };
        let options = names::look_up(&snapshot, settings, files).await?;
        let mut job = Self::of_list(snapshot, options, settings)?;
        if let Some(refusal) = job.refusals.drain(..).next() {
            return Err(refusal);
        }
        if let Some(saved) = &mut saved {
            job.check_saved(saved)?;
        }
        Ok(job)
    }

    /// Reads and plans a list whose names were looked up.
    pub fn of_list(
        snapshot: InputSnapshot,
        options: Options,
        settings: &RunSettings,
    ) -> Result<Self, Failure> {
        let has_digests = !settings.rehearse || settings.saved_plan.is_some();
        let input_digest = has_digests.then(|| BackgroundTask::spawn(snapshot.sha256()));
        let options = Arc::new(options);
        let protect = protect_content(settings)?;
        let protection = match &protect {
            Some((name, content)) => list::protection(name, content)?,
            None => Protection::default(),
        };
        let policy =
            InputPolicy { skip_invalid: settings.skip_invalid, strict: settings.input.strict };
        let read = list::read(snapshot.sources(), &options, &protection, policy)?;
        if !settings.skip_protected {
            guards::refuse_protected(&read.findings.protected)
                .map_err(|reason| refused_by_guard(&reason))?;
        }
        let mut refusals = refusals_of_list(&read.findings, settings);
        let Findings { columns, protected, carried, carried_not_revoked, .. } = read.findings;
        let plan = Arc::new(Plan::new(read.grants.with_action(settings.action)));
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
            refusals.push(refused_by_guard(&exceeded.join("\n")));
        }
        let spec = JobSpec {
            action: plan.action(),
            size: JobSize {
                requests: plan.requests(),
                grants: plan.grants(),
                rows: plan.rows().len(),
            },
            inputs: snapshot.segments().to_vec(),
            ..spec_of(settings, &options, protect.as_ref().map(|(_, content)| content.as_slice()))
        };
        Ok(Self {
            plan,
            numbers,
            left_out,
            snapshot,
            options,
            columns,
            carried_not_revoked,
            spec: PendingSpec { spec, digests },
            excel: settings.excel,
            refusals,
            left_out_table: None,
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
            let fingerprint = spec.compute_fingerprint();
            spec.fingerprint =
                Some(fingerprint.map_err(|e| Failure::new(Exit::Internal, e.to_string()))?);
        }
        Ok(spec)
    }

    /// Records the job whose revocations this one undoes.
    pub fn set_restores(&mut self, restored: RestoredJob) {
        self.spec.spec.restores = Some(restored);
    }

    /// What this job does not grant of the job that it undoes.
    pub fn not_restored(&self) -> Option<u64> {
        self.spec.spec.restores.as_ref().map(|restored| restored.left_out as u64)
    }

    /// Records that a snapshot was taken.
    pub fn set_snapshot(&mut self, snapshot: SnapshotInfo) {
        self.spec.spec.snapshot = Some(snapshot);
    }

    /// Refuses a plan that is not exactly the saved one.
    pub fn check_saved(&mut self, saved: &mut SavedPlan) -> Result<(), Failure> {
        let plan = Arc::clone(&self.plan);
        saved.check(&plan, self.spec()?)
    }

    /// Saves the plan in an archive.
    pub fn save(&mut self, path: &Path) -> Result<(), Failure> {
        let spec = self.spec()?.clone();
        saved_plan::save(spec, &self.plan, &self.snapshot, path)
    }

    /// The fingerprint of the plan; none for a rehearsal of a list.
    pub fn fingerprint(&mut self) -> Result<Option<Fingerprint>, Failure> {
        Ok(self.spec()?.fingerprint.clone())
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

/// What keeps a valid list from being run, as far as no guard is concerned.
fn refusals_of_list(findings: &Findings, settings: &RunSettings) -> Vec<Failure> {
    let mut refusals = Vec::new();
    if findings.is_rehearsed && !settings.rehearse {
        refusals.push(Failure::new(
            Exit::Usage,
            "the input is the outcome of a rehearsal, in which nothing was revoked: use the \
             outcome of a run, or omit --only to revoke all rows",
        ));
    }
    if findings.lacks_instance {
        refusals.push(Failure::new(
            Exit::Usage,
            "no instance ID: pass --instance-id or add a column instance_id",
        ));
    }
    refusals
}

fn refused_by_guard(reasons: &str) -> Failure {
    Failure::new(Exit::Refused, format!("{reasons}\nnothing was sent"))
}
