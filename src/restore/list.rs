//! The list of a restore: what is granted again, as rows that [`Reader`] reads, and a table of what
//! is not.

use super::select::{LeftOut, Restorable, Selection};
use crate::access::{TargetKey, csv_text};
use crate::input::{InputError, Options, Problem, Reader, RowContent, Source};
use crate::model::{Account, GranteeKind};
use std::sync::Arc;

/// The columns of the list.
const COLUMNS: [&str; 8] =
    ["user", "user_group", "kind", "target", "account", "instance_id", "region", "outcome_row"];

/// The columns of the table of what is not granted again.
const LEFT_OUT_COLUMNS: [&str; 9] = [
    "outcome_row",
    "user",
    "user_group",
    "kind",
    "target",
    "account",
    "instance_id",
    "region",
    "reason",
];

/// The cells user, user group, kind, target, account, instance and region.
fn cells(key: &TargetKey, account: &Account) -> [String; 7] {
    let id = key.grantee.id.clone();
    let (user, group) = match key.grantee.kind {
        GranteeKind::User => (id, String::new()),
        GranteeKind::UserGroup => (String::new(), id),
    };
    let account = match account {
        Account::Whole => "*".to_owned(),
        Account::Named(name) => name.clone(),
    };
    let TargetKey { instance_id, region, kind, target, .. } = key;
    let kind = kind.name().to_owned();
    [user, group, kind, target.clone(), account, instance_id.clone(), region.clone()]
}

impl Selection {
    /// The list of what is granted again, as CSV.
    pub fn list(&self) -> Vec<u8> {
        let rows: Vec<[String; COLUMNS.len()]> = self.grants.iter().map(row).collect();
        csv_text(COLUMNS, &rows)
    }

    /// The table of what is not granted again, as CSV.
    pub fn left_out_table(&self) -> Vec<u8> {
        let row = |left: &LeftOut| {
            let account = left.account.clone().unwrap_or(Account::Whole);
            let cells = left.key.as_ref().map(|key| cells(key, &account)).unwrap_or_default();
            let [user, group, kind, target, account, instance, region] = cells;
            let (number, reason) = (left.row.to_string(), left.reason.clone());
            [number, user, group, kind, target, account, instance, region, reason]
        };
        let rows: Vec<[String; LEFT_OUT_COLUMNS.len()]> = self.left_out.iter().map(row).collect();
        csv_text(LEFT_OUT_COLUMNS, &rows)
    }

    /// Leaves out grants that a list cannot express, such as an account of a host group that is
    /// called `*`.
    ///
    /// # Errors
    ///
    /// The list as a whole cannot be read back.
    pub fn leave_out_unusable(&mut self) -> Result<(), InputError> {
        let text = self.list();
        let sources = vec![Source::memory("restore.csv", &text)];
        let mut reader = Reader::new(sources, Arc::new(Options::default()));
        let mut usable = Vec::with_capacity(self.grants.len());
        for grant in std::mem::take(&mut self.grants) {
            let reason = match reader.next()? {
                Some(read) => match read.content {
                    RowContent::Grant(found) => {
                        let is_account = match (&found.account, &grant.account) {
                            (Account::Whole, Account::Whole) => true,
                            (Account::Named(found), Account::Named(wanted)) => found == wanted,
                            _ => false,
                        };
                        let is_same = is_account && TargetKey::of(&found) == grant.key;
                        (!is_same).then(|| "a list would be read as another grant".to_owned())
                    }
                    RowContent::Invalid(problems) => {
                        let problems = problems.iter().map(Problem::message);
                        Some(problems.collect::<Vec<_>>().join("; "))
                    }
                    _ => Some("a list would be read as a name".to_owned()),
                },
                None => Some("a list would lack it".to_owned()),
            };
            match reason {
                None => usable.push(grant),
                Some(reason) => {
                    let Restorable { row, key, account, .. } = grant;
                    let reason = format!("no list can express it: {reason}");
                    let (key, account) = (Some(key), Some(account));
                    self.left_out.push(LeftOut { row, key, account, reason, is_missing: true });
                }
            }
        }
        self.grants = usable;
        Ok(())
    }
}

fn row(grant: &Restorable) -> [String; COLUMNS.len()] {
    let [user, group, kind, target, account, instance, region] = cells(&grant.key, &grant.account);
    [user, group, kind, target, account, instance, region, grant.row.to_string()]
}
