//! The world file: TOML or JSON, checked for references to objects that it does not define.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::behaviour::Behaviour;
use super::data::{Data, GrantKey};
use super::model::{
    Caller, Database, Grant, Host, HostGroup, Instance, Project, PublicKey, Rule, RuleTarget, User,
    UserGroup,
};
use crate::model::{GranteeKind, Kind};
use crate::sim::grants::Grants;
use crate::sim::operation::Spec;

/// Why a world file could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// The text is no TOML or JSON, or has an unknown or missing member.
    #[error("line {line}, column {column}: {what}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column in characters, from 1.
        column: usize,
        /// What the parser expected.
        what: String,
    },
    /// An object refers to another that does not exist, or an id is used twice.
    #[error("{place}: {what}")]
    Reference {
        /// The object, as `grants[3]`, counted from 1.
        place: String,
        /// What is wrong with it.
        what: String,
    },
}

/// Everything that a world file holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorldFile {
    /// How the service deviates from a plain listing.
    pub behaviour: Behaviour,
    /// What `DescribeInstanceAttribute` answers.
    pub instance: Instance,
    /// What `GetCallerIdentity` answers.
    pub caller: Caller,
    /// All projects.
    pub projects: Vec<Project>,
    /// All users.
    pub users: Vec<User>,
    /// All user groups.
    pub user_groups: Vec<UserGroup>,
    /// All hosts.
    pub hosts: Vec<Host>,
    /// All host groups.
    pub host_groups: Vec<HostGroup>,
    /// All databases.
    pub databases: Vec<Database>,
    /// All direct grants.
    pub grants: Vec<Grant>,
    /// All authorization rules.
    pub rules: Vec<Rule>,
    /// All public keys.
    pub public_keys: Vec<PublicKey>,
}

impl WorldFile {
    /// Reads JSON if the first character is `{`, else TOML.
    pub fn parse(text: &str) -> Result<Self, WorldError> {
        if text.trim_start().starts_with('{') {
            return serde_json::from_str(text).map_err(|error| WorldError::Syntax {
                line: error.line(),
                column: error.column(),
                what: without_position(&error.to_string()),
            });
        }
        toml::from_str(text).map_err(|error| {
            let at = error.span().map_or(0, |span| span.start.min(text.len()));
            let before = text.get(..at).unwrap_or_default();
            let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
            WorldError::Syntax {
                line: before.matches('\n').count() + 1,
                column: before.get(line_start..).unwrap_or_default().chars().count() + 1,
                what: error.message().to_owned(),
            }
        })
    }

    /// Checks every reference and builds the state at the start.
    pub(super) fn into_data(self) -> Result<(Data, Behaviour), WorldError> {
        let ids = Ids::collect(&self)?;
        ids.check_members(&self)?;
        check_operations(&self.behaviour)?;
        let mut grants = Vec::with_capacity(self.grants.len());
        for (at, grant) in (1..).zip(&self.grants) {
            grants.push(ids.grant(grant, || format!("grants[{at}]"))?);
        }
        for (at, regrant) in (1..).zip(&self.behaviour.regrants) {
            ids.grant(&regrant.grant, || format!("behaviour.regrants[{at}]"))?;
        }
        let mut data = Data {
            instance: self.instance,
            caller: self.caller,
            projects: self.projects,
            users: self.users,
            user_groups: self.user_groups,
            hosts: self.hosts,
            host_groups: self.host_groups,
            databases: self.databases,
            rules: self.rules,
            public_keys: self.public_keys,
            grants: Grants::listed(),
        };
        data.register_objects();
        for grant in grants {
            if grant.kind == Kind::HostGroup {
                // A name granted on a group need not exist on a host yet.
                let names = grant.accounts.iter().map(String::as_str);
                data.grants.add_target(grant.kind, &grant.target, names);
            }
            data.attach(&grant);
        }
        Ok((data, self.behaviour))
    }
}

/// `unknown field ... at line 3 column 5` without the position, which is stated before it.
fn without_position(message: &str) -> String {
    message.rsplit_once(" at line ").map_or(message, |(what, _)| what).to_owned()
}

/// A switch for an operation that doesn't exist would have no effect.
fn check_operations(behaviour: &Behaviour) -> Result<(), WorldError> {
    let missing = behaviour.missing_operations.iter().map(|name| ("missing_operations", name));
    let denied = behaviour.denied_operations.iter().map(|name| ("denied_operations", name));
    let pages = behaviour.empty_pages.iter().map(|page| ("empty_pages", &page.operation));
    let changes = behaviour.changes.iter().map(|change| ("changes", &change.operation));
    let mut all = missing.chain(denied).chain(pages).chain(changes);
    match all.find(|(_, name)| Spec::find(name).is_none()) {
        Some((switch, name)) => Err(WorldError::Reference {
            place: format!("behaviour.{switch}"),
            what: format!("the service has no operation '{name}'"),
        }),
        None => Ok(()),
    }
}

