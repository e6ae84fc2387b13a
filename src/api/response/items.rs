//! Matches the items of an answer with the targets and accounts of its request, by id.
//!
//! What is missing, repeated with different codes, or not tied to a target is `unknown`, never OK
//! (promise 4, *honesty*).

use crate::api::operation::{Vocabulary, grantee_id};
use crate::api::sanitize::sanitize;
use crate::api::tree::{Branch, Member};
use crate::model::{Accounts, Entry, Request, Status};
use std::borrow::Cow;

/// The longest message of the service that is kept, in bytes.
pub(super) const MOST_MESSAGE_BYTES: usize = 2048;
/// The longest code or id of a request that is kept, in bytes.
pub(super) const MOST_WORD_BYTES: usize = 256;

/// The result of one grant according to one answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemAnswer {
    /// [`Status::Revoked`], `AlreadyAbsent` (`Restored`, `AlreadyPresent` where grants are given),
    /// `NotFound`, `Failed`, or `Unknown` for anything that is worth another attempt.
    pub status: Status,
    /// The API's code, or this tool's own code for a defective answer.
    pub code: Cow<'static, str>,
    /// The API's message; blank instead of a filler.
    pub message: Cow<'static, str>,
}

impl ItemAnswer {
    pub(super) fn sanitize(&mut self) {
        for (text, most) in
            [(&mut self.code, MOST_WORD_BYTES), (&mut self.message, MOST_MESSAGE_BYTES)]
        {
            if let Cow::Owned(owned) = text {
                *text = sanitize(std::mem::take(owned).into(), most);
            }
        }
    }
}

/// A message without the fillers that the API writes instead of none.
pub(super) fn meaningful(message: &str) -> &str {
    let message = message.trim();
    let fillers = ["none", "n/a", "null", "无"];
    if fillers.iter().any(|filler| message.eq_ignore_ascii_case(filler)) { "" } else { message }
}

/// Whether an item's code is exactly the documented code of success.
fn is_ok(code: &str) -> bool {
    code == "OK"
}

/// Whether a code is neither a documented item code nor a clear failure: blank, a number, a
/// boolean, or `OK` in another spelling. It proves neither success nor failure.
fn is_ambiguous(code: &str) -> bool {
    let code = code.trim();
    code.is_empty()
        || code.eq_ignore_ascii_case("OK")
        || code.eq_ignore_ascii_case("true")
        || code.eq_ignore_ascii_case("false")
        || code.parse::<f64>().is_ok()
}

/// The code of one object in an answer, which may occur several times.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
enum Observation<'a> {
    #[default]
    Nothing,
    Once {
        code: &'a str,
        message: &'a str,
    },
    Contradiction,
}

impl<'a> Observation<'a> {
    fn add(&mut self, code: Member<'a>, message: Member<'a>) {
        *self = match (*self, code) {
            (Self::Contradiction, _) | (_, Member::Contradictory) => Self::Contradiction,
            (before, Member::Absent) => before,
            (Self::Nothing, Member::Text(code)) => {
                Self::Once { code, message: message.text().unwrap_or_default() }
            }
            (Self::Once { code: before, .. }, Member::Text(code))
                if before.eq_ignore_ascii_case(code) && is_ok(before) == is_ok(code) =>
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

/// The codes of one target of the request.
struct TargetAnswer<'r, 'a> {
    entry: &'r Entry,
    outer: Observation<'a>,
    /// By account id, in order of appearance; `None` where an element had no id.
    inner: Vec<(Option<&'a str>, Observation<'a>)>,
}

impl<'a> TargetAnswer<'_, 'a> {
    fn add_account(&mut self, id: Option<&'a str>, code: Member<'a>, message: Member<'a>) {
        let known = id.and_then(|id| self.inner.iter().position(|(known, _)| *known == Some(id)));
        let at = known.unwrap_or_else(|| {
            self.inner.push((id, Observation::Nothing));
            self.inner.len() - 1
        });
        self.inner[at].1.add(code, message);
    }

    fn asks_for(&self, account: &str) -> bool {
        match &self.entry.accounts {
            Accounts::Whole => false,
            Accounts::Listed(accounts) => accounts.as_slice().iter().any(|asked| asked == account),
        }
    }
}

pub(super) fn judge_items(request: &Request, answer: Branch<'_>) -> Vec<ItemAnswer> {
    let words = Vocabulary::of(request.kind);
    let new_target = |entry| TargetAnswer {
        entry,
        outer: Observation::default(),
        inner: Vec::with_capacity(entry.grants()),
    };
    let mut targets: Vec<TargetAnswer<'_, '_>> =
        request.entries.as_slice().iter().map(new_target).collect();
    let mut unmatched_failure = false;
    answer.each("Results", &mut |element| {
        unmatched_failure |= !add_element(request, words, element, &mut targets);
    });
    let mut answers = Vec::with_capacity(request.grants());
    for of in &targets {
        match &of.entry.accounts {
            Accounts::Whole => answers.push(judge_whole(of, unmatched_failure)),
            Accounts::Listed(accounts) => {
                let accounts = accounts.as_slice().iter().enumerate();
                answers.extend(accounts.map(|(at, account)| judge_account(of, at, account)));
            }
        }
    }
    for answer in &mut answers {
        answer.status = request.action.status(answer.status);
    }
    answers
}

/// Adds one element of the results; returns false for a failure that cannot be matched with a
/// target.
fn add_element<'a>(
    request: &Request,
    words: Vocabulary,
    element: Branch<'a>,
    targets: &mut [TargetAnswer<'_, 'a>],
) -> bool {
    let names = [grantee_id(request.grantee.kind), words.target_id, "Code", "Message"];
    let [grantee, target, code, message] = element.members_named(names);
    let foreign = match grantee {
        Member::Absent => false,
        Member::Text(id) => id != request.grantee.id,
        Member::Contradictory => true,
    };
    let spoil = |code| if foreign { Member::Contradictory } else { code };
    let each_account = |visit: &mut dyn FnMut(Branch<'a>)| {
        element.each(words.answered_accounts, &mut |account| {
            if account.is_object() {
                visit(account);
            }
        });
    };
    let of_account = [words.account_id, "Code", "Message"];
    let mut is_matched = true;
    match target {
        Member::Text(target) => {
            let Some(of) = targets.iter_mut().find(|targets| targets.entry.target == target) else {
                tracing::warn!(target_id = target, "the answer names a target not asked for");
                return true;
            };
            of.outer.add(spoil(code), message);
            each_account(&mut |account| {
                let [id, code, message] = account.members_named(of_account);
                of.add_account(id.text(), spoil(code), message);
            });
        }
        Member::Absent => {
            // An older format: accounts in an element of their own, without their target. The
            // element may have a code, which must not contradict theirs.
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
                    targets.iter_mut().filter(|targets| id.is_some_and(|id| targets.asks_for(id)));
                match (asking.next(), asking.next()) {
                    (Some(only), None) => {
                        only.add_account(id, code, message);
                    }
                    _ => is_matched &= ok,
                }
            });
        }
        Member::Contradictory => is_matched = false,
    }
    is_matched
}

