//! Ed25519 signatures in the format of OpenSSH (`SSHSIG`), which `ssh-keygen -Y verify` checks
//! without this tool, and keys as `ssh-keygen` and `openssl` write them.
//!
//! The namespace says what a signature is for, so that a signature of one thing is no signature of
//! another.

mod key;
mod verify;

pub use key::{KeyError, SigningKey};
pub use verify::{SignatureError, Signer, TrustedKeys, verify};

/// The namespace of signatures of evidence bundles.
pub const EVIDENCE: &str = "bastion-revoke-evidence";

/// The namespace of signatures of saved plans.
pub const APPROVAL: &str = "bastion-revoke-approval";

#[cfg(test)]
mod tests;
