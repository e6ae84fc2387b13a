//! The names of parameters and members for each kind of target.
//!
//! Source: the pages of the three `Detach...AccountsFromUser` operations.

use crate::model::{GranteeKind, Kind};

pub(super) struct FieldNames {
    /// The parameter that holds the targets.
    pub(super) targets: &'static str,
    /// A target's id, in requests and answers.
    pub(super) target_id: &'static str,
    /// A target's accounts, in requests.
    pub(super) request_accounts: &'static str,
    /// A target's accounts, in answers.
    pub(super) accounts: &'static str,
    /// An account's id or name, in answers.
    pub(super) account: &'static str,
    /// The value of `Message` when there is no error.
    pub(super) no_message: &'static str,
}

pub(super) fn field_names(kind: Kind) -> &'static FieldNames {
    match kind {
        Kind::Host => &FieldNames {
            targets: "Hosts",
            target_id: "HostId",
            request_accounts: "HostAccountIds",
            accounts: "HostAccounts",
            account: "HostAccountId",
            no_message: "None",
        },
        Kind::HostGroup => &FieldNames {
            targets: "HostGroups",
            target_id: "HostGroupId",
            request_accounts: "HostAccountNames",
            accounts: "HostAccountNames",
            account: "HostAccountName",
            no_message: "N/A\n",
        },
        Kind::Database => &FieldNames {
            targets: "Databases",
            target_id: "DatabaseId",
            request_accounts: "DatabaseAccountIds",
            accounts: "DatabaseAccounts",
            account: "DatabaseAccountId",
            no_message: "None",
        },
    }
}

/// The parameter, and the member of an answer, that names the grantee.
pub(super) fn grantee_id(kind: GranteeKind) -> &'static str {
    match kind {
        GranteeKind::User => "UserId",
        GranteeKind::UserGroup => "UserGroupId",
    }
}
