//! Why there are no keys: each source that was asked, and its reason.

use std::fmt;

/// The sources of keys, in the order in which they are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Set by the program itself: the test key of a rehearsal.
    Given,
    /// `ALIBABA_CLOUD_ACCESS_KEY_ID` and its companions.
    Environment,
    /// A token of an identity provider, exchanged for keys at STS.
    Oidc,
    /// A profile of the CLI's `config.json`.
    CliProfile,
    /// A section of the SDKs' ini file.
    CredentialsFile,
    /// The role of the ECS instance, from its metadata.
    Metadata,
    /// `ALIBABA_CLOUD_CREDENTIALS_URI`.
    Uri,
}

impl Source {
    /// The sources of the chain, in order.
    pub(super) const CHAIN: [Self; 6] = [
        Self::Environment,
        Self::Oidc,
        Self::CliProfile,
        Self::CredentialsFile,
        Self::Metadata,
        Self::Uri,
    ];

    /// Its name in `credentials show` and in errors.
    pub fn name(self) -> &'static str {
        match self {
            Self::Given => "given",
            Self::Environment => "environment",
            Self::Oidc => "OIDC",
            Self::CliProfile => "CLI profile",
            Self::CredentialsFile => "credentials file",
            Self::Metadata => "ECS metadata",
            Self::Uri => "credentials URI",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why a source has no keys. The texts never contain a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SourceError {
    /// It is not set up: the next source is asked.
    Absent(String),
    /// It is set up and unusable: the search stops.
    Broken(String),
}

impl SourceError {
    pub(super) fn absent(why: impl Into<String>) -> Self {
        Self::Absent(why.into())
    }

    pub(super) fn broken(why: impl Into<String>) -> Self {
        Self::Broken(why.into())
    }

    /// The same as broken: for a source that was requested by name.
    pub(super) fn into_broken(self, place: &str) -> Self {
        let (Self::Absent(why) | Self::Broken(why)) = self;
        Self::Broken(format!("{place}: {why}"))
    }
}

/// A source that was asked and did not have keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SkippedSource {
    /// The source.
    pub source: Source,
    /// The missing setting.
    pub why: String,
}

/// No credentials, or broken ones (exit 77). It names every source that was asked, and contains no
/// secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CredentialsError {
    /// Every source was asked and none is set up.
    Absent(Vec<SkippedSource>),
    /// A source is set up and unusable.
    Broken {
        /// The source.
        source: Source,
        /// The error.
        why: String,
        /// The sources asked before.
        before: Vec<SkippedSource>,
    },
}

fn list(f: &mut fmt::Formatter<'_>, sought: &[SkippedSource]) -> fmt::Result {
    for (number, SkippedSource { source, why }) in sought.iter().enumerate() {
        write!(f, "{}{source}: {why}", if number == 0 { "" } else { "; " })?;
    }
    Ok(())
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent(sought) => {
                f.write_str(
                    "no credentials: set ALIBABA_CLOUD_ACCESS_KEY_ID and \
                     ALIBABA_CLOUD_ACCESS_KEY_SECRET, or any of the other sources (",
                )?;
                list(f, sought)?;
                f.write_str(")")
            }
            Self::Broken { source, why, before } => {
                write!(f, "credentials from the source `{source}` can't be used: {why}")?;
                if !before.is_empty() {
                    f.write_str(" (asked before: ")?;
                    list(f, before)?;
                    f.write_str(")")?;
                }
                Ok(())
            }
        }
    }
}

impl std::error::Error for CredentialsError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attempt_is_named() {
        let sought = |source, why: &str| SkippedSource { source, why: why.to_owned() };
        let absent =
            vec![sought(Source::Environment, "X is not set"), sought(Source::Uri, "Y is not set")];
        let error = CredentialsError::Absent(absent.clone());
        assert!(
            error
                .to_string()
                .ends_with("sources (environment: X is not set; credentials URI: Y is not set)")
        );
        let why = "no".to_owned();
        let error = CredentialsError::Broken { source: Source::Metadata, why, before: absent };
        assert_eq!(
            error.to_string(),
            "credentials from the source `ECS metadata` can't be used: no (asked before: \
             environment: X is not set; credentials URI: Y is not set)"
        );
    }
}
