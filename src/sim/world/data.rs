//! The state of a world at one moment.

use super::model::{
    Caller, Database, Grant, Host, HostGroup, Instance, Project, PublicKey, Rule, User, UserGroup,
};
use crate::model::{Grantee, GranteeKind, Kind};
use crate::sim::call::Call;
use crate::sim::grants::Grants;

/// Everything that reads can see.
#[derive(Debug, Clone)]
pub(in crate::sim) struct Data {
    pub(super) instance: Instance,
    pub(super) caller: Caller,
    pub(super) projects: Vec<Project>,
    pub(super) users: Vec<User>,
    pub(super) user_groups: Vec<UserGroup>,
    pub(super) hosts: Vec<Host>,
    pub(super) host_groups: Vec<HostGroup>,
    pub(super) databases: Vec<Database>,
    pub(super) rules: Vec<Rule>,
    pub(super) public_keys: Vec<PublicKey>,
    pub(in crate::sim) grants: Grants,
}

impl Data {
    pub(super) fn user(&self, id: &str) -> Option<&User> {
        self.users.iter().find(|user| user.id == id)
    }

    pub(super) fn user_mut(&mut self, id: &str) -> Option<&mut User> {
        self.users.iter_mut().find(|user| user.id == id)
    }

    pub(super) fn host(&self, id: &str) -> Option<&Host> {
        self.hosts.iter().find(|host| host.id == id)
    }

    pub(super) fn database(&self, id: &str) -> Option<&Database> {
        self.databases.iter().find(|database| database.id == id)
    }

    pub(super) fn host_group(&self, id: &str) -> Option<&HostGroup> {
        self.host_groups.iter().find(|group| group.id == id)
    }

    /// The name of a project, blank if the id is blank or unknown.
    pub(super) fn project_name(&self, id: &str) -> &str {
        let project = self.projects.iter().find(|project| project.id.to_string() == id);
        project.map_or("", |project| &project.name)
    }

    /// Whether an object of that project is in the project that a call asks for. An object
    /// without a project is in the default one.
    pub(super) fn is_in_project(&self, call: &Call, id: &str) -> bool {
        let Some(wanted) = call.get("ProjectId") else { return true };
        wanted == id || (id.is_empty() && self.default_project().as_deref() == Some(wanted))
    }

    /// The id of the default project.
    pub(super) fn default_project(&self) -> Option<String> {
        let default = self.projects.iter().find(|project| project.is_default);
        default.map(|project| project.id.to_string())
    }

    /// Registers with the grants which users, user groups, targets and accounts exist.
    pub(super) fn register_objects(&mut self) {
        let grants = &mut self.grants;
        for user in &self.users {
            grants.add_grantee(&Grantee { kind: GranteeKind::User, id: &user.id });
        }
        for group in &self.user_groups {
            grants.add_grantee(&Grantee { kind: GranteeKind::UserGroup, id: &group.id });
        }
        for host in &self.hosts {
            let accounts = host.accounts.iter().map(|account| account.id.as_str());
            grants.add_target(Kind::Host, &host.id, accounts);
        }
        for group in &self.host_groups {
            // A host group's accounts are the names found on its hosts.
            let hosts = self.hosts.iter().filter(|host| group.hosts.contains(&host.id));
            let accounts = hosts.flat_map(|host| &host.accounts);
            let names = accounts.map(|account| account.name.as_str());
            grants.add_target(Kind::HostGroup, &group.id, names);
        }
        for database in &self.databases {
            let accounts = database.accounts.iter().map(|account| account.id.as_str());
            grants.add_target(Kind::Database, &database.id, accounts);
        }
    }

    /// Adds a grant and with it the target.
    pub(super) fn attach(&mut self, grant: &GrantKey) {
        let GrantKey { grantee, kind, target, .. } = grant;
        let grantee = Grantee { kind: grantee.kind, id: grantee.id.as_str() };
        self.grants.attach("", &grantee, *kind, target, None);
        for account in &grant.accounts {
            self.grants.attach("", &grantee, *kind, target, Some(account));
        }
    }

    /// Removes the accounts of a grant, or the whole target if it names none.
    pub(super) fn detach(&mut self, grant: &GrantKey) {
        let GrantKey { grantee, kind, target, .. } = grant;
        let grantee = Grantee { kind: grantee.kind, id: grantee.id.as_str() };
        if grant.accounts.is_empty() {
            self.grants.remove_whole("", &grantee, *kind, target);
        }
        for account in &grant.accounts {
            self.grants.remove_account("", &grantee, *kind, target, account);
        }
    }

    /// Whether all of a grant is held.
    pub(super) fn holds(&self, grant: &GrantKey) -> bool {
        let GrantKey { grantee, kind, target, .. } = grant;
        let grantee = Grantee { kind: grantee.kind, id: grantee.id.as_str() };
        let held = self.grants.accounts(&grantee, *kind, target);
        let has_accounts = grant.accounts.iter().all(|account| held.contains(account.as_str()));
        has_accounts && self.grants.targets(&grantee, *kind).contains(target.as_str())
    }
}

/// A grant of the world file with its grantee and target settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct GrantKey {
    pub(super) grantee: Grantee,
    pub(super) kind: Kind,
    pub(super) target: String,
    pub(super) accounts: Vec<String>,
}

impl GrantKey {
    /// Settles a grant; an error says what it names too much or too little.
    pub(super) fn new(grant: &Grant) -> Result<Self, &'static str> {
        let grantee = match (&grant.user, &grant.user_group) {
            (Some(id), None) => Grantee { kind: GranteeKind::User, id: id.clone() },
            (None, Some(id)) => Grantee { kind: GranteeKind::UserGroup, id: id.clone() },
            _ => return Err("must have exactly one of user and user_group"),
        };
        let (kind, target) = match (&grant.host, &grant.host_group, &grant.database) {
            (Some(id), None, None) => (Kind::Host, id),
            (None, Some(id), None) => (Kind::HostGroup, id),
            (None, None, Some(id)) => (Kind::Database, id),
            _ => return Err("must have exactly one of host, host_group and database"),
        };
        Ok(Self { grantee, kind, target: target.clone(), accounts: grant.accounts.clone() })
    }
}
