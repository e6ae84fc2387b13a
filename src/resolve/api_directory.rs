//! The directory that the API serves: list operations, read page by page and checked.
//!
//! A listing is complete only if the distinct ids that were read are as many as a `TotalCount` that
//! stayed the same over all pages. Otherwise it is read again, at most [`MOST_READS`] times, and is
//! then incomplete. Numbers may be text, and a server may return shorter pages than it was asked for.

use super::directory::{Candidate, Directory, Listing};
use super::listing_key::ListingKey;
use crate::api::client::Client;
use crate::api::error::{Class, classify};
use crate::api::transport::{SendError, Transport};
use crate::input::{ObjectKind, shown};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Reads a second, all operations together, unless another rate is given.
pub const DEFAULT_RATE_PER_S: f64 = 10.0;

/// Objects asked for in one page; the most that the API documents.
const PAGE_SIZE: usize = 100;

/// The most pages of a listing.
const MOST_PAGES: usize = 10_000;

/// How often a listing that changes while it is read is read.
const MOST_READS: usize = 3;

/// How often a call is sent that is throttled or has no answer. Reads change nothing.
const MOST_ATTEMPTS: u32 = 6;

/// The wait after the first failed attempt; it doubles with each further one.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Lists objects by calls of the API, at a limited rate.
pub struct ApiDirectory<T> {
    client: Client<T>,
    ticks: Mutex<Interval>,
}

/// Why a call has no usable answer.
enum CallError {
    /// No further call will succeed either.
    Fatal(String),
    /// This listing cannot be read.
    NotChecked(String),
}

