//! Settings, settled once: from the command line, variables and files ([`layers`]), each with
//! where it was set, to values that need no further checking.

mod file;
pub mod layers;
mod quote;
pub mod table;
mod value;

use crate::api::sign::Scheme;
use crate::cli::{InputArgs, PlanArgs, RunArgs, SignatureName};
use crate::exit::{Exit, Failure};
use crate::input::Options;
use crate::input_snapshot::InputName;
use crate::model::Status;
use reqwest::Url;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where the outcome goes if nobody says.
const DEFAULT_OUT: &str = "outcome.csv";

/// The instance that rows of a rehearsal belong to when they name none.
const REHEARSAL_INSTANCE: &str = "bastionhost-rehearsal";

/// What is read, and how.
#[derive(Debug, Clone)]
pub struct InputSettings {
    /// The inputs, in order; standard input at most once.
    pub inputs: Vec<InputName>,
    /// How they are read.
    pub options: Options,
    /// Whether warnings are errors.
    pub strict: bool,
}

/// `plan`, settled.
#[derive(Debug, Clone)]
pub struct PlanSettings {
    /// What is read.
    pub input: InputSettings,
    /// Whether invalid rows are left out.
    pub skip_invalid: bool,
    /// Requests a second and operation.
    pub rate_per_s: f64,
    /// Where the requests are written to.
    pub requests: Option<PathBuf>,
    /// Whether to print JSON.
    pub json: bool,
}

/// What has to be said before anything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Confirmation {
    /// Ask at the terminal.
    Ask,
    /// Go ahead.
    Yes,
    /// Go ahead if so many revocations are planned.
    Exactly(usize),
}

/// `run`, settled.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct RunSettings {
    /// What is read.
    pub input: InputSettings,
    /// Whether invalid rows get a verdict instead of stopping the run.
    pub skip_invalid: bool,
    /// Whether the outcome is written for spreadsheets.
    pub excel: bool,
    /// The outcome file.
    pub out: PathBuf,
    /// Whether to begin anew, with what was done before set aside.
    pub restart: bool,
    /// Whether only to write the outcome from the files.
    pub report_only: bool,
    /// Whether it is only a rehearsal.
    pub rehearse: bool,
    /// Limits on the plan.
    pub limits: crate::guards::Limits,
    /// The file of what must not be revoked.
    pub protect: Option<PathBuf>,
    /// Whether protected rows get a verdict instead of stopping the run.
    pub skip_protected: bool,
    /// What has to be said first.
    pub confirmation: Confirmation,
    /// Where requests go, instead of the endpoint of each region.
    pub endpoint: Option<Url>,
    /// How the engine works.
    pub engine: crate::engine::Settings,
    /// How requests are signed.
    pub signature: Scheme,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// The profile whose keys are used.
    pub profile: Option<String>,
    /// Whether to print the summary as JSON.
    pub json: bool,
}

fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, message)
}

impl InputSettings {
    /// Settles the list's part of a command line.
    pub fn settle(args: &InputArgs) -> Result<Self, Failure> {
        let inputs: Vec<InputName> = args.inputs.iter().map(|path| InputName::new(path)).collect();
        if inputs.iter().filter(|input| **input == InputName::Stdin).count() > 1 {
            return Err(usage("standard input (-) can be read only once"));
        }
        Ok(Self {
            inputs,
            options: Options {
                default_instance_id: args.instance_id.clone(),
                default_region: args.region.clone(),
                map: args.map.clone(),
                encoding: args.encoding,
                only: None,
            },
            strict: args.strict,
        })
    }
}

impl InputSettings {
    /// Refuses a file that is to be written where an input is read from.
    fn refuse_over_input(&self, option: &str, file: &Path) -> Result<(), Failure> {
        let is_read_from = |input: &InputName| match input {
            InputName::File(path) => is_same_file(path, file),
            // A shell may have opened it for us. Devices are no files that could be lost.
            InputName::Stdin => file.is_file() && is_same_file(Path::new("/dev/stdin"), file),
        };
        if self.inputs.iter().any(is_read_from) {
            return Err(own_name_wanted(option, file, "is also an input"));
        }
        Ok(())
    }

    /// Settles `--only`.
    fn choose(&mut self, only: &[Status]) -> Result<(), Failure> {
        if only.is_empty() {
            return Ok(());
        }
        if self.inputs.len() > 1 {
            return Err(usage(
                "--only takes one outcome: the rows that its duplicates name are counted in it",
            ));
        }
        let mut statuses = only.to_vec();
        statuses.sort_unstable();
        statuses.dedup();
        self.options.only = Some(statuses);
        Ok(())
    }
}

