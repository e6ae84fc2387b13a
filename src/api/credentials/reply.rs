//! The format of temporary keys from STS, the metadata service and URIs.

use super::error::SourceError;
use super::keys::SourceKeys;
use super::secret::Secret;
use jiff::Timestamp;
use serde::Deserialize;

/// `{"AccessKeyId", "AccessKeySecret", "SecurityToken", "Expiration", "Code"}`.
///
/// Source: `AssumeRole` of the STS documentation; `credentials-go`, `ecs_ram_role.go`, `uri.go`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Issued {
    /// `Success`, if present.
    code: Option<String>,
    #[serde(default)]
    access_key_id: String,
    #[serde(default)]
    access_key_secret: Secret,
    #[serde(default)]
    security_token: Secret,
    #[serde(default)]
    expiration: String,
}

impl Issued {
    /// The keys, if they are complete and have not expired. `place` names their origin in errors.
    pub(super) fn found(self, place: &str, now: Timestamp) -> Result<SourceKeys, SourceError> {
        if let Some(code) = self.code.filter(|code| !code.eq_ignore_ascii_case("Success")) {
            return Err(SourceError::broken(format!("{place} says {}", word(&code))));
        }
        if self.security_token.is_empty() {
            return Err(SourceError::broken(format!("{place}: the security token is missing")));
        }
        let expires_at = expiration(place, &self.expiration)?;
        let token = Some(self.security_token);
        SourceKeys::keys(place, self.access_key_id, self.access_key_secret, token)?.until(
            place,
            Some(expires_at),
            now,
        )
    }
}

/// Reads `2026-01-02T03:04:05Z`.
pub(super) fn expiration(place: &str, text: &str) -> Result<Timestamp, SourceError> {
    text.parse().map_err(|_| {
        let example = "such as 2026-01-02T03:04:05Z";
        SourceError::broken(format!("{place}: the expiration is missing or not a time {example}"))
    })
}

/// A code of the service, if it looks like one.
pub(super) fn word(code: &str) -> &str {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if !code.is_empty() && code.len() <= 64 && code.bytes().all(is_plain) {
        code
    } else {
        "something that is not a code"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::credentials::testing::{ISSUED, broken, now};
    use crate::api::credentials::web::json;

    fn read(text: &str) -> Result<SourceKeys, SourceError> {
        json::<Issued>("it", text.as_bytes())?.found("it", now())
    }

    #[test]
    fn whole_keys_are_read() {
        let found = read(ISSUED).unwrap();
        assert_eq!(found.credentials.access_key_id, "testid2");
        assert_eq!(found.expires_at.unwrap().to_string(), "2026-01-02T04:04:05Z");
    }

    #[test]
    fn every_error_is_named_without_a_secret() {
        for (from, to, what) in [
            ("Success", "Failed", "says Failed"),
            ("Success", "no <b>code</b>", "not a code"),
            ("testtoken2", "", "security token is missing"),
            ("testid2", "", "access key id is missing"),
            ("testsecret2", "", "access key secret is missing"),
            ("testsecret2", "testsecret2 x", "white space"),
            ("2026-01-02T04:04:05Z", "soon", "not a time"),
            ("2026-01-02T04:04:05Z", "2026-01-02T03:04:05Z", "expired at"),
        ] {
            let why = broken(read(&ISSUED.replace(from, to)));
            assert!(why.contains(what), "{why}");
            assert!(!why.contains("testsecret2") && !why.contains("testtoken2"), "{why}");
        }
    }
}
