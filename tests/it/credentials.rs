//! Keys from each source, as the command looks for them, with stub servers on loopback.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use bastion_revoke::clock::{SystemClock, WallClock, utc_seconds};
use bastion_revoke::sim::server::Running;
use bastion_revoke::sim::{Fault, FaultRate, Faults, Service, Settings};
use jiff::SignedDuration;

/// Texts that must never be shown.
const SECRETS: [&str; 4] = ["testsecret", "testtoken", "testoidc", "testimds"];

/// Answers every request by its first line, on a thread that runs until the tests end. A connection
/// that the client closes before its request is whole gets no answer.
pub(crate) fn stub_server(answer: impl Fn(&str) -> (u16, String) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let Some(bytes) = whole_request(&mut stream) else { continue };
            let text = String::from_utf8(bytes).expect("text");
            let (status, body) = answer(text.lines().next().unwrap_or_default());
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
            );
        }
    });
    url
}

fn whole_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 4096];
    while !is_whole(&bytes) {
        let count = stream.read(&mut buffer).ok().filter(|&count| count > 0)?;
        bytes.extend_from_slice(&buffer[..count]);
    }
    Some(bytes)
}

fn is_whole(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes).to_lowercase();
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.map_or(0, |length| length.parse().expect("a length"))
}

fn keys_for(seconds: i64) -> String {
    let end = utc_seconds(SystemClock.now() + SignedDuration::from_secs(seconds));
    format!(
        r#"{{"Code":"Success","AccessKeyId":"testid","AccessKeySecret":"testsecret",
        "SecurityToken":"testtoken","Expiration":"{end}"}}"#
    )
}

/// Runs the command with only these variables, in a home directory of its own.
fn run(home: &Path, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_bastion-revoke"))
        .args(arguments)
        .current_dir(home)
        .env_clear()
        .env("HOME", home)
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("BASTION_REVOKE_STS_ENDPOINT", "http://127.0.0.1:1")
        .env("BASTION_REVOKE_METADATA_ENDPOINT", "http://127.0.0.1:1")
        .envs(variables.iter().copied())
        .output()
        .expect("the command runs")
}

/// Standard output and standard error, neither of which may contain a secret.
fn shown(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    for secret in SECRETS {
        assert!(!out.contains(secret) && !err.contains(secret), "{secret}:\n{out}\n{err}");
    }
    (out, err)
}

fn write(home: &Path, path: &str, text: &str) -> String {
    let path = home.join(path);
    std::fs::create_dir_all(path.parent().expect("a directory")).expect("it is made");
    std::fs::write(&path, text).expect("it is written");
    path.to_str().expect("UTF-8").to_owned()
}

#[test]
fn every_source_is_shown_by_name_and_no_secret_even_at_trace_level() {
    let sts = stub_server(|line| {
        if line.contains("GetCallerIdentity") {
            let reply = r#"{"AccountId":"1","Arn":"acs:ram::1:user/t","IdentityType":"RAMUser"}"#;
            return (200, reply.to_owned());
        }
        (200, format!(r#"{{"Credentials":{}}}"#, keys_for(3600)))
    });
    let metadata = stub_server(|line| match line.split(' ').nth(1) {
        Some("/latest/api/token") => (200, "testimds".to_owned()),
        Some("/latest/meta-data/ram/security-credentials/") => (200, "testrole".to_owned()),
        _ => (200, keys_for(3600)),
    });
    let helper = stub_server(|_| (200, keys_for(3600))) + "/testsecret?token=testtoken";
    let home = tempfile::tempdir().expect("a home");
    let home = home.path();
    let token = write(home, "token", "testoidc");
    let config = write(
        home,
        "config.json",
        r#"{"current":"a","profiles":[{"name":"a","mode":"RamRoleArn","access_key_id":"testid",
        "access_key_secret":"testsecret","sts_token":"testtoken","ram_role_arn":"acs:ram::1:role/r"}]}"#,
    );
    let ini = write(
        home,
        "ini",
        "[default]\ntype=sts\naccess_key_id=testid\naccess_key_secret=testsecret\n\
         security_token=testtoken\n",
    );
    let sts = ("BASTION_REVOKE_STS_ENDPOINT", sts.as_str());
    let cases: [(&[(&str, &str)], &str); 6] = [
        (
            &[
                ("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid"),
                ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret"),
                ("ALIBABA_CLOUD_SECURITY_TOKEN", "testtoken"),
            ],
            "environment",
        ),
        (
            &[
                ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", &token),
                ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1:oidc-provider/p"),
                ("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1:role/r"),
            ],
            "OIDC",
        ),
        (&[("ALIBABA_CLOUD_CONFIG_FILE", &config)], "CLI profile"),
        (&[("ALIBABA_CLOUD_CREDENTIALS_FILE", &ini)], "credentials file"),
        (&[("BASTION_REVOKE_METADATA_ENDPOINT", &metadata)], "ECS metadata"),
        (&[("ALIBABA_CLOUD_CREDENTIALS_URI", &helper)], "credentials URI"),
    ];
    for (variables, source) in cases {
        let variables = [variables, &[sts]].concat();
        let output = run(home, &["credentials", "show", "--verify", "-vvv"], &variables);
        let (out, err) = shown(&output);
        assert!(output.status.success(), "{source}: {err}");
        assert!(out.contains(&format!("source         {source}\n")), "{out}");
        assert!(out.contains("access key id  te**** (temporary)"), "{out}");
        assert!(out.contains("caller         acs:ram::1:user/t"), "{out}");
        assert!(err.contains("TRACE") || err.contains("DEBUG"), "the logs are on: {err}");
    }
}

