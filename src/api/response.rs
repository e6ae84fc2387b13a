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

use super::error::{Class, classify};
use super::fit::fit;
use super::operation::{Vocabulary, grantee_id};
use super::tree::{Branch, Member, Tree};
use crate::model::{Accounts, Entry, Request, Status};
use std::borrow::Cow;

/// The longest message of the service that is kept, in bytes.
const MOST_MESSAGE_BYTES: usize = 2048;
/// The longest code or id of a request that is kept, in bytes.
const MOST_WORD_BYTES: usize = 256;

/// The longest answer that is read, in bytes. A full request's answer is about 10 KiB.
pub const MAX_BYTES: usize = 1024 * 1024;

/// What became of one grant, as far as one answer tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemAnswer {
    /// [`Status::Revoked`], `AlreadyAbsent`, `NotFound`, `Failed`, or `Unknown` for anything that
    /// is worth asking again.
    pub status: Status,
    /// The API's code, or this tool's own word for what is wrong with the answer.
    pub code: Cow<'static, str>,
    /// The API's message; blank where it only fills the place.
    pub message: Cow<'static, str>,
}

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
    pub fn fit_to_keep(self) -> Self {
        let word = |text: String| fit(text.into(), MOST_WORD_BYTES).into_owned();
        match self {
            Self::Items { request_id, mut items } => {
                items.iter_mut().for_each(ItemAnswer::fit_to_keep);
                Self::Items { request_id: word(request_id), items }
            }
            Self::Refused { request_id, class, code, message } => Self::Refused {
                request_id: word(request_id),
                class,
                code: word(code),
                message: fit(message.into(), MOST_MESSAGE_BYTES).into_owned(),
            },
        }
    }
}

impl ItemAnswer {
    fn fit_to_keep(&mut self) {
        for (text, most) in
            [(&mut self.code, MOST_WORD_BYTES), (&mut self.message, MOST_MESSAGE_BYTES)]
        {
            if let Cow::Owned(owned) = text {
                *text = fit(std::mem::take(owned).into(), most);
            }
        }
    }
}

/// Judges the body of an answer to `request`.
pub fn judge(request: &Request, status: u16, body: &[u8]) -> Judgement {
    let malformed = |message: String| Judgement::Refused {
        request_id: String::new(),
        class: classify(None, status),
        code: if (200..300).contains(&status) {
            "MalformedAnswer".to_owned()
        } else {
            format!("HTTP {status}")
        },
        message,
    };
    let Ok(text) = std::str::from_utf8(body) else {
        return malformed("the answer is not text".to_owned());
    };
    let text = text.trim_start_matches('\u{feff}').trim();
    let tree = match text.as_bytes().first() {
        None => return malformed("the answer is empty".to_owned()),
        Some(b'{') => Tree::from_json(text),
        Some(b'<') => Tree::from_xml(text),
        Some(_) => Err("neither JSON nor XML".to_owned()),
    };
    let tree = match tree {
        Ok(tree) => tree,
        Err(error) if looks_like_html(text) => {
            tracing::debug!(%error, "an HTML page where an answer was due");
            return malformed("an HTML page, probably of a proxy or gateway".to_owned());
        }
        Err(error) => return malformed(format!("the answer can't be read: {error}")),
    };
    judge_tree(request, status, tree.root()).unwrap_or_else(|| {
        malformed(if looks_like_html(text) {
            "an HTML page, probably of a proxy or gateway".to_owned()
        } else {
            "the answer has neither results nor an error code".to_owned()
        })
    })
}

fn looks_like_html(text: &str) -> bool {
    let start: String = text.chars().take(200).collect::<String>().to_ascii_lowercase();
    start.contains("<html") || start.contains("<!doctype html")
}

