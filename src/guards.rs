//! Guards against the wrong list: what must be true of a whole plan before anything is sent.

use crate::model::{Account, Grant, GranteeKind, Kind};
use crate::plan::Plan;
use crate::plan::summary::Summary;
use std::collections::HashSet;
use std::fmt::Write as _;
use std::io::Read;

/// How many row numbers a refusal names.
const NAMED_ROWS: usize = 20;

/// Limits on a plan; `None` is no limit. All count the whole plan, also on resume.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// The most distinct grants to be sent.
    pub max_revocations: Option<usize>,
    /// The most users and user groups together.
    pub max_users: Option<usize>,
    /// The most targets revoked as a whole.
    pub max_whole_targets: Option<usize>,
    /// Exactly so many input rows.
    pub expect_rows: Option<usize>,
}

impl Limits {
    /// Everything that the plan exceeds, a sentence each, with the rows concerned.
    pub fn exceeded(&self, plan: &Plan, numbers: &Summary) -> Vec<String> {
        let mut all = Vec::new();
        let mut over = |option: &str, limit: Option<usize>, count: usize, what: &str, rows| {
            if let Some(limit) = limit.filter(|limit| count > *limit) {
                let rows: Vec<usize> = rows_beyond(plan, limit, rows);
                all.push(format!(
                    "{what}: {count}, and {option} is {limit}{}",
                    named("; beyond it:", &rows)
                ));
            }
        };
        let users = numbers.users + numbers.user_groups;
        over(
            "--max-revocations",
            self.max_revocations,
            numbers.revocations,
            "revocations",
            Per::Grant,
        );
        over("--max-users", self.max_users, users, "users and user groups", Per::Holder);
        let whole = numbers.whole_targets;
        over("--max-whole-targets", self.max_whole_targets, whole, "whole targets", Per::Whole);
        // Rows that keep an earlier verdict are none of this run's.
        let rows = numbers.rows - numbers.carried;
        if let Some(expected) = self.expect_rows.filter(|expected| *expected != rows) {
            all.push(format!("rows: {rows}, and --expect-rows is {expected}"));
        }
        all
    }
}

/// Refuses a list that names what is protected, with the rows that do.
pub fn refuse_protected(rows: &[u64]) -> Result<(), String> {
    if rows.is_empty() {
        return Ok(());
    }
    let numbers: Vec<usize> =
        rows.iter().map(|row| usize::try_from(*row).unwrap_or(usize::MAX)).collect();
    let rows = if rows.len() == 1 { "1 row is" } else { &format!("{} rows are", rows.len()) };
    Err(format!(
        "{rows} protected{}; take them out, or leave them be with --skip-protected",
        named(":", &numbers)
    ))
}

/// What a limit counts.
#[derive(Clone, Copy)]
enum Per {
    Grant,
    Holder,
    Whole,
}

/// The rows, from 1, whose grants stand beyond the first `limit` of what is counted, in input
/// order.
fn rows_beyond(plan: &Plan, limit: usize, per: Per) -> Vec<usize> {
    let mut holders = HashSet::new();
    let mut counted = 0;
    let mut rows = Vec::new();
    for row in 0..plan.rows() {
        let Some((grant, standing)) = plan.row(row) else { continue };
        if standing != row {
            continue;
        }
        let counts = match per {
            Per::Grant => true,
            Per::Whole => matches!(plan.item(grant).1, Account::Whole),
            Per::Holder => {
                let scope = plan.scope_names(plan.request_of(grant));
                holders.insert((scope.instance_id, scope.grantee))
            }
        };
        counted += usize::from(counts);
        if counts && counted > limit {
            rows.push(row + 1);
        }
    }
    rows
}

