//! Renewal: before the keys expire, by one caller at a time, and when the service asks for it.

use super::provider::Provider;
use super::settings::ChainSettings;
use super::stub_server::StubServer;
use super::testing::{Fixture, TestClock, now};
use super::{Credentials, Secret};
use crate::api::client::{Client, Repeat};
use crate::api::endpoint::Endpoints;
use crate::api::response::Judgement;
use crate::api::transport::{SendError, Transport, WireAnswer, WireRequest};
use crate::clock::{WallClock, utc_seconds};
use crate::model::{Accounts, Entries, Entry, Grantee, GranteeKind, Kind, Request};
use http::HeaderMap;
use jiff::SignedDuration;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

/// A helper that numbers its keys, each valid for an hour by its clock.
struct Helper {
    server: StubServer,
    clock: Arc<TestClock>,
    is_down: Arc<AtomicBool>,
    repeats: Arc<AtomicBool>,
    /// The number of remaining answers.
    answers_left: Arc<AtomicU32>,
    delay_ms: Arc<AtomicU32>,
}

impl Helper {
    async fn start() -> Self {
        let clock = Arc::new(TestClock::new());
        let (is_down, repeats) =
            (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (given, delay_ms) = (AtomicU32::new(0), Arc::new(AtomicU32::new(0)));
        let answers_left = Arc::new(AtomicU32::new(u32::MAX));
        let left = Arc::clone(&answers_left);
        let (down, again) = (Arc::clone(&is_down), Arc::clone(&repeats));
        let (time, delay) = (Arc::clone(&clock), Arc::clone(&delay_ms));
        let server = StubServer::start(move |_| {
            #[expect(clippy::disallowed_methods, reason = "a thread of the stand-in's own")]
            std::thread::sleep(Duration::from_millis(delay.load(Ordering::SeqCst).into()));
            if down.load(Ordering::SeqCst) || left.fetch_sub(1, Ordering::SeqCst) == 0 {
                return (503, String::new());
            }
            let is_new = u32::from(!again.load(Ordering::SeqCst));
            let number = given.fetch_add(is_new, Ordering::SeqCst) + is_new;
            let end = utc_seconds(time.now() + SignedDuration::from_hours(1));
            let keys = format!(
                r#"{{"AccessKeyId":"testid-{number}","AccessKeySecret":"testsecret",
                "SecurityToken":"testtoken-{number}","Expiration":"{end}"}}"#
            );
            (200, keys)
        })
        .await;
        Self { server, clock, is_down, repeats, answers_left, delay_ms }
    }

    fn provider(&self) -> Arc<Provider> {
        let url = self.server.url.to_string();
        let fixture = Fixture::new(&[("ALIBABA_CLOUD_CREDENTIALS_URI", &url)]);
        let clock = Arc::clone(&self.clock) as Arc<dyn WallClock>;
        Arc::new(Provider::from_chain(fixture.settings, clock))
    }
}

async fn id(provider: &Provider) -> String {
    provider.current().await.unwrap().access_key_id.clone()
}

#[tokio::test]
async fn keys_are_renewed_three_minutes_before_they_expire() {
    let helper = Helper::start().await;
    let provider = helper.provider();
    assert_eq!(id(&provider).await, "testid-1");
    helper.clock.pass(3600 - 181);
    assert_eq!(id(&provider).await, "testid-1");
    helper.clock.pass(1);
    assert_eq!(id(&provider).await, "testid-2");
    assert_eq!(id(&provider).await, "testid-2");
    assert_eq!(helper.server.requests().len(), 2);
}

#[tokio::test]
async fn other_callers_use_the_old_keys_during_a_renewal() {
    let helper = Helper::start().await;
    let provider = helper.provider();
    id(&provider).await;
    helper.clock.pass(3600 - 100);
    helper.delay_ms.store(300, Ordering::SeqCst);
    let renewing = tokio::spawn({
        let provider = Arc::clone(&provider);
        async move { id(&provider).await }
    });
    let begun = async {
        while helper.server.requests().len() < 2 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), begun).await.expect("a renewal begins");
    for _ in 0..10 {
        assert_eq!(id(&provider).await, "testid-1");
    }
    assert_eq!(renewing.await.unwrap(), "testid-2");
    assert_eq!(id(&provider).await, "testid-2");
    assert_eq!(helper.server.requests().len(), 2);
}

