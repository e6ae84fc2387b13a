//! The private key: an OpenSSH file, or PKCS #8 in PEM.

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::pki_types::pem::PemObject as _;
use ssh_key::private::KeypairData;
use ssh_key::public::{Ed25519PublicKey, KeyData};
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, Signature, SshSig};
use std::fs;
use std::io;
use std::path::Path;
use zeroize::Zeroizing;

/// The first line of a key file of OpenSSH.
const OPENSSH: &str = "-----BEGIN OPENSSH PRIVATE KEY-----";

/// The key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("cannot read the key: {0}")]
    Unreadable(io::Error),
    /// The key has a passphrase.
    #[error(
        "the key has a passphrase, which this tool does not ask for: omit the key, and sign the file \
         with `ssh-keygen -Y sign`"
    )]
    Encrypted,
    /// It is not an Ed25519 key in a known format.
    #[error(
        "not an Ed25519 private key: {0}; make one with `ssh-keygen -t ed25519` or `openssl genpkey \
         -algorithm ed25519`"
    )]
    Invalid(String),
}

/// A private key. It does not print.
pub struct SigningKey(Ed25519KeyPair);

impl SigningKey {
    /// Reads a key file.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let text = fs::read_to_string(path).map(Zeroizing::new).map_err(KeyError::Unreadable)?;
        if text.trim_start().starts_with(OPENSSH) {
            return Self::from_openssh(&text);
        }
        let invalid = |what: &dyn std::fmt::Display| KeyError::Invalid(what.to_string());
        if text.contains("-----BEGIN ENCRYPTED PRIVATE KEY-----") {
            return Err(KeyError::Encrypted);
        }
        let der = PrivatePkcs8KeyDer::from_pem_slice(text.as_bytes());
        let der = der.map_err(|_| invalid(&"neither an OpenSSH nor a PEM (PKCS #8) file"))?;
        let pair = Ed25519KeyPair::from_pkcs8_maybe_unchecked(der.secret_pkcs8_der());
        pair.map(Self).map_err(|error| invalid(&error))
    }

    fn from_openssh(text: &str) -> Result<Self, KeyError> {
        let invalid = |what: &dyn std::fmt::Display| KeyError::Invalid(what.to_string());
        let key = PrivateKey::from_openssh(text.trim()).map_err(|error| invalid(&error))?;
        let pair = match key.key_data() {
            KeypairData::Ed25519(pair) => pair,
            KeypairData::Encrypted(_) => return Err(KeyError::Encrypted),
            _ => return Err(invalid(&format!("the file has a key for {}", key.algorithm()))),
        };
        let seed = Zeroizing::new(pair.private.to_bytes());
        let pair = Ed25519KeyPair::from_seed_and_public_key(&*seed, &pair.public.0);
        pair.map(Self).map_err(|error| invalid(&error))
    }

    /// Signs a message; the signature as `ssh-keygen -Y sign` writes it.
    pub fn sign(&self, namespace: &str, message: &[u8]) -> Result<String, ssh_key::Error> {
        let signed = SshSig::signed_data(namespace, HashAlg::Sha512, message)?;
        let signature = Signature::new(Algorithm::Ed25519, self.0.sign(&signed).as_ref())?;
        let signature = SshSig::new(self.public_key()?, namespace, HashAlg::Sha512, signature)?;
        signature.to_pem(LineEnding::LF)
    }

    fn public_key(&self) -> Result<KeyData, ssh_key::Error> {
        Ok(KeyData::Ed25519(Ed25519PublicKey::try_from(self.0.public_key().as_ref())?))
    }
}