impl<T: Transport> ApiDirectory<T> {
    /// A directory that sends at most `rate_per_s` calls a second.
    pub fn new(client: Client<T>, rate_per_s: f64) -> Self {
        let mut ticks = interval(Duration::from_secs_f64(1.0 / rate_per_s.max(0.01)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { client, ticks: Mutex::new(ticks) }
    }

    /// One page, sent again if it is throttled or lost.
    async fn page(&self, key: &ListingKey, number: usize) -> Result<Value, CallError> {
        let (number, size) = (number.to_string(), PAGE_SIZE.to_string());
        let mut parameters = vec![
            ("InstanceId", key.instance_id.as_str()),
            ("RegionId", key.region.as_str()),
            ("PageNumber", number.as_str()),
            ("PageSize", size.as_str()),
        ];
        match key.object {
            ObjectKind::HostAccount => parameters.push(("HostId", &key.parent_id)),
            ObjectKind::DatabaseAccount => parameters.push(("DatabaseId", &key.parent_id)),
            _ => {}
        }
        parameters.extend(key.filter_parameter());
        let parameters: Vec<_> =
            parameters.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
        let mut failure = String::new();
        for attempt in 0..MOST_ATTEMPTS {
            if attempt > 0 {
                tokio::time::sleep(FIRST_WAIT * 2_u32.pow(attempt - 1)).await;
            }
            self.ticks.lock().await.tick().await;
            failure = match self.client.call(&key.region, key.operation(), &parameters).await {
                Ok(answer) => match judge(answer.status, &answer.body) {
                    Ok(page) => return Ok(page),
                    Err(Refusal::Fatal(why)) => {
                        return Err(CallError::Fatal(format!("{key}: {why}")));
                    }
                    Err(Refusal::Final(why)) => {
                        return Err(CallError::NotChecked(format!("{key}: {why}")));
                    }
                    Err(Refusal::Temporary(why)) => why,
                },
                Err(SendError::NoCredentials(why)) => return Err(CallError::Fatal(why)),
                Err(error) => error.to_string(),
            };
        }
        let reason = format!("{key}: no answer after {MOST_ATTEMPTS} attempts ({failure})");
        Err(CallError::NotChecked(reason))
    }

    /// All pages once. `Err`: what is inconsistent about them, with what was read.
    async fn read(
        &self,
        key: &ListingKey,
    ) -> Result<Result<Vec<Candidate>, (Vec<Candidate>, String)>, CallError> {
        let mut found: BTreeMap<String, Candidate> = BTreeMap::new();
        let mut total = None;
        for number in 1..=MOST_PAGES {
            let page = self.page(key, number).await?;
            let Some(count) = whole_number(&page["TotalCount"]) else {
                let reason = "the answer has no TotalCount".to_owned();
                return Ok(Err((found.into_values().collect(), reason)));
            };
            if total.is_some_and(|total| total != count) {
                let reason = "the number of objects changed while they were read".to_owned();
                return Ok(Err((found.into_values().collect(), reason)));
            }
            total = Some(count);
            let candidates = candidates(key.object, &page);
            let is_empty = candidates.is_empty();
            found.extend(candidates.into_iter().map(|one| (one.id.clone(), one)));
            if found.len() as u64 == count {
                return Ok(Ok(found.into_values().collect()));
            }
            if is_empty || found.len() as u64 > count {
                break;
            }
        }
        let reason = format!("{} of {} objects were read", found.len(), total.unwrap_or(0));
        Ok(Err((found.into_values().collect(), reason)))
    }
}

impl<T: Transport> Directory for ApiDirectory<T> {
    type Error = String;

    async fn list(&self, key: &ListingKey) -> Result<Listing, String> {
        let mut incomplete = (Vec::new(), String::new());
        for _ in 0..MOST_READS {
            match self.read(key).await {
                Ok(Ok(candidates)) => return Ok(Listing::Complete(candidates)),
                Ok(Err(partial)) => incomplete = partial,
                Err(CallError::NotChecked(reason)) => return Ok(Listing::NotChecked(reason)),
                Err(CallError::Fatal(reason)) => return Err(reason),
            }
        }
        let (candidates, reason) = incomplete;
        Ok(Listing::Incomplete { candidates, reason: format!("{key}: {reason}") })
    }
}

/// Why an answer is no page.
enum Refusal {
    Fatal(String),
    Final(String),
    Temporary(String),
}

/// The page of an answer.
fn judge(status: u16, body: &[u8]) -> Result<Value, Refusal> {
    let parsed = serde_json::from_slice::<Value>(body).ok().filter(Value::is_object);
    if let (200, Some(page)) = (status, &parsed)
        && page.get("Code").is_none()
    {
        return Ok(page.clone());
    }
    let text = |name: &str| {
        let value = parsed.as_ref().and_then(|page| page[name].as_str());
        value.map(str::trim).unwrap_or_default().to_owned()
    };
    let code = text("Code");
    let why = match (code.as_str(), text("Message").as_str()) {
        ("", _) => format!("HTTP status {status} without a code"),
        (code, "") => shown(code),
        (code, message) => format!("{}: {}", shown(code), shown(message)),
    };
    let code = (!code.is_empty()).then_some(code.as_str());
    Err(match classify(code, status) {
        Class::StopCredentials => Refusal::Fatal(why),
        _ if status >= 500 || parsed.is_none() => Refusal::Temporary(why),
        Class::Throttled | Class::ExpiredTimestamp | Class::ExpiredToken => Refusal::Temporary(why),
        _ => Refusal::Final(why),
    })
}

/// A number, which may be text.
fn whole_number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
}

/// The objects of a page. One without an id is left out, so that the count does not match.
fn candidates(object: ObjectKind, page: &Value) -> Vec<Candidate> {
    let (list, id, name) = match object {
        ObjectKind::User => ("Users", "UserId", "UserName"),
        ObjectKind::UserGroup => ("UserGroups", "UserGroupId", "UserGroupName"),
        ObjectKind::Host => ("Hosts", "HostId", "HostName"),
        ObjectKind::HostGroup => ("HostGroups", "HostGroupId", "HostGroupName"),
        ObjectKind::Database => ("Databases", "DatabaseId", "DatabaseName"),
        ObjectKind::HostAccount => ("HostAccounts", "HostAccountId", "HostAccountName"),
        ObjectKind::DatabaseAccount => {
            ("DatabaseAccounts", "DatabaseAccountId", "DatabaseAccountName")
        }
    };
    let text = |value: &Value| match value {
        Value::String(text) => text.trim().to_owned(),
        Value::Number(number) => number.to_string(),
        Value::Array(values) => {
            values.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        _ => String::new(),
    };
    let addresses = [
        "HostPrivateAddress",
        "HostPublicAddress",
        "DatabasePrivateAddress",
        "DatabasePublicAddress",
        "DatabaseAddress",
    ];
    let objects = page[list].as_array().map(Vec::as_slice).unwrap_or_default();
    let candidate = |value: &Value| Candidate {
        id: text(&value[id]),
        // A name is compared exactly, blanks included.
        name: value[name].as_str().unwrap_or_default().to_owned(),
        display_name: value["DisplayName"].as_str().unwrap_or_default().to_owned(),
        addresses: addresses
            .iter()
            .map(|name| text(&value[*name]))
            .filter(|address| !address.is_empty())
            .collect(),
        source: text(&value["Source"]),
        state: text(&value["UserState"]),
        protocol: text(&value["ProtocolName"]),
    };
    objects.iter().map(candidate).filter(|candidate| !candidate.id.is_empty()).collect()
}
