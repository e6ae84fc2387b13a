//! Settings of `run`.

use super::run_settings::{Confirmation, RunSettings, SnapshotPolicy};
use super::{InputSettings, PageSettings, RequestSettings, output_path, usage};
use crate::cli::run::GuardArgs;
use crate::cli::{RequestArgs, RunArgs};
use crate::exit::{Exit, Failure};
use crate::guards::Limits;
use crate::input::Options;
use crate::input_snapshot::InputName;
use crate::ledger::{Approval, JobSpec};
use crate::model::Action;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The default outcome file.
pub(super) const DEFAULT_OUT: &str = "outcome.csv";

/// The default outcome file of a rehearsal.
pub(super) const DEFAULT_REHEARSAL_OUT: &str = "rehearsal.csv";

/// The instance of a rehearsal's rows that name none.
const REHEARSAL_INSTANCE: &str = "bastionhost-rehearsal";

impl RunSettings {
    /// Settings of a command line. `is_terminal`: whether the user can be asked; `seed`: that of
    /// the jitter; `files`: the settings files that were read.
    pub fn settle(
        args: &RunArgs,
        is_terminal: bool,
        seed: u64,
        files: &[String],
    ) -> Result<Self, Failure> {
        if args.plan.is_some() && !args.input.inputs.is_empty() {
            return Err(usage("--plan has a list of its own: omit the list, or omit --plan"));
        }
        let mut input = InputSettings::with_rows(&args.input, &args.rows)?;
        let out = out(args, &input, files)?;
        let page = page(args, &input, &out)?;
        let confirmation = confirmation(args, is_terminal)?;
        let guards = &args.guards;
        check_guards(guards)?;
        if args.rehearse {
            let id = &mut input.options.default_instance_id;
            id.get_or_insert_with(|| REHEARSAL_INSTANCE.to_owned());
        }
        let requests = requests(&args.requests, guards, args.deadline, seed);
        let is_sent = !args.rehearse && !args.report_only;
        Ok(Self {
            skip_invalid: args.rows.skip_invalid,
            excel: args.excel,
            restart: args.restart,
            report_only: args.report_only,
            rehearse: args.rehearse,
            confirmation,
            snapshot: snapshot(args)?,
            page,
            on_finish: args.on_finish.clone(),
            json: args.json,
            saved_plan: args.plan.clone(),
            approval: args.approve.is_some().then_some(Approval::Fingerprint),
            verify: (args.verify && is_sent).then_some(args.settle),
            ..Self::new(Action::Detach, input, out, requests).guarded(guards)
        })
    }

    /// Settings of a job that its ledger describes, for an outcome file: the list is read from the
    /// job's own copy. Only the outcome is written, and nothing is sent from here.
    pub fn of_job(job: &JobSpec, out: PathBuf, requests: RequestSettings) -> Result<Self, Failure> {
        let input =
            InputSettings { inputs: Vec::new(), options: Options::default(), strict: false };
        let mut settings = Self {
            excel: job.options.excel,
            report_only: true,
            approval: job.approval.clone(),
            ..Self::new(job.action, input, out, requests)
        };
        settings.set_plan(job)?;
        Ok(settings)
    }

    /// Replaces everything that shapes the plan by what a job records of it.
    pub fn set_plan(&mut self, job: &JobSpec) -> Result<(), Failure> {
        let invalid =
            |what: &dyn std::fmt::Display| Failure::new(Exit::File, format!("the job: {what}"));
        let options = &job.options;
        let map = options.map.iter().map(|(field, column)| {
            let field = field.parse().map_err(|e: crate::input::UnknownField| invalid(&e))?;
            Ok((field, column.clone()))
        });
        let encoding = options.encoding.as_deref().map(str::parse).transpose();
        let endpoint = job.identity.endpoint.as_deref().map(reqwest::Url::parse).transpose();
        self.requests.endpoint = endpoint.map_err(|e| invalid(&e))?;
        self.input.inputs =
            job.inputs.iter().map(|input| InputName::new(input.name.as_ref())).collect();
        self.input.options = Options {
            default_instance_id: options.instance_id.clone(),
            default_region: options.region.clone(),
            map: map.collect::<Result<_, Failure>>()?,
            encoding: encoding.map_err(|e| invalid(&e))?,
            names: (!options.names.is_empty()).then(|| std::sync::Arc::new(options.names.clone())),
            only: job.identity.only.clone(),
        };
        self.skip_invalid = options.skip_invalid;
        self.protect = options.protect.as_ref().map(PathBuf::from);
        self.protect_content = options.protect_content().map_err(|e| invalid(&e))?;
        self.skip_protected = options.skip_protected;
        let guards = &options.guards;
        self.limits = Limits {
            max_revocations: guards.max_revocations,
            max_users: guards.max_users,
            max_whole_targets: guards.max_whole_targets,
            expect_rows: guards.expect_rows,
        };
        self.requests.engine.canary = guards.canary;
        let fail_over = guards.fail_over.as_deref().map(str::parse).transpose();
        self.requests.engine.fail_over = fail_over.map_err(|e| invalid(&e))?;
        Ok(())
    }
}

/// Refuses guards that guard nothing.
pub(super) fn check_guards(guards: &GuardArgs) -> Result<(), Failure> {
    if guards.skip_protected && guards.protect.is_none() {
        return Err(usage("--skip-protected needs --protect FILE, the file of protected rows"));
    }
    Ok(())
}

