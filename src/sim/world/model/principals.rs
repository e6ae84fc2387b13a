//! Users, user groups, public keys, and the RAM user whose access key is used.

use serde::{Deserialize, Serialize};

/// A user of the bastion host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct User {
    /// `UserId`.
    pub id: String,
    /// `UserName`, the login name. Several users may share it if their sources differ.
    pub name: String,
    /// `DisplayName`.
    #[serde(default)]
    pub display_name: String,
    /// `Source`: `Local`, `Ram`, `AD`, `LDAP`, or another value, which is passed through.
    #[serde(default = "local")]
    pub source: String,
    /// `SourceUserId`.
    #[serde(default)]
    pub source_user_id: String,
    /// `UserState`: `Normal`, `Frozen`, `Expired`, ... Unknown values are passed through.
    #[serde(default = "normal")]
    pub states: Vec<String>,
    /// `EffectiveStartTime`, seconds since 1970; 0 for no limit.
    #[serde(default)]
    pub effective_start: i64,
    /// `EffectiveEndTime`, seconds since 1970; 0 for no limit.
    #[serde(default)]
    pub effective_end: i64,
    /// `Email`.
    #[serde(default)]
    pub email: String,
    /// `Mobile`.
    #[serde(default)]
    pub mobile: String,
    /// `Comment`.
    #[serde(default)]
    pub comment: String,
}

/// A user group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserGroup {
    /// `UserGroupId`.
    pub id: String,
    /// `UserGroupName`.
    pub name: String,
    /// The ids of its members.
    #[serde(default)]
    pub members: Vec<String>,
    /// `ProjectId`; blank for none.
    #[serde(default)]
    pub project_id: String,
    /// `Comment`.
    #[serde(default)]
    pub comment: String,
}

/// A user's public key. The API never returns the key itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicKey {
    /// `PublicKeyId`.
    pub id: String,
    /// `PublicKeyName`.
    pub name: String,
    /// The id of the user who has it.
    pub user: String,
    /// `FingerPrint`.
    #[serde(default)]
    pub fingerprint: String,
    /// `Comment`.
    #[serde(default)]
    pub comment: String,
}

/// Whom the access key belongs to, as STS answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Caller {
    /// `AccountId`.
    pub account_id: String,
    /// `IdentityType`: `RAMUser`, `Account` or `AssumedRoleUser`.
    pub identity_type: String,
    /// `UserId`, the id of the RAM user: the `SourceUserId` of a bastion user from RAM.
    pub user_id: String,
    /// `Arn`.
    pub arn: String,
}

impl Default for Caller {
    fn default() -> Self {
        Self {
            account_id: "1000000000000001".to_owned(),
            identity_type: "RAMUser".to_owned(),
            user_id: "200000000000000001".to_owned(),
            arn: "acs:ram::1000000000000001:user/offboarding".to_owned(),
        }
    }
}

fn local() -> String {
    "Local".to_owned()
}

fn normal() -> Vec<String> {
    vec![normal_state()]
}

fn normal_state() -> String {
    "Normal".to_owned()
}
