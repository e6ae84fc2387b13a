//! Authorization rules. There is no list of a user's rules: read all of them once per run.

use super::fields::{id, seconds, text};
use super::paging::{Item, Listing, Lookup, Query, ReadError};
use super::reader::Reader;
use crate::api::transport::Transport;
use crate::api::tree::Branch;
use crate::model::Kind;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A rule without its members. Source: `ListRules`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// `Enabled` or `Disabled`; `GetRule` does not return it.
    pub state: String,
    /// The start of validity in seconds since 1970, if there is one.
    pub effective_start_s: Option<i64>,
    /// The end of validity in seconds since 1970, if there is one.
    pub effective_end_s: Option<i64>,
    /// The comment.
    pub comment: String,
}

impl Item for Rule {
    const LIST: &'static str = "Rules";

    fn decode(item: Branch<'_>) -> Option<Self> {
        Some(Self {
            id: id(item, "RuleId")?,
            name: text(item, "RuleName"),
            state: text(item, "RuleState"),
            effective_start_s: seconds(item, "EffectiveStartTime"),
            effective_end_s: seconds(item, "EffectiveEndTime"),
            comment: text(item, "Comment"),
        })
    }

    fn id(&self) -> &str {
        &self.id
    }
}

/// The members and targets of a rule. Source: `GetRule`, which is not paged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleDetail {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The ids of the users that it names.
    pub user_ids: Vec<String>,
    /// The ids of the user groups that it names.
    pub user_group_ids: Vec<String>,
    /// What it gives access to.
    pub targets: Vec<RuleTarget>,
}

/// A target of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleTarget {
    /// The kind of the target.
    pub kind: Kind,
    /// The id.
    pub id: String,
    /// The accounts: ids, for a host group names. Empty: the target without an account.
    pub accounts: Vec<String>,
}

/// The kind, the id and the accounts: `host 1080 [3310]`.
impl fmt::Display for RuleTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.id)?;
        if self.accounts.is_empty() {
            return Ok(());
        }
        write!(f, " [{}]", self.accounts.join(", "))
    }
}

impl<T: Transport> Reader<T> {
    /// `ListRules`.
    pub async fn rules(&self) -> Result<Listing<Rule>, ReadError> {
        self.list(&Query::new("ListRules", []).in_projects()).await
    }

    /// `GetRule`.
    pub async fn rule(&self, rule_id: &str) -> Result<Lookup<RuleDetail>, ReadError> {
        let decode = |answer: Branch<'_>| {
            let mut rules = Vec::new();
            answer.each("Rule", &mut |rule| rules.push(detail(rule, rule_id)));
            match (rules.pop(), rules.is_empty()) {
                (Some(rule), true) => rule,
                _ => Err(format!("the answer does not hold rule {rule_id}")),
            }
        };
        let mut rule = self.look_up("GetRule", &[("RuleId", rule_id)], &decode).await?;
        for project in self.projects_of(true) {
            if rule != Lookup::NotFound {
                break;
            }
            let parameters = [("RuleId", rule_id), ("ProjectId", project.as_str())];
            rule = self.look_up("GetRule", &parameters, &decode).await?;
        }
        Ok(rule)
    }
}

/// Decodes a rule; one with a member without an id is not usable, because the member is a route.
fn detail(rule: Branch<'_>, rule_id: &str) -> Result<RuleDetail, String> {
    if id(rule, "RuleId").as_deref() != Some(rule_id) {
        return Err(format!("the answer does not hold rule {rule_id}"));
    }
    let mut targets = Vec::new();
    for (kind, list, target_id) in [
        (Kind::Host, "Hosts", "HostId"),
        (Kind::HostGroup, "HostGroups", "HostGroupId"),
        (Kind::Database, "Databases", "DatabaseId"),
    ] {
        for target in
            all(rule, list, |target| Some((id(target, target_id)?, accounts(kind, target))))
        {
            let (id, accounts) = target.ok_or_else(|| format!("{list}: an entry has no id"))?;
            targets.push(RuleTarget { kind, id, accounts: accounts? });
        }
    }
    let ids = |list: &str, name: &str| {
        let ids = all(rule, list, |member| id(member, name)).into_iter();
        ids.collect::<Option<Vec<_>>>().ok_or_else(|| format!("{list}: an entry has no {name}"))
    };
    Ok(RuleDetail {
        id: rule_id.to_owned(),
        name: text(rule, "RuleName"),
        user_ids: ids("Users", "UserId")?,
        user_group_ids: ids("UserGroups", "UserGroupId")?,
        targets,
    })
}

fn accounts(kind: Kind, target: Branch<'_>) -> Result<Vec<String>, String> {
    let (list, name) = match kind {
        Kind::Host => ("HostAccounts", "HostAccountId"),
        Kind::HostGroup => ("HostAccountNames", ""),
        Kind::Database => ("DatabaseAccounts", "DatabaseAccountId"),
    };
    let account = |account: Branch<'_>| match kind {
        Kind::HostGroup => account.text().map(str::to_owned),
        Kind::Host | Kind::Database => id(account, name),
    };
    let found = all(target, list, account).into_iter().collect::<Option<Vec<_>>>();
    found.ok_or_else(|| format!("{list}: an entry has no id"))
}

/// Every element of a list, decoded. A null list has none.
fn all<R>(item: Branch<'_>, name: &str, decode: impl Fn(Branch<'_>) -> R) -> Vec<R> {
    let mut found = Vec::new();
    item.each(name, &mut |element| {
        if element.is_object() || element.text().is_some() {
            found.push(decode(element));
        }
    });
    found
}
