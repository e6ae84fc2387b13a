//! Direct grants of a user or a user group: the targets, and the accounts on them.
//!
//! Whether the lists hold what a user inherits from groups and rules is not documented. Subtract
//! the other routes before calling a grant direct.

use super::fields::{boolean, id, text};
use super::paging::{Item, Listing, MOST_READS, Query, ReadError, union};
use super::reader::Reader;
use crate::api::caller::CallError;
use crate::api::operation::grantee_id;
use crate::api::transport::Transport;
use crate::api::tree::Branch;
use crate::model::{Grantee, GranteeKind, Kind};
use serde::{Deserialize, Serialize};

/// A target that is granted. Source: `ListHostsForUser` and its twins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedTarget {
    /// The kind of the target.
    pub kind: Kind,
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The private address; blank for a host group.
    pub private_address: String,
    /// The public address; blank for a host group.
    pub public_address: String,
    /// The id of the project; blank where the answer does not name it.
    pub project_id: String,
}

/// An account on a target. Source: `ListHostAccountsForUser` and its twins, which list authorized
/// and other accounts; for host groups only authorized names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GrantedAccount {
    /// The id; for a host group the name.
    pub id: String,
    /// The name.
    pub name: String,
    /// `SSH`, `MySQL` and so on; blank for a host group.
    pub protocol: String,
    /// Whether the account is granted. `None`: the answer does not say so; never "not granted".
    pub is_authorized: Option<bool>,
    /// The id of the target; blank where the answer does not name it.
    pub target_id: String,
}

macro_rules! target_item {
    ($name:ident, $kind:expr, $list:literal, $id:literal, $text:literal, $private:literal, $public:literal) => {
        #[derive(Serialize, Deserialize)]
        struct $name(GrantedTarget);

        impl Item for $name {
            const LIST: &'static str = $list;

            fn decode(item: Branch<'_>) -> Option<Self> {
                Some(Self(GrantedTarget {
                    kind: $kind,
                    id: id(item, $id)?,
                    name: text(item, $text),
                    private_address: text(item, $private),
                    public_address: text(item, $public),
                    project_id: id(item, "ProjectId").unwrap_or_default(),
                }))
            }

            fn id(&self) -> &str {
                &self.0.id
            }
        }
    };
}

target_item!(
    HostItem,
    Kind::Host,
    "Hosts",
    "HostId",
    "HostName",
    "HostPrivateAddress",
    "HostPublicAddress"
);
target_item!(HostGroupItem, Kind::HostGroup, "HostGroups", "HostGroupId", "HostGroupName", "", "");
target_item!(
    DatabaseItem,
    Kind::Database,
    "Databases",
    "DatabaseId",
    "DatabaseName",
    "DatabasePrivateAddress",
    "DatabasePublicAddress"
);

macro_rules! account_item {
    ($name:ident, $list:literal, $id:literal, $text:literal, $target:literal) => {
        #[derive(Serialize, Deserialize)]
        struct $name(GrantedAccount);

        impl Item for $name {
            const LIST: &'static str = $list;

            fn decode(item: Branch<'_>) -> Option<Self> {
                Some(Self(GrantedAccount {
                    id: id(item, $id)?,
                    name: text(item, $text),
                    protocol: text(item, "ProtocolName"),
                    is_authorized: boolean(item, "IsAuthorized"),
                    target_id: id(item, $target).unwrap_or_default(),
                }))
            }

            fn id(&self) -> &str {
                &self.0.id
            }

            fn owner(&self) -> Option<&str> {
                Some(&self.0.target_id).filter(|id| !id.is_empty()).map(String::as_str)
            }

            fn merge(&mut self, other: Self) {
                self.0.is_authorized = match (self.0.is_authorized, other.0.is_authorized) {
                    (Some(true), _) | (_, Some(true)) => Some(true),
                    (None, _) | (_, None) => None,
                    (Some(false), Some(false)) => Some(false),
                };
            }
        }
    };
}

account_item!(HostAccountItem, "HostAccounts", "HostAccountId", "HostAccountName", "HostId");
account_item!(
    DatabaseAccountItem,
    "DatabaseAccounts",
    "DatabaseAccountId",
    "DatabaseAccountName",
    "DatabaseId"
);

impl<T: Transport> Reader<T> {
    /// The targets of one kind that are granted to a user or a user group: `ListHostsForUser`,
    /// `ListHostGroupsForUser`, `ListDatabasesForUser`, and their `...ForUserGroup` twins. An
    /// unknown user may give an empty list: read the user first.
    pub async fn granted_targets(
        &self,
        grantee: &Grantee,
        kind: Kind,
    ) -> Result<Listing<GrantedTarget>, ReadError> {
        self.granted_targets_named(grantee, kind, "").await
    }

