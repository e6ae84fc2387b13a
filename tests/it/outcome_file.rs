//! The outcome is complete or does not exist.

use bastion_revoke::grants::Collector;
use bastion_revoke::input::{Options, Reader, RowContent, Source};
use bastion_revoke::ledger::{AttemptResult, AttemptState, GrantSet};
use bastion_revoke::outcome::{Outcome, OutcomeError};
use bastion_revoke::plan::Plan;
use bastion_revoke::verdicts::Verdicts;
use std::fs;
use std::path::Path;
use std::sync::Arc;

const LIST: &str = "user,host,account\n7,1,*\n7,2,3\n";

fn reader(list: &Path) -> Reader {
    Reader::new(vec![Source::file(list.to_owned())], Arc::new(Options::default()))
}

fn plan(list: &Path) -> (Plan, Vec<String>) {
    let mut reader = reader(list);
    let mut collector = Collector::default();
    while let Some(row) = reader.next().expect("a valid list") {
        let RowContent::Grant(grant) = row.content else { panic!("a valid row") };
        collector.push(&grant).expect("a valid list");
    }
    let columns = reader.columns().to_vec();
    (Plan::new(collector.finish()), columns)
}

fn write(list: &Path, plan: &(Plan, Vec<String>), out: &Path) -> Result<(), OutcomeError> {
    let verdicts = Verdicts::new(plan.0.grants());
    let sources = vec![Source::file(list.to_owned())];
    let again = Reader::with_columns(sources, Arc::new(Options::default()), plan.1.clone());
    let outcome = Outcome {
        rows: plan.0.rows(),
        verdicts: &verdicts,
        rehearsal: false,
        protected: false,
        is_chosen_from: false,
        excel: false,
        has_names: false,
    };
    outcome.write(again, out).map(drop)
}

#[test]
fn an_outcome_replaces_the_old_one_in_one_step() {
    let folder = tempfile::tempdir().unwrap();
    let (list, out) = (folder.path().join("list.csv"), folder.path().join("outcome.csv"));
    let witness = folder.path().join("witness.csv");
    fs::write(&list, LIST).unwrap();
    fs::write(&out, "the old outcome").unwrap();
    // A second name for the old file shows whether it was overwritten.
    fs::hard_link(&out, &witness).unwrap();
    write(&list, &plan(&list), &out).unwrap();
    assert_eq!(fs::read_to_string(&witness).unwrap(), "the old outcome");
    assert!(fs::read_to_string(&out).unwrap().starts_with("user,host,account,status,"));
}

#[test]
fn an_unfinished_outcome_leaves_the_old_one_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let (list, out) = (folder.path().join("list.csv"), folder.path().join("outcome.csv"));
    fs::write(&list, LIST).unwrap();
    let plan = plan(&list);
    fs::write(&out, "the old outcome").unwrap();
    // The list has lost a row since it was planned.
    fs::write(&list, "user,host,account\n7,1,*\n").unwrap();
    assert!(matches!(write(&list, &plan, &out), Err(OutcomeError::Changed)));
    assert_eq!(fs::read_to_string(&out).unwrap(), "the old outcome");
    let names: Vec<_> =
        fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "no temporary file is left: {names:?}");
}

#[test]
fn texts_of_the_service_are_no_formulas_and_no_terminal_controls_in_any_outcome() {
    let folder = tempfile::tempdir().unwrap();
    let (list, out) = (folder.path().join("list.csv"), folder.path().join("outcome.csv"));
    fs::write(&list, "user,host,account\n7,1,*\n").unwrap();
    let (plan, columns) = plan(&list);
    let mut verdicts = Verdicts::new(1);
    let refused = AttemptResult {
        state: AttemptState::Refused,
        last: true,
        code: "@Odd".into(),
        message: "=HYPERLINK(\"http://127.0.0.1\")\u{1b}[2J\n\u{202e}\u{540d}".to_owned(),
        request_id: "-1".to_owned(),
        finished_at: jiff::Timestamp::UNIX_EPOCH,
        exceptions: vec![],
    };
    verdicts.record(&GrantSet::range(0..1), &refused);
    for excel in [false, true] {
        let sources = vec![Source::file(list.clone())];
        let again = Reader::with_columns(sources, Arc::new(Options::default()), columns.clone());
        let outcome = Outcome {
            rows: plan.rows(),
            verdicts: &verdicts,
            rehearsal: false,
            protected: false,
            is_chosen_from: false,
            excel,
            has_names: false,
        };
        outcome.write(again, &out).unwrap();
        let mut table = csv::Reader::from_path(&out).unwrap();
        let row = table.records().next().unwrap().unwrap();
        let message = "'=HYPERLINK(\"http://127.0.0.1\")\\u{1b}[2J\\n\\u{202e}\u{540d}";
        assert_eq!([&row[4], &row[5], &row[6]], ["'@Odd", message, "'-1"], "{excel}");
    }
}
