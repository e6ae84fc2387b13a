//! Settings of `restore`.

use super::run::{Asked, check_guards, limits, outcome_file, refuse_read_files, requests};
use super::{InputSettings, RunSettings, usage};
use crate::cli::restore::RestoreArgs;
use crate::exit::Failure;
use crate::input::Options;
use crate::input_snapshot::InputName;
use crate::model::Action;

/// The default outcome file of a restore.
const DEFAULT_OUT: &str = "restored.csv";

impl RunSettings {
    /// Settings of a command line of `restore`. `is_terminal`, `seed` and `files` are as for
    /// [`RunSettings::settle`].
    pub fn of_restore(
        args: &RestoreArgs,
        is_terminal: bool,
        seed: u64,
        files: &[String],
    ) -> Result<Self, Failure> {
        let input = InputSettings {
            inputs: vec![InputName::new(&args.outcome)],
            options: Options::default(),
            strict: false,
        };
        if input.inputs == [InputName::Stdin] {
            return Err(usage("a restore needs the files beside the outcome: give its path"));
        }
        let out = outcome_file(args.out.as_ref(), args.rehearse, DEFAULT_OUT, &input)?;
        refuse_read_files(&out, &args.guards, &args.requests, files)?;
        let asked = Asked {
            is_free: args.rehearse,
            confirm: args.confirm,
            yes: args.yes,
            remedy: "--confirm N with the number of grants that `restore --rehearse` shows",
        };
        let confirmation = asked.settle(is_terminal)?;
        check_guards(&args.guards)?;
        Ok(Self {
            action: Action::Attach,
            input,
            skip_invalid: false,
            excel: false,
            out,
            restart: args.restart,
            report_only: false,
            rehearse: args.rehearse,
            limits: limits(&args.guards),
            protect: args.guards.protect.clone(),
            protect_content: None,
            skip_protected: args.guards.skip_protected,
            confirmation,
            snapshot: None,
            read_lag: args.read_lag,
            requests: requests(&args.requests, &args.guards, args.deadline, seed),
            page: None,
            on_finish: args.on_finish.clone(),
            json: args.json,
            saved_plan: None,
            approval: None,
        })
    }
}
