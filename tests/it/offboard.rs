//! `offboard`: what goes, what stays, and what is repeated after a crash.

use crate::archives;
use crate::sandbox::{Ended, INSTANCE, Sandbox, TestService, with_keys};
use bastion_revoke::failpoint;
use bastion_revoke::sim::Settings;
use bastion_revoke::sim::world::World;
use std::process::Command;

const WORLD: &str = include_str!("../../samples/world.toml");

/// All steps, without a pause between readings.
const ALL: [&str; 6] = ["--lock", "--leave-groups", "--delete-keys", "--settle", "0", "--yes"];

/// Fail points of the run inside an offboarding.
const OF_THE_RUN: [&str; 4] = ["ledger-made", "run-begun", "outcome-written", "outcome-renamed"];

fn service_of(world: &str, behaviour: &str) -> TestService {
    let text = format!("{world}\n[behaviour]\n{behaviour}\n");
    let world = World::parse(&text).expect("a world");
    TestService::start(Settings { world: Some(world), ..Settings::default() })
}

fn service(behaviour: &str) -> TestService {
    service_of(WORLD, behaviour)
}

fn command(sandbox: &Sandbox, service: &TestService, args: &[&str]) -> Command {
    let endpoint = service.endpoint();
    let more = ["--instance-id", INSTANCE, "--endpoint", &endpoint, "--read-rate", "1000"];
    let more = [&["offboard"], args, &more, &["--rate", "1000"]].concat();
    let mut command = sandbox.command(&more);
    with_keys(&mut command, "testsecret");
    command.env("BASTION_REVOKE_STS_ENDPOINT", endpoint);
    command
}

fn offboard(sandbox: &Sandbox, service: &TestService, args: &[&str]) -> Ended {
    Ended::of(&command(sandbox, service, args).output().expect("it starts"))
}

/// What the service removed: grants, and the number of other writes.
fn removed(service: &TestService) -> Vec<String> {
    let audit = service.audit();
    let mut removed: Vec<String> =
        audit.removed.iter().map(|grant| serde_json::to_string(grant).expect("JSON")).collect();
    removed.sort();
    removed
}

fn nothing_was_changed(service: &TestService) -> bool {
    removed(service).is_empty() && service.audit().counts.writes == 0
}

#[test]
fn a_dry_run_shows_what_goes_and_what_stays_and_changes_nothing() {
    let service = service("");
    let sandbox = Sandbox::new();
    let args = ["--user", "lina@corp", "--lock", "--leave-groups", "--dry-run"];
    let ended = offboard(&sandbox, &service, &args);
    assert_eq!(ended.code, 0, "{ended:?}");
    for line in [
        "user 17 (lina@corp, Li Na), source AD, Normal",
        "    lock the user",
        "    leave user group 3 (platform): host 1081 (queue-01); host-group 15 (build)",
        "    revoke host 1027 (web-01) with all accounts",
        "    public key 201 (lina-laptop), to log on with",
        "      to remove it: --delete-keys",
        "    authorization rule 7 (night-shift), active: host 1080 [3310]",
        "      to remove it: in the console, Authorization Rules, open rule 7 (night-shift), Users, \
         remove lina@corp",
        "Dry run: nothing was changed",
    ] {
        assert!(ended.out.lines().any(|printed| printed == line), "{line:?}\n{}", ended.out);
    }
    assert!(!ended.out.contains("authorization rule 8"), "it goes with user group 3");
    assert!(nothing_was_changed(&service));
    assert_eq!(sandbox.files().len(), 0, "{:?}", sandbox.files());
}

