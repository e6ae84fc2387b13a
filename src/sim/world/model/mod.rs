//! The objects of a world, in the form of the world file.
//!
//! Each type is a table of the file; serde reads and writes it. `principals` holds who gets
//! access, `targets` what they get access to, and `access` how.

mod access;
mod principals;
mod targets;

pub use access::{Grant, Instance, Project, Rule, RuleTarget};
pub use principals::{Caller, PublicKey, User, UserGroup};
pub use targets::{AddressType, Database, DatabaseAccount, Host, HostAccount, HostGroup};
