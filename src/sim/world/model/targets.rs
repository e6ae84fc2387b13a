//! Hosts, host groups and databases, with their accounts.

use serde::{Deserialize, Serialize};

/// A host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// `HostId`.
    pub id: String,
    /// `HostName`. Several hosts may share it.
    pub name: String,
    /// `HostPrivateAddress`.
    #[serde(default)]
    pub private_address: String,
    /// `HostPublicAddress`.
    #[serde(default)]
    pub public_address: String,
    /// `ActiveAddressType`: which of the two addresses the filter `HostAddress` compares.
    #[serde(default)]
    pub active_address: AddressType,
    /// `OSType`.
    #[serde(default = "linux")]
    pub os: String,
    /// `Source`: `Local`, `Ecs`, ...
    #[serde(default = "local")]
    pub source: String,
    /// `SourceInstanceId`.
    #[serde(default)]
    pub source_instance_id: String,
    /// `SourceInstanceState`: `Normal` or `Release`.
    #[serde(default = "normal_state")]
    pub source_instance_state: String,
    /// `ProjectId`; blank for none.
    #[serde(default)]
    pub project_id: String,
    /// `Comment`.
    #[serde(default)]
    pub comment: String,
    /// The accounts on it.
    #[serde(default)]
    pub accounts: Vec<HostAccount>,
}

impl Host {
    /// The address in use.
    pub(in crate::sim::world) fn address(&self) -> &str {
        self.active_address.choose(&self.private_address, &self.public_address)
    }
}

/// An account on a host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostAccount {
    /// `HostAccountId`.
    pub id: String,
    /// `HostAccountName`. Accounts with different protocols may share it.
    pub name: String,
    /// `ProtocolName`: `SSH` or `RDP`.
    #[serde(default = "ssh")]
    pub protocol: String,
}

/// A host group, which the API also calls an asset group: databases can be members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostGroup {
    /// `HostGroupId`.
    pub id: String,
    /// `HostGroupName`.
    pub name: String,
    /// The ids of the hosts in it.
    #[serde(default)]
    pub hosts: Vec<String>,
    /// The ids of the databases in it.
    #[serde(default)]
    pub databases: Vec<String>,
    /// `ProjectId`; blank for none.
    #[serde(default)]
    pub project_id: String,
    /// `Comment`.
    #[serde(default)]
    pub comment: String,
}

/// A database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// `DatabaseId`.
    pub id: String,
    /// `DatabaseName`. Several databases may share it.
    pub name: String,
    /// `DatabaseType` and the protocol of its accounts.
    #[serde(default = "mysql")]
    pub engine: String,
    /// `DatabasePrivateAddress`.
    #[serde(default)]
    pub private_address: String,
    /// `DatabasePublicAddress`.
    #[serde(default)]
    pub public_address: String,
    /// `ActiveAddressType`: which of the two addresses the filter `DatabaseAddress` compares.
    #[serde(default)]
    pub active_address: AddressType,
    /// `DatabasePort`.
    #[serde(default = "mysql_port")]
    pub port: u16,
    /// `Source`: `Local`, `Rds`, ...
    #[serde(default = "local")]
    pub source: String,
    /// `SourceInstanceId`.
    #[serde(default)]
    pub source_instance_id: String,
    /// `ProjectId`; blank for none.
    #[serde(default)]
    pub project_id: String,
    /// `Comment`.
    #[serde(default)]
    pub comment: String,
    /// The accounts on it.
    #[serde(default)]
    pub accounts: Vec<DatabaseAccount>,
}

impl Database {
    /// The address in use.
    pub(in crate::sim::world) fn address(&self) -> &str {
        self.active_address.choose(&self.private_address, &self.public_address)
    }
}

/// An account on a database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseAccount {
    /// `DatabaseAccountId`.
    pub id: String,
    /// `DatabaseAccountName`.
    pub name: String,
    /// `DatabaseSchema`.
    #[serde(default)]
    pub schema: String,
}

/// `ActiveAddressType`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AddressType {
    /// The private address is in use.
    #[default]
    Private,
    /// The public address is in use.
    Public,
}

impl AddressType {
    fn choose<'a>(self, private: &'a str, public: &'a str) -> &'a str {
        match self {
            Self::Private => private,
            Self::Public => public,
        }
    }

    /// As the API spells it.
    pub(in crate::sim::world) fn name(self) -> &'static str {
        match self {
            Self::Private => "Private",
            Self::Public => "Public",
        }
    }
}

fn local() -> String {
    "Local".to_owned()
}

fn normal_state() -> String {
    "Normal".to_owned()
}

fn linux() -> String {
    "Linux".to_owned()
}

fn ssh() -> String {
    "SSH".to_owned()
}

fn mysql() -> String {
    "MySQL".to_owned()
}

fn mysql_port() -> u16 {
    3306
}
