//! The events of a run, which reporters print.

use super::StopCause;
use crate::ledger::AttemptState;
use crate::model::Operation;
use jiff::{SignedDuration, Timestamp};
use std::time::Duration;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The run starts.
    Started {
        /// Requests to send, by operation ([`Operation::index`]), including the remainders of
        /// earlier runs' requests.
        waiting: [usize; Operation::ALL.len()],
        /// Grants that earlier runs settled.
        settled: usize,
        /// Input rows of these grants.
        settled_rows: usize,
        /// The rate at which each operation starts, in requests per second, where it is known.
        pace_per_s: Option<[f64; Operation::ALL.len()]>,
    },
    /// A request was sent.
    Sent {
        /// Its operation.
        operation: Operation,
        /// The current rate of that operation, in requests per second.
        pace_per_s: f64,
    },
    /// A reply is durable, and the verdicts of its grants are updated.
    Settled {
        /// The operation of the request.
        operation: Operation,
        /// How the attempt ended.
        state: AttemptState,
        /// Grants settled so far, of the whole plan.
        settled: usize,
        /// Input rows of these grants.
        settled_rows: usize,
        /// How many of them failed or are unknown.
        failed: usize,
        /// Whether it completes a request that was waiting when the run started.
        planned_done: bool,
    },
    /// A request or some of its items will be retried.
    Retrying {
        /// The number of grants.
        grants: usize,
        /// The delay before the retry.
        delay: Duration,
        /// The code of the failure.
        code: String,
    },
    /// The service asks for a pause of one operation.
    Waiting {
        /// The operation.
        operation: Operation,
        /// The length of the pause.
        wait: Duration,
        /// When the operation continues, by the local clock.
        until: Timestamp,
    },
    /// The service seems to be down. Sending pauses, then one request probes.
    Paused {
        /// The length of the pause.
        pause: Duration,
        /// The error of the last attempt.
        message: String,
    },
    /// The service answers again.
    Resumed,
    /// The local clock is off. Requests are now signed with the service's time.
    ClockCorrected {
        /// How far the service's clock is ahead of ours.
        ahead: SignedDuration,
    },
    /// All requests of the canary succeeded; the rest follows.
    CanaryPassed {
        /// Requests of the canary.
        requests: usize,
        /// Revocations in them.
        grants: usize,
    },
    /// The run, or one operation, stops.
    Stopping(StopCause),
}
