//! Names in a row in place of ids.
//!
//! In each row a field is named in exactly one way. An id is used as it is; a name of the same object
//! beside it is only carried. Without an id exactly one column of names is filled. A name is never
//! used as an id, and nothing but an exact answer of [`crate::resolve`] turns it into one.

use crate::model::{Account, Grantee, GranteeKind, Kind};

use super::columns::BY_COLUMN;
use super::fields::Field;
use super::options::Options;
use super::problem_kind::ProblemKind;
use super::resolution::{NameKind, NameLookup, NameQuery, ObjectKind, Resolution};
use super::row_parser::RowParser;
use super::values::{check_id, check_name, trimmed};

/// The ways to name a grantee by name.
const GRANTEES: [(Field, ObjectKind, NameKind); 3] = [
    (Field::UserName, ObjectKind::User, NameKind::Name),
    (Field::UserDisplayName, ObjectKind::User, NameKind::DisplayName),
    (Field::UserGroupName, ObjectKind::UserGroup, NameKind::Name),
];

/// The ways to name a target by name.
const TARGETS: [(Field, ObjectKind, NameKind); 5] = [
    (Field::HostName, ObjectKind::Host, NameKind::Name),
    (Field::HostAddress, ObjectKind::Host, NameKind::Address),
    (Field::HostGroupName, ObjectKind::HostGroup, NameKind::Name),
    (Field::DatabaseName, ObjectKind::Database, NameKind::Name),
    (Field::DatabaseAddress, ObjectKind::Database, NameKind::Address),
];

/// The kind of target that an object is.
fn kind_of_object(object: ObjectKind) -> Kind {
    match object {
        ObjectKind::HostGroup => Kind::HostGroup,
        ObjectKind::Database => Kind::Database,
        _ => Kind::Host,
    }
}