#[tokio::test]
async fn callers_without_keys_wait_for_one_look_up() {
    let helper = Helper::start().await;
    let provider = helper.provider();
    helper.delay_ms.store(100, Ordering::SeqCst);
    let callers = (0..10).map(|_| {
        let provider = Arc::clone(&provider);
        tokio::spawn(async move { id(&provider).await })
    });
    for caller in callers.collect::<Vec<_>>() {
        assert_eq!(caller.await.unwrap(), "testid-1");
    }
    helper.clock.pass(3600);
    let callers = (0..10).map(|_| {
        let provider = Arc::clone(&provider);
        tokio::spawn(async move { id(&provider).await })
    });
    for caller in callers.collect::<Vec<_>>() {
        assert_eq!(caller.await.unwrap(), "testid-2", "expired keys are no use");
    }
    assert_eq!(helper.server.requests().len(), 2);
}

#[tokio::test]
async fn a_failed_renewal_is_an_error_only_after_the_keys_have_expired() {
    let helper = Helper::start().await;
    let provider = helper.provider();
    id(&provider).await;
    helper.is_down.store(true, Ordering::SeqCst);
    helper.clock.pass(3600 - 100);
    assert_eq!(id(&provider).await, "testid-1");
    assert_eq!(id(&provider).await, "testid-1");
    assert_eq!(helper.server.requests().len(), 2, "not tried again at once");
    helper.clock.pass(10);
    assert_eq!(id(&provider).await, "testid-1");
    assert_eq!(helper.server.requests().len(), 3);
    helper.clock.pass(90);
    let error = provider.current().await.unwrap_err().to_string();
    assert!(error.contains("credentials URI") && error.contains("503"), "{error}");
    helper.is_down.store(false, Ordering::SeqCst);
    assert_eq!(id(&provider).await, "testid-2", "it comes back");
}

#[tokio::test]
async fn keys_refused_by_the_service_are_renewed_once() {
    let helper = Helper::start().await;
    let provider = helper.provider();
    let first = provider.current().await.unwrap();
    assert!(provider.renew(&first).await.unwrap());
    assert_eq!(id(&provider).await, "testid-2");
    // A second worker whose request was in flight meanwhile.
    assert!(provider.renew(&first).await.unwrap());
    assert_eq!(helper.server.requests().len(), 2);
    // The new ones are refused too: a further renewal would not help.
    let second = provider.current().await.unwrap();
    assert!(!provider.renew(&second).await.unwrap());
    assert_eq!(helper.server.requests().len(), 2);
    helper.clock.pass(1000);
    assert!(provider.renew(&second).await.unwrap(), "much later it is another matter");
}

#[tokio::test]
async fn the_same_keys_again_are_no_renewal() {
    let helper = Helper::start().await;
    let provider = helper.provider();
    let first = provider.current().await.unwrap();
    helper.repeats.store(true, Ordering::SeqCst);
    assert!(!provider.renew(&first).await.unwrap());
    helper.clock.pass(1000);
    helper.is_down.store(true, Ordering::SeqCst);
    assert!(provider.renew(&first).await.unwrap_err().to_string().contains("503"));
}

#[tokio::test]
async fn permanent_keys_are_never_renewed() {
    let clock = Arc::new(TestClock::new());
    let keys = Credentials {
        access_key_id: "testid".to_owned(),
        access_key_secret: Secret::new("testsecret".to_owned()),
        security_token: None,
    };
    let fixed = Provider::fixed(keys, Arc::clone(&clock) as Arc<dyn WallClock>);
    let set = [
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret"),
    ];
    let settings = ChainSettings::new(set.into_iter().collect(), None);
    let chain = Provider::from_chain(settings, Arc::clone(&clock) as Arc<dyn WallClock>);
    for provider in [fixed, chain] {
        let keys = provider.current().await.unwrap();
        clock.pass(1_000_000);
        assert_eq!(provider.current().await.unwrap(), keys);
        assert!(!provider.renew(&keys).await.unwrap());
    }
}

#[tokio::test]
async fn a_changed_file_gives_new_keys_of_the_same_profile() {
    let clock = Arc::new(TestClock::new());
    let fixture = Fixture::new(&[]);
    let profile = |name: &str, id: &str| {
        format!(
            r#"{{"name":"{name}","mode":"StsToken","access_key_id":"{id}",
            "access_key_secret":"testsecret","sts_token":"testtoken"}}"#
        )
    };
    let write = |current: &str, a: &str| {
        let (a, b) = (profile("a", a), profile("b", "testid-b"));
        let text = format!(r#"{{"current":"{current}","profiles":[{a},{b}]}}"#);
        fixture.write(".aliyun/config.json", &text);
    };
    write("a", "testid-a");
    let provider = Provider::from_chain(fixture.settings.clone(), clock);
    let keys = provider.current().await.unwrap();
    write("b", "testid-a2");
    assert!(provider.renew(&keys).await.unwrap());
    assert_eq!(id(&provider).await, "testid-a2", "not those of the profile current now");
}

