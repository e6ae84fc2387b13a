//! Whose keys sign the requests.

mod env;

pub use env::from_environment;

use zeroize::Zeroizing;

/// Text that never prints: wiped from memory when dropped, redacted in every debug output.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret over.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself, for signing and sending only.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(redacted)")
    }
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

/// No credentials, or broken ones (exit 77).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// Nothing is set.
    #[error(
        "no credentials: set ALIBABA_CLOUD_ACCESS_KEY_ID and ALIBABA_CLOUD_ACCESS_KEY_SECRET \
         (and ALIBABA_CLOUD_SECURITY_TOKEN for temporary keys)"
    )]
    Absent,
    /// Half a key pair, or one that can't be sent.
    #[error("credentials in the environment: {variable} {what}")]
    Broken {
        /// The variable at fault.
        variable: &'static str,
        /// What is wrong with it.
        what: &'static str,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        let credentials = Credentials {
            access_key_id: "testid".to_owned(),
            access_key_secret: Secret::new("testsecret".to_owned()),
            security_token: Some(Secret::new("testtoken".to_owned())),
        };
        let printed = format!("{credentials:?} {credentials:#?}");
        assert!(!printed.contains("testsecret") && !printed.contains("testtoken"), "{printed}");
    }
}
