//! A settings file: TOML, whose keys are the options of `run`, with tables of them by profile.

use super::quote::{place, underlined};
use super::table::Place;
use super::value;
use crate::cli::command::{OF_ONE_RUN, OF_SETTINGS};
use crate::cli::values::shown;
use clap::{Arg, ValueHint};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The key that names the profile to use.
const DEFAULT_PROFILE: &str = "default-profile";
/// The key of the table of profiles.
const PROFILE: &str = "profile";
/// The maximum number of mistakes reported for a file.
const MOST_PROBLEMS: usize = 20;

/// The content of a settings file.
#[derive(Debug, Clone, Default)]
pub(super) struct SettingsFile {
    /// Its entries outside and inside of profiles.
    pub(super) entries: Vec<Entry>,
    /// The names of its profiles.
    pub(super) profiles: Vec<String>,
    /// The profile that it selects, and the place of that key.
    pub(super) chosen: Option<(String, Place)>,
}

/// A setting of a file.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The option's name.
    pub(super) key: String,
    /// The profile that contains it, if any.
    pub(super) profile: Option<String>,
    /// Its values in the form of the command line; only a list has more than one.
    pub(super) values: Vec<String>,
    /// Its place.
    pub(super) place: Place,
}

/// Parses a file. An error lists all mistakes in the order of the file, and shows no value that may
/// be a secret.
pub(super) fn parse(path: &Path, text: &str, settable: &[Arg]) -> Result<SettingsFile, String> {
    let mut parser = FileParser {
        path,
        file: path.display().to_string().into(),
        text,
        settable,
        settings: SettingsFile::default(),
        problems: Vec::new(),
    };
    match DeTable::parse(text) {
        Ok(table) => parser.parse_table(table.get_ref()),
        Err(error) => parser.broken(&error),
    }
    let FileParser { settings, mut problems, .. } = parser;
    if problems.is_empty() {
        return Ok(settings);
    }
    problems.sort_by_key(|problem| problem.0);
    let all: Vec<String> =
        problems.into_iter().take(MOST_PROBLEMS).map(|(_, problem)| problem).collect();
    Err(all.join("\n"))
}

struct FileParser<'a> {
    path: &'a Path,
    file: Arc<str>,
    text: &'a str,
    settable: &'a [Arg],
    settings: SettingsFile,
    problems: Vec<(usize, String)>,
}

