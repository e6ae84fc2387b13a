//! Texts about a snapshot, and about what is missing in it.

use super::text::{count, length, things};
use crate::access::HeldTarget;
use crate::input::shown;
use std::fmt::Write as _;

/// Targets that a message names.
const NAMED: usize = 5;

/// The line about the cost of a snapshot.
pub fn cost(calls: usize, read_rate_per_s: f64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "a duration for people")]
    let seconds = calls as f64 / read_rate_per_s;
    format!(
        "Snapshot first: at least {}, about {} at {read_rate_per_s}/s",
        things(calls, "list call", "list calls"),
        length(seconds)
    )
}

/// What is missing in a snapshot of so many targets.
pub fn incomplete(missing: &[&HeldTarget], targets: usize) -> String {
    let mut out = format!(
        "the snapshot is incomplete: what was granted on {} of {} could not be read",
        count(missing.len() as u64),
        things(targets, "target", "targets")
    );
    for held in missing.iter().take(NAMED) {
        let key = &held.key;
        let (grantee, id) = (key.grantee.kind.name(), shown(&key.grantee.id));
        let (kind, target) = (key.kind, shown(&key.target));
        let reason = shown(held.reason.as_deref().unwrap_or_default());
        let _ = write!(out, "\n  {kind} {target} of {grantee} {id}: {reason}");
    }
    if let Some(more @ 1..) = missing.len().checked_sub(NAMED) {
        let _ = write!(out, "\n  and {} more", count(more as u64));
    }
    out
}
