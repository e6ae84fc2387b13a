//! The directory that the API serves, read by [`crate::api::reading`].

use super::directory::{Candidate, Directory, Listing};
use super::listing_key::ListingKey;
use crate::api::caller::Caller;
use crate::api::reading::{self, DatabaseFilter, HostFilter, ReadError, Reader, UserFilter};
use crate::api::transport::Transport;
use crate::input::{NameKind, ObjectKind};
use std::sync::Arc;

/// Lists the objects of any instance. All of them share the caller and so its rate.
pub struct ApiDirectory<T> {
    caller: Arc<Caller<T>>,
    projects: Vec<String>,
}

impl<T: Transport> ApiDirectory<T> {
    /// A directory that is read by this caller.
    pub fn new(caller: Arc<Caller<T>>) -> Self {
        Self { caller, projects: Vec::new() }
    }

    /// The same, which also lists the objects of each of these projects.
    #[must_use]
    pub fn in_projects(self, ids: Vec<String>) -> Self {
        Self { projects: ids, ..self }
    }
}

impl<T: Transport> Directory for ApiDirectory<T> {
    type Error = ReadError;

    async fn list(&self, key: &ListingKey) -> Result<Listing, ReadError> {
        let reader = Reader::new(Arc::clone(&self.caller), &key.instance_id, &key.region);
        let reader = reader.in_projects(self.projects.clone());
        let (by, text) = match &key.filter {
            Some((by, text)) => (*by, text.as_str()),
            None => (NameKind::Name, ""),
        };
        Ok(match key.object {
            ObjectKind::User if by == NameKind::DisplayName => {
                let filter = UserFilter { display_name: text, ..UserFilter::default() };
                candidates(reader.users(filter).await?, user)
            }
            ObjectKind::User => {
                let filter = UserFilter { name: text, ..UserFilter::default() };
                candidates(reader.users(filter).await?, user)
            }
            ObjectKind::UserGroup => candidates(reader.user_groups(text).await?, |group| {
                Candidate { id: group.id, name: group.name, ..Candidate::default() }
            }),
            ObjectKind::Host => {
                let filter = HostFilter { name: text, ..HostFilter::default() };
                candidates(reader.hosts(filter).await?, |host| Candidate {
                    id: host.id,
                    name: host.name,
                    addresses: addresses(&[host.private_address, host.public_address]),
                    source: host.source,
                    ..Candidate::default()
                })
            }
            ObjectKind::HostGroup => candidates(reader.host_groups(text).await?, |group| {
                Candidate { id: group.id, name: group.name, ..Candidate::default() }
            }),
            ObjectKind::Database => {
                let databases = reader.databases(DatabaseFilter::default()).await?;
                candidates(databases, |database| Candidate {
                    id: database.id,
                    name: database.name,
                    addresses: addresses(&[database.private_address, database.public_address]),
                    source: database.source,
                    ..Candidate::default()
                })
            }
            ObjectKind::HostAccount => {
                candidates(reader.host_accounts(&key.parent_id).await?, |account| Candidate {
                    id: account.id,
                    name: account.name,
                    protocol: account.protocol,
                    ..Candidate::default()
                })
            }
            ObjectKind::DatabaseAccount => {
                candidates(reader.database_accounts(&key.parent_id).await?, |account| Candidate {
                    id: account.id,
                    name: account.name,
                    protocol: account.protocol,
                    ..Candidate::default()
                })
            }
        })
    }
}

fn user(user: reading::User) -> Candidate {
    Candidate {
        id: user.id,
        name: user.name,
        display_name: user.display_name,
        source: user.source,
        state: user.states.join(", "),
        ..Candidate::default()
    }
}

/// The addresses that are not blank, without surrounding blanks.
fn addresses(addresses: &[String; 2]) -> Vec<String> {
    let trimmed = addresses.iter().map(|address| address.trim());
    trimmed.filter(|address| !address.is_empty()).map(str::to_owned).collect()
}

fn candidates<O>(listing: reading::Listing<O>, candidate: impl Fn(O) -> Candidate) -> Listing {
    let all = |items: Vec<O>| items.into_iter().map(candidate).collect();
    match listing {
        reading::Listing::Complete(items) => Listing::Complete(all(items)),
        reading::Listing::Incomplete { items, reason } => {
            Listing::Incomplete { candidates: all(items), reason }
        }
        reading::Listing::NotChecked(reason) => Listing::NotChecked(reason),
    }
}
