//! Settings from the command line, variables and files: their precedence, and the errors of
//! mistakes.

use std::fmt::Write as _;

use bastion_revoke::sim::{Grants, Settings, SignatureKind};
use serde_json::Value;

use crate::sandbox::{Ended, Sandbox, TestService, with_keys};

/// `config show --json` with these variables.
fn shown(sandbox: &Sandbox, more: &[&str], variables: &[(&str, &str)]) -> Value {
    let mut command = sandbox.command(&[&["config", "show", "--json"], more].concat());
    let ended = Ended::of(&command.envs(variables.iter().copied()).output().expect("it starts"));
    assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{ended:?}");
    serde_json::from_str(&ended.out).expect("one JSON value")
}

/// The value and the origin of a setting.
fn setting(shown: &Value, name: &str) -> (String, String) {
    let settings = shown["settings"].as_array().expect("a list");
    let setting = settings.iter().find(|setting| setting["name"] == name).expect(name);
    let values = setting["values"].as_array().expect("a list").iter();
    let values: Vec<&str> = values.map(|value| value.as_str().expect("text")).collect();
    (values.join(", "), setting["origin"].as_str().expect("text").to_owned())
}

fn user_file(sandbox: &Sandbox, text: &str) {
    std::fs::create_dir_all(sandbox.path(".config/bastion-revoke")).expect("a folder");
    sandbox.file(".config/bastion-revoke/bastion-revoke.toml", text);
}

#[test]
fn flags_override_variables_folder_user_and_defaults_in_this_order() {
    let sandbox = Sandbox::new();
    user_file(&sandbox, "rate = 1\nconcurrency = 1\ntimeout = \"1s\"\nmax-attempts = 1\n");
    sandbox.file("bastion-revoke.toml", "# ours\nrate = 2\nconcurrency = 2\ntimeout = \"2s\"\n");
    let variables = [("BASTION_REVOKE_RATE", "3"), ("BASTION_REVOKE_CONCURRENCY", "3")];
    let shown = shown(&sandbox, &["--rate", "4"], &variables);
    let user = sandbox.path(".config/bastion-revoke/bastion-revoke.toml").display().to_string();
    for (name, value, origin) in [
        ("rate", "4", "flag --rate"),
        ("concurrency", "3", "BASTION_REVOKE_CONCURRENCY"),
        ("timeout", "2s", "bastion-revoke.toml:4"),
        ("max-attempts", "1", &format!("{user}:4")),
        ("region", "cn-hangzhou", "default"),
        ("skip-invalid", "false", "default"),
        ("out", "outcome.csv", "default"),
        ("instance-id", "", "default"),
    ] {
        assert_eq!(setting(&shown, name), (value.to_owned(), origin.to_owned()), "{name}");
    }
    assert_eq!(shown["files"], serde_json::json!(["bastion-revoke.toml", user]));
}

#[test]
fn a_profile_overrides_the_rest_of_the_files_key_by_key() {
    let sandbox = Sandbox::new();
    user_file(&sandbox, "[profile.prod]\nrate = 1\nconcurrency = 1\n");
    sandbox.file(
        "bastion-revoke.toml",
        "rate = 2\nmax-attempts = 2\ndefault-profile = \"test\"\n\
         [profile.prod]\nrate = 3\ncredential-profile = \"keys\"\n[profile.test]\n",
    );
    let test = shown(&sandbox, &[], &[]);
    assert_eq!(test["profile"]["name"], "test");
    assert_eq!(setting(&test, "rate").0, "2");
    assert_eq!(setting(&test, "concurrency"), ("16".to_owned(), "default".to_owned()));
    let of_variable = shown(&sandbox, &[], &[("BASTION_REVOKE_PROFILE", "prod")]);
    let of_flag = shown(&sandbox, &["--profile", "prod"], &[("BASTION_REVOKE_PROFILE", "test")]);
    for prod in [of_variable, of_flag] {
        let rate = ("3".to_owned(), "bastion-revoke.toml:5 (profile prod)".to_owned());
        assert_eq!(setting(&prod, "rate"), rate);
        assert_eq!(setting(&prod, "concurrency").0, "1");
        assert_eq!(setting(&prod, "max-attempts").0, "2");
        assert_eq!(setting(&prod, "credential-profile").0, "keys");
    }
}

