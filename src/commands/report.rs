//! `report`: an outcome as one HTML page, and the page of `run --html`.

use super::own_file;
use crate::cli::report::{LanguageName, ReportArgs};
use crate::clock::{SystemClock, WallClock as _};
use crate::config::PageSettings;
use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use crate::ledger::{Ledger, LedgerError};
use crate::report::print;
use crate::report::text::{count, things};
use crate::report_page::{self, FIRST_LINE, Language, Page, PageError, Written};
use std::path::{Path, PathBuf};

/// Writes the page of an outcome.
pub fn report(args: &ReportArgs) -> Result<Exit, Failure> {
    let page = PageSettings::settle(&args.html, &args.outcome, args.language.lang)?;
    refuse_other_file(&page)?;
    let is_locked = RunFiles::new(args.outcome.clone()).is_locked();
    let written = write(&args.outcome, &page, is_locked)?;
    print::line(&summary(&page, written))?;
    Ok(Exit::Done)
}

/// One line about a page.
pub(super) fn summary(page: &PageSettings, written: Written) -> String {
    let rows = things(usize::try_from(written.rows).unwrap_or(usize::MAX), "row", "rows");
    let path = crate::report::text::shown_long(&page.path.to_string_lossy());
    let unlisted = match written.unlisted {
        0 => String::new(),
        rows => format!(", {} of them counted and not listed", count(rows)),
    };
    format!("Report: {path} ({rows}{unlisted})")
}

/// Refuses to overwrite a file that is not an earlier report.
pub(super) fn refuse_other_file(page: &PageSettings) -> Result<(), Failure> {
    own_file::refuse_other_file("--html", &page.path, FIRST_LINE, "an earlier report")
}

/// Writes the page of an outcome. `is_locked`: whether a process works on its run.
pub fn write(outcome: &Path, page: &PageSettings, is_locked: bool) -> Result<Written, Failure> {
    let language = match page.language {
        LanguageName::En => Language::English,
        LanguageName::Zh => Language::Chinese,
    };
    let ledger = ledger(outcome)?;
    let residual = residual(outcome, ledger.as_ref())?;
    let content = Page {
        outcome,
        ledger: ledger.as_ref(),
        is_locked,
        residual: residual.as_deref(),
        language,
        now: SystemClock.now(),
    };
    own_file::save(&page.path, |to| content.write(to)).map_err(|error| failure(error, &page.path))
}

/// The ledger beside an outcome. An outcome that was moved, or of a rehearsal, has none.
pub fn ledger(outcome: &Path) -> Result<Option<Ledger>, Failure> {
    let path = RunFiles::new(outcome.to_owned()).ledger();
    if !path.exists() {
        return Ok(None);
    }
    match Ledger::open_read_only(&path) {
        Err(LedgerError::NeverBegun) => Ok(None),
        ledger => Ok(Some(ledger?)),
    }
}

/// The routes that `verify` found: `outcome.residual.csv`, or `residual.csv` in the same folder if it is
/// not of another outcome there.
pub fn residual(outcome: &Path, ledger: Option<&Ledger>) -> Result<Option<PathBuf>, Failure> {
    let own = outcome.with_extension("residual.csv");
    if report_page::is_residual(&own) {
        return Ok(Some(own));
    }
    let of_folder = RunFiles::new(outcome.to_owned()).residual();
    if !report_page::is_residual(&of_folder) {
        return Ok(None);
    }
    let is_own = report_page::is_residual_of(&of_folder, outcome, ledger);
    if is_own.map_err(|error| failure(error, outcome))? {
        return Ok(Some(of_folder));
    }
    tracing::warn!(
        "{} is left out: it is not of this outcome; verify {} to have its own",
        of_folder.display(),
        outcome.display()
    );
    Ok(None)
}

fn failure(error: PageError, path: &Path) -> Failure {
    let text = error.to_string();
    match error {
        PageError::Ledger(error) => error.into(),
        PageError::Steps(error) => error.into(),
        PageError::Read { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
            let hint = "give the --out of a run, such as outcome.csv";
            Failure::new(Exit::MissingInput, format!("{text}; {hint}"))
        }
        PageError::Read { .. } => Failure::new(Exit::File, text),
        PageError::NotAnOutcome { .. } => Failure::new(Exit::InvalidInput, text),
        PageError::Write(_) => Failure::new(Exit::File, format!("{}: {text}", path.display())),
        PageError::Template(_) => Failure::new(Exit::Internal, text),
    }
}
