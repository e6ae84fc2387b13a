//! The fast path for rows that are plainly valid, as nearly all rows of nearly all lists are.
//!
//! It takes a row only if every check of [`super::row_parser`] has the usual result, and leaves all
//! others to it; debug builds compare the two for every row. It needs few checks because the CSV
//! parser records which classes of character each field holds.

use crate::model::{Account, Grant, Grantee, GranteeKind, Kind};

use super::cells::{Cells, Span};
use super::columns::{BY_COLUMN, Layout, account_field};
use super::fields::Field;
use super::options::Options;
use super::placeholders::is_no_value;
use super::regions::Regions;

/// The most bytes of a value that is taken here.
const MOST_BYTES: u32 = 32;

/// The grant of a row that has nothing unusual; `None` says nothing of the row.
#[inline]
pub(super) fn parse<'a>(
    cells: &Cells<'a>,
    layout: &Layout,
    options: &'a Options,
    regions: &Regions,
) -> Option<Grant<'a>> {
    if options.names.is_some() {
        return None;
    }
    let user = layout.get(Field::User)?;
    if !is_absent(cells, layout, Field::UserGroup) {
        return None;
    }
    let (kind, target) = target(cells, layout)?;
    let by_name = kind == Kind::HostGroup;
    let column = layout.get(account_field(layout, by_name))?;
    let account = match cells.own(column) {
        "*" => Account::Whole,
        _ if by_name => Account::Named(value(cells, column).or_else(|| name(cells, column))?),
        _ => Account::Named(value(cells, column)?),
    };
    let grantee = Grantee { kind: GranteeKind::User, id: value(cells, user)? };
    let (instance_id, region) = if layout.has(Field::InstanceId) || layout.has(Field::Region) {
        let of = |field, default| layout.get(field).map_or(default, |column| cells.own(column));
        let instance = of(Field::InstanceId, options.default_instance_id.as_deref().unwrap_or(""));
        let region = of(Field::Region, &options.default_region);
        // What an earlier row passed with, this one passes with too.
        if !regions.is_last(instance, region) {
            return None;
        }
        (instance, region)
    } else if regions.defaults_recorded {
        (options.default_instance_id.as_deref().unwrap_or(""), options.default_region.as_str())
    } else {
        return None;
    };
    Some(Grant { instance_id, region, grantee, kind, target, account })
}

/// Kind and target, from columns of their own or from the one of three that is filled.
#[inline]
fn target<'a>(cells: &Cells<'a>, layout: &Layout) -> Option<(Kind, &'a str)> {
    if !layout.has_any(&BY_COLUMN) {
        let kind = match cells.own(layout.get(Field::Kind)?) {
            "host" => Kind::Host,
            "host-group" => Kind::HostGroup,
            "database" => Kind::Database,
            _ => return None,
        };
        return Some((kind, value(cells, layout.get(Field::Target)?)?));
    }
    let is_absent = |field| is_absent(cells, layout, field);
    let (field, kind) = match BY_COLUMN.map(is_absent) {
        [false, true, true] => (Field::Host, Kind::Host),
        [true, false, true] => (Field::HostGroup, Kind::HostGroup),
        [true, true, false] => (Field::Database, Kind::Database),
        _ => return None,
    };
    let by_column = is_absent(Field::Kind) && is_absent(Field::Target);
    by_column.then_some((kind, value(cells, layout.get(field)?)?))
}

fn is_absent(cells: &Cells<'_>, layout: &Layout, field: Field) -> bool {
    layout.get(field).is_none_or(|column| cells.own(column).is_empty())
}

/// The value of a column if it is valid both as an id and as a name: digits, or a letter followed
/// by letters, digits, `-`, `_` and `.`. A value of digits and others may be a number that a
/// spreadsheet has rewritten, which needs the complete check.
#[inline]
fn value<'a>(cells: &Cells<'a>, column: usize) -> Option<&'a str> {
    let Span { start, end, class, .. } = *cells.spans.get(column)?;
    let value = cells.own(column);
    let good = class.is_digits()
        || class.is_word()
            && value.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
            && !is_no_value(value);
    (good && (1..=MOST_BYTES).contains(&(end - start))).then_some(value)
}

/// The value of a column if it is good as a name: a letter and then letters, digits, `-`, `_`, `.`
/// and blanks, the last one no blank.
fn name<'a>(cells: &Cells<'a>, column: usize) -> Option<&'a str> {
    let value = cells.own(column);
    let [first, .., last] = value.as_bytes() else { return None };
    let of_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b' ');
    let good = first.is_ascii_alphabetic() && *last != b' ' && value.bytes().all(of_name);
    (good && value.len() <= MOST_BYTES as usize).then_some(value)
}