#[test]
fn a_user_is_locked_and_loses_groups_grants_and_keys_and_only_the_rule_remains() {
    let service = service("");
    let sandbox = Sandbox::new();
    let ended =
        offboard(&sandbox, &service, &[&["--user", "lina@corp", "--json"], &ALL[..]].concat());
    assert_eq!(ended.code, 0, "{ended:?}");
    let report: serde_json::Value = serde_json::from_str(&ended.out).expect("one JSON value");
    assert_eq!(report["steps"]["lock"]["done"], 1, "{report}");
    assert_eq!(report["steps"]["leave_group"]["done"], 1);
    assert_eq!(report["steps"]["delete_key"]["done"], 1);
    assert_eq!(report["locked"][0], "17");
    assert_eq!(report["verification"]["rows"]["gone"], 5);
    let remains: Vec<&str> = report["verification"]["users"][0]["remains"]
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(serde_json::Value::as_str)
        .collect();
    assert_eq!(remains.len(), 2, "{remains:?}");
    assert!(remains[0].starts_with("rule 7 (night-shift), active"), "{remains:?}");
    let outcome = sandbox.outcome("offboarding.csv");
    assert!(outcome.iter().all(|row| row["status"] == "revoked" && row["verified"] == "gone"));
    let before = sandbox.outcome("offboarding.routes.csv");
    assert!(before.iter().any(|route| route["route"] == "user_group" && route["id"] == "3"));
    assert!(!sandbox.outcome("residual.csv").iter().any(|route| route["route"] == "user_group"));
    assert_eq!(service.audit().operations["DetachHostAccountsFromUserGroup"].attempts, 0);
}

