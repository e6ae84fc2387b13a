//! The result of an execution, and what is printed about a job.

use super::api_session::ApiSession;
use super::job::Job;
use crate::config::RunSettings;
use crate::engine::StopCause;
use crate::exit::Failure;
use crate::report::plan::of_plan;
use crate::report::summary::{RunReport, Sendings};
use crate::report::{self, print};
use crate::resolve;
use crate::verdicts::Verdicts;
use std::time::Duration;

/// The result of an execution.
pub struct Execution {
    /// The verdicts.
    pub verdicts: Verdicts,
    /// The causes of an early stop, in order.
    pub causes: Vec<StopCause>,
    /// Requests in numbers.
    pub sendings: Sendings,
    /// The time it took.
    pub took: Duration,
    /// The session, for reading afterwards; none through a queue, or if there was none.
    pub session: Option<ApiSession>,
}

/// What is printed on standard output.
#[derive(Clone, Copy)]
pub struct Show {
    /// Nothing.
    pub quiet: bool,
    /// Only the summary, as JSON.
    pub json: bool,
}

impl Show {
    /// Prints a line for people.
    pub fn line(self, line: &str) -> Result<(), Failure> {
        if self.is_hidden() { Ok(()) } else { print::line(line) }
    }

    /// Whether nothing is printed for people.
    pub fn is_hidden(self) -> bool {
        self.quiet || self.json
    }

    /// Prints the plan.
    pub fn plan(self, job: &Job, settings: &RunSettings) -> Result<(), Failure> {
        if self.is_hidden() {
            return Ok(());
        }
        print::text(&of_plan(&job.numbers, settings.requests.engine.rate_per_s))?;
        match job.names() {
            Some(names) => {
                let listings = resolve::listings(names);
                print::line(&report::plan::names(names.len(), listings))
            }
            None => Ok(()),
        }
    }

    /// Prints the summary.
    pub fn report(self, report: &RunReport<'_>) -> Result<(), Failure> {
        match self {
            Self { json: true, .. } => print::json(&report.ending()),
            Self { quiet: true, .. } => Ok(()),
            Self { .. } => print::text(&report.text()),
        }
    }
}
