//! Settings of `plan`.

use super::run::check_guards;
use super::{InputSettings, RequestSettings, RunSettings, usage};
use crate::cli::PlanArgs;
use crate::exit::Failure;
use crate::model::Action;
use std::path::{Path, PathBuf};

/// Settings of `plan`.
#[derive(Debug, Clone)]
pub struct PlanSettings {
    /// The run that is planned.
    pub run: RunSettings,
    /// Whether names are looked up.
    pub online: bool,
    /// The file that the requests are written to.
    pub requests: Option<PathBuf>,
    /// The archive that the plan is saved to.
    pub save: Option<PathBuf>,
    /// The saved plan that the plan is compared with.
    pub diff: Option<PathBuf>,
    /// Whether to print JSON.
    pub json: bool,
}

impl PlanSettings {
    /// Settings of a command line.
    pub fn settle(args: &PlanArgs) -> Result<Self, Failure> {
        if args.json && args.requests.as_deref() == Some(Path::new("-")) {
            return Err(usage(
                "--json and --requests - both write to standard output; give --requests a file",
            ));
        }
        let input = InputSettings::with_rows(&args.input, &args.rows)?;
        if let Some(requests) = &args.requests {
            input.refuse_over_input("--requests", requests)?;
        }
        let guards = &args.guards;
        check_guards(guards)?;
        let mut requests = RequestSettings::settle(&args.lookups, 0);
        requests.engine.canary = guards.canary.map(|requests| requests as usize);
        requests.engine.fail_over = guards.fail_over;
        let out = args.save.clone().unwrap_or_default();
        Ok(Self {
            run: RunSettings {
                skip_invalid: args.rows.skip_invalid,
                json: args.json,
                ..RunSettings::new(Action::Detach, input, out, requests).guarded(guards)
            },
            online: args.online,
            requests: args.requests.clone(),
            save: args.save.clone(),
            diff: args.diff.clone(),
            json: args.json,
        })
    }
}
