//! Tolerant decoding of members: numbers and booleans may be text, ids may end with blanks.

use crate::api::tree::Branch;

/// An id without surrounding blanks, if there is one that is not blank.
pub(super) fn id(item: Branch<'_>, name: &str) -> Option<String> {
    let id = item.member(name).text()?.trim();
    (!id.is_empty()).then(|| id.to_owned())
}

/// A text as it is, blank if it is missing. Names are compared exactly, so blanks are kept.
pub(super) fn text(item: Branch<'_>, name: &str) -> String {
    item.member(name).text().unwrap_or_default().to_owned()
}

/// A number, as number or text.
pub(super) fn number(item: Branch<'_>, name: &str) -> Option<i64> {
    item.member(name).text()?.trim().parse().ok()
}

/// A time in seconds since 1970. Missing, blank and 0 mean no limit (inferred).
pub(super) fn seconds(item: Branch<'_>, name: &str) -> Option<i64> {
    number(item, name).filter(|seconds| *seconds != 0)
}

/// A boolean, as boolean or text. Anything else is unknown.
pub(super) fn boolean(item: Branch<'_>, name: &str) -> Option<bool> {
    match item.member(name).text()?.trim() {
        value if value.eq_ignore_ascii_case("true") => Some(true),
        value if value.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// A list of texts. An element that is itself a JSON list in a text is opened: a sample of the
/// API's metadata has `["[\"Normal\"]"]`.
pub(super) fn texts(item: Branch<'_>, name: &str) -> Vec<String> {
    let mut all = Vec::new();
    item.each(name, &mut |element| {
        let Some(text) = element.text() else { return };
        match serde_json::from_str::<Vec<String>>(text) {
            Ok(inner) => all.extend(inner),
            Err(_) => all.push(text.to_owned()),
        }
    });
    all
}
