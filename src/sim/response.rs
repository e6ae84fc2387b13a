//! The bodies of answers in JSON and XML, including the formats of older services.

use std::fmt::Write as _;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::api_error::{ApiError, Hint};
use super::authentication::SignatureKind;
use super::faults::{Fault, FaultPlan};
use super::field_names::{field_names, grantee_id};
use super::grants::ItemCode;
use super::http_types::HttpResponse;
use super::params::Params;
use super::request::{Change, GrantRequest};
use crate::model::Kind;

/// The format of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Json,
    Xml,
}

impl Format {
    /// The format requested by `Format`. Without it a v1 request is answered in XML, the default of
    /// the old RPC style, and an ACS3 request in JSON.
    pub(super) fn of(kind: SignatureKind, params: &Params) -> Self {
        match (params.get("Format"), kind) {
            (Some(format), _) if format.eq_ignore_ascii_case("json") => Self::Json,
            (None, SignatureKind::Acs3) => Self::Json,
            _ => Self::Xml,
        }
    }
}

/// The result of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TargetResult {
    pub(super) target: String,
    pub(super) code: ItemCode,
    /// The requested accounts; empty for a whole target, and for one that doesn't exist.
    pub(super) accounts: Vec<(String, ItemCode)>,
}

/// What a response needs besides its content.
#[derive(Debug, Clone, Copy)]
pub(super) struct ResponseContext<'a> {
    pub(super) format: Format,
    pub(super) request_id: &'a str,
    /// The `HostId` of an error: the name under which the client knows this service.
    pub(super) host: &'a str,
    pub(super) now: Timestamp,
}

