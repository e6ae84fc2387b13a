//! The bodies of answers, in JSON and XML, with the shapes that older services gave them.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::asked::Asked;
use super::faults::{Dice, Fault};
use super::grants::ItemCode;
use super::params::Params;
use super::refusal::{Hint, Refusal};
use super::verify::SignatureKind;
use super::wire::Answer;
use super::words::{grantee_id, words};
use crate::model::Kind;

/// In which of the API's two formats a request is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Xml,
}

impl Format {
    /// What `Format` asks for. Without it XML answers a v1 request, the default of the old RPC
    /// style, and JSON an ACS3 request.
    pub(super) fn of(kind: SignatureKind, params: &Params) -> Self {
        match (params.get("Format"), kind) {
            (Some(format), _) if format.eq_ignore_ascii_case("json") => Self::Json,
            (None, SignatureKind::Acs3) => Self::Json,
            _ => Self::Xml,
        }
    }
}

/// What became of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TargetResult {
    pub(super) target: String,
    pub(super) code: ItemCode,
    /// The accounts asked for; none of a whole target, and none of one that doesn't exist.
    pub(super) accounts: Vec<(String, ItemCode)>,
}

/// Everything of an answer that isn't its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct Envelope<'a> {
    pub(super) format: Format,
    pub(super) request_id: &'a str,
    /// The `HostId` of an error: the name under which the client knows this service.
    pub(super) host: &'a str,
    pub(super) now: Timestamp,
}

impl Envelope<'_> {
    /// The answer to a request that was taken.
    pub(super) fn success(&self, asked: &Asked, results: Vec<TargetResult>, dice: &Dice) -> Answer {
        let results = render(asked, results, dice);
        let body = json!({ "RequestId": self.request_id, "Results": results });
        self.answer(StatusCode::OK, &format!("{}Response", asked.operation), &body)
    }

    /// The answer to a request that was refused.
    pub(super) fn refusal(&self, refusal: &Refusal) -> Answer {
        let body = json!({
            "RequestId": self.request_id,
            "HostId": self.host,
            "Code": refusal.code,
            "Message": refusal.message,
        });
        let mut answer = self.answer(refusal.status, "Error", &body);
        match refusal.hint {
            Some(Hint::RetryAfter(wait)) => {
                let value = HeaderValue::from(milliseconds(wait));
                answer.headers.insert("x-acs-retry-after", value);
            }
            Some(Hint::RateLimit(wait)) => {
                let text = format!("Limit:1,Remain:0,TimeLeft:{}", milliseconds(wait));
                answer.headers.insert("x-ratelimit-user-api", text_value(&text));
            }
            None => {}
        }
        answer
    }

    /// A page as a proxy on the way writes it.
    pub(super) fn html(&self, status: StatusCode) -> Answer {
        let page = format!(
            "<html>\r\n<head><title>{status}</title></head>\r\n<body>\r\n\
             <center><h1>{status}</h1></center>\r\n</body>\r\n</html>\r\n"
        );
        plain(status, "text/html", page, self.now)
    }

    fn answer(&self, status: StatusCode, root: &str, body: &Value) -> Answer {
        let (kind, text) = match self.format {
            Format::Json => ("application/json;charset=utf-8", body.to_string()),
            Format::Xml => ("text/xml;charset=utf-8", xml(root, body)),
        };
        let mut answer = plain(status, kind, text, self.now);
        answer.headers.insert("x-acs-request-id", text_value(self.request_id));
        answer
    }
}

/// An answer with that body; `Date` is the service's own time, by which a client may set its clock.
pub(super) fn plain(
    status: StatusCode,
    kind: &'static str,
    body: String,
    now: Timestamp,
) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(kind));
    let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    headers.insert("date", text_value(&date));
    Answer { status, headers, body: Bytes::from(body) }
}

