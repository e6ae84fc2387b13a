//! The simulated service over real sockets: every fault as a client receives it.

use std::sync::Arc;
use std::time::Duration;

use bastion_revoke::api::sign::{form_encode, v1_signature, v1_string_to_sign};
use bastion_revoke::clock::{SystemClock, WallClock, utc_seconds};
use bastion_revoke::sim::server::Running;
use bastion_revoke::sim::{ACCESS_KEY_ID, ACCESS_KEY_SECRET, Fault, FaultRate, Faults};
use bastion_revoke::sim::{Service, Settings, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const ACTION: &str = "DetachHostAccountsFromUser";

/// A service with one fault at every request, or none.
async fn start(fault: Option<Fault>) -> Running {
    let rates = fault.map(|fault| FaultRate { fault, probability: 1.0 });
    let settings = Settings { faults: Faults::new(rates), ..Settings::default() };
    Running::start(Service::new(settings), Arc::new(SystemClock)).await.expect("a free port")
}

/// A signed request for two hosts, one of them with two accounts, as bytes on the wire.
fn request() -> Vec<u8> {
    let hosts = r#"[{"HostId":"1","HostAccountIds":["2","3"]},{"HostId":"4"}]"#;
    signed(ACTION, &[("UserId", "7"), ("Hosts", hosts)])
}

/// A signed request as bytes on the wire.
fn signed<'a>(action: &'a str, own: &[(&'a str, &'a str)]) -> Vec<u8> {
    let (nonce, time) = (SystemClock.nonce(), utc_seconds(SystemClock.now()));
    let mut pairs = vec![
        ("Action", action),
        ("Version", "2019-12-09"),
        ("Format", "JSON"),
        ("AccessKeyId", ACCESS_KEY_ID),
        ("SignatureMethod", "HMAC-SHA1"),
        ("SignatureVersion", "1.0"),
        ("SignatureNonce", &nonce),
        ("Timestamp", &time),
        ("InstanceId", "i-1"),
    ];
    pairs.extend_from_slice(own);
    let signature = v1_signature(ACCESS_KEY_SECRET, &v1_string_to_sign("POST", &pairs));
    pairs.push(("Signature", &signature));
    let body = form_encode(pairs);
    let head = format!(
        "POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {}\r\n\
         content-type: application/x-www-form-urlencoded\r\n\r\n",
        body.len()
    );
    [head, body].concat().into_bytes()
}

/// One answer: its head, the received part of the body, and how the connection ended.
#[derive(Debug)]
struct Received {
    head: String,
    body: String,
    announced: usize,
    error: Option<std::io::ErrorKind>,
}

impl Received {
    fn status(&self) -> &str {
        self.head.split(' ').nth(1).unwrap_or_default()
    }

    fn is_whole(&self) -> bool {
        self.error.is_none() && self.body.len() == self.announced
    }
}

/// Sends a request and reads until the body is complete or the connection ends.
async fn send(stream: &mut TcpStream, request: &[u8]) -> Received {
    stream.write_all(request).await.expect("the service reads");
    let mut received =
        Received { head: String::new(), body: String::new(), announced: 0, error: None };
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            received.head = String::from_utf8_lossy(&bytes[..end]).to_lowercase();
            received.body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
            let length = received.head.split("content-length: ").nth(1).expect("a length");
            received.announced =
                length.lines().next().unwrap_or_default().parse().expect("a number");
            if received.body.len() >= received.announced {
                return received;
            }
        }
        match stream.read(&mut buffer).await {
            Ok(0) => return received,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) => {
                received.error = Some(error.kind());
                return received;
            }
        }
    }
}

async fn exchange(running: &Running) -> Received {
    let mut stream = TcpStream::connect(running.addr()).await.expect("it listens");
    send(&mut stream, &request()).await
}

#[tokio::test]
async fn a_connection_carries_one_request_after_the_other() {
    let running = start(None).await;
    let mut stream = TcpStream::connect(running.addr()).await.unwrap();
    for _ in 0..3 {
        let received = send(&mut stream, &request()).await;
        assert!(received.is_whole() && received.status() == "200", "{received:?}");
    }
    let audit = send(&mut stream, b"GET /audit HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n").await;
    assert!(audit.is_whole(), "{}", audit.head);
    let audit: serde_json::Value = serde_json::from_str(&audit.body).unwrap();
    assert_eq!(audit["schema"], "bastion-revoke/audit/1");
    assert_eq!(audit["counts"]["applied"], 3);
    assert_eq!(audit["counts"]["grants_removed"], 3);
    running.stop().await;
}

