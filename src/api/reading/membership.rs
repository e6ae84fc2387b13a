//! Which user groups a user is a member of.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A user group that a user is a member of. Source: `ListUserGroupsForUser`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Membership {
    /// The id of the group.
    pub group_id: String,
    /// The name of the group.
    pub group_name: String,
    /// The id of the group's project; blank where it is not known.
    pub project_id: String,
    /// The name of that project; blank where it is not known.
    pub project_name: String,
}

/// All memberships of an instance, by user id.
pub(super) struct Members {
    pub(super) of_user: BTreeMap<String, Vec<Membership>>,
    /// Why memberships may be missing.
    pub(super) reason: Option<String>,
}
