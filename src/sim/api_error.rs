//! The error answer to a whole request, and the rules that a client can break.

use std::time::Duration;

use http::StatusCode;
use serde::{Deserialize, Serialize};

/// A rule that a client broke; the audit counts each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// More than ten targets, or more than ten accounts of one.
    Limit,
    /// A target, an account of one target, or a parameter was named twice.
    Duplicate,
    /// An empty list of targets or accounts, which could mean everything.
    EmptyList,
    /// A mandatory parameter was absent or blank.
    Missing,
    /// The request could not be parsed, or is no operation of this version.
    Malformed,
    /// An unknown access key.
    UnknownKey,
    /// The signature is wrong, incomplete, or does not cover a required part.
    BadSignature,
    /// A timestamp unreadable, or more than 15 minutes off.
    BadTimestamp,
    /// A nonce that was used before.
    NonceReuse,
    /// More requests than the quota allows.
    OverQuota,
}

/// How often each rule was broken. Poisoned ids and injected faults are no violations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violations {
    /// Requests with more than ten targets, or more than ten accounts of one.
    pub limits: u64,
    /// Requests that named a target, an account of one target, or a parameter twice.
    pub duplicates: u64,
    /// Requests with an empty list of targets or accounts.
    pub empty_lists: u64,
    /// Requests without a mandatory parameter.
    pub missing_parameters: u64,
    /// Requests that could not be read, or that are no operation of this version.
    pub malformed: u64,
    /// Requests with another access key than `testid`.
    pub unknown_keys: u64,
    /// Requests whose signature is wrong or incomplete.
    pub bad_signatures: u64,
    /// Requests whose timestamp is unreadable or more than 15 minutes off.
    pub bad_timestamps: u64,
    /// Requests that repeated a nonce.
    pub nonce_reuse: u64,
    /// Requests over the quota.
    pub over_quota: u64,
}

impl Violations {
    /// Counts one.
    pub fn add(&mut self, violation: Violation) {
        let count = match violation {
            Violation::Limit => &mut self.limits,
            Violation::Duplicate => &mut self.duplicates,
            Violation::EmptyList => &mut self.empty_lists,
            Violation::Missing => &mut self.missing_parameters,
            Violation::Malformed => &mut self.malformed,
            Violation::UnknownKey => &mut self.unknown_keys,
            Violation::BadSignature => &mut self.bad_signatures,
            Violation::BadTimestamp => &mut self.bad_timestamps,
            Violation::NonceReuse => &mut self.nonce_reuse,
            Violation::OverQuota => &mut self.over_quota,
        };
        *count += 1;
    }
}

/// How a throttled client is told when to retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hint {
    /// `x-acs-retry-after: 200`, in milliseconds.
    RetryAfter(Duration),
    /// `x-ratelimit-user-api: Limit:1,Remain:0,TimeLeft:200`, the older header.
    RateLimit(Duration),
}

/// An error answer to a whole request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) hint: Option<Hint>,
    pub(super) violation: Option<Violation>,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.to_owned(), message: message.into(), hint: None, violation: None }
    }

    /// HTTP 400, the most common status of a error.
    pub(super) fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// `InvalidParameter` with the API's message and the broken rule.
    pub(super) fn invalid(violation: Violation, what: &str) -> Self {
        Self::bad("InvalidParameter", format!("The argument is invalid. {what}"))
            .with_violation(violation)
    }

    /// `MissingInstanceId` and similar codes.
    pub(super) fn missing(parameter: &str) -> Self {
        let message = format!("{parameter} is mandatory for this action.");
        Self::bad(&format!("Missing{parameter}"), message).with_violation(Violation::Missing)
    }

    /// `Throttling.User`, which the API sends with HTTP 400.
    pub(super) fn throttled(hint: Option<Hint>) -> Self {
        let message = "Request was denied due to user flow control.";
        Self { hint, ..Self::bad("Throttling.User", message) }
    }

    pub(super) fn with_violation(mut self, violation: Violation) -> Self {
        self.violation = Some(violation);
        self
    }
}