#[test]
fn without_profiles_in_the_settings_a_profile_selects_the_keys() {
    let sandbox = Sandbox::new();
    sandbox.file("bastion-revoke.toml", "rate = 2\n");
    let shown = shown(&sandbox, &["--profile", "offboarding"], &[]);
    let expected = ("offboarding".to_owned(), "flag --profile".to_owned());
    assert_eq!(setting(&shown, "credential-profile"), expected);
    assert!(shown["profile"].is_null());
    let args = ["credentials", "show", "--profile", "offboarding"];
    sandbox.ends(&args).expect(77, "names the profile `offboarding`, which is in neither file");
}

#[test]
fn a_file_named_by_config_is_read_instead_of_the_others() {
    let sandbox = Sandbox::new();
    user_file(&sandbox, "rate = 1\n");
    sandbox.file("bastion-revoke.toml", "nonsense");
    std::fs::create_dir(sandbox.path("etc")).expect("a folder");
    sandbox.file("etc/cron.toml", "rate = 5\nprotect = \"kept.csv\"\nout = \"cron.csv\"\n");
    let by_variable = shown(&sandbox, &[], &[("BASTION_REVOKE_CONFIG", "etc/cron.toml")]);
    for shown in [by_variable, shown(&sandbox, &["--config", "etc/cron.toml"], &[])] {
        assert_eq!(setting(&shown, "rate").1, "etc/cron.toml:1");
        assert_eq!(setting(&shown, "protect").0, "etc/kept.csv", "beside the file that names it");
        assert_eq!(setting(&shown, "out").0, "cron.csv", "where the command is run");
    }
    let args = ["config", "show", "--config", "none.toml"];
    sandbox.ends(&args).expect(78, "none.toml: can't be read: No such file");
}

/// A run uses the settings of the files.
#[test]
fn a_run_uses_the_settings_of_the_files() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    let endpoint = service.endpoint();
    sandbox.file("list.csv", "Login,host,account\n7,1,2\n7,1,\n");
    sandbox.file(
        "bastion-revoke.toml",
        format!(
            "map = [\"user=Login\"]\nskip-invalid = true\nrate = 1_000\nout = \"mine.csv\"\n\
             max-users = 0\n[profile.here]\nendpoint = \"{endpoint}\"\ninstance-id = \"i\"\n\
             fail-over = \"50%\"\ncanary = 1\n"
        ),
    );
    let run = |more: &[&str], yes: &str| {
        let args = [&["run", "list.csv", "--profile", "here"], more].concat();
        let mut command = sandbox.command(&args);
        with_keys(&mut command, "testsecret");
        command.env("BASTION_REVOKE_YES", yes);
        Ended::of(&command.output().expect("it starts"))
    };
    run(&[], "true").expect(4, "--max-users is 0");
    run(&["--max-users", "1", "--skip-invalid=false"], "true").expect(65, "blank account");
    run(&["--max-users", "1"], "false").expect(2, "there is no terminal to confirm at");
    run(&["--max-users", "1", "--confirm", "2"], "true").expect(4, "1 revocations are planned");
    let ended = run(&["--max-users", "1"], "true");
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_eq!(sandbox.outcome("mine.csv").len(), 2);
    assert_eq!(service.stop().removed.len(), 1);
    let plan = sandbox.ends(&["plan", "list.csv", "--profile", "here"]);
    assert!(plan.code == 4 && plan.out.contains("up to 1000/s"), "{plan:?}");
    assert!(plan.err.contains("--max-users is 0"), "{plan:?}");
    assert_eq!(sandbox.ends(&["check", "list.csv"]).code, 65, "the columns are mapped");
}

#[test]
fn no_setting_turns_a_rehearsal_into_a_run() {
    let sandbox = Sandbox::new();
    sandbox.sample("offboarding.csv");
    let service = TestService::start(Settings::default());
    let text = format!("endpoint = \"{}\"\nconfirm = 3\nrehearse = true\n", service.endpoint());
    sandbox.file("bastion-revoke.toml", text);
    for more in [&["--rehearse"][..], &["--yes"][..]] {
        let ended = sandbox.ends(&[&["run", "offboarding.csv"], more].concat());
        assert_eq!(ended.code, 0, "{ended:?}");
        assert!(ended.out.contains("Rehearsed: "), "{ended:?}");
    }
    assert_eq!(service.stop().counts.attempts, 0);
}

