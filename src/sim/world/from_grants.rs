//! A world in which the grants of a list can be held: for rehearsals that read.

use std::collections::{BTreeMap, BTreeSet};

use super::file::WorldFile;
use super::model::{
    AddressType, Database, DatabaseAccount, Grant, Host, HostAccount, HostGroup, User, UserGroup,
};
use crate::model::{self, Account, GranteeKind, Kind};

/// The accounts on each target, by kind and id.
type Targets = BTreeMap<(Kind, String), BTreeSet<String>>;

impl WorldFile {
    /// The users, user groups, targets and accounts that these grants name; with `are_held`, also
    /// the grants.
    #[must_use]
    pub fn of_grants<'a>(
        grants: impl IntoIterator<Item = model::Grant<'a>>,
        are_held: bool,
    ) -> Self {
        let mut file = Self::default();
        let mut targets = Targets::new();
        let mut grantees = BTreeSet::new();
        for grant in grants {
            let accounts = targets.entry((grant.kind, grant.target.to_owned())).or_default();
            let mut held = Grant::default();
            if let Account::Named(name) = grant.account {
                accounts.insert(name.to_owned());
                held.accounts.push(name.to_owned());
            }
            let id = Some(grant.grantee.id.to_owned());
            match grant.grantee.kind {
                GranteeKind::User => held.user = id,
                GranteeKind::UserGroup => held.user_group = id,
            }
            let target = Some(grant.target.to_owned());
            match grant.kind {
                Kind::Host => held.host = target,
                Kind::HostGroup => held.host_group = target,
                Kind::Database => held.database = target,
            }
            grantees.insert((grant.grantee.kind, grant.grantee.id.to_owned()));
            if are_held {
                file.grants.push(held);
            }
        }
        for (kind, id) in grantees {
            match kind {
                GranteeKind::User => file.users.push(user(id)),
                GranteeKind::UserGroup => file.user_groups.push(user_group(id)),
            }
        }
        for ((kind, id), accounts) in targets {
            match kind {
                Kind::Host => file.hosts.push(host(id, accounts)),
                Kind::HostGroup => {
                    // The accounts of a host group are the names found on its hosts.
                    let member = host(format!("member of host group {id}"), accounts);
                    let hosts = vec![member.id.clone()];
                    file.hosts.push(member);
                    file.host_groups.push(host_group(id, hosts));
                }
                Kind::Database => file.databases.push(database(id, accounts)),
            }
        }
        file
    }
}

fn user(id: String) -> User {
    User {
        name: format!("user {id}"),
        id,
        display_name: String::new(),
        source: "Local".to_owned(),
        source_user_id: String::new(),
        states: vec!["Normal".to_owned()],
        effective_start: 0,
        effective_end: 0,
        email: String::new(),
        mobile: String::new(),
        comment: String::new(),
    }
}

fn user_group(id: String) -> UserGroup {
    let (members, project_id, comment) = (Vec::new(), String::new(), String::new());
    UserGroup { name: format!("user group {id}"), id, members, project_id, comment }
}

fn host(id: String, accounts: BTreeSet<String>) -> Host {
    let account = |name: String| HostAccount { id: name.clone(), name, protocol: "SSH".to_owned() };
    Host {
        name: format!("host {id}"),
        id,
        private_address: String::new(),
        public_address: String::new(),
        active_address: AddressType::default(),
        os: "Linux".to_owned(),
        source: "Local".to_owned(),
        source_instance_id: String::new(),
        source_instance_state: "Normal".to_owned(),
        project_id: String::new(),
        comment: String::new(),
        accounts: accounts.into_iter().map(account).collect(),
    }
}

fn host_group(id: String, hosts: Vec<String>) -> HostGroup {
    let (databases, project_id, comment) = (Vec::new(), String::new(), String::new());
    HostGroup { name: format!("host group {id}"), id, hosts, databases, project_id, comment }
}

fn database(id: String, accounts: BTreeSet<String>) -> Database {
    let account = |name: String| DatabaseAccount { id: name.clone(), name, schema: String::new() };
    Database {
        name: format!("database {id}"),
        id,
        engine: "MySQL".to_owned(),
        private_address: String::new(),
        public_address: String::new(),
        active_address: AddressType::default(),
        port: 3306,
        source: "Local".to_owned(),
        source_instance_id: String::new(),
        project_id: String::new(),
        comment: String::new(),
        accounts: accounts.into_iter().map(account).collect(),
    }
}
