//! The CLI's `config.json`: selects a profile.
//!
//! Source: `aliyun-cli`, `config/configuration.go`; `credentials-go`, `cli_profile.go`.

use super::config_file::read;
use super::context::Context;
use super::error::SourceError;
use super::keys::SourceKeys;
use super::profile::{self, Profile};
use super::web;
use serde::Deserialize;

const DISABLED: &str = "ALIBABA_CLOUD_CLI_PROFILE_DISABLED";
const FILE: &str = "ALIBABA_CLOUD_CONFIG_FILE";

#[derive(Deserialize)]
struct Config {
    #[serde(default)]
    current: String,
    #[serde(default)]
    profiles: Vec<Profile>,
}

/// The keys of a profile: of `pinned`, else of the requested one, else of the current one.
pub(super) async fn keys(
    context: &Context<'_>,
    pinned: Option<&str>,
) -> Result<SourceKeys, SourceError> {
    let environment = &context.settings.environment;
    if environment.is_true(DISABLED) {
        return Err(SourceError::absent(format!("switched off by {DISABLED}")));
    }
    let (place, text) = read(context, FILE, ".aliyun/config.json")?;
    let config: Config = web::json(&place, &text)?;
    let named = context.profile()?.map(|(profile, _)| profile);
    let name = pinned.or(named).unwrap_or(&config.current);
    let name = if name.is_empty() { "default" } else { name };
    let shown = format!("profile `{}` of {place}", name.escape_debug());
    let Some(top) = find(&config, name) else {
        let why = format!("{place} has no profile `{}`", name.escape_debug());
        // A requested profile may be in the other file.
        let is_fault = named.is_none() && !config.profiles.is_empty();
        return Err(if is_fault { SourceError::Broken(why) } else { SourceError::Absent(why) });
    };
    if named.is_none() && top.is_blank() {
        // The CLI writes such a profile before anything is configured.
        return Err(SourceError::absent(format!("{shown} is not configured")));
    }
    let line =
        role_chain(&config, top).map_err(|why| SourceError::Broken(format!("{shown}: {why}")))?;
    let found =
        profile::keys(context, &line).await.map_err(|trouble| trouble.into_broken(&shown))?;
    Ok(SourceKeys { profile: Some(name.to_owned()), ..found })
}

fn find<'a>(config: &'a Config, name: &str) -> Option<&'a Profile> {
    config.profiles.iter().find(|profile| profile.name == name)
}

/// The profile, the profile whose keys assume its role, and so on. A loop is refused.
fn role_chain<'a>(config: &'a Config, top: &'a Profile) -> Result<Vec<&'a Profile>, String> {
    let mut line = vec![top];
    let mut last = top;
    while last.is_chained() {
        let name = last.source.as_str();
        if name.is_empty() {
            return Err("source_profile is missing".to_owned());
        }
        let shown = name.escape_debug();
        last = find(config, name).ok_or(format!("its source_profile `{shown}` does not exist"))?;
        if line.iter().any(|seen| seen.name == last.name) {
            return Err(format!("its source profiles lead back to `{shown}`"));
        }
        line.push(last);
    }
    Ok(line)
}
