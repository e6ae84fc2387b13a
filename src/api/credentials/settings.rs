//! The settings of the chain.

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
    /// The home directory with the two files.
    pub home: Option<PathBuf>,
    /// The profile named on the command line; with it, only the two files are asked.
    pub profile: Option<String>,
    /// The address of STS, instead of its own addresses.
    pub sts_endpoint: Option<Url>,
    /// The address of the metadata service, instead of [`METADATA_ADDRESS`].
    pub metadata_endpoint: Option<Url>,
    /// The region of STS if neither profile nor environment name one; without any, the global
    /// address is used.
    pub region: Option<String>,
    /// PEM certificates to trust besides the system's.
    pub ca_pem: Option<Vec<u8>>,
}

impl ChainSettings {
    /// The default addresses, without a profile.
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
