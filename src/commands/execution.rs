//! The result of an execution, and what is printed about a job.

use super::api_session::ApiSession;
use super::job::Job;
use crate::config::RunSettings;
use crate::engine::StopCause;
use crate::exit::Failure;
use crate::ledger::{CallerRecord, Fingerprint};
use crate::report::plan::of_plan;
use crate::report::summary::{Ending, RunReport, Sendings};
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
    /// Whose keys were used, if this process sends and keys were found.
    pub caller: Option<CallerRecord>,
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
    /// The job is a step of another command, which showed and confirmed it: no plan, and only the
    /// result of its rows.
    pub is_step: bool,
}

impl Show {
    /// Shows a command of its own.
    pub fn new(quiet: bool, json: bool) -> Self {
        Self { quiet, json, is_step: false }
    }

    /// Prints a text for people.
    pub fn text(self, text: &str) -> Result<(), Failure> {
        if self.is_hidden() { Ok(()) } else { print::text(text) }
    }

    /// Prints a line for people.
    pub fn line(self, line: &str) -> Result<(), Failure> {
        if self.is_hidden() { Ok(()) } else { print::line(line) }
    }

    /// Prints a line about the job as a whole, which a step of another command does not need.
    pub fn line_of_job(self, line: &str) -> Result<(), Failure> {
        if self.is_step { Ok(()) } else { self.line(line) }
    }

    /// Whether nothing is printed for people.
    pub fn is_hidden(self) -> bool {
        self.quiet || self.json
    }

    /// Prints the plan.
    pub fn plan(self, job: &mut Job, settings: &RunSettings) -> Result<(), Failure> {
        let fingerprint = job.fingerprint()?;
        if let Some(fingerprint) = &fingerprint {
            tracing::info!(%fingerprint, requests = job.plan.requests(), "the list was planned");
        }
        if self.is_hidden() || self.is_step {
            return Ok(());
        }
        print_plan(job, fingerprint.as_ref(), settings)
    }

    /// Prints the summary, for people or as JSON.
    pub fn report(self, report: &RunReport<'_>) -> Result<(), Failure> {
        self.text_of(report)?;
        self.ending(&report.ending())
    }

    /// Prints the summary for people.
    pub fn text_of(self, report: &RunReport<'_>) -> Result<(), Failure> {
        let text = if self.is_step { report.text_of_step() } else { report.text() };
        self.text(&text)
    }

    /// Prints the summary as JSON.
    pub fn ending(self, ending: &Ending) -> Result<(), Failure> {
        if self.json { print::json(ending) } else { Ok(()) }
    }
}

/// Prints a plan for people.
pub fn print_plan(
    job: &Job,
    fingerprint: Option<&Fingerprint>,
    settings: &RunSettings,
) -> Result<(), Failure> {
    print::text(&of_plan(&job.numbers, settings.requests.engine.rate_per_s))?;
    if let Some(names) = job.names() {
        print::line(&report::plan::names(names.len(), resolve::listings(names)))?;
    }
    match fingerprint {
        Some(fingerprint) => print::line(&report::plan::fingerprint(fingerprint)),
        None => Ok(()),
    }
}