#[test]
fn a_rehearsal_goes_through_all_steps_and_leaves_only_files_that_say_so() {
    let sandbox = Sandbox::new();
    sandbox.file("world.toml", WORLD.replace("lina@corp", "somebody"));
    let rehearse = |more: &[&str]| {
        let all = ["--lock", "--leave-groups", "--delete-keys", "--rehearse"];
        let args = [&["offboard", "--instance-id", INSTANCE], more, &all].concat();
        // No keys, and an address of STS at which nothing listens.
        let mut command = sandbox.command(&args);
        command.env("BASTION_REVOKE_STS_ENDPOINT", "http://127.0.0.1:1");
        Ended::of(&command.output().expect("it starts"))
    };
    let ended = rehearse(&["--user", "lina@corp"]);
    assert_eq!(ended.code, 0, "{ended:?}");
    for text in [
        "Rehearsal against a simulated service: nothing is really changed",
        "Rehearsed: 1 user would be offboarded",
        "users locked, as read back                        1",
        "    remains: rule 7 (night-shift), active: host 1080 [3310]",
        "Files: rehearsal.csv, rehearsal.residual.csv",
        "Next: nothing was changed; run without --rehearse to offboard",
    ] {
        assert!(ended.out.contains(text), "{text}\n{}", ended.out);
    }
    let rows = sandbox.outcome("rehearsal.csv");
    let is_marked = |message: &str| message.starts_with("rehearsal: ");
    assert!(rows.len() == 5 && rows.iter().all(|row| is_marked(&row["message"])), "{rows:?}");
    assert!(rows.iter().all(|row| row["verified"] == "gone"), "{rows:?}");
    let files = ["rehearsal.csv", "rehearsal.residual.csv", "world.toml"];
    let mut left: Vec<_> = sandbox.files().into_iter().filter(|path| path.is_file()).collect();
    left.sort();
    let files = files.map(|name| sandbox.path(name));
    assert_eq!(left, files, "neither a record nor a ledger");
    let verify = ["verify", "rehearsal.csv", "--instance-id", INSTANCE];
    sandbox.ends(&verify).expect(65, "it is the outcome of a rehearsal");
    // The same users as those of a real offboarding, from a world of one's own, as JSON.
    rehearse(&["--user", "lina@corp", "--world", "world.toml"]).expect(65, "no user with the name");
    let ended = rehearse(&["--user", "somebody", "--world", "world.toml", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&ended.out).expect("one JSON value");
    assert!(ended.code == 0 && report["rehearsal"] == true, "{report}");
    // Nothing of a real offboarding is overwritten.
    let (service, real) = (service(""), ["--out", "real.csv"]);
    let args = [&["--user", "lina@corp"], &real[..], &ALL].concat();
    offboard(&sandbox, &service, &args).expect(0, "");
    let args = [&["--user", "lina@corp"], &real[..]].concat();
    rehearse(&args).expect(2, "belongs to a real run; pass another --out for the rehearsal");
}

#[test]
fn the_steps_are_told_in_order_and_the_revocations_have_no_plan_of_their_own() {
    let (service, sandbox) = (service(""), Sandbox::new());
    let ended = offboard(&sandbox, &service, &[&["--user", "lina@corp"], &ALL[..]].concat());
    assert_eq!(ended.code, 0, "{ended:?}");
    let mut rest = ended.out.as_str();
    for line in [
        "Locking 1 user",
        "Removing 1 user group membership",
        "Grants: access is gone for 5 of 5 rows",
        "Deleting 1 public key",
        "Offboarded 1 user",
        "Next: decide on what remains",
    ] {
        let at = rest.find(&format!("{line}\n"));
        rest = &rest[at.unwrap_or_else(|| panic!("{line:?}\n{}", ended.out)) + line.len()..];
    }
    for of_a_run in ["Plan:", "Fingerprint", "Snapshot first", "Next: nothing"] {
        assert!(!ended.out.contains(of_a_run), "{of_a_run}\n{}", ended.out);
    }
    let again = offboard(&sandbox, &service, &[&["--user", "lina@corp"], &ALL[..]].concat());
    assert!(again.code == 0 && !again.out.contains("--restart"), "{again:?}");
}

#[test]
fn the_bundle_of_an_offboarding_has_its_steps_and_routes_and_is_verified() {
    let service = service("");
    let sandbox = Sandbox::new();
    let args = [&["--user", "lina@corp", "--evidence", "bundle.zip"], &ALL[..]].concat();
    let no_key = offboard(&sandbox, &service, &[&args[..], &["--sign-key", "absent"]].concat());
    no_key.expect(77, "--sign-key absent: ");
    assert!(nothing_was_changed(&service), "the key is read before anything is changed");
    let ended = offboard(&sandbox, &service, &args);
    assert!(ended.code == 0 && ended.out.contains("Evidence: bundle.zip"), "{ended:?}");
    let files = archives::read(&sandbox.path("bundle.zip"));
    let text = |name: &str| {
        let found = files.iter().find(|(file, _)| file == name);
        String::from_utf8(found.expect(name).1.clone()).expect("UTF-8")
    };
    assert!(text("steps.jsonl").contains("\"leave_group\""), "{}", text("steps.jsonl"));
    assert!(text("routes.csv").contains("user_group"), "{}", text("routes.csv"));
    assert!(text("residual.csv").contains("night-shift"), "{}", text("residual.csv"));
    assert!(text("outcome.csv").contains(",gone,"), "{}", text("outcome.csv"));
    let page = text("report.html");
    for row in [
        "lock the user</th><td><bdi>17 (lina@corp)</bdi></td>",
        "remove from the user group</th><td><bdi>17 (lina@corp)</bdi></td> <td><bdi>3 (platform)</bdi>",
        "delete the public key</th><td><bdi>17 (lina@corp)</bdi></td> <td><bdi>201 (lina-laptop)</bdi>",
    ] {
        let words = page.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(row), "{row}\n{words}");
    }
    assert!(!page.contains("not known to be done"), "{page}");
    sandbox.ends(&["evidence", "--verify", "bundle.zip"]).expect(0, "");
    // A bundle is never overwritten, and that is said before anything is changed.
    let other = [&args[..], &["--out", "other.csv"]].concat();
    offboard(&sandbox, &service, &other).expect(2, "a bundle is never overwritten");
}

