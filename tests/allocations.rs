//! Allocations per row, counted: lists have millions of rows.

use allocation_counter::measure;
use bastion_revoke::grants::{Batch, Collector, Grants};
use bastion_revoke::input::{Options, Reader, RowContent, Source};
use bastion_revoke::ledger::{AttemptResult, AttemptState, GrantSet};
use bastion_revoke::outcome::Outcome;
use bastion_revoke::plan::Plan;
use bastion_revoke::verdicts::Verdicts;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;

const FEW: u32 = 50_000;
const MANY: u32 = 150_000;

/// A list whose number of distinct ids does not grow with its rows.
fn write_list(rows: u32, list: &Path) {
    let mut random = fastrand::Rng::with_seed(7);
    let mut text = "finding,user,kind,target,account\n".to_owned();
    for row in 0..rows {
        let (user, target, account) = (random.u32(..500), random.u32(..500), random.u32(..25));
        let _ = writeln!(text, "A-{row},{user},host,i-{target},account_{account:020}");
    }
    std::fs::write(list, text).expect("a file");
}

fn read(list: &Path) -> Grants {
    let source = Source::file(list.to_owned());
    let mut reader = Reader::new(vec![source], Arc::new(Options::default()));
    let (mut collector, mut batch) = (Collector::default(), Batch::default());
    while let Some(row) = reader.next().expect("a good list") {
        let RowContent::Grant(grant) = row.content else { panic!("an invalid row") };
        batch.push(Some(&grant));
        if batch.is_full() {
            collector.take(&mut batch).expect("not too many rows");
        }
    }
    collector.take(&mut batch).expect("not too many rows");
    collector.finish()
}

/// Writes an outcome with all rows revoked, and counts the allocations of the writing thread.
fn write_outcome(list: &Path, out: &Path) -> u64 {
    let plan = Plan::new(read(list));
    let mut verdicts = Verdicts::new(plan.grants());
    let answered = AttemptResult {
        state: AttemptState::Answered,
        last: false,
        code: "OK".into(),
        message: String::new(),
        request_id: "11111111-2222-4333-8444-555555555555".to_owned(),
        finished_at: jiff::Timestamp::UNIX_EPOCH,
        exceptions: Vec::new(),
    };
    verdicts.record(&GrantSet::range(0..1), &answered);
    let names = ["finding", "user", "kind", "target", "account"].map(str::to_owned);
    let source = Source::file(list.to_owned());
    let reader = Reader::with_columns(vec![source], Arc::new(Options::default()), names.to_vec());
    let outcome = Outcome {
        rows: plan.rows(),
        verdicts: &verdicts,
        rehearsal: false,
        protected: false,
        is_chosen_from: false,
        excel: false,
        has_names: false,
    };
    let mut written = None;
    let counted = measure(|| written = Some(outcome.write(reader, out)));
    let tally = written.expect("it was called").expect("an outcome");
    assert_eq!(tally.rows(), plan.rows().len() as u64);
    counted.count_total
}

/// The cost of each further row, in thousandths of an allocation.
fn thousandths_a_row(few: u64, many: u64) -> u64 {
    many.saturating_sub(few) * 1000 / u64::from(MANY - FEW)
}

#[test]
fn reading_and_collecting_a_row_allocates_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let count = |rows| {
        let list = folder.path().join(format!("{rows}.csv"));
        write_list(rows, &list);
        measure(|| drop(read(&list))).count_total
    };
    let (few, many) = (count(FEW), count(MANY));
    // Tables grow; the small total is worth printing.
    println!("{few} allocations for {FEW} rows, {many} for {MANY}");
    assert!(few > 10, "{few} allocations are not all");
    assert!(thousandths_a_row(few, many) < 5, "{few} for {FEW} rows, {many} for {MANY}");
}

#[test]
fn writing_a_row_allocates_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let count = |rows| {
        let list = folder.path().join(format!("{rows}.csv"));
        write_list(rows, &list);
        write_outcome(&list, &folder.path().join("outcome.csv"))
    };
    let (few, many) = (count(FEW), count(MANY));
    println!("{few} allocations for {FEW} rows, {many} for {MANY}");
    assert!(few > 10, "{few} allocations are not all");
    assert!(thousandths_a_row(few, many) < 5, "{few} for {FEW} rows, {many} for {MANY}");
}
