//! The `...ForUser` and `...ForUserGroup` lists: what a grantee has been granted.
//!
//! Whether the live service also lists what a user reaches through groups and rules is not
//! documented, so `inherited_grants` switches between both.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::data::Data;
use super::listing::Reply;
use super::model::{Database, Host, HostGroup, RuleTarget};
use crate::model::{Grantee, GranteeKind, Kind, Operation};
use crate::sim::call::Call;
use crate::sim::field_names::grantee_id;

/// What a grantee has on targets of one kind.
struct Access<'a> {
    data: &'a Data,
    kind: Kind,
    /// The grantee, and with inherited grants the user's groups.
    grantees: Vec<Grantee<&'a str>>,
    /// The targets of the rules in force, with inherited grants.
    rule_targets: Vec<&'a RuleTarget>,
}

impl<'a> Access<'a> {
    fn new(
        data: &'a Data,
        operation: Operation,
        id: &'a str,
        now: Timestamp,
        inherited: bool,
    ) -> Self {
        let mut grantees = vec![Grantee { kind: operation.from, id }];
        if inherited && operation.from == GranteeKind::User {
            let of_user = |members: &[String]| members.iter().any(|member| member == id);
            let groups = data.user_groups.iter().filter(|group| of_user(&group.members));
            grantees.extend(
                groups.map(|group| Grantee { kind: GranteeKind::UserGroup, id: group.id.as_str() }),
            );
        }
        let mut rule_targets = Vec::new();
        if inherited {
            for rule in data.rules.iter().filter(|rule| rule.is_in_force(now)) {
                let names = |grantee: &Grantee<&str>| match grantee.kind {
                    GranteeKind::User => rule.users.iter().any(|user| user == grantee.id),
                    GranteeKind::UserGroup => rule.user_groups.iter().any(|id| id == grantee.id),
                };
                if grantees.iter().any(names) {
                    rule_targets.extend(match operation.kind {
                        Kind::Host => &rule.hosts,
                        Kind::HostGroup => &rule.host_groups,
                        Kind::Database => &rule.databases,
                    });
                }
            }
        }
        Self { data, kind: operation.kind, grantees, rule_targets }
    }

    fn targets(&self) -> BTreeSet<&str> {
        let held = |grantee| self.data.grants.targets(grantee, self.kind);
        let held = self.grantees.iter().flat_map(held);
        held.chain(self.rule_targets.iter().map(|target| target.id.as_str())).collect()
    }

    fn accounts(&self, target: &str) -> BTreeSet<&str> {
        let held = |grantee| self.data.grants.accounts(grantee, self.kind, target);
        let of_rules = self.rule_targets.iter().filter(|rule_target| rule_target.id == target);
        let of_rules = of_rules.flat_map(|rule_target| &rule_target.accounts);
        let held = self.grantees.iter().flat_map(held);
        held.chain(of_rules.map(String::as_str)).collect()
    }
}

impl Data {
    /// The targets granted; with `Mode=Unauthorized` all others.
    pub(super) fn granted_targets(
        &self,
        operation: Operation,
        call: &Call,
        now: Timestamp,
        inherited: bool,
    ) -> Reply {
        let grantee = call.value(grantee_id(operation.from));
        let access = Access::new(self, operation, grantee, now, inherited);
        let targets = access.targets();
        let wants_granted = call.get("Mode") != Some("Unauthorized");
        let is_listed = |id: &str| targets.contains(id) == wants_granted;
        let is_user = operation.from == GranteeKind::User;
        match operation.kind {
            Kind::Host => {
                let hosts = self.hosts.iter().filter(|host| {
                    is_listed(&host.id)
                        && call.matches("HostName", &host.name)
                        && call.matches("HostAddress", host.address())
                        && call.matches("OSType", &host.os)
                        && self.is_in_project(call, &host.project_id)
                });
                Reply::list("Hosts", hosts.map(|host| self.host_value(host, is_user)).collect())
            }
            Kind::HostGroup => {
                let groups = self.host_groups.iter().filter(|group| {
                    is_listed(&group.id)
                        && call.matches("HostGroupName", &group.name)
                        && self.is_in_project(call, &group.project_id)
                });
                Reply::list("HostGroups", groups.map(host_group_value).collect())
            }
            Kind::Database => {
                let databases = self.databases.iter().filter(|database| {
                    is_listed(&database.id)
                        && call.matches("DatabaseName", &database.name)
                        && call.matches("DatabaseAddress", database.address())
                        && call.matches("DatabaseType", &database.engine)
                        && self.is_in_project(call, &database.project_id)
                });
                let value = |database| self.database_value(database, is_user);
                Reply::list("Databases", databases.map(value).collect())
            }
        }
    }

