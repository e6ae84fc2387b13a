//! Writing the outcome, compared with copying the rows with the csv crate.

use crate::Line;
use crate::plan::write_list;
use bastion_revoke::grants::Collector;
use bastion_revoke::input::{Options, Reader, RowContent, Source};
use bastion_revoke::ledger::{AttemptResult, AttemptState, GrantSet};
use bastion_revoke::outcome::Outcome;
use bastion_revoke::plan::Plan;
use bastion_revoke::verdicts::Verdicts;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Reads a list and plans it, on one thread.
pub(crate) fn planned(list: &Path) -> anyhow::Result<(Plan, Vec<String>)> {
    let mut reader = Reader::new(vec![Source::file(list.to_owned())], Arc::new(Options::default()));
    let mut collector = Collector::default();
    while let Some(row) = reader.next()? {
        let RowContent::Grant(grant) = row.content else { anyhow::bail!("an invalid row") };
        collector.push(&grant)?;
    }
    Ok((Plan::new(collector.finish()), reader.columns().to_vec()))
}

/// The result of a successful request.
pub(crate) fn answered(request: usize) -> AttemptResult {
    AttemptResult {
        state: AttemptState::Answered,
        last: false,
        code: "OK".into(),
        message: String::new(),
        request_id: format!("11111111-2222-4333-8444-{request:012}"),
        finished_at: jiff::Timestamp::UNIX_EPOCH,
        exceptions: Vec::new(),
    }
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_path(from)?;
    let mut writer = csv::Writer::from_path(to)?;
    let mut record = csv::ByteRecord::new();
    while reader.read_byte_record(&mut record)? {
        writer.write_byte_record(&record)?;
    }
    Ok(writer.flush()?)
}

/// A list in which each row is a request of its own.
fn write_single_row_requests(rows: usize, list: &Path) -> anyhow::Result<()> {
    let mut writer = csv::Writer::from_path(list)?;
    writer.write_record(["user", "kind", "target", "account"])?;
    for row in 0..rows {
        // A different user for each row, in random order.
        let user = row as u64 * 2_654_435_761 % (1 << 32);
        let [user, target, account] = [user, user % 997, user % 25].map(|id| id.to_string());
        writer.write_record([&*user, "host", &*target, &*account])?;
    }
    Ok(writer.flush()?)
}

pub(crate) fn measure(rows: usize, folder: &Path) -> anyhow::Result<()> {
    let list = folder.join("list.csv");
    write_list(rows, true, &list)?;
    measure_list(&format!("outcome, {rows} rows"), &list, folder)?;
    write_single_row_requests(rows, &list)?;
    measure_list(&format!("outcome, {rows} rows, a request each"), &list, folder)
}

fn measure_list(what: &str, list: &Path, folder: &Path) -> anyhow::Result<()> {
    let (plan, columns) = planned(list)?;
    let mut verdicts = Verdicts::new(plan.grants());
    for request in 0..plan.requests() {
        verdicts.record(&GrantSet::range(plan.grants_of(request)), &answered(request));
    }
    let (mut ours, mut bare, mut same) = (Duration::MAX, Duration::MAX, Duration::MAX);
    let out = folder.join("outcome.csv");
    let copied = folder.join("copy.csv");
    // Removes the old file and syncs the disk: no measurement waits for earlier writes.
    let start_after_sync = |to: &Path| {
        if to.exists() {
            std::fs::remove_file(to)?;
        }
        rustix::fs::sync();
        anyhow::Ok(Instant::now())
    };
    for _ in 0..3 {
        let started = start_after_sync(&copied)?;
        copy(list, &copied)?;
        bare = bare.min(started.elapsed());
        let source = Source::file(list.to_owned());
        let reader =
            Reader::with_columns(vec![source], Arc::new(Options::default()), columns.clone());
        let started = start_after_sync(&out)?;
        let outcome = Outcome {
            rows: plan.rows(),
            verdicts: &verdicts,
            rehearsal: false,
            protected: false,
            is_chosen_from: false,
            excel: false,
            has_names: false,
        };
        outcome.write(reader, &out)?;
        ours = ours.min(started.elapsed());
        let started = start_after_sync(&copied)?;
        copy(&out, &copied)?;
        same = same.min(started.elapsed());
    }
    let line = |reference: &str, took: Duration| Line {
        what: what.to_owned(),
        ours: format!("{:.2} s", ours.as_secs_f64()),
        reference: format!("{reference} {:.2} s", took.as_secs_f64()),
        ratio: ours.as_secs_f64() / took.as_secs_f64(),
        most: 2.5,
    };
    line("csv copy of the input", bare).print();
    line("csv copy of the outcome", same).print();
    Ok(())
}
