//! Looks up the ids of names in a list.
//!
//! In: the rows of a list that name users, groups, hosts, databases or accounts by name, and a
//! [`Directory`] that lists the objects of an instance. Out: [`Resolutions`], one answer for each
//! distinct name. A name becomes an id only if exactly one object has exactly this name in a
//! complete listing. There is no fall-back from a name to an id, and none from exact to similar.
//!
//! | to change | open |
//! |---|---|
//! | when a name counts as resolved, and the messages | `decide` |
//! | which listing answers a name, and how many calls that takes | `listing_key` |
//! | what is read of an instance to look names up | `directory` |
//! | how the API is read | `api_directory`, which calls [`crate::api::reading`] |
//! | the passes over the list, and the concurrency | `resolver` |

mod api_directory;
mod decide;
mod directory;
mod listing_key;
mod resolver;

#[cfg(test)]
mod api_tests;
#[cfg(test)]
mod tests;

pub use api_directory::ApiDirectory;
pub use decide::decide;
pub use directory::{Candidate, Directory, Listing};
pub use listing_key::ListingKey;
pub use resolver::{Progress, has_names, listings, queries, resolve};

pub use crate::input::Resolutions;