fn judge_tree(request: &Request, status: u16, tree: Branch<'_>) -> Option<Judgement> {
    let request_id = tree.member("RequestId").text().unwrap_or_default().to_owned();
    let code = tree.member("Code");
    if tree.has("Results") {
        let is_good = match code {
            Member::Absent => true,
            Member::Text(code) => matches!(code, "" | "200") || is_ok(code),
            Member::Contradictory => false,
        };
        if is_good && (200..300).contains(&status) {
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

/// A message without the fillers that stand where there is none.
fn meaningful(message: &str) -> &str {
    let message = message.trim();
    let fillers = ["none", "n/a", "null", "无"];
    if fillers.iter().any(|filler| message.eq_ignore_ascii_case(filler)) { "" } else { message }
}

fn is_ok(code: &str) -> bool {
    code.eq_ignore_ascii_case("OK")
}

/// What was said about one thing, however often.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Said<'a> {
    #[default]
    Nothing,
    Once {
        code: &'a str,
        message: &'a str,
    },
    Contradiction,
}

impl<'a> Said<'a> {
    fn hear(&mut self, code: Member<'a>, message: Member<'a>) {
        *self = match (*self, code) {
            (Self::Contradiction, _) | (_, Member::Contradictory) => Self::Contradiction,
            (before, Member::Absent) => before,
            (Self::Nothing, Member::Text(code)) => {
                Self::Once { code, message: message.text().unwrap_or_default() }
            }
            (Self::Once { code: before, .. }, Member::Text(code))
                if before.eq_ignore_ascii_case(code) =>
            {
                *self
            }
            _ => Self::Contradiction,
        };
    }

    fn is_ok(self) -> bool {
        matches!(self, Self::Once { code, .. } if is_ok(code))
    }
}

/// What was said about one target of the request.
struct Heard<'r, 'a> {
    entry: &'r Entry,
    outer: Said<'a>,
    /// By account id, in order of appearance; `None` where an element had no id.
    inner: Vec<(Option<&'a str>, Said<'a>)>,
}

impl<'a> Heard<'_, 'a> {
    fn hear_account(&mut self, id: Option<&'a str>, code: Member<'a>, message: Member<'a>) {
        let known = id.and_then(|id| self.inner.iter().position(|(known, _)| *known == Some(id)));
        let at = known.unwrap_or_else(|| {
            self.inner.push((id, Said::Nothing));
            self.inner.len() - 1
        });
        self.inner[at].1.hear(code, message);
    }

    fn asks_for(&self, account: &str) -> bool {
        match &self.entry.accounts {
            Accounts::Whole => false,
            Accounts::Listed(accounts) => accounts.as_slice().iter().any(|asked| asked == account),
        }
    }
}

fn judge_items(request: &Request, answer: Branch<'_>) -> Vec<ItemAnswer> {
    let words = Vocabulary::of(request.kind);
    let new_heard =
        |entry| Heard { entry, outer: Said::default(), inner: Vec::with_capacity(entry.grants()) };
    let mut heard: Vec<Heard<'_, '_>> = request.entries.as_slice().iter().map(new_heard).collect();
    let mut untied_failure = false;
    answer.each("Results", &mut |element| {
        untied_failure |= !hear_element(request, words, element, &mut heard);
    });
    let mut answers = Vec::with_capacity(request.grants());
    for of in &heard {
        match &of.entry.accounts {
            Accounts::Whole => answers.push(judge_whole(of, untied_failure)),
            Accounts::Listed(accounts) => {
                let accounts = accounts.as_slice().iter().enumerate();
                answers.extend(accounts.map(|(at, account)| judge_account(of, at, account)));
            }
        }
    }
    answers
}

/// Takes in what an element of the results says; false if it tells of a failure that can't be
/// tied to a target.
fn hear_element<'a>(
    request: &Request,
    words: Vocabulary,
    element: Branch<'a>,
    heard: &mut [Heard<'_, 'a>],
) -> bool {
    let names = [grantee_id(request.grantee.kind), words.target_id, "Code", "Message"];
    let [grantee, target, code, message] = element.members_named(names);
    let foreign = match grantee {
        Member::Absent => false,
        Member::Text(id) => id != request.grantee.id,
        Member::Contradictory => true,
    };
    let spoil = |code| if foreign { Member::Contradictory } else { code };
    let each_account = |hear: &mut dyn FnMut(Branch<'a>)| {
        element.each(words.answered_accounts, &mut |account| {
            if account.is_object() {
                hear(account);
            }
        });
    };
    let of_account = [words.account_id, "Code", "Message"];
    let mut is_tied = true;
    match target {
        Member::Text(target) => {
            let Some(of) = heard.iter_mut().find(|heard| heard.entry.target == target) else {
                tracing::warn!(target_id = target, "the answer names a target not asked for");
                return true;
            };
            of.outer.hear(spoil(code), message);
            each_account(&mut |account| {
                let [id, code, message] = account.members_named(of_account);
                of.hear_account(id.text(), spoil(code), message);
            });
        }
        Member::Absent => {
            // An older shape: accounts in an element of their own, without their target. It
            // may hold a code of its own, which must not contradict theirs.
            let own_ok = match code {
                Member::Absent => true,
                Member::Text(code) => is_ok(code),
                Member::Contradictory => false,
            };
            each_account(&mut |account| {
                let [id, code, message] = account.members_named(of_account);
                let id = id.text();
                let ok = code.text().is_some_and(is_ok);
                let code = if ok && !own_ok { Member::Contradictory } else { spoil(code) };
                let mut asking =
                    heard.iter_mut().filter(|heard| id.is_some_and(|id| heard.asks_for(id)));
                match (asking.next(), asking.next()) {
                    (Some(only), None) => {
                        only.hear_account(id, code, message);
                    }
                    _ => is_tied &= ok,
                }
            });
        }
        Member::Contradictory => is_tied = false,
    }
    is_tied
}

