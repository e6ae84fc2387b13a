//! The direct grants of users as an input list, which `plan` and `run` read without editing.

use super::csv_text::csv_text;
use super::indirect::also_by;
use super::survey::Survey;
use crate::api::reading::{GrantedAccount, GrantedTarget, Listing, Lookup};
use crate::input::{InputError, Options, Problem, Reader, RowContent, Source};
use crate::model::{Account, GranteeKind};
use jiff::Timestamp;
use std::sync::Arc;

/// The columns of the list: those that are read, then names and remarks for people.
pub const COLUMNS: [&str; 15] = [
    "user",
    "user_group",
    "kind",
    "target",
    "account",
    "instance_id",
    "region",
    "login",
    "display",
    "user_source",
    "target_label",
    "target_address",
    "account_label",
    "account_protocol",
    "also_by",
];

/// The instance that was read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) instance_id: &'a str,
    pub(super) region: &'a str,
}

/// Who has a grant.
#[derive(Debug, Clone, Copy)]
pub(super) struct GranteeCells<'a> {
    pub(super) kind: GranteeKind,
    pub(super) id: &'a str,
    /// The login name of a user.
    pub(super) login: &'a str,
    /// The display name of a user, the name of a user group.
    pub(super) display: &'a str,
    /// The source of a user.
    pub(super) source: &'a str,
}

/// One row of the list, in the order of [`COLUMNS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRow(pub [String; COLUMNS.len()]);

impl AccessRow {
    /// The value of a column; blank for a name that is none.
    pub fn cell(&self, column: &str) -> &str {
        let at = COLUMNS.iter().position(|name| *name == column);
        at.map_or("", |at| &self.0[at])
    }

    /// The target and the account, for a message.
    pub(super) fn grant(&self) -> String {
        let [kind, target, account] = ["kind", "target", "account"].map(|name| self.cell(name));
        format!("{kind} {target}, account {account}")
    }
}

/// A row that the list cannot hold, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableRow {
    /// The row.
    pub row: AccessRow,
    /// Why it would be invalid.
    pub reason: String,
}

/// The direct grants of the users that were read.
pub fn rows(survey: &Survey, instance_id: &str, region: &str, now: Timestamp) -> Vec<AccessRow> {
    let place = Place { instance_id, region };
    let mut rows = Vec::new();
    for access in &survey.users {
        let (login, display, source) = match &access.user {
            Lookup::Found(user) => (&*user.name, &*user.display_name, &*user.source),
            Lookup::NotFound | Lookup::NotChecked(_) => ("", "", ""),
        };
        let id = &*access.id;
        let grantee = GranteeCells { kind: GranteeKind::User, id, login, display, source };
        for target in access.all_targets() {
            let also_by = also_by(survey, access, target.kind, &target.id, now);
            let accounts = access.accounts.get(&(target.kind, target.id.clone()));
            rows.extend(rows_of(place, grantee, target, accounts, &also_by));
        }
    }
    rows
}

/// The rows of one target: one for the target as a whole, and one for each authorized account.
///
/// The row of the target is always there, because a host without an authorized account can still
/// be reached with a typed account.
pub(super) fn rows_of(
    place: Place<'_>,
    grantee: GranteeCells<'_>,
    target: &GrantedTarget,
    accounts: Option<&Listing<GrantedAccount>>,
    also_by: &str,
) -> Vec<AccessRow> {
    let accounts = accounts.map(Listing::items).unwrap_or_default().iter();
    let authorized = accounts.filter(|account| account.is_authorized == Some(true)).map(Some);
    let all = std::iter::once(None).chain(authorized);
    all.map(|account| row(place, grantee, target, account, also_by)).collect()
}

fn row(
    place: Place<'_>,
    grantee: GranteeCells<'_>,
    target: &GrantedTarget,
    account: Option<&GrantedAccount>,
    also_by: &str,
) -> AccessRow {
    let (user, user_group) = match grantee.kind {
        GranteeKind::User => (grantee.id, ""),
        GranteeKind::UserGroup => ("", grantee.id),
    };
    let addresses = [&*target.private_address, &*target.public_address];
    let address = addresses.into_iter().find(|address| !address.trim().is_empty());
    AccessRow(
        [
            user,
            user_group,
            target.kind.name(),
            &target.id,
            account.map_or("*", |account| &account.id),
            place.instance_id,
            place.region,
            grantee.login,
            grantee.display,
            grantee.source,
            &target.name,
            address.unwrap_or_default(),
            account.map_or("", |account| &account.name),
            account.map_or("", |account| &account.protocol),
            also_by,
        ]
        .map(str::to_owned),
    )
}

/// The rows that are read back as the grants that they are, and the others: an account on a host
/// group may have a name that a list cannot express, such as `*`.
///
/// # Errors
///
/// The list as a whole cannot be read back.
pub fn usable(rows: Vec<AccessRow>) -> Result<(Vec<AccessRow>, Vec<UnusableRow>), InputError> {
    let text = csv_text(COLUMNS, rows.iter().map(|row| &row.0));
    let mut reader =
        Reader::new(vec![Source::memory("access.csv", &text)], Arc::new(Options::default()));
    let mut usable = Vec::new();
    let mut unusable = Vec::new();
    for row in rows {
        let reason = match reader.next()? {
            Some(read) => match read.content {
                RowContent::Grant(grant) => {
                    let account = match &grant.account {
                        Account::Whole => "*",
                        Account::Named(account) => account,
                    };
                    let grantee = match grant.grantee.kind {
                        GranteeKind::User => "user",
                        GranteeKind::UserGroup => "user_group",
                    };
                    let is_same = grant.grantee.id == row.cell(grantee)
                        && grant.target == row.cell("target")
                        && account == row.cell("account")
                        && (account != "*" || row.cell("account_label").is_empty());
                    (!is_same).then(|| "it would be read as another grant".to_owned())
                }
                RowContent::Invalid(problems) => {
                    Some(problems.iter().map(Problem::message).collect::<Vec<_>>().join("; "))
                }
                _ => Some("it would be read as a name".to_owned()),
            },
            None => Some("it would not be read".to_owned()),
        };
        match reason {
            None => usable.push(row),
            Some(reason) => unusable.push(UnusableRow { row, reason }),
        }
    }
    Ok((usable, unusable))
}
