//! Merges the command line, variables and files.
//!
//! Settings from variables and files become the defaults of clap's options. So clap parses each
//! value in the same way wherever it was set, and options conflict only if both are on the command
//! line.

use super::file::{self, SettingsFile, is_secret, nearest};
use super::table::{self, GivenValue, Origin, Place, Table};
use super::value;
use crate::cli::Cli;
use crate::cli::command::{self, variable};
use crate::cli::values::shown;
use crate::exit::{Exit, Failure};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgMatches, Command, FromArgMatches as _};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::PathBuf;

/// The name of a settings file, in the project's folder and in the user's.
const FILE: &str = "bastion-revoke.toml";

/// Variables of this tool that are not settings: addresses for tests, variables of the tests, and a
/// secret.
const OTHER_VARIABLES: [&str; 5] = [
    "BASTION_REVOKE_STS_ENDPOINT",
    "BASTION_REVOKE_METADATA_ENDPOINT",
    "BASTION_REVOKE_REDIS_PASSWORD",
    "BASTION_REVOKE_FAIL_POINT",
    "BASTION_REVOKE_SOAK",
];

/// The sources of settings.
#[derive(Clone, Default)]
pub struct Sources {
    /// The environment's variables.
    pub variables: BTreeMap<OsString, OsString>,
    /// The home directory.
    pub home: Option<PathBuf>,
}

impl Sources {
    /// Those of this process.
    pub fn of_process() -> Self {
        Self { variables: std::env::vars_os().collect(), home: std::env::home_dir() }
    }

    fn variable(&self, name: &str) -> Result<Option<&str>, Failure> {
        let value = self.variables.get(&OsString::from(name)).filter(|value| !value.is_empty());
        let text =
            value.map(|value| value.to_str().ok_or_else(|| wrong(format!("{name}: not UTF-8"))));
        text.transpose()
    }

    /// The user's file.
    fn user_file(&self) -> Option<PathBuf> {
        let xdg = self.variables.get(&OsString::from("XDG_CONFIG_HOME")).map(PathBuf::from);
        let folder = xdg.filter(|path| path.is_absolute());
        let folder = folder.or_else(|| Some(self.home.as_ref()?.join(".config")))?;
        Some(folder.join("bastion-revoke").join(FILE))
    }
}

/// A parsed command line with its settings.
#[derive(Debug)]
pub struct Parsed {
    /// The command.
    pub cli: Cli,
    /// Every setting and its origin; empty for a command without settings.
    pub table: Table,
}

/// Why no command runs.
#[derive(Debug)]
pub enum Stop {
    /// Help, or an error that clap explains.
    Clap(Box<clap::Error>),
    /// A mistake.
    Failure(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

fn wrong(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Configuration, message)
}

/// Parses the command line and the settings of its command.
pub fn parse(arguments: &[OsString], sources: &Sources) -> Result<Parsed, Stop> {
    let first = matches(command::parsing(), arguments)?;
    let (path, leaf) = leaf(&first);
    if leaf.try_contains_id("config").is_err() {
        let cli = Cli::from_arg_matches(&first).map_err(|error| Stop::Clap(Box::new(error)))?;
        return Ok(Parsed { cli, table: Table::default() });
    }
    let layers = Layers::read(leaf, sources)?;
    let second = matches(layers.with_defaults(command::parsing(), &path), arguments)?;
    let settings = table::settle(self::leaf(&second).1, |key| layers.given.get(key).cloned());
    let cli = Cli::from_arg_matches(&second).map_err(|error| Stop::Clap(Box::new(error)))?;
    let Layers { files, profile, .. } = layers;
    Ok(Parsed { cli, table: Table { files, profile, settings } })
}

/// The innermost command, with the names that lead to it.
fn leaf(matches: &ArgMatches) -> (Vec<&str>, &ArgMatches) {
    let (mut path, mut leaf) = (Vec::new(), matches);
    while let Some((name, inner)) = leaf.subcommand() {
        path.push(name);
        leaf = inner;
    }
    (path, leaf)
}

fn matches(command: Command, arguments: &[OsString]) -> Result<ArgMatches, Stop> {
    let error = match command.try_get_matches_from(arguments) {
        Ok(matches) => return Ok(matches),
        Err(error) => error,
    };
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.as_str(),
        _ => "",
    };
    let option = text(ContextKind::InvalidArg);
    let usage = |message: String| Err(Stop::Failure(Failure::new(Exit::Usage, message)));
    match error.kind() {
        ErrorKind::ValueValidation => {
            let option = option.split([' ', '[']).next().unwrap_or_default();
            let value = shown(text(ContextKind::InvalidValue));
            // The name of an argument without a name is its place: nothing is left of `[TARGET]`.
            let between = if option.is_empty() || value.is_empty() { "" } else { " " };
            usage(format!("{option}{between}{value}: {}", value::reason(&error)))
        }
        ErrorKind::UnknownArgument if is_secret(option) => usage(format!(
            "{} is not an option: every user of this machine can read a command line, so secrets \
             are not accepted there; `bastion-revoke credentials show --help` lists where keys are \
             read from",
            shown(option.split('=').next().unwrap_or_default())
        )),
        _ => {
            // Parsed as it is written, because here a switch takes no value.
            let shown = command::command().try_get_matches_from(arguments).err();
            let shown = shown.filter(|shown| shown.kind() == error.kind());
            Err(Stop::Clap(Box::new(shown.unwrap_or(error))))
        }
    }
}

