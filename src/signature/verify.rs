//! Checks signatures, and whose they are.

use ring::signature::{ED25519, UnparsedPublicKey};
use ssh_key::authorized_keys::AuthorizedKeys;
use ssh_key::public::KeyData;
use ssh_key::{HashAlg, SshSig};

/// Whose signature it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signer {
    /// The fingerprint of the key, as `ssh-keygen -l` shows it: `SHA256:...`.
    pub key: String,
    /// The comment of the key in the file of trusted keys; `None` if no such file was given.
    pub trusted_as: Option<String>,
}

/// A signature does not hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// It is not a signature of a known kind.
    #[error("not an Ed25519 signature of OpenSSH: {0}")]
    Invalid(String),
    /// It was made for another purpose.
    #[error("the signature was made for the namespace {found}, not for {expected}")]
    OtherNamespace {
        /// The namespace of the signature.
        found: String,
        /// The one that is needed.
        expected: String,
    },
    /// The content is not what was signed.
    #[error("the signature does not match: the content was changed after it was signed")]
    Mismatch,
    /// The key is not among the trusted ones.
    #[error("signed by the key {0}, which is not among the trusted keys")]
    NotTrusted(String),
}

/// Public keys that are trusted.
#[derive(Debug, Clone, Default)]
pub struct TrustedKeys(Vec<(KeyData, String)>);

impl TrustedKeys {
    /// Reads keys from the text of a `.pub` file, or of a file with one such line for each key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut keys = Vec::new();
        for entry in AuthorizedKeys::new(text) {
            let entry = entry.map_err(|error| {
                format!("not a list of public keys, as in a .pub file of ssh-keygen: {error}")
            })?;
            let key = entry.public_key();
            keys.push((key.key_data().clone(), key.comment().to_owned()));
        }
        if keys.is_empty() {
            return Err("there is no public key in it".to_owned());
        }
        Ok(Self(keys))
    }
}

/// Checks a signature of a message. With `trusted`, its key must be one of them.
pub fn verify(
    signature: &str,
    namespace: &str,
    message: &[u8],
    trusted: Option<&TrustedKeys>,
) -> Result<Signer, SignatureError> {
    let invalid = |what: &dyn std::fmt::Display| SignatureError::Invalid(what.to_string());
    let signature = SshSig::from_pem(signature.trim()).map_err(|error| invalid(&error))?;
    if signature.namespace() != namespace {
        return Err(SignatureError::OtherNamespace {
            found: signature.namespace().to_owned(),
            expected: namespace.to_owned(),
        });
    }
    let KeyData::Ed25519(public) = signature.public_key() else {
        return Err(invalid(&format!("its algorithm is {}", signature.algorithm())));
    };
    let signed = SshSig::signed_data(namespace, signature.hash_alg(), message);
    let signed = signed.map_err(|error| invalid(&error))?;
    UnparsedPublicKey::new(&ED25519, public.0)
        .verify(&signed, signature.signature_bytes())
        .map_err(|_| SignatureError::Mismatch)?;
    let key = signature.public_key().fingerprint(HashAlg::Sha256).to_string();
    let trusted_as = match trusted {
        None => None,
        Some(TrustedKeys(keys)) => {
            let known = keys.iter().find(|(known, _)| known == signature.public_key());
            let known = known.ok_or_else(|| SignatureError::NotTrusted(key.clone()))?;
            Some(known.1.clone())
        }
    };
    Ok(Signer { key, trusted_as })
}
