//! One attempt of a request: composed and signed again, sent once, and its answer judged.

use super::compose::Attempt;
use super::credentials::{Credentials, Provider, redact};
use super::endpoint::Endpoints;
use super::error::Class;
use super::operation::{self, Parameter};
use super::response::{self, Judgement};
use super::sign::Scheme;
use super::transport::{SendError, Transport, WireAnswer};
use super::tree::Branch;
use crate::clock::{WallClock, utc_seconds};
use crate::model::Request;
use http::HeaderMap;
use jiff::SignedDuration;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

pub use super::compose::Repeat;

/// Signs and sends requests with the keys that are valid at each attempt.
pub struct Client<T> {
    transport: T,
    endpoints: Endpoints,
    keys: Arc<Provider>,
    clock: Arc<dyn WallClock>,
    scheme: Scheme,
    /// How far the service's clock is ahead of the local one, in seconds, as far as known.
    ahead_s: AtomicI64,
}

/// The result of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The answer, or why there is none.
    pub outcome: Result<Judgement, SendError>,
    /// The wait that the service asks for.
    pub wait: Option<Duration>,
    /// For a request refused for its timestamp: whether the next attempt will be signed with
    /// another time.
    pub timestamp_renewed: bool,
    /// How far the service's clock is ahead, if this reply corrected it.
    pub clock_corrected: Option<SignedDuration>,
    /// For a request refused for its expired token: whether the next attempt will be signed with
    /// other keys.
    pub credentials_renewed: bool,
}

impl Reply {
    /// A reply with nothing but its outcome.
    pub fn new(outcome: Result<Judgement, SendError>) -> Self {
        Self {
            outcome,
            wait: None,
            timestamp_renewed: false,
            clock_corrected: None,
            credentials_renewed: false,
        }
    }
}

/// The keys and the clock offset of an attempt.
struct Signed {
    string_to_sign: String,
    credentials: Arc<Credentials>,
    /// The assumed offset of the service's clock, in seconds.
    ahead_s: i64,
}

/// A larger clock offset is not corrected: the `Date` header is then no better guess.
const MOST_AHEAD_S: u64 = 24 * 60 * 60;
/// A smaller correction would not explain a refusal.
const LEAST_CORRECTION_S: u64 = 30;

impl<T: Transport> Client<T> {
    /// A client that signs with the v1 signature and always the same keys.
    pub fn new(
        transport: T,
        endpoints: Endpoints,
        credentials: Credentials,
        clock: Arc<dyn WallClock>,
    ) -> Self {
        let keys = Arc::new(Provider::fixed(credentials, Arc::clone(&clock)));
        Self::with_provider(transport, endpoints, keys, clock)
    }

    /// A client that signs with the v1 signature and the keys that `keys` has at each attempt.
    pub fn with_provider(
        transport: T,
        endpoints: Endpoints,
        keys: Arc<Provider>,
        clock: Arc<dyn WallClock>,
    ) -> Self {
        let scheme = Scheme::default();
        Self { transport, endpoints, keys, clock, scheme, ahead_s: AtomicI64::new(0) }
    }

    /// The same client with another signature scheme.
    #[must_use]
    pub fn signing(self, scheme: Scheme) -> Self {
        Self { scheme, ..self }
    }

    /// Sends `request` once, with a new nonce, timestamp and signature.
    pub async fn attempt(&self, request: &Request, repeat: Repeat) -> Reply {
        let parameters = operation::parameters(request);
        let action = request.operation().name();
        let sent = self.send(&request.region, action, &parameters, repeat).await;
        match sent {
            Err(error) => Reply::new(Err(error)),
            Ok((answer, signed)) => {
                let judged = response::judge(request, answer.status, &answer.body);
                self.reply(judged, &answer.headers, &signed).await
            }
        }
    }

