//! Options of `report`.

use clap::{Args, ValueEnum, ValueHint};
use std::path::PathBuf;

/// `report`
#[derive(Debug, Clone, Args)]
pub struct ReportArgs {
    /// Outcome file of the run; the ledger beside it is read too
    #[arg(value_name = "OUTCOME", default_value = "outcome.csv", value_hint = ValueHint::FilePath)]
    pub outcome: PathBuf,
    /// The page: one HTML file; an earlier report is replaced, any other file is not
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath)]
    pub html: PathBuf,
    /// The language of the page.
    #[command(flatten)]
    pub language: LanguageArgs,
}

/// The language of a page.
#[derive(Debug, Clone, Copy, Args)]
pub struct LanguageArgs {
    /// Language of the report: English or Chinese
    #[arg(
        long,
        value_enum,
        value_name = "en|zh",
        default_value = "en",
        hide_possible_values = true
    )]
    pub lang: LanguageName,
}

/// A language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LanguageName {
    /// English.
    En,
    /// Simplified Chinese.
    Zh,
}
