//! An outcome fed back: the rows that are sent again, and the others.

use bastion_revoke::sim::{Audit, Settings};

use crate::sandbox::{Ended, Row, Sandbox, TestService};

/// An outcome in which rows 2, 4, 5 and 6 are unsettled. Row 6 is the same grant as row 2, and row
/// 3 is a duplicate of row 1.
const OUTCOME: &str = "\
user,host,account,note,status,code,message,request_id,attempts,finished_at,duplicate_of
1,1,1,\"a, \"\"b\"\"\",revoked,OK,,r-1,1,2026-01-02T03:04:05Z,
1,1,2,,failed,Odd,\"no, not so\",r-2,2,2026-01-02T03:04:06Z,
1,1,1, c ,revoked,OK,,r-1,1,2026-01-02T03:04:05Z,1
1,1,3,,unknown,,,,8,,
1,1,4,,unprocessed,Throttling.User,slow down,,0,,
1,1,2,,failed,Odd,\"no, not so\",r-2,2,2026-01-02T03:04:06Z,2
,1,,x,invalid,no_grantee,blank user,,0,,
";

fn run(sandbox: &Sandbox, service: &TestService, more: &[&str]) -> Ended {
    sandbox.file("first.csv", OUTCOME);
    let more = [&["--out", "second.csv"], more].concat();
    let mut command = sandbox.run_command("first.csv", &service.endpoint(), &more);
    Ended::of(&command.output().expect("the command starts"))
}

fn sent(audit: &Audit) -> usize {
    usize::try_from(audit.counts.attempts).expect("a small number")
}

fn lines(sandbox: &Sandbox, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(sandbox.path(name)).expect("an outcome");
    text.lines().map(str::to_owned).collect()
}

fn statuses(rows: &[Row]) -> Vec<&str> {
    rows.iter().map(|row| row["status"].as_str()).collect()
}

#[test]
fn only_the_chosen_rows_are_sent_and_the_others_stay_byte_for_byte() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    let only = ["--only", "failed,unknown,unprocessed", "--confirm", "3"];
    let ended = run(&sandbox, &service, &only).expect(0, "");
    assert!(ended.out.contains("Finished: access is gone for 4 of 4 rows"), "{}", ended.out);
    assert!(ended.out.contains("3  not selected by --only; unchanged"), "{}", ended.out);
    assert_eq!(sent(&service.audit()), 1, "three grants of one host are one request");
    let (before, after) = (lines(&sandbox, "first.csv"), lines(&sandbox, "second.csv"));
    assert_eq!(before.len(), after.len(), "every row is there");
    for row in [0, 1, 3, 7] {
        assert_eq!(after[row], before[row]);
    }
    let rows = sandbox.outcome("second.csv");
    let all = ["revoked"; 6].iter().chain(&["invalid"]);
    assert!(statuses(&rows).iter().eq(all), "{rows:?}");
    // The number of the row that stands for it counts all rows, as before.
    let duplicates: Vec<_> = rows.iter().map(|row| row["duplicate_of"].as_str()).collect();
    assert_eq!(duplicates, ["", "", "1", "", "", "2", ""]);
    assert_eq!(rows[1]["message"], "", "what was said before is gone");
}

#[test]
fn a_duplicate_whose_row_was_not_chosen_stands_for_itself() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    // A user has marked only the duplicate, row 3, for a retry.
    let marked = OUTCOME.replace("c ,revoked", "c ,failed");
    sandbox.file("marked.csv", marked);
    let more = ["--out", "second.csv", "--only", "failed", "--yes"];
    let mut command = sandbox.run_command("marked.csv", &service.endpoint(), &more);
    Ended::of(&command.output().expect("the command starts")).expect(0, "");
    let rows = sandbox.outcome("second.csv");
    assert_eq!((rows[2]["status"].as_str(), rows[2]["duplicate_of"].as_str()), ("revoked", ""));
    assert_eq!(rows[0]["request_id"], "r-1", "the row that stood for it is not touched");
}

#[test]
fn the_exit_code_is_about_the_chosen_rows() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    // The two failed rows don't belong to this run.
    let ended = run(&sandbox, &service, &["--only", "unprocessed", "--yes"]).expect(0, "");
    // The summary still says how many of them need a look: two failed, one unknown, one invalid.
    let line = ended.out.lines().find(|line| line.starts_with("    not revoked"));
    let numbers: Vec<&str> = line.expect("a line").split_whitespace().collect();
    assert_eq!(numbers[2], "4", "{}", ended.out);
    assert!(
        ended.out.contains("Next: check the carried rows that are not revoked"),
        "{}",
        ended.out
    );
    let json = run(&sandbox, &service, &["--only", "unprocessed", "--yes", "--json"]).expect(0, "");
    let json: serde_json::Value = serde_json::from_str(&json.out).expect("JSON");
    assert_eq!([&json["carried"], &json["carried_not_revoked"]], [6, 4], "a finished job too");
    let expected = ["revoked", "failed", "revoked", "unknown", "revoked", "failed", "invalid"];
    assert_eq!(statuses(&sandbox.outcome("second.csv")), expected);
    // The invalid row is still invalid when it is chosen.
    let again = ["--only", "invalid", "--yes", "--restart"];
    run(&sandbox, &service, &again).expect(65, "error[no_grantee]");
}

