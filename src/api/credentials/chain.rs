//! The sources, one after the other. Absent: next. Broken: stop.

use super::error::{CredentialsError, Sought, Source, Trouble};
use super::keys::Found;
use super::settings::ChainSettings;
use super::{cli_file, environment, ini, metadata, oidc, uri};
use crate::clock::WallClock;

/// What every source works with.
#[derive(Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) settings: &'a ChainSettings,
    pub(super) clock: &'a dyn WallClock,
}

impl Context<'_> {
    /// The profile that somebody named, and where.
    pub(super) fn profile(&self) -> Result<Option<(&str, &'static str)>, Trouble> {
        const PROFILE: &str = "ALIBABA_CLOUD_PROFILE";
        if let Some(profile) = &self.settings.profile {
            return Ok(Some((profile, "--credential-profile (or --profile)")));
        }
        Ok(self.settings.environment.get(PROFILE)?.map(|profile| (profile, PROFILE)))
    }
}

/// Asks the sources in order, and says which had keys.
pub(super) async fn search(context: Context<'_>) -> Result<(Source, Found), CredentialsError> {
    let mut before = Vec::new();
    for source in Source::CHAIN {
        match ask(context, source, None).await.or_else(|trouble| insist(context, source, trouble)) {
            Ok(found) => return Ok((source, found)),
            Err(Trouble::Absent(why)) => before.push(Sought { source, why }),
            Err(Trouble::Broken(why)) => {
                return Err(CredentialsError::Broken { source, why, before });
            }
        }
    }
    Err(CredentialsError::Absent(before))
}

/// A profile that was asked for by name and is in neither file: to go on would be to revoke with
/// other keys than the ones meant.
fn insist(context: Context<'_>, source: Source, trouble: Trouble) -> Result<Found, Trouble> {
    match (&trouble, context.profile()?) {
        (Trouble::Absent(why), Some((profile, by))) if source == Source::CredentialsFile => {
            Err(Trouble::broken(format!(
                "{by} names the profile `{}`, which is in neither file: {why}",
                profile.escape_debug()
            )))
        }
        _ => Err(trouble),
    }
}

/// Asks a source again that had keys before: what it lacks now is broken. The profile is the one
/// found then, even if another is the current one by now.
pub(super) async fn again(
    context: Context<'_>,
    source: Source,
    profile: Option<&str>,
) -> Result<Found, CredentialsError> {
    ask(context, source, profile).await.map_err(|trouble| {
        let (Trouble::Absent(why) | Trouble::Broken(why)) = trouble;
        CredentialsError::Broken { source, why, before: Vec::new() }
    })
}

async fn ask(
    context: Context<'_>,
    source: Source,
    profile: Option<&str>,
) -> Result<Found, Trouble> {
    let by_profile_only = context.settings.profile.is_some();
    let not_asked = || Err(Trouble::absent("not asked, since a profile is named"));
    match source {
        Source::CliProfile => cli_file::keys(&context, profile).await,
        Source::CredentialsFile => ini::keys(&context).await,
        Source::Given => Err(Trouble::absent("nothing to look up")),
        _ if by_profile_only => not_asked(),
        Source::Environment => environment::keys(&context.settings.environment),
        Source::Oidc => oidc::keys(&context).await,
        Source::Metadata => metadata::keys(&context).await,
        Source::Uri => uri::keys(&context).await,
    }
}
