//! Settings of the list: the inputs and how they are read.

use super::{output_path, usage};
use crate::cli::shared::RowDefaultArgs;
use crate::cli::{InputArgs, run::RowArgs};
use crate::exit::Failure;
use crate::input::Options;
use crate::input_snapshot::InputName;
use std::path::Path;

/// Inputs and how they are read.
#[derive(Debug, Clone)]
pub struct InputSettings {
    /// The inputs, in order; standard input at most once.
    pub inputs: Vec<InputName>,
    /// How they are read.
    pub options: Options,
    /// Whether warnings are errors.
    pub strict: bool,
}

impl InputSettings {
    /// Settings of a list of which all rows are used.
    pub fn settle(args: &InputArgs) -> Result<Self, Failure> {
        let inputs: Vec<InputName> = args.inputs.iter().map(|path| InputName::new(path)).collect();
        if inputs.iter().filter(|input| **input == InputName::Stdin).count() > 1 {
            return Err(usage("standard input (-) can be read only once"));
        }
        let options = Options { encoding: args.encoding, ..row_options(&args.defaults) };
        Ok(Self { inputs, options, strict: args.strict })
    }

    /// The same, with the rows selected by `--only`.
    pub fn with_rows(args: &InputArgs, rows: &RowArgs) -> Result<Self, Failure> {
        let mut input = Self::settle(args)?;
        if rows.only.is_empty() {
            return Ok(input);
        }
        if input.inputs.len() > 1 {
            return Err(usage(
                "--only takes one outcome file: row numbers in duplicate_of refer to it",
            ));
        }
        let mut statuses = rows.only.clone();
        statuses.sort_unstable();
        statuses.dedup();
        input.options.only = Some(statuses);
        Ok(input)
    }

    /// Refuses an output file that is also an input.
    pub(super) fn refuse_over_input(&self, option: &str, file: &Path) -> Result<(), Failure> {
        output_path::refuse_input(&self.inputs, option, file)
    }
}

/// How rows are read, with the defaults for missing columns.
pub fn row_options(args: &RowDefaultArgs) -> Options {
    Options {
        default_instance_id: args.instance_id.clone(),
        default_region: args.region.clone(),
        map: args.map.clone(),
        ..Options::default()
    }
}
