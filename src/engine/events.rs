//! What a run tells about itself while it goes on.

use super::StopCause;
use crate::ledger::AttemptState;
use crate::model::Operation;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// What a run finds to be done when it begins.
    Began {
        /// Requests that wait, by operation ([`Operation::index`]), what is left of earlier
        /// runs' requests included.
        waiting: [usize; Operation::ALL.len()],
        /// Grants that earlier runs have settled.
        settled: usize,
        /// Input rows of these grants.
        settled_rows: usize,
    },
    /// A request left.
    Sent {
        /// Which operation it was.
        operation: Operation,
        /// At how many a second that operation goes now, as the pace has it.
        pace_per_s: f64,
    },
    /// A reply is durable, and its grants have their verdicts as far as it tells.
    Settled {
        /// Which operation it was.
        operation: Operation,
        /// How the attempt ended.
        state: AttemptState,
        /// Grants settled so far, of the whole plan.
        settled: usize,
        /// Input rows of these grants.
        settled_rows: usize,
        /// How many of them failed or are unknown.
        failed: usize,
        /// Whether it was the end of a request that waited when the run began.
        planned_done: bool,
    },
    /// Items or a request will be tried again.
    Retrying {
        /// How many grants.
        grants: usize,
        /// After how long.
        delay: Duration,
        /// Why.
        code: String,
    },
    /// The service asks for a pause of one operation.
    Waiting {
        /// Which operation.
        operation: Operation,
        /// For how long.
        wait: Duration,
        /// When the operation continues, by the local clock.
        until: Timestamp,
    },
    /// The service seems to be down: sending pauses, then one request probes.
    Paused {
        /// For how long.
        pause: Duration,
        /// What the last attempt met.
        message: String,
    },
    /// The service answers again.
    Resumed,
    /// This machine's clock is off: requests are signed by the service's from now on.
    ClockCorrected {
        /// How far the service's clock is ahead of ours.
        ahead: SignedDuration,
    },
    /// Everything that was tried first succeeded: the rest follows.
    CanaryPassed {
        /// The requests that were tried.
        requests: usize,
        /// The revocations in them.
        grants: usize,
    },
    /// The run, or one operation, stops.
    Stopping(StopCause),
}
