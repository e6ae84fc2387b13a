//! Options of `evidence`.

use clap::{Args, ValueHint};
use std::path::PathBuf;

/// `evidence`
#[derive(Debug, Clone, Args)]
pub struct EvidenceArgs {
    /// Outcome file of the run; the files beside it are read
    #[arg(
        value_name = "OUTCOME",
        default_value = "outcome.csv",
        value_hint = ValueHint::FilePath,
        conflicts_with = "verify"
    )]
    pub outcome: PathBuf,
    /// The bundle to be written
    #[arg(
        long,
        value_name = "FILE",
        default_value = "evidence.zip",
        value_hint = ValueHint::AnyPath,
        conflicts_with = "verify"
    )]
    pub out: PathBuf,
    /// Sign the bundle with this Ed25519 key: an OpenSSH file or PEM (PKCS #8), without a passphrase
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "verify")]
    pub sign_key: Option<PathBuf>,
    /// Match each revoked row with its event in this export of ActionTrail (JSON); can be repeated
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "verify")]
    pub actiontrail: Vec<PathBuf>,
    /// Verify this bundle, without the network, and recompute its outcome
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub verify: Option<PathBuf>,
    /// Public keys, as in a .pub file; the bundle must be signed by one of them
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, requires = "verify")]
    pub trusted_keys: Option<PathBuf>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}
