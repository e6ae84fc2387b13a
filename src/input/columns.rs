//! The column of each field.

use std::borrow::Cow;
use std::collections::HashSet;

use super::cells::NOWHERE;
use super::diagnostics::shown;
use super::error::DamageKind;
use super::fields::{Field, nearest, plain};
use super::options::Options;

/// For each field, the input's own column that holds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Layout([u32; Field::ALL.len()]);

impl Layout {
    pub(super) const NONE: Self = Self([NOWHERE; Field::ALL.len()]);

    pub(super) fn get(&self, field: Field) -> Option<usize> {
        let at = self.0[field as usize];
        (at != NOWHERE).then_some(at as usize)
    }

    pub(super) fn set(&mut self, field: Field, column: usize) {
        self.0[field as usize] = u32::try_from(column).unwrap_or(NOWHERE);
    }

    pub(super) fn unset(&mut self, field: Field) {
        self.0[field as usize] = NOWHERE;
    }

    pub(super) fn has(&self, field: Field) -> bool {
        self.get(field).is_some()
    }

    pub(super) fn has_any(&self, fields: &[Field]) -> bool {
        fields.iter().any(|&field| self.has(field))
    }
}

/// The fields that name who loses access.
const GRANTEE_FIELDS: [Field; 5] =
    [Field::User, Field::UserGroup, Field::UserName, Field::UserDisplayName, Field::UserGroupName];

/// The fields that name a target by name.
const TARGET_NAMES: [Field; 5] = [
    Field::HostName,
    Field::HostAddress,
    Field::HostGroupName,
    Field::DatabaseName,
    Field::DatabaseAddress,
];

/// The fields that say what kind of target it is by the column they stand in.
pub(super) const BY_COLUMN: [Field; 3] = [Field::Host, Field::HostGroup, Field::Database];

/// The field that holds the account. If there are columns of both, ids are read on hosts and
/// databases, and names on host groups, because the API takes these there.
pub(super) fn account_field(layout: &Layout, by_name: bool) -> Field {
    let fields = match (layout.has(Field::AccountId), layout.has(Field::AccountName)) {
        (true, true) if by_name => [Field::AccountName, Field::Account],
        (true, _) => [Field::AccountId, Field::Account],
        (false, true) => [Field::AccountName, Field::Account],
        (false, false) => [Field::Account, Field::Account],
    };
    if layout.has(fields[0]) { fields[0] } else { fields[1] }
}

/// Finds the columns of the fields of a header, or refuses it.
pub(super) type ResolveColumns<'a> = dyn Fn(&[String]) -> Result<Layout, HeaderFault> + 'a;

/// An error in a header.
#[derive(Debug)]
pub(super) struct HeaderFault {
    pub(super) kind: DamageKind,
    /// The column from 0, if one is to blame.
    pub(super) column: Option<usize>,
    pub(super) found: String,
    pub(super) remedy: Cow<'static, str>,
}

impl HeaderFault {
    pub(super) fn new(
        kind: DamageKind,
        found: String,
        remedy: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { kind, column: None, found, remedy: remedy.into() }
    }

    pub(super) fn at(self, column: usize) -> Self {
        Self { column: Some(column), ..self }
    }
}

/// What the settings of `--map` and a name itself make of one column.
pub(super) fn meaning(name: &str, options: &Options) -> Option<Field> {
    let map = &options.map;
    let same = |column: &str| !column.is_empty() && plain(column) == plain(name);
    let exact = map.iter().find(|(_, column)| column == name && !name.is_empty());
    let mapped = exact.or_else(|| map.iter().find(|(_, column)| same(column)));
    mapped.map(|&(field, _)| field).or_else(|| automatic(name, options))
}

/// What a name means of itself, unless `--map` has settled that field.
fn automatic(name: &str, options: &Options) -> Option<Field> {
    let by_name = || Field::of_name_column(name).filter(|_| options.names.is_some());
    let field = Field::of_column(name).or_else(by_name)?;
    let settled = options.map.iter().any(|&(mapped, _)| {
        mapped == field
            || (mapped == Field::Account && field.is_account())
            || (mapped.is_account() && field == Field::Account)
    });
    (!settled).then_some(field)
}

/// Checks `--map` in itself.
pub(super) fn check_map(map: &[(Field, String)]) -> Result<(), HeaderFault> {
    for (at, (field, column)) in map.iter().enumerate() {
        for (other, other_column) in &map[..at] {
            let both_accounts = field.is_account() && other.is_account();
            if field == other {
                let found = format!("--map gives {field} twice");
                return Err(HeaderFault::new(DamageKind::BadMap, found, "keep one of them"));
            }
            if column == other_column && !column.is_empty() && !both_accounts {
                let column = shown(column);
                let found = format!("--map reads {other} and {field} from the column {column}");
                let remedy = "give each field a column of its own";
                return Err(HeaderFault::new(DamageKind::BadMap, found, remedy));
            }
        }
    }
    Ok(())
}

/// Finds the column of every field in a header.
pub(super) fn resolve(names: &[String], options: &Options) -> Result<Layout, HeaderFault> {
    let map = &options.map;
    check_map(map)?;
    refuse_repeated(names)?;
    let mut layout = Layout::NONE;
    let mut claimed = HashSet::new();
    for (field, column) in map.iter().filter(|(_, column)| !column.is_empty()) {
        let at = mapped_column(names, *field, column)?;
        layout.set(*field, at);
        claimed.insert(at);
    }
    for (at, name) in names.iter().enumerate().filter(|(at, _)| !claimed.contains(at)) {
        let Some(field) = automatic(name, options) else { continue };
        if let Some(before) = layout.get(field) {
            return Err(ambiguous(names, field, before, at));
        }
        layout.set(field, at);
    }
    refuse_unclear(names, &layout)?;
    Ok(layout)
}

