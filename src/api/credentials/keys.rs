//! A key pair and its origin.

use super::error::SourceError;
use super::secret::Secret;
use jiff::Timestamp;
use std::sync::Arc;

/// The role of temporary keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Role {
    /// Assumed at STS, by its ARN.
    Arn(String),
    /// An ECS instance's, by its name.
    Instance(String),
}

/// A key pair; temporary ones have a security token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Identifies the key; not secret, but private.
    pub access_key_id: String,
    /// The signing key.
    pub access_key_secret: Secret,
    /// Sent with temporary keys from STS.
    pub security_token: Option<Secret>,
}

impl Credentials {
    /// The texts that must not appear in any output.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.security_token.iter().chain([&self.access_key_secret])
    }
}

/// The keys of a source.
#[derive(Debug, Clone)]
pub(super) struct SourceKeys {
    pub(super) credentials: Arc<Credentials>,
    /// When they expire; `None` for permanent keys.
    pub(super) expires_at: Option<Timestamp>,
    /// The profile of the file, if there is one.
    pub(super) profile: Option<String>,
    /// The role that they act in, if known.
    pub(super) role: Option<Role>,
}

impl SourceKeys {
    /// Permanent keys, if they are usable. `place` names their origin in errors.
    pub(super) fn keys(
        place: &str,
        access_key_id: String,
        access_key_secret: Secret,
        security_token: Option<Secret>,
    ) -> Result<Self, SourceError> {
        let security_token = security_token.filter(|token| !token.is_empty());
        let parts = [
            ("the access key id", access_key_id.as_str()),
            ("the access key secret", access_key_secret.expose()),
            ("the security token", security_token.as_ref().map_or("t", Secret::expose)),
        ];
        for (name, text) in parts {
            if text.is_empty() {
                return Err(SourceError::broken(format!("{place}: {name} is missing")));
            }
            if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(SourceError::broken(format!(
                    "{place}: {name} holds white space or other characters that no key has"
                )));
            }
        }
        let credentials = Credentials { access_key_id, access_key_secret, security_token };
        Ok(Self { credentials: Arc::new(credentials), expires_at: None, profile: None, role: None })
    }

    /// The same keys until `expires_at`; an error if that time has passed.
    pub(super) fn until(
        self,
        place: &str,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, SourceError> {
        if let Some(past) = expires_at.filter(|end| *end <= now) {
            return Err(SourceError::broken(format!("{place}: the keys expired at {past}")));
        }
        Ok(Self { expires_at, ..self })
    }
}