#[tokio::test]
async fn a_world_is_read_and_changed_over_one_connection() {
    let settings = Settings { world: Some(World::sample()), ..Settings::default() };
    let running = Running::start(Service::new(settings), Arc::new(SystemClock)).await.unwrap();
    let mut stream = TcpStream::connect(running.addr()).await.unwrap();
    let user = signed("ListUsers", &[("UserName", "lina@corp")]);
    let received = send(&mut stream, &user).await;
    let body: serde_json::Value = serde_json::from_str(&received.body).unwrap();
    assert_eq!((&body["TotalCount"], body["Users"][0]["UserId"].as_str()), (&1.into(), Some("17")));
    let lock = signed("LockUsers", &[("UserIds", r#"["17"]"#)]);
    assert_eq!(send(&mut stream, &lock).await.status(), "200");
    let world = running.world().expect("a world");
    assert_eq!(world.users()[0].states, ["Frozen"]);
    assert_eq!(running.audit().operations["LockUsers"].attempts, 1);
    running.stop().await;
}

#[tokio::test]
async fn it_listens_on_loopback_only_and_until_it_is_stopped() {
    let running = start(None).await;
    let addr = running.addr();
    assert!(addr.ip().is_loopback());
    assert_eq!(running.endpoint(), format!("http://127.0.0.1:{}", addr.port()));
    let mut stream = TcpStream::connect(addr).await.unwrap();
    running.stop().await;
    assert!(TcpStream::connect(addr).await.is_err());
    let mut buffer = [0; 1];
    assert!(matches!(stream.read(&mut buffer).await, Ok(0) | Err(_)));
}

/// The response of a fault, and how many of the three grants are removed.
struct Expected {
    status: &'static str,
    contains: &'static str,
    removed: usize,
}

fn expected(fault: Fault) -> Expected {
    let throttled = |contains| Expected { status: "400", contains, removed: 0 };
    let applied = |contains| Expected { status: "200", contains, removed: 3 };
    match fault {
        Fault::ThrottleRetryAfter => throttled("x-acs-retry-after: 200\r\n"),
        Fault::ThrottleRatelimit => {
            throttled("x-ratelimit-user-api: limit:1,remain:0,timeleft:200\r\n")
        }
        Fault::Throttle => throttled("\"Code\":\"Throttling.User\""),
        Fault::InternalError => {
            Expected { status: "500", contains: "\"Code\":\"InternalError\"", removed: 0 }
        }
        Fault::InternalErrorApplied => {
            Expected { status: "500", contains: "\"Code\":\"InternalError\"", removed: 3 }
        }
        Fault::ServiceUnavailable => {
            Expected { status: "503", contains: "\"Code\":\"ServiceUnavailable\"", removed: 0 }
        }
        Fault::TokenExpired => Expected {
            status: "400",
            contains: "\"Code\":\"InvalidSecurityToken.Expired\"",
            removed: 0,
        },
        Fault::HtmlBadGateway => Expected { status: "502", contains: "<html>", removed: 0 },
        Fault::ResetBefore => Expected { status: "", contains: "", removed: 0 },
        Fault::ResetAfter => Expected { status: "", contains: "", removed: 3 },
        Fault::TruncatedBody => applied("{\"RequestId\":"),
        Fault::SlowAnswer => applied("\"HostId\":\"1\""),
        Fault::UnexpectedItems => Expected {
            status: "200",
            contains: "{\"Code\":\"UNEXPECTED\",\"HostAccountId\":\"2\",\"Message\":\"None\"}",
            removed: 0,
        },
        Fault::MissingItems => {
            applied("\"Results\":[{\"Code\":\"OK\",\"HostAccounts\":[],\"HostId\":\"1\"")
        }
        Fault::ShuffledItems => applied("\"HostAccountId\":\"3\""),
        Fault::NumericIds => applied("\"HostId\":4,"),
        Fault::ObjectForOne | Fault::AccountsApart => applied("\"Results\":[{"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_receives_every_fault_as_it_is_described() {
    for fault in Fault::ALL {
        let running = start(Some(fault)).await;
        let received = exchange(&running).await;
        let expected = expected(fault);
        let name = fault.name();
        assert_eq!(received.status(), expected.status, "{name}: {received:?}");
        let all = format!("{}\r\n\r\n{}", received.head, received.body);
        assert!(all.contains(expected.contains), "{name}: {received:?}");
        let is_cut = matches!(fault, Fault::ResetBefore | Fault::ResetAfter | Fault::TruncatedBody);
        assert_eq!(received.is_whole(), !is_cut, "{name}: {received:?}");
        let audit = running.audit();
        assert_eq!(audit.removed.len(), expected.removed, "{name}");
        assert_eq!(audit.asked[0].faults, [name]);
        assert!(audit.faults[name] > 0, "{name}");
        running.stop().await;
    }
}

#[tokio::test]
async fn a_reset_is_not_an_orderly_close() {
    for fault in [Fault::ResetBefore, Fault::ResetAfter] {
        let running = start(Some(fault)).await;
        let received = exchange(&running).await;
        assert_eq!(received.error, Some(std::io::ErrorKind::ConnectionReset), "{}", fault.name());
        running.stop().await;
    }
}

#[tokio::test]
async fn a_truncated_answer_announces_more_than_it_sends() {
    let running = start(Some(Fault::TruncatedBody)).await;
    let received = exchange(&running).await;
    assert_eq!((received.status(), received.error), ("200", None));
    assert_eq!(received.body.len(), received.announced / 2, "{received:?}");
    running.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_slow_answer_arrives_after_its_delay() {
    // Time is virtual: it advances to the response once no task can run.
    let running = start(Some(Fault::SlowAnswer)).await;
    let before = tokio::time::Instant::now();
    let received = exchange(&running).await;
    assert!(received.is_whole(), "{received:?}");
    assert!(before.elapsed() >= Duration::from_secs(2));
    running.stop().await;
}

#[tokio::test]
async fn an_endless_body_is_not_read_to_its_end() {
    let running = start(None).await;
    let mut stream = TcpStream::connect(running.addr()).await.unwrap();
    let head = b"POST / HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: 99999999\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let chunk = vec![b'x'; 1 << 20];
    // The service disconnects after 4 MiB: either writing or reading fails.
    for _ in 0..90 {
        if stream.write_all(&chunk).await.is_err() {
            break;
        }
    }
    let mut buffer = [0; 1];
    assert!(matches!(stream.read(&mut buffer).await, Ok(0) | Err(_)));
    assert_eq!(running.audit().counts.attempts, 0);
    running.stop().await;
}