/// All mistakes of a file are reported at once, with their places; see `messages` for the texts.
#[test]
fn a_mistake_in_a_file_is_78_before_anything_is_read() {
    let sandbox = Sandbox::new();
    for (text, says) in [
        ("rte = 5", "line 1, column 1: unknown key `rte`; did you mean `rate`?"),
        (
            "\n  instance_id = 'x'",
            "line 2, column 3: unknown key `instance_id`; did you mean `instance-id`?",
        ),
        ("rate = 0", "line 1, column 8: rate: expected requests a second"),
        ("rate = \"5\"", "rate: expected a number, without quotes"),
        ("out = 5", "out: expected text in quotes"),
        ("skip-invalid = 1", "skip-invalid: expected true or false"),
        ("timeout = 10", "timeout: expected a duration such as 500ms"),
        ("signature = \"v2\"", "signature: expected one of v1, acs3"),
        ("rate = [5]", "rate: expected one value, not a list"),
        ("map = [\"user=Login\", \"x=y\"]", "map: "),
        ("yes = true", "`yes` applies to a single run"),
        ("config = \"x\"", "`config` can't be set within settings"),
        ("profile = \"prod\"", "profile: expected tables such as [profile.prod]"),
        ("[profile.a]\nrte = 5", "line 2, column 1: unknown key `rte`"),
        ("[profile.a.b]\nrate = 5", "unknown key `b`"),
        ("[profiles.a]\nrate = 5", "unknown key `profiles`; did you mean `profile`?"),
        (
            "default-profile = \"prdo\"\n[profile.prod]",
            "default-profile `prdo`: the settings have no such profile; did you mean `prod`?",
        ),
        ("default-profile = \"prod\"", "the settings have no [profile.NAME]"),
        ("rate = 1\nrate = 2", "line 2, column 1: duplicate key"),
        ("rate 5", "line 1, column 6: "),
    ] {
        sandbox.file("bastion-revoke.toml", text);
        for args in [&["check", "none.csv"][..], &["run", "none.csv", "--yes"], &["config", "show"]]
        {
            let ended = sandbox.ends(args).expect(78, says);
            assert!(ended.err.contains("bastion-revoke.toml"), "{ended:?}");
            assert_eq!(ended.out, "");
        }
    }
    sandbox.file("bastion-revoke.toml", b"rate = 5 # \xff");
    sandbox.ends(&["config", "show"]).expect(78, "bastion-revoke.toml: not UTF-8");
    sandbox.file("bastion-revoke.toml", "rate = 5\n[profile.prod]\n");
    sandbox
        .ends(&["plan", "none.csv", "--profile", "prdo"])
        .expect(78, "--profile prdo: the settings have no such profile; did you mean `prod`?");
    // A command without settings ignores the file.
    sandbox.file("bastion-revoke.toml", "nonsense");
    assert_eq!(sandbox.ends(&["completions", "bash"]).code, 0);
}

#[test]
fn files_and_the_command_line_cannot_set_a_secret() {
    let sandbox = Sandbox::new();
    for text in [
        "access-key-secret = \"planted\"",
        "access_key_secret = planted",
        "accesskeysecrt = '''\nplanted'''",
        "[profile.a]\nsecurity-token = \"planted\"",
        "endpoint = \"https://u:planted@h\"",
        "endpoint = \"https://u:planted@h",
        "rate = \"planted@\"",
    ] {
        sandbox.file("bastion-revoke.toml", text);
        let ended = sandbox.ends(&["config", "show"]).expect(78, "bastion-revoke.toml, line ");
        assert!(!ended.err.contains("planted"), "{ended:?}");
    }
    std::fs::remove_file(sandbox.path("bastion-revoke.toml")).expect("it was there");
    for args in [
        &["run", "x.csv", "--access-key-secret", "planted"][..],
        &["run", "x.csv", "--access-key-secret=planted"],
        &["run", "x.csv", "--secret=planted"],
        &["credentials", "show", "--security-token", "planted"],
    ] {
        let ended = sandbox.ends(args).expect(2, "secrets are not accepted there");
        assert!(!ended.err.contains("planted"), "{ended:?}");
    }
    let ended = sandbox.ends(&["run", "x.csv", "--endpoint", "https://u:planted@h", "--yes"]);
    assert!(ended.code == 2 && !ended.err.contains("planted"), "{ended:?}");
    let mut command = sandbox.command(&["check", "x.csv"]);
    command.env("BASTION_REVOKE_ACCESS_KEY_SECRET", "planted");
    let ended = Ended::of(&command.output().expect("it starts"));
    let ended = ended.expect(78, "BASTION_REVOKE_ACCESS_KEY_SECRET: no such setting; keys are");
    assert!(!ended.err.contains("planted"), "{ended:?}");
}

