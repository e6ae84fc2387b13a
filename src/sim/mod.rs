//! The simulated service: the three operations of Bastionhost and their twins for user groups, on
//! loopback, as strict as the API's pages allow.
//!
//! It verifies both signatures, the time, nonces, the limits and a quota, answers item by item
//! from the grants it holds, goes wrong on request in every way the real service and the network
//! between may, and keeps an [`Audit`] of its own. It is a product: for rehearsals, for other
//! clients, and for the tests of this one.
//!
//! [`Service`] is the core, pure and synchronous; [`server`] puts it on a socket.
//!
//! ```text
//! WireRequest -> params -> verify -> nonces -> quota -> asked -> faults -> grants -> answer
//!                                    audit notes every step
//! ```
//!
//! What it decides where the API's documents are silent:
//! - the grants are those of a file, or, without one, whatever is asked for existed and was
//!   granted once;
//! - of a target that doesn't exist only the target is answered, without its accounts;
//! - an account named twice in one request is refused, as a target is;
//! - any `SecurityToken` is accepted, if the key is `testid` and the signature holds;
//! - members and parameters of `Hosts`, `HostGroups` and `Databases` that no page names are
//!   refused, for ignoring one could widen a revocation;
//! - without `Format` a v1 request is answered in XML and an ACS3 request in JSON.

mod answer;
mod asked;
mod audit;
mod faults;
mod grants;
mod grants_file;
mod nonces;
mod params;
mod quota;
mod refusal;
pub mod server;
mod service;
#[cfg(test)]
mod service_tests;
mod settings;
#[cfg(test)]
mod testing;
mod verify;
mod wire;
mod words;

pub use asked::AskedTarget;
pub use audit::{AUDIT_SCHEMA, Attempt, Audit, Counts, Kept, OperationCounts};
pub use faults::{Fault, FaultError, FaultRate, Faults};
pub use grants::{GrantRecord, Grants, ItemCode};
pub use grants_file::GrantsError;
pub use refusal::{Violation, Violations};
pub use service::Service;
pub use settings::{POISON_PREFIX, Settings};
pub use verify::SignatureKind;
pub use wire::{Answer, Fate, Reply, WireRequest};

/// The one access key that the service knows.
pub const ACCESS_KEY_ID: &str = "testid";

/// Its secret, which is no secret: the one of the API's own examples.
pub const ACCESS_KEY_SECRET: &str = "testsecret";
