//! What the chain is told.

use super::environment::Environment;
use reqwest::Url;
use std::path::PathBuf;

/// Where an ECS instance's metadata is served.
///
/// Source: "Instance metadata" of the ECS user guide; `credentials-go`, `ecs_ram_role.go`.
pub const METADATA_ADDRESS: &str = "http://100.100.100.200/";

/// Everything that decides which keys are found.
#[derive(Debug, Clone)]
pub struct ChainSettings {
    /// The environment's variables.
    pub environment: Environment,
    /// The home directory, below which the two files are looked for.
    pub home: Option<PathBuf>,
    /// A profile named on the command line: then only the two files are asked.
    pub profile: Option<String>,
    /// Where STS is asked, instead of its own addresses.
    pub sts_endpoint: Option<Url>,
    /// Where metadata is asked, instead of [`METADATA_ADDRESS`].
    pub metadata_endpoint: Option<Url>,
    /// The region whose STS is asked where neither profile nor environment name one; the global
    /// address where there is none here either.
    pub region: Option<String>,
    /// PEM certificates to trust besides the system's.
    pub ca_pem: Option<Vec<u8>>,
}

impl ChainSettings {
    /// The usual addresses, and no profile.
    pub fn new(environment: Environment, home: Option<PathBuf>) -> Self {
        Self {
            environment,
            home,
            profile: None,
            sts_endpoint: None,
            metadata_endpoint: None,
            region: None,
            ca_pem: None,
        }
    }
}
