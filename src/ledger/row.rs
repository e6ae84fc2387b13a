//! Encoding of grants, items and times in the ledger's columns.

use super::{Attempt, AttemptId, AttemptResult, AttemptState, Exception, GrantSet};
use crate::model::Status;
use crate::plan::GrantId;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt::Write as _;

/// The most grants of one request: 10 targets with 10 accounts each.
const MAX_GRANTS: usize = 100;

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
        // A request never holds more; a larger set was not written by this tool.
        .filter(|grants| grants.len() <= MAX_GRANTS)
}

#[derive(Serialize, Deserialize)]
struct Item<'a> {
    place: u8,
    grant: GrantId,
    status: Cow<'a, str>,
    code: Cow<'a, str>,
    message: Cow<'a, str>,
}

/// The exceptional items as JSON; empty if there are none.
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

/// Reads the text written by [`items`]. `None` if an item is not one of the attempt's or is out of
/// order: it would be overlooked, and its grant taken for revoked.
fn read_items(text: &str, grants: &GrantSet) -> Option<Vec<Exception>> {
    let items: Vec<Item<'_>> = serde_json::from_str(text).ok()?;
    let all: Vec<GrantId> = grants.iter().collect();
    let own = |item: &Item<'_>| all.get(usize::from(item.place)) == Some(&item.grant);
    if !items.is_sorted_by(|left, right| left.place < right.place) || !items.iter().all(own) {
        return None;
    }
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
/// items`; `None` if it is inconsistent.
pub(super) fn attempt(id: AttemptId, row: &rusqlite::Row<'_>) -> rusqlite::Result<Option<Attempt>> {
    let (grants, intended_at) = (row.get_ref(1)?.as_str()?, row.get_ref(2)?.as_str()?);
    let (Some(grants), Ok(intended_at)) = (read_ranges(grants), intended_at.parse()) else {
        return Ok(None);
    };
    let Some(state) = row.get_ref(3)?.as_str_or_null()? else {
        return Ok(Some(Attempt { id, grants, intended_at, result: None }));
    };
    let finished_at = row.get_ref(8)?.as_str()?;
    let items = row.get_ref(9)?.as_str_or_null()?;
    let exceptions = items.map_or(Some(Vec::new()), |items| read_items(items, &grants));
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exceptions_that_are_not_the_attempts_own_are_refused() {
        let grants: GrantSet = [6, 7, 2].into_iter().collect();
        let exception = |place| Exception {
            place,
            status: Status::NotFound,
            code: "C".into(),
            message: "M".into(),
        };
        let exceptions = vec![exception(0), exception(2)];
        let text = items(&grants, &exceptions).unwrap();
        assert_eq!(read_items(&text, &grants), Some(exceptions));
        for wrong in [
            text.replace("\"place\":2", "\"place\":3"),
            text.replace("\"grant\":2", "\"grant\":7"),
            text.replace("\"place\":0", "\"place\":1"),
            text.replace("not_found", "gone"),
            text.replace("\"place\":2,\"grant\":2", "\"place\":0,\"grant\":6"),
            text[1..].to_owned(),
        ] {
            assert_ne!(wrong, text);
            assert_eq!(read_items(&wrong, &grants), None, "{wrong}");
        }
    }

    #[test]
    fn ranges_that_no_request_can_hold_are_refused() {
        let set: GrantSet = [3, 4, 5, 9].into_iter().collect();
        assert_eq!(ranges(&set), "[[3,5],[9,9]]");
        assert_eq!(read_ranges("[[3,5],[9,9]]"), Some(set));
        for wrong in ["", "[[5,3]]", "[[0,4294967295]]", "[[0,100]]", "[[-1,3]]", "[[1]]"] {
            assert_eq!(read_ranges(wrong), None, "{wrong}");
        }
    }
}
