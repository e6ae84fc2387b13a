//! Reads what an instance of Bastionhost holds: users, groups, assets, grants, rules and keys.
//!
//! A [`Reader`] calls the list operations of one instance and returns typed values. A list that
//! could not be read completely is never returned as [`Listing::Complete`], and an operation that
//! the caller may not call is [`Listing::NotChecked`], never an empty list.
//!
//! | to change | open |
//! |---|---|
//! | the rate, concurrency and retries of calls | [`super::caller`] |
//! | when a listing is complete | `paging` |
//! | the entry point, concurrent reads | `reader` |
//! | readings that are kept, so that they can be continued | `store` |
//! | how numbers, booleans and ids are decoded | `fields` |
//! | users and their public keys | `users` |
//! | user groups and memberships | `groups`, `membership` |
//! | hosts, host groups, databases and their accounts | `assets` |
//! | direct grants | `grants` |
//! | authorization rules | `rules` |
//! | modules of the instance, projects | `instance` |

mod assets;
mod fields;
mod grants;
mod groups;
mod instance;
mod membership;
mod paging;
mod reader;
mod rules;
mod store;
mod users;

#[cfg(test)]
mod tests;

pub use assets::{
    Database, DatabaseAccount, DatabaseFilter, Host, HostAccount, HostFilter, HostGroup,
};
pub use grants::{GrantedAccount, GrantedTarget};
pub use groups::UserGroup;
pub use instance::{InstanceAttribute, Project, projects_to_read};
pub use membership::Membership;
pub use paging::{Listing, Lookup, ReadError};
pub use reader::Reader;
pub use rules::{Rule, RuleDetail, RuleTarget};
pub use store::{KeptReading, ReadingStore};
pub use users::{PublicKey, User, UserFilter};
