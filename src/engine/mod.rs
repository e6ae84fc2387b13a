//! Carrying a plan out: one dispatcher owns all state; workers take a request and return a reply.
//!
//! What to do about a reply, how long to wait, when to give up: all of that is decided by pure
//! functions of "now" and what happened. The engine meets the world through
//! [`Transport`](crate::api::transport::Transport), [`Journal`](crate::ledger::Journal) and a
//! clock, and tells what it does by [`events`].

pub mod admission;
pub mod breaker;
pub mod decide;
pub mod dispatcher;
pub mod events;
pub mod fail_over;
pub mod fixed_rate_limiter;
pub mod rate_controller;
pub mod retry;
pub mod send_queue;

pub use dispatcher::Engine;

use crate::api::error::{Class, classify};
use std::time::Duration;

/// How a run is to be carried out.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// The most requests a second, of each operation.
    pub rate_per_s: f64,
    /// The most requests under way at once.
    pub concurrency: usize,
    /// The most attempts of a request or item, throttled ones not counted.
    pub max_attempts: u32,
    /// When to stop with what was not sent left `unprocessed`, from the start of the run.
    pub deadline: Option<Duration>,
    /// How many planned requests are tried, and must succeed, before all others are sent.
    pub canary: Option<usize>,
    /// How much may fail before the run stops.
    pub fail_over: Option<fail_over::FailOver>,
    /// Where the jitter of waits comes from.
    pub seed: u64,
}

/// Why a run, or one operation of it, stopped before its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopCause {
    /// The access key, its signature or its token was refused (exit 77).
    Credentials {
        /// The API's code.
        code: String,
        /// The API's message.
        message: String,
    },
    /// The caller may not call this operation; the others go on (exit 77).
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
    /// Requests were refused alike, one after the other: something is wrong with all of them,
    /// such as the instance id (exit 78).
    RefusedAlike {
        /// The API's code.
        code: String,
        /// The API's message.
        message: String,
    },
    /// There are no keys to sign with, or broken ones (exit 77).
    NoCredentials {
        /// What is missing.
        message: String,
    },
    /// The run can't begin: a file, an address or the network is not set up (exit 78).
    Setup {
        /// What is wrong.
        message: String,
    },
    /// The service answered nothing for too long (exit 3).
    Unreachable {
        /// What the last attempt met.
        message: String,
    },
    /// Not everything that was tried first succeeded (exit 3).
    Canary {
        /// The requests that were tried.
        requests: usize,
        /// The revocations in them.
        grants: usize,
        /// What became of those that did not succeed, and of how many.
        amiss: Vec<(crate::model::Status, usize)>,
    },
    /// Too many revocations failed (exit 3).
    FailOver {
        /// How many ended `failed` or `unknown`.
        failed: usize,
        /// Of how many that were settled by then.
        settled: usize,
    },
    /// The service asks for a wait of more than an hour, and the run has no deadline (exit 3).
    LongWait {
        /// The operation's name.
        operation: &'static str,
        /// The wait.
        wait: Duration,
    },
    /// The time set for the run was over (exit 3).
    Deadline,
    /// Somebody asked it to stop (exit 3).
    Signal,
    /// What happened can't be written down any more (exit 74).
    Journal(String),
    /// A request could not be built; a defect of this tool (exit 70).
    Internal(String),
}

impl StopCause {
    /// Whether it only says that no more was sent, so that it says nothing once all is settled.
    pub fn is_about_the_rest(&self) -> bool {
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

    /// Whether what the service refused is the time of the requests, and so this machine's clock.
    pub fn is_about_the_clock(&self) -> bool {
        let is_expired = |code| classify(Some(code), 400) == Class::ExpiredTimestamp;
        matches!(self, Self::Credentials { code, .. } if is_expired(code))
    }
}

/// What somebody at the terminal, or the operating system, asks of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Control {
    /// Go on.
    #[default]
    Run,
    /// Send nothing more, and let what is under way be answered.
    Drain,
    /// Stop at once; what is under way stays unknown.
    Abort,
}
