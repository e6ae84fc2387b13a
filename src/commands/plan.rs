//! `plan`: what a run would do, without any network; with `--online`, names are looked up.

use super::job::Job;
use super::plan_diff::PlanDiff;
use super::saved_plan::SavedPlan;
use super::{execution, names};
use crate::cli::PlanArgs;
use crate::config::{PlanSettings, RequestSettings, RunSettings};
use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use crate::input::Options;
use crate::input_snapshot::InputSnapshot;
use crate::ledger::Fingerprint;
use crate::plan::Plan;
use crate::plan::summary::Summary;
use crate::report::{self, print};
use crate::resolve;
use serde::Serialize;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Plans the list and prints the plan, or opens a saved plan and prints that.
pub async fn plan(args: &PlanArgs) -> Result<Exit, Failure> {
    if let Some(path) = &args.open {
        return open(path, args);
    }
    let settings = PlanSettings::settle(args)?;
    let inputs = &settings.run.input.inputs;
    let snapshot = match &settings.save {
        Some(path) => InputSnapshot::copy(inputs, &RunFiles::new(path.clone()))?,
        None => InputSnapshot::in_place(inputs, &temporary_files())?,
    };
    let options = options(&snapshot, &settings).await?;
    let mut job = Job::of_list(snapshot, options, &settings.run)?;
    let is_runnable = job.refusals.iter().all(|refusal| refusal.exit != Exit::Usage);
    // A list without an instance can be planned; saving and comparing is for what can be run.
    let must_be_runnable = settings.save.is_some() || settings.diff.is_some();
    job.refusals.retain(|refusal| must_be_runnable || refusal.exit != Exit::Usage);
    if must_be_runnable && !is_runnable {
        return Err(job.refusals.remove(0));
    }
    if let Some(path) = &settings.diff {
        return diff(&mut job, path, &settings);
    }
    let fingerprint = if is_runnable { job.fingerprint()? } else { None };
    show(&job, fingerprint.as_ref(), args, &settings.run)?;
    if let Some(refusal) = job.refusals.drain(..).next() {
        return Err(refusal);
    }
    if let Some(path) = &settings.save {
        job.save(path)?;
        if !settings.json {
            print::line(&report::plan::saved(&path.to_string_lossy(), fingerprint.as_ref()))?;
        }
    }
    Ok(Exit::Done)
}

fn temporary_files() -> RunFiles {
    RunFiles::new(std::env::temp_dir().join("bastion-revoke"))
}

/// The options of the list; with the ids of its names if they are to be looked up.
async fn options(snapshot: &InputSnapshot, settings: &PlanSettings) -> Result<Options, Failure> {
    let options = &settings.run.input.options;
    let sources = snapshot.sources();
    if !resolve::has_names(&sources, options) {
        return Ok(options.clone());
    }
    if !settings.online {
        return Err(Failure::new(
            Exit::Usage,
            "the list has names, which a plan without the network cannot look up: pass --online, \
             or write ids",
        ));
    }
    names::resolve_online(&sources, options, &settings.run.requests).await
}

/// Checks a saved plan, plans its list again, and prints it.
fn open(path: &Path, args: &PlanArgs) -> Result<Exit, Failure> {
    let mut saved = SavedPlan::open(path)?;
    let requests = RequestSettings::settle(&args.lookups, 0);
    let settings = RunSettings::of_job(&saved.document.job, path.to_owned(), requests)?;
    let snapshot = saved.list(&temporary_files())?;
    let mut job = Job::of_list(snapshot, settings.input.options.clone(), &settings)?;
    job.check_saved(&mut saved)?;
    let fingerprint = job.fingerprint()?;
    show(&job, fingerprint.as_ref(), args, &settings)?;
    if !args.json {
        let document = &saved.document;
        let path = path.to_string_lossy();
        print::text(&report::plan::opened(&path, &document.saved_at, &document.job))?;
    }
    match job.refusals.drain(..).next() {
        Some(refusal) => Err(refusal),
        None => Ok(Exit::Done),
    }
}

/// Prints the plan, and writes its requests.
fn show(
    job: &Job,
    fingerprint: Option<&Fingerprint>,
    args: &PlanArgs,
    settings: &RunSettings,
) -> Result<(), Failure> {
    if let Some(path) = &args.requests {
        write_requests(&job.plan, path)?;
    }
    if args.json {
        print::json(&PlanJson { numbers: &job.numbers, fingerprint })?;
    } else if args.requests.as_deref() != Some(Path::new("-")) {
        execution::print_plan(job, fingerprint, settings)?;
    }
    Ok(())
}

/// What `plan --json` prints. Members are only ever added.
#[derive(Serialize)]
struct PlanJson<'a> {
    #[serde(flatten)]
    numbers: &'a Summary,
    /// `null` for a list that cannot be run without further settings.
    fingerprint: Option<&'a Fingerprint>,
}

/// Compares a plan with a saved one, and prints what changed.
fn diff(job: &mut Job, path: &Path, settings: &PlanSettings) -> Result<Exit, Failure> {
    let mut saved = SavedPlan::open(path)?;
    let requests = settings.run.requests.clone();
    let then = RunSettings::of_job(&saved.document.job, path.to_owned(), requests)?;
    let snapshot = saved.list(&temporary_files())?;
    let mut planned = Job::of_list(snapshot, then.input.options.clone(), &then)?;
    planned.check_saved(&mut saved)?;
    let diff = PlanDiff::between(&mut planned, job)?;
    print::summary(&diff, || diff.text(), settings.json)?;
    Ok(if diff.is_empty() { Exit::Done } else { Exit::Otherwise })
}

/// Writes each request as a line of JSON.
fn write_requests(plan: &Plan, path: &Path) -> Result<(), Failure> {
    let failure = |error: io::Error| {
        Failure::new(Exit::File, format!("{}: cannot write: {error}", path.display()))
    };
    if path == Path::new("-") {
        return plan.write_requests(&mut print::standard_output()).or_else(print::unless_closed);
    }
    let mut file = BufWriter::new(File::create(path).map_err(failure)?);
    plan.write_requests(&mut file).and_then(|()| file.flush()).map_err(failure)
}