#[test]
fn after_a_crash_at_any_step_the_same_command_ends_in_the_same_state() {
    let args = [&["--user", "lina@corp", "--user", "id:58"], &ALL[..]].concat();
    let whole = service("");
    let ended = offboard(&Sandbox::new(), &whole, &args);
    assert_eq!(ended.code, 0, "{ended:?}");
    let writes = whole.audit().counts.writes;
    // There are three calls besides the revocations: the lock, the user group, and the key.
    let of_steps = ["step-intended:2", "step-intended:3", "step-sent:2", "step-sent:3"];
    let first = failpoint::OFFBOARDING.into_iter().chain(OF_THE_RUN);
    let all = first.map(|name| format!("{name}:1")).chain(of_steps.map(str::to_owned));
    for failpoint in all {
        let (service, sandbox) = (service(""), Sandbox::new());
        let killed = command(&sandbox, &service, &args)
            .env("BASTION_REVOKE_FAIL_POINT", &failpoint)
            .output()
            .expect("it starts");
        assert!(!killed.status.success(), "{failpoint}: it is killed");
        let ended = offboard(&sandbox, &service, &args);
        assert_eq!(ended.code, 0, "{failpoint}: {ended:?}");
        assert_eq!(removed(&service), removed(&whole), "{failpoint}");
        // A call whose answer was lost is sent again; nothing else is.
        let repeated = u64::from(failpoint.starts_with("step-sent"));
        assert_eq!(service.audit().counts.writes, writes + repeated, "{failpoint}");
        assert!(ended.out.contains("Continues the offboarding of lina@corp, id:58"), "{failpoint}");
    }
}

#[test]
fn a_resume_with_other_users_or_fewer_steps_is_refused() {
    let (service, sandbox) = (service(""), Sandbox::new());
    let args = [&["--user", "lina@corp"], &ALL[..]].concat();
    let killed = command(&sandbox, &service, &args)
        .env("BASTION_REVOKE_FAIL_POINT", "users-locked:1")
        .output()
        .expect("it starts");
    assert!(!killed.status.success());
    let other = [&["--user", "id:58"], &ALL[..]].concat();
    offboard(&sandbox, &service, &other).expect(2, "the users are not those of that offboarding");
    offboard(&sandbox, &service, &["--user", "lina@corp", "--yes"])
        .expect(2, "it has steps that this command does not ask for");
}

#[test]
fn the_owner_of_the_keys_is_never_locked() {
    let own = WORLD.replace("200000000000000900", "200000000000000046");
    let (service, sandbox) = (service_of(&own, ""), Sandbox::new());
    let args = ["--user", "ada.okafor", "--lock", "--yes"];
    offboard(&sandbox, &service, &args).expect(4, "is the owner of the keys that are used");
    let mut unknown = command(&sandbox, &service, &args);
    unknown.env("BASTION_REVOKE_STS_ENDPOINT", "http://127.0.0.1:1");
    let ended = Ended::of(&unknown.output().expect("it starts"));
    ended.expect(4, "cannot tell whose keys are used");
    // Beside another endpoint, the STS of the cloud is not called.
    let mut unnamed = command(&sandbox, &service, &args);
    unnamed.env_remove("BASTION_REVOKE_STS_ENDPOINT");
    let ended = Ended::of(&unnamed.output().expect("it starts"));
    ended.expect(4, "with --endpoint, set BASTION_REVOKE_STS_ENDPOINT, too");
    assert!(nothing_was_changed(&service));
}

#[test]
fn protection_applies_to_locks_groups_and_keys() {
    let (service, sandbox) = (service(""), Sandbox::new());
    sandbox.file("protect.csv", "user,kind,target,account\n,host,1081,*\n");
    let args = ["--user", "lina@corp", "--lock", "--leave-groups", "--protect", "protect.csv"];
    let args = [&args[..], &["--settle", "0", "--yes"]].concat();
    let ended = offboard(&sandbox, &service, &args)
        .expect(4, "the lock of user 17, because of host 1081 (queue-01)");
    assert!(ended.err.contains("the membership of user 17 in group 3"), "{}", ended.err);
    assert!(nothing_was_changed(&service));
    let skipping = [&args[..], &["--skip-protected"]].concat();
    let ended = offboard(&sandbox, &service, &skipping);
    assert_eq!(ended.code, 0, "{ended:?}");
    assert_eq!(service.audit().counts.writes, 0, "neither locked nor removed from the group");
    assert_eq!(sandbox.outcome("offboarding.csv").len(), 5);
}