pub(super) fn refuse_repeated(names: &[String]) -> Result<(), HeaderFault> {
    let mut seen = HashSet::new();
    match names.iter().position(|name| !seen.insert(name.as_str())) {
        None => Ok(()),
        Some(at) => {
            let found = format!("the column {} occurs twice", shown(&names[at]));
            let remedy = "rename one of them; every column needs a name of its own";
            Err(HeaderFault::new(DamageKind::RepeatedColumn, found, remedy).at(at))
        }
    }
}

fn mapped_column(names: &[String], field: Field, column: &str) -> Result<usize, HeaderFault> {
    if let Some(at) = names.iter().position(|name| name == column) {
        return Ok(at);
    }
    let like: Vec<usize> =
        (0..names.len()).filter(|&at| plain(&names[at]) == plain(column)).collect();
    match like[..] {
        [at] => Ok(at),
        [one, other, ..] => {
            let found = format!("--map {field}={} fits two columns", shown(column));
            let remedy = format!("write {} or {}", shown(&names[one]), shown(&names[other]));
            Err(HeaderFault::new(DamageKind::BadMap, found, remedy).at(other))
        }
        [] => Err(no_such_column(field, column, names)),
    }
}

/// The fault of a `--map` to a column that is not there.
pub(super) fn no_such_column(field: Field, column: &str, names: &[String]) -> HeaderFault {
    let found = format!("--map {field}={}: no such column; {}", shown(column), list(names));
    let remedy = match nearest(column, names.iter().map(String::as_str)) {
        Some(near) => format!("did you mean --map {field}={}?", shown(near)),
        None => format!("write --map {field}=COLUMN with a column of the header"),
    };
    HeaderFault::new(DamageKind::BadMap, found, remedy)
}

/// The fault of two columns that mean the same.
pub(super) fn ambiguous(names: &[String], field: Field, before: usize, at: usize) -> HeaderFault {
    let (one, other) = (shown(&names[before]), shown(&names[at]));
    let found = format!("the columns {one} and {other} both mean {field}");
    let remedy =
        format!("say which one is meant, with --map {field}={one} or --map {field}={other}");
    HeaderFault::new(DamageKind::AmbiguousColumns, found, remedy).at(at)
}

/// Refuses a header with two columns for the account, with both ways of naming a target, or
/// without what every row needs.
fn refuse_unclear(names: &[String], layout: &Layout) -> Result<(), HeaderFault> {
    if let Some(account) = layout.get(Field::Account) {
        for field in [Field::AccountId, Field::AccountName] {
            if let Some(at) = layout.get(field) {
                return Err(ambiguous(names, Field::Account, account, at));
            }
        }
    }
    let by_kind = [Field::Kind, Field::Target].into_iter().find(|&field| layout.has(field));
    let by_column = BY_COLUMN.into_iter().find(|&field| layout.has(field));
    if let (Some(one), Some(other)) = (by_kind, by_column) {
        let name = |field| layout.get(field).map_or(String::new(), |at| shown(&names[at]));
        let found = format!(
            "the columns {} and {} name the target in two ways; {}",
            name(one),
            name(other),
            list(names)
        );
        let remedy = format!(
            "keep kind and target, or host, group and db; --map {other}= with nothing behind it \
             leaves a column unread"
        );
        return Err(HeaderFault::new(DamageKind::MixedForms, found, remedy));
    }
    let mut missing = Vec::new();
    if !layout.has_any(&GRANTEE_FIELDS) {
        missing.push("user (or user_group)");
    }
    match by_kind {
        _ if layout.has_any(&TARGET_NAMES) => {}
        Some(Field::Kind) if !layout.has(Field::Target) => missing.push("target"),
        Some(Field::Target) => missing.push("kind"),
        None if by_column.is_none() => missing.push("kind and target (or host, group, db)"),
        _ => {}
    }
    if !layout.has_any(&[Field::Account, Field::AccountId, Field::AccountName]) {
        missing.push("account");
    }
    if missing.is_empty() {
        return Ok(());
    }
    let found = format!("no column {}; {}", missing.join(", nor "), list(names));
    let first = missing[0].split(' ').next().unwrap_or_default();
    let remedy = format!(
        "the first line must be a header that names them; for a column of another name write \
         --map {first}=COLUMN{}",
        hint_of_names(names)
    );
    Err(HeaderFault::new(DamageKind::MissingColumns, found, remedy))
}

/// A list of names where ids are needed is a common mistake, and mapping it would be another.
fn hint_of_names(names: &[String]) -> String {
    let of_names = ["username", "hostname", "usergroupname", "hostgroupname", "databasename"];
    let chinese = ["用户名", "主机名", "用户组名", "主机组名", "数据库名"];
    let found = names.iter().find(|name| {
        let name = plain(name);
        of_names.contains(&name.as_str()) || chinese.iter().any(|start| name.starts_with(start))
    });
    found.map_or(String::new(), |name| {
        format!("; {} holds names, and the API takes ids", shown(name))
    })
}

/// The header's columns as a message lists them.
pub(super) fn list(names: &[String]) -> String {
    const MOST: usize = 20;
    let mut list: Vec<String> = names.iter().take(MOST).map(|name| shown(name)).collect();
    if names.len() > MOST {
        list.push(format!("and {} more", names.len() - MOST));
    }
    format!("the header has: {}", list.join(", "))
}
