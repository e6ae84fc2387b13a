//! Reads about users, user groups and public keys.

use serde_json::{Value, json};

use super::data::Data;
use super::listing::Reply;
use super::model::User;
use super::reads::not_found;
use crate::sim::api_error::ApiError;
use crate::sim::call::Call;

impl Data {
    pub(super) fn list_users(&self, call: &Call) -> Reply {
        let in_group = |user: &User| {
            call.get("UserGroupId").is_none_or(|id| {
                let group = self.user_groups.iter().find(|group| group.id == id);
                group.is_some_and(|group| group.members.contains(&user.id))
            })
        };
        let has_state = |user: &User| {
            call.get("UserState").is_none_or(|wanted| user.states.iter().any(|is| is == wanted))
        };
        let users = self.users.iter().filter(|user| {
            call.matches("UserName", &user.name)
                && call.matches("DisplayName", &user.display_name)
                && call.matches("Mobile", &user.mobile)
                && call.matches("Source", &user.source)
                && call.matches("SourceUserId", &user.source_user_id)
                && has_state(user)
                && in_group(user)
        });
        Reply::list("Users", users.map(user_value).collect())
    }

    pub(super) fn get_user(&self, call: &Call) -> Result<Reply, ApiError> {
        let user = self.user(call.value("UserId"));
        let user = user.ok_or_else(|| not_found("UserNotFound", "user"))?;
        Ok(Reply::single("User", user_value(user)))
    }

    pub(super) fn list_user_groups(&self, call: &Call) -> Reply {
        let groups = self.user_groups.iter().filter(|group| {
            call.matches("UserGroupName", &group.name)
                && self.is_in_project(call, &group.project_id)
        });
        let value = |group: &super::UserGroup| {
            json!({
                "UserGroupId": group.id,
                "UserGroupName": group.name,
                "Comment": group.comment,
                "MemberCount": group.members.len(),
            })
        };
        Reply::list("UserGroups", groups.map(value).collect())
    }

    /// The keyword is compared loosely, and the number of groups is called `Count`.
    pub(super) fn list_user_groups_for_user(&self, call: &Call) -> Reply {
        let user = call.value("UserId");
        let keyword = call.get("Keyword").unwrap_or_default();
        let groups = self.user_groups.iter().filter(|group| {
            group.members.iter().any(|member| member == user)
                && group.name.contains(keyword)
                && self.is_in_project(call, &group.project_id)
        });
        let value = |group: &super::UserGroup| {
            json!({
                "UserGroupId": group.id,
                "UserGroupName": group.name,
                "ProjectId": group.project_id,
                "ProjectName": self.project_name(&group.project_id),
                "Comment": group.comment,
            })
        };
        Reply::List { member: "UserGroups", total: "Count", items: groups.map(value).collect() }
    }

    pub(super) fn list_public_keys(&self, call: &Call) -> Reply {
        let keys = self.public_keys.iter().filter(|key| call.matches("UserId", &key.user));
        let value = |key: &super::PublicKey| {
            json!({
                "PublicKeyId": key.id,
                "PublicKeyName": key.name,
                "FingerPrint": key.fingerprint,
                "UserId": key.user,
                "Comment": key.comment,
            })
        };
        Reply::list("PublicKeys", keys.map(value).collect())
    }
}

fn user_value(user: &User) -> Value {
    json!({
        "UserId": user.id,
        "UserName": user.name,
        "DisplayName": user.display_name,
        "Source": user.source,
        "SourceUserId": user.source_user_id,
        "UserState": user.states,
        "EffectiveStartTime": user.effective_start,
        "EffectiveEndTime": user.effective_end,
        "Email": user.email,
        "Mobile": user.mobile,
        "Comment": user.comment,
    })
}
