//! Asks the sources in order. An absent source is skipped; a broken one stops the search.

use super::context::Context;
use super::error::{CredentialsError, SkippedSource, Source, SourceError};
use super::keys::SourceKeys;
use super::{cli_file, environment, ini, metadata, oidc, uri};

/// Asks the sources in order, and returns the one that had keys.
pub(super) async fn search(context: Context<'_>) -> Result<(Source, SourceKeys), CredentialsError> {
    let mut before = Vec::new();
    for source in Source::CHAIN {
        match ask(context, source, None)
            .await
            .or_else(|error| require_profile(context, source, error))
        {
            Ok(found) => return Ok((source, found)),
            Err(SourceError::Absent(why)) => before.push(SkippedSource { source, why }),
            Err(SourceError::Broken(why)) => {
                return Err(CredentialsError::Broken { source, why, before });
            }
        }
    }
    Err(CredentialsError::Absent(before))
}

/// An error if the requested profile is in neither file: continuing would revoke with keys other
/// than the intended ones.
fn require_profile(
    context: Context<'_>,
    source: Source,
    error: SourceError,
) -> Result<SourceKeys, SourceError> {
    match (&error, context.profile()?) {
        (SourceError::Absent(why), Some((profile, by))) if source == Source::CredentialsFile => {
            Err(SourceError::broken(format!(
                "{by} names the profile `{}`, which is in neither file: {why}",
                profile.escape_debug()
            )))
        }
        _ => Err(error),
    }
}

/// Asks a source again that had keys before; missing keys are an error now. It uses the profile
/// found then, even if another is the current one now.
pub(super) async fn ask_again(
    context: Context<'_>,
    source: Source,
    profile: Option<&str>,
) -> Result<SourceKeys, CredentialsError> {
    ask(context, source, profile).await.map_err(|error| {
        let (SourceError::Absent(why) | SourceError::Broken(why)) = error;
        CredentialsError::Broken { source, why, before: Vec::new() }
    })
}

async fn ask(
    context: Context<'_>,
    source: Source,
    profile: Option<&str>,
) -> Result<SourceKeys, SourceError> {
    let by_profile_only = context.settings.profile.is_some();
    let not_asked = || Err(SourceError::absent("not asked, since a profile is named"));
    match source {
        Source::CliProfile => cli_file::keys(&context, profile).await,
        Source::CredentialsFile => ini::keys(&context).await,
        Source::Given => Err(SourceError::absent("nothing to look up")),
        _ if by_profile_only => not_asked(),
        Source::Environment => environment::keys(&context.settings.environment),
        Source::Oidc => oidc::keys(&context).await,
        Source::Metadata => metadata::keys(&context).await,
        Source::Uri => uri::keys(&context).await,
    }
}
