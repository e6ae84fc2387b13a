//! The SDKs' ini file, `~/.alibabacloud/credentials`: one section for each profile.
//!
//! Source: `credentials-go`, `profile.go`; `credentials-python`, `profile.py` (`oidc_role_arn`,
//! `sts`).

use super::config_file::read;
use super::context::Context;
use super::error::SourceError;
use super::keys::SourceKeys;
use super::metadata;
use super::oidc::Exchange;
use super::secret::Secret;
use super::sts::Assumed;

const FILE: &str = "ALIBABA_CLOUD_CREDENTIALS_FILE";

/// The keys of the requested section, or else of `default`.
pub(super) async fn keys(context: &Context<'_>) -> Result<SourceKeys, SourceError> {
    let (place, text) = read(context, FILE, ".alibabacloud/credentials")?;
    let name = context.profile()?.map_or("default", |(profile, _)| profile);
    let Ok(text) = std::str::from_utf8(&text) else {
        return Err(SourceError::broken(format!("{place} is not UTF-8")));
    };
    let section = Section::read(text, name).map_err(|line| {
        SourceError::broken(format!("{place}, line {line}: expected `name = value`"))
    })?;
    let Some(section) = section else {
        return Err(SourceError::absent(format!(
            "{place} has no section `{}`",
            name.escape_debug()
        )));
    };
    let shown = format!("section `{}` of {place}", name.escape_debug());
    let found = section.keys(context).await.map_err(|trouble| trouble.into_broken(&shown))?;
    Ok(SourceKeys { profile: Some(name.to_owned()), ..found })
}

/// The values of one section, as in the file.
struct Section<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Section<'a> {
    /// Finds a section; sections with the same name are merged. An error is the number of a line in
    /// this section that is not a setting; other sections are ignored.
    fn read(text: &'a str, name: &str) -> Result<Option<Self>, usize> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut section: Option<Self> = None;
        let mut is_inside = false;
        for (number, line) in (1_usize..).zip(text.lines()) {
            let line = line.trim();
            if line.is_empty() || line.starts_with(['#', ';']) {
                continue;
            }
            if let Some(title) = line.strip_prefix('[') {
                let title = title.split_once(']').map(|(title, _)| title.trim());
                is_inside = title == Some(name);
                if is_inside && section.is_none() {
                    section = Some(Self(Vec::new()));
                }
            } else if let Some(Self(values)) = section.as_mut().filter(|_| is_inside) {
                let (key, value) = line.split_once('=').ok_or(number)?;
                values.push((key.trim(), plain(value)));
            }
        }
        Ok(section)
    }

    /// A value; the last one counts.
    fn get(&self, key: &str) -> &'a str {
        let values = self.0.iter().rev();
        values.into_iter().find(|(name, _)| *name == key).map_or("", |(_, value)| value)
    }

    fn secret(&self, key: &str) -> Secret {
        Secret::new(self.get(key).to_owned())
    }

    fn own_keys(&self, token: Option<Secret>) -> Result<SourceKeys, SourceError> {
        let id = self.get("access_key_id").to_owned();
        SourceKeys::keys("its keys", id, self.secret("access_key_secret"), token)
    }

    async fn keys(&self, context: &Context<'_>) -> Result<SourceKeys, SourceError> {
        let missing = |what| Err(SourceError::broken(format!("{what} is missing")));
        let role = Assumed {
            role_arn: self.get("role_arn").to_owned(),
            session_name: self.get("role_session_name").to_owned(),
            policy: self.get("policy").to_owned(),
            ..Assumed::default()
        };
        match self.get("type") {
            "" => missing("type"),
            "access_key" => self.own_keys(None),
            "sts" if self.get("security_token").is_empty() => missing("security_token"),
            "sts" => self.own_keys(Some(self.secret("security_token"))),
            "ecs_ram_role" => metadata::of_profile(context, self.get("role_name")).await,
            "ram_role_arn" => {
                let own = self.own_keys(None)?;
                role.with_keys(context, &own.credentials).await
            }
            "oidc_role_arn" if self.get("oidc_token_file_path").is_empty() => {
                missing("oidc_token_file_path")
            }
            "oidc_role_arn" if self.get("oidc_provider_arn").is_empty() => {
                missing("oidc_provider_arn")
            }
            "oidc_role_arn" => {
                let token_file = self.get("oidc_token_file_path");
                let provider_arn = self.get("oidc_provider_arn");
                Exchange { token_file, provider_arn, role }.exchange(context).await
            }
            _ => Err(SourceError::broken(
                "its type is not supported; it can be access_key, sts, ecs_ram_role, ram_role_arn \
                 or oidc_role_arn",
            )),
        }
    }
}

/// A value without the quotes around it, or without a comment after it.
fn plain(value: &str) -> &str {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some((inside, _)) = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote))
        {
            return inside;
        }
    }
    let comment = [" #", " ;", "\t#", "\t;"].iter().filter_map(|mark| value.find(mark)).min();
    comment.map_or(value, |at| value[..at].trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "\u{feff}# all\r\n[default]\r\ntype=access_key ; of old\r\n\r\n\
        access_key_id = testid\r\n access_key_secret = \"test secret;=#\" # quoted\r\n\
        [other]\nnonsense\n[ default ]\naccess_key_id=testid=2;#\n";

    #[test]
    fn a_section_is_found_and_its_last_values_count() {
        let section = Section::read(TEXT, "default").unwrap().unwrap();
        assert_eq!(section.get("type"), "access_key");
        assert_eq!(section.get("access_key_id"), "testid=2;#");
        assert_eq!(section.get("access_key_secret"), "test secret;=#");
        assert_eq!(section.get("role_arn"), "");
        assert!(Section::read(TEXT, "none").unwrap().is_none());
        assert_eq!(Section::read(TEXT, "other").err(), Some(8));
    }
}
