//! Users and their public keys.

use super::fields::{id, seconds, text, texts};
use super::paging::{Item, Listing, Lookup, Query, ReadError};
use super::reader::Reader;
use crate::api::transport::Transport;
use crate::api::tree::Branch;
use serde::{Deserialize, Serialize};

/// A user of the bastion host. Source: `ListUsers`, `GetUser`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The id.
    pub id: String,
    /// The login name. Users of different sources may share it.
    pub name: String,
    /// The display name.
    pub display_name: String,
    /// `Local`, `Ram`, `AD`, `LDAP` or another value.
    pub source: String,
    /// The id at the source: a RAM user id, or a distinguished name.
    pub source_user_id: String,
    /// `Normal`, `Frozen` (locked), `Expired`, `RemoteDeleted` and others, several at once.
    pub states: Vec<String>,
    /// The start of validity in seconds since 1970, if there is one.
    pub effective_start_s: Option<i64>,
    /// The end of validity in seconds since 1970, if there is one.
    pub effective_end_s: Option<i64>,
    /// The e-mail address.
    pub email: String,
    /// The mobile number.
    pub mobile: String,
    /// The comment.
    pub comment: String,
}

impl User {
    /// Whether the user is locked on the bastion host (`Frozen`).
    pub fn is_locked(&self) -> bool {
        self.states.iter().any(|state| state.trim().eq_ignore_ascii_case("Frozen"))
    }
}

impl Item for User {
    const LIST: &'static str = "Users";

    fn decode(item: Branch<'_>) -> Option<Self> {
        Some(Self {
            id: id(item, "UserId")?,
            name: text(item, "UserName"),
            display_name: text(item, "DisplayName"),
            source: text(item, "Source"),
            source_user_id: text(item, "SourceUserId").trim_end().to_owned(),
            states: texts(item, "UserState"),
            effective_start_s: seconds(item, "EffectiveStartTime"),
            effective_end_s: seconds(item, "EffectiveEndTime"),
            email: text(item, "Email"),
            mobile: text(item, "Mobile"),
            comment: text(item, "Comment"),
        })
    }

    fn id(&self) -> &str {
        &self.id
    }
}

/// Exact filters of `ListUsers`; a blank one is not sent. Whether the service compares capitals is
/// not documented: compare the result.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UserFilter<'a> {
    /// The login name.
    pub name: &'a str,
    /// The display name.
    pub display_name: &'a str,
    /// The id at the source.
    pub source_user_id: &'a str,
    /// The mobile number.
    pub mobile: &'a str,
    /// Members of this user group.
    pub user_group_id: &'a str,
}

/// A public key of a user; the API never returns the key itself. Source: `ListUserPublicKeys`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicKey {
    /// The id.
    pub id: String,
    /// The name.
    pub name: String,
    /// The fingerprint.
    pub fingerprint: String,
    /// The id of its user.
    pub user_id: String,
    /// The comment.
    pub comment: String,
}

impl Item for PublicKey {
    const LIST: &'static str = "PublicKeys";

    fn decode(item: Branch<'_>) -> Option<Self> {
        Some(Self {
            id: id(item, "PublicKeyId")?,
            name: text(item, "PublicKeyName"),
            fingerprint: text(item, "FingerPrint"),
            user_id: id(item, "UserId").unwrap_or_default(),
            comment: text(item, "Comment"),
        })
    }

    fn id(&self) -> &str {
        &self.id
    }

    fn owner(&self) -> Option<&str> {
        Some(&self.user_id).filter(|id| !id.is_empty()).map(String::as_str)
    }
}

impl<T: Transport> Reader<T> {
    /// `ListUsers`.
    pub async fn users(&self, filter: UserFilter<'_>) -> Result<Listing<User>, ReadError> {
        let parameters = [
            ("UserName", filter.name),
            ("DisplayName", filter.display_name),
            ("SourceUserId", filter.source_user_id),
            ("Mobile", filter.mobile),
            ("UserGroupId", filter.user_group_id),
        ];
        self.list(&Query::new("ListUsers", parameters)).await
    }

    /// `GetUser`. Lists return nothing for a deleted user, so ask this before "has nothing".
    pub async fn user(&self, user_id: &str) -> Result<Lookup<User>, ReadError> {
        let decode = |answer: Branch<'_>| {
            let mut users = Vec::new();
            answer.each("User", &mut |user| users.extend(User::decode(user)));
            let user = users.pop().filter(|user| users.is_empty() && user.id == user_id);
            user.ok_or_else(|| format!("the answer does not hold user {user_id}"))
        };
        self.look_up("GetUser", &[("UserId", user_id)], &decode).await
    }

    /// `ListUserPublicKeys` of one user, whose id must not be blank: without it the service lists
    /// the keys of all users (inferred).
    pub async fn public_keys(&self, user_id: &str) -> Result<Listing<PublicKey>, ReadError> {
        if user_id.is_empty() {
            return Ok(Listing::NotChecked("ListUserPublicKeys: the user id is blank".to_owned()));
        }
        let query = Query::new("ListUserPublicKeys", [("UserId", user_id)]).of(user_id);
        self.list(&query).await
    }
}