#[test]
fn guards_and_the_plan_count_what_will_be_sent() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    let only = ["--only", "failed,unknown,unprocessed", "--yes"];
    let with = |more: &[&str]| run(&sandbox, &service, &[&only[..], more].concat());
    with(&["--max-revocations", "2"]).expect(4, "revocations: 3, and --max-revocations is 2");
    with(&["--expect-rows", "7"]).expect(4, "rows: 4, and --expect-rows is 7");
    sandbox.file("protect.csv", "user,account\n1,1\n");
    with(&["--protect", "protect.csv", "--expect-rows", "4", "--max-revocations", "3"])
        .expect(0, "");
    let plan = sandbox.ends(&["plan", "first.csv", "--only", "failed", "--json"]).expect(0, "");
    let plan: serde_json::Value = serde_json::from_str(&plan.out).expect("JSON");
    let of = |name: &str| plan[name].as_u64();
    assert_eq!(["rows", "carried", "invalid", "duplicates", "revocations"].map(of), {
        [7, 5, 0, 1, 1].map(Some)
    });
}

#[test]
fn an_invalid_choice_is_explained() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    run(&sandbox, &service, &["--only", "fialed", "--yes"])
        .expect(2, "--only fialed: expected revoked, already_absent, not_found, failed,");
    run(&sandbox, &service, &["--only", "", "--yes"]).expect(2, "expected revoked");
    sandbox.file("list.csv", "user,host,account,state\n1,1,1,failed\n");
    let own = ["run", "list.csv", "--only", "failed", "--yes"];
    sandbox.ends(&own).expect(65, "no column status; the header has: user, host, account, state");
    let two = ["run", "first.csv", "list.csv", "--only", "failed", "--yes"];
    sandbox.ends(&two).expect(2, "--only takes one outcome");
    sandbox.file("odd.csv", OUTCOME.replace("unprocessed", "someday"));
    sandbox.ends(&["plan", "odd.csv", "--only", "failed"]).expect(65, "error[unknown_status]");
    assert_eq!(sent(&service.audit()), 0);
}

#[test]
fn a_choice_is_part_of_the_identity_of_a_job() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    let first = ["--only", "failed", "--yes"];
    run(&sandbox, &service, &first).expect(0, "");
    let sent_first = sent(&service.audit());
    let again = run(&sandbox, &service, &first).expect(0, "");
    assert!(again.out.contains("This job is finished; nothing was sent"), "{}", again.out);
    assert!(again.out.contains("access is gone for 2 of 2 rows"), "{}", again.out);
    assert_eq!(sent(&service.audit()), sent_first);
    let first_lines = lines(&sandbox, "second.csv");
    std::fs::remove_file(sandbox.path("second.csv")).expect("it was there");
    run(&sandbox, &service, &[&first[..], &["--report-only"]].concat()).expect(0, "");
    assert_eq!(lines(&sandbox, "second.csv"), first_lines);
    // Another choice is another job, even with the same requests.
    let same = run(&sandbox, &service, &["--only", "failed,not_found", "--yes"]).expect(0, "");
    assert!(!same.out.contains("This job is finished"), "{}", same.out);
    // It replaces the finished one under the same name.
    run(&sandbox, &service, &["--only", "failed,unknown", "--yes"]).expect(0, "");
    let rows = sandbox.outcome("second.csv");
    assert_eq!(statuses(&rows)[3], "revoked");
}

#[test]
fn without_a_choice_an_outcome_is_a_list_like_any_other() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    run(&sandbox, &service, &["--yes", "--skip-invalid"]).expect(1, "");
    let (before, after) = (lines(&sandbox, "first.csv"), lines(&sandbox, "second.csv"));
    assert_eq!(after[0], before[0], "its outcome columns are replaced");
    assert_eq!(sandbox.outcome("second.csv").len(), 7);
}

#[test]
fn the_outcome_of_a_list_with_a_status_column_can_be_fed_back() {
    let sandbox = Sandbox::new();
    sandbox.file("list.csv", "user,Code,host,account,status\n1,x,1,1,active\n1,y,1,2,left\n");
    sandbox.ends(&["run", "list.csv", "--rehearse"]).expect(0, "");
    let header = "user,input_Code,host,account,input_status,status,code,message,request_id,\
                  attempts,finished_at,duplicate_of";
    assert_eq!(lines(&sandbox, "rehearsal.csv")[0], header);
    let again = ["run", "rehearsal.csv", "--rehearse", "--out", "second.csv"];
    sandbox.ends(&again).expect(0, "");
    assert_eq!(lines(&sandbox, "second.csv")[0], header);
    let rows = sandbox.outcome("second.csv");
    assert_eq!((rows[0]["input_Code"].as_str(), rows[1]["input_status"].as_str()), ("x", "left"));
    let chosen = ["run", "rehearsal.csv", "--rehearse", "--out", "third.csv", "--only", "failed"];
    sandbox.ends(&chosen).expect(0, "");
    let rows = sandbox.outcome("third.csv");
    assert!(rows.iter().all(|row| row["message"].starts_with("rehearsal:")), "{rows:?}");
}

#[test]
fn rehearsed_results_are_not_carried_into_a_real_outcome() {
    let sandbox = Sandbox::new();
    let service = TestService::start(Settings::default());
    sandbox.file("first.csv", OUTCOME);
    sandbox.ends(&["run", "first.csv", "--rehearse", "--skip-invalid"]).expect(1, "");
    let more = ["--only", "invalid", "--skip-invalid", "--yes"];
    let mut command = sandbox.run_command("rehearsal.csv", &service.endpoint(), &more);
    let ended = Ended::of(&command.output().expect("the command starts"));
    ended.expect(2, "the input is the outcome of a rehearsal");
    assert!(!sandbox.path("outcome.csv").exists());
}