#[test]
fn without_keys_every_source_is_named_and_the_exit_code_is_77() {
    let home = tempfile::tempdir().expect("a home");
    let output = run(home.path(), &["credentials", "show"], &[]);
    let (_, err) = shown(&output);
    assert_eq!(output.status.code(), Some(77), "{err}");
    for source in [
        "environment",
        "OIDC",
        "CLI profile",
        "credentials file",
        "ECS metadata",
        "credentials URI",
    ] {
        assert!(err.contains(&format!("{source}: ")), "{source}: {err}");
    }
    let plain = [("BASTION_REVOKE_STS_ENDPOINT", "http://sts.example")];
    let output = run(home.path(), &["credentials", "show"], &plain);
    let (_, err) = shown(&output);
    assert_eq!(output.status.code(), Some(78), "{err}");
    assert!(err.contains("BASTION_REVOKE_STS_ENDPOINT: http://sts.example is plain http"), "{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_that_expire_during_a_run_stop_it_with_nothing_unknown() {
    let service = Service::new(Settings::default());
    let service = Running::start(service, Arc::new(SystemClock)).await.expect("a free port");
    let is_first = std::sync::atomic::AtomicBool::new(true);
    let helper = stub_server(move |_| {
        if is_first.swap(false, std::sync::atomic::Ordering::SeqCst) {
            (200, keys_for(4))
        } else {
            (503, "testsecret".to_owned())
        }
    });
    let home = tempfile::tempdir().expect("a home");
    let mut list = "user,kind,target,account\n".to_owned();
    for user in 1..=20 {
        let _ = writeln!(list, "{user},host,1,*");
    }
    write(home.path(), "list.csv", &list);
    let endpoint = service.endpoint();
    let path = home.path().to_owned();
    let running = tokio::task::spawn_blocking(move || {
        let arguments = [
            "run",
            "list.csv",
            "--yes",
            "--instance-id",
            "i",
            "--rate",
            "2",
            "--endpoint",
            &endpoint,
            "-vvv",
        ];
        run(&path, &arguments, &[("ALIBABA_CLOUD_CREDENTIALS_URI", &helper)])
    });
    let output = running.await.expect("it ends");
    let (out, err) = shown(&output);
    assert_eq!(output.status.code(), Some(77), "{out}\n{err}");
    let outcome = std::fs::read_to_string(home.path().join("outcome.csv")).expect("an outcome");
    let count = |status: &str| outcome.matches(&format!(",{status},")).count();
    assert!(count("revoked") > 0 && count("unprocessed") > 0, "{outcome}");
    assert_eq!(count("revoked") + count("unprocessed"), 20, "nothing is in doubt: {outcome}");
    assert!(out.contains("503") || err.contains("503"), "it says why:\n{out}\n{err}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_refused_as_expired_is_renewed_and_the_run_completes() {
    // With this seed one request gets the fault, once.
    let faults = Faults::new([FaultRate { fault: Fault::TokenExpired, probability: 0.05 }]);
    let settings = Settings { faults, seed: 4, ..Settings::default() };
    let service = Running::start(Service::new(settings), Arc::new(SystemClock)).await;
    let service = service.expect("a free port");
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let helper = stub_server(move |_| {
        let token = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        (200, keys_for(3600).replace("testtoken", &format!("testtoken-{token}")))
    });
    let home = tempfile::tempdir().expect("a home");
    let mut list = "user,kind,target,account\n".to_owned();
    for user in 1..=20 {
        let _ = writeln!(list, "{user},host,1,*");
    }
    write(home.path(), "list.csv", &list);
    let endpoint = service.endpoint();
    let path = home.path().to_owned();
    let running = tokio::task::spawn_blocking(move || {
        let target = ["--instance-id", "i", "--endpoint", &endpoint];
        let arguments = [&["run", "list.csv", "--yes"][..], &target].concat();
        run(&path, &arguments, &[("ALIBABA_CLOUD_CREDENTIALS_URI", &helper)])
    });
    let (out, err) = shown(&running.await.expect("it ends"));
    let outcome = std::fs::read_to_string(home.path().join("outcome.csv")).expect("an outcome");
    assert_eq!(outcome.matches(",revoked,").count(), 20, "{outcome}\n{out}\n{err}");
    assert_eq!(service.audit().counts.attempts, 21, "one of them went twice");
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 2, "the keys were asked for anew");
}
