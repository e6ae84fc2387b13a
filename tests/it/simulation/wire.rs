//! Decoder of requests and answers on the wire, independent of the tool's own encoder and
//! decoder.

use bastion_revoke::api::transport::WireRequest;
use bastion_revoke::model::{GranteeKind, Kind, Operation};
use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// One grant in a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) operation: &'static str,
    pub(super) instance: String,
    pub(super) grantee: String,
    pub(super) target: String,
    /// `None` for the whole target.
    pub(super) account: Option<String>,
}

/// A decoded request.
#[derive(Debug, Clone)]
pub(super) struct DecodedRequest {
    pub(super) operation: Operation,
    pub(super) keys: Vec<Key>,
    pub(super) token: Option<String>,
}

fn decoded(form: &str) -> BTreeMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://127.0.0.1/?{form}")).expect("a query");
    let mut all = BTreeMap::new();
    for (name, value) in url.query_pairs() {
        let before = all.insert(name.into_owned(), value.into_owned());
        assert!(before.is_none(), "a parameter given twice");
    }
    all
}

/// The field names of the target id, the requested accounts, the answered accounts and their id.
fn field_names(kind: Kind) -> (&'static str, &'static str, &'static str, &'static str) {
    match kind {
        Kind::Host => ("HostId", "HostAccountIds", "HostAccounts", "HostAccountId"),
        Kind::HostGroup => {
            ("HostGroupId", "HostAccountNames", "HostAccountNames", "HostAccountName")
        }
        Kind::Database => {
            ("DatabaseId", "DatabaseAccountIds", "DatabaseAccounts", "DatabaseAccountId")
        }
    }
}

/// Decodes a request.
pub(super) fn decode_request(request: &WireRequest) -> DecodedRequest {
    let query = decoded(&request.query);
    let body = decoded(&request.body);
    let operation = Operation::from_name(&query["Action"]).expect("one of our operations");
    let instance = body["InstanceId"].clone();
    let grantee = match operation.from {
        GranteeKind::User => body["UserId"].clone(),
        GranteeKind::UserGroup => body["UserGroupId"].clone(),
    };
    let targets = match operation.kind {
        Kind::Host => listed(&body["Hosts"], operation.kind),
        Kind::HostGroup => listed(&body["HostGroups"], operation.kind),
        Kind::Database => flattened(&body),
    };
    let key = |target: &str, account: Option<String>| Key {
        operation: operation.name(),
        instance: instance.clone(),
        grantee: grantee.clone(),
        target: target.to_owned(),
        account,
    };
    let keys = targets.iter().flat_map(|(target, accounts)| match accounts {
        None => vec![key(target, None)],
        Some(accounts) => accounts.iter().map(|name| key(target, Some(name.clone()))).collect(),
    });
    DecodedRequest { operation, keys: keys.collect(), token: body.get("SecurityToken").cloned() }
}

type Targets = Vec<(String, Option<Vec<String>>)>;

fn listed(text: &str, kind: Kind) -> Targets {
    let (target_id, accounts, _, _) = field_names(kind);
    let value: Value = serde_json::from_str(text).expect("JSON");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let entry = |entry: &Value| {
        let listed = entry
            .get(accounts)
            .map(|list| list.as_array().expect("a list").iter().map(text).collect());
        (text(&entry[target_id]), listed)
    };
    value.as_array().expect("a list").iter().map(entry).collect()
}

fn flattened(body: &BTreeMap<String, String>) -> Targets {
    let mut targets = Vec::new();
    while let Some(target) = body.get(&format!("Databases.{}.DatabaseId", targets.len() + 1)) {
        let number = targets.len() + 1;
        let account =
            |at: usize| body.get(&format!("Databases.{number}.DatabaseAccountIds.{at}")).cloned();
        let accounts: Vec<String> = (1..).map_while(account).collect();
        targets.push((target.clone(), (!accounts.is_empty()).then_some(accounts)));
    }
    targets
}

/// A decoded answer.
#[derive(Debug, Clone)]
pub(super) struct DecodedAnswer {
    /// The error code of the whole request; `None` if it was accepted or is not JSON.
    pub(super) refusal: Option<String>,
    /// The code of each item.
    pub(super) items: Vec<(Key, String)>,
    /// The requested wait.
    pub(super) wait: Option<Duration>,
}

/// Decodes an answer of the simulated service. The service writes separate account elements
/// directly after their target; this decoder relies on that order, the tool must not.
pub(super) fn decode_answer(
    asked: &DecodedRequest,
    headers: &HeaderMap,
    body: &Bytes,
) -> DecodedAnswer {
    let wait = wait(headers);
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return DecodedAnswer { refusal: None, items: Vec::new(), wait };
    };
    let code = |value: &Value| value["Code"].as_str().unwrap_or_default().to_owned();
    let Some(results) = value.get("Results") else {
        return DecodedAnswer { refusal: Some(code(&value)), items: Vec::new(), wait };
    };
    let (target_id, _, accounts, account_id) = field_names(asked.operation.kind);
    let mut items = Vec::new();
    let mut target = String::new();
    let mut outer = String::new();
    for element in list(results) {
        if element.get(target_id).is_some() {
            target = id(&element[target_id]);
            outer = code(element);
        }
        let accounts_answered: Vec<(String, String)> = element
            .get(accounts)
            .map_or(Vec::new(), list)
            .into_iter()
            .map(|account| (id(&account[account_id]), code(account)))
            .collect();
        for key in asked.keys.iter().filter(|key| key.target == target) {
            let code_of_item = match &key.account {
                None => Some(outer.clone()),
                Some(name) => {
                    let inner = accounts_answered.iter().find(|(id, _)| id == name);
                    inner
                        .map(|(_, code)| code.clone())
                        .or_else(|| (outer != "OK").then(|| outer.clone()))
                }
            };
            items.extend(code_of_item.map(|code_of_item| (key.clone(), code_of_item)));
        }
    }
    DecodedAnswer { refusal: None, items, wait }
}

fn list(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |list| list.iter().collect())
}

fn id(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn wait(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let millis = |text: &str| text.parse().ok().map(Duration::from_millis);
    text("x-acs-retry-after")
        .and_then(millis)
        .or_else(|| millis(text("x-ratelimit-user-api")?.rsplit_once("TimeLeft:")?.1))
        .or_else(|| text("retry-after")?.parse().ok().map(Duration::from_secs))
}
