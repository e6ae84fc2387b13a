//! The world: users, groups, assets, grants and rules that the service lists and changes.
//!
//! In: a world file ([`WorldFile`], TOML or JSON) or [`World::sample`]. Out: the answers of all
//! read operations, as a `Reply`, and the effects of all writes on the same objects.
//!
//! | to change | open |
//! |---|---|
//! | a member of the world file | `model`, and `file` for the checks |
//! | a switch of `[behaviour]` | `behaviour`; `state` for time, changes and missing operations, `listing` for pages and shapes |
//! | what a read answers | `users`, `assets`, `granted` or `rules`; `reads` maps operations to them |
//! | what a write does | `writes`; grants are in `super::grants` |
//!
//! Decisions where the API's documents are silent:
//! - a list about an unknown user, group or host is empty; only `GetUser` and `GetRule` fail;
//! - accounts imply the grant of their target, and removing them leaves it;
//! - `UnlockUsers` of a user who is not locked answers `OBJECT_AlREADY_EXISTS`;
//! - `RemoveUsersFromGroup` of a user who is no member answers `OBJECT_NOT_FOUND`, as
//!   `DeleteUserPublicKey` of an unknown key does (404);
//! - without `ProjectId` a list covers all projects (`default_project_only`: the default one).

mod assets;
mod behaviour;
mod data;
mod file;
mod from_grants;
mod granted;
mod listing;
mod model;
mod reads;
mod rules;
mod state;
mod users;
#[cfg(test)]
mod world_tests;
mod writes;

pub use behaviour::{Behaviour, Change, EmptyPage, Regrant};
pub use file::{WorldError, WorldFile};
pub use model::{
    AddressType, Caller, Database, DatabaseAccount, Grant, Host, HostAccount, HostGroup, Instance,
    Project, PublicKey, Rule, RuleTarget, User, UserGroup,
};
pub use state::World;
pub(super) use writes::ItemFaults;
