//! Credentials: sources of access keys, in the order of the official SDKs.
//!
//! `chain` asks the sources in order (`credentials-go`, `providers/default.go`): `environment`,
//! `oidc`, the CLI's `config.json` (`cli_file`, `profile`), the ini file (`ini`), the
//! metadata of an ECS instance (`metadata`), a URI (`uri`). An *absent* source is skipped; a
//! *broken* one ends the search with its reason, so that no other keys are used than the intended
//! ones. Sources get a `context` with a snapshot of the environment ([`Environment`]) and read no
//! variable themselves. `provider` caches keys and renews temporary ones; `sts` assumes roles.
//!
//! To add a source, write its file with a function `keys(&Context)`, and add it to
//! [`error::Source`] and to `chain`.

mod caller;
mod chain;
mod cli_file;
mod config_file;
mod context;
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
mod stub_server;
#[cfg(test)]
mod testing;

pub use caller::{Caller, Identity};
pub use environment::Environment;
pub use error::{CredentialsError, SkippedSource, Source};
pub use keys::Credentials;
pub use provider::Provider;
pub use secret::Secret;
pub use settings::{ChainSettings, METADATA_ADDRESS};
pub use web::parse_address;

pub(crate) use secret::redact;

/// The code of a run that stops because it finds no usable keys.
pub const NO_CREDENTIALS: &str = "NoCredentials";
