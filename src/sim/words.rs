//! The names that requests and answers use for each kind of target.
//!
//! Source: the pages of the three `Detach...AccountsFromUser` operations.

use crate::model::{GranteeKind, Kind};

pub(super) struct Words {
    /// The parameter that holds the targets.
    pub(super) targets: &'static str,
    /// A target's id, in requests and answers.
    pub(super) target_id: &'static str,
    /// A target's accounts, in requests.
    pub(super) asked_accounts: &'static str,
    /// A target's accounts, in answers.
    pub(super) accounts: &'static str,
    /// An account's id or name, in answers.
    pub(super) account: &'static str,
    /// What `Message` says when there is nothing to say.
    pub(super) no_message: &'static str,
}

pub(super) fn words(kind: Kind) -> &'static Words {
    match kind {
        Kind::Host => &Words {
            targets: "Hosts",
            target_id: "HostId",
            asked_accounts: "HostAccountIds",
            accounts: "HostAccounts",
            account: "HostAccountId",
            no_message: "None",
        },
        Kind::HostGroup => &Words {
            targets: "HostGroups",
            target_id: "HostGroupId",
            asked_accounts: "HostAccountNames",
            accounts: "HostAccountNames",
            account: "HostAccountName",
            no_message: "N/A\n",
        },
        Kind::Database => &Words {
            targets: "Databases",
            target_id: "DatabaseId",
            asked_accounts: "DatabaseAccountIds",
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
