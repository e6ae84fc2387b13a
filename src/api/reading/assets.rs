//! Hosts, host groups, databases, and the accounts on them.

use super::fields::{id, number, text};
use super::paging::{Item, Listing, Query, ReadError};
use super::reader::Reader;
use crate::api::transport::Transport;
use crate::api::tree::Branch;
use serde::{Deserialize, Serialize};

/// A host. Source: `ListHosts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// The id.
    pub id: String,
    /// The name; hosts may share it.
    pub name: String,
    /// The private address.
    pub private_address: String,
    /// The public address.
    pub public_address: String,
    /// `Public` or `Private`: the address that is used.
    pub active_address: String,
    /// The operating system.
    pub os: String,
    /// `Local`, `Ecs` or another value.
    pub source: String,
    /// `Normal` or `Release` for a host of a cloud instance; a released host keeps its grants.
    pub source_state: String,
    /// The number of accounts, if the answer has it.
    pub account_count: Option<i64>,
}

impl Item for Host {
    const LIST: &'static str = "Hosts";

    fn decode(item: Branch<'_>) -> Option<Self> {
        Some(Self {
            id: id(item, "HostId")?,
            name: text(item, "HostName"),
            private_address: text(item, "HostPrivateAddress"),
            public_address: text(item, "HostPublicAddress"),
            active_address: text(item, "ActiveAddressType"),
            os: text(item, "OSType"),
            source: text(item, "Source"),
            source_state: text(item, "SourceInstanceState"),
            account_count: number(item, "HostAccountCount"),
        })
    }

    fn id(&self) -> &str {
        &self.id
    }
}

/// A host group, which is a group of assets: databases can be members too. Source:
/// `ListHostGroups`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostGroup {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The comment.
    pub comment: String,
}

impl Item for HostGroup {
    const LIST: &'static str = "HostGroups";

    fn decode(item: Branch<'_>) -> Option<Self> {
        Some(Self {
            id: id(item, "HostGroupId")?,
            name: text(item, "HostGroupName"),
            comment: text(item, "Comment"),
        })
    }

    fn id(&self) -> &str {
        &self.id
    }
}

/// A database. Source: `ListDatabases`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Database {
    /// The id.
    pub id: String,
    /// The name; databases may share it.
    pub name: String,
    /// `MySQL` and so on.
    pub engine: String,
    /// The private address.
    pub private_address: String,
    /// The public address.
    pub public_address: String,
    /// The port, if the answer has it.
    pub port: Option<i64>,
    /// `Local`, `Rds` or another value.
    pub source: String,
}

impl Item for Database {
    const LIST: &'static str = "Databases";

    fn decode(item: Branch<'_>) -> Option<Self> {
        Some(Self {
            id: id(item, "DatabaseId")?,
            name: text(item, "DatabaseName"),
            engine: text(item, "DatabaseType"),
            private_address: text(item, "DatabasePrivateAddress"),
            public_address: text(item, "DatabasePublicAddress"),
            port: number(item, "DatabasePort"),
            source: text(item, "Source"),
        })
    }

    fn id(&self) -> &str {
        &self.id
    }
}

/// An account on a host. Source: `ListHostAccounts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostAccount {
    /// The id.
    pub id: String,
    /// The name; accounts of different protocols may share it.
    pub name: String,
    /// `SSH` or `RDP`.
    pub protocol: String,
    /// The id of the host; blank where the answer does not name it.
    pub host_id: String,
}

impl Item for HostAccount {
    const LIST: &'static str = "HostAccounts";

    fn decode(item: Branch<'_>) -> Option<Self> {
        Some(Self {
            id: id(item, "HostAccountId")?,
            name: text(item, "HostAccountName"),
            protocol: text(item, "ProtocolName"),
            host_id: id(item, "HostId").unwrap_or_default(),
        })
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn owner(&self) -> Option<&str> {
        Some(&self.host_id).filter(|id| !id.is_empty()).map(String::as_str)
    }
}

/// An account on a database. Source: `ListDatabaseAccounts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatabaseAccount {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// `MySQL` and so on.
    pub protocol: String,
    /// The schema.
    pub schema: String,
    /// The id of the database; blank where the answer does not name it.
    pub database_id: String,
}

impl Item for DatabaseAccount {
    const LIST: &'static str = "DatabaseAccounts";

    fn decode(item: Branch<'_>) -> Option<Self> {
        Some(Self {
            id: id(item, "DatabaseAccountId")?,
            name: text(item, "DatabaseAccountName"),
            protocol: text(item, "ProtocolName"),
            schema: text(item, "DatabaseSchema"),
            database_id: id(item, "DatabaseId").unwrap_or_default(),
        })
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn owner(&self) -> Option<&str> {
        Some(&self.database_id).filter(|id| !id.is_empty()).map(String::as_str)
    }
}

/// Exact filters of `ListHosts`; a blank one is not sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HostFilter<'a> {
    /// The name.
    pub name: &'a str,
    /// The address. Which of a host's addresses is compared is not documented.
    pub address: &'a str,
    /// Members of this host group.
    pub host_group_id: &'a str,
}

/// Filters of `ListDatabases`, which has none by name or address; a blank one is not sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DatabaseFilter<'a> {
    /// Members of this host group.
    pub host_group_id: &'a str,
}

impl<T: Transport> Reader<T> {
    /// `ListHosts`.
    pub async fn hosts(&self, filter: HostFilter<'_>) -> Result<Listing<Host>, ReadError> {
        let parameters = [
            ("HostName", filter.name),
            ("HostAddress", filter.address),
            ("HostGroupId", filter.host_group_id),
        ];
        self.list(&Query::new("ListHosts", parameters).in_projects()).await
    }

    /// `ListHostAccounts`.
    pub async fn host_accounts(&self, host_id: &str) -> Result<Listing<HostAccount>, ReadError> {
        self.list(&Query::new("ListHostAccounts", [("HostId", host_id)]).in_projects().of(host_id))
            .await
    }

    /// `ListHostGroups`. A blank name lists all groups.
    pub async fn host_groups(&self, name: &str) -> Result<Listing<HostGroup>, ReadError> {
        self.list(&Query::new("ListHostGroups", [("HostGroupName", name)]).in_projects()).await
    }

    /// `ListDatabases`.
    pub async fn databases(
        &self,
        filter: DatabaseFilter<'_>,
    ) -> Result<Listing<Database>, ReadError> {
        let parameters = [("HostGroupId", filter.host_group_id)];
        self.list(&Query::new("ListDatabases", parameters).in_projects()).await
    }

    /// `ListDatabaseAccounts`. A blank id lists the accounts of all databases.
    pub async fn database_accounts(
        &self,
        database_id: &str,
    ) -> Result<Listing<DatabaseAccount>, ReadError> {
        let parameters = [("DatabaseId", database_id)];
        self.list(&Query::new("ListDatabaseAccounts", parameters).in_projects().of(database_id))
            .await
    }
}
