//! How the service behaves, settled before it starts.

use std::num::NonZeroU32;
use std::time::Duration;

use super::audit::Kept;
use super::faults::Faults;
use super::grants::Grants;

/// Any id that starts with this is refused with the whole request that names it.
pub const POISON_PREFIX: &str = "poison";

/// How the service behaves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The grants there are.
    pub grants: Grants,
    /// Requests per second of each operation; nothing for no limit.
    pub quota: Option<NonZeroU32>,
    /// Decides, with the requests, when faults strike.
    pub seed: u64,
    /// What can go wrong, and how probably.
    pub faults: Faults,
    /// Ids that are refused with the whole request that names them, besides those that start
    /// with [`POISON_PREFIX`].
    pub poison: Vec<String>,
    /// The wait that an injected throttling asks for.
    pub retry_after: Duration,
    /// How late a `slow-answer` is.
    pub slow: Duration,
    /// How much the audit keeps.
    pub kept: Kept,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            grants: Grants::on_demand(),
            quota: None,
            seed: 0,
            faults: Faults::default(),
            poison: Vec::new(),
            retry_after: Duration::from_millis(200),
            slow: Duration::from_secs(2),
            kept: Kept::default(),
        }
    }
}
