//! `verify`: whether the grants of an outcome are gone, and what remains.

use crate::archives;
use crate::sandbox::{Ended, INSTANCE, Row, Sandbox, TestService, with_keys};
use bastion_revoke::sim::Settings;
use bastion_revoke::sim::world::World;
use std::collections::BTreeMap;

const WORLD: &str = include_str!("../../samples/world.toml");

/// The direct grants of Li Na, as a list.
const LIST: &str = "user,kind,target,account\n\
    17,host,1027,3058\n17,host,1027,3059\n17,host,1031,*\n17,host-group,12,ops\n17,database,88,501\n";

fn service(behaviour: &str) -> TestService {
    let text = format!("{WORLD}\n[behaviour]\n{behaviour}\n");
    let world = World::parse(&text).expect("a world");
    TestService::start(Settings { world: Some(world), ..Settings::default() })
}

fn verify(sandbox: &Sandbox, service: &TestService, args: &[&str]) -> Ended {
    let endpoint = service.endpoint();
    let more = ["--instance-id", INSTANCE, "--endpoint", &endpoint, "--read-rate", "1000"];
    let mut command = sandbox.command(&[&["verify", "--settle", "60ms"], args, &more].concat());
    with_keys(&mut command, "testsecret");
    Ended::of(&command.output().expect("it starts"))
}

/// Revokes the list.
fn revoked(service: &TestService, list: &str, more: &[&str]) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.file("list.csv", list);
    let args = [&["--yes"], more].concat();
    let ran = sandbox.run_command("list.csv", &service.endpoint(), &args).output();
    let ran = Ended::of(&ran.expect("it starts"));
    assert!([0, 1].contains(&ran.code), "{ran:?}");
    sandbox
}

fn column(rows: &[Row], name: &str) -> Vec<String> {
    rows.iter().map(|row| row[name].clone()).collect()
}

