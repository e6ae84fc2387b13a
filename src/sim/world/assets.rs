//! Reads about hosts, host groups and databases, whoever may use them.

use serde_json::json;

use super::data::Data;
use super::listing::Reply;
use super::model::{Database, DatabaseAccount, Host, HostAccount, HostGroup};
use crate::sim::call::Call;

impl Data {
    pub(super) fn list_hosts(&self, call: &Call) -> Reply {
        let in_group = |host: &Host| {
            call.get("HostGroupId").is_none_or(|id| {
                self.host_group(id).is_some_and(|group| group.hosts.contains(&host.id))
            })
        };
        let hosts = self.hosts.iter().filter(|host| {
            call.matches("HostName", &host.name)
                && call.matches("HostAddress", host.address())
                && call.matches("OSType", &host.os)
                && call.matches("Source", &host.source)
                && call.matches("SourceInstanceId", &host.source_instance_id)
                && call.matches("SourceInstanceState", &host.source_instance_state)
                && self.is_in_project(call, &host.project_id)
                && in_group(host)
        });
        let value = |host: &Host| {
            json!({
                "HostId": host.id,
                "HostName": host.name,
                "HostPrivateAddress": host.private_address,
                "HostPublicAddress": host.public_address,
                "ActiveAddressType": host.active_address.name(),
                "OSType": host.os,
                "Source": host.source,
                "SourceInstanceId": host.source_instance_id,
                "SourceInstanceState": host.source_instance_state,
                "HostAccountCount": host.accounts.len(),
                "Comment": host.comment,
            })
        };
        Reply::list("Hosts", hosts.map(value).collect())
    }

    /// The form of `HostIds` is undocumented, so it is accepted and has no effect.
    pub(super) fn list_host_accounts(&self, call: &Call) -> Reply {
        let id = call.value("HostId");
        let accounts = self.host(id).into_iter().flat_map(|host| &host.accounts);
        let accounts = accounts.filter(|account| {
            call.matches("HostAccountName", &account.name)
                && call.matches("ProtocolName", &account.protocol)
        });
        let value = |account: &HostAccount| {
            json!({
                "HostAccountId": account.id,
                "HostAccountName": account.name,
                "HostId": id,
                "ProtocolName": account.protocol,
                "HasPassword": true,
                "PrivilegeType": "Normal",
            })
        };
        Reply::list("HostAccounts", accounts.map(value).collect())
    }

    pub(super) fn list_host_groups(&self, call: &Call) -> Reply {
        let groups = self.host_groups.iter().filter(|group| {
            call.matches("HostGroupName", &group.name)
                && self.is_in_project(call, &group.project_id)
        });
        let value = |group: &HostGroup| {
            json!({
                "HostGroupId": group.id,
                "HostGroupName": group.name,
                "MemberCount": group.hosts.len(),
                "Comment": group.comment,
            })
        };
        Reply::list("HostGroups", groups.map(value).collect())
    }

    pub(super) fn list_databases(&self, call: &Call) -> Reply {
        let in_group = |database: &Database| {
            call.get("HostGroupId").is_none_or(|id| {
                self.host_group(id).is_some_and(|group| group.databases.contains(&database.id))
            })
        };
        let databases = self.databases.iter().filter(|database| {
            call.matches("DatabaseType", &database.engine)
                && call.matches("Source", &database.source)
                && self.is_in_project(call, &database.project_id)
                && in_group(database)
        });
        let value = |database: &Database| {
            json!({
                "DatabaseId": database.id,
                "DatabaseName": database.name,
                "DatabaseType": database.engine,
                "DatabasePort": database.port,
                "DatabasePrivateAddress": database.private_address,
                "DatabasePublicAddress": database.public_address,
                "ActiveAddressType": database.active_address.name(),
                "Source": database.source,
                "SourceInstanceId": database.source_instance_id,
                "Comment": database.comment,
            })
        };
        Reply::list("Databases", databases.map(value).collect())
    }

    /// Without `DatabaseId` the accounts of all databases.
    pub(super) fn list_database_accounts(&self, call: &Call) -> Reply {
        let databases = self.databases.iter().filter(|database| {
            call.matches("DatabaseId", &database.id)
                && self.is_in_project(call, &database.project_id)
        });
        let accounts = databases
            .flat_map(|database| database.accounts.iter().map(move |account| (database, account)));
        let accounts =
            accounts.filter(|(_, account)| call.matches("DatabaseAccountName", &account.name));
        let value = |(database, account): (&Database, &DatabaseAccount)| {
            json!({
                "DatabaseAccountId": account.id,
                "DatabaseAccountName": account.name,
                "DatabaseId": database.id,
                "DatabaseSchema": account.schema,
                "ProtocolName": database.engine,
                "HasPassword": "true",
            })
        };
        Reply::list("DatabaseAccounts", accounts.map(value).collect())
    }
}
