//! The file of grants that `simulate --grants` reads.

use std::io::Read;

use super::grants::Grants;
use crate::model::{Grantee, GranteeKind, Kind};

/// Why a file of grants could not be used.
#[derive(Debug, thiserror::Error)]
pub enum GrantsError {
    /// It isn't CSV, or could not be read.
    #[error("the grants are not readable as CSV: {0}")]
    Csv(#[from] csv::Error),
    /// The header lacks a column.
    #[error(
        "the header of the grants has no column '{0}'; needed are user or user_group, kind, \
         target and account; instance_id may follow"
    )]
    Header(&'static str),
    /// A row is wrong.
    #[error("line {line} of the grants: {what}")]
    Row {
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
}

/// The indexes of the columns.
struct Columns {
    user: Option<usize>,
    user_group: Option<usize>,
    kind: usize,
    target: usize,
    account: usize,
    instance_id: Option<usize>,
}

impl Columns {
    fn find(header: &csv::StringRecord) -> Result<Self, GrantsError> {
        // Case, blanks, `_` and `-` don't matter, as in the input of a run.
        let plain = |name: &str| {
            let letters = name.trim_start_matches('\u{feff}').chars();
            letters.filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
        };
        let at = |wanted: &str| header.iter().position(|name| plain(name) == plain(wanted));
        let need = |wanted| at(wanted).ok_or(GrantsError::Header(wanted));
        let (user, user_group) = (at("user"), at("user_group"));
        if user.is_none() && user_group.is_none() {
            return Err(GrantsError::Header("user"));
        }
        Ok(Self {
            user,
            user_group,
            kind: need("kind")?,
            target: need("target")?,
            account: need("account")?,
            instance_id: at("instance_id"),
        })
    }
}

impl Grants {
    /// Reads CSV with a header and the columns `user` or `user_group` (or both, one of them
    /// filled), `kind`, `target`, `account` and, if wanted, `instance_id`, in any order; others
    /// are ignored. A `*` or a blank account is the target's own grant.
    pub fn from_csv(input: impl Read) -> Result<Self, GrantsError> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(input);
        let columns = Columns::find(reader.headers()?)?;
        let mut grants = Self::listed();
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record)? {
            let wrong = |what: String| {
                let line = record.position().map_or(0, csv::Position::line);
                GrantsError::Row { line, what }
            };
            let cell = |at: usize| record.get(at).unwrap_or_default();
            let maybe = |at: Option<usize>| at.map_or("", cell);
            let grantee = match (maybe(columns.user), maybe(columns.user_group)) {
                (id, "") if !id.is_empty() => Grantee { kind: GranteeKind::User, id },
                ("", id) if !id.is_empty() => Grantee { kind: GranteeKind::UserGroup, id },
                _ => return Err(wrong("exactly one of user and user_group is filled".to_owned())),
            };
            let kind = cell(columns.kind);
            let kind = kind_of(kind).ok_or_else(|| {
                wrong(format!("'{kind}' is no kind; there are host, host-group and database"))
            })?;
            let target = cell(columns.target);
            if matches!(target, "" | "*") {
                return Err(wrong("the target is blank or '*'".to_owned()));
            }
            let account = Some(cell(columns.account)).filter(|name| !matches!(*name, "" | "*"));
            grants.add(maybe(columns.instance_id), &grantee, kind, target, account);
        }
        Ok(grants)
    }
}

fn kind_of(name: &str) -> Option<Kind> {
    match name.to_ascii_lowercase().as_str() {
        "host" => Some(Kind::Host),
        "host-group" | "host_group" | "hostgroup" | "group" => Some(Kind::HostGroup),
        "database" | "db" => Some(Kind::Database),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<[String; 5]> {
        let grants = Grants::from_csv(text.as_bytes()).unwrap();
        assert!(grants.is_listed());
        let row = |record: crate::sim::GrantRecord| {
            let account = record.account.unwrap_or_else(|| "*".to_owned());
            let grantee = format!("{}:{}", record.grantee_kind, record.grantee);
            [record.instance_id, grantee, record.kind, record.target, account]
        };
        grants.records().map(row).collect()
    }

    fn error(text: &str) -> String {
        Grants::from_csv(text.as_bytes()).unwrap_err().to_string()
    }

    #[test]
    fn the_simple_header_is_read() {
        let text = "user,kind,target,account\n1,host,8,*\n1,HOST, 8 ,4\n2,db,9,\n2,Group,7,root\n";
        let expected = [
            ["", "user:1", "host", "8", "*"],
            ["", "user:1", "host", "8", "4"],
            ["", "user:2", "host-group", "7", "root"],
            ["", "user:2", "database", "9", "*"],
        ];
        assert_eq!(rows(text), expected);
    }

    #[test]
    fn groups_and_instances_are_read_in_any_order_of_columns() {
        let text = "\u{feff}Account,Target,Kind,Instance ID,user-group,User,note\na,8,host,i-1,g,,x\n\
                    a,8,host,,,u,y\n";
        let expected =
            [["", "user:u", "host", "8", "a"], ["i-1", "user_group:g", "host", "8", "a"]];
        assert_eq!(rows(text), expected);
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        assert!(error("kind,target,account\n").contains("no column 'user'"));
        assert!(error("user,kind,target\n").contains("no column 'account'"));
        let header = "user,user_group,kind,target,account\n";
        let of = |row: &str| error(&format!("{header}1,,host,8,*\n{row}\n"));
        assert!(of("1,2,host,8,*").starts_with("line 3 of the grants: exactly one"));
        assert!(of(",,host,8,*").contains("exactly one"));
        assert!(of("1,,hots,8,*").contains("'hots' is no kind"));
        assert!(of("1,,host,,*").contains("the target is blank"));
        assert!(of("1,,host,*,*").contains("the target is blank"));
        assert!(of("1,,host").contains("not readable as CSV"));
    }
}
