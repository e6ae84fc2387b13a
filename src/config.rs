//! Settings, settled once: the command line's text becomes values that need no further checking.

use crate::api::endpoint;
use crate::cli::{InputArgs, PlanArgs, RunArgs};
use crate::exit::{Exit, Failure};
use crate::input::{Field, Options};
use crate::spool::InputName;
use reqwest::Url;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The instance that rows of a rehearsal belong to when they name none.
const REHEARSAL_INSTANCE: &str = "bastionhost-rehearsal";

/// What is read, and how.
#[derive(Debug, Clone)]
pub struct InputSettings {
    /// The inputs, in order; standard input at most once.
    pub inputs: Vec<InputName>,
    /// How they are read.
    pub options: Options,
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
        let map = args.map.iter().map(|text| read_map(text)).collect::<Result<_, _>>()?;
        let encoding = args.encoding.as_deref().map(str::parse).transpose();
        let encoding = encoding.map_err(|error| usage(format!("--encoding: {error}")))?;
        let instance = args.instance_id.as_deref().map(|id| plain_id("--instance-id", id));
        Ok(Self {
            inputs,
            options: Options {
                default_instance_id: instance.transpose()?,
                default_region: plain_id("--region", &args.region)?,
                map,
                encoding,
            },
        })
    }
}

impl PlanSettings {
    /// Settles a command line.
    pub fn settle(args: &PlanArgs) -> Result<Self, Failure> {
        if args.json && args.requests.as_deref() == Some(Path::new("-")) {
            return Err(usage("--json and --requests - both want standard output; name a file"));
        }
        Ok(Self {
            input: InputSettings::settle(&args.input)?,
            skip_invalid: args.skip_invalid,
            rate_per_s: rate(&args.rate)?,
            requests: args.requests.clone(),
            json: args.json,
        })
    }
}

impl RunSettings {
    /// Settles a command line. `is_terminal` tells whether somebody can be asked; `seed` is where
    /// the jitter of waits comes from.
    pub fn settle(args: &RunArgs, is_terminal: bool, seed: u64) -> Result<Self, Failure> {
        let mut input = InputSettings::settle(&args.input)?;
        let default_out = if args.rehearse { "rehearsal.csv" } else { "outcome.csv" };
        let out = args.out.clone().unwrap_or_else(|| default_out.into());
        if out.file_name().is_none() {
            return Err(usage(format!("--out {}: that is not a file name", out.display())));
        }
        if let Some(same) = input.inputs.iter().find(|input| is_same_file(input, &out)) {
            let message = format!(
                "--out {} is also an input; give the outcome a name of its own",
                crate::input::shown(&same.name())
            );
            return Err(usage(message));
        }
        let confirmation = match (args.yes || args.rehearse || args.report_only, args.confirm) {
            (true, _) => Confirmation::Yes,
            (false, Some(revocations)) => Confirmation::Exactly(revocations),
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
        let endpoint = args.endpoint.as_deref().map(endpoint::parse).transpose();
        let deadline = args.deadline.as_deref().map(|text| duration("--deadline", text));
        let canary = args.canary.as_deref().map(|text| whole("--canary", text, u32::MAX));
        let canary = canary.map(|requests| requests.map(|requests| requests as usize));
        let fail_over = args.fail_over.as_deref().map(|text| {
            text.parse().map_err(|error| usage(format!("--fail-over {text}: {error}")))
        });
        Ok(Self {
            input,
            skip_invalid: args.skip_invalid,
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
            endpoint: endpoint.map_err(|error| usage(error.to_string()))?,
            engine: crate::engine::Settings {
                rate_per_s: rate(&args.rate)?,
                concurrency: whole("--concurrency", &args.concurrency, 1024)? as usize,
                max_attempts: whole("--max-attempts", &args.max_attempts, 1000)?,
                deadline: deadline.transpose()?,
                canary: canary.transpose()?,
                fail_over: fail_over.transpose()?,
                seed,
            },
            timeout: duration("--timeout", &args.timeout)?,
            ca_file: args.ca_file.clone(),
            profile: args.profile.clone(),
            json: args.json,
        })
    }
}

fn is_same_file(input: &InputName, out: &Path) -> bool {
    let InputName::File(path) = input else { return false };
    // Two names of one file, by whatever links, lead to the same place on the same disk.
    let place = |path: &Path| path.metadata().ok().map(|about| (about.dev(), about.ino()));
    path == out || place(path).is_some_and(|path| Some(path) == place(out))
}

fn read_map(text: &str) -> Result<(Field, String), Failure> {
    let Some((field, column)) = text.split_once('=') else {
        return Err(usage(format!("--map {text}: expected FIELD=COLUMN, such as user=Login")));
    };
    let field = field.parse().map_err(|error| usage(format!("--map {text}: {error}")))?;
    Ok((field, column.to_owned()))
}

fn plain_id(option: &str, text: &str) -> Result<String, Failure> {
    let text = text.trim();
    if text.is_empty() || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err(usage(format!("{option}: expected an id without white space")));
    }
    Ok(text.to_owned())
}

fn rate(text: &str) -> Result<f64, Failure> {
    match text.trim().parse::<f64>() {
        Ok(rate) if (0.001..=1_000_000.0).contains(&rate) => Ok(rate),
        _ => Err(usage(format!(
            "--rate {text}: expected requests a second, a number from 0.001 to 1000000"
        ))),
    }
}

fn whole(option: &str, text: &str, most: u32) -> Result<u32, Failure> {
    match text.trim().parse::<u32>() {
        Ok(number) if (1..=most).contains(&number) => Ok(number),
        _ => Err(usage(format!("{option} {text}: expected a whole number from 1 to {most}"))),
    }
}

fn duration(option: &str, text: &str) -> Result<Duration, Failure> {
    duration_of(text).map_err(|error| usage(format!("{option} {text}: {error}")))
}

/// Reads `500ms`, `10s`, `2m` or `1h`: a whole number above 0, and its unit.
pub fn duration_of(text: &str) -> Result<Duration, &'static str> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit_ms = match &text[digits.len()..] {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let number = digits.parse::<u64>().ok().filter(|number| (1..=1_000_000).contains(number));
    match (number, unit_ms) {
        (Some(number), Some(unit_ms)) => Ok(Duration::from_millis(number * unit_ms)),
        _ => Err("expected a duration such as 500ms, 10s, 2m or 1h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, ms) in [("500ms", 500), ("10s", 10_000), ("2m", 120_000), ("1h", 3_600_000)] {
            assert_eq!(duration("--timeout", text).unwrap().as_millis(), ms);
        }
        for text in ["", "10", "s", "1.5s", "-1s", "10 s", "5d", "0s", "９s"] {
            let failure = duration("--timeout", text).unwrap_err();
            assert!(failure.message.contains("expected a duration"), "{text}");
        }
    }

    #[test]
    fn rates_and_counts_are_bounded() {
        assert!((rate("0.5").unwrap() - 0.5).abs() < 1e-9);
        for text in ["0", "-1", "NaN", "inf", "ten", "1e9", ""] {
            assert!(rate(text).is_err(), "{text}");
        }
        assert!(whole("--concurrency", "0", 8).is_err() && whole("--concurrency", "9", 8).is_err());
    }
}
