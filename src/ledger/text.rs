//! How grants, items and times are written in the ledger's columns.

use super::sqlite::Attempt;
use super::{AttemptId, AttemptResult, AttemptState, Exception, GrantSet};
use crate::model::Status;
use crate::plan::GrantId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt::Write as _;

/// `[[0,9],[17,17]]`: first and last of each range.
pub(super) fn ranges(grants: &GrantSet) -> String {
    let mut out = String::from("[");
    for range in grants.ranges().iter().filter(|range| !range.is_empty()) {
        let comma = if out.len() > 1 { "," } else { "" };
        let _ = write!(out, "{comma}[{},{}]", range.start, range.end - 1);
    }
    out.push(']');
    out
}

fn read_ranges(text: &str) -> Option<GrantSet> {
    let pairs: Vec<(GrantId, GrantId)> = serde_json::from_str(text).ok()?;
    pairs
        .into_iter()
        .map(|(first, last)| (first <= last && last < GrantId::MAX).then(|| first..last + 1))
        .collect::<Option<Vec<_>>>()
        .map(GrantSet)
}

/// RFC 3339 in UTC, to the millisecond.
pub(super) fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

#[derive(Serialize, Deserialize)]
struct Item<'a> {
    place: u8,
    grant: GrantId,
    status: Cow<'a, str>,
    code: Cow<'a, str>,
    message: Cow<'a, str>,
}

/// The exceptional items as JSON; nothing if there are none.
pub(super) fn items(grants: &GrantSet, exceptions: &[Exception]) -> Option<String> {
    if exceptions.is_empty() {
        return None;
    }
    let all: Vec<GrantId> = grants.iter().collect();
    let items: Vec<Item<'_>> = exceptions
        .iter()
        .filter_map(|exception| {
            Some(Item {
                place: exception.place,
                grant: *all.get(usize::from(exception.place))?,
                status: exception.status.name().into(),
                code: Cow::Borrowed(&exception.code),
                message: Cow::Borrowed(&exception.message),
            })
        })
        .collect();
    debug_assert_eq!(items.len(), exceptions.len(), "an exception is about a grant of its attempt");
    serde_json::to_string(&items).ok()
}

fn read_items(text: &str) -> Option<Vec<Exception>> {
    let items: Vec<Item<'_>> = serde_json::from_str(text).ok()?;
    items
        .into_iter()
        .map(|item| {
            let status = Status::ALL.into_iter().find(|status| status.name() == item.status)?;
            Some(Exception {
                place: item.place,
                status,
                code: item.code.into_owned().into(),
                message: item.message.into_owned().into(),
            })
        })
        .collect()
}

/// Reads a row of `id, grants, intended_at, state, last, code, message, request_id, finished_at,
/// items`; nothing if it makes no sense.
pub(super) fn attempt(id: AttemptId, row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Attempt>> {
    let grants: String = row.get(1)?;
    let intended_at: String = row.get(2)?;
    let (Some(grants), Ok(intended_at)) = (read_ranges(&grants), intended_at.parse()) else {
        return Ok(None);
    };
    let Some(state): Option<String> = row.get(3)? else {
        return Ok(Some(Attempt { id, grants, intended_at, result: None }));
    };
    let finished_at: String = row.get(8)?;
    let items: Option<String> = row.get(9)?;
    let exceptions = items.map_or(Some(Vec::new()), |items| read_items(&items));
    let state = AttemptState::ALL.into_iter().find(|known| known.name() == state);
    let (Some(state), Ok(finished_at), Some(exceptions)) = (state, finished_at.parse(), exceptions)
    else {
        return Ok(None);
    };
    let result = AttemptResult {
        state,
        last: row.get(4)?,
        code: Cow::Owned(row.get(5)?),
        message: row.get(6)?,
        request_id: row.get(7)?,
        finished_at,
        exceptions,
    };
    Ok(Some(Attempt { id, grants, intended_at, result: Some(result) }))
}
