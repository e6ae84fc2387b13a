//! Promise 8, *secrets never show*: not on either stream, however much is told, nor in any file.

use bastion_revoke::api::sign::percent_encode;
use bastion_revoke::sim::Settings;

use crate::sandbox::{Ended, Sandbox, TestService, with_keys};

/// Characters that every encoding on the way writes in its own manner.
const SECRET: &str = "testsecret/Zq9+planted=";
const TOKEN: &str = "testtoken/Qw8+planted==";

/// Every form in which it could show.
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
fn not_when_all_goes_well() {
    run("testsecret", &["-vvv"], 0);
    run("testsecret", &["-vvv", "--log-format", "json", "--json"], 0);
}

#[test]
fn not_when_the_service_repeats_what_was_signed() {
    // The answer to a wrong secret holds the string to sign, and in it the token.
    run(SECRET, &["-vvv"], 77);
    run(SECRET, &["-vvv", "--log-format", "json", "--json"], 77);
}

#[test]
fn not_when_the_keys_cannot_be_used() {
    run("testsecret/Zq9+planted=\n", &["-vvv"], 77);
}
