//! Text that is never shown.

use crate::api::sign::percent_encode;
use serde::{Deserialize, Deserializer};
use zeroize::Zeroizing;

/// Text that never prints: erased from memory when dropped, redacted in debug output.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret.
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself, only for signing and sending.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("(redacted)")
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}

/// `message` without these secrets, plain or percent-encoded once or twice. A service repeats the
/// signed text, which contains the security token.
pub(crate) fn redact<'a>(
    mut message: String,
    secrets: impl IntoIterator<Item = &'a Secret>,
) -> String {
    for secret in secrets {
        let once = Zeroizing::new(percent_encode(secret.expose()));
        let twice = Zeroizing::new(percent_encode(&once));
        for form in [secret.expose(), &*once, &*twice] {
            if !form.is_empty() && message.contains(form) {
                message = message.replace(form, "(redacted)");
            }
        }
    }
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print_and_is_found_in_every_encoding() {
        let secret = Secret::new("test/secret=".to_owned());
        assert_eq!(format!("{secret:?} {secret:#?}"), "(redacted) (redacted)");
        let message = "a test/secret= b test%2Fsecret%3D c test%252Fsecret%253D".to_owned();
        assert_eq!(redact(message, [&secret]), "a (redacted) b (redacted) c (redacted)");
        assert_eq!(redact("as it is".to_owned(), [&Secret::default()]), "as it is");
    }
}