/// `: rows 3, 4 and 12 more`; nothing for no rows.
fn named(introduction: &str, rows: &[usize]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut out = format!("{introduction} {}", if rows.len() == 1 { "row " } else { "rows " });
    for (at, row) in rows.iter().take(NAMED_ROWS).enumerate() {
        let comma = if at > 0 { ", " } else { "" };
        let _ = write!(out, "{comma}{row}");
    }
    if rows.len() > NAMED_ROWS {
        let _ = write!(out, " and {} more", rows.len() - NAMED_ROWS);
    }
    out
}

/// What must not be revoked: break-glass and service accounts.
#[derive(Debug, Clone, Default)]
pub struct Protection(Vec<Protected>);

#[derive(Debug, Clone, Default)]
struct Protected {
    user: String,
    user_group: String,
    kind: Option<Kind>,
    target: String,
    account: String,
}

/// The file of `--protect` can't be used (exit 65).
#[derive(Debug, thiserror::Error)]
pub enum ProtectError {
    /// It is no CSV.
    #[error("--protect: {0}")]
    Csv(#[from] csv::Error),
    /// A column that means nothing here.
    #[error(
        "--protect: column `{0}` is not known; expected user, user_group, kind, target, account"
    )]
    Column(String),
    /// A kind that does not exist.
    #[error(
        "--protect, line {line}: `{found}` is not a kind; expected host, host-group or database"
    )]
    Kind {
        /// The line, from 1.
        line: u64,
        /// What stands there.
        found: String,
    },
    /// A row that would protect everything.
    #[error("--protect, line {0}: a blank row would protect everything; write * if that is meant")]
    Blank(u64),
}

impl Protection {
    /// Reads a CSV of `user` (or `user_group`), `kind`, `target` and `account`: `*` stands for any
    /// text within a value, a blank value for anything.
    pub fn read(from: impl Read) -> Result<Self, ProtectError> {
        let mut table = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(from);
        let columns: Vec<String> = table
            .headers()?
            .iter()
            .map(|name| name.trim_start_matches('\u{feff}').to_ascii_lowercase().replace('-', "_"))
            .collect();
        let mut all = Vec::new();
        for record in table.records() {
            let record = record?;
            let line = record.position().map_or(0, csv::Position::line);
            let mut protected = Protected::default();
            for (name, value) in columns.iter().zip(&record) {
                match name.as_str() {
                    "user" => value.clone_into(&mut protected.user),
                    "user_group" => value.clone_into(&mut protected.user_group),
                    "target" => value.clone_into(&mut protected.target),
                    "account" => value.clone_into(&mut protected.account),
                    "kind" if value.is_empty() || value == "*" => {}
                    "kind" => protected.kind = Some(kind_of(value, line)?),
                    other => return Err(ProtectError::Column(crate::input::shown(other))),
                }
            }
            if record.iter().all(str::is_empty) {
                return Err(ProtectError::Blank(line));
            }
            all.push(protected);
        }
        Ok(Self(all))
    }

    /// Whether a grant must not be revoked. Revoking a whole target takes every account on it, so
    /// it is protected as soon as any account there is.
    pub fn covers(&self, grant: &Grant<'_>) -> bool {
        self.0.iter().any(|protected| {
            let (wanted, other) = match grant.grantee.kind {
                GranteeKind::User => (&protected.user, &protected.user_group),
                GranteeKind::UserGroup => (&protected.user_group, &protected.user),
            };
            let is_holder = if wanted.is_empty() {
                other.is_empty()
            } else {
                is_match(wanted, grant.grantee.id)
            };
            let is_account = match grant.account {
                Account::Whole => true,
                Account::Named(name) => is_any_or_match(&protected.account, name),
            };
            is_holder
                && is_account
                && protected.kind.is_none_or(|kind| kind == grant.kind)
                && is_any_or_match(&protected.target, grant.target)
        })
    }
}

fn kind_of(text: &str, line: u64) -> Result<Kind, ProtectError> {
    match text.to_ascii_lowercase().replace(['_', '-'], "").as_str() {
        "host" => Ok(Kind::Host),
        "hostgroup" | "group" => Ok(Kind::HostGroup),
        "database" | "db" => Ok(Kind::Database),
        _ => Err(ProtectError::Kind { line, found: crate::input::shown(text) }),
    }
}