impl PlanSettings {
    /// Settles a command line.
    pub fn settle(args: &PlanArgs) -> Result<Self, Failure> {
        if args.json && args.requests.as_deref() == Some(Path::new("-")) {
            return Err(usage("--json and --requests - both want standard output; name a file"));
        }
        let mut input = InputSettings::settle(&args.input)?;
        input.choose(&args.only)?;
        if let Some(requests) = &args.requests {
            input.refuse_over_input("--requests", requests)?;
        }
        Ok(Self {
            input,
            skip_invalid: args.skip_invalid,
            rate_per_s: args.rate,
            requests: args.requests.clone(),
            json: args.json,
        })
    }
}

impl RunSettings {
    /// Settles a command line. `is_terminal` tells whether somebody can be asked; `seed` is where
    /// the jitter of waits comes from; `files` are those that settings were read from.
    pub fn settle(
        args: &RunArgs,
        is_terminal: bool,
        seed: u64,
        files: &[String],
    ) -> Result<Self, Failure> {
        let mut input = InputSettings::settle(&args.input)?;
        input.choose(&args.only)?;
        let default_out = if args.rehearse { "rehearsal.csv" } else { DEFAULT_OUT };
        let out = args.out.clone().unwrap_or_else(|| default_out.into());
        if out.file_name().is_none() {
            return Err(usage(format!("--out {}: that is not a file name", out.display())));
        }
        input.refuse_over_input("--out", &out)?;
        refuse_name_of_run_file(&out)?;
        let read = [("--protect", &args.protect), ("--ca-file", &args.ca_file)];
        let read = read.into_iter().filter_map(|(what, path)| Some((what, path.as_deref()?)));
        let settings = files.iter().map(|file| ("the settings", Path::new(file)));
        for (what, path) in read.chain(settings) {
            if is_same_file(path, &out) {
                return Err(own_name_wanted("--out", &out, &format!("is also the file of {what}")));
            }
        }
        if args.skip_protected && args.protect.is_none() {
            return Err(usage(
                "skip-protected is set, and protect is not: name the file of what is protected \
                 with --protect FILE",
            ));
        }
        let confirmation = match (args.rehearse || args.report_only, args.confirm) {
            (true, _) => Confirmation::Yes,
            // The stricter of the two, should a variable say `yes`.
            (false, Some(revocations)) => Confirmation::Exactly(revocations),
            (false, None) if args.yes => Confirmation::Yes,
            (false, None) if is_terminal => Confirmation::Ask,
            (false, None) => {
                return Err(usage(
                    "without a terminal nobody can confirm: give --yes, or --confirm N with the \
                     number of revocations that `plan` shows",
                ));
            }
        };
        if args.rehearse {
            let id = &mut input.options.default_instance_id;
            id.get_or_insert_with(|| REHEARSAL_INSTANCE.to_owned());
        }
        Ok(Self {
            input,
            skip_invalid: args.skip_invalid,
            excel: args.excel,
            out,
            restart: args.restart,
            report_only: args.report_only,
            rehearse: args.rehearse,
            limits: crate::guards::Limits {
                max_revocations: args.max_revocations,
                max_users: args.max_users,
                max_whole_targets: args.max_whole_targets,
                expect_rows: args.expect_rows,
            },
            protect: args.protect.clone(),
            skip_protected: args.skip_protected,
            confirmation,
            endpoint: args.endpoint.clone(),
            engine: crate::engine::Settings {
                rate_per_s: args.rate,
                concurrency: args.concurrency as usize,
                max_attempts: args.max_attempts,
                deadline: args.deadline,
                canary: args.canary.map(|requests| requests as usize),
                fail_over: args.fail_over,
                seed,
            },
            signature: match args.signature {
                SignatureName::V1 => Scheme::V1,
                SignatureName::Acs3 => Scheme::Acs3,
            },
            timeout: args.timeout,
            ca_file: args.ca_file.clone(),
            profile: args.credential_profile.clone(),
            json: args.json,
        })
    }
}

/// Endings of the files that a run keeps beside its outcome.
const OF_A_RUN: [&str; 3] = [".input", ".ledger", ".lock"];

/// Refuses an outcome that might take the place of what another run needs to go on.
fn refuse_name_of_run_file(out: &Path) -> Result<(), Failure> {
    let name = out.file_name().unwrap_or_default().as_encoded_bytes();
    let taken = OF_A_RUN.into_iter().find(|ending| name.ends_with(ending.as_bytes()));
    taken.map_or(Ok(()), |ending| {
        let why = format!("ends in {ending}, as files that a run keeps beside its outcome do");
        Err(own_name_wanted("--out", out, &why))
    })
}

fn own_name_wanted(option: &str, file: &Path, why: &str) -> Failure {
    let file = crate::input::shown(&file.to_string_lossy());
    usage(format!("{option} {file} {why}; give it a name of its own"))
}

/// Whether two names are of one file: by whatever links, they lead to the same place on the same
/// disk.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| path.metadata().ok().map(|about| (about.dev(), about.ino()));
    one == other || place(one).is_some_and(|one| Some(one) == place(other))
}
