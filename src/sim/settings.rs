//! The settings of the service.

use std::num::NonZeroU32;
use std::time::Duration;

use super::audit::AuditLimits;
use super::faults::Faults;
use super::grants::Grants;
use super::world::World;

/// Any id that starts with this is refused with the whole request that names it.
pub const POISON_PREFIX: &str = "poison";

/// The settings of a [`super::Service`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// The existing grants. Ignored if there is a world, which has its own.
    pub grants: Grants,
    /// The objects that read operations list and writes change. Without a world only grants can be
    /// changed, and reads are refused.
    pub world: Option<World>,
    /// Requests per second of each operation; nothing for no limit.
    pub quota: Option<NonZeroU32>,
    /// Decides, with the requests, when faults are injected.
    pub seed: u64,
    /// The faults and their probabilities.
    pub faults: Faults,
    /// Ids that are refused with the whole request that names them, besides those that start
    /// with [`POISON_PREFIX`].
    pub poison: Vec<String>,
    /// The wait that an injected throttling asks for.
    pub retry_after: Duration,
    /// The delay of a `slow-answer`.
    pub slow: Duration,
    /// The bounds of the audit.
    pub audit_limits: AuditLimits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            grants: Grants::on_demand(),
            world: None,
            quota: None,
            seed: 0,
            faults: Faults::default(),
            poison: Vec::new(),
            retry_after: Duration::from_millis(200),
            slow: Duration::from_secs(2),
            audit_limits: AuditLimits::default(),
        }
    }
}
