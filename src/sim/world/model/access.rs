//! Direct grants, authorization rules, projects and the attributes of the instance.

use serde::{Deserialize, Serialize};

/// A direct grant: one of `user` and `user_group` on one of `host`, `host_group` and `database`.
/// Without accounts only the target itself is granted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The id of the user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// The id of the user group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_group: Option<String>,
    /// The id of the host.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// The id of the host group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_group: Option<String>,
    /// The id of the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// Account ids (host, database) or account names (host group).
    #[serde(default)]
    pub accounts: Vec<String>,
}

/// An authorization rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `RuleId`.
    pub id: String,
    /// `RuleName`.
    pub name: String,
    /// `RuleState`: `Enabled` or `Disabled`.
    #[serde(default = "enabled")]
    pub state: String,
    /// `EffectiveStartTime`, seconds since 1970; 0 for no limit.
    #[serde(default)]
    pub effective_start: i64,
    /// `EffectiveEndTime`, seconds since 1970; 0 for no limit.
    #[serde(default)]
    pub effective_end: i64,
    /// `ProjectId`; blank for none.
    #[serde(default)]
    pub project_id: String,
    /// `Comment`.
    #[serde(default)]
    pub comment: String,
    /// The ids of the users.
    #[serde(default)]
    pub users: Vec<String>,
    /// The ids of the user groups.
    #[serde(default)]
    pub user_groups: Vec<String>,
    /// The hosts with the ids of the accounts on them.
    #[serde(default)]
    pub hosts: Vec<RuleTarget>,
    /// The host groups with account names.
    #[serde(default)]
    pub host_groups: Vec<RuleTarget>,
    /// The databases with the ids of the accounts on them.
    #[serde(default)]
    pub databases: Vec<RuleTarget>,
}

/// A target of a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleTarget {
    /// The target's id.
    pub id: String,
    /// Account ids (host, database) or account names (host group).
    #[serde(default)]
    pub accounts: Vec<String>,
}

/// A project.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// `ProjectId`, a number.
    pub id: u64,
    /// `Name`.
    pub name: String,
    /// `IsDefault`.
    #[serde(default)]
    pub is_default: bool,
}

/// What `DescribeInstanceAttribute` answers besides the instance's id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a module of its own")]
#[serde(deny_unknown_fields, default)]
pub struct Instance {
    /// `InstanceStatus`.
    pub status: String,
    /// `AppOperationModule`: whether application grants can exist.
    pub app_operation: bool,
    /// `ScriptDeliverModule`: whether scheduled tasks can exist.
    pub script_deliver: bool,
    /// `IDaaSModule`.
    pub idaas: bool,
    /// `RDModule`.
    pub resource_directory: bool,
    /// `DbOperationModule`.
    pub database_operation: bool,
    /// `KmsSecretModule`.
    pub kms_secret: bool,
}

impl Default for Instance {
    fn default() -> Self {
        Self {
            status: "RUNNING".to_owned(),
            app_operation: false,
            script_deliver: false,
            idaas: false,
            resource_directory: false,
            database_operation: true,
            kms_secret: false,
        }
    }
}

fn enabled() -> String {
    "Enabled".to_owned()
}
