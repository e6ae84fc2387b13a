//! From the cells of one row to the grant it names, or to every reason why it names none.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use crate::model::{Account, Grant, Grantee, GranteeKind, Kind};

use super::cells::{Cells, Sort};
use super::columns::{BY_COLUMN, Layout};
use super::diagnostics::{At, Column, Problem, escaped, shown};
use super::fields::{Field, nearest};
use super::problem_kind::ProblemKind;
use super::reader::Options;
use super::values::{check_id, check_name, check_region, trimmed};

/// Collects the problems of one row.
pub(super) struct Complaints<'a> {
    pub(super) problems: &'a mut Vec<Problem>,
    pub(super) source: &'a Arc<str>,
    pub(super) line: u64,
    /// The names of the input's own columns.
    pub(super) names: &'a [String],
    /// Whether its fields have numbers, as in CSV.
    pub(super) numbered: bool,
}

impl Complaints<'_> {
    /// Adds a problem with the usual remedy.
    pub(super) fn add(&mut self, kind: ProblemKind, column: Option<usize>, found: &str) {
        self.add_with(kind, column, found, kind.remedy());
    }

    /// Adds a problem with a remedy of its own.
    pub(super) fn add_with(
        &mut self,
        kind: ProblemKind,
        column: Option<usize>,
        found: &str,
        remedy: impl Into<Cow<'static, str>>,
    ) {
        let at = column;
        let column = column.map(|at| Column {
            number: self.numbered.then_some(at + 1),
            name: self.names.get(at).map_or(String::new(), |name| shown(name)),
        });
        self.problems.push(Problem {
            kind,
            name: Arc::clone(self.source),
            line: self.line,
            column,
            found: shown(found),
            remedy: remedy.into(),
            at: at.map_or(At::Record, At::Cell),
        });
    }
}

/// The region of each bastion host that a valid row has named.
#[derive(Debug, Default)]
pub(super) struct Regions {
    known: HashMap<String, String>,
    /// The last pair: most lists name one bastion host, row after row.
    last: Option<(String, String)>,
    /// The defaults have been noted, so that rows without columns of their own need no look.
    defaults: bool,
}

impl Regions {
    /// Whether the last row that was looked up named the same.
    pub(super) fn is_last(&self, instance: &str, region: &str) -> bool {
        self.last.as_ref().is_some_and(|(i, r)| i == instance && r == region)
    }

    /// Whether a row without columns of its own has passed.
    pub(super) fn has_defaults(&self) -> bool {
        self.defaults
    }

    /// The other region of that instance, if an earlier row named one; else notes this one.
    fn conflict(&mut self, instance: &str, region: &str) -> Option<&str> {
        if self.is_last(instance, region) {
            return None;
        }
        if self.known.get(instance).is_some_and(|known| known != region) {
            return self.known.get(instance).map(String::as_str);
        }
        self.known.entry(instance.to_owned()).or_insert_with(|| region.to_owned());
        self.last = Some((instance.to_owned(), region.to_owned()));
        None
    }
}

/// One row, being read.
struct Reading<'a, 'c, 'p> {
    cells: &'c Cells<'a>,
    layout: &'c Layout,
    complaints: Complaints<'p>,
}

/// Reads a row: the grant it names, or `None` and at least one problem.
#[inline(never)]
pub(super) fn read<'a>(
    cells: &Cells<'a>,
    layout: &Layout,
    options: &'a Options,
    regions: &mut Regions,
    complaints: Complaints<'_>,
) -> Option<Grant<'a>> {
    if (0..cells.spans.len()).all(|at| trimmed(cells.own(at)).is_empty()) {
        let mut complaints = complaints;
        complaints.add(ProblemKind::EmptyRow, None, "");
        return None;
    }
    let mut row = Reading { cells, layout, complaints };
    let grantee = row.grantee();
    let target = row.target();
    let account = row.account(target.map(|(kind, _)| kind));
    let instance = row.instance(options);
    let region = row.region(options);
    let (Some(grantee), Some((kind, Some(target))), Some(account), Some(instance), Some(region)) =
        (grantee, target, account, instance, region)
    else {
        return None;
    };
    if !row.complaints.problems.is_empty() {
        return None;
    }
    let by_default = !layout.has_any(&[Field::InstanceId, Field::Region]);
    if by_default && regions.defaults {
        return Some(Grant { instance_id: instance, region, grantee, kind, target, account });
    }
    if let Some(other) = regions.conflict(instance, region) {
        let remedy = format!(
            "an earlier row puts the instance into {}; write the same region on all its rows",
            escaped(other)
        );
        let column = layout.get(Field::Region);
        row.complaints.add_with(ProblemKind::TwoRegions, column, region, remedy);
        return None;
    }
    regions.defaults |= by_default;
    Some(Grant { instance_id: instance, region, grantee, kind, target, account })
}

