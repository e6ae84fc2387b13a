//! The table of settings: the value and origin of each.

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

/// The origin of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// On the command line, by this option.
    Flag(String),
    /// By this variable.
    Variable(String),
    /// In a file, in this profile if in one.
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

/// A value below the command line, and its origin.
#[derive(Debug, Clone)]
pub struct GivenValue {
    /// In the form of the command line; only a list has more than one.
    pub values: Vec<String>,
    /// Where it was set.
    pub origin: Origin,
}

/// An effective setting.
#[derive(Debug, Clone)]
pub struct Setting {
    /// The option's name.
    pub name: String,
    /// Its values as text; empty if it is not set and has no default.
    pub values: Vec<String>,
    /// Where they were set.
    pub origin: Origin,
}

/// All settings and their sources.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// The files that were read, in order of decreasing precedence.
    pub files: Vec<String>,
    /// The selected profile of settings, and where it was selected.
    pub profile: Option<(String, Origin)>,
    /// The settings in the order of the help of `run`.
    pub settings: Vec<Setting>,
}

/// The effective values of the options of a command line.
pub(super) fn settle(
    matches: &ArgMatches,
    given: impl Fn(&str) -> Option<GivenValue>,
) -> Vec<Setting> {
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
            GivenValue { values, origin: Origin::Flag(name.clone()) }
        } else {
            given(&name)
                .unwrap_or_else(|| GivenValue { values: defaults(&arg), origin: Origin::Default })
        };
        let values = setting.values.iter().map(|value| shown(value)).collect();
        Some(Setting { name, values, origin: setting.origin })
    };
    settable().into_iter().filter_map(settle).collect()
}

/// The values if nothing is set.
fn defaults(arg: &Arg) -> Vec<String> {
    let defaults = arg.get_default_values().iter();
    let all: Vec<String> = defaults.map(|value| value.to_string_lossy().into_owned()).collect();
    match arg.get_long() {
        _ if is_switch(arg) => vec!["false".to_owned()],
        // A rehearsal has another default, which depends on the other settings.
        Some("out") => vec![super::run::DEFAULT_OUT.to_owned()],
        _ => all,
    }
}

/// The variable that sets a setting.
pub fn variable_of(setting: &Setting) -> String {
    variable(&setting.name)
}
