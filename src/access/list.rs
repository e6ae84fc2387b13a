//! The direct grants of users as an input list, which `plan` and `run` read without editing.

use super::csv_text::csv_text;
use super::indirect::also_by;
use super::survey::{Survey, UserAccess};
use crate::api::reading::{GrantedAccount, GrantedTarget, Listing, Lookup};
use crate::input::{InputError, Options, Problem, Reader, RowContent, Source};
use crate::model::Account;
use jiff::Timestamp;
use std::sync::Arc;

/// The columns of the list: those that are read, then names and remarks for people.
pub const COLUMNS: [&str; 14] = [
    "user",
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
struct Place<'a> {
    instance_id: &'a str,
    region: &'a str,
}

/// One row of the list, in the order of [`COLUMNS`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessRow(pub [String; COLUMNS.len()]);

/// A row that the list cannot hold, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnusableRow {
    /// The row.
    pub row: AccessRow,
    /// Why it would be invalid.
    pub reason: String,
}

/// The direct grants: a row for each target as a whole, and for each account that is authorized.
///
/// The row of the target is always there, because a host without an authorized account can still
/// be reached with a typed account.
pub fn rows(survey: &Survey, instance_id: &str, region: &str, now: Timestamp) -> Vec<AccessRow> {
    let place = Place { instance_id, region };
    let mut rows = Vec::new();
    for user in &survey.users {
        for target in user.all_targets() {
            let also_by = also_by(survey, user, target.kind, &target.id, now);
            rows.push(row(place, user, target, None, &also_by));
            let accounts = user.accounts.get(&(target.kind, target.id.clone()));
            let accounts = accounts.map(Listing::items).unwrap_or_default().iter();
            for account in accounts.filter(|account| account.is_authorized == Some(true)) {
                rows.push(row(place, user, target, Some(account), &also_by));
            }
        }
    }
    rows
}

fn row(
    place: Place<'_>,
    access: &UserAccess,
    target: &GrantedTarget,
    account: Option<&GrantedAccount>,
    also_by: &str,
) -> AccessRow {
    let (login, display, source) = match &access.user {
        Lookup::Found(user) => (&*user.name, &*user.display_name, &*user.source),
        Lookup::NotFound | Lookup::NotChecked(_) => ("", "", ""),
    };
    let addresses = [&*target.private_address, &*target.public_address];
    let address = addresses.into_iter().find(|address| !address.trim().is_empty());
    AccessRow(
        [
            &*access.id,
            target.kind.name(),
            &target.id,
            account.map_or("*", |account| &account.id),
            place.instance_id,
            place.region,
            login,
            display,
            source,
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
                    let is_same = grant.grantee.id == row.0[0]
                        && grant.target == row.0[2]
                        && (account == row.0[3])
                        && (account != "*" || row.0[11].is_empty());
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
