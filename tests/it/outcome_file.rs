//! The outcome is there whole or not at all.

use bastion_revoke::grants::Collector;
use bastion_revoke::input::{Options, Reader, Reading, Source};
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
        let Reading::Grant(grant) = row.reading else { panic!("a valid row") };
        collector.push(&grant).expect("a valid list");
    }
    let columns = reader.columns().to_vec();
    (Plan::new(collector.finish()), columns)
}

fn write(list: &Path, plan: &(Plan, Vec<String>), out: &Path) -> Result<(), OutcomeError> {
    let verdicts = Verdicts::new(plan.0.grants());
    let sources = vec![Source::file(list.to_owned())];
    let again = Reader::with_columns(sources, Arc::new(Options::default()), plan.1.clone());
    let outcome =
        Outcome { protected: false, plan: &plan.0, verdicts: &verdicts, rehearsal: false };
    outcome.write(again, out).map(drop)
}

#[test]
fn an_outcome_takes_the_place_of_the_old_one_in_one_step() {
    let folder = tempfile::tempdir().unwrap();
    let (list, out) = (folder.path().join("list.csv"), folder.path().join("outcome.csv"));
    let witness = folder.path().join("witness.csv");
    fs::write(&list, LIST).unwrap();
    fs::write(&out, "the old outcome").unwrap();
    // Another name for the old file: had it been written into, this would show it.
    fs::hard_link(&out, &witness).unwrap();
    write(&list, &plan(&list), &out).unwrap();
    assert_eq!(fs::read_to_string(&witness).unwrap(), "the old outcome");
    assert!(fs::read_to_string(&out).unwrap().starts_with("user,host,account,status,"));
}

#[test]
fn an_outcome_that_can_not_be_finished_leaves_the_old_one_whole() {
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
