//! Settings: the command line, variables and files turned into validated values, once.
//!
//! [`layers`] merges the sources and parses the merged command line with clap; [`input`],
//! [`request`], [`plan`], [`run`], `restore`, `offboard`, [`queue`] and [`simulate`] turn its structs
//! ([`crate::cli`]) into settings; `run_settings` has those of a run. Nothing below this module reads
//! a flag or a variable.
//!
//! To add an option of `run`, add it to [`crate::cli::run`] and to [`RunSettings`]; variables,
//! files and `config show` follow from the clap struct.

mod file;
pub mod input;
pub mod layers;
pub mod offboard;
mod output_path;
pub mod page;
pub mod plan;
pub mod queue;
mod quote;
pub mod request;
mod restore;
pub mod run;
mod run_settings;
pub mod simulate;
pub mod table;
mod value;

pub use input::InputSettings;
pub use page::PageSettings;
pub use plan::PlanSettings;
pub use request::RequestSettings;
pub use run_settings::{Confirmation, RunSettings, SnapshotPolicy};

use crate::exit::{Exit, Failure};

/// An invalid command line (exit 2).
fn usage(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, message)
}
