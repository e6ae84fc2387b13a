//! Whose keys sign the requests, and where they come from.
//!
//! The chain is that of the official SDKs (`credentials-go`, `providers/default.go`): environment,
//! OIDC, the CLI's `config.json`, the ini file, the metadata of an ECS instance, a URI. A source
//! that is *absent* passes on to the next; one that is present and *broken* stops the search and
//! says why, so that nobody revokes with other keys than the ones meant. The chain reads no
//! environment variable by itself: it is handed a snapshot, [`Environment`].

mod caller;
mod chain;
mod cli_file;
mod environment;
mod error;
mod ini;
mod keys;
mod metadata;
mod oidc;
mod process;
mod profile;
mod provider;
mod reply;
mod secret;
mod settings;
mod sts;
mod uri;
mod web;

#[cfg(test)]
mod provider_tests;
#[cfg(test)]
mod sources_tests;
#[cfg(test)]
mod stand_in;
#[cfg(test)]
mod testing;

pub use caller::{Caller, Identity};
pub use environment::Environment;
pub use error::{CredentialsError, Sought, Source};
pub use keys::Credentials;
pub use provider::Provider;
pub use secret::Secret;
pub use settings::{ChainSettings, METADATA_ADDRESS};
pub use web::parse_address;

pub(crate) use secret::redact;

/// The code under which a run that finds no usable keys stops.
pub const NO_CREDENTIALS: &str = "NoCredentials";