#[test]
fn an_unknown_variable_of_this_tool_is_an_error() {
    let sandbox = Sandbox::new();
    let with = |name: &str, value: &str| {
        Ended::of(
            &sandbox.command(&["config", "show"]).env(name, value).output().expect("it starts"),
        )
    };
    with("BASTION_REVOKE_MAX_USER", "5").expect(78, "did you mean BASTION_REVOKE_MAX_USERS?");
    with("BASTION_REVOKE_RATE", "x").expect(78, "BASTION_REVOKE_RATE: x: expected requests a");
    with("BASTION_REVOKE_SKIP_INVALID", "perhaps").expect(78, "BASTION_REVOKE_SKIP_INVALID");
    with("BASTION_REVOKE_RATE", "").expect(0, "");
    with("BASTION_REVOKE_SKIP_INVALID", "1").expect(0, "");
}

/// Both signatures, keys of both kinds, and requests of ten by ten names that are too long for a
/// query.
#[test]
fn a_run_signed_with_acs3_is_accepted() {
    let sandbox = Sandbox::new();
    let mut list = "user,kind,target,account\n7,host,1,*\n7,database,2,3\n".to_owned();
    for (group, account) in (0..10).flat_map(|group| (0..10).map(move |n| (group, n))) {
        let name = "\u{8d26}\u{6237}".repeat(60);
        let _ = writeln!(list, "7,host-group,{group},{name}{account}");
    }
    sandbox.file("list.csv", &list);
    for (signature, token) in
        [("v1", ""), ("acs3", ""), ("v1", "testtoken+/="), ("acs3", "testtoken+/=")]
    {
        let service =
            TestService::start(Settings { grants: Grants::on_demand(), ..Settings::default() });
        let more = ["--yes", "--restart", "--signature", signature, "--concurrency", "1"];
        let mut command = sandbox.run_command("list.csv", &service.endpoint(), &more);
        if !token.is_empty() {
            command.env("ALIBABA_CLOUD_SECURITY_TOKEN", token);
        }
        let ended = Ended::of(&command.output().expect("it starts"));
        assert_eq!(ended.code, 0, "{signature}: {ended:?}");
        let audit = service.stop();
        assert_eq!((audit.removed.len(), audit.counts.attempts), (102, 3), "{signature}");
        let kind = if signature == "v1" { SignatureKind::V1 } else { SignatureKind::Acs3 };
        assert!(audit.asked.iter().all(|attempt| attempt.signature == Some(kind)), "{audit:?}");
        let service = TestService::start(Settings::default());
        let mut command = sandbox.run_command("list.csv", &service.endpoint(), &more);
        with_keys(&mut command, "testsecret-of-another");
        let ended = Ended::of(&command.output().expect("it starts"));
        assert_eq!(ended.code, 77, "{signature}: {ended:?}");
        assert!(ended.out.contains("the access key secret is wrong"), "{ended:?}");
    }
}

#[test]
fn completions_are_scripts_and_the_manual_has_every_option() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = sandbox.ends(&["completions", shell]).expect(0, "").out;
        for word in ["max-revocations", "credential-profile", "simulate"] {
            assert!(script.contains(word), "{shell} lacks {word}");
        }
        sandbox.file(shell, script);
    }
    let bash = std::process::Command::new("bash").arg("-n").arg(sandbox.path("bash")).output();
    let bash = bash.expect("bash");
    assert!(bash.status.success() && bash.stderr.is_empty(), "{bash:?}");
    let manual = sandbox.ends(&["man"]).expect(0, "").out;
    assert!(manual.contains(".TH bastion-revoke 1"), "it is roff");
    let plain = manual.replace("\\-", "-").replace("\\fR", "").replace("\\fB", "");
    let commands = [
        &["check"][..],
        &["plan"],
        &["run"],
        &["config", "show"],
        &["credentials", "show"],
        &["simulate"],
    ];
    for command in commands {
        let heading = format!("bastion-revoke {}", command.join(" ")).to_uppercase();
        let (_, part) = plain
            .split_once(&format!(".SH \"{heading}\""))
            .unwrap_or_else(|| panic!("no part about {heading}:\n{plain}"));
        let part = part.split("\n.SH ").next().unwrap_or_default();
        let help = sandbox.ends(&[command, &["--help"]].concat()).out;
        let lines = help.lines().map(str::trim_start).filter(|line| line.starts_with('-'));
        for option in
            lines.filter_map(|line| line.split([' ', '=', ',']).find(|w| w.starts_with("--")))
        {
            let option = option.trim_end_matches('.');
            assert!(part.contains(option), "{heading} lacks {option}:\n{part}");
        }
        assert!(help.contains("Examples:"), "{heading} has examples");
    }
}
