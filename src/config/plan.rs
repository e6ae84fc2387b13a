//! Settings of `plan`.

use super::run::{check_guards, limits};
use super::{Confirmation, InputSettings, RequestSettings, RunSettings, usage};
use crate::cli::PlanArgs;
use crate::exit::Failure;
use crate::model::Action;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
        Ok(Self {
            run: RunSettings {
                action: Action::Detach,
                input,
                skip_invalid: args.rows.skip_invalid,
                excel: false,
                out: args.save.clone().unwrap_or_default(),
                restart: false,
                report_only: false,
                rehearse: false,
                limits: limits(guards),
                protect: guards.protect.clone(),
                protect_content: None,
                skip_protected: guards.skip_protected,
                confirmation: Confirmation::Yes,
                snapshot: None,
                read_lag: Duration::ZERO,
                requests,
                page: None,
                on_finish: None,
                json: args.json,
                saved_plan: None,
                approval: None,
            },
            online: args.online,
            requests: args.requests.clone(),
            save: args.save.clone(),
            diff: args.diff.clone(),
            json: args.json,
        })
    }
}
