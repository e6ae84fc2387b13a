//! Checks that compare rows: mistakes that no single row shows.
//!
//! Spreadsheets keep 15 digits of a number and replace the rest by zeros, and drop leading zeros.
//! Only the whole column shows whether that happened. The counts of each column are kept, and only
//! the first few of its ids: memory does not grow with the list.

use crate::model::{Account, Grant, GranteeKind, Kind};

use super::columns::account_field;
use super::fields::Field;
use super::finding::{Finding, FindingGroup, Severity};
use super::options::Options;
use super::placeholders::{is_no_value, is_word_for_all};
use super::problem_kind::ProblemKind;
use super::record::Record;
use super::values::trimmed;

/// The digits of a number that spreadsheets keep.
const KEPT_DIGITS: usize = 15;

/// Longer ids are not compared by length.
const MOST_DIGITS: usize = 31;

/// How many rounded rows, and how many digits in different ids that chance would have to have made
/// zero, show that a column was rounded: by chance alone one list in 100,000 looks like that.
const ROUNDED_ROWS: u64 = 5;
const ROUNDED_DIGITS: usize = 5;

/// How many of a sort are kept to be shown, for each column.
const SHOWN: usize = 5;

/// The ids of one column, so far.
#[derive(Debug, Default)]
struct IdStatistics {
    /// Ids of digits only, by their number: those that begin with a zero, and the others.
    padded: [u64; MOST_DIGITS + 1],
    plain: [u64; MOST_DIGITS + 1],
    /// The first of the others, with their number of digits.
    first_plain: Vec<(usize, Finding)>,
    /// Rows with an id of more than 15 digits that has only zeros after the 15th.
    rounded: u64,
    first_rounded: Vec<Finding>,
    /// The different ids among them, as many as are needed to be sure.
    different: Vec<String>,
    /// Whether another id over 15 digits shows that the column is whole.
    has_whole: bool,
}

/// Compares the valid rows of one input with each other.
#[derive(Debug, Default)]
pub(super) struct ColumnChecks {
    columns: [IdStatistics; Field::ALL.len()],
    names: u64,
    first_name: Option<Finding>,
    /// Names of accounts on host groups that may stand for no account or for all of them.
    words: [WordFindings; 2],
}

/// Findings of one kind about account names.
#[derive(Debug, Default)]
struct WordFindings {
    count: u64,
    first: Vec<Finding>,
}

/// The kinds of [`ColumnChecks::words`].
const WORD_KINDS: [ProblemKind; 2] = [ProblemKind::Placeholder, ProblemKind::WordForAll];

impl ColumnChecks {
    /// Records a valid row. With `--map` for the account, its names are as they are meant.
    pub(super) fn record(&mut self, grant: &Grant<'_>, record: &Record<'_>, options: &Options) {
        let layout = &record.layout;
        let holder = match grant.grantee.kind {
            GranteeKind::User => Field::User,
            GranteeKind::UserGroup => Field::UserGroup,
        };
        self.record_id(holder, grant.grantee.id, record);
        let by_column = match grant.kind {
            Kind::Host => Field::Host,
            Kind::HostGroup => Field::HostGroup,
            Kind::Database => Field::Database,
        };
        let is_there = |column| !trimmed(record.cells.own(column)).is_empty();
        let is_by_column = layout.get(by_column).is_some_and(is_there);
        let target = if is_by_column { by_column } else { Field::Target };
        self.record_id(target, grant.target, record);
        if let (Account::Named(account), Kind::Host | Kind::Database) = (grant.account, grant.kind)
        {
            let field = account_field(layout, false);
            self.record_id(field, account, record);
            if field == Field::AccountName && options.names.is_none() {
                self.names += 1;
                self.first_name.get_or_insert_with(|| {
                    record.finding(ProblemKind::NameForId, Severity::Warning, field, account)
                });
            }
        }
        if let (Account::Named(name), Kind::HostGroup) = (grant.account, grant.kind) {
            self.record_name(name, record, options);
        }
    }

    /// Records the name of an account on a host group.
    fn record_name(&mut self, name: &str, record: &Record<'_>, options: &Options) {
        if !is_no_value(name) || options.map.iter().any(|(field, _)| field.is_account()) {
            return;
        }
        let at = usize::from(is_word_for_all(name));
        let words = &mut self.words[at];
        words.count += 1;
        if words.first.len() < SHOWN {
            let field = account_field(record.layout, true);
            let mut finding = record.finding(WORD_KINDS[at], Severity::Warning, field, name);
            let whole = if at == 1 { "; for the whole target write *" } else { "" };
            finding.problem.remedy =
                format!("if it is the name of an account, pass --map account=COLUMN{whole}").into();
            words.first.push(finding);
        }
    }