impl<'a> RowParser<'a, '_, '_> {
    /// What names are looked up in; `None` if names are not read.
    pub(super) fn lookup<'q>(
        &self,
        options: &'a Options,
        queries: &'q mut Vec<NameQuery>,
    ) -> Option<NameLookup<'a, 'q>> {
        let known = options.names.as_deref()?;
        let or =
            |written: &'a str, default: &'a str| if written.is_empty() { default } else { written };
        let default = options.default_instance_id.as_deref().unwrap_or("");
        let instance_id = or(self.value(Field::InstanceId), default);
        let region = or(self.value(Field::Region), &options.default_region);
        Some(NameLookup { known, instance_id, region, queries })
    }

    fn is_filled(&self, field: Field) -> bool {
        !self.value(field).is_empty()
    }

    /// Whether the grantee is named by name: no id is filled, or a name of another object.
    pub(super) fn names_grantee(&self) -> bool {
        let user = self.is_filled(Field::User);
        let group = self.is_filled(Field::UserGroup);
        let by_name =
            |object| GRANTEES.iter().any(|&(field, of, _)| of == object && self.is_filled(field));
        match (user, group) {
            (true, true) => false,
            (true, false) => by_name(ObjectKind::UserGroup),
            (false, true) => by_name(ObjectKind::User),
            (false, false) => by_name(ObjectKind::User) || by_name(ObjectKind::UserGroup),
        }
    }

    pub(super) fn grantee_by_name(
        &mut self,
        lookup: &mut NameLookup<'a, '_>,
    ) -> Option<Grantee<&'a str>> {
        let filled = GRANTEES.iter().filter(|(field, ..)| self.is_filled(*field));
        let filled: Vec<(Field, ObjectKind, NameKind)> = filled.copied().collect();
        let has_id = self.is_filled(Field::User) || self.is_filled(Field::UserGroup);
        let (field, object, by) = filled[0];
        if has_id || filled.iter().any(|(_, other, _)| *other != object) {
            let (last, ..) = filled[filled.len() - 1];
            self.add(ProblemKind::TwoGrantees, last, self.value(last));
            return None;
        }
        if let Some(&(second, ..)) = filled.get(1) {
            self.add_several_names(second);
            return None;
        }
        let kind = match object {
            ObjectKind::UserGroup => GranteeKind::UserGroup,
            _ => GranteeKind::User,
        };
        let id = self.resolved(field, object, by, "", lookup)?;
        Some(Grantee { kind, id })
    }

    /// Whether the target is named by name: a column of target names is filled, and no id of the
    /// same kind.
    pub(super) fn names_target(&self) -> bool {
        let ids = [Field::Host, Field::HostGroup, Field::Database];
        let has_id = |kind| {
            ids.into_iter()
                .zip([Kind::Host, Kind::HostGroup, Kind::Database])
                .any(|(field, of)| of == kind && self.is_filled(field))
        };
        if self.is_filled(Field::Target) {
            return false;
        }
        let named = |&(field, object, _): &(Field, ObjectKind, NameKind)| {
            self.is_filled(field) && !has_id(kind_of_object(object))
        };
        TARGETS.iter().any(named)
    }

    pub(super) fn target_by_name(
        &mut self,
        lookup: &mut NameLookup<'a, '_>,
    ) -> Option<(Kind, Option<&'a str>)> {
        let filled = TARGETS.iter().filter(|(field, ..)| self.is_filled(*field));
        let filled: Vec<(Field, ObjectKind, NameKind)> = filled.copied().collect();
        let (field, object, by) = filled[0];
        if let Some(id) = BY_COLUMN.into_iter().find(|field| self.is_filled(*field)) {
            self.add(ProblemKind::SeveralTargets, id, self.value(id));
            return None;
        }
        if let Some(&(other, ..)) = filled.iter().find(|(_, other, _)| *other != object) {
            self.add(ProblemKind::SeveralTargets, other, self.value(other));
            return None;
        }
        if let Some(&(second, ..)) = filled.get(1) {
            self.add_several_names(second);
            return None;
        }
        let kind = kind_of_object(object);
        if self.is_filled(Field::Kind) {
            let written = self.kind()?;
            if written != kind {
                self.add(ProblemKind::MixedForms, field, self.value(field));
                return None;
            }
        }
        Some((kind, self.resolved(field, object, by, "", lookup)))
    }

    /// Whether an account on a host or a database is named by name.
    pub(super) fn names_account(&self, kind: Kind) -> bool {
        let has_id = self.is_filled(Field::AccountId) || self.layout.has(Field::Account);
        let name = self.value(Field::AccountName);
        kind != Kind::HostGroup && !has_id && !name.is_empty() && name != "*"
    }

    pub(super) fn account_by_name(
        &mut self,
        kind: Kind,
        target: Option<&'a str>,
        lookup: &mut NameLookup<'a, '_>,
    ) -> Option<Account<&'a str>> {
        let object = match kind {
            Kind::Database => ObjectKind::DatabaseAccount,
            Kind::Host | Kind::HostGroup => ObjectKind::HostAccount,
        };
        // The accounts of a target are looked up when its id is known.
        let target = target.or_else(|| {
            self.checked(Field::AccountName, check_name);
            None
        })?;
        self.resolved(Field::AccountName, object, NameKind::Name, target, lookup)
            .map(Account::Named)
    }

    /// The id of a name, if it has been looked up and is unambiguous.
    fn resolved(
        &mut self,
        field: Field,
        object: ObjectKind,
        by: NameKind,
        parent_id: &str,
        lookup: &mut NameLookup<'a, '_>,
    ) -> Option<&'a str> {
        let text = self.checked(field, check_name)?;
        let is_account = !parent_id.is_empty();
        let protocol = if is_account { self.value(Field::Protocol) } else { "" };
        let query = NameQuery {
            instance_id: lookup.instance_id.to_owned(),
            region: lookup.region.to_owned(),
            object,
            parent_id: parent_id.to_owned(),
            by,
            text: text.to_owned(),
            protocol: protocol.to_owned(),
        };
        match lookup.known.get(&query).map(Resolution::id) {
            None => {
                lookup.queries.push(query);
                None
            }
            // An id of the API is as it is; one that no list could hold is refused.
            Some(Ok(id)) if check_id(id).is_ok() && trimmed(id) == id => Some(id),
            Some(Ok(id)) => {
                let remedy = format!("the service gives it the id {}", super::shown(id));
                let column = self.layout.get(field);
                self.sink.add_with(ProblemKind::NameNotChecked, column, text, remedy);
                None
            }
            Some(Err((kind, remedy))) => {
                let column = self.layout.get(field);
                self.sink.add_with(kind, column, text, remedy.to_owned());
                None
            }
        }
    }

    fn add_several_names(&mut self, field: Field) {
        let remedy = format!(
            "fill only one of them, write the id, or leave a column unread with --map {field}="
        );
        let column = self.layout.get(field);
        self.sink.add_with(ProblemKind::SeveralNames, column, self.value(field), remedy);
    }
}
