//! What crosses the wire, read by the test's own eyes: independently of how the tool writes its
//! requests and judges its answers.

use bastion_revoke::api::transport::WireRequest;
use bastion_revoke::model::{GranteeKind, Kind, Operation};
use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// One thing that a request can revoke.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    pub(super) operation: &'static str,
    pub(super) instance: String,
    pub(super) grantee: String,
    pub(super) target: String,
    /// Nothing stands for the whole target.
    pub(super) account: Option<String>,
}

/// A request as it left.
#[derive(Debug, Clone)]
pub(super) struct Asked {
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

/// The names of the target's id and of the accounts asked for and answered.
fn words(kind: Kind) -> (&'static str, &'static str, &'static str, &'static str) {
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

/// Reads a request of the tool.
pub(super) fn asked(request: &WireRequest) -> Asked {
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
    Asked { operation, keys: keys.collect(), token: body.get("SecurityToken").cloned() }
}

type Targets = Vec<(String, Option<Vec<String>>)>;

fn listed(text: &str, kind: Kind) -> Targets {
    let (target_id, accounts, _, _) = words(kind);
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

/// What an answer said, or why it said nothing.
#[derive(Debug, Clone)]
pub(super) struct Said {
    /// The code of the whole request; nothing for one that was taken, and for what is no JSON.
    pub(super) refusal: Option<String>,
    /// What it said of each thing asked.
    pub(super) items: Vec<(Key, String)>,
    /// How long it asks to wait.
    pub(super) wait: Option<Duration>,
}

/// Reads an answer of the simulated service. It writes accounts that stand apart right behind
/// their target, which the tool must not rely on, and this may.
pub(super) fn said(asked: &Asked, headers: &HeaderMap, body: &Bytes) -> Said {
    let wait = wait(headers);
    let Ok(value) = serde_json::from_slice::<Value>(body) else {
        return Said { refusal: None, items: Vec::new(), wait };
    };
    let code = |value: &Value| value["Code"].as_str().unwrap_or_default().to_owned();
    let Some(results) = value.get("Results") else {
        return Said { refusal: Some(code(&value)), items: Vec::new(), wait };
    };
    let (target_id, _, accounts, account_id) = words(asked.operation.kind);
    let mut items = Vec::new();
    let mut target = String::new();
    let mut outer = String::new();
    for element in list(results) {
        if element.get(target_id).is_some() {
            target = id(&element[target_id]);
            outer = code(element);
        }
        let heard: Vec<(String, String)> = element
            .get(accounts)
            .map_or(Vec::new(), list)
            .into_iter()
            .map(|account| (id(&account[account_id]), code(account)))
            .collect();
        for key in asked.keys.iter().filter(|key| key.target == target) {
            let said = match &key.account {
                None => Some(outer.clone()),
                Some(name) => {
                    let inner = heard.iter().find(|(id, _)| id == name);
                    inner
                        .map(|(_, code)| code.clone())
                        .or_else(|| (outer != "OK").then(|| outer.clone()))
                }
            };
            items.extend(said.map(|said| (key.clone(), said)));
        }
    }
    Said { refusal: None, items, wait }
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