#[tokio::test]
async fn the_description_of_the_caller_has_no_secret() {
    let helper = Helper::start().await;
    let provider = helper.provider();
    let caller = provider.describe().await.unwrap();
    assert_eq!(caller.source, "credentials URI");
    assert_eq!(caller.access_key_id, "te****");
    assert!(caller.temporary);
    let end = utc_seconds(now() + SignedDuration::from_hours(1));
    assert_eq!(caller.expires_at, Some(end));
    let shown = format!("{caller:?} {provider:?} {}", serde_json::to_string(&caller).unwrap());
    assert!(!shown.contains("testsecret") && !shown.contains("testtoken"), "{shown}");
}

// ---- a client with a provider ----

/// Reports an expired token for all tokens but one.
struct OneTokenTransport {
    likes: &'static str,
    sent: Arc<AtomicU32>,
}

impl Transport for OneTokenTransport {
    async fn send(&self, request: WireRequest) -> Result<WireAnswer, SendError> {
        self.sent.fetch_add(1, Ordering::SeqCst);
        let body = if request.query.contains(self.likes) {
            r#"{"RequestId":"R","Results":[{"Code":"OK","UserId":"7","HostId":"8"}]}"#
        } else {
            r#"{"Code":"InvalidSecurityToken.Expired","Message":"testtoken-1 has expired"}"#
        };
        let status = if body.contains("Results") { 200 } else { 400 };
        Ok(WireAnswer { status, headers: HeaderMap::new(), body: body.into() })
    }
}

fn request() -> Request {
    let entry = Entry { target: "8".into(), accounts: Accounts::Whole };
    Request {
        action: crate::model::Action::Detach,
        instance_id: "i".to_owned(),
        region: "cn-hangzhou".to_owned(),
        grantee: Grantee { kind: GranteeKind::User, id: "7".to_owned() },
        kind: Kind::Host,
        entries: Entries::new(vec![entry]).unwrap(),
    }
}

fn client(helper: &Helper, likes: &'static str) -> (Client<OneTokenTransport>, Arc<AtomicU32>) {
    let sent = Arc::new(AtomicU32::new(0));
    let endpoint = "http://127.0.0.1:1".parse().unwrap();
    let endpoints = Endpoints::new(Some(endpoint), []).unwrap();
    let clock = Arc::clone(&helper.clock) as Arc<dyn WallClock>;
    let picky = OneTokenTransport { likes, sent: Arc::clone(&sent) };
    (Client::with_provider(picky, endpoints, helper.provider(), clock), sent)
}

#[tokio::test]
async fn an_expired_token_is_replaced_and_the_request_is_repeated() {
    let helper = Helper::start().await;
    let (client, _) = client(&helper, "testid-2");
    let reply = client.attempt(&request(), Repeat::default()).await;
    assert!(reply.credentials_renewed);
    assert!(!format!("{reply:?}").contains("testtoken-1"), "{reply:?}");
    let reply = client.attempt(&request(), Repeat::default()).await;
    assert!(matches!(reply.outcome, Ok(Judgement::Items { .. })), "{reply:?}");
}

#[tokio::test]
async fn a_second_refused_token_is_not_replaced() {
    let helper = Helper::start().await;
    let (client, sent) = client(&helper, "nothing");
    assert!(client.attempt(&request(), Repeat::default()).await.credentials_renewed);
    let reply = client.attempt(&request(), Repeat::default()).await;
    assert!(!reply.credentials_renewed);
    assert_eq!(sent.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_provider_that_fails_during_a_run_sends_nothing() {
    let helper = Helper::start().await;
    let (client, sent) = client(&helper, "testid-1");
    assert!(client.attempt(&request(), Repeat::default()).await.outcome.is_ok());
    helper.is_down.store(true, Ordering::SeqCst);
    helper.clock.pass(3600);
    let reply = client.attempt(&request(), Repeat::default()).await;
    assert_eq!(sent.load(Ordering::SeqCst), 1, "nothing left under expired keys");
    let Err(SendError::NoCredentials(message)) = reply.outcome else { panic!("{reply:?}") };
    assert!(message.contains("503"), "{message}");
}

#[tokio::test]
async fn a_failed_renewal_after_a_refusal_reports_both() {
    let helper = Helper::start().await;
    let (client, _) = client(&helper, "nothing");
    helper.answers_left.store(1, Ordering::SeqCst);
    let reply = client.attempt(&request(), Repeat::default()).await;
    assert!(!reply.credentials_renewed);
    let shown = format!("{reply:?}");
    assert!(shown.contains("has expired; credentials from") && shown.contains("503"), "{shown}");
}
