//! The CLI's `config.json`: which of its profiles is meant.
//!
//! Source: `aliyun-cli`, `config/configuration.go`; `credentials-go`, `cli_profile.go`.

use super::chain::Context;
use super::error::Trouble;
use super::keys::Found;
use super::profile::{self, Profile};
use super::web;
use serde::Deserialize;
use std::io::Read;
use std::path::Path;
use zeroize::Zeroizing;

const DISABLED: &str = "ALIBABA_CLOUD_CLI_PROFILE_DISABLED";
const FILE: &str = "ALIBABA_CLOUD_CONFIG_FILE";
/// A file of profiles takes a few KB; more than this is something else.
const MAX_FILE_BYTES: u64 = 1024 * 1024;

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    current: String,
    #[serde(default)]
    profiles: Vec<Profile>,
}

/// The keys of a profile: of `pinned`, else of the one that somebody named, else the current one.
pub(super) async fn keys(context: &Context<'_>, pinned: Option<&str>) -> Result<Found, Trouble> {
    let environment = &context.settings.environment;
    if environment.is_true(DISABLED) {
        return Err(Trouble::absent(format!("switched off by {DISABLED}")));
    }
    let (place, text) = read(context, FILE, ".aliyun/config.json")?;
    let config: Config = web::json(&place, &text)?;
    let named = context.profile()?.map(|(profile, _)| profile);
    let name = pinned.or(named).unwrap_or(&config.current);
    let name = if name.is_empty() { "default" } else { name };
    let shown = format!("profile `{}` of {place}", name.escape_debug());
    let Some(top) = find(&config, name) else {
        let why = format!("{place} has no profile `{}`", name.escape_debug());
        // Whoever names a profile may mean one of the other file.
        let is_fault = named.is_none() && !config.profiles.is_empty();
        return Err(if is_fault { Trouble::Broken(why) } else { Trouble::Absent(why) });
    };
    if named.is_none() && top.is_blank() {
        // The CLI writes such a profile before anything is configured.
        return Err(Trouble::absent(format!("{shown} is not configured")));
    }
    let line =
        line_of_sources(&config, top).map_err(|why| Trouble::Broken(format!("{shown}: {why}")))?;
    let found = profile::keys(context, &line).await.map_err(|trouble| trouble.insist(&shown))?;
    Ok(Found { profile: Some(name.to_owned()), ..found })
}

fn find<'a>(config: &'a Config, name: &str) -> Option<&'a Profile> {
    config.profiles.iter().find(|profile| profile.name == name)
}

/// The profile, the one whose keys assume its role, and so on. A loop is refused.
fn line_of_sources<'a>(config: &'a Config, top: &'a Profile) -> Result<Vec<&'a Profile>, String> {
    let mut line = vec![top];
    let mut last = top;
    while last.is_chained() {
        let name = last.source.as_str();
        if name.is_empty() {
            return Err("source_profile is missing".to_owned());
        }
        let shown = name.escape_debug();
        last = find(config, name).ok_or(format!("its source_profile `{shown}` is not there"))?;
        if line.iter().any(|seen| seen.name == last.name) {
            return Err(format!("its source profiles lead back to `{shown}`"));
        }
        line.push(last);
    }
    Ok(line)
}

/// Reads a file that a variable names, else one below the home directory. One that is named and
/// is not there is broken.
pub(super) fn read(
    context: &Context<'_>,
    variable: &'static str,
    below_home: &str,
) -> Result<(String, Zeroizing<Vec<u8>>), Trouble> {
    let settings = context.settings;
    let named = settings.environment.get(variable)?;
    let path = match (named, &settings.home) {
        (Some(path), _) => Path::new(path).to_owned(),
        (None, Some(home)) => home.join(below_home),
        (None, None) => return Err(Trouble::absent("the home directory is not known")),
    };
    let mut text = Zeroizing::new(Vec::new());
    let opened = std::fs::File::open(&path).and_then(|file| {
        // Of full size from the start: a buffer that grew would leave copies behind.
        let bytes = file.metadata()?.len().min(MAX_FILE_BYTES) + 1;
        text.reserve_exact(usize::try_from(bytes).unwrap_or_default());
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut text)
    });
    let shown = match named {
        Some(path) => path.to_owned(),
        None => format!("~/{below_home}"),
    };
    match opened {
        Ok(bytes) if bytes as u64 > MAX_FILE_BYTES => {
            Err(Trouble::broken(format!("{shown} is longer than {MAX_FILE_BYTES} bytes")))
        }
        Ok(_) => Ok((shown, text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => match named {
            Some(_) => {
                Err(Trouble::broken(format!("{variable} names {shown}, which is not there")))
            }
            None => Err(Trouble::absent(format!("{shown} is not there"))),
        },
        Err(error) => Err(Trouble::broken(format!("{shown} can't be read: {error}"))),
    }
}