/// The outcome file, which must not be any file that the run reads or that another run needs.
fn out(args: &RunArgs, input: &InputSettings, files: &[String]) -> Result<PathBuf, Failure> {
    let out = outcome_file(args.out.as_ref(), args.rehearse, DEFAULT_OUT, input)?;
    if let Some(plan) = &args.plan {
        output_path::refuse_same_file("--out", &out, plan, "--plan")?;
    }
    refuse_read_files(&out, &args.guards, &args.requests, files)?;
    Ok(out)
}

/// The outcome file as it was given, or the default; not an input, nor a file of another run.
pub(super) fn outcome_file(
    given: Option<&PathBuf>,
    rehearse: bool,
    default: &str,
    input: &InputSettings,
) -> Result<PathBuf, Failure> {
    let default = if rehearse { DEFAULT_REHEARSAL_OUT } else { default };
    let out = given.cloned().unwrap_or_else(|| default.into());
    if out.file_name().is_none() {
        return Err(usage(format!("--out {}: not a file name", out.display())));
    }
    input.refuse_over_input("--out", &out)?;
    output_path::refuse_run_file("--out", &out)?;
    Ok(out)
}

/// Refuses an outcome that is also a file of settings, certificates or protected rows.
pub(super) fn refuse_read_files(
    out: &Path,
    guards: &GuardArgs,
    requests: &RequestArgs,
    files: &[String],
) -> Result<(), Failure> {
    let read = [("--protect", &guards.protect), ("--ca-file", &requests.ca_file)];
    let read = read.into_iter().filter_map(|(what, path)| Some((what, path.as_deref()?)));
    let mut settings = files.iter().map(|file| ("the settings", Path::new(file)));
    read.chain(&mut settings)
        .try_for_each(|(what, path)| output_path::refuse_same_file("--out", out, path, what))
}

/// How requests are sent, with the guards that stop the sending.
pub(super) fn requests(
    args: &RequestArgs,
    guards: &GuardArgs,
    deadline: Option<Duration>,
    seed: u64,
) -> RequestSettings {
    let mut requests = RequestSettings::settle(args, seed);
    requests.engine.deadline = deadline;
    requests.engine.canary = guards.canary.map(|requests| requests as usize);
    requests.engine.fail_over = guards.fail_over;
    requests
}

fn snapshot(args: &RunArgs) -> Result<Option<SnapshotPolicy>, Failure> {
    match (args.snapshot, args.allow_incomplete_snapshot) {
        (false, false) => Ok(None),
        (false, true) => Err(usage("--allow-incomplete-snapshot needs --snapshot")),
        (true, false) => Ok(Some(SnapshotPolicy::Complete)),
        (true, true) => Ok(Some(SnapshotPolicy::MayBeIncomplete)),
    }
}

/// The report, which must not be the outcome nor an input.
fn page(
    args: &RunArgs,
    input: &InputSettings,
    out: &Path,
) -> Result<Option<PageSettings>, Failure> {
    let Some(path) = &args.html else { return Ok(None) };
    input.refuse_over_input("--html", path)?;
    PageSettings::settle(path, out, args.language.lang).map(Some)
}

fn confirmation(args: &RunArgs, is_terminal: bool) -> Result<Confirmation, Failure> {
    let sends = !args.rehearse && !args.report_only;
    let is_approved = args.approve.is_some() || args.approval.is_some();
    if args.plan.is_some() && sends && !is_approved {
        return Err(usage(
            "--plan needs --approve FINGERPRINT: the fingerprint of the plan, from the person who \
             approved it; or --approval FILE, the person's signature; --rehearse needs none",
        ));
    }
    if args.approval.is_some() && (args.plan.is_none() || args.approvers.is_none()) {
        return Err(usage(
            "--approval needs --plan FILE, the plan that was signed, and --approvers FILE, the \
             public keys of the people who may approve",
        ));
    }
    if let Some(fingerprint) = args.approve.as_ref().filter(|_| sends) {
        return Ok(Confirmation::Approved(fingerprint.clone()));
    }
    if args.approval.is_some() && sends {
        // The fingerprint of the signed plan takes its place.
        return Ok(Confirmation::Ask);
    }
    let asked = Asked {
        is_free: args.rehearse || args.report_only,
        confirm: args.confirm,
        yes: args.yes,
        remedy: "--confirm N with the number of revocations that `plan` shows",
    };
    asked.settle(is_terminal)
}

/// What the command line says about the confirmation.
pub(super) struct Asked {
    /// Whether nothing is sent that needs one.
    pub(super) is_free: bool,
    pub(super) confirm: Option<usize>,
    pub(super) yes: bool,
    /// The option for a script that knows the number, and where the number is shown.
    pub(super) remedy: &'static str,
}

impl Asked {
    pub(super) fn settle(&self, is_terminal: bool) -> Result<Confirmation, Failure> {
        match (self.is_free, self.confirm) {
            (true, _) => Ok(Confirmation::Yes),
            // The stricter of the two, in case a variable sets `yes`.
            (false, Some(number)) => Ok(Confirmation::Exactly(number)),
            (false, None) if self.yes => Ok(Confirmation::Yes),
            (false, None) if is_terminal => Ok(Confirmation::Ask),
            (false, None) => {
                let remedy = self.remedy;
                Err(usage(format!("there is no terminal to confirm at: pass --yes, or {remedy}")))
            }
        }
    }
}