/// The settings below the command line.
struct Layers {
    given: BTreeMap<String, GivenValue>,
    files: Vec<String>,
    profile: Option<(String, Origin)>,
}

impl Layers {
    fn read(matches: &ArgMatches, sources: &Sources) -> Result<Self, Failure> {
        let settable = command::settable();
        let variables = variables(sources, &settable)?;
        let files = files(matches, sources, &settable)?;
        let asked = requested_profile(matches, sources)?;
        let profile = choose_profile(asked.as_ref(), &files)?;
        let mut given = BTreeMap::new();
        // In order of increasing precedence; later ones replace earlier ones.
        let name = profile.as_ref().map(|(name, _)| name);
        for within in [None, name].iter().skip(usize::from(name.is_none())) {
            for (_, file) in files.iter().rev() {
                let entries = file.entries.iter().filter(|entry| entry.profile.as_ref() == *within);
                given.extend(entries.map(|entry| {
                    let origin = Origin::File(entry.place.clone(), entry.profile.clone());
                    (entry.key.clone(), GivenValue { values: entry.values.clone(), origin })
                }));
            }
        }
        given.extend(variables);
        if let (None, Some((name, origin))) = (&profile, asked) {
            // No settings have profiles, so it selects the profile of the keys, as in the CLI.
            let given_by = GivenValue { values: vec![name], origin };
            given.insert("credential-profile".to_owned(), given_by);
        }
        let files = files.into_iter().map(|(name, _)| name).collect();
        Ok(Self { given, files, profile })
    }

    /// The command with these values as defaults of its options.
    fn with_defaults(&self, command: Command, path: &[&str]) -> Command {
        let name = command.get_name().to_owned();
        let command = command.mut_args(|arg| match arg.get_long() {
            Some(long) if command::has_own_meaning(&name, long) => arg,
            _ => self.as_default(arg),
        });
        let Some((first, rest)) = path.split_first() else { return command };
        command.mut_subcommand(first, |inner| self.with_defaults(inner, rest))
    }

    fn as_default(&self, arg: Arg) -> Arg {
        match arg.get_long().and_then(|long| self.given.get(long)) {
            Some(given) => arg.default_values(given.values.clone()),
            None => arg,
        }
    }
}

/// The settings in variables. An unknown variable with this tool's prefix is an error: a misspelt
/// guard must not be ignored.
fn variables(sources: &Sources, settable: &[Arg]) -> Result<Vec<(String, GivenValue)>, Failure> {
    let mut found = Vec::new();
    for name in sources.variables.keys().filter_map(|name| name.to_str()) {
        let Some(value) = name.strip_prefix("BASTION_REVOKE_").and(sources.variable(name)?) else {
            continue;
        };
        let set = |arg: &&Arg| arg.get_long().is_some_and(|long| variable(long) == name);
        if let Some(arg) = settable.iter().find(set) {
            value::check(arg, value)
                .map_err(|what| wrong(format!("{name}: {}: {what}", shown(value))))?;
            let origin = Origin::Variable(name.to_owned());
            let key = arg.get_long().unwrap_or_default().to_owned();
            found.push((key, GivenValue { values: vec![value.to_owned()], origin }));
        } else if !is_no_setting(name) {
            let known: Vec<String> =
                settable.iter().filter_map(Arg::get_long).map(variable).collect();
            let hint = match nearest(&name.to_lowercase(), known.iter().map(String::as_str)) {
                _ if is_secret(name) => "keys are taken from where the SDKs have them, such as \
                     ALIBABA_CLOUD_ACCESS_KEY_ID"
                    .to_owned(),
                Some(nearest) => format!("did you mean {nearest}?"),
                None => "`bastion-revoke config show` lists the settings".to_owned(),
            };
            return Err(wrong(format!("{name}: no such setting; {hint}")));
        }
    }
    Ok(found)
}

