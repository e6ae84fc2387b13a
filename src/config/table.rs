//! The one table of settings: each with its value and where it was set.

use crate::cli::command::{is_switch, settable, variable};
use crate::cli::values::shown;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches};
use std::fmt;
use std::sync::Arc;

/// A place in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file's name.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

/// Where a setting was set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// On the command line, by this option.
    Flag(String),
    /// By this variable.
    Variable(String),
    /// In a file, in this profile if in any.
    File(Place, Option<String>),
    /// Nowhere.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag --{flag}"),
            Self::Variable(name) => f.write_str(name),
            Self::File(Place { file, line, .. }, None) => write!(f, "{}:{line}", shown(file)),
            Self::File(Place { file, line, .. }, Some(profile)) => {
                write!(f, "{}:{line} (profile {})", shown(file), shown(profile))
            }
            Self::Default => f.write_str("default"),
        }
    }
}

/// A value below the command line, and where it was set.
#[derive(Debug, Clone)]
pub struct Given {
    /// As the command line would have it; more than one only of a list.
    pub values: Vec<String>,
    /// Where it was set.
    pub origin: Origin,
}

/// A setting as it counts.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The option's name.
    pub name: String,
    /// Its values, fit to be shown; none if it is not set and has no default.
    pub values: Vec<String>,
    /// Where they were set.
    pub origin: Origin,
}

/// All settings, with what they were read from.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The files that were read, the one that counts most first.
    pub files: Vec<String>,
    /// The profile of settings that was chosen, and where.
    pub profile: Option<(String, Origin)>,
    /// The settings in the order of the help of `run`.
    pub settings: Vec<Setting>,
}

/// What counts in the end of the options that a command line was parsed with.
pub(super) fn settle(matches: &ArgMatches, given: impl Fn(&str) -> Option<Given>) -> Vec<Setting> {
    let settle = |arg: Arg| {
        let name = arg.get_long()?.to_owned();
        let id = arg.get_id().as_str();
        let is_given = matches.try_contains_id(id).is_ok()
            && matches.value_source(id) == Some(ValueSource::CommandLine);
        let setting = if is_given {
            let raw = matches.get_raw(id).into_iter().flatten();
            // A flag without a value is a switch that was turned on.
            let mut values: Vec<String> =
                raw.map(|value| value.to_string_lossy().into_owned()).collect();
            if values.is_empty() {
                values.push("true".to_owned());
            }
            Given { values, origin: Origin::Flag(name.clone()) }
        } else {
            given(&name)
                .unwrap_or_else(|| Given { values: defaults(&arg), origin: Origin::Default })
        };
        let values = setting.values.iter().map(|value| shown(value)).collect();
        Some(Setting { name, values, origin: setting.origin })
    };
    settable().into_iter().filter_map(settle).collect()
}

/// What counts where nothing is set.
fn defaults(arg: &Arg) -> Vec<String> {
    let defaults = arg.get_default_values().iter();
    let all: Vec<String> = defaults.map(|value| value.to_string_lossy().into_owned()).collect();
    match arg.get_long() {
        _ if is_switch(arg) => vec!["false".to_owned()],
        // For a rehearsal it is another, which only the whole of the settings tells.
        Some("out") => vec![super::run::DEFAULT_OUT.to_owned()],
        _ => all,
    }
}

/// The variable that sets a setting.
pub fn variable_of(setting: &Setting) -> String {
    variable(&setting.name)
}