    /// The accounts of a host or database, granted or not; of a host group only granted names.
    pub(super) fn granted_accounts(
        &self,
        operation: Operation,
        call: &Call,
        now: Timestamp,
        inherited: bool,
    ) -> Reply {
        let grantee = call.value(grantee_id(operation.from));
        let access = Access::new(self, operation, grantee, now, inherited);
        match operation.kind {
            Kind::Host => {
                let id = call.value("HostId");
                let held = access.accounts(id);
                let accounts = self.host(id).into_iter().flat_map(|host| &host.accounts);
                let accounts =
                    accounts.filter(|account| call.matches("HostAccountName", &account.name));
                let value = |account: &super::HostAccount| {
                    json!({
                        "HostAccountId": account.id,
                        "HostAccountName": account.name,
                        "HostId": id,
                        "ProtocolName": account.protocol,
                        "IsAuthorized": held.contains(account.id.as_str()),
                    })
                };
                Reply::list("HostAccounts", accounts.map(value).collect())
            }
            Kind::HostGroup => {
                let group = self.host_group(call.value("HostGroupId"));
                let group = group.filter(|group| self.is_in_project(call, &group.project_id));
                let names = group.map(|group| access.accounts(&group.id)).unwrap_or_default();
                Reply::single("HostAccountNames", json!(names))
            }
            Kind::Database => {
                let id = call.value("DatabaseId");
                let held = access.accounts(id);
                let Some(database) = self.database(id) else {
                    return Reply::list("DatabaseAccounts", Vec::new());
                };
                let accounts = database.accounts.iter();
                let accounts =
                    accounts.filter(|account| call.matches("DatabaseAccountName", &account.name));
                let value = |account: &super::DatabaseAccount| {
                    json!({
                        "DatabaseAccountId": account.id,
                        "DatabaseAccountName": account.name,
                        "DatabaseId": id,
                        "ProtocolName": database.engine,
                        "IsAuthorized": held.contains(account.id.as_str()),
                    })
                };
                Reply::list("DatabaseAccounts", accounts.map(value).collect())
            }
        }
    }

    /// A host in a list of grants; only the lists of users name the project.
    fn host_value(&self, host: &Host, is_user: bool) -> Value {
        let mut members = Map::new();
        for (name, value) in [
            ("HostId", host.id.as_str()),
            ("HostName", &host.name),
            ("HostPrivateAddress", &host.private_address),
            ("HostPublicAddress", &host.public_address),
            ("ActiveAddressType", host.active_address.name()),
            ("OSType", &host.os),
            ("Comment", &host.comment),
        ] {
            members.insert(name.to_owned(), value.into());
        }
        if is_user {
            self.insert_project(&mut members, &host.project_id);
        }
        Value::Object(members)
    }

    /// A database in a list of grants; the lists of user groups add the number of accounts.
    fn database_value(&self, database: &Database, is_user: bool) -> Value {
        let mut members = Map::new();
        for (name, value) in [
            ("DatabaseId", database.id.as_str()),
            ("DatabaseName", &database.name),
            ("DatabaseType", &database.engine),
            ("DatabasePrivateAddress", &database.private_address),
            ("DatabasePublicAddress", &database.public_address),
            ("ActiveAddressType", database.active_address.name()),
            ("Source", &database.source),
            ("SourceInstanceId", &database.source_instance_id),
            ("Comment", &database.comment),
        ] {
            members.insert(name.to_owned(), value.into());
        }
        members.insert("DatabasePort".to_owned(), database.port.into());
        self.insert_project(&mut members, &database.project_id);
        if !is_user {
            members.insert("DatabaseAccountCount".to_owned(), database.accounts.len().into());
        }
        Value::Object(members)
    }

    fn insert_project(&self, members: &mut Map<String, Value>, project_id: &str) {
        members.insert("ProjectId".to_owned(), project_id.into());
        members.insert("ProjectName".to_owned(), self.project_name(project_id).into());
    }
}

fn host_group_value(group: &HostGroup) -> Value {
    json!({
        "HostGroupId": group.id,
        "HostGroupName": group.name,
        "Comment": group.comment,
    })
}
