//! The caller's identity, as far as it is known without a request.

use super::error::Source;
use super::keys::{Role, SourceKeys};
use crate::clock::utc_seconds;
use serde::Serialize;

/// The owner and source of the keys; contains no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Caller {
    /// The source's name: [`Source::name`].
    pub source: &'static str,
    /// The profile or section of the file that was read.
    pub profile: Option<String>,
    /// The access key id, with all but its first and last characters hidden.
    pub access_key_id: String,
    /// The ARN of the role that was assumed.
    pub role_arn: Option<String>,
    /// The role of the ECS instance.
    pub instance_role: Option<String>,
    /// Whether the keys are temporary, with a security token.
    pub temporary: bool,
    /// When they expire, such as `2026-01-02T03:04:05Z`, if known.
    pub expires_at: Option<String>,
}

impl Caller {
    pub(super) fn new(source: Source, found: &SourceKeys) -> Self {
        let role = found.role.as_ref();
        Self {
            source: source.name(),
            profile: found.profile.clone(),
            access_key_id: masked(&found.credentials.access_key_id),
            role_arn: role.and_then(|role| match role {
                Role::Arn(arn) => Some(arn.clone()),
                Role::Instance(_) => None,
            }),
            instance_role: role.and_then(|role| match role {
                Role::Instance(name) => Some(name.clone()),
                Role::Arn(_) => None,
            }),
            temporary: found.credentials.security_token.is_some(),
            expires_at: found.expires_at.map(utc_seconds),
        }
    }
}

/// The caller's identity according to STS (`GetCallerIdentity`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// The number of the Alibaba Cloud account.
    pub account_id: String,
    /// The caller's ARN.
    pub arn: String,
    /// `Account`, `RAMUser` or `AssumedRoleUser`.
    pub identity_type: String,
    /// The id of a RAM user; blank if the answer has none.
    pub user_id: String,
}

/// Enough to recognise a key, and too little to identify it: the first four and last two
/// characters.
fn masked(id: &str) -> String {
    let chars: Vec<char> = id.chars().collect();
    let (head, tail) = if chars.len() >= 12 { (4, 2) } else { (2, 0) };
    let head: String = chars.iter().take(head).collect();
    let tail: String = chars[chars.len() - tail.min(chars.len())..].iter().collect();
    format!("{head}****{tail}")
}

#[cfg(test)]
mod tests {
    use super::masked;

    #[test]
    fn a_key_id_is_masked_but_recognisable() {
        assert_eq!(masked("testkeyid0123456"), "test****56");
        assert_eq!(masked("testid"), "te****");
        assert_eq!(masked(""), "****");
    }
}