#[test]
fn a_step_that_fails_is_told_and_the_access_goes_all_the_same() {
    let (service, sandbox) = (service("denied_operations = [\"LockUsers\"]"), Sandbox::new());
    let args = ["--user", "lina@corp", "--lock", "--settle", "0", "--yes"];
    let ended = offboard(&sandbox, &service, &args);
    assert_eq!(ended.code, 1, "{ended:?}");
    for text in [
        "NOT finished: 1 user, and not everything is done or checked",
        "lock of user 17: NOT done",
        "user 17 is not locked, as read back",
        "it repeats only the steps that are not done",
    ] {
        assert!(ended.out.contains(text), "{text}\n{}", ended.out);
    }
    assert!(sandbox.outcome("offboarding.csv").iter().all(|row| row["verified"] == "gone"));
    for (language, heading, state) in [
        (
            "en",
            "Steps of the offboarding that are not known to be done: 1",
            "<strong>not done</strong>",
        ),
        ("zh", "离职处理中尚未确认完成的步骤：1", "<strong>未完成</strong>"),
    ] {
        let args = ["report", "offboarding.csv", "--html", "report.html", "--lang", language];
        sandbox.ends(&args).expect(0, "");
        let page = std::fs::read_to_string(sandbox.path("report.html")).expect("the page");
        assert!(page.contains(heading) && page.contains(state), "{page}");
        assert!(page.contains("NoPermission"), "the API's message is shown: {page}");
    }
}

#[test]
fn nothing_begins_while_something_cannot_be_read_or_is_ambiguous() {
    let (service, sandbox) = (service("denied_operations = [\"ListRules\"]"), Sandbox::new());
    let lock = ["--lock", "--settle", "0", "--yes"];
    let args = [&["--user", "lina@corp"], &lock[..]].concat();
    let ended = offboard(&sandbox, &service, &args).expect(4, "--allow-incomplete-snapshot");
    assert!(ended.out.contains("not checked: authorization rules: ListRules"), "{}", ended.out);
    let ambiguous = [&["--user", "li.wei"], &lock[..]].concat();
    offboard(&sandbox, &service, &ambiguous).expect(65, "3 have it");
    let missing = [&["--user", "id:999"], &lock[..]].concat();
    offboard(&sandbox, &service, &missing).expect(65, "the service has no such user");
    let many = [&["--user", "id:23", "--user", "id:58", "--max-users", "1"], &lock[..]].concat();
    offboard(&sandbox, &service, &many).expect(4, "users: 2, and --max-users is 1");
    let rows = [
        &["--user", "id:58", "--max-revocations", "1"],
        &lock[..],
        &["--allow-incomplete-snapshot"],
    ]
    .concat();
    offboard(&sandbox, &service, &rows).expect(4, "--max-revocations is 1");
    assert!(nothing_was_changed(&service));
}

#[test]
fn nothing_begins_if_the_accounts_of_a_kind_of_target_cannot_be_read() {
    for operation in [
        "ListHostAccountsForUser",
        "ListHostGroupAccountNamesForUser",
        "ListDatabaseAccountsForUser",
    ] {
        let behaviour = format!("denied_operations = [\"{operation}\"]");
        let (service, sandbox) = (service(&behaviour), Sandbox::new());
        let args = [&["--user", "lina@corp", "--user", "id:58"], &ALL[..]].concat();
        let ended = offboard(&sandbox, &service, &args).expect(4, "nothing was changed");
        assert!(ended.err.contains(operation), "{ended:?}");
        assert!(nothing_was_changed(&service), "{operation}");
        assert!(!sandbox.path("offboarding.csv.steps").exists(), "{operation}");
        let allowed = [&args[..], &["--allow-incomplete-snapshot"]].concat();
        offboard(&sandbox, &service, &allowed).expect(0, "");
    }
}
