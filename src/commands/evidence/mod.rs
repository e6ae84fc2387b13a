//! `evidence`: a bundle that proves what a run did, and its verification.
//!
//! [`record`] rebuilds a run from its input and its ledger, the same way for writing a bundle
//! ([`create`]) and for verifying one ([`verify`]). [`compare`] compares outcomes, [`actiontrail`]
//! matches revoked rows with the events of an export.

pub mod actiontrail;
pub mod compare;
pub mod create;
pub mod document;
pub mod record;
pub mod verify;

use crate::cli::evidence::EvidenceArgs;
use crate::exit::{Exit, Failure};

/// Writes a bundle, or verifies one.
pub async fn evidence(args: &EvidenceArgs) -> Result<Exit, Failure> {
    match &args.verify {
        Some(bundle) => verify::verify(bundle, args),
        None => create::create(args).await,
    }
}
