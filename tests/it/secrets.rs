//! Promise 8, *secrets never show*: on neither stream, at any log level, nor in any file.

use bastion_revoke::api::sign::percent_encode;
use bastion_revoke::clock::{SystemClock, WallClock, utc_seconds};
use bastion_revoke::sim::Settings;
use jiff::SignedDuration;

use crate::credentials::stub_server;
use crate::sandbox::{Ended, Sandbox, TestService, with_keys};

/// Characters that each encoding writes differently.
const SECRET: &str = "testsecret/Zq9+planted=";
const TOKEN: &str = "testtoken/Qw8+planted==";

/// Each form in which it could be shown.
fn forms(secret: &str) -> Vec<String> {
    let once = percent_encode(secret);
    let twice = percent_encode(&once);
    let json = serde_json::to_string(secret).expect("JSON");
    let escaped = json.trim_matches('"').replace('/', "\\/");
    vec![secret.to_owned(), once, twice, json, escaped]
}

#[track_caller]
fn assert_hidden(what: &str, text: &[u8], secrets: &[&str]) {
    let text = String::from_utf8_lossy(text);
    for form in secrets.iter().flat_map(|secret| forms(secret)) {
        assert!(!text.contains(&form), "{what} shows {form}: {text}");
    }
}

fn run(secret: &str, more: &[&str], code: i32) {
    let sandbox = Sandbox::new();
    sandbox.sample("offboarding.csv");
    let service = TestService::start(Settings::default());
    let all = [&["--yes"], more].concat();
    let mut command = sandbox.run_command("offboarding.csv", &service.endpoint(), &all);
    with_keys(&mut command, secret);
    command.env("ALIBABA_CLOUD_SECURITY_TOKEN", TOKEN);
    let ended = Ended::of(&command.output().expect("the command starts"));
    assert_eq!(ended.code, code, "{ended:?}");
    let secrets = [secret, TOKEN];
    assert_hidden("standard output", ended.out.as_bytes(), &secrets);
    assert_hidden("standard error", ended.err.as_bytes(), &secrets);
    let files = sandbox.files();
    assert!(files.len() >= 2, "the list and the outcome: {files:?}");
    for file in files.iter().filter(|file| file.is_file()) {
        let bytes = std::fs::read(file).expect("a file of the run");
        assert_hidden(&file.display().to_string(), &bytes, &secrets);
    }
}

#[test]
fn no_secret_shows_in_a_successful_run() {
    run("testsecret", &["-vvv"], 0);
    run("testsecret", &["-vvv", "--log-format", "json", "--json"], 0);
}

#[test]
fn no_secret_shows_when_the_service_repeats_the_signed_text() {
    // The answer to a wrong secret contains the string to sign, and so the token.
    run(SECRET, &["-vvv"], 77);
    run(SECRET, &["-vvv", "--log-format", "json", "--json"], 77);
}

#[test]
fn no_secret_shows_when_the_keys_cannot_be_used() {
    run("testsecret/Zq9+planted=\n", &["-vvv"], 77);
}

/// Planted in a source besides the secret of the access key.
const OIDC: &str = "testoidc/Ab1+planted.eyJ==";
const METADATA: &str = "testmetadata/Cd2+planted==";
const URI: &str = "testuri/Ef3+planted==";

/// An answer of STS, of the metadata service or of a helper, with this secret.
fn keys(secret: &str) -> String {
    let end = utc_seconds(SystemClock.now() + SignedDuration::from_secs(3600));
    format!(
        r#"{{"Code":"Success","mode":"StsToken","AccessKeyId":"testid","AccessKeySecret":"{secret}",
        "SecurityToken":"{TOKEN}","Expiration":"{end}","access_key_id":"testid",
        "access_key_secret":"{secret}","sts_token":"{TOKEN}"}}"#
    )
}