    fn record_id(&mut self, field: Field, id: &str, record: &Record<'_>) {
        // An id that was looked up is not in the column.
        let column = record.layout.get(field);
        if column.is_none_or(|column| trimmed(record.cells.own(column)) != id) {
            return;
        }
        let digits = id.len();
        if digits > MOST_DIGITS || !id.bytes().all(|b| b.is_ascii_digit()) {
            return;
        }
        let ids = &mut self.columns[field as usize];
        if id.starts_with('0') && digits > 1 {
            ids.padded[digits] += 1;
            return;
        }
        ids.plain[digits] += 1;
        let finding = |kind| record.finding(kind, Severity::Warning, field, id);
        if ids.plain[digits] <= SHOWN as u64 && digits <= KEPT_DIGITS {
            ids.first_plain.push((digits, finding(ProblemKind::ShortId)));
        }
        if digits <= KEPT_DIGITS {
            return;
        }
        if id.bytes().skip(KEPT_DIGITS).any(|b| b != b'0') {
            ids.has_whole = true;
            return;
        }
        ids.rounded += 1;
        if ids.first_rounded.len() < SHOWN {
            ids.first_rounded.push(finding(ProblemKind::RoundedId));
        }
        if ids.different.len() < ROUNDED_DIGITS && !ids.different.iter().any(|known| known == id) {
            ids.different.push(id.to_owned());
        }
    }

    /// Adds the findings, after the last row. `may_be_rounded`: whether a spreadsheet may have
    /// written the list.
    pub(super) fn finish(self, may_be_rounded: bool, groups: &mut Vec<FindingGroup>) {
        for ids in self.columns {
            ids.finish(may_be_rounded, groups);
        }
        if let Some(first) = self.first_name {
            // Once is enough: it is the column that is in doubt.
            let (severity, kind) = (Severity::Warning, ProblemKind::NameForId);
            groups.push(FindingGroup { severity, kind, count: 1, shown: vec![first] });
        }
        for (words, kind) in self.words.into_iter().zip(WORD_KINDS) {
            let (severity, WordFindings { count, first: shown }) = (Severity::Warning, words);
            if count > 0 {
                groups.push(FindingGroup { severity, kind, count, shown });
            }
        }
    }
}

impl IdStatistics {
    fn finish(self, may_be_rounded: bool, groups: &mut Vec<FindingGroup>) {
        let zeros: usize = self.different.iter().map(|id| id.len() - KEPT_DIGITS).sum();
        let is_rounded = may_be_rounded
            && !self.has_whole
            && self.rounded >= ROUNDED_ROWS
            && zeros >= ROUNDED_DIGITS;
        let mut shown = self.first_rounded;
        if is_rounded {
            shown.truncate(1);
            for finding in &mut shown {
                finding.severity = Severity::Error;
                finding.problem.kind = ProblemKind::RoundedColumn;
                finding.problem.remedy = format!(
                    "{} rows have an id of more than 15 digits here, and all of them end in \
                     zeros; {}. If they are right, give the list as JSON Lines",
                    self.rounded,
                    ProblemKind::RoundedColumn.remedy()
                )
                .into();
            }
            let (severity, kind) = (Severity::Error, ProblemKind::RoundedColumn);
            groups.push(FindingGroup { severity, kind, count: 1, shown });
        } else if self.rounded > 0 {
            let (severity, kind) = (Severity::Warning, ProblemKind::RoundedId);
            groups.push(FindingGroup { severity, kind, count: self.rounded, shown });
        }
        // The usual length of those that begin with zeros; of two as usual, the longer one.
        let usual = (1..=MOST_DIGITS).max_by_key(|&digits| self.padded[digits]).unwrap_or(0);
        let short: u64 = self.plain[..usual].iter().sum();
        if self.padded[usual] > 0 && short > 0 {
            let shown = self.first_plain.into_iter().filter(|(digits, _)| *digits < usual);
            let shown = shown.map(|(_, finding)| finding).take(SHOWN).collect();
            let (severity, kind) = (Severity::Warning, ProblemKind::ShortId);
            groups.push(FindingGroup { severity, kind, count: short, shown });
        }
    }
}