fn is_no_setting(name: &str) -> bool {
    let says_where = command::OF_SETTINGS.iter().any(|option| variable(option) == name);
    says_where || OTHER_VARIABLES.contains(&name)
}

/// An option that names the place of settings, from the command line or its variable.
fn option(
    matches: &ArgMatches,
    sources: &Sources,
    name: &'static str,
) -> Result<Option<(OsString, Origin)>, Failure> {
    if let Some(value) = matches.get_raw(name).and_then(|mut values| values.next()) {
        return Ok(Some((value.to_owned(), Origin::Flag(name.to_owned()))));
    }
    let variable = variable(name);
    let value = sources.variable(&variable)?;
    Ok(value.map(|value| (value.into(), Origin::Variable(variable))))
}

fn requested_profile(
    matches: &ArgMatches,
    sources: &Sources,
) -> Result<Option<(String, Origin)>, Failure> {
    let asked = option(matches, sources, "profile")?;
    Ok(asked.map(|(name, origin)| (name.to_string_lossy().into_owned(), origin)))
}

/// The existing settings files by name, in order of decreasing precedence.
fn files(
    matches: &ArgMatches,
    sources: &Sources,
    settable: &[Arg],
) -> Result<Vec<(String, SettingsFile)>, Failure> {
    let named = option(matches, sources, "config")?;
    let (paths, must_exist) = match &named {
        Some((path, _)) => (vec![PathBuf::from(path)], true),
        None => ([Some(FILE.into()), sources.user_file()].into_iter().flatten().collect(), false),
    };
    let mut files = Vec::new();
    for path in paths {
        let name = path.display().to_string();
        let text = match std::fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && !must_exist => continue,
            Err(error) => {
                let by = named.as_ref().map(|(_, origin)| format!(" (named by {origin})"));
                let by = by.unwrap_or_default();
                return Err(wrong(format!("{}: can't be read: {error}{by}", shown(&name))));
            }
            Ok(bytes) => String::from_utf8(bytes)
                .map_err(|_| wrong(format!("{}: not UTF-8, as TOML has to be", shown(&name))))?,
        };
        let parsed = file::parse(&path, &text, settable).map_err(wrong)?;
        files.push((name, parsed));
    }
    Ok(files)
}

/// The selected profile of settings. If the files have none, `--profile` does not refer to them.
fn choose_profile(
    asked: Option<&(String, Origin)>,
    files: &[(String, SettingsFile)],
) -> Result<Option<(String, Origin)>, Failure> {
    let all: Vec<&str> =
        files.iter().flat_map(|(_, file)| &file.profiles).map(String::as_str).collect();
    let chosen = files.iter().find_map(|(_, file)| file.chosen.clone());
    let chosen = chosen.map(|(name, place)| (name, Origin::File(place, None)));
    let (name, origin) = match (asked, chosen) {
        (Some(asked), _) if !all.is_empty() => asked.clone(),
        (None, Some(chosen)) => chosen,
        _ => return Ok(None),
    };
    if all.contains(&name.as_str()) {
        return Ok(Some((name, origin)));
    }
    let what = match nearest(&name, all.iter().copied()) {
        _ if all.is_empty() => "the settings have no [profile.NAME]".to_owned(),
        Some(nearest) => format!("the settings have no such profile; did you mean `{nearest}`?"),
        None => {
            let all: Vec<String> = all.iter().map(|name| shown(name)).collect();
            format!("the settings have no such profile, only {}", all.join(", "))
        }
    };
    let name = shown(&name);
    let (by, hint) = match &origin {
        Origin::File(Place { file, line, column }, _) => {
            (format!("{}, line {line}, column {column}: default-profile `{name}`", shown(file)), "")
        }
        Origin::Flag(flag) => (format!("--{flag} {name}"), KEYS_HINT),
        other => (format!("{other}: {name}"), KEYS_HINT),
    };
    Err(wrong(format!("{by}: {what}{hint}")))
}

const KEYS_HINT: &str = " (the keys of a profile of the aliyun CLI: --credential-profile)";