    /// The same for the targets of this name. A blank name lists all targets. Whether the service
    /// compares capitals is not documented: compare the result.
    pub async fn granted_targets_named(
        &self,
        grantee: &Grantee,
        kind: Kind,
        name: &str,
    ) -> Result<Listing<GrantedTarget>, ReadError> {
        let is_user = grantee.kind == GranteeKind::User;
        let filter = match kind {
            Kind::Host => "HostName",
            Kind::HostGroup => "HostGroupName",
            Kind::Database => "DatabaseName",
        };
        let parameters = [(grantee_id(grantee.kind), grantee.id.as_str()), (filter, name)];
        let query =
            |user, group| Query::new(if is_user { user } else { group }, parameters).in_projects();
        Ok(match kind {
            Kind::Host => {
                let query = query("ListHostsForUser", "ListHostsForUserGroup");
                map(self.list::<HostItem>(&query).await?, |item| item.0)
            }
            Kind::HostGroup => {
                let query = query("ListHostGroupsForUser", "ListHostGroupsForUserGroup");
                map(self.list::<HostGroupItem>(&query).await?, |item| item.0)
            }
            Kind::Database => {
                let query = query("ListDatabasesForUser", "ListDatabasesForUserGroup");
                map(self.list::<DatabaseItem>(&query).await?, |item| item.0)
            }
        })
    }

    /// The accounts on one target, with whether they are granted: `ListHostAccountsForUser`,
    /// `ListHostGroupAccountNamesForUser`, `ListDatabaseAccountsForUser`, and their twins. At least
    /// one call for each target; use [`Reader::read_all`] for many.
    pub async fn granted_accounts(
        &self,
        grantee: &Grantee,
        kind: Kind,
        target_id: &str,
    ) -> Result<Listing<GrantedAccount>, ReadError> {
        let is_user = grantee.kind == GranteeKind::User;
        let choose = |user, group| if is_user { user } else { group };
        let grantee = (grantee_id(grantee.kind), grantee.id.as_str());
        Ok(match kind {
            Kind::Host => {
                let action = choose("ListHostAccountsForUser", "ListHostAccountsForUserGroup");
                let query = Query::new(action, [grantee, ("HostId", target_id)]).in_projects();
                let query = query.of(target_id);
                map(self.list::<HostAccountItem>(&query).await?, |item| item.0)
            }
            Kind::HostGroup => {
                let action = choose(
                    "ListHostGroupAccountNamesForUser",
                    "ListHostGroupAccountNamesForUserGroup",
                );
                let parameters = [grantee, ("HostGroupId", target_id)];
                let mut names = self.account_names(action, &parameters, target_id).await?;
                for project in self.projects_of(true) {
                    let parameters = [parameters[0], parameters[1], ("ProjectId", project)];
                    let more = self.account_names(action, &parameters, target_id).await?;
                    names = union(names, more);
                }
                map(names, |item| item.0)
            }
            Kind::Database => {
                let action =
                    choose("ListDatabaseAccountsForUser", "ListDatabaseAccountsForUserGroup");
                let query = Query::new(action, [grantee, ("DatabaseId", target_id)]).of(target_id);
                // Source: in the SDK only the operation of user groups takes a `ProjectId`.
                let query = if is_user { query } else { query.in_projects() };
                map(self.list::<DatabaseAccountItem>(&query).await?, |item| item.0)
            }
        })
    }

    /// Account names on a host group. The list is not paged and has no total.
    async fn account_names(
        &self,
        action: &'static str,
        parameters: &[(&'static str, &str)],
        target_id: &str,
    ) -> Result<Listing<HostAccountItem>, ReadError> {
        const MEMBER: &str = "HostAccountNames";
        if let Some(items) = self.kept(action, parameters) {
            return Ok(Listing::Complete(items));
        }
        let decode = |answer: Branch<'_>| {
            let mut names: Vec<Option<String>> = Vec::new();
            answer.each(MEMBER, &mut |name| names.push(name.text().map(str::to_owned)));
            answer.has(MEMBER).then_some(names)
        };
        let mut reason = String::new();
        let mut items = Vec::new();
        for _ in 0..MOST_READS {
            let names = match self.call(action, parameters, &decode).await {
                Ok(names) => names,
                Err(CallError::Credentials(why)) => return Err(ReadError(why)),
                Err(error) => return Ok(Listing::NotChecked(format!("{action}: {error}"))),
            };
            let is_complete = names.as_ref().is_some_and(|names| names.iter().all(Option::is_some));
            let account = |name: String| {
                HostAccountItem(GrantedAccount {
                    id: name.clone(),
                    name,
                    protocol: String::new(),
                    is_authorized: Some(true),
                    target_id: target_id.to_owned(),
                })
            };
            items = names.into_iter().flatten().flatten().map(account).collect();
            if is_complete {
                self.keep(action, parameters, &items);
                return Ok(Listing::Complete(items));
            }
            reason = format!("{action}: the answer has no list {MEMBER}, or one with gaps");
        }
        Ok(Listing::Incomplete { items, reason })
    }
}

fn map<I, O>(listing: Listing<I>, change: impl Fn(I) -> O) -> Listing<O> {
    match listing {
        Listing::Complete(items) => Listing::Complete(items.into_iter().map(change).collect()),
        Listing::Incomplete { items, reason } => {
            Listing::Incomplete { items: items.into_iter().map(change).collect(), reason }
        }
        Listing::NotChecked(reason) => Listing::NotChecked(reason),
    }
}
