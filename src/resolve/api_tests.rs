//! The directory of the API against canned answers.

use super::*;
use crate::api::caller::{Caller, DEFAULT_CONCURRENCY, DEFAULT_RATE_PER_S};
use crate::api::client::Client;
use crate::api::credentials::{Credentials, Secret};
use crate::api::endpoint::Endpoints;
use crate::api::reading::ReadError;
use crate::api::transport::{SendError, Transport, WireAnswer, WireRequest, headers};
use crate::clock::SystemClock;
use crate::input::{NameKind, ObjectKind};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// Answers in order; the last one again and again.
#[derive(Default)]
struct Answers {
    left: Mutex<VecDeque<(u16, String)>>,
    pages: Mutex<Vec<String>>,
}

impl Transport for Arc<Answers> {
    async fn send(&self, request: WireRequest) -> Result<WireAnswer, SendError> {
        let page = request.body.split('&').find_map(|pair| pair.strip_prefix("PageNumber="));
        self.pages.lock().unwrap().push(page.unwrap_or("none").to_owned());
        let mut left = self.left.lock().unwrap();
        let (status, body) =
            if left.len() > 1 { left.pop_front().unwrap() } else { left[0].clone() };
        Ok(WireAnswer { status, headers: headers([]), body: body.into() })
    }
}

/// The listing that these answers give, and the pages that were asked for.
async fn listed(answers: &[(u16, &str)]) -> (Result<Listing, ReadError>, Vec<String>) {
    let left = answers.iter().map(|(status, body)| (*status, (*body).to_owned())).collect();
    let answers = Arc::new(Answers { left: Mutex::new(left), ..Answers::default() });
    let credentials = Credentials {
        access_key_id: "testid".to_owned(),
        access_key_secret: Secret::new("testsecret".to_owned()),
        security_token: None,
    };
    let endpoint = reqwest::Url::parse("http://127.0.0.1:1").unwrap();
    let endpoints = Endpoints::new(Some(endpoint), []).unwrap();
    let client = Client::new(Arc::clone(&answers), endpoints, credentials, Arc::new(SystemClock));
    let caller = Caller::new(client, DEFAULT_RATE_PER_S, DEFAULT_CONCURRENCY);
    let directory = ApiDirectory::new(Arc::new(caller));
    let key = ListingKey {
        instance_id: "i".into(),
        region: "cn-hangzhou".into(),
        object: ObjectKind::User,
        parent_id: String::new(),
        filter: Some((NameKind::Name, "li.wei".into())),
    };
    let listing = directory.list(&key).await;
    let pages = answers.pages.lock().unwrap().clone();
    (listing, pages)
}

fn ids(listing: &Listing) -> Vec<&str> {
    match listing {
        Listing::Complete(candidates) | Listing::Incomplete { candidates, .. } => {
            candidates.iter().map(|candidate| candidate.id.as_str()).collect()
        }
        Listing::NotChecked(_) => Vec::new(),
    }
}

#[tokio::test(start_paused = true)]
async fn pages_are_read_until_all_ids_are_there_whatever_their_size() {
    let (listing, pages) = listed(&[
        (200, r#"{"TotalCount":"3","Users":[{"UserId":17,"UserName":"li.wei","UserState":["Normal"]}]}"#),
        (200, r#"{"TotalCount":3,"Users":[{"UserId":"18 ","UserName":"li.wei"},{"UserId":"17"}]}"#),
        (200, r#"{"TotalCount":3,"Users":[{"UserId":"19","UserName":"li.wei"}]}"#),
    ])
    .await;
    let listing = listing.unwrap();
    assert!(matches!(listing, Listing::Complete(_)), "{listing:?}");
    assert_eq!(ids(&listing), ["17", "18", "19"]);
    assert_eq!(pages, ["1", "2", "3"]);
}

#[tokio::test(start_paused = true)]
async fn a_listing_that_does_not_add_up_is_read_again_and_is_then_incomplete() {
    let short = r#"{"TotalCount":2,"Users":[{"UserId":"17","UserName":"li.wei"}]}"#;
    let empty = r#"{"TotalCount":2,"Users":[]}"#;
    let (listing, pages) = listed(&[
        (200, short),
        (200, empty),
        (200, short),
        (200, empty),
        (200, short),
        (200, empty),
    ])
    .await;
    let listing = listing.unwrap();
    assert!(matches!(listing, Listing::Incomplete { .. }), "{listing:?}");
    assert_eq!(ids(&listing), ["17"]);
    assert_eq!(pages, ["1", "2", "1", "2", "1", "2"]);
    let changed = r#"{"TotalCount":3,"Users":[{"UserId":"18"}]}"#;
    let (listing, _) = listed(&[(200, short), (200, changed)]).await;
    let Ok(Listing::Incomplete { reason, .. }) = listing else { panic!("{listing:?}") };
    assert!(reason.contains("ListUsers: "), "{reason}");
    for without in [
        r#"{"Users":[{"UserId":"17"}]}"#,
        r#"{"TotalCount":1}"#,
        r#"{"TotalCount":1,"Users":[{"UserName":"x"}]}"#,
    ] {
        let (listing, _) = listed(&[(200, without)]).await;
        assert!(matches!(listing, Ok(Listing::Incomplete { .. })), "{without}: {listing:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_missing_permission_or_operation_is_not_checked_and_never_none() {
    for (status, code) in [
        (403, "NoPermission"),
        (403, "Forbidden.RAM"),
        (404, "InvalidAction.NotFound"),
        (404, "InvalidApi.NotFound"),
        (400, "InvalidParameter"),
    ] {
        let body = format!(r#"{{"Code":"{code}","Message":"no"}}"#);
        let (listing, pages) = listed(&[(status, &body)]).await;
        let Ok(Listing::NotChecked(reason)) = listing else { panic!("{code}: {listing:?}") };
        assert!(reason.starts_with(&format!("ListUsers: {code}")), "{reason}");
        assert_eq!(pages.len(), 1, "{code}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_throttled_or_lost_call_is_sent_again_and_wrong_keys_end_all() {
    let good = r#"{"TotalCount":0,"Users":[]}"#;
    let throttled = r#"{"Code":"Throttling.User","Message":"slow"}"#;
    let (listing, pages) = listed(&[(400, throttled), (503, "down"), (200, good)]).await;
    assert_eq!(listing, Ok(Listing::Complete(Vec::new())));
    assert_eq!(pages.len(), 3);
    let (listing, pages) = listed(&[(503, "down")]).await;
    assert!(matches!(listing, Ok(Listing::NotChecked(_))), "{listing:?}");
    assert_eq!(pages.len(), 6);
    let wrong = r#"{"Code":"InvalidAccessKeyId.NotFound","Message":"no such key"}"#;
    let (listing, pages) = listed(&[(404, wrong)]).await;
    assert!(listing.is_err(), "{listing:?}");
    assert_eq!(pages.len(), 1);
}
