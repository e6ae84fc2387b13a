//! Which listing of the API answers a name.
//!
//! Source: the list operations' filters. Users, user groups, hosts and host groups are listed with
//! an exact filter, one call for each name. All hosts of an instance are listed once for addresses:
//! which of a host's addresses the filter of `ListHosts` compares is not documented. All databases are
//! listed once, because `ListDatabases` has no such filter. Accounts are listed once for each host or
//! database.

use crate::input::{NameKind, NameQuery, ObjectKind};
use std::fmt;

/// One listing. Several names may be answered by the same one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListingKey {
    /// The bastion host.
    pub instance_id: String,
    /// Its region.
    pub region: String,
    /// What is listed.
    pub object: ObjectKind,
    /// The host or the database whose accounts are listed; else empty.
    pub parent_id: String,
    /// The filter: the property and its value. `None` lists all of them.
    pub filter: Option<(NameKind, String)>,
}

impl ListingKey {
    /// The listing that answers a query.
    pub fn of(query: &NameQuery) -> Self {
        let is_filtered = match query.object {
            ObjectKind::User | ObjectKind::UserGroup | ObjectKind::HostGroup => true,
            ObjectKind::Host => query.by == NameKind::Name,
            ObjectKind::Database | ObjectKind::HostAccount | ObjectKind::DatabaseAccount => false,
        };
        Self {
            instance_id: query.instance_id.clone(),
            region: query.region.clone(),
            object: query.object,
            parent_id: query.parent_id.clone(),
            filter: is_filtered.then(|| (query.by, query.text.clone())),
        }
    }

    /// The operation of the API that reads it.
    pub fn operation(&self) -> &'static str {
        match self.object {
            ObjectKind::User => "ListUsers",
            ObjectKind::UserGroup => "ListUserGroups",
            ObjectKind::Host => "ListHosts",
            ObjectKind::HostGroup => "ListHostGroups",
            ObjectKind::Database => "ListDatabases",
            ObjectKind::HostAccount => "ListHostAccounts",
            ObjectKind::DatabaseAccount => "ListDatabaseAccounts",
        }
    }
}

impl fmt::Display for ListingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.operation())
    }
}