    /// Sends one call of any other operation once, and decodes the members of its answer.
    ///
    /// # Errors
    ///
    /// The reply to a call that was refused or has no answer. Its outcome is a
    /// [`Judgement::Refused`] or a [`SendError`].
    pub async fn exchange<R: Send>(
        &self,
        region: &str,
        action: &str,
        parameters: &[Parameter<'_>],
        repeat: Repeat,
        decode: &(impl Fn(Branch<'_>) -> R + Sync),
    ) -> Result<R, Box<Reply>> {
        let sent = self.send(region, action, parameters, repeat).await;
        let (answer, signed) = sent.map_err(|error| Box::new(Reply::new(Err(error))))?;
        let accepted = response::accept(answer.status, &answer.body);
        match accepted.map(|tree| decode(tree.root())) {
            Ok(decoded) => Ok(decoded),
            Err(judged) => Err(Box::new(self.reply(*judged, &answer.headers, &signed).await)),
        }
    }

    /// Sends one call of a reading operation once, under a fresh nonce, timestamp and signature, and
    /// returns the answer as it is.
    ///
    /// # Errors
    ///
    /// The reason why there is no answer.
    pub async fn call(
        &self,
        region: &str,
        action: &str,
        parameters: &[Parameter<'_>],
    ) -> Result<WireAnswer, SendError> {
        let sent = self.send(region, action, parameters, Repeat::default()).await;
        sent.map(|(answer, _)| answer)
    }

    /// Signs and sends one attempt.
    async fn send(
        &self,
        region: &str,
        action: &str,
        parameters: &[Parameter<'_>],
        repeat: Repeat,
    ) -> Result<(WireAnswer, Signed), SendError> {
        let Some(endpoint) = self.endpoints.of(region) else {
            return Err(SendError::NotSent(format!("no endpoint is known for region {region}")));
        };
        let credentials = self.keys.current().await;
        let credentials =
            credentials.map_err(|error| SendError::NoCredentials(error.to_string()))?;
        let ahead_s = self.ahead_s.load(Ordering::Relaxed);
        let now = self.clock.now();
        let ahead = SignedDuration::from_secs(ahead_s);
        let attempt = Attempt {
            scheme: self.scheme,
            endpoint,
            action,
            parameters,
            repeat,
            credentials: &credentials,
            timestamp: utc_seconds(now.checked_add(ahead).unwrap_or(now)),
            nonce: self.clock.nonce(),
        };
        let (wire, string_to_sign) = attempt.compose();
        let answer = self.transport.send(wire).await?;
        Ok((answer, Signed { string_to_sign, credentials, ahead_s }))
    }

    /// The reply for a judged answer. Corrects the clock and renews the keys if the service refused
    /// them as expired.
    async fn reply(&self, judged: Judgement, headers: &HeaderMap, signed: &Signed) -> Reply {
        let class = match &judged {
            Judgement::Refused { class, .. } => Some(*class),
            Judgement::Items { .. } => None,
        };
        let outcome = presentable(judged, &signed.string_to_sign, &signed.credentials);
        let mut reply = Reply { wait: wait_asked_for(headers), ..Reply::new(Ok(outcome)) };
        match class {
            Some(Class::ExpiredTimestamp) => {
                self.on_expired_timestamp(signed.ahead_s, headers, &mut reply);
            }
            Some(Class::ExpiredToken) => self.renew(&signed.credentials, &mut reply).await,
            _ => {}
        }
        reply
    }

    /// Looks for keys other than those that the service reports as expired.
    async fn renew(&self, rejected: &Credentials, reply: &mut Reply) {
        match self.keys.renew(rejected).await {
            Ok(renewed) => reply.credentials_renewed = renewed,
            Err(error) => {
                if let Ok(Judgement::Refused { message, .. }) = &mut reply.outcome {
                    *message = format!("{message}; {error}");
                }
            }
        }
    }

    /// Corrects the clock offset by the service's `Date`, or reports an offset that is too large.
    fn on_expired_timestamp(&self, signed_ahead_s: i64, headers: &HeaderMap, reply: &mut Reply) {
        let ahead = date_of(headers).map(|date| date.duration_since(self.clock.now()));
        match ahead {
            Some(ahead) if ahead.as_secs().unsigned_abs() > MOST_AHEAD_S => {
                if let Ok(Judgement::Refused { message, .. }) = &mut reply.outcome {
                    let earlier = std::mem::take(message);
                    let between = if earlier.is_empty() { "" } else { "; " };
                    *message = format!("{}{between}{earlier}", clock_is_off(ahead));
                }
            }
            Some(ahead) => reply.clock_corrected = self.correct_clock(signed_ahead_s, ahead),
            None => {}
        }
        // The reply to another worker may have corrected it meanwhile.
        reply.timestamp_renewed = self.ahead_s.load(Ordering::Relaxed) != signed_ahead_s;
    }

    /// Corrects the clock offset if it clearly differs; returns how far the service is ahead.
    fn correct_clock(&self, signed_ahead_s: i64, ahead: SignedDuration) -> Option<SignedDuration> {
        if ahead.as_secs().abs_diff(signed_ahead_s) < LEAST_CORRECTION_S {
            return None;
        }
        let corrected = self.ahead_s.compare_exchange(
            signed_ahead_s,
            ahead.as_secs(),
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
        corrected.ok().map(|_| ahead)
    }
}

/// The service's time when it answered.
fn date_of(headers: &HeaderMap) -> Option<jiff::Timestamp> {
    let date = headers.get(http::header::DATE)?.to_str().ok()?;
    Some(jiff::fmt::rfc2822::parse(date).ok()?.timestamp())
}

/// The message for a clock offset of more than a day.
fn clock_is_off(ahead: SignedDuration) -> String {
    let hours = ahead.as_secs().unsigned_abs() / 3600;
    let things = |number, thing| format!("{number} {thing}{}", if number == 1 { "" } else { "s" });
    let days = things(hours / 24, "day");
    let long = match hours % 24 {
        0 => days,
        hours => format!("{days} and {}", things(hours, "hour")),
    };
    let side = if ahead.is_positive() { "behind" } else { "ahead of" };
    format!("this machine's clock is {long} {side} the service's")
}

/// The judgement without secrets and unprintable characters. The service repeats the signed text,
/// which contains the security token.
fn presentable(judged: Judgement, string_to_sign: &str, credentials: &Credentials) -> Judgement {
    let Judgement::Refused { request_id, class, code, message } = judged else {
        return judged.sanitize();
    };
    let message = if class == Class::StopCredentials
        && code.eq_ignore_ascii_case("SignatureDoesNotMatch")
    {
        if message.contains(string_to_sign) {
            "the service signed the same text with another secret: the access key secret is wrong"
                .to_owned()
        } else {
            "the service signed another text: the request was changed on its way, or its secret is wrong".to_owned()
        }
    } else {
        redact(message, credentials.secrets())
    };
    Judgement::Refused { request_id, class, code, message }.sanitize()
}

/// A longer wait in a header counts as a day.
const MAX_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// Reads `x-acs-retry-after` (milliseconds), the older `x-ratelimit-user-api`
/// (`Limit:1,Remain:0,TimeLeft:2000`, milliseconds), or HTTP's own `retry-after` (seconds).
fn wait_asked_for(headers: &HeaderMap) -> Option<Duration> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
    // A number with too many digits means a very long wait.
    let whole = |text: &str| {
        let is_whole = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_whole.then(|| text.parse::<u64>().unwrap_or(u64::MAX))
    };
    let millis = |text: &str| whole(text.trim()).map(Duration::from_millis);
    let left = |text: &str| {
        let part = |name: &str| {
            text.split(',').find_map(|part| {
                let (key, value) = part.split_once(':')?;
                key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
            })
        };
        // With calls remaining there is nothing to wait for.
        let exhausted = part("Remain").is_none_or(|remain| remain == "0");
        if exhausted { part("TimeLeft").as_deref().and_then(millis) } else { None }
    };
    let wait = text("x-acs-retry-after")
        .and_then(millis)
        .or_else(|| text("x-ratelimit-user-api").and_then(left))
        .or_else(|| whole(text("retry-after")?).map(Duration::from_secs))?;
    Some(wait.min(MAX_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::credentials::Secret;
    use crate::api::sign;
    use crate::api::transport::{WireRequest, headers};
    use crate::model::{Accounts, Entries, Entry, Grantee, GranteeKind, Kind, UpToTen};
    use jiff::Timestamp;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    struct TestClock(AtomicU32);

    impl WallClock for TestClock {
        fn now(&self) -> Timestamp {
            "2026-01-02T03:04:05.6Z".parse().unwrap()
        }
        fn nonce(&self) -> String {
            format!("nonce-{}", self.0.fetch_add(1, Ordering::Relaxed))
        }
    }

    /// Stores requests and always returns the same answer.
    struct Recorder {
        sent: Mutex<Vec<WireRequest>>,
        answer: (u16, &'static str),
        date: Option<&'static str>,
    }

    impl Transport for Arc<Recorder> {
        async fn send(
            &self,
            request: WireRequest,
        ) -> Result<super::super::transport::WireAnswer, SendError> {
            self.sent.lock().unwrap().push(request);
            Ok(super::super::transport::WireAnswer {
                status: self.answer.0,
                headers: headers(self.date.map(|date| ("date", date))),
                body: self.answer.1.into(),
            })
        }
    }

    fn request() -> Request {
        let entry = Entry { target: "8".into(), accounts: Accounts::Whole };
        Request {
            action: crate::model::Action::Detach,
            instance_id: "i".to_owned(),
            region: "cn-hangzhou".to_owned(),
            grantee: Grantee { kind: GranteeKind::User, id: "中".to_owned() },
            kind: Kind::Host,
            entries: Entries::new(vec![entry]).unwrap(),
        }
    }

    fn client(answer: (u16, &'static str)) -> (Client<Arc<Recorder>>, Arc<Recorder>) {
        client_at(answer, None)
    }

    fn client_at(
        answer: (u16, &'static str),
        date: Option<&'static str>,
    ) -> (Client<Arc<Recorder>>, Arc<Recorder>) {
        let recorder = Arc::new(Recorder { sent: Mutex::default(), answer, date });
        let credentials = Credentials {
            access_key_id: "testid".to_owned(),
            access_key_secret: Secret::new("testsecret".to_owned()),
            security_token: Some(Secret::new("test/token=".to_owned())),
        };
        let clock = Arc::new(TestClock(AtomicU32::new(0)));
        let endpoint = reqwest::Url::parse("http://127.0.0.1:1").unwrap();
        let endpoints = Endpoints::new(Some(endpoint), []).unwrap();
        (Client::new(Arc::clone(&recorder), endpoints, credentials, clock), recorder)
    }

    fn header<'w>(wire: &'w WireRequest, name: &str) -> &'w str {
        wire.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Ten groups with ten long names each.
    fn long_request() -> Request {
        let names = |group| {
            (0..10).map(move |n| {
                format!("\u{8d26}\u{6237}{}-{group}-{n}", "\u{540d}".repeat(80)).into()
            })
        };
        let entries = (0..10).map(|group: u32| Entry {
            target: group.to_string().into(),
            accounts: Accounts::Listed(UpToTen::new(names(group).collect()).unwrap()),
        });
        Request {
            action: crate::model::Action::Detach,
            kind: Kind::HostGroup,
            entries: Entries::new(entries.collect()).unwrap(),
            ..request()
        }
    }

    #[tokio::test]
    async fn acs3_puts_parameters_in_the_query_and_what_is_too_long_in_a_form() {
        let (client, recorder) = client((500, ""));
        let client = client.signing(Scheme::Acs3);
        let repeat = Repeat { attempts: 2, delay: Duration::from_millis(250) };
        client.attempt(&request(), repeat).await;
        client.attempt(&long_request(), Repeat::default()).await;
        let sent = recorder.sent.lock().unwrap();
        for (number, wire) in sent.iter().enumerate() {
            assert_eq!(header(wire, "x-acs-signature-nonce"), format!("nonce-{number}"));
            assert_eq!(header(wire, "x-acs-date"), "2026-01-02T03:04:05Z");
            assert_eq!(header(wire, "x-acs-version"), "2019-12-09");
            assert_eq!(header(wire, "x-acs-security-token"), "test/token=");
            assert!(!format!("{wire:?}").contains("test/token="), "it is marked as a secret");
            let hash = sign::sha256_hex(wire.body.as_bytes());
            assert_eq!(header(wire, "x-acs-content-sha256"), hash);
            let authorization = header(wire, "authorization");
            let (_, names) = authorization.split_once("SignedHeaders=").unwrap();
            let names: Vec<&str> = names.split(',').next().unwrap().split(';').collect();
            let sent = wire.headers.keys().map(http::HeaderName::as_str);
            for name in sent.filter(|name| *name != "authorization").chain(["host"]) {
                assert!(names.contains(&name), "{name} is not signed: {authorization}");
            }
            let value = |name: &str| match name {
                "host" => "127.0.0.1:1",
                _ => header(wire, name),
            };
            let all: Vec<sign::Pair<'_>> = names.iter().map(|name| (*name, value(name))).collect();
            let query = decoded(&wire.query);
            let query: Vec<sign::Pair<'_>> =
                query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            let signed = sign::Acs3 {
                method: "POST",
                query: &query,
                headers: &all,
                body: wire.body.as_bytes(),
            };
            assert_eq!(authorization, signed.authorization("testid", "testsecret"));
        }
        assert!(sent[0].query.contains("UserId=%E4%B8%AD") && sent[0].body.is_empty());
        assert_eq!(header(&sent[0], "x-acs-retry-attempts"), "2");
        assert!(sent[1].query.is_empty() && sent[1].body.len() > 60_000, "{}", sent[1].body.len());
        assert_eq!(header(&sent[1], "content-type"), "application/x-www-form-urlencoded");
    }

    fn decoded(form: &str) -> Vec<(String, String)> {
        reqwest::Url::parse(&format!("http://x/?{form}"))
            .unwrap()
            .query_pairs()
            .map(|(name, value)| (name.into_owned(), value.into_owned()))
            .collect()
    }

    #[tokio::test]
    async fn an_attempt_is_signed_over_query_and_body_with_a_fresh_nonce() {
        let (client, recorder) = client((500, ""));
        client.attempt(&request(), Repeat::default()).await;
        let repeat = Repeat { attempts: 1, delay: Duration::from_millis(250) };
        client.attempt(&request(), repeat).await;
        let sent = recorder.sent.lock().unwrap();
        for (number, wire) in sent.iter().enumerate() {
            let mut all = decoded(&wire.query);
            all.extend(decoded(&wire.body));
            let signature = all.iter().position(|(name, _)| name == "Signature").unwrap();
            let (_, signature) = all.remove(signature);
            let get = |name: &str| all.iter().find(|(key, _)| key == name).unwrap().1.as_str();
            assert_eq!(get("SignatureNonce"), format!("nonce-{number}"));
            assert_eq!(get("Timestamp"), "2026-01-02T03:04:05Z");
            assert_eq!((get("Format"), get("Version")), ("JSON", "2019-12-09"));
            assert_eq!(get("UserId"), "中");
            assert_eq!(get("SecurityToken"), "test/token=");
            assert_eq!(get("Hosts"), r#"[{"HostId":"8"}]"#);
            let pairs: Vec<_> = all.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            let string_to_sign = sign::v1_string_to_sign("POST", &pairs);
            assert_eq!(signature, sign::v1_signature("testsecret", &string_to_sign));
        }
        assert!(!sent[0].query.contains("Token"), "no secret in the query");
        assert!(sent[0].headers.get("x-acs-retry-attempts").is_none());
        assert_eq!(sent[1].headers["x-acs-retry-attempts"], "1");
        assert_eq!(sent[1].headers["x-acs-retry-delay"], "250");
    }

    #[tokio::test]
    async fn a_refused_signature_does_not_show_what_was_signed() {
        let body = r#"{"Code":"SignatureDoesNotMatch","Message":"server string to sign is:POST&%2F&SecurityToken%3Dtest%252Ftoken%253D"}"#;
        let (client, _) = client((400, body));
        let reply = client.attempt(&request(), Repeat::default()).await;
        let shown = format!("{reply:?}");
        assert!(shown.contains("the service signed another text"), "{shown}");
        assert!(!shown.contains("token%"), "{shown}");
    }

    #[tokio::test]
    async fn a_token_repeated_in_any_error_is_redacted() {
        let (client, _) =
            client((400, r#"{"Code":"InvalidParameter","Message":"bad test%2Ftoken%3D"}"#));
        let reply = client.attempt(&request(), Repeat::default()).await;
        let Ok(Judgement::Refused { message, .. }) = reply.outcome else { panic!() };
        assert_eq!(message, "bad (redacted)");
    }

    #[tokio::test]
    async fn a_wrong_clock_is_corrected_once_from_the_service() {
        let body = r#"{"Code":"InvalidTimeStamp.Expired"}"#;
        let (client, recorder) = client_at((400, body), Some("Fri, 02 Jan 2026 05:04:05 GMT"));
        let first = client.attempt(&request(), Repeat::default()).await;
        assert!(first.timestamp_renewed);
        assert_eq!(first.clock_corrected.map(|ahead| ahead.as_secs()), Some(7199));
        let second = client.attempt(&request(), Repeat::default()).await;
        assert!(!second.timestamp_renewed, "a second correction would not help");
        let sent = recorder.sent.lock().unwrap();
        assert!(sent[1].query.contains("Timestamp=2026-01-02T05%3A04%3A04Z"), "{}", sent[1].query);
    }

    #[tokio::test]
    async fn a_clock_off_by_days_is_not_corrected_but_reported() {
        let message = async |date, body| {
            let (client, _) = client_at((400, body), Some(date));
            let reply = client.attempt(&request(), Repeat::default()).await;
            assert!(!reply.timestamp_renewed && reply.clock_corrected.is_none(), "{date}");
            let Ok(Judgement::Refused { message, .. }) = reply.outcome else { panic!() };
            message
        };
        let body = r#"{"Code":"InvalidTimeStamp.Expired"}"#;
        let behind = "this machine's clock is 3 days and 2 hours behind the service's";
        assert_eq!(message("Mon, 05 Jan 2026 05:04:06 GMT", body).await, behind);
        let body = r#"{"Code":"InvalidTimeStamp.Expired","Message":"too old"}"#;
        let ahead = "this machine's clock is 1 day ahead of the service's; too old";
        assert_eq!(message("Thu, 01 Jan 2026 03:04:04 GMT", body).await, ahead);
    }

    #[tokio::test]
    async fn texts_of_the_service_are_printable_and_hold_no_part_of_a_secret() {
        // The message is cut inside the token; the rest would no longer be recognised as a secret.
        let text = format!("\\u001b[2J{}test/token= and so on", "x".repeat(2030));
        let refusal = format!(r#"{{"Code":"InvalidX\u202e","Message":"{text}"}}"#);
        let item = format!(
            r#"{{"RequestId":"R\u0000","Results":[{{"UserId":"中","HostId":"8","Code":"Odd\n",
            "Message":"{text}"}}]}}"#
        );
        let (client, _) = client((400, refusal.leak()));
        let reply = client.attempt(&request(), Repeat::default()).await;
        let Ok(Judgement::Refused { code, message, .. }) = reply.outcome else { panic!() };
        assert_eq!(code, r"InvalidX\u{202e}");
        assert!(message.starts_with(r"\u{1b}[2Jxx") && message.len() <= 2048, "{message}");
        assert!(!message.contains("test"), "{message}");
        let (client, _) = self::client((200, item.leak()));
        let reply = client.attempt(&request(), Repeat::default()).await;
        let Ok(Judgement::Items { request_id, items }) = reply.outcome else { panic!() };
        assert_eq!((&*request_id, &*items[0].code), (r"R\u{0}", r"Odd\n"));
        assert!(items[0].message.len() <= 2048 && items[0].message.ends_with("..."));
    }

    #[tokio::test]
    async fn a_clock_off_by_days_or_by_nothing_is_not_corrected() {
        let body = r#"{"Code":"InvalidTimeStamp.Expired"}"#;
        for date in ["Mon, 05 Jan 2026 05:04:05 GMT", "Fri, 02 Jan 2026 03:04:10 GMT", "soon"] {
            let (client, _) = client_at((400, body), Some(date));
            let reply = client.attempt(&request(), Repeat::default()).await;
            assert!(!reply.timestamp_renewed && reply.clock_corrected.is_none(), "{date}");
        }
    }

    #[test]
    fn waits_are_read_from_both_headers_of_the_api_and_from_http() {
        let wait = |name, value| wait_asked_for(&headers([(name, value)]));
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(wait("x-acs-retry-after", "1500"), ms(1500));
        assert_eq!(wait("x-ratelimit-user-api", "Limit:1,Remain:0,TimeLeft:2000"), ms(2000));
        assert_eq!(wait("x-ratelimit-user-api", "Limit:9,Remain:3,TimeLeft:2000"), None);
        assert_eq!(wait("retry-after", "2"), ms(2000));
        assert_eq!(wait("x-acs-retry-after", "99999999999"), Some(MAX_WAIT));
        assert_eq!(wait("x-acs-retry-after", "99999999999999999999999"), Some(MAX_WAIT));
        assert_eq!(wait("x-acs-retry-after", "soon"), None);
    }
}