/// `at` is the place of the account in the request, and usually also in the answer.
fn judge_account(of: &TargetAnswer<'_, '_>, at: usize, account: &str) -> ItemAnswer {
    let is_it = |(id, _): &&(Option<&str>, Observation<'_>)| *id == Some(account);
    let inner = of.inner.get(at).filter(is_it).or_else(|| of.inner.iter().find(is_it));
    let inner = inner.map_or(Observation::Nothing, |(_, observation)| *observation);
    match (of.outer, inner) {
        (Observation::Contradiction, _) | (_, Observation::Contradiction) => contradictory(),
        (Observation::Nothing, _) => missing(),
        (outer, Observation::Nothing) if outer.is_ok() => missing(),
        (outer, Observation::Nothing) => item(outer),
        (outer, inner) if inner.is_ok() && !outer.is_ok() => contradictory(),
        (_, inner) => item(inner),
    }
}

fn judge_whole(of: &TargetAnswer<'_, '_>, unmatched_failure: bool) -> ItemAnswer {
    let worst_inner = of
        .inner
        .iter()
        .filter(|(_, observation)| !observation.is_ok())
        .map(|(_, observation)| item(*observation))
        .max_by_key(|answer| severity(answer.status));
    match (of.outer, worst_inner) {
        (Observation::Contradiction, _) => contradictory(),
        (Observation::Nothing, _) => missing(),
        (_, Some(worst)) => worst,
        (outer, None) if outer.is_ok() && unmatched_failure => contradictory(),
        (outer, None) if !outer.is_ok() && !of.inner.is_empty() => contradictory(),
        (outer, None) => item(outer),
    }
}

/// Which of several inner codes counts for a whole target: doubt before failure before success.
fn severity(status: Status) -> u8 {
    match status {
        Status::Unknown => 4,
        Status::Failed => 3,
        Status::NotFound => 2,
        Status::AlreadyAbsent => 1,
        _ => 0,
    }
}

fn item(observation: Observation<'_>) -> ItemAnswer {
    let (code, message) = match observation {
        Observation::Nothing => return missing(),
        Observation::Contradiction => return contradictory(),
        Observation::Once { code, message } => (code, message),
    };
    // Source: the result codes on the pages of the three operations; `AlREADY` is their spelling.
    let is = |known: &str| code.eq_ignore_ascii_case(known);
    let status = if is_ok(code) {
        Status::Revoked
    } else if is("OBJECT_ALREADY_EXISTS") {
        Status::AlreadyAbsent
    } else if is("OBJECT_NOT_FOUND") {
        Status::NotFound
    } else if is("UNEXPECTED") || is_ambiguous(code) {
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
        message: Cow::Borrowed("the answer has no result for this item"),
    }
}

fn contradictory() -> ItemAnswer {
    ItemAnswer {
        status: Status::Unknown,
        code: Cow::Borrowed("ContradictoryItem"),
        message: Cow::Borrowed("the answer holds contradicting results for this item"),
    }
}
