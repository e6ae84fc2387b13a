//! Executes a plan: one dispatcher owns all state; workers take a request and return a reply.
//!
//! Pure functions of "now" and the events decide what a reply means, how long to wait and when to
//! give up. The engine has three interfaces to the outside:
//! [`Transport`](crate::api::transport::Transport), [`Journal`](crate::ledger::Journal) and a
//! clock. It reports what it does as [`events`].
//!
//! [`dispatcher`] has the loop and `send_queue` what is left to send; `decide` and `retry` say what a
//! reply means; `admission` says when a request may leave, by `fixed_rate_limiter` (`--rate`) and
//! `rate_controller` (the unknown quota), which `earlier_rate` starts on a resume.

pub mod admission;
pub mod breaker;
pub mod decide;
pub mod dispatcher;
pub(crate) mod earlier_rate;
pub mod events;
pub mod fail_over;
pub mod fixed_rate_limiter;
pub mod rate_controller;
pub mod retry;
pub mod send_queue;

pub use dispatcher::Engine;

use crate::api::error::{Class, classify};
use std::time::Duration;

/// The settings of a run.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The maximum rate of each operation, in requests per second.
    pub rate_per_s: f64,
    /// The maximum number of requests in flight.
    pub concurrency: usize,
    /// The maximum number of attempts per request or item, without throttled ones.
    pub max_attempts: u32,
    /// When to stop, from the start of the run. Grants that were not sent stay `unprocessed`.
    pub deadline: Option<Duration>,
    /// How many planned requests must succeed before the rest is sent.
    pub canary: Option<usize>,
    /// How much may fail before the run stops.
    pub fail_over: Option<fail_over::FailOver>,
    /// The seed of the jitter.
    pub seed: u64,
}

/// Why a run, or one operation of it, stopped early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopCause {
    /// The access key, its signature or its token was refused (exit 77).
    Credentials {
        /// The API's code.
        code: String,
        /// The API's message.
        message: String,
    },
    /// The caller may not call this operation; the others continue (exit 77).
    Permission {
        /// The operation's name.
        operation: &'static str,
        /// The API's code.
        code: String,
        /// The API's message.
        message: String,
    },
    /// Wrong address, region, version or instance (exit 78).
    Routing {
        /// The API's code.
        code: String,
        /// The API's message.
        message: String,
    },
    /// Consecutive requests were refused with the same code: something is wrong with all of them,
    /// such as the instance id (exit 78).
    RepeatedRefusal {
        /// The API's code.
        code: String,
        /// The API's message.
        message: String,
    },
    /// There are no usable keys to sign with (exit 77).
    NoCredentials {
        /// What is missing.
        message: String,
    },
    /// The run can't start: a file, an address or the network is not set up (exit 78).
    Setup {
        /// What is wrong.
        message: String,
    },
    /// The service did not answer for too long (exit 3).
    Unreachable {
        /// The error of the last attempt.
        message: String,
    },
    /// Not all requests of the canary succeeded (exit 3).
    Canary {
        /// Requests of the canary.
        requests: usize,
        /// Revocations in them.
        grants: usize,
        /// The statuses of the revocations that did not succeed, with their counts.
        unsuccessful: Vec<(crate::model::Status, usize)>,
    },
    /// Too many revocations failed (exit 3).
    FailOver {
        /// How many ended `failed` or `unknown`.
        failed: usize,
        /// How many were settled by then.
        settled: usize,
    },
    /// The service asks for a wait of more than an hour, and the run has no deadline (exit 3).
    LongWait {
        /// The operation's name.
        operation: &'static str,
        /// The wait.
        wait: Duration,
    },
    /// The deadline was exceeded (exit 3).
    Deadline,
    /// The run was asked to stop (exit 3).
    Signal,
    /// The ledger can no longer be written (exit 74).
    Journal(String),
    /// A request could not be built; a defect of this tool (exit 70).
    Internal(String),
}

impl StopCause {
    /// Whether it only explains why no more was sent, and is irrelevant once everything is settled.
    pub fn only_explains_unsent(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Canary { .. }
                | Self::FailOver { .. }
                | Self::LongWait { .. }
                | Self::Deadline
                | Self::Signal
        )
    }

    /// Whether the service refused the time of the requests, and so this machine's clock.
    pub fn is_clock_error(&self) -> bool {
        let is_expired = |code| classify(Some(code), 400) == Class::ExpiredTimestamp;
        matches!(self, Self::Credentials { code, .. } if is_expired(code))
    }
}

/// What the user at the terminal, or the operating system, asks of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Control {
    /// Continue.
    #[default]
    Run,
    /// Send nothing more, and wait for the answers of requests in flight.
    Drain,
    /// Stop at once; grants in flight are unknown.
    Abort,
}
