//! Settings of the page of `report` and `run --html`.

use super::output_path;
use crate::cli::report::LanguageName;
use crate::exit::Failure;
use std::path::{Path, PathBuf};

/// Settings of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageSettings {
    /// The file.
    pub path: PathBuf,
    /// The language.
    pub language: LanguageName,
}

impl PageSettings {
    /// A page of an outcome. It must not be the outcome itself, nor a file that a run needs.
    pub fn settle(path: &Path, outcome: &Path, language: LanguageName) -> Result<Self, Failure> {
        output_path::refuse_run_file("--html", path)?;
        output_path::refuse_same_file("--html", path, outcome, "the outcome")?;
        Ok(Self { path: path.to_owned(), language })
    }
}
