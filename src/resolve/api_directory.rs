//! The directory that the API serves, read by [`crate::api::reading`].

use super::directory::{Candidate, Directory, Listing};
use super::listing_key::ListingKey;
use crate::api::caller::Caller;
use crate::api::reading::{
    self, DatabaseFilter, HostFilter, ReadError, Reader, UserFilter, projects_to_read,
};
use crate::api::transport::Transport;
use crate::input::{NameKind, ObjectKind};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;

/// Lists the objects of any instance. All of them share the caller and so its rate.
///
/// A name can exist in several projects, and whether a list without a project holds them all is not
/// documented. So the projects of an instance are listed first, once, and then the objects of each
/// of them. If the projects cannot be listed, a warning says so, and the names are those of the
/// list without a project.
pub struct ApiDirectory<T> {
    caller: Arc<Caller<T>>,
    instances: Mutex<HashMap<InstanceKey, Arc<OnceCell<Projects>>>>,
}

/// Instance id and region.
type InstanceKey = (String, String);

/// The projects of an instance.
#[derive(Debug, Clone, Default)]
struct Projects {
    /// Those to list by themselves.
    ids: Vec<String>,
    /// Why there may be others.
    unread: Option<String>,
}

impl<T: Transport> ApiDirectory<T> {
    /// A directory that is read by this caller.
    pub fn new(caller: Arc<Caller<T>>) -> Self {
        Self { caller, instances: Mutex::default() }
    }

    /// A reader of all projects of the instance, and why objects of others may be missing.
    async fn reader(&self, key: &ListingKey) -> Result<(Reader<T>, Option<String>), ReadError> {
        let reader = Reader::new(Arc::clone(&self.caller), &key.instance_id, &key.region);
        if key.object == ObjectKind::User {
            return Ok((reader, None));
        }
        let instance = (key.instance_id.clone(), key.region.clone());
        let projects = {
            let mut instances = self.instances.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(instances.entry(instance).or_default())
        };
        let Projects { ids, unread } =
            projects.get_or_try_init(|| projects_of(&reader)).await?.clone();
        Ok((reader.in_projects(ids), unread))
    }
}

async fn projects_of<T: Transport>(reader: &Reader<T>) -> Result<Projects, ReadError> {
    let projects = reader.projects().await?;
    if let Some(reason) = projects.reason() {
        tracing::warn!(reason, "names in other projects than the default one may not be found");
    }
    let unread = match &projects {
        reading::Listing::Incomplete { reason, .. } => Some(reason.clone()),
        reading::Listing::Complete(_) | reading::Listing::NotChecked(_) => None,
    };
    Ok(Projects { ids: projects_to_read(&projects), unread })
}

impl<T: Transport> Directory for ApiDirectory<T> {
    type Error = ReadError;

    async fn list(&self, key: &ListingKey) -> Result<Listing, ReadError> {
        let (reader, unread) = self.reader(key).await?;
        let (by, text) = match &key.filter {
            Some((by, text)) => (*by, text.as_str()),
            None => (NameKind::Name, ""),
        };
        let listing = match key.object {
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
        };
        Ok(match (listing, unread) {
            (Listing::Complete(candidates), Some(reason)) => {
                Listing::Incomplete { candidates, reason }
            }
            (listing, _) => listing,
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