impl<'a> Reading<'a, '_, '_> {
    /// A field's value without the blanks around it; blank if there is no such column.
    fn value(&self, field: Field) -> &'a str {
        self.layout.get(field).map_or("", |column| trimmed(self.cells.own(column)))
    }

    fn add(&mut self, kind: ProblemKind, field: Field, found: &str) {
        self.complaints.add(kind, self.layout.get(field), found);
    }

    /// The value of a filled field if a check passes it.
    fn checked(
        &mut self,
        field: Field,
        check: fn(&str) -> Result<(), ProblemKind>,
    ) -> Option<&'a str> {
        let value = self.value(field);
        let sort = self.layout.get(field).map_or(Sort::Text, |column| self.cells.sort(column));
        let flaw = match sort {
            Sort::Text | Sort::Integer => check(value).err(),
            Sort::Float | Sort::Boolean | Sort::Nested => Some(ProblemKind::WrongType),
        };
        match flaw {
            None => Some(value),
            Some(kind) => {
                self.add(kind, field, value);
                None
            }
        }
    }

    fn grantee(&mut self) -> Option<Grantee<&'a str>> {
        let (user, group) = (self.value(Field::User), self.value(Field::UserGroup));
        let (field, kind) = match (user.is_empty(), group.is_empty()) {
            (false, true) => (Field::User, GranteeKind::User),
            (true, false) => (Field::UserGroup, GranteeKind::UserGroup),
            (true, true) => {
                let has_user = self.layout.has(Field::User);
                let field = if has_user { Field::User } else { Field::UserGroup };
                self.add(ProblemKind::NoGrantee, field, "");
                return None;
            }
            (false, false) => {
                self.add(ProblemKind::TwoGrantees, Field::UserGroup, group);
                return None;
            }
        };
        self.checked(field, check_id).map(|id| Grantee { kind, id })
    }

    /// The kind, and the target if it is good too.
    fn target(&mut self) -> Option<(Kind, Option<&'a str>)> {
        let filled = BY_COLUMN.map(|field| !self.value(field).is_empty());
        let first =
            BY_COLUMN.into_iter().zip(filled).find_map(|(field, filled)| filled.then_some(field));
        let by_kind = [Field::Kind, Field::Target].map(|field| !self.value(field).is_empty());
        let count = filled.into_iter().filter(|&filled| filled).count();
        match first {
            // Only a JSON object can hold both: a header that does is refused.
            Some(field) if by_kind.contains(&true) => {
                self.add(ProblemKind::MixedForms, field, self.value(field));
                None
            }
            Some(field) if count > 1 => {
                self.add(ProblemKind::SeveralTargets, field, self.value(field));
                None
            }
            Some(field) => {
                let kind = match field {
                    Field::Host => Kind::Host,
                    Field::HostGroup => Kind::HostGroup,
                    _ => Kind::Database,
                };
                Some((kind, self.checked(field, check_id)))
            }
            None if self.layout.has_any(&[Field::Kind, Field::Target]) => self.kind_and_target(),
            None => {
                let field = BY_COLUMN.into_iter().find(|&field| self.layout.has(field));
                let column = field.and_then(|field| self.layout.get(field));
                self.complaints.add(ProblemKind::BlankTarget, column, "");
                None
            }
        }
    }

    fn kind_and_target(&mut self) -> Option<(Kind, Option<&'a str>)> {
        let kind = self.kind();
        let target = if self.value(Field::Target).is_empty() {
            self.add(ProblemKind::BlankTarget, Field::Target, "");
            None
        } else {
            self.checked(Field::Target, check_id)
        };
        kind.map(|kind| (kind, target))
    }

    fn kind(&mut self) -> Option<Kind> {
        let written = self.value(Field::Kind);
        let kind = kind_of(written);
        if kind.is_none() && written.is_empty() {
            self.add(ProblemKind::BlankKind, Field::Kind, "");
        } else if kind.is_none() {
            let column = self.layout.get(Field::Kind);
            add_unknown_kind(&mut self.complaints, column, written);
        }
        kind
    }

    /// The account.
    fn account(&mut self, kind: Option<Kind>) -> Option<Account<&'a str>> {
        let by_name = kind == Some(Kind::HostGroup);
        let field = account_field(self.layout, by_name);
        match self.value(field) {
            "" => {
                let remedy = if by_name {
                    "write the account's name, or * for the whole target and every account on it"
                } else {
                    ProblemKind::BlankAccount.remedy()
                };
                let column = self.layout.get(field);
                self.complaints.add_with(ProblemKind::BlankAccount, column, "", remedy);
                None
            }
            "*" => Some(Account::Whole),
            _ => {
                // Without a kind nobody knows whether it is an id; a name may be anything an id is.
                let check = if by_name || kind.is_none() { check_name } else { check_id };
                self.checked(field, check).map(Account::Named)
            }
        }
    }

    fn instance(&mut self, options: &'a Options) -> Option<&'a str> {
        let default = options.default_instance_id.as_deref();
        match self.layout.get(Field::InstanceId) {
            None => Some(default.unwrap_or("")),
            Some(_) if !self.value(Field::InstanceId).is_empty() => {
                self.checked(Field::InstanceId, check_id)
            }
            Some(_) => {
                if default.is_none() {
                    self.add(ProblemKind::BlankInstance, Field::InstanceId, "");
                }
                default
            }
        }
    }

    fn region(&mut self, options: &'a Options) -> Option<&'a str> {
        if self.value(Field::Region).is_empty() {
            Some(&options.default_region)
        } else {
            self.checked(Field::Region, check_region)
        }
    }
}

/// Where the account is read. Where there are columns of both, ids are read on hosts and
/// databases, and names on host groups, for that is what the API takes there.
pub(super) fn account_field(layout: &Layout, by_name: bool) -> Field {
    let fields = match (layout.has(Field::AccountId), layout.has(Field::AccountName)) {
        (true, true) if by_name => [Field::AccountName, Field::Account],
        (true, _) => [Field::AccountId, Field::Account],
        (false, true) => [Field::AccountName, Field::Account],
        (false, false) => [Field::Account, Field::Account],
    };
    if layout.has(fields[0]) { fields[0] } else { fields[1] }
}

/// Complains of a kind that there is not, with the one that is probably meant.
pub(super) fn add_unknown_kind(
    complaints: &mut Complaints<'_>,
    column: Option<usize>,
    written: &str,
) {
    let names = [Kind::Host, Kind::HostGroup, Kind::Database].map(Kind::name);
    match nearest(written, names).filter(|_| written.len() <= 64) {
        Some(near) => {
            let remedy = format!("did you mean {near}? There are {}", names.join(", "));
            complaints.add_with(ProblemKind::UnknownKind, column, written, remedy);
        }
        None => complaints.add(ProblemKind::UnknownKind, column, written),
    }
}

/// The kind that a value names. The plain spellings come first, for they are nearly all.
pub(super) fn kind_of(written: &str) -> Option<Kind> {
    match written {
        "host" => return Some(Kind::Host),
        "host-group" => return Some(Kind::HostGroup),
        "database" => return Some(Kind::Database),
        _ if written.len() > 64 => return None,
        _ => {}
    }
    // Only ASCII blanks are dropped: any other white space is a mistake worth showing.
    match written.to_lowercase().replace([' ', '-', '_'], "").as_str() {
        "host" | "主机" => Some(Kind::Host),
        "hostgroup" | "group" | "主机组" => Some(Kind::HostGroup),
        "database" | "db" | "数据库" => Some(Kind::Database),
        _ => None,
    }
}