fn is_any_or_match(pattern: &str, text: &str) -> bool {
    pattern.is_empty() || is_match(pattern, text)
}

/// Whether `text` is `pattern`, in which each `*` stands for any text.
fn is_match(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut parts: Vec<&str> = parts.collect();
    let Some(last) = parts.pop() else { return rest.is_empty() };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grants::Collector;
    use crate::model::Grantee;
    use crate::plan::summary::LeftOut;

    fn grant<'a>(user: &'a str, target: &'a str, account: Account<&'a str>) -> Grant<'a> {
        Grant {
            instance_id: "i",
            region: "r",
            grantee: Grantee { kind: GranteeKind::User, id: user },
            kind: Kind::Host,
            target,
            account,
        }
    }

    fn protection(text: &str) -> Protection {
        Protection::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn stars_match_any_text_and_nothing_else() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("a*", "abc", true),
            ("*c", "abc", true),
            ("a*c*e", "abcde", true),
            ("a*c*e", "abcdef", false),
            ("a*a", "a", false),
            ("abc", "abcd", false),
            ("", "a", false),
        ] {
            assert_eq!(is_match(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_blank_is_anything_and_a_whole_target_takes_every_account_with_it() {
        let guard = protection("user,kind,target,account\n,host,10,root\nsvc-*,,,\n");
        assert!(guard.covers(&grant("u", "10", Account::Named("root"))));
        assert!(guard.covers(&grant("u", "10", Account::Whole)));
        assert!(!guard.covers(&grant("u", "10", Account::Named("web"))));
        assert!(!guard.covers(&grant("u", "11", Account::Whole)));
        assert!(guard.covers(&grant("svc-1", "11", Account::Named("web"))));
        let database = Grant { kind: Kind::Database, ..grant("u", "10", Account::Named("root")) };
        assert!(!guard.covers(&database));
        let group = Grantee { kind: GranteeKind::UserGroup, id: "svc-1" };
        assert!(!guard.covers(&Grant { grantee: group, ..grant("", "9", Account::Whole) }));
    }

    #[test]
    fn mistakes_in_the_file_are_explained() {
        let error = |text: &str| Protection::read(text.as_bytes()).unwrap_err().to_string();
        assert!(error("user,host\n1,2\n").contains("`host` is not known"));
        assert!(error("user,kind\n1,hst\n").contains("line 2: `hst` is not a kind"));
        assert!(error("user,kind\n,\n").contains("line 2: a blank row"));
    }

    #[test]
    fn limits_name_the_rows_beyond_them() {
        let rows = [
            grant("u", "1", Account::Named("a")),
            grant("u", "1", Account::Named("a")),
            grant("v", "1", Account::Whole),
            grant("w", "2", Account::Whole),
        ];
        let mut collector = Collector::default();
        for row in &rows {
            collector.push(row).unwrap();
        }
        let plan = Plan::new(collector.finish());
        let numbers = Summary::of(&plan, LeftOut::default(), 10.0);
        let limits = Limits {
            max_revocations: Some(2),
            max_users: Some(1),
            max_whole_targets: Some(1),
            expect_rows: Some(5),
        };
        assert_eq!(
            limits.exceeded(&plan, &numbers),
            [
                "revocations: 3, and --max-revocations is 2; beyond it: row 4",
                "users and user groups: 3, and --max-users is 1; beyond it: rows 3, 4",
                "whole targets: 2, and --max-whole-targets is 1; beyond it: row 4",
                "rows: 4, and --expect-rows is 5",
            ]
        );
        let enough = Limits { max_revocations: Some(3), ..Limits::default() };
        assert!(enough.exceeded(&plan, &numbers).is_empty());
    }
}
