//! Settings of requests: where they are sent, how they are signed, and how fast.

use crate::api::sign::Scheme;
use crate::cli::{RequestArgs, SignatureName};
use crate::engine;
use reqwest::Url;
use std::path::PathBuf;
use std::time::Duration;

/// The default of `--rate`.
const DEFAULT_RATE_PER_S: f64 = 10.0;

/// How requests are sent.
#[derive(Debug, Clone)]
pub struct RequestSettings {
    /// The endpoint; `None` for that of each region.
    pub endpoint: Option<Url>,
    /// The simulated service of a rehearsal: nothing else is called, and only with its test key.
    pub simulated: Option<Url>,
    /// The signature method.
    pub signature: Scheme,
    /// The timeout of one attempt.
    pub timeout: Duration,
    /// Certificates to trust in addition to the system's.
    pub ca_file: Option<PathBuf>,
    /// Maximum list and read operations per second.
    pub read_rate_per_s: f64,
    /// The credential profile.
    pub credential_profile: Option<String>,
    /// Rate, concurrency, attempts and limits of the engine.
    pub engine: engine::Settings,
}

impl RequestSettings {
    /// Settings without a deadline, a canary or a failure limit; `seed` is that of the jitter.
    pub fn settle(args: &RequestArgs, seed: u64) -> Self {
        Self {
            endpoint: args.endpoint.clone(),
            simulated: args.simulated.clone(),
            signature: match args.signature {
                SignatureName::V1 => Scheme::V1,
                SignatureName::Acs3 => Scheme::Acs3,
            },
            timeout: args.timeout,
            ca_file: args.ca_file.clone(),
            read_rate_per_s: args.read_rate,
            credential_profile: args.credential_profile.clone(),
            engine: engine::Settings {
                rate_per_s: args.rate.rate,
                concurrency: args.concurrency as usize,
                max_attempts: args.max_attempts,
                deadline: None,
                canary: None,
                fail_over: None,
                seed,
            },
        }
    }

    /// Settings of a process that collects results and sends nothing itself.
    pub fn of_collect(deadline: Option<Duration>) -> Self {
        Self {
            endpoint: None,
            simulated: None,
            signature: Scheme::V1,
            timeout: Duration::ZERO,
            ca_file: None,
            read_rate_per_s: DEFAULT_RATE_PER_S,
            credential_profile: None,
            engine: engine::Settings {
                rate_per_s: DEFAULT_RATE_PER_S,
                concurrency: 1,
                max_attempts: 1,
                deadline,
                canary: None,
                fail_over: None,
                seed: 0,
            },
        }
    }
}