/// The ids that a file defines, by kind of object.
struct Ids {
    users: BTreeSet<String>,
    user_groups: BTreeSet<String>,
    hosts: BTreeSet<String>,
    host_groups: BTreeSet<String>,
    databases: BTreeSet<String>,
    /// (host, account).
    host_accounts: BTreeSet<(String, String)>,
    /// (database, account).
    database_accounts: BTreeSet<(String, String)>,
}

impl Ids {
    fn collect(file: &WorldFile) -> Result<Self, WorldError> {
        let rules = file.rules.iter().map(|rule| &rule.id);
        unique("rules", rules)?;
        unique("public_keys", file.public_keys.iter().map(|key| &key.id))?;
        let mut host_accounts = BTreeSet::new();
        for host in &file.hosts {
            for account in &host.accounts {
                host_accounts.insert((host.id.clone(), account.id.clone()));
            }
        }
        let mut database_accounts = BTreeSet::new();
        for database in &file.databases {
            for account in &database.accounts {
                database_accounts.insert((database.id.clone(), account.id.clone()));
            }
        }
        Ok(Self {
            users: unique("users", file.users.iter().map(|user| &user.id))?,
            user_groups: unique("user_groups", file.user_groups.iter().map(|group| &group.id))?,
            hosts: unique("hosts", file.hosts.iter().map(|host| &host.id))?,
            host_groups: unique("host_groups", file.host_groups.iter().map(|group| &group.id))?,
            databases: unique("databases", file.databases.iter().map(|database| &database.id))?,
            host_accounts,
            database_accounts,
        })
    }

    /// The members of groups and rules, and the owners of keys.
    fn check_members(&self, file: &WorldFile) -> Result<(), WorldError> {
        for (at, group) in (1..).zip(&file.user_groups) {
            known(&self.users, "user", &group.members, || format!("user_groups[{at}]"))?;
        }
        for (at, group) in (1..).zip(&file.host_groups) {
            known(&self.hosts, "host", &group.hosts, || format!("host_groups[{at}]"))?;
            let databases = &group.databases;
            known(&self.databases, "database", databases, || format!("host_groups[{at}]"))?;
        }
        for (at, key) in (1..).zip(&file.public_keys) {
            let user = std::slice::from_ref(&key.user);
            known(&self.users, "user", user, || format!("public_keys[{at}]"))?;
        }
        for (at, rule) in (1..).zip(&file.rules) {
            let place = || format!("rules[{at}]");
            let target_ids =
                |targets: &[RuleTarget]| targets.iter().map(|t| t.id.clone()).collect::<Vec<_>>();
            known(&self.users, "user", &rule.users, place)?;
            known(&self.user_groups, "user group", &rule.user_groups, place)?;
            known(&self.hosts, "host", &target_ids(&rule.hosts), place)?;
            known(&self.host_groups, "host group", &target_ids(&rule.host_groups), place)?;
            known(&self.databases, "database", &target_ids(&rule.databases), place)?;
        }
        Ok(())
    }

    fn grant(&self, grant: &Grant, place: impl Fn() -> String) -> Result<GrantKey, WorldError> {
        let key = GrantKey::new(grant)
            .map_err(|what| WorldError::Reference { place: place(), what: what.to_owned() })?;
        let (grantees, what) = match key.grantee.kind {
            GranteeKind::User => (&self.users, "user"),
            GranteeKind::UserGroup => (&self.user_groups, "user group"),
        };
        known(grantees, what, std::slice::from_ref(&key.grantee.id), &place)?;
        let (targets, what, accounts) = match key.kind {
            Kind::Host => (&self.hosts, "host", Some(&self.host_accounts)),
            Kind::HostGroup => (&self.host_groups, "host group", None),
            Kind::Database => (&self.databases, "database", Some(&self.database_accounts)),
        };
        known(targets, what, std::slice::from_ref(&key.target), &place)?;
        for account in &key.accounts {
            let pair = (key.target.clone(), account.clone());
            if accounts.is_some_and(|accounts| !accounts.contains(&pair)) {
                let what = format!("the {what} '{}' has no account '{account}'", key.target);
                return Err(WorldError::Reference { place: place(), what });
            }
        }
        Ok(key)
    }
}

fn unique<'a>(
    list: &str,
    ids: impl Iterator<Item = &'a String>,
) -> Result<BTreeSet<String>, WorldError> {
    let mut seen = BTreeSet::new();
    for (at, id) in (1..).zip(ids) {
        let what = match id.as_str() {
            "" => "the id is blank".to_owned(),
            _ if seen.insert(id.clone()) => continue,
            _ => format!("the id '{id}' is used before in {list}"),
        };
        return Err(WorldError::Reference { place: format!("{list}[{at}]"), what });
    }
    Ok(seen)
}

fn known(
    defined: &BTreeSet<String>,
    what: &str,
    ids: &[String],
    place: impl Fn() -> String,
) -> Result<(), WorldError> {
    match ids.iter().find(|id| !defined.contains(*id)) {
        Some(id) => {
            let what = format!("there is no {what} '{id}' in this file");
            Err(WorldError::Reference { place: place(), what })
        }
        None => Ok(()),
    }
}
