//! The short way for rows that are plainly good, as nearly all rows of nearly all lists are.
//!
//! It takes a row only where every question that [`super::rows`] asks has the usual answer, and
//! leaves all others to it; debug builds compare the two for every row. It can ask so little because the
//! parser has noted of each field which sorts of character it holds.

use crate::model::{Account, Grant, Grantee, GranteeKind, Kind};

use super::cells::{Cells, Span};
use super::columns::Layout;
use super::fields::Field;
use super::reader::Options;
use super::rows::Regions;

/// The most bytes of a value that is taken here.
const MOST_BYTES: u32 = 32;

/// The grant of a row that has nothing unusual; `None` says nothing of the row.
#[inline]
pub(super) fn read<'a>(
    cells: &Cells<'a>,
    layout: &Layout,
    options: &'a Options,
    regions: &Regions,
) -> Option<Grant<'a>> {
    let user = layout.get(Field::User)?;
    if !is_absent(cells, layout, Field::UserGroup) {
        return None;
    }
    let kind = match cells.own(layout.get(Field::Kind)?) {
        "host" => Kind::Host,
        "host-group" => Kind::HostGroup,
        "database" => Kind::Database,
        _ => return None,
    };
    let account = match cells.own(layout.get(Field::Account)?) {
        "*" => Account::Whole,
        _ => Account::Named(value(cells, layout.get(Field::Account)?)?),
    };
    let grantee = Grantee { kind: GranteeKind::User, id: value(cells, user)? };
    let target = value(cells, layout.get(Field::Target)?)?;
    let (instance_id, region) = if layout.has(Field::InstanceId) || layout.has(Field::Region) {
        let of = |field, default| layout.get(field).map_or(default, |column| cells.own(column));
        let instance = of(Field::InstanceId, options.default_instance_id.as_deref().unwrap_or(""));
        let region = of(Field::Region, &options.default_region);
        // What an earlier row passed with, this one passes with too.
        if !regions.is_last(instance, region) {
            return None;
        }
        (instance, region)
    } else if regions.has_defaults() {
        (options.default_instance_id.as_deref().unwrap_or(""), options.default_region.as_str())
    } else {
        return None;
    };
    Some(Grant { instance_id, region, grantee, kind, target, account })
}

fn is_absent(cells: &Cells<'_>, layout: &Layout, field: Field) -> bool {
    layout.get(field).is_none_or(|column| cells.own(column).is_empty())
}

/// The value of a column if it is good both as an id and as a name: digits, or a letter and then
/// letters, digits, `-`, `_` and `.`. What begins with a digit and goes on with others may be a
/// number that a spreadsheet has rewritten, which takes a closer look.
#[inline]
fn value<'a>(cells: &Cells<'a>, column: usize) -> Option<&'a str> {
    let Span { start, end, class, .. } = *cells.spans.get(column)?;
    let value = cells.own(column);
    let good = class.is_digits()
        || class.is_word() && value.as_bytes().first().is_some_and(u8::is_ascii_alphabetic);
    (good && (1..=MOST_BYTES).contains(&(end - start))).then_some(value)
}
