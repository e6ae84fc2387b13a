//! A key pair, and where one was found.

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

/// A key pair, with a security token where it is a temporary one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Names the key; not secret, but nobody else's business either.
    pub access_key_id: String,
    /// Signs.
    pub access_key_secret: Secret,
    /// Sent along with temporary keys from STS.
    pub security_token: Option<Secret>,
}

impl Credentials {
    /// What must not appear in anything that prints.
    pub(crate) fn secrets(&self) -> impl Iterator<Item = &Secret> {
        self.security_token.iter().chain([&self.access_key_secret])
    }
}

/// Keys as a source gave them.
#[derive(Debug, Clone)]
pub(super) struct SourceKeys {
    pub(super) credentials: Arc<Credentials>,
    /// When they end; nothing for keys that last.
    pub(super) expires_at: Option<Timestamp>,
    /// The profile of the file, where there is one.
    pub(super) profile: Option<String>,
    /// The role that they act in, as far as it is known here.
    pub(super) role: Option<Role>,
}

impl SourceKeys {
    /// Keys that last, once they are seen to be usable. `place` names where they stand.
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

    /// The same keys until `expires_at`; an end that has passed makes them useless.
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
