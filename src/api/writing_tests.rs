//! The writer against the simulated world over HTTP, and against fixed answers.

use super::*;
use crate::api::client::Client;
use crate::api::credentials::{Credentials, Secret};
use crate::api::endpoint::Endpoints;
use crate::api::transport::{HttpTransport, Reach, SendError, WireAnswer, WireRequest, headers};
use crate::clock::SystemClock;
use crate::sim::server::Running;
use crate::sim::{Service, Settings, World};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

fn writer<T: Transport>(transport: T, endpoint: &str) -> Writer<T> {
    let credentials = Credentials {
        access_key_id: "testid".to_owned(),
        access_key_secret: Secret::new("testsecret".to_owned()),
        security_token: None,
    };
    let endpoints = Endpoints::new(Some(endpoint.parse().unwrap()), []).unwrap();
    let client = Client::new(transport, endpoints, credentials, Arc::new(SystemClock));
    Writer::new(Arc::new(Caller::new(client, 1e6, 4)), "i-1", "cn-hangzhou")
}

/// Answers in order; a status of 0 is a lost answer.
struct Answers(Mutex<VecDeque<(u16, &'static str)>>);

impl Transport for Answers {
    async fn send(&self, _: WireRequest) -> Result<WireAnswer, SendError> {
        match self.0.lock().unwrap().pop_front().expect("an answer") {
            (0, _) => Err(SendError::TimedOut),
            (status, body) => Ok(WireAnswer { status, headers: headers([]), body: body.into() }),
        }
    }
}

fn answers(all: &[(u16, &'static str)]) -> Writer<Answers> {
    writer(Answers(Mutex::new(all.iter().copied().collect())), "http://127.0.0.1:1")
}

fn ids(all: &[&str]) -> Vec<String> {
    all.iter().map(|id| (*id).to_owned()).collect()
}

fn results(written: Vec<Written>) -> Vec<(String, WriteResult)> {
    written.into_iter().map(|one| (one.id, one.result)).collect()
}

fn expected<const N: usize>(all: [(&str, WriteResult); N]) -> Vec<(String, WriteResult)> {
    all.map(|(id, result)| (id.to_owned(), result)).to_vec()
}

#[tokio::test]
async fn every_write_changes_the_sample_world_and_is_undone() {
    use WriteResult::{Already, Done, NotFound};
    let settings = Settings { world: Some(World::sample()), ..Settings::default() };
    let running = Running::start(Service::new(settings), Arc::new(SystemClock)).await.unwrap();
    let timeout = Duration::from_secs(30);
    let transport = HttpTransport::new(timeout, 4, None, Reach::LoopbackPlain).unwrap();
    let writer = writer(transport, &running.endpoint());
    let locked = writer.lock_users(&ids(&["404", "17", "31", "17"])).await.unwrap();
    let all = [("17", Done), ("31", Already), ("404", NotFound)];
    assert_eq!(results(locked), expected(all));
    let unlocked = writer.unlock_users(&ids(&["17"])).await.unwrap();
    assert_eq!(results(unlocked), expected([("17", Done)]));
    let left = writer.remove_users_from_group("3", &ids(&["17", "46"])).await.unwrap();
    assert_eq!(results(left), expected([("17", Done), ("46", NotFound)]));
    let joined = writer.add_users_to_group("3", &ids(&["17", "23"])).await.unwrap();
    assert_eq!(results(joined), expected([("17", Done), ("23", Already)]));
    assert_eq!(writer.delete_public_key("201").await.unwrap().result, Done);
    assert_eq!(writer.delete_public_key("201").await.unwrap().result, NotFound);
}

#[tokio::test]
async fn more_than_a_hundred_users_are_several_calls() {
    let settings = Settings { world: Some(World::sample()), quota: None, ..Settings::default() };
    let running = Running::start(Service::new(settings), Arc::new(SystemClock)).await.unwrap();
    let timeout = Duration::from_secs(30);
    let transport = HttpTransport::new(timeout, 4, None, Reach::LoopbackPlain).unwrap();
    let writer = writer(transport, &running.endpoint());
    let users: Vec<String> = (1000..1201).map(|id| id.to_string()).collect();
    let written = writer.lock_users(&users).await.unwrap();
    assert_eq!((written.len(), writer.caller.calls()), (201, 3));
    assert!(written.iter().all(|one| one.result == WriteResult::NotFound));
    assert_eq!(writer.lock_users(&[]).await.unwrap(), []);
    assert_eq!(writer.caller.calls(), 3, "an empty list is not sent");
}

#[tokio::test(start_paused = true)]
async fn missing_contradictory_and_foreign_results_are_unknown() {
    let body = r#"{"RequestId":"R","Results":[
        {"UserId":1,"UserGroupId":"3","Code":"OK"},
        {"UserId":"2","UserGroupId":"3","Code":"OK"},
        {"UserId":"2","UserGroupId":"3","Code":"OBJECT_NOT_FOUND"},
        {"UserId":"3","UserGroupId":"4","Code":"OK"},
        {"UserId":"5","UserGroupId":"3","Code":"INVALID_ARGUMENT","Message":"bad\u001b"}]}"#;
    let writer = answers(&[(200, body)]);
    let users = ids(&["1", "2", "3", "4", "5"]);
    let written = writer.remove_users_from_group("3", &users).await.unwrap();
    assert_eq!(written[0].result, WriteResult::Done);
    for one in &written[1..4] {
        assert!(matches!(one.result, WriteResult::Unknown(_)), "{one:?}");
    }
    let message = r"bad\u{1b}".to_owned();
    let failed = WriteResult::Failed { code: "INVALID_ARGUMENT".to_owned(), message };
    assert_eq!(written[4].result, failed);
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_answer_a_result_may_be_the_own_one_and_a_refusal_is_unknown() {
    let already = r#"{"Results":[{"UserId":"17","Code":"OBJECT_AlREADY_EXISTS"}]}"#;
    let written = answers(&[(0, ""), (200, already)]).lock_users(&ids(&["17"])).await.unwrap();
    assert_eq!((&written[0].result, written[0].may_be_own), (&WriteResult::Already, true));
    let refused = r#"{"Code":"InvalidParameter"}"#;
    let written = answers(&[(0, ""), (400, refused)]).lock_users(&ids(&["17"])).await.unwrap();
    assert!(matches!(written[0].result, WriteResult::Unknown(_)), "{written:?}");
    let written = answers(&[(400, refused)]).lock_users(&ids(&["17"])).await.unwrap();
    assert!(matches!(written[0].result, WriteResult::Failed { .. }), "{written:?}");
    let keys = r#"{"Code":"InvalidAccessKeyId.NotFound"}"#;
    assert!(answers(&[(404, keys)]).lock_users(&ids(&["17"])).await.is_err());
}

#[tokio::test(start_paused = true)]
async fn the_results_of_earlier_calls_are_kept_when_the_keys_are_refused() {
    let first = r#"{"Results":[{"UserId":"1000","Code":"OK"}]}"#;
    let keys = r#"{"Code":"InvalidAccessKeyId.NotFound"}"#;
    let users: Vec<String> = (1000..1101).map(|id| id.to_string()).collect();
    let written = answers(&[(200, first), (404, keys)]).lock_users(&users).await.unwrap();
    assert_eq!((written.len(), &written[0].result), (101, &WriteResult::Done));
    assert!(matches!(written[1].result, WriteResult::Unknown(_)), "{:?}", written[1]);
    assert!(matches!(written[100].result, WriteResult::Failed { .. }), "{:?}", written[100]);
}
