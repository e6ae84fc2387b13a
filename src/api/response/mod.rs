//! What an answer says about each grant of the request: matched by id, never by position, and
//! `revoked` only where nothing contradicts it. Promise 4, *honesty*.
//!
//! The outer code (of a target) and the inner codes (of its accounts) both count:
//!
//! | asked | outer | inner | what counts |
//! |---|---|---|---|
//! | account | OK | a code | the inner code |
//! | account | OK | missing | unknown |
//! | account | not OK | missing | the outer code |
//! | account | not OK | OK | unknown |
//! | account | not OK | not OK | the inner code |
//! | account | missing | anything | unknown |
//! | whole target | OK | none, or all OK | OK |
//! | whole target | any | some not OK | the worst inner code |
//! | whole target | not OK | missing | the outer code |
//! | whole target | not OK | all OK | unknown |
//! | either | contradicted, or for another grantee | | unknown |

mod items;

pub use items::ItemAnswer;

use crate::api::error::{Class, classify};
use crate::api::sanitize::sanitize;
use crate::api::tree::{Branch, Member, Tree};
use crate::model::Request;
use items::{MOST_MESSAGE_BYTES, MOST_WORD_BYTES, judge_items, meaningful};

/// The longest answer that is read, in bytes. A full request's answer is about 10 KiB.
pub const MAX_BYTES: usize = 1024 * 1024;

/// An answer, judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judgement {
    /// The request was carried out; one answer for each of [`Request::items`], in that order.
    Items {
        /// The API's id of the request, or nothing.
        request_id: String,
        /// One for each grant.
        items: Vec<ItemAnswer>,
    },
    /// The request as a whole was refused, or failed.
    Refused {
        /// The API's id of the request, or nothing.
        request_id: String,
        /// What it means for the run.
        class: Class,
        /// The API's code, or this tool's own word for an answer without one.
        code: String,
        /// The API's message.
        message: String,
    },
}

impl Judgement {
    /// The judgement with the service's words made fit for a ledger, a table and a terminal: short,
    /// and with every character to be seen. Secrets must be out of them before.
    #[must_use]
    pub fn sanitize(self) -> Self {
        let word = |text: String| sanitize(text.into(), MOST_WORD_BYTES).into_owned();
        match self {
            Self::Items { request_id, mut items } => {
                items.iter_mut().for_each(ItemAnswer::sanitize);
                Self::Items { request_id: word(request_id), items }
            }
            Self::Refused { request_id, class, code, message } => Self::Refused {
                request_id: word(request_id),
                class,
                code: word(code),
                message: sanitize(message.into(), MOST_MESSAGE_BYTES).into_owned(),
            },
        }
    }
}

/// Judges the body of an answer to `request`.
pub fn judge(request: &Request, status: u16, body: &[u8]) -> Judgement {
    let tree = match readable(status, body) {
        Ok(tree) => tree,
        Err(refused) => return *refused,
    };
    judge_tree(request, status, tree.root()).unwrap_or_else(|| {
        malformed(status, without_code(body, "the answer has neither results nor an error code"))
    })
}

/// Reads the answer to a call of any operation: the members of an accepted call.
///
/// # Errors
///
/// A [`Judgement::Refused`] for an error of the API, and for an answer that cannot be read.
pub fn accept(status: u16, body: &[u8]) -> Result<Tree<'_>, Box<Judgement>> {
    let tree = readable(status, body)?;
    let root = tree.root();
    let code = root.member("Code");
    let is_success = (200..300).contains(&status);
    if is_success && is_good(code) {
        return Ok(tree);
    }
    let request_id = root.member("RequestId").text().unwrap_or_default().to_owned();
    let refused = match code.text().map(str::trim).filter(|_| !is_good(code)) {
        Some(code) => Judgement::Refused {
            request_id,
            class: classify(Some(code), status),
            code: code.to_owned(),
            message: meaningful(root.member("Message").text().unwrap_or_default()).to_owned(),
        },
        None => malformed(status, without_code(body, "the answer has no error code")),
    };
    Err(Box::new(refused))
}

/// Whether the code of an answer reports success: no code, a blank one, `200` or `OK`.
fn is_good(code: Member<'_>) -> bool {
    match code {
        Member::Absent => true,
        Member::Text(code) => matches!(code, "" | "200") || code.eq_ignore_ascii_case("OK"),
        Member::Contradictory => false,
    }
}

/// The tree of a JSON or XML answer, whatever it says.
fn readable(status: u16, body: &[u8]) -> Result<Tree<'_>, Box<Judgement>> {
    let unreadable = |message: String| Err(Box::new(malformed(status, message)));
    let Ok(text) = std::str::from_utf8(body) else {
        return unreadable("the answer is not text".to_owned());
    };
    let text = text.trim_start_matches('\u{feff}').trim();
    let tree = match text.as_bytes().first() {
        None => return unreadable("the answer is empty".to_owned()),
        Some(b'{') => Tree::from_json(text),
        Some(b'<') => Tree::from_xml(text),
        Some(_) => Err("neither JSON nor XML".to_owned()),
    };
    match tree {
        Ok(tree) => Ok(tree),
        Err(error) if looks_like_html(text) => {
            tracing::debug!(%error, "an HTML page where an answer was due");
            unreadable(HTML_PAGE.to_owned())
        }
        Err(error) => unreadable(format!("the answer can't be read: {error}")),
    }
}

const HTML_PAGE: &str = "an HTML page, probably of a proxy or gateway";

/// The message for an answer that was read and has no code.
fn without_code(body: &[u8], otherwise: &str) -> String {
    let is_html = std::str::from_utf8(body).is_ok_and(looks_like_html);
    if is_html { HTML_PAGE.to_owned() } else { otherwise.to_owned() }
}

fn malformed(status: u16, message: String) -> Judgement {
    Judgement::Refused {
        request_id: String::new(),
        class: classify(None, status),
        code: if (200..300).contains(&status) {
            "MalformedAnswer".to_owned()
        } else {
            format!("HTTP {status}")
        },
        message,
    }
}

fn looks_like_html(text: &str) -> bool {
    let start: String = text.chars().take(200).collect::<String>().to_ascii_lowercase();
    start.contains("<html") || start.contains("<!doctype html")
}

fn judge_tree(request: &Request, status: u16, tree: Branch<'_>) -> Option<Judgement> {
    let request_id = tree.member("RequestId").text().unwrap_or_default().to_owned();
    let code = tree.member("Code");
    if tree.has("Results") {
        if is_good(code) && (200..300).contains(&status) {
            let items = judge_items(request, tree);
            return Some(Judgement::Items { request_id, items });
        }
        return Some(Judgement::Refused {
            request_id,
            class: Class::Doubtful,
            code: "ContradictoryAnswer".to_owned(),
            message: format!(
                "results together with the code {} and HTTP status {status}",
                code.text().unwrap_or("(several)")
            ),
        });
    }
    let code = code.text().filter(|code| !code.is_empty())?;
    Some(Judgement::Refused {
        request_id,
        class: classify(Some(code), status),
        code: code.to_owned(),
        message: meaningful(tree.member("Message").text().unwrap_or_default()).to_owned(),
    })
}

#[cfg(test)]
mod tests;
