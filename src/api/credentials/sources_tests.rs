//! Each source against its own stand-in on loopback: present, absent, broken.

use super::chain::search;
use super::error::{CredentialsError, Source, SourceError};
use super::keys::Role;
use super::keys::SourceKeys;
use super::stub_server::{StubRequest, StubServer};
use super::testing::{Fixture, ISSUED, absent, assumed, broken};
use super::{cli_file, ini, metadata, oidc, uri};
use crate::api::sign;

const CONFIG: &str = ".aliyun/config.json";
const INI: &str = ".alibabacloud/credentials";
const ROLE_ARN: &str = "acs:ram::1:role/test";

fn id(found: Result<SourceKeys, SourceError>) -> String {
    found.unwrap().credentials.access_key_id.clone()
}

/// The answers of an STS that checks the signature, if there is one.
fn sts(asked: &StubRequest) -> (u16, String) {
    let mut all = asked.parameters();
    let signature = all.iter().position(|(name, _)| name == "Signature").map(|at| all.remove(at).1);
    let secret = match asked.get("AccessKeyId").as_str() {
        "testid" => "testsecret",
        "testid2" => "testsecret2",
        _ => "",
    };
    let pairs: Vec<_> = all.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let expected = sign::v1_signature(secret, &sign::v1_string_to_sign("POST", &pairs));
    match (asked.get("Action").as_str(), signature) {
        ("AssumeRole" | "GetCallerIdentity", Some(signature)) if signature == expected => {}
        ("AssumeRoleWithOIDC", None) if asked.get("OIDCToken") == "testoidc" => {}
        _ => return (400, r#"{"Code":"SignatureDoesNotMatch","Message":"of testsecret"}"#.into()),
    }
    if asked.get("Action") == "GetCallerIdentity" {
        let reply = r#"{"AccountId":"1","Arn":"acs:ram::1:user/test","IdentityType":"RAMUser"}"#;
        return (200, reply.into());
    }
    (200, assumed())
}

/// The answers of a metadata service with both versions.
fn metadata_v2(asked: &StubRequest) -> (u16, String) {
    if asked.line == "PUT /latest/api/token" {
        assert!(asked.head.contains("x-aliyun-ecs-metadata-token-ttl-seconds: 21600"));
        return (200, "testimds".to_owned());
    }
    let has_token = asked.head.contains("x-aliyun-ecs-metadata-token: testimds");
    match asked.line.strip_prefix("GET /latest/meta-data/ram/security-credentials/") {
        _ if !has_token => (403, String::new()),
        Some("") => (200, "testrole\n".to_owned()),
        Some("testrole") => (200, ISSUED.to_owned()),
        _ => (404, String::new()),
    }
}

/// The answers of a metadata service with version 1 only.
fn metadata_v1(asked: &StubRequest) -> (u16, String) {
    match asked.line.as_str() {
        "GET /latest/meta-data/ram/security-credentials/" => (200, "testrole".to_owned()),
        "GET /latest/meta-data/ram/security-credentials/testrole" => (200, ISSUED.to_owned()),
        _ => (404, String::new()),
    }
}

async fn fixture_with_sts(variables: &[(&str, &str)]) -> (Fixture, StubServer) {
    let server = StubServer::start(sts).await;
    let mut fixture = Fixture::new(variables);
    fixture.settings.sts_endpoint = Some(server.url.clone());
    (fixture, server)
}

async fn fixture_with_metadata(
    variables: &[(&str, &str)],
    answers: impl Fn(&StubRequest) -> (u16, String) + Send + Sync + 'static,
) -> (Fixture, StubServer) {
    let server = StubServer::start(answers).await;
    let mut fixture = Fixture::new(variables);
    fixture.settings.metadata_endpoint = Some(server.url.clone());
    (fixture, server)
}

async fn of_cli(fixture: &Fixture) -> Result<SourceKeys, SourceError> {
    cli_file::keys(&fixture.context(), None).await
}

// ---- OIDC ----

#[tokio::test]
async fn a_token_is_exchanged_unsigned_and_read_again_each_time() {
    let token = Fixture::new(&[]);
    let file = token.write("token", "stale");
    let (fixture, server) = fixture_with_sts(&[
        ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", file.to_str().unwrap()),
        ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1:oidc-provider/test"),
        ("ALIBABA_CLOUD_ROLE_ARN", ROLE_ARN),
        ("ALIBABA_CLOUD_ROLE_SESSION_NAME", "testsession"),
    ])
    .await;
    let why = broken(oidc::keys(&fixture.context()).await);
    assert!(why.contains("SignatureDoesNotMatch") && !why.contains("testsecret"), "{why}");
    token.write("token", "testoidc\n");
    let found = oidc::keys(&fixture.context()).await.unwrap();
    assert_eq!(found.role, Some(Role::Arn(ROLE_ARN.to_owned())));
    assert_eq!(found.expires_at.unwrap().to_string(), "2026-01-02T04:04:05Z");
    let asked = &server.requests()[1];
    assert_eq!(asked.line, "POST /");
    assert!(asked.query.contains("Version=2015-04-01") && !asked.query.contains("testoidc"));
    for (name, value) in [
        ("RoleArn", ROLE_ARN),
        ("OIDCProviderArn", "acs:ram::1:oidc-provider/test"),
        ("RoleSessionName", "testsession"),
        ("DurationSeconds", "3600"),
        ("Format", "JSON"),
        ("AccessKeyId", ""),
    ] {
        assert_eq!(asked.get(name), value, "{name}");
    }
}

#[tokio::test]
async fn oidc_is_absent_without_its_variables_and_broken_with_some() {
    let arn = ("ALIBABA_CLOUD_ROLE_ARN", ROLE_ARN);
    absent(oidc::keys(&Fixture::new(&[arn]).context()).await);
    let file = ("ALIBABA_CLOUD_OIDC_TOKEN_FILE", "/nonexistent/token");
    let provider = ("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "acs:ram::1:oidc-provider/test");
    for (set, what) in [
        (&[file, provider][..], "ALIBABA_CLOUD_ROLE_ARN is not set"),
        (&[file, arn], "ALIBABA_CLOUD_OIDC_PROVIDER_ARN is not set"),
        (&[provider, arn], "ALIBABA_CLOUD_OIDC_TOKEN_FILE is not set"),
        (&[file, provider, arn], "/nonexistent/token"),
    ] {
        let why = broken(oidc::keys(&Fixture::new(set).context()).await);
        assert!(why.contains(what), "{why}");
    }
}

// ---- the CLI's file ----

fn config(profiles: &str) -> String {
    format!(r#"{{"current":"test","profiles":[{profiles}],"meta_path":"x"}}"#)
}

const KEY: &str = r#""access_key_id":"testid","access_key_secret":"testsecret""#;

#[tokio::test]
async fn profiles_with_keys_are_read_in_every_mode() {
    for (rest, token) in [
        (r#""mode":"AK","sts_token":"stale""#, None),
        (r#""mode":"ststoken","sts_token":"testtoken""#, Some("testtoken")),
        (
            r#""mode":"CloudSSO","sts_token":"testtoken","sts_expiration":1767326645"#,
            Some("testtoken"),
        ),
        (
            r#""mode":"OAuth","sts_token":"testtoken","sts_expiration":1767326645"#,
            Some("testtoken"),
        ),
    ] {
        let fixture = Fixture::new(&[]);
        fixture.write(CONFIG, &config(&format!(r#"{{"name":"test",{rest},{KEY}}}"#)));
        let found = of_cli(&fixture).await.unwrap();
        assert_eq!(found.credentials.access_key_id, "testid", "{rest}");
        let has = found.credentials.security_token.as_ref().map(|token| token.expose().to_owned());
        assert_eq!(has.as_deref(), token, "{rest}");
        assert_eq!(found.profile.as_deref(), Some("test"));
        assert_eq!(found.expires_at.is_some(), rest.contains("expiration"), "{rest}");
    }
}

#[tokio::test]
async fn roles_are_assumed_with_a_profiles_own_keys_and_along_a_chain() {
    let (fixture, server) = fixture_with_sts(&[]).await;
    fixture.write(
        CONFIG,
        &config(&format!(
            r#"{{"name":"test","mode":"ChainableRamRoleArn","source_profile":"middle",
                 "ram_role_arn":"acs:ram::1:role/top","external_id":"testexternal",
                 "expired_seconds":900,"ram_session_name":"testsession"}},
               {{"name":"middle","mode":"RamRoleArn","ram_role_arn":"{ROLE_ARN}",{KEY}}}"#
        )),
    );
    let found = of_cli(&fixture).await.unwrap();
    assert_eq!(found.role, Some(Role::Arn("acs:ram::1:role/top".to_owned())));
    let asked = server.requests();
    let get = |name| [asked[0].get(name), asked[1].get(name)];
    assert_eq!(get("RoleArn"), [ROLE_ARN, "acs:ram::1:role/top"]);
    assert_eq!(get("AccessKeyId"), ["testid", "testid2"]);
    assert_eq!(get("SecurityToken"), ["", "testtoken2"]);
    assert_eq!(get("DurationSeconds"), ["3600", "900"]);
    assert_eq!(get("RoleSessionName"), ["bastion-revoke", "testsession"]);
    assert_eq!(get("ExternalId"), ["", "testexternal"]);
    assert_ne!(asked[0].get("SignatureNonce"), asked[1].get("SignatureNonce"));
    assert!(asked.iter().all(|asked| !asked.query.contains("testtoken2")), "not in a query");
}

#[tokio::test]
async fn profiles_can_name_metadata_oidc_and_uris() {
    let (mut fixture, _metadata) = fixture_with_metadata(&[], metadata_v2).await;
    let sts = StubServer::start(sts).await;
    fixture.settings.sts_endpoint = Some(sts.url.clone());
    let helper = StubServer::start(|_| (200, ISSUED.to_owned())).await;
    let token = fixture.write("token", "testoidc");
    let token = token.to_str().unwrap();
    let role = format!(r#""ram_role_arn":"{ROLE_ARN}""#);
    for rest in [
        r#""mode":"EcsRamRole","ram_role_name":"testrole""#.to_owned(),
        r#""mode":"EcsRamRole""#.to_owned(),
        format!(r#""mode":"RamRoleArnWithRoleName","ram_role_name":"testrole",{role}"#),
        format!(r#""mode":"OIDC","oidc_token_file":"{token}","oidc_provider_arn":"p",{role}"#),
        format!(r#""mode":"CredentialsURI","credentials_uri":"{}""#, helper.url),
    ] {
        fixture.write(CONFIG, &config(&format!(r#"{{"name":"test",{rest}}}"#)));
        assert_eq!(id(of_cli(&fixture).await), "testid2", "{rest}");
    }
}

#[tokio::test]
async fn the_keys_of_a_command_are_read_and_no_shell_runs_it() {
    let path = std::env::var("PATH").unwrap();
    let fixture = Fixture::new(&[("PATH", &path), ("TEST_MARK", "testid3")]);
    let write = |command: &str| {
        let command = serde_json::to_string(command).unwrap();
        let profile = format!(r#"{{"name":"test","mode":"External","process_command":{command}}}"#);
        fixture.write(CONFIG, &config(&profile));
    };
    let keys = r#"{"mode":"AK","access_key_id":"testid","access_key_secret":"testsecret"}"#;
    let file = fixture.write("a b/keys.json", keys);
    write(&format!("cat '{}'", file.display()));
    assert_eq!(id(of_cli(&fixture).await), "testid");
    write(
        r#"printf '{"mode":"StsToken","access_key_id":"testid","access_key_secret":"testsecret",
        "sts_token":"testtoken","expiration":"2026-01-02T04:04:05Z"}'"#,
    );
    assert!(of_cli(&fixture).await.unwrap().expires_at.is_some());
    write(
        "sh -c 'printf \"{\\\"access_key_id\\\":\\\"$TEST_MARK\\\",\\\"access_key_secret\\\":\\\"s\\\"}\"'",
    );
    assert_eq!(id(of_cli(&fixture).await), "testid3", "it gets the snapshot of the environment");
    for (command, what) in [
        ("", "is empty"),
        ("/nonexistent/program testsecret", "can't be run"),
        ("sh -c 'echo testsecret; echo testsecret >&2; exit 3'", "exit status: 3"),
        ("echo testsecret", "not JSON"),
        ("echo '{\"mode\":\"testsecret\"}'", "neither AK nor StsToken"),
        ("echo '{\"mode\":\"StsToken\",\"access_key_id\":\"testid\"}'", "token is missing"),
        ("echo '[\"testsecret\"'", "not JSON"),
        ("echo {}", "access key id is missing"),
        ("cat /dev/zero", "more than 65536 bytes"),
    ] {
        write(command);
        let why = broken(of_cli(&fixture).await);
        assert!(why.contains(what) && !why.contains("testsecret"), "{command}: {why}");
    }
}

#[tokio::test]
async fn an_invalid_profile_is_an_error_with_its_reason() {
    let long_ago = r#""mode":"CloudSSO","sts_token":"testtoken","sts_expiration":1600000000"#;
    for (profiles, what) in [
        (r#"{"name":"test","mode":"AK","access_key_id":"testid"}"#.into(), "secret is missing"),
        (format!(r#"{{"name":"test","mode":"StsToken",{KEY}}}"#), "sts_token is missing"),
        (
            format!(r#"{{"name":"test","mode":"RsaKeyPair",{KEY}}}"#),
            "`RsaKeyPair` is not supported",
        ),
        (format!(r#"{{"name":"test","mode":"RamRoleArn",{KEY}}}"#), "role's ARN is missing"),
        (r#"{"name":"test","mode":"CloudSSO"}"#.into(), "sign in again"),
        (format!(r#"{{"name":"test",{long_ago},{KEY}}}"#), "expired at 2020-09-13"),
        (r#"{"name":"test","mode":"ChainableRamRoleArn"}"#.into(), "source_profile is missing"),
        (
            r#"{"name":"test","mode":"ChainableRamRoleArn","source_profile":"none"}"#.into(),
            "`none` does not exist",
        ),
        (
            r#"{"name":"test","mode":"ChainableRamRoleArn","source_profile":"b"},
               {"name":"b","mode":"ChainableRamRoleArn","source_profile":"test"}"#
                .into(),
            "lead back to `test`",
        ),
        (
            r#"{"name":"test","mode":"ChainableRamRoleArn","source_profile":"test"}"#.into(),
            "lead back to `test`",
        ),
        (
            format!(
                r#"{{"name":"test","mode":"RamRoleArn","expired_seconds":5,
                         "ram_role_arn":"{ROLE_ARN}",{KEY}}}"#
            ),
            "5 s is too short",
        ),
        (r#"{"name":"test","mode":"CredentialsURI"}"#.into(), "credentials_uri is missing"),
        (r#"{"name":"other","mode":"AK"}"#.into(), "has no profile `test`"),
        (r#"{"name":"test","access_key_secret":["testsecret"]}"#.into(), "another form"),
        (r#"{"name":"test" testsecret"#.into(), "not JSON (line 1"),
    ] {
        let fixture = Fixture::new(&[]);
        fixture.write(CONFIG, &config(&profiles));
        let why = broken(of_cli(&fixture).await);
        assert!(why.contains(what) && !why.contains("testsecret"), "{what}: {why}");
    }
}

#[tokio::test]
async fn the_clis_file_counts_as_absent_if_missing_disabled_or_unconfigured() {
    assert!(absent(of_cli(&Fixture::new(&[])).await).contains("config.json does not exist"));
    let fixture = Fixture::new(&[("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true")]);
    fixture.write(CONFIG, "testsecret");
    assert!(absent(of_cli(&fixture).await).contains("switched off"));
    let fixture = Fixture::new(&[]);
    fixture.write(CONFIG, r#"{"current":"default","profiles":[{"name":"default","mode":"AK"}]}"#);
    assert!(absent(of_cli(&fixture).await).contains("is not configured"));
    let fixture = Fixture::new(&[("ALIBABA_CLOUD_CONFIG_FILE", "/nonexistent/config.json")]);
    assert!(broken(of_cli(&fixture).await).contains("ALIBABA_CLOUD_CONFIG_FILE names"));
    let elsewhere = Fixture::new(&[]);
    let file =
        elsewhere.write("x.json", &config(&format!(r#"{{"name":"test","mode":"AK",{KEY}}}"#)));
    let fixture = Fixture::new(&[("ALIBABA_CLOUD_CONFIG_FILE", file.to_str().unwrap())]);
    assert_eq!(id(of_cli(&fixture).await), "testid");
}

// ---- the ini file ----

#[tokio::test]
async fn sections_are_read_in_every_type() {
    let (mut fixture, _metadata) = fixture_with_metadata(&[], metadata_v2).await;
    let sts = StubServer::start(sts).await;
    fixture.settings.sts_endpoint = Some(sts.url.clone());
    let token = fixture.write("token", "testoidc");
    let keys = "access_key_id = testid\naccess_key_secret = testsecret\n";
    let role = format!("role_arn = {ROLE_ARN}\nrole_session_name = s\n");
    for (text, expected) in [
        (format!("type = access_key\n{keys}"), "testid"),
        (format!("type = sts\nsecurity_token = testtoken\n{keys}"), "testid"),
        ("type = ecs_ram_role\nrole_name = testrole\n".to_owned(), "testid2"),
        ("type = ecs_ram_role\n".to_owned(), "testid2"),
        (format!("type = ram_role_arn\n{role}{keys}"), "testid2"),
        (
            format!(
                "type = oidc_role_arn\noidc_token_file_path = {}\noidc_provider_arn = p\n{role}",
                token.display()
            ),
            "testid2",
        ),
    ] {
        fixture.write(INI, &format!("[default]\n{text}"));
        let found = ini::keys(&fixture.context()).await.unwrap();
        assert_eq!(found.credentials.access_key_id, expected, "{text}");
        assert_eq!(found.profile.as_deref(), Some("default"));
    }
}

#[tokio::test]
async fn the_errors_of_the_ini_file_are_specific() {
    let read = async |text: &str| {
        let fixture = Fixture::new(&[]);
        fixture.write(INI, text);
        ini::keys(&fixture.context()).await
    };
    absent(ini::keys(&Fixture::new(&[]).context()).await);
    assert!(absent(read("[other]\ntestsecret").await).contains("no section `default`"));
    for (text, what) in [
        ("[default]\ntestsecret", "line 2"),
        ("[default]\naccess_key_secret=testsecret", "type is missing"),
        ("[default]\ntype=testsecret", "type is not supported"),
        ("[default]\ntype=access_key\naccess_key_secret=testsecret", "access key id is missing"),
        ("[default]\ntype=sts\naccess_key_secret=testsecret", "security_token is missing"),
        ("[default]\ntype=oidc_role_arn", "oidc_token_file_path is missing"),
    ] {
        let why = broken(read(text).await);
        assert!(why.contains(what) && !why.contains("testsecret"), "{why}");
    }
    let named = Fixture::new(&[("ALIBABA_CLOUD_CREDENTIALS_FILE", "/nonexistent/ini")]);
    assert!(broken(ini::keys(&named.context()).await).contains("names /nonexistent/ini"));
}

// ---- metadata ----

#[tokio::test]
async fn metadata_are_read_in_version_two_and_in_one_if_allowed() {
    let (fixture, server) = fixture_with_metadata(&[], metadata_v2).await;
    let found = metadata::keys(&fixture.context()).await.unwrap();
    assert_eq!(found.role, Some(Role::Instance("testrole".to_owned())));
    assert_eq!(server.requests().len(), 3);
    let (fixture, server) =
        fixture_with_metadata(&[("ALIBABA_CLOUD_ECS_METADATA", "testrole")], metadata_v1).await;
    assert_eq!(id(metadata::keys(&fixture.context()).await), "testid2");
    assert_eq!(server.requests().len(), 2, "the role is known, so it is not asked for");
    let off = [("ALIBABA_CLOUD_IMDSV1_DISABLED", "True")];
    let (fixture, server) = fixture_with_metadata(&off, metadata_v1).await;
    let why = broken(metadata::keys(&fixture.context()).await);
    assert!(why.contains("HTTP status 404") && why.contains("forbids version 1"), "{why}");
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn metadata_are_absent_without_an_instance_and_when_disabled() {
    let nobody = StubServer::unused_address().await;
    let mut fixture = Fixture::new(&[]);
    fixture.settings.metadata_endpoint = Some(nobody.clone());
    assert!(absent(metadata::keys(&fixture.context()).await).contains("no connection"));
    let (fixture, server) =
        fixture_with_metadata(&[("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true")], metadata_v2)
            .await;
    absent(metadata::keys(&fixture.context()).await);
    assert!(server.requests().is_empty(), "it was not even asked");
    assert!(broken(metadata::of_profile(&fixture.context(), "").await).contains("switched off"));
    let (fixture, _server) = fixture_with_metadata(&[], |_| (404, String::new())).await;
    assert!(absent(metadata::keys(&fixture.context()).await).contains("has no role"));
    // A named role means that this is an instance.
    let mut fixture = Fixture::new(&[("ALIBABA_CLOUD_ECS_METADATA", "testrole")]);
    fixture.settings.metadata_endpoint = Some(nobody);
    broken(metadata::keys(&fixture.context()).await);
    let (fixture, _server) =
        fixture_with_metadata(&[("ALIBABA_CLOUD_ECS_METADATA", "other")], metadata_v2).await;
    assert!(broken(metadata::keys(&fixture.context()).await).contains("does not have the role"));
}

#[tokio::test]
async fn invalid_metadata_are_an_error() {
    for (answer, what) in [
        ((500, "testsecret"), "HTTP status 500"),
        ((302, "testsecret"), "HTTP status 302"),
        ((200, "<html>testsecret</html>"), "not a role's name"),
        ((200, "../testsecret"), "not a role's name"),
        ((200, ".."), "not a role's name"),
        ((200, "testrole"), "not JSON"),
    ] {
        let answers = move |asked: &StubRequest| match asked.line.as_str() {
            "PUT /latest/api/token" => (405, String::new()),
            _ => (answer.0, answer.1.to_owned()),
        };
        let (fixture, _server) = fixture_with_metadata(&[], answers).await;
        let why = broken(metadata::keys(&fixture.context()).await);
        assert!(why.contains(what) && !why.contains("testsecret"), "{why}");
    }
}

#[tokio::test]
async fn a_silent_metadata_service_times_out_within_seconds() {
    // It answers only when the test is over.
    let (over, until_over) = std::sync::mpsc::channel::<()>();
    let until_over = std::sync::Mutex::new(until_over);
    let slow = move |_: &StubRequest| {
        let _ = until_over.lock().unwrap().recv();
        (200, String::new())
    };
    let (fixture, _server) = fixture_with_metadata(&[], slow).await;
    let context = fixture.context();
    let found = metadata::keys(&context).await;
    drop(over);
    assert!(absent(found).contains("no answer in time"));
}

// ---- the URI ----

#[tokio::test]
async fn a_uri_gives_keys_or_an_error_without_its_path() {
    let name = "ALIBABA_CLOUD_CREDENTIALS_URI";
    absent(uri::keys(&Fixture::new(&[]).context()).await);
    let server = StubServer::start(|asked: &StubRequest| match asked.line.as_str() {
        "GET /testsecret/good" => (200, ISSUED.to_owned()),
        "GET /testsecret/bad" => (200, "testsecret".to_owned()),
        "GET /testsecret/long" => (200, "x".repeat(70_000)),
        "GET /testsecret/moved" => (302, String::new()),
        _ => (403, "testsecret".to_owned()),
    })
    .await;
    let ask = async |uri: String| uri::keys(&Fixture::new(&[(name, &uri)]).context()).await;
    let base = format!("{}testsecret/", server.url);
    assert_eq!(id(ask(format!("{base}good?token=testsecret")).await), "testid2");
    for (uri, what) in [
        (format!("{base}bad"), "not JSON"),
        (format!("{base}long"), "longer than"),
        (format!("{base}moved"), "HTTP status 302"),
        (format!("{base}none"), "HTTP status 403"),
        (format!("{}testsecret", StubServer::unused_address().await), "no connection"),
        ("http://keys.example/testsecret".to_owned(), "plain http"),
        ("ftp://keys.example/testsecret".to_owned(), "must be https"),
        ("testsecret".to_owned(), "is not a URL"),
    ] {
        let why = broken(ask(uri).await);
        assert!(why.contains(what) && !why.contains("testsecret"), "{why}");
    }
}

// ---- the chain ----

#[tokio::test]
async fn absent_sources_are_skipped_and_all_are_named_if_none_has_keys() {
    let error = search(Fixture::new(&[]).context()).await.unwrap_err();
    let CredentialsError::Absent(sought) = &error else { panic!("{error}") };
    assert_eq!(sought.iter().map(|sought| sought.source).collect::<Vec<_>>(), Source::CHAIN);
    for source in Source::CHAIN {
        assert!(error.to_string().contains(source.name()), "{source}: {error}");
    }
    // The last source is asked when all others have no keys.
    let server = StubServer::start(|_| (200, ISSUED.to_owned())).await;
    let fixture = Fixture::new(&[("ALIBABA_CLOUD_CREDENTIALS_URI", server.url.as_str())]);
    assert_eq!(search(fixture.context()).await.unwrap().0, Source::Uri);
}

#[tokio::test]
async fn a_broken_source_stops_the_search_even_if_later_ones_have_keys() {
    let server = StubServer::start(|_| (200, ISSUED.to_owned())).await;
    let fixture = Fixture::new(&[("ALIBABA_CLOUD_CREDENTIALS_URI", server.url.as_str())]);
    fixture.write(CONFIG, "{");
    let error = search(fixture.context()).await.unwrap_err();
    let CredentialsError::Broken { source: Source::CliProfile, before, .. } = &error else {
        panic!("{error}")
    };
    assert_eq!(before.len(), 2, "{error}");
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn only_the_requested_profile_is_used() {
    let set = [
        ("ALIBABA_CLOUD_ACCESS_KEY_ID", "testid"),
        ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "testsecret"),
    ];
    let mut fixture = Fixture::new(&set);
    fixture.settings.profile = Some("wanted".to_owned());
    let error = search(fixture.context()).await.unwrap_err().to_string();
    assert!(error.contains("names the profile `wanted`"), "{error}");
    fixture.write(INI, "[wanted]\ntype=access_key\naccess_key_id=testid9\naccess_key_secret=s\n");
    let (source, found) = search(fixture.context()).await.unwrap();
    assert_eq!(
        (source, found.credentials.access_key_id.as_str()),
        (Source::CredentialsFile, "testid9")
    );
    let wanted = format!(r#"{{"name":"wanted","mode":"AK",{KEY}}}"#);
    fixture.write(CONFIG, &config(&wanted));
    assert_eq!(search(fixture.context()).await.unwrap().0, Source::CliProfile);
    let fixture = Fixture::new(&[("ALIBABA_CLOUD_PROFILE", "wanted")]);
    let error = search(fixture.context()).await.unwrap_err().to_string();
    assert!(error.contains("ALIBABA_CLOUD_PROFILE names"), "{error}");
}
