//! What is read of an instance to look up names.

use super::listing_key::ListingKey;
use std::future::Future;

/// An object of an instance, with the properties that names are compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub id: String,
    /// Its name; the login name of a user.
    pub name: String,
    /// The display name of a user; else empty.
    pub display_name: String,
    /// The addresses of a host or a database.
    pub addresses: Vec<String>,
    /// Where a user or an asset comes from, such as `Local` or `AD`; may be empty.
    pub source: String,
    /// The states of a user, such as `Normal`; may be empty.
    pub state: String,
    /// The protocol of an account; else empty.
    pub protocol: String,
}

/// The result of reading a list of objects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// All objects that the service has.
    Complete(Vec<Candidate>),
    /// Some objects; others may be missing.
    Incomplete {
        /// Those that were read.
        candidates: Vec<Candidate>,
        /// Why others may be missing.
        reason: String,
    },
    /// Nothing could be read, for this reason: a missing permission or operation.
    NotChecked(String),
}

/// Lists the objects of instances: the reading client of the API.
pub trait Directory: Sync {
    /// An error after which no listing can be read, such as refused credentials.
    type Error: Send;

    /// Reads one listing. A missing permission is [`Listing::NotChecked`] and not an error.
    fn list(&self, key: &ListingKey) -> impl Future<Output = Result<Listing, Self::Error>> + Send;
}
