//! Settings of `restore`.

use super::run::{Asked, check_guards, outcome_file, refuse_read_files, requests};
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
        let requests = requests(&args.requests, &args.guards, args.deadline, seed);
        Ok(Self {
            restart: args.restart,
            rehearse: args.rehearse,
            confirmation,
            read_lag: args.read_lag,
            on_finish: args.on_finish.clone(),
            json: args.json,
            ..Self::new(Action::Attach, input, out, requests).guarded(&args.guards)
        })
    }
}
