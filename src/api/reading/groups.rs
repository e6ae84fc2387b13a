//! User groups and memberships.

use super::fields::{id, number, text};
use super::membership::{Members, Membership};
use super::paging::{Item, Listing, Query, ReadError};
use super::reader::Reader;
use super::users::UserFilter;
use crate::api::transport::Transport;
use crate::api::tree::Branch;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

/// A user group. Source: `ListUserGroups`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserGroup {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The number of members, if the answer has it.
    pub member_count: Option<i64>,
    /// The comment.
    pub comment: String,
}

impl Item for UserGroup {
    const LIST: &'static str = "UserGroups";

    fn decode(item: Branch<'_>) -> Option<Self> {
        Some(Self {
            id: id(item, "UserGroupId")?,
            name: text(item, "UserGroupName"),
            member_count: number(item, "MemberCount"),
            comment: text(item, "Comment"),
        })
    }

    fn id(&self) -> &str {
        &self.id
    }
}

impl Item for Membership {
    const LIST: &'static str = "UserGroups";
    const TOTAL: &'static str = "Count";

    fn decode(item: Branch<'_>) -> Option<Self> {
        Some(Self {
            group_id: id(item, "UserGroupId")?,
            group_name: text(item, "UserGroupName"),
            project_id: id(item, "ProjectId").unwrap_or_default(),
            project_name: text(item, "ProjectName"),
        })
    }

    fn id(&self) -> &str {
        &self.group_id
    }
}

impl<T: Transport> Reader<T> {
    /// `ListUserGroups`. A blank name lists all groups.
    pub async fn user_groups(&self, name: &str) -> Result<Listing<UserGroup>, ReadError> {
        self.list(&Query::new("ListUserGroups", [("UserGroupName", name)]).in_projects()).await
    }

    /// The groups of a user: `ListUserGroupsForUser`, or, where that operation is not available,
    /// the members of all groups, which are read once for each instance (one call for each group).
    pub async fn memberships(&self, user_id: &str) -> Result<Listing<Membership>, ReadError> {
        let mut reason = String::new();
        if !self.lacks_groups_of_user().load(Ordering::Relaxed) {
            let query = Query::new("ListUserGroupsForUser", [("UserId", user_id)]).in_projects();
            match self.list(&query).await? {
                Listing::NotChecked(why) => reason = why,
                listing => return Ok(listing),
            }
            self.lacks_groups_of_user().store(true, Ordering::Relaxed);
        }
        let members = self.members().get_or_try_init(|| self.read_members()).await?;
        let items = members.of_user.get(user_id).cloned().unwrap_or_default();
        Ok(match &members.reason {
            None => Listing::Complete(items),
            Some(why) if items.is_empty() && !reason.is_empty() => {
                Listing::NotChecked(format!("{reason}; {why}"))
            }
            Some(why) if items.is_empty() => Listing::NotChecked(why.clone()),
            Some(why) => Listing::Incomplete { items, reason: why.clone() },
        })
    }

    async fn read_members(&self) -> Result<Members, ReadError> {
        let groups = self.user_groups("").await?;
        let mut reason = groups.reason().map(str::to_owned);
        let read = |reader: Self, group: UserGroup| async move {
            let filter = UserFilter { user_group_id: &group.id, ..UserFilter::default() };
            let users = reader.users(filter).await?;
            Ok::<_, ReadError>((group, users))
        };
        let all = self.read_all(groups.items().to_vec(), read).await?;
        let mut of_user: BTreeMap<String, Vec<Membership>> = BTreeMap::new();
        for (group, users) in all {
            if let Some(why) = users.reason() {
                reason.get_or_insert_with(|| format!("members of user group {}: {why}", group.id));
            }
            for user in users.items() {
                of_user.entry(user.id.clone()).or_default().push(Membership {
                    group_id: group.id.clone(),
                    group_name: group.name.clone(),
                    project_id: String::new(),
                    project_name: String::new(),
                });
            }
        }
        Ok(Members { of_user, reason })
    }
}
