//! How the service deviates from a world that is listed completely and at once: the `[behaviour]`
//! table of a world file.
//!
//! Each switch is something that the API's documents leave open, or that a live service does
//! while others work on it.

use serde::{Deserialize, Serialize};

use super::model::{Grant, Host, User};

/// The switches; all off by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
#[serde(deny_unknown_fields, default)]
pub struct Behaviour {
    /// Items per page at most, whatever `PageSize` says; nothing for no cap.
    pub page_size_cap: Option<usize>,
    /// The `...ForUser` lists hold what user groups and enabled rules reach, too.
    pub inherited_grants: bool,
    /// A list without `ProjectId` holds the objects of the default project only.
    pub default_project_only: bool,
    /// `IsAuthorized` is the text `"true"` or `"false"`.
    pub is_authorized_text: bool,
    /// `TotalCount` and `Count` are text.
    pub total_count_text: bool,
    /// Is added to `TotalCount` and `Count`.
    pub total_count_offset: i64,
    /// Ids in answers end with a blank.
    pub trailing_blanks: bool,
    /// These operations answer 404 `InvalidApi.NotFound`.
    pub missing_operations: Vec<String>,
    /// These operations answer 403 `NoPermission`.
    pub denied_operations: Vec<String>,
    /// Reads see a write only after this time, in milliseconds.
    pub read_lag_ms: u64,
    /// Reads see a write only after this many reads.
    pub read_lag_reads: u64,
    /// Pages that come back empty.
    pub empty_pages: Vec<EmptyPage>,
    /// What changes between two pages of a listing, each once.
    pub changes: Vec<Change>,
    /// Grants that are added again after they were removed, each once.
    pub regrants: Vec<Regrant>,
}

/// A page that comes back without items, although `TotalCount` says that there are more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmptyPage {
    /// The list operation.
    pub operation: String,
    /// The page's number, from 1.
    pub page: usize,
    /// How often it comes back empty.
    #[serde(default = "always")]
    pub times: u64,
}

fn always() -> u64 {
    u64::MAX >> 1
}

/// A change that takes effect after a page of a list operation was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// The list operation.
    pub operation: String,
    /// The number of the page after which it takes effect.
    pub after_page: usize,
    /// A host that is added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add_host: Option<Host>,
    /// The id of a host that is deleted, with all grants on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove_host: Option<String>,
    /// A user that is added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub add_user: Option<User>,
    /// The id of a user who is deleted, with all grants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove_user: Option<String>,
    /// A grant that is added.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach: Option<Grant>,
    /// A grant that is removed; without accounts the whole target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detach: Option<Grant>,
}

/// A grant that another administrator adds again once it was removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regrant {
    /// The grant.
    pub grant: Grant,
    /// How many reads are answered between its removal and its return.
    #[serde(default)]
    pub after_reads: u64,
}