fn text_value(text: &str) -> HeaderValue {
    // Every text that comes here is ASCII of our own making.
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn milliseconds(wait: std::time::Duration) -> u64 {
    // A wait of half a millisecond is one, so that a client that keeps to it comes late enough.
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// `Results`, bent as the dice want it.
fn render(asked: &Asked, mut results: Vec<TargetResult>, dice: &Dice) -> Value {
    if dice.strikes(Fault::ShuffledItems, 0) {
        shuffle(&mut results, dice, 1);
        for (place, result) in (1000..).step_by(1000).zip(&mut results) {
            shuffle(&mut result.accounts, dice, place);
        }
    }
    let words = words(asked.operation.kind);
    let bend = Bend {
        numeric: dice.strikes(Fault::NumericIds, 0),
        bare: dice.strikes(Fault::ObjectForOne, 0),
        apart: dice.strikes(Fault::AccountsApart, 0),
    };
    let mut elements = Vec::new();
    for result in results {
        let accounts = result.accounts.into_iter().map(|(account, code)| {
            let mut element = Map::new();
            element.insert("Code".into(), code.name().into());
            element.insert("Message".into(), message(asked.operation.kind, code).into());
            // Names stay text even in the older answers.
            let is_id = asked.operation.kind != Kind::HostGroup;
            element.insert(words.account.into(), bend.id(account, is_id));
            Value::Object(element)
        });
        let accounts = bend.list(accounts.collect());
        let mut element = Map::new();
        element.insert("Code".into(), result.code.name().into());
        element.insert("Message".into(), message(asked.operation.kind, result.code).into());
        element.insert(words.target_id.into(), bend.id(result.target, true));
        let grantee = bend.id(asked.grantee.id.clone(), true);
        element.insert(grantee_id(asked.operation.from).into(), grantee);
        if bend.apart {
            elements.push(Value::Object(element));
            if accounts != json!([]) {
                elements.push(json!({ words.accounts: accounts }));
            }
        } else {
            element.insert(words.accounts.into(), accounts);
            elements.push(Value::Object(element));
        }
    }
    bend.list(elements)
}

/// Which of the older shapes an answer takes.
#[derive(Clone, Copy)]
struct Bend {
    numeric: bool,
    bare: bool,
    apart: bool,
}

impl Bend {
    fn id(self, id: String, is_id: bool) -> Value {
        // Only an id that is the same number when written again; `007` has to stay text.
        match id.parse::<u64>() {
            Ok(number) if self.numeric && is_id && number.to_string() == id => number.into(),
            _ => Value::String(id),
        }
    }

    fn list(self, mut elements: Vec<Value>) -> Value {
        if self.bare && elements.len() == 1 { elements.remove(0) } else { Value::Array(elements) }
    }
}

/// For hosts and groups `Message` is obsolete; for databases it is the text of the error.
fn message(kind: Kind, code: ItemCode) -> &'static str {
    match (kind, code) {
        (Kind::Database, ItemCode::Unexpected) => "An unknown error occurred.",
        (Kind::Database, ItemCode::NotFound) => "The object does not exist.",
        (Kind::Database, ItemCode::AlreadyExists) => "The permission was revoked before.",
        (kind, _) => words(kind).no_message,
    }
}

/// Fisher and Yates, with the dice's own numbers.
fn shuffle<T>(list: &mut [T], dice: &Dice, place: u64) {
    for (at, left) in (0..list.len()).rev().zip((1..=list.len() as u64).rev()) {
        let to = dice.number(Fault::ShuffledItems, place + left) % left;
        list.swap(at, usize::try_from(to).unwrap_or(at));
    }
}

/// XML as the old RPC style writes it: a list repeats its element without a wrapper.
fn xml(root: &str, value: &Value) -> String {
    let mut out = "<?xml version='1.0' encoding='UTF-8'?>".to_owned();
    element(&mut out, root, value);
    out
}

fn element(out: &mut String, name: &str, value: &Value) {
    if let Value::Array(elements) = value {
        for each in elements {
            element(out, name, each);
        }
        return;
    }
    // Writing to a String can't fail.
    let _ = write!(out, "<{name}>");
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                element(out, name, member);
            }
        }
        Value::String(text) => out.push_str(&quick_xml::escape::escape(text.as_str())),
        Value::Null => {}
        other => out.push_str(&other.to_string()),
    }
    let _ = write!(out, "</{name}>");
}
