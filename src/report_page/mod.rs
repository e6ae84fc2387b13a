//! The report of a run as one self-contained HTML page.
//!
//! ```text
//! outcome ──> outcome_file ──┬─> overview (first pass: by status, by user, by reason) ──┐
//!                            └─> rows (second pass) ──> blocks of JSON                  ├─> page
//! ledger  ──> facts, timeline ──> chart ────────────────────────────────────────────────┘
//! ```
//!
//! The outcome is read twice, so that memory grows with the distinct users and not with the rows.
//! Rows that are done are cut above [`MOST_LISTED_ROWS`]; all other rows are in the page.
//!
//! Values of the outcome reach the page in two ways: as text that the template escapes, and as JSON
//! in elements that browsers do not run; `page.js` sets them as text. The page's policy permits its
//! own script and style by their digests and nothing else.
//!
//! | to change | open |
//! |---|---|
//! | the texts | `en.json`, `zh.json`, with the same keys |
//! | what is shown, in which order | `page.html`, `view` |
//! | the tables' search, order and pages | `page.js` |
//! | colours, print, dark and light | `page.css` |
//! | which text says what to do | `remedy` |
//! | the meaning of the outcome's columns | `outcome_file` |
//! | the steps of an offboarding | `steps` |
//! | the timeline | `timeline` (intervals), `chart` (shapes) |

mod blocks;
mod chart;
mod facts;
mod outcome_file;
mod overview;
mod remedy;
mod residual;
mod steps;
mod tables;
mod template;
mod texts;
mod timeline;
mod verified;
mod view;

pub use residual::{is_residual, is_residual_of};
pub use texts::Language;

use crate::files::RunFiles;
use crate::ledger::{Ledger, LedgerError};
use crate::offboard::StepLogError;
use crate::report::run_status::RunState;
use facts::Facts;
use jiff::Timestamp;
use outcome_file::OutcomeFile;
use overview::Overview;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use steps::Steps;
use timeline::Timeline;
use view::View;

/// Rows that the page lists at most, unless more of them are not done.
pub const MOST_LISTED_ROWS: u64 = 100_000;

/// The first bytes of every page, by which an earlier one is recognized.
pub const FIRST_LINE: &str = "<!doctype html><!-- report of bastion-revoke -->";

/// The page could not be written.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// A file cannot be read.
    #[error("{path}: cannot read: {source}")]
    Read {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The file is not an outcome.
    #[error("{path}, line {line}: not an outcome of this tool: {what}; give the --out of a run")]
    NotAnOutcome {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        what: String,
    },
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The record of the steps of an offboarding cannot be used.
    #[error(transparent)]
    Steps(#[from] StepLogError),
    /// The page cannot be written.
    #[error("cannot write: {0}")]
    Write(#[from] io::Error),
    /// The template is wrong.
    #[error("the template of the page: {0}")]
    Template(#[from] minijinja::Error),
}

/// What a page is made of.
pub struct Page<'a> {
    /// The outcome file.
    pub outcome: &'a Path,
    /// The ledger of the run.
    pub ledger: Option<&'a Ledger>,
    /// Whether a process works on the run.
    pub is_locked: bool,
    /// The other routes that `verify` wrote.
    pub residual: Option<&'a Path>,
    /// The language.
    pub language: Language,
    /// The present.
    pub now: Timestamp,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Rows of the outcome.
    pub rows: u64,
    /// Rows that are done, which the page counts and does not list.
    pub unlisted: u64,
}

impl Page<'_> {
    /// Writes the page.
    pub fn write(&self, to: &mut impl Write) -> Result<Written, PageError> {
        let facts = self.ledger.map(|ledger| Facts::read(ledger, self.now)).transpose()?;
        let reading = facts.as_ref().map(Facts::reading).unwrap_or_default();
        let mut overview = Overview::read(&mut OutcomeFile::open(self.outcome, &reading)?)?;
        overview.is_restore |= reading.action.is_some_and(|action| !action.is_detach());
        let texts = texts::of_language(self.language, overview.is_restore);
        let timeline = match (self.ledger, &facts) {
            (Some(ledger), Some(facts)) => Timeline::read(ledger, &facts.runs)?,
            _ => Timeline::default(),
        };
        let mut outcome = OutcomeFile::open(self.outcome, &reading)?;
        let is_verified = outcome.layout.is_verified();
        let tables = tables::of(&outcome.layout, &overview, self.residual.is_some());
        let files = RunFiles::new(self.outcome.to_owned());
        let steps = match files.steps() {
            record if record.is_file() => Steps::read(&record, &files.routes())?,
            _ => Steps::default(),
        };
        let state = facts.as_ref().map(|facts| RunState::of(&facts.status, self.is_locked));
        let view = View {
            page: self,
            texts: &texts,
            facts: facts.as_ref(),
            state,
            overview: &overview,
            timeline: &timeline,
            steps: &steps,
            tables: &tables,
        };
        let (head, tail) = template::render(&view.json()?, &texts, self.language)?;
        to.write_all(head.as_bytes())?;
        let [users, rows] = [0, 1].map(|at| tables[at].columns.len());
        let unlisted = tables::write_rows(&mut outcome, rows, &overview, to)?;
        tables::write_users(&overview, users, is_verified, to)?;
        if let Some(path) = self.residual {
            residual::write_residual(path, to)?;
        }
        to.write_all(tail.as_bytes())?;
        Ok(Written { rows: overview.tally.rows(), unlisted })
    }
}
