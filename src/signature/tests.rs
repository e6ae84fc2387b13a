//! Signatures that hold, and all sorts that do not. `tests/it/evidence.rs` has the real `ssh-keygen`.

use super::{EVIDENCE, KeyError, SignatureError, SigningKey, TrustedKeys, verify};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ring::rand::SystemRandom;
use ring::signature::Ed25519KeyPair;
use std::io::Write as _;

fn key() -> SigningKey {
    let der = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
    let body = BASE64_STANDARD.encode(der.as_ref());
    read(&format!("-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n")).unwrap()
}

fn read(text: &str) -> Result<SigningKey, KeyError> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    SigningKey::read(file.path())
}

#[test]
fn a_signature_holds_for_its_content_its_purpose_and_its_key_only() {
    let (key, other) = (key(), key());
    let signature = key.sign(EVIDENCE, b"content").unwrap();
    let signer = verify(&signature, EVIDENCE, b"content", None).unwrap();
    assert!(signer.key.starts_with("SHA256:") && signer.trusted_as.is_none(), "{signer:?}");
    assert_eq!(
        verify(&signature, EVIDENCE, b"Content", None),
        Err(SignatureError::Mismatch),
        "other content"
    );
    let wrong = verify(&signature, "file", b"content", None);
    assert!(matches!(wrong, Err(SignatureError::OtherNamespace { .. })), "{wrong:?}");
    let foreign = other.sign(EVIDENCE, b"content").unwrap();
    assert_ne!(verify(&foreign, EVIDENCE, b"content", None).unwrap().key, signer.key);
    for text in ["", "x", "-----BEGIN SSH SIGNATURE-----\nU1NIU0lH\n-----END SSH SIGNATURE-----"] {
        let error = verify(text, EVIDENCE, b"content", None).unwrap_err();
        assert!(matches!(error, SignatureError::Invalid(_)), "{text}");
    }
}

#[test]
fn a_changed_signature_is_refused_or_still_the_same_one() {
    let signature = key().sign(EVIDENCE, b"content").unwrap();
    let signer = verify(&signature, EVIDENCE, b"content", None).unwrap();
    let mut refused = 0;
    for at in 0..signature.len() {
        let mut changed = signature.clone().into_bytes();
        changed[at] ^= 1;
        let Ok(changed) = String::from_utf8(changed) else { continue };
        match verify(&changed, EVIDENCE, b"content", None) {
            Err(_) => refused += 1,
            // A line end, or a length of a field that ends where it ended before.
            Ok(same) => assert_eq!(same, signer, "{at}: {changed}"),
        }
    }
    assert!(refused > signature.len() * 9 / 10, "{refused} of {}", signature.len());
}

#[test]
fn a_file_that_is_no_key_is_refused_with_the_reason() {
    for (text, says) in [
        ("", "neither an OpenSSH nor a PEM"),
        ("-----BEGIN ENCRYPTED PRIVATE KEY-----\n", "the key has a passphrase"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\nAA==\n-----END OPENSSH PRIVATE KEY-----\n",
            "not an",
        ),
        ("-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n", "not an Ed25519"),
    ] {
        let error = read(text).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(says), "{text}: {error}");
    }
    assert!(TrustedKeys::parse("").is_err() && TrustedKeys::parse("ssh-ed25519 x").is_err());
}
