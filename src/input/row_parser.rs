//! Parses the cells of one row: the grant that it names, or every reason why it names none.

use crate::model::{Account, Grant, Grantee, GranteeKind, Kind};

use super::cells::{Cells, ValueType};
use super::columns::{BY_COLUMN, Layout, account_field};
use super::diagnostics::{ProblemSink, escaped, shown};
use super::fields::{Field, is_plural};
use super::options::Options;
use super::placeholders::without_typographic_quotes;
use super::problem_kind::ProblemKind;
use super::regions::Regions;
use super::resolution::{NameLookup, NameQuery};
use super::target_kind::{add_unknown_kind, kind_of};
use super::values::{check_id, check_name, check_one_name, check_region, trimmed};

/// Parses one row.
pub(super) struct RowParser<'a, 'c, 'p> {
    pub(super) cells: &'c Cells<'a>,
    pub(super) layout: &'c Layout,
    pub(super) sink: ProblemSink<'p>,
}

/// Parses a row: the grant it names, or `None` and at least one problem or query.
#[inline(never)]
pub(super) fn parse<'a>(
    cells: &Cells<'a>,
    layout: &Layout,
    options: &'a Options,
    regions: &mut Regions,
    sink: ProblemSink<'_>,
    queries: &mut Vec<NameQuery>,
) -> Option<Grant<'a>> {
    if (0..cells.spans.len()).all(|at| trimmed(cells.own(at)).is_empty()) {
        let mut sink = sink;
        sink.add(ProblemKind::EmptyRow, None, "");
        return None;
    }
    let mut row = RowParser { cells, layout, sink };
    let mut lookup = row.lookup(options, queries);
    let grantee = row.grantee(lookup.as_mut());
    let target = row.target(lookup.as_mut());
    let account = row.account(target, lookup.as_mut());
    let instance = row.instance(options);
    let region = row.region(options);
    let (Some(grantee), Some((kind, Some(target))), Some(account), Some(instance), Some(region)) =
        (grantee, target, account, instance, region)
    else {
        return None;
    };
    if !row.sink.problems.is_empty() {
        return None;
    }
    let by_default = !layout.has_any(&[Field::InstanceId, Field::Region]);
    if by_default && regions.defaults_recorded {
        return Some(Grant { instance_id: instance, region, grantee, kind, target, account });
    }
    if let Some(other) = regions.conflict(instance, region) {
        let remedy = format!(
            "an earlier row puts the instance into {}; write the same region on all its rows",
            escaped(other)
        );
        let column = layout.get(Field::Region);
        row.sink.add_with(ProblemKind::TwoRegions, column, region, remedy);
        return None;
    }
    regions.defaults_recorded |= by_default;
    Some(Grant { instance_id: instance, region, grantee, kind, target, account })
}

impl<'a> RowParser<'a, '_, '_> {
    /// A field's value without the blanks around it; blank if there is no such column.
    pub(super) fn value(&self, field: Field) -> &'a str {
        self.layout.get(field).map_or("", |column| trimmed(self.cells.own(column)))
    }

    pub(super) fn add(&mut self, kind: ProblemKind, field: Field, found: &str) {
        self.sink.add(kind, self.layout.get(field), found);
    }

    /// The value of a filled field if a check passes it.
    pub(super) fn checked(
        &mut self,
        field: Field,
        check: fn(&str) -> Result<(), ProblemKind>,
    ) -> Option<&'a str> {
        let value = self.value(field);
        let value_type =
            self.layout.get(field).map_or(ValueType::Text, |column| self.cells.value_type(column));
        let flaw = match value_type {
            ValueType::Text | ValueType::Integer => check(value).err(),
            ValueType::Nested if value.starts_with('[') => Some(ProblemKind::SeveralValues),
            ValueType::Float | ValueType::Boolean | ValueType::Nested => {
                Some(ProblemKind::WrongType)
            }
        };
        match flaw {
            None => Some(value),
            Some(kind) => {
                let column = self.layout.get(field);
                match remedy_for(kind, field, value) {
                    Some(remedy) => self.sink.add_with(kind, column, value, remedy),
                    None => self.sink.add(kind, column, value),
                }
                None
            }
        }
    }

    fn grantee(&mut self, lookup: Option<&mut NameLookup<'a, '_>>) -> Option<Grantee<&'a str>> {
        let (user, group) = (self.value(Field::User), self.value(Field::UserGroup));
        if let Some(lookup) = lookup
            && self.names_grantee()
        {
            return self.grantee_by_name(lookup);
        }
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
    fn target(
        &mut self,
        lookup: Option<&mut NameLookup<'a, '_>>,
    ) -> Option<(Kind, Option<&'a str>)> {
        if let Some(lookup) = lookup
            && self.names_target()
        {
            return self.target_by_name(lookup);
        }
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
                self.sink.add(ProblemKind::BlankTarget, column, "");
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

    pub(super) fn kind(&mut self) -> Option<Kind> {
        let written = self.value(Field::Kind);
        let kind = kind_of(written);
        if kind.is_none() && written.is_empty() {
            self.add(ProblemKind::BlankKind, Field::Kind, "");
        } else if kind.is_none() {
            let column = self.layout.get(Field::Kind);
            add_unknown_kind(&mut self.sink, column, written);
        }
        kind
    }

    /// The account.
    fn account(
        &mut self,
        target: Option<(Kind, Option<&'a str>)>,
        lookup: Option<&mut NameLookup<'a, '_>>,
    ) -> Option<Account<&'a str>> {
        let kind = target.map(|(kind, _)| kind);
        if let (Some(lookup), Some((kind, target))) = (lookup, target)
            && self.names_account(kind)
        {
            return self.account_by_name(kind, target, lookup);
        }
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
                self.sink.add_with(ProblemKind::BlankAccount, column, "", remedy);
                None
            }
            "*" => Some(Account::Whole),
            _ => {
                // Without a kind it is unknown whether it is an id. The check for names also
                // accepts every id.
                let check: fn(&str) -> _ = match kind {
                    Some(Kind::Host | Kind::Database) => check_id,
                    Some(Kind::HostGroup) if self.is_column_of_lists(field) => check_one_name,
                    _ => check_name,
                };
                self.checked(field, check).map(Account::Named)
            }
        }
    }

    /// Whether the column is named as the API's parameters that take several values.
    fn is_column_of_lists(&self, field: Field) -> bool {
        let name = self.layout.get(field).and_then(|column| self.sink.names.get(column));
        name.is_some_and(|name| is_plural(name))
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

/// A remedy that depends on the value; `None` is the usual one.
fn remedy_for(kind: ProblemKind, field: Field, value: &str) -> Option<String> {
    match kind {
        ProblemKind::TypographicQuotes => {
            let plain = without_typographic_quotes(value)?;
            Some(format!("remove them and write {}", shown(plain)))
        }
        ProblemKind::WordForAll if field.is_account() => {
            let whole = "* for the whole target and every account on it";
            Some(format!("write {whole}, or a row for each account"))
        }
        ProblemKind::Placeholder if value.starts_with('#') => {
            Some("correct the formula, and export the list again".to_owned())
        }
        ProblemKind::FullWidth if value.contains('\u{ff0c}') => {
            let comma = "\u{ff0c} is the full-width comma (U+FF0C)";
            Some(format!("{comma}: write a comma as separator, and one row for each value"))
        }
        _ => None,
    }
}