#[test]
fn revoked_grants_are_gone_and_the_other_columns_of_the_outcome_stay() {
    let service = service("");
    let sandbox = revoked(&service, LIST, &[]);
    let before = std::fs::read_to_string(sandbox.path("outcome.csv")).expect("an outcome");
    for _ in 0..2 {
        let ended = verify(&sandbox, &service, &["outcome.csv"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        let rows = sandbox.outcome("outcome.csv");
        assert_eq!(column(&rows, "verified"), ["gone"; 5]);
        assert!(column(&rows, "verified_at").iter().all(|time| time.ends_with('Z')));
        assert_eq!(rows[0]["verified_note"], "host 1027 itself is still granted");
        let after = std::fs::read_to_string(sandbox.path("outcome.csv")).expect("an outcome");
        for (old, new) in before.lines().zip(after.lines()) {
            assert!(new.starts_with(&format!("{old},")), "{old}\n{new}");
        }
    }
    let residual = sandbox.outcome("residual.csv");
    let routes: Vec<&str> = residual.iter().map(|row| &*row["route"]).collect();
    assert_eq!(
        routes,
        [
            "direct",
            "user_group",
            "rule",
            "rule_of_user_group",
            "public_key",
            "directory_group",
            "not_visible"
        ]
    );
    assert_eq!(
        residual[0]["reaches"],
        "host 1027 (web-01); host 1044 (jump-01); host-group 12 (web); database 88 (orders)"
    );
}

#[test]
fn a_grant_that_is_given_again_is_still_there_and_ends_with_5() {
    let service =
        service("regrants = [{ grant = { user = \"17\", host = \"1031\" }, after_reads = 0 }]");
    let sandbox = revoked(&service, LIST, &[]);
    let ended = verify(&sandbox, &service, &["outcome.csv", "--json"]);
    assert_eq!(ended.code, 5, "{ended:?}");
    let rows = sandbox.outcome("outcome.csv");
    assert_eq!(column(&rows, "verified"), ["gone", "gone", "still", "gone", "gone"]);
    let summary: serde_json::Value = serde_json::from_str(&ended.out).expect("JSON");
    assert_eq!(summary["exit_code"], 5);
    assert_eq!(summary["rows"]["still"], 1);
    assert_eq!(summary["still"][0]["grant"], "user 17, host 1031, account *");
}

#[test]
fn inherited_grants_in_the_lists_are_elsewhere_and_never_still() {
    let service = service("inherited_grants = true\nis_authorized_text = true\npage_size_cap = 1");
    // User 17 has 1081 by user group 3, 1080 by rule 7, and 91 by rule 8.
    let list = "user,kind,target,account\n17,host,1081,*\n17,host,1081,3311\n17,host,1080,*\n\
        17,host,1080,3310\n17,database,91,511\n17,host,1044,*\n";
    let sandbox = revoked(&service, list, &[]);
    let ended = verify(&sandbox, &service, &["outcome.csv"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let rows = sandbox.outcome("outcome.csv");
    assert_eq!(
        column(&rows, "verified"),
        ["elsewhere", "elsewhere", "elsewhere", "elsewhere", "elsewhere", "gone"],
        "{rows:#?}"
    );
    assert_eq!(rows[0]["verified_note"], "user group 3");
    assert_eq!(rows[2]["verified_note"], "rule 7");
}

#[test]
fn what_cannot_be_read_is_unchecked_and_never_gone() {
    let service = service("denied_operations = [\"ListHostsForUser\"]");
    let sandbox = revoked(&service, LIST, &[]);
    let ended = verify(&sandbox, &service, &["outcome.csv"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let rows = sandbox.outcome("outcome.csv");
    assert_eq!(column(&rows, "verified"), ["gone", "gone", "unchecked", "gone", "gone"]);
    assert!(rows[2]["verified_note"].starts_with("ListHostsForUser: NoPermission"));
    let note = &rows[0]["verified_note"];
    assert!(note.starts_with("whether host 1027 itself is granted is not known"), "{note}");
    assert!(ended.out.contains("not checked: direct grants: ListHostsForUser"), "{}", ended.out);
}

#[test]
fn without_the_routes_a_listed_grant_is_not_called_still() {
    let service = service(
        "denied_operations = [\"ListRules\"]\n\
         regrants = [{ grant = { user = \"17\", host = \"1031\" }, after_reads = 0 }]",
    );
    let sandbox = revoked(&service, LIST, &[]);
    let ended = verify(&sandbox, &service, &["outcome.csv", "--no-residual"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    let rows = sandbox.outcome("outcome.csv");
    assert_eq!(rows[2]["verified"], "unchecked");
    let note = &rows[2]["verified_note"];
    assert!(note.contains("authorization rules: ListRules: NoPermission"), "{note}");
}

#[test]
fn reads_that_lag_behind_do_not_make_a_grant_still() {
    let service = service("read_lag_reads = 12");
    // The accounts of a target that is gone as a whole are not read again, nor are they remembered.
    let list = "user,kind,target,account\n17,host,1031,*\n17,host,1031,3102\n";
    let sandbox = revoked(&service, list, &[]);
    let ended = verify(&sandbox, &service, &["outcome.csv", "--no-residual"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(column(&sandbox.outcome("outcome.csv"), "verified"), ["gone"; 2]);
}

#[test]
fn the_ids_of_names_are_those_of_the_outcome() {
    let service = service("");
    let list = "user_name,host_name,account_name\nlina@corp,web-01,root\nlina@corp,build-01,*\n";
    let sandbox = revoked(&service, list, &[]);
    let look_ups = || {
        let operations = service.audit().operations;
        ["ListUsers", "ListHosts"].map(|name| operations[name].attempts)
    };
    let before = look_ups();
    let ended = verify(&sandbox, &service, &["outcome.csv", "--no-residual"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(column(&sandbox.outcome("outcome.csv"), "verified"), ["gone"; 2]);
    assert!(ended.out.contains("1 user or user group: at least 3 calls"), "{}", ended.out);
    assert_eq!(look_ups(), before, "names are not looked up again");
    let path = sandbox.path("outcome.csv");
    let text = std::fs::read_to_string(&path).expect("an outcome");
    std::fs::write(&path, text.replace(",17,1031,", ",,1031,")).expect("it is written");
    verify(&sandbox, &service, &["outcome.csv"])
        .expect(65, "user with the name \"lina@corp\" has no id in resolved_user");
}

#[test]
fn rows_without_a_grant_that_may_exist_are_not_verified() {
    let service = service("");
    let list = format!("{LIST}17,host,,3058\n");
    let sandbox = revoked(&service, &list, &["--skip-invalid", "--excel"]);
    let path = sandbox.path("outcome.csv");
    let text = std::fs::read_to_string(&path).expect("an outcome");
    std::fs::write(&path, text.replacen(",revoked,", ",unknown,", 1)).expect("it is written");
    let ended = verify(&sandbox, &service, &["outcome.csv", "--no-residual"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    for line in ["  of them unknown before", "not verified"] {
        let line = ended.out.lines().find(|found| found.contains(line)).expect(line);
        assert!(line.contains("  1  "), "{line}");
    }
    let text = std::fs::read_to_string(&path).expect("an outcome");
    let header = text.lines().next().expect("a header");
    assert!(header.ends_with("verified,verified_at,verified_note,text_mark"), "{header}");
    assert!(text.starts_with('\u{feff}') && header.ends_with('k'));
}

#[test]
fn a_deleted_user_or_a_rehearsal_is_not_gone() {
    let service = service("");
    let sandbox = revoked(&service, "user,kind,target,account\n999,host,1031,*\n", &[]);
    let ended = verify(&sandbox, &service, &["outcome.csv"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_eq!(column(&sandbox.outcome("outcome.csv"), "verified"), ["unchecked"]);
    let rehearsed = sandbox.ends(&["run", "list.csv", "--rehearse"]);
    assert_eq!(rehearsed.code, 0, "{rehearsed:?}");
    verify(&sandbox, &service, &["rehearsal.csv"]).expect(65, "the outcome of a rehearsal");
    verify(&sandbox, &service, &["list.csv"]).expect(65, "status");
    verify(&sandbox, &service, &["missing.csv"]).expect(66, "missing.csv");
}

#[test]
fn a_sample_states_its_confidence_and_leaves_the_other_rows_blank() {
    let service = service("");
    let rows = ["17", "23", "31", "46", "58"].map(|user| format!("{user},host,1031,*\n"));
    let list = format!("user,kind,target,account\n{}", rows.concat());
    let sandbox = revoked(&service, &list, &[]);
    let ended = verify(&sandbox, &service, &["outcome.csv", "--no-residual", "--sample", "40%"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let verified = column(&sandbox.outcome("outcome.csv"), "verified");
    assert_eq!(verified.iter().filter(|cell| *cell == "gone").count(), 2, "{verified:?}");
    assert!(ended.out.contains("With 95 % confidence at most 77.64 % of all"), "{}", ended.out);
}

#[test]
fn user_groups_are_verified_by_their_own_lists() {
    let service = service("inherited_grants = true");
    let list =
        "user_group,kind,target,account\n3,host,1081,3311\n3,database,91,*\n4,database,91,*\n";
    let sandbox = revoked(&service, list, &[]);
    let ended = verify(&sandbox, &service, &["outcome.csv"]);
    let rows = sandbox.outcome("outcome.csv");
    assert_eq!(column(&rows, "verified")[2], "gone", "{rows:#?}");
    assert_eq!(rows[1]["verified_note"], "rule 8", "{rows:#?}");
    assert_eq!(ended.code, 1, "{ended:?}");
}

/// `run --verify` with this list.
fn run_and_verify(sandbox: &Sandbox, service: &TestService, more: &[&str]) -> Ended {
    let args = ["--yes", "--verify", "--settle", "60ms", "--read-rate", "1000"];
    let mut command =
        sandbox.run_command("list.csv", &service.endpoint(), &[&args[..], more].concat());
    Ended::of(&command.output().expect("it starts"))
}

#[test]
fn a_run_reads_itself_back_with_verify() {
    let service = service("");
    let sandbox = Sandbox::new();
    sandbox.file("list.csv", LIST.replace("user,", "user_name,").replace("17,", "lina@corp,"));
    let ended = run_and_verify(&sandbox, &service, &["--html", "page.html"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let at = |text: &str| ended.out.find(text).unwrap_or_else(|| panic!("{text}: {ended:?}"));
    assert!(at("Finished: access is gone for 5") < at("Reading back the access of 1 user"));
    assert!(at("Verified 5 rows") < at("Residual access:"));
    assert_eq!(column(&sandbox.outcome("outcome.csv"), "verified"), ["gone"; 5]);
    assert!(sandbox.outcome("residual.csv").iter().any(|row| row["route"] == "user_group"));
    let page = std::fs::read_to_string(sandbox.path("page.html")).expect("a page");
    assert!(page.contains("night-shift"), "the page is written after the run was read back");
    // The finished job is only read back again, and its summary as JSON has the result.
    let ended = run_and_verify(&sandbox, &service, &["--json"]);
    let summary: serde_json::Value = serde_json::from_str(&ended.out).expect("one JSON value");
    assert_eq!(summary["exit_code"], 0, "{summary}");
    assert_eq!(summary["verification"]["rows"]["gone"], 5, "{summary}");
    assert_eq!(service.audit().operations["DetachHostAccountsFromUser"].attempts, 1);
}

#[test]
fn a_run_that_finds_access_after_it_ends_with_5_and_its_ledger_keeps_its_own_result() {
    let service =
        service("regrants = [{ grant = { user = \"17\", host = \"1031\" }, after_reads = 0 }]");
    let sandbox = Sandbox::new();
    sandbox.file("list.csv", LIST);
    let ended =
        run_and_verify(&sandbox, &service, &["--json", "--on-finish", "cat > summary.json"]);
    assert_eq!(ended.code, 5, "{ended:?}");
    let sent = std::fs::read_to_string(sandbox.path("summary.json")).expect("a summary");
    let sent: serde_json::Value = serde_json::from_str(&sent).expect("JSON");
    assert_eq!(sent["exit_code"], 5, "{sent}");
    assert_eq!(sent["verification"]["rows"]["still"], 1);
    let status = sandbox.ends(&["status", "--json", "outcome.csv"]);
    let status: serde_json::Value = serde_json::from_str(&status.out).expect("JSON");
    assert_eq!(status["exit_code"], 0, "{status}");
}

#[test]
fn a_run_that_cannot_be_read_back_says_so_and_is_not_called_verified() {
    let service = service("");
    let sandbox = Sandbox::new();
    sandbox.file("list.csv", LIST);
    sandbox.file("residual.csv", "mine\n");
    let ended = run_and_verify(&sandbox, &service, &[]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.out.contains("Finished: access is gone for 5 of 5 rows"), "{ended:?}");
    assert!(ended.err.contains("was not read back: residual.csv exists"), "{ended:?}");
    let outcome = std::fs::read_to_string(sandbox.path("outcome.csv")).expect("an outcome");
    assert!(!outcome.contains("verified"), "{outcome}");
}

/// Calls of list and read operations so far, by operation.
fn calls(service: &TestService) -> BTreeMap<String, u64> {
    let operations = service.audit().operations.into_iter();
    operations.map(|(name, operation)| (name.clone(), operation.attempts)).collect()
}

#[test]
fn a_killed_verification_continues_and_reads_nothing_twice() {
    let list = format!("{LIST}23,host,1031,*\n31,host,1031,*\n");
    for more in [&[][..], &["--no-residual"]] {
        let whole = service("");
        let uninterrupted = revoked(&whole, &list, &[]);
        let before = calls(&whole);
        let args = [&["outcome.csv", "--json"], more].concat();
        let expected = verify(&uninterrupted, &whole, &args);
        assert_eq!(expected.code, 0, "{expected:?}");
        let expected_calls = since(&before, &calls(&whole));
        let all: u64 = expected_calls.values().sum();
        // With the last, everything was read and nothing written.
        for kept in [1, 2, 3, 5, all - 1, all] {
            let service = service("");
            let sandbox = revoked(&service, &list, &[]);
            let before = calls(&service);
            let unverified = sandbox.outcome("outcome.csv");
            let endpoint = service.endpoint();
            let options =
                ["--instance-id", INSTANCE, "--endpoint", &endpoint, "--concurrency", "1"];
            let options = [&["verify", "--read-rate", "1000"][..], &args, &options].concat();
            let mut command = sandbox.command(&options);
            with_keys(&mut command, "testsecret");
            command.env("BASTION_REVOKE_FAIL_POINT", format!("reading-kept:{kept}"));
            let killed = command.output().expect("it starts");
            assert!(killed.status.code().is_none(), "{kept}: it is killed: {killed:?}");
            assert_eq!(sandbox.outcome("outcome.csv"), unverified);
            command.env_remove("BASTION_REVOKE_FAIL_POINT");
            let ended = Ended::of(&command.output().expect("it starts"));
            assert_eq!(ended.code, 0, "{ended:?}");
            // At most the one call that was in flight is sent again.
            let done = since(&before, &calls(&service));
            assert!(done.keys().eq(expected_calls.keys()), "{kept} {more:?}: {done:?}");
            let twice: u64 = done.iter().map(|(name, calls)| calls - expected_calls[name]).sum();
            assert!(twice <= 1, "{kept} {more:?}: {done:?}, expected {expected_calls:?}");
            let summary = |text: &str| {
                let mut summary: serde_json::Value = serde_json::from_str(text).expect("JSON");
                let members = summary.as_object_mut().expect("an object");
                (members.remove("continued").expect("a member"), members.remove("calls"), summary)
            };
            let (continued, _, rest) = summary(&ended.out);
            assert_eq!(continued["readings"], kept);
            assert_eq!(rest, summary(&expected.out).2);
            let verdicts = |sandbox: &Sandbox| column(&sandbox.outcome("outcome.csv"), "verified");
            assert_eq!(verdicts(&sandbox), verdicts(&uninterrupted));
        }
    }
}

/// The calls between two moments.
fn since(before: &BTreeMap<String, u64>, after: &BTreeMap<String, u64>) -> BTreeMap<String, u64> {
    let new = |(name, calls): (&String, &u64)| {
        let new = calls - before.get(name).copied().unwrap_or_default();
        (new > 0).then(|| (name.clone(), new))
    };
    after.iter().filter_map(new).collect()
}

/// A verification that was killed when it had kept 4 readings.
fn killed(service: &TestService) -> Sandbox {
    let sandbox = revoked(service, LIST, &[]);
    let endpoint = service.endpoint();
    let more = ["--instance-id", INSTANCE, "--endpoint", &endpoint, "--read-rate", "1000"];
    let mut command = sandbox.command(&[&["verify", "outcome.csv"][..], &more].concat());
    with_keys(&mut command, "testsecret");
    command.env("BASTION_REVOKE_FAIL_POINT", "reading-kept:4");
    assert!(command.output().expect("it starts").status.code().is_none(), "it is killed");
    sandbox
}

fn change_ledger(sandbox: &Sandbox, statement: &str) {
    let ledger = rusqlite::Connection::open(sandbox.path("outcome.csv.ledger")).expect("a ledger");
    assert!(ledger.execute(statement, []).expect("it is changed") > 0);
}

#[test]
fn only_recent_readings_of_the_same_grants_are_continued() {
    let ages = [
        ("UPDATE reading SET read_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-16 minutes')", None),
        ("UPDATE reading SET read_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '1 minute')", None),
        ("UPDATE verification SET subject = '[]'", None),
        ("UPDATE verification SET ended_at = began_at", None),
        (
            "UPDATE reading SET read_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now', '-13 minutes')",
            Some(4),
        ),
    ];
    for (statement, expected) in ages {
        let service = service("");
        let sandbox = killed(&service);
        change_ledger(&sandbox, statement);
        let ended = verify(&sandbox, &service, &["outcome.csv", "--json"]);
        assert_eq!(ended.code, 0, "{ended:?}");
        let summary: serde_json::Value = serde_json::from_str(&ended.out).expect("JSON");
        assert_eq!(summary["continued"]["readings"].as_u64(), expected, "{statement}");
        let times = column(&sandbox.outcome("outcome.csv"), "verified_at");
        if expected.is_some() {
            let oldest = summary["continued"]["oldest_at"].as_str().expect("a time");
            assert!(times.iter().all(|time| time == oldest), "{times:?}, not {oldest}");
        }
    }
}

#[test]
fn a_restart_reads_everything_and_a_missing_ledger_is_named() {
    let service = service("");
    let sandbox = killed(&service);
    let ended = verify(&sandbox, &service, &["outcome.csv", "--restart", "--json"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert!(ended.out.contains("\"continued\": null") || ended.out.contains("\"continued\":null"));
    std::fs::remove_file(sandbox.path("outcome.csv.ledger")).expect("it is removed");
    let ended = verify(&sandbox, &service, &["outcome.csv"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    let why = "cannot be continued if it is interrupted: outcome.csv.ledger is missing";
    assert!(ended.err.contains(why), "{ended:?}");
}

#[test]
fn a_grant_that_was_read_as_still_is_read_again_after_an_interruption() {
    let service =
        service("regrants = [{ grant = { user = \"17\", host = \"1031\" }, after_reads = 0 }]");
    let sandbox = killed(&service);
    let ended = verify(&sandbox, &service, &["outcome.csv"]);
    assert_eq!(ended.code, 5, "{ended:?}");
    assert_eq!(column(&sandbox.outcome("outcome.csv"), "verified")[2], "still");
}

/// Promise 12: what is continued counts as complete.
#[test]
fn an_incomplete_listing_is_not_kept() {
    for (behaviour, is_kept) in [("", true), ("total_count_offset = 1", false)] {
        let service = service(behaviour);
        let sandbox = revoked(&service, LIST, &[]);
        let ended = verify(&sandbox, &service, &["outcome.csv"]);
        assert_eq!(ended.code, i32::from(!is_kept), "{ended:?}");
        let path = sandbox.path("outcome.csv.ledger");
        let ledger = rusqlite::Connection::open(path).expect("a ledger");
        let kept = "SELECT count(*) FROM reading WHERE key LIKE '%ListHostsForUser%'";
        let kept: i64 = ledger.query_row(kept, [], |row| row.get(0)).expect("a number");
        assert_eq!(kept > 0, is_kept, "{behaviour}: {kept}");
    }
}

/// Both outcomes are in one folder, which has one `residual.csv`.
#[test]
fn a_page_and_a_bundle_have_no_routes_of_another_outcome() {
    let service = service("");
    let sandbox = revoked(&service, LIST, &[]);
    assert_eq!(verify(&sandbox, &service, &["outcome.csv"]).code, 0);
    let has_routes = |name: &str| {
        let (page, bundle) = (format!("{name}.html"), format!("{name}.zip"));
        let ended = sandbox.ends(&["report", name, "--html", &page]);
        assert_eq!(ended.code, 0, "{ended:?}");
        let made = sandbox.ends(&["evidence", name, "--out", &bundle]);
        assert_eq!(made.code, 0, "{made:?}");
        let files = archives::read(&sandbox.path(&bundle));
        let is_in_bundle = files.iter().any(|(name, _)| name == "residual.csv");
        let page = std::fs::read_to_string(sandbox.path(&page)).expect("a page");
        assert_eq!(page.contains("night-shift"), is_in_bundle, "{name}");
        assert_eq!(ended.err.contains("residual.csv is left out"), !is_in_bundle, "{ended:?}");
        for made in [format!("{name}.html"), bundle] {
            std::fs::remove_file(sandbox.path(&made)).expect("it is removed");
        }
        is_in_bundle
    };
    assert!(has_routes("outcome.csv"));
    let (list, header) = (LIST.lines().skip(1), LIST.lines().next().expect("a header"));
    let others: Vec<String> = list.map(|row| format!("23{}", &row[2..])).collect();
    sandbox.file("others.csv", format!("{header}\n{}\n", others.join("\n")));
    let endpoint = service.endpoint();
    let mut run =
        sandbox.run_command("others.csv", &endpoint, &["--yes", "--out", "others.out.csv"]);
    assert!(run.output().expect("it starts").status.code() == Some(0));
    assert_eq!(verify(&sandbox, &service, &["others.out.csv"]).code, 0);
    assert!(!has_routes("outcome.csv"), "the routes of user 23");
}