impl FileParser<'_> {
    fn parse_table(&mut self, table: &DeTable<'_>) {
        for (key, value) in table {
            match (key.get_ref().as_ref(), value.get_ref()) {
                (PROFILE, DeValue::Table(profiles)) => self.profiles(profiles),
                (PROFILE, _) => {
                    let what = format!(
                        "expected tables such as [profile.prod]; to choose one of them, write \
                         {DEFAULT_PROFILE} = \"prod\""
                    );
                    self.wrong_value(PROFILE, value, &what);
                }
                (DEFAULT_PROFILE, DeValue::String(name)) => {
                    let place = self.place(&key.span());
                    self.settings.chosen = Some((name.to_string(), place));
                }
                (DEFAULT_PROFILE, _) => {
                    self.wrong_value(DEFAULT_PROFILE, value, "expected text in quotes");
                }
                _ => self.setting(key, value, None),
            }
        }
    }

    fn profiles(&mut self, profiles: &DeTable<'_>) {
        for (name, value) in profiles {
            let DeValue::Table(table) = value.get_ref() else {
                let what = format!("expected a table, such as [profile.{}]", shown(name.get_ref()));
                self.unknown(&name.span(), &what);
                continue;
            };
            self.settings.profiles.push(name.get_ref().to_string());
            for (key, value) in table {
                self.setting(key, value, Some(name.get_ref()));
            }
        }
    }

    fn setting(
        &mut self,
        key: &Spanned<std::borrow::Cow<'_, str>>,
        value: &Spanned<DeValue<'_>>,
        profile: Option<&str>,
    ) {
        let name = key.get_ref().as_ref();
        let Some(arg) = self.settable.iter().find(|arg| arg.get_long() == Some(name)) else {
            self.unknown(&key.span(), &self.why_unknown(name, profile));
            return;
        };
        if OF_ONE_RUN.contains(&name) {
            let what =
                format!("`{name}` applies to a single run: pass --{name}, or set its variable");
            self.unknown(&key.span(), &what);
            return;
        }
        let read = value::of_toml(arg, value.get_ref()).and_then(|values| {
            values.iter().try_for_each(|v| value::check(arg, v)).map(|()| values)
        });
        match read {
            Err(what) => self.wrong_value(name, value, &what),
            Ok(values) => {
                let beside = |value: String| self.resolve_path(arg, value);
                let values = values.into_iter().map(beside).collect();
                let place = self.place(&key.span());
                let profile = profile.map(str::to_owned);
                self.settings.entries.push(Entry { key: name.to_owned(), profile, values, place });
            }
        }
    }

    /// A relative path is relative to the settings file that contains it.
    fn resolve_path(&self, arg: &Arg, value: String) -> String {
        let folder: PathBuf = self.path.parent().unwrap_or(Path::new("")).into();
        match (arg.get_value_hint(), folder.join(&value).into_os_string().into_string()) {
            (ValueHint::FilePath, Ok(joined)) => joined,
            _ => value,
        }
    }

    fn why_unknown(&self, name: &str, profile: Option<&str>) -> String {
        if is_secret(name) {
            return format!(
                "`{}` can't be set here: keys are read from the places that the Alibaba Cloud \
                 SDKs and CLI use; `bastion-revoke credentials show --help` lists the places",
                shown(name)
            );
        }
        if OF_SETTINGS.contains(&name) || (profile.is_some() && name == DEFAULT_PROFILE) {
            return format!("`{name}` can't be set within settings");
        }
        let names = self.settable.iter().filter_map(Arg::get_long);
        let names = names.filter(|name| !OF_ONE_RUN.contains(name));
        let unknown = format!("unknown key `{}`", shown(name));
        match nearest(name, names.chain([PROFILE, DEFAULT_PROFILE])) {
            Some(nearest) => format!("{unknown}; did you mean `{nearest}`?"),
            None => format!("{unknown}; `bastion-revoke config show` lists the keys"),
        }
    }

    fn place(&self, span: &Range<usize>) -> Place {
        let (line, column) = place(self.text, span.start);
        Place { file: Arc::clone(&self.file), line, column }
    }

    /// A mistake in a key. Its value may be anything, so it is not shown.
    fn unknown(&mut self, span: &Range<usize>, what: &str) {
        self.problem(span, Some(span.end), what);
    }

    fn wrong_value(&mut self, key: &str, value: &Spanned<DeValue<'_>>, what: &str) {
        // The value of an address is not printed: it may contain a password.
        let span = value.span();
        let text = self.text.get(span.clone()).unwrap_or_default();
        let until = text.contains('@').then_some(span.start);
        self.problem(&span, until, &format!("{key}: {what}"));
    }

    fn broken(&mut self, error: &toml::de::Error) {
        let span = error.span().unwrap_or(0..0);
        let start = self.text.get(..span.start).and_then(|text| text.rfind('\n'));
        let line = self.text.get(start.map_or(0, |at| at + 1)..).unwrap_or_default();
        let key = line.split(['=', '\n']).next().unwrap_or_default().trim();
        // Nothing is shown of a line that may contain a secret.
        let is_known = self.settable.iter().any(|arg| arg.get_long() == Some(key));
        let may_be_shown = is_known && !line.lines().next().unwrap_or_default().contains('@');
        let message = error.message().replace('\n', ", ");
        if may_be_shown {
            self.problem(&span, None, &message);
        } else {
            let (line, column) = place(self.text, span.start);
            let message = format!("{}, line {line}, column {column}: {message}", self.file);
            self.problems.push((span.start, message));
        }
    }

    fn problem(&mut self, span: &Range<usize>, until: Option<usize>, what: &str) {
        let (line, column) = place(self.text, span.start);
        let quoted = underlined(self.text, span, until);
        let problem = format!("{}, line {line}, column {column}: {what}{quoted}", self.file);
        self.problems.push((span.start, problem));
    }
}

/// Whether a name is that of a secret, which can't be set here or on the command line.
pub(super) fn is_secret(name: &str) -> bool {
    let plain: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    let plain = plain.to_ascii_lowercase();
    ["secret", "token", "password", "passwd", "accesskey"].iter().any(|word| plain.contains(word))
}

/// The known name that is most similar.
pub(super) fn nearest<'n>(name: &str, known: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let name = name.to_lowercase();
    let scored =
        known.into_iter().map(|known| (strsim::jaro_winkler(&name, &known.to_lowercase()), known));
    let best = scored.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (best.0 > 0.8).then_some(best.1)
}