impl ResponseContext<'_> {
    /// The answer to a detach or attach request.
    pub(super) fn success(
        &self,
        request: &GrantRequest,
        results: Vec<TargetResult>,
        plan: &FaultPlan,
    ) -> HttpResponse {
        let results = render(request, results, plan);
        let members = Map::from_iter([("Results".to_owned(), results)]);
        self.members(request.name, members)
    }

    /// The answer to a read or another write, with these members.
    pub(super) fn call(
        &self,
        name: &str,
        mut members: Map<String, Value>,
        plan: &FaultPlan,
    ) -> HttpResponse {
        let shape = LegacyShape::of(plan);
        for (name, value) in &mut members {
            shape.apply(name, value);
        }
        self.members(name, members)
    }

    fn members(&self, name: &str, mut members: Map<String, Value>) -> HttpResponse {
        members.insert("RequestId".to_owned(), self.request_id.into());
        self.answer(StatusCode::OK, &format!("{name}Response"), &Value::Object(members))
    }

    /// The answer to a request that was refused.
    pub(super) fn error(&self, error: &ApiError) -> HttpResponse {
        let body = json!({
            "RequestId": self.request_id,
            "HostId": self.host,
            "Code": error.code,
            "Message": error.message,
        });
        let mut answer = self.answer(error.status, "Error", &body);
        match error.hint {
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

    /// An HTML page, as a proxy returns it.
    pub(super) fn html(&self, status: StatusCode) -> HttpResponse {
        let page = format!(
            "<html>\r\n<auth><title>{status}</title></auth>\r\n<body>\r\n\
             <center><h1>{status}</h1></center>\r\n</body>\r\n</html>\r\n"
        );
        plain(status, "text/html", page, self.now)
    }

    fn answer(&self, status: StatusCode, root: &str, body: &Value) -> HttpResponse {
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
) -> HttpResponse {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(kind));
    let date = now.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    headers.insert("date", text_value(&date));
    HttpResponse { status, headers, body: Bytes::from(body) }
}

fn text_value(text: &str) -> HeaderValue {
    // Every text that comes here is ASCII of our own making.
    HeaderValue::from_str(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn milliseconds(wait: std::time::Duration) -> u64 {
    // Rounded up, so that a client that waits exactly this long is not too early.
    u64::try_from(wait.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

/// `Results`, in the format of the injected faults.
fn render(request: &GrantRequest, mut results: Vec<TargetResult>, plan: &FaultPlan) -> Value {
    if plan.injects(Fault::ShuffledItems, 0) {
        shuffle(&mut results, plan, 1);
        for (place, result) in (1000..).step_by(1000).zip(&mut results) {
            shuffle(&mut result.accounts, plan, place);
        }
    }
    let names = field_names(request.operation.kind);
    let shape = LegacyShape::of(plan);
    let mut elements = Vec::new();
    for result in results {
        let accounts = result.accounts.into_iter().map(|(account, code)| {
            let mut element = Map::new();
            element.insert("Code".into(), code.name().into());
            element.insert("Message".into(), message(request, code).into());
            // Names stay text even in the older answers.
            let is_id = request.operation.kind != Kind::HostGroup;
            element.insert(names.account.into(), shape.id(account, is_id));
            Value::Object(element)
        });
        let accounts = shape.list(accounts.collect());
        let mut element = Map::new();
        element.insert("Code".into(), result.code.name().into());
        element.insert("Message".into(), message(request, result.code).into());
        element.insert(names.target_id.into(), shape.id(result.target, true));
        let grantee = shape.id(request.grantee.id.clone(), true);
        element.insert(grantee_id(request.operation.from).into(), grantee);
        if shape.separate_accounts {
            elements.push(Value::Object(element));
            if accounts != json!([]) {
                elements.push(json!({ names.accounts: accounts }));
            }
        } else {
            element.insert(names.accounts.into(), accounts);
            elements.push(Value::Object(element));
        }
    }
    shape.list(elements)
}

/// The older formats of an answer.
#[derive(Clone, Copy)]
struct LegacyShape {
    numeric: bool,
    object_for_one: bool,
    separate_accounts: bool,
}

impl LegacyShape {
    fn of(plan: &FaultPlan) -> Self {
        Self {
            numeric: plan.injects(Fault::NumericIds, 0),
            object_for_one: plan.injects(Fault::ObjectForOne, 0),
            separate_accounts: plan.injects(Fault::AccountsApart, 0),
        }
    }

    /// Reshapes a member of a list answer and everything in it.
    fn apply(self, name: &str, value: &mut Value) {
        match value {
            Value::Object(members) => {
                for (name, value) in members.iter_mut() {
                    self.apply(name, value);
                }
            }
            Value::Array(elements) => {
                for element in elements.iter_mut() {
                    self.apply(name, element);
                }
                if self.object_for_one && elements.len() == 1 {
                    *value = elements.remove(0);
                }
            }
            Value::String(text) if self.numeric && name.ends_with("Id") => {
                *value = self.id(std::mem::take(text), true);
            }
            _ => {}
        }
    }

    fn id(self, id: String, is_id: bool) -> Value {
        // Only an id that a number reproduces exactly; `007` stays text.
        match id.parse::<u64>() {
            Ok(number) if self.numeric && is_id && number.to_string() == id => number.into(),
            _ => Value::String(id),
        }
    }

    fn list(self, mut elements: Vec<Value>) -> Value {
        if self.object_for_one && elements.len() == 1 {
            elements.remove(0)
        } else {
            Value::Array(elements)
        }
    }
}

/// For hosts and groups `Message` is obsolete; for databases it is the text of the error.
fn message(request: &GrantRequest, code: ItemCode) -> &'static str {
    match (request.operation.kind, code) {
        (Kind::Database, ItemCode::Unexpected) => "An unknown error occurred.",
        (Kind::Database, ItemCode::NotFound) => "The object does not exist.",
        (Kind::Database, ItemCode::AlreadyExists) if request.change == Change::Attach => {
            "The permission was granted before."
        }
        (Kind::Database, ItemCode::AlreadyExists) => "The permission was revoked before.",
        (kind, _) => field_names(kind).no_message,
    }
}

/// Fisher-Yates, with the plan's own numbers.
fn shuffle<T>(list: &mut [T], plan: &FaultPlan, place: u64) {
    for (at, left) in (0..list.len()).rev().zip((1..=list.len() as u64).rev()) {
        let to = plan.number(Fault::ShuffledItems, place + left) % left;
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