/// `at` is where the account stands in the request, and mostly in the answer too.
fn judge_account(of: &Heard<'_, '_>, at: usize, account: &str) -> ItemAnswer {
    let is_it = |(id, _): &&(Option<&str>, Said<'_>)| *id == Some(account);
    let inner = of.inner.get(at).filter(is_it).or_else(|| of.inner.iter().find(is_it));
    let inner = inner.map_or(Said::Nothing, |(_, said)| *said);
    match (of.outer, inner) {
        (Said::Contradiction, _) | (_, Said::Contradiction) => contradictory(),
        (Said::Nothing, _) => missing(),
        (outer, Said::Nothing) if outer.is_ok() => missing(),
        (outer, Said::Nothing) => item(outer),
        (outer, inner) if inner.is_ok() && !outer.is_ok() => contradictory(),
        (_, inner) => item(inner),
    }
}

fn judge_whole(of: &Heard<'_, '_>, untied_failure: bool) -> ItemAnswer {
    let worst_inner = of
        .inner
        .iter()
        .filter(|(_, said)| !said.is_ok())
        .map(|(_, said)| item(*said))
        .max_by_key(|answer| severity(answer.status));
    match (of.outer, worst_inner) {
        (Said::Contradiction, _) => contradictory(),
        (Said::Nothing, _) => missing(),
        (_, Some(worst)) => worst,
        (outer, None) if outer.is_ok() && untied_failure => contradictory(),
        (outer, None) if !outer.is_ok() && !of.inner.is_empty() => contradictory(),
        (outer, None) => item(outer),
    }
}

/// Which of several inner codes speaks for a whole target: doubt before failure before success.
fn severity(status: Status) -> u8 {
    match status {
        Status::Unknown => 4,
        Status::Failed => 3,
        Status::NotFound => 2,
        Status::AlreadyAbsent => 1,
        _ => 0,
    }
}

fn item(said: Said<'_>) -> ItemAnswer {
    let (code, message) = match said {
        Said::Nothing => return missing(),
        Said::Contradiction => return contradictory(),
        Said::Once { code, message } => (code, message),
    };
    // Source: the result codes on the pages of the three operations; `AlREADY` is their spelling.
    let is = |known: &str| code.eq_ignore_ascii_case(known);
    let status = if is_ok(code) {
        Status::Revoked
    } else if is("OBJECT_ALREADY_EXISTS") {
        Status::AlreadyAbsent
    } else if is("OBJECT_NOT_FOUND") {
        Status::NotFound
    } else if is("UNEXPECTED") || code.is_empty() {
        Status::Unknown
    } else {
        Status::Failed
    };
    let code = if status == Status::Revoked { Cow::Borrowed("OK") } else { code.to_owned().into() };
    let message = match meaningful(message) {
        "" => Cow::Borrowed(""),
        message => message.to_owned().into(),
    };
    ItemAnswer { status, code, message }
}

fn missing() -> ItemAnswer {
    ItemAnswer {
        status: Status::Unknown,
        code: Cow::Borrowed("MissingItem"),
        message: Cow::Borrowed("the answer does not say what became of it"),
    }
}

fn contradictory() -> ItemAnswer {
    ItemAnswer {
        status: Status::Unknown,
        code: Cow::Borrowed("ContradictoryItem"),
        message: Cow::Borrowed("the answer contradicts itself about it"),
    }
}

#[cfg(test)]
mod tests;
