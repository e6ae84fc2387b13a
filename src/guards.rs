//! Guards against the wrong list: conditions on the whole plan that are checked before anything is
//! sent.

use crate::input::{Rule, RulesError, Source, rules};
use crate::model::{Account, Grant, GranteeKind};
use crate::plan::Plan;
use crate::plan::summary::Summary;
use std::collections::HashSet;
use std::fmt::Write as _;

/// The maximum number of row numbers in a refusal.
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
    /// The exact number of input rows.
    pub expect_rows: Option<usize>,
}

impl Limits {
    /// Each limit that the plan exceeds, as a sentence with the rows concerned.
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
        // Rows that keep an earlier result don't belong to this run.
        let rows = numbers.rows - numbers.carried;
        if let Some(expected) = self.expect_rows.filter(|expected| *expected != rows) {
            all.push(format!("rows: {rows}, and --expect-rows is {expected}"));
        }
        all
    }
}

/// Refuses a list with protected grants, and names their rows.
pub fn refuse_protected(rows: &[u64]) -> Result<(), String> {
    if rows.is_empty() {
        return Ok(());
    }
    let numbers: Vec<usize> =
        rows.iter().map(|row| usize::try_from(*row).unwrap_or(usize::MAX)).collect();
    let rows = if rows.len() == 1 { "1 row is" } else { &format!("{} rows are", rows.len()) };
    Err(format!(
        "{rows} protected{}; remove them, or skip them with --skip-protected",
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

/// The rows, from 1, whose grants are beyond the first `limit` of the counted ones, in input order.
fn rows_beyond(plan: &Plan, limit: usize, per: Per) -> Vec<usize> {
    let mut holders = HashSet::new();
    let mut counted = 0;
    let mut rows = Vec::new();
    for row in 0..plan.rows().len() {
        let Some((grant, standing)) = plan.rows().get(row) else { continue };
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

/// `: rows 3, 4 and 12 more`; empty for no rows.
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

/// Grants that must not be revoked, such as those of break-glass and service accounts.
#[derive(Debug, Clone, Default)]
pub struct Protection(Vec<Rule>);

impl Protection {
    /// Reads the file of `--protect`, which has the columns of a list: `user` (or `user_group`),
    /// `kind`, `target` and `account`. A file that protects nothing is an error.
    pub fn read(source: &Source) -> Result<Self, RulesError> {
        rules(source).map(Self)
    }

    /// Whether everything of a user is protected: a rule names the user and nothing else.
    pub fn covers_user(&self, id: &str) -> bool {
        let is_any = |pattern: &str| pattern.is_empty() || pattern == "*";
        self.0.iter().any(|protected| {
            !protected.user.is_empty()
                && is_match(&protected.user, id)
                && protected.kind.is_none()
                && is_any(&protected.target)
                && is_any(&protected.account)
        })
    }

    /// Whether a grant is protected. Revoking a whole target takes every account on it, so it is
    /// protected if any account on it is.
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

fn is_any_or_match(pattern: &str, text: &str) -> bool {
    pattern.is_empty() || is_match(pattern, text)
}

/// Whether `text` matches `pattern`, in which each `*` matches any text.
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
    use crate::model::{Grantee, Kind};
    use crate::plan::summary::LeftOut;
    use std::io::Write as _;
    use std::sync::Arc;

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

    fn read(bytes: &[u8]) -> Result<Protection, RulesError> {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let len = bytes.len() as u64;
        Protection::read(&Source::segment("protect.csv", Arc::new(file), 0, len))
    }

    fn protection(text: &str) -> Protection {
        read(text.as_bytes()).unwrap()
    }

    #[test]
    fn only_a_star_matches_any_text() {
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
    fn a_blank_matches_anything_and_a_whole_target_includes_its_accounts() {
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
    fn a_rule_about_a_target_does_not_protect_the_user_as_a_whole() {
        let guard = protection("user,kind,target,account\n,host,10,root\nsvc-*,,,\n17,host,*,\n");
        assert!(guard.covers_user("svc-1"));
        assert!(!guard.covers_user("17") && !guard.covers_user("u"));
    }

    #[test]
    fn an_invalid_file_is_refused() {
        for (text, says) in [
            ("", "protect.csv: the file is empty"),
            (" \n\n \n", "protect.csv: the file is empty"),
            ("1,host,2,3\n", "protect.csv, line 1, column 1 (1): 1 is not a column of rules"),
            ("usr,target\n", "line 1, column 1 (usr): usr is not a column of rules"),
            ("user,host\n1,2\n", "line 1, column 2 (host): host is not a column of rules"),
            ("user,target,user\n1,2,\n", "line 1, column 3 (user): the column user occurs twice"),
            ("user,UserId\n1,2\n", "column 2 (UserId): the columns user and UserId both mean"),
            ("user,kind,target,account\n", "line 2: a header and no rule below it"),
            ("{\"user\":\"1\"}\n", "line 1: this is JSON: write it as CSV"),
            ("user,kind\n1,hst\n", "line 2, column 2 (kind): unknown kind \"hst\": did you mean"),
            ("user,kind\n1,host\n,\n", "line 3: empty row: it would protect everything"),
            ("user,kind\n1\n", "line 2: too few fields"),
            ("user,kind\n1,host,2\n", "line 2, column 3: too many fields"),
            ("user\n1\u{200b}\n", "line 2, column 1 (user): an invisible character"),
            ("user\n1.5E+12\n", "line 2, column 1 (user): an id rewritten as a number"),
            ("user\n\"1\n", "line 2, column 1 (user): a quoted field that starts here"),
        ] {
            let error = read(text.as_bytes()).unwrap_err().to_string();
            assert!(error.contains(says), "{text:?}: {error}");
        }
        let error = read(b"PK\x03\x04xl/").unwrap_err().to_string();
        assert!(error.contains("this is an Excel workbook"), "{error}");
    }

    #[test]
    fn the_file_may_be_written_like_a_list() {
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let files: [Vec<u8>; 6] = [
            b"User-Id;Kind;Target;Account Id\r\nsvc-*;host;10;7\r\n".to_vec(),
            b"sep=;\nuser;kind;target;account\nsvc-*;host;10;7\n".to_vec(),
            b"user\tkind\ttarget\taccount\nsvc-*\thost\t10\t7".to_vec(),
            b"\xef\xbb\xbfuser,kind,target,account_id\n svc-* ,HOST, 10,7\n".to_vec(),
            utf16("\u{feff}user,kind,target,account\nsvc-*,host,10,7\n"),
            // GB18030 for the Chinese word for a host.
            b"user,kind,target,account\nsvc-*,\xd6\xf7\xbb\xfa,10,7\n".to_vec(),
        ];
        for bytes in files {
            let guard = read(&bytes).unwrap();
            let kinds = [Kind::Host, Kind::Database];
            let covered = kinds.map(|kind| {
                let named = grant("svc-9", "10", Account::Named("7"));
                guard.covers(&Grant { kind, ..named })
            });
            assert_eq!(covered, [true, false], "{}", String::from_utf8_lossy(&bytes));
        }
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
        let numbers = Summary::of(&plan, LeftOut::default(), |_| 1.0);
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