/// The variables of each source, all with this secret.
fn sources(sandbox: &Sandbox, secret: &str) -> Vec<(&'static str, Vec<(&'static str, String)>)> {
    std::fs::create_dir(sandbox.path("planted")).expect("a folder");
    let plant = |name: &str, text: &str| {
        let path = sandbox.path("planted").join(name);
        std::fs::write(&path, text).expect("it is planted");
        path.display().to_string()
    };
    let answer = keys(secret);
    let of_sts = format!(r#"{{"Credentials":{answer}}}"#);
    let sts = stub_server(move |_| (200, of_sts.clone()));
    let of_role = answer.clone();
    let metadata = stub_server(move |line| match line.split(' ').nth(1) {
        Some("/latest/api/token") => (200, METADATA.to_owned()),
        Some("/latest/meta-data/ram/security-credentials/") => (200, "testrole".to_owned()),
        _ => (200, of_role.clone()),
    });
    let of_helper = answer.clone();
    let helper = stub_server(move |_| (200, of_helper.clone()));
    let profile = |name: &str, fields: &str| {
        let text = format!(r#"{{"current":"a","profiles":[{{"name":"a",{fields}}}]}}"#);
        vec![("ALIBABA_CLOUD_CONFIG_FILE", plant(name, &text))]
    };
    let lasting = format!(r#""access_key_id":"testid","access_key_secret":"{secret}""#);
    let answer_file = plant("answer.json", &answer.replace('\n', ""));
    let mut chained = profile(
        "role.json",
        &format!(r#""mode":"RamRoleArn",{lasting},"ram_role_arn":"acs:ram::1:role/r""#),
    );
    chained.push(("BASTION_REVOKE_STS_ENDPOINT", sts.clone()));
    let ini = format!(
        "[default]\ntype=sts\naccess_key_id=testid\naccess_key_secret={secret}\n\
         security_token={TOKEN}\n"
    );
    vec![
        (
            "environment",
            vec![
                ("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid".to_owned()),
                ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", secret.to_owned()),
                ("ALIBABA_CLOUD_SECURITY_TOKEN", TOKEN.to_owned()),
            ],
        ),
        (
            "OIDC",
            vec![
                ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", plant("token", OIDC)),
                ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1:oidc-provider/p".to_owned()),
                ("ALIBABA_CLOUD_ROLE_ARN", "acs:ram::1:role/r".to_owned()),
                ("BASTION_REVOKE_STS_ENDPOINT", sts),
            ],
        ),
        ("a profile with a key", profile("ak.json", &format!(r#""mode":"AK",{lasting}"#))),
        (
            "a profile with a token",
            profile("sts.json", &format!(r#""mode":"StsToken",{lasting},"sts_token":"{TOKEN}""#)),
        ),
        ("a profile with a role", chained),
        (
            "a profile with a process",
            profile(
                "process.json",
                &format!(r#""mode":"External","process_command":"cat {answer_file}""#),
            ),
        ),
        ("the credentials file", vec![("ALIBABA_CLOUD_CREDENTIALS_FILE", plant("ini", &ini))]),
        ("metadata", vec![("BASTION_REVOKE_METADATA_ENDPOINT", metadata)]),
        ("a URI", vec![("ALIBABA_CLOUD_CREDENTIALS_URI", format!("{helper}/{URI}?token={URI}"))]),
    ]
}

/// Runs with each source of keys and searches all output and files for the secret.
#[track_caller]
fn run_with_every_source(secret: &str, code: i32, more: &[&str], variables: &[(&str, &str)]) {
    let sandbox = Sandbox::new();
    for (source, set) in sources(&sandbox, secret) {
        sandbox.sample("offboarding.csv");
        let service = TestService::start(Settings::default());
        let all = [&["--yes", "--restart", "-vvv"], more].concat();
        let mut command = sandbox.run_command("offboarding.csv", &service.endpoint(), &all);
        command.env_remove("ALIBABA_CLOUD_ACCESS_KEY_ID");
        command.env_remove("ALIBABA_CLOUD_ACCESS_KEY_SECRET");
        command.envs(set).envs(variables.iter().copied());
        let ended = Ended::of(&command.output().expect("the command starts"));
        assert_eq!(ended.code, code, "{source}: {ended:?}");
        assert!(ended.err.contains("TRACE") || ended.err.contains("DEBUG"), "the logs are on");
        let secrets = [secret, TOKEN, OIDC, METADATA, URI];
        assert_hidden(source, ended.out.as_bytes(), &secrets);
        assert_hidden(source, ended.err.as_bytes(), &secrets);
        for file in sandbox.files().iter().filter(|file| file.is_file()) {
            let bytes = std::fs::read(file).expect("a file of the run");
            assert_hidden(&format!("{source}: {}", file.display()), &bytes, &secrets);
        }
    }
}

#[test]
fn no_secret_of_any_source_of_keys_shows() {
    run_with_every_source("testsecret", 0, &[], &[]);
    run_with_every_source("testsecret", 0, &["--signature", "acs3", "--log-format", "json"], &[]);
}

#[test]
fn no_secret_of_refused_keys_shows() {
    run_with_every_source(SECRET, 77, &["--json"], &[]);
    run_with_every_source(SECRET, 77, &["--signature", "acs3", "--log-format", "json"], &[]);
}

#[test]
fn no_secret_shows_in_a_panic() {
    for point in ["before-send:1:panic", "after-answer:1:panic", "before-outcome:1:panic"] {
        let variables = [("BASTION_REVOKE_FAIL_POINT", point), ("RUST_BACKTRACE", "full")];
        run_with_every_source("testsecret", 70, &["--log-format", "json"], &variables);
    }
}

/// What every user of the machine can see of a process.
#[cfg(target_os = "linux")]
#[test]
fn no_secret_shows_in_the_title_of_the_process() {
    let sandbox = Sandbox::new();
    sandbox.sample("offboarding.csv");
    let service = TestService::start(Settings::default());
    let args = ["run", "offboarding.csv", "--yes", "--instance-id", "i", "--rate", "5"];
    let mut command = sandbox.command(&args);
    command.args(["--endpoint", &service.endpoint()]);
    with_keys(&mut command, "testsecret");
    command.env("ALIBABA_CLOUD_SECURITY_TOKEN", TOKEN);
    let child = command.spawn().expect("the command starts");
    while service.audit().counts.attempts < 1 {
        service.wait(std::time::Duration::from_millis(5));
    }
    let title = std::fs::read(format!("/proc/{}/cmdline", child.id())).expect("it still runs");
    assert_hidden("the title", &title, &["testsecret", TOKEN, "testid"]);
    let killed = std::process::Command::new("kill").arg(child.id().to_string()).status();
    assert!(killed.expect("kill").success());
    child.wait_with_output().expect("it ends");
}
