//! The simulated service: Bastionhost's detach, attach, read and offboarding operations on
//! loopback, as strict as the API's pages allow.
//!
//! It verifies both signatures, the time, nonces, the limits and a quota, answers item by item
//! from the grants or the world it holds, injects the faults of the real service and of the
//! network, and keeps an [`Audit`]. It is part of the product: for rehearsals, for other clients,
//! and for the tests of this one.
//!
//! In: an [`HttpRequest`] and the time. Out: a [`Reply`], and a changed world. [`Service`] is the
//! core, synchronous and without I/O; [`server`] puts it on a socket.
//!
//! ```text
//! HttpRequest -> params -> authentication -> nonces -> quota -> request | call -> faults
//!             -> apply -> grants | world -> response             audit records every step
//! ```
//!
//! | to change | open |
//! |---|---|
//! | an operation or its parameters | `operation` |
//! | how a detach or attach request is read | `request`; its field names are in `field_names` |
//! | how a read or another write is read | `call` |
//! | what exists, what reads answer, what writes do | [`world`]; without a world, `grants` |
//! | a fault | `faults`, and `service` or `apply` where it takes effect |
//! | the shape of an answer | `response`; `api_error` for errors |
//! | what `/audit` shows | `audit` |
//!
//! Decisions where the API's documents are silent ([`world`] has more):
//! - the grants are those of the world or of a file; without either, every grant that a request
//!   names existed and was granted once;
//! - the answer about a target that doesn't exist has no accounts;
//! - an account named twice in one request is refused, as a target is;
//! - any `SecurityToken` is accepted, if the key is `testid` and the signature holds;
//! - members and parameters that no page names are refused where ignoring one could widen a
//!   revocation or a listing;
//! - without `Format` a v1 request is answered in XML and an ACS3 request in JSON.

mod api_error;
mod apply;
mod audit;
mod authentication;
mod call;
mod digest;
mod faults;
mod field_names;
mod grants;
mod grants_file;
mod http_types;
mod nonces;
mod operation;
mod params;
mod quota;
mod request;
mod response;
pub mod server;
mod service;
#[cfg(test)]
mod service_tests;
mod settings;
#[cfg(test)]
mod testing;
pub mod world;

pub use api_error::{Violation, Violations};
pub use audit::{AUDIT_SCHEMA, Attempt, Audit, AuditLimits, Counts, OperationCounts};
pub use authentication::SignatureKind;
pub use faults::{Fault, FaultError, FaultRate, Faults};
pub use grants::{GrantRecord, Grants, ItemCode};
pub use grants_file::GrantsError;
pub use http_types::{Delivery, HttpRequest, HttpResponse, Reply};
pub use request::RequestTarget;
pub use service::Service;
pub use settings::{POISON_PREFIX, Settings};
pub use world::{World, WorldError};

/// The one access key that the service knows.
pub const ACCESS_KEY_ID: &str = "testid";

/// Its secret, which is no secret: the one of the API's own examples.
pub const ACCESS_KEY_SECRET: &str = "testsecret";
