//! The journal of a run: writes records to the ledger on its own thread.

use super::row;
use super::sqlite::{Ledger, LedgerError};
use super::{AttemptId, Journal, JournalError, Record};
use crate::clock::utc_millis;
use rusqlite::params;
use std::sync::{Mutex, mpsc};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// The journal of a run: a thread that owns the connection and writes one batch after the other.
#[derive(Debug)]
pub struct SqliteJournal {
    batches: mpsc::Sender<Batch>,
    thread: Option<std::thread::JoinHandle<Ledger>>,
    /// When the last durable write ended.
    written_at: Mutex<Option<Instant>>,
}

/// The pause between two durable writes. A write of one record costs as much as one of a hundred,
/// and records that arrive meanwhile share the next one. The delay is small compared to a call of
/// the service.
const COMMIT_INTERVAL: Duration = Duration::from_millis(1);

type Batch = (Vec<Record>, oneshot::Sender<Result<(), JournalError>>);

impl SqliteJournal {
    /// Moves the ledger to a thread. The numbers of attempts continue after those already in it.
    pub fn start(ledger: Ledger, run: i64) -> std::io::Result<Self> {
        let (batches, receiver) = mpsc::channel::<Batch>();
        let write = move || {
            let mut ledger = ledger;
            for (records, done) in receiver {
                let written = ledger.write(run, &records);
                // After an abort nobody waits for the result; what is written stays written.
                let _ = done.send(written.map_err(|error| JournalError(error.to_string())));
            }
            ledger
        };
        let thread = std::thread::Builder::new().name("ledger".to_owned()).spawn(write)?;
        Ok(Self { batches, thread: Some(thread), written_at: Mutex::default() })
    }

    /// Stops the thread and returns the ledger; `None` if the thread panicked.
    pub fn stop(mut self) -> Option<Ledger> {
        let thread = self.thread.take();
        drop(self);
        thread.and_then(|thread| thread.join().ok())
    }
}

impl Journal for SqliteJournal {
    async fn commit(&self, records: Vec<Record>) -> Result<(), JournalError> {
        let gone = || JournalError("its thread is gone".to_owned());
        let written_at = *self.written_at.lock().map_err(|_| gone())?;
        if let Some(written_at) = written_at {
            tokio::time::sleep_until(written_at + COMMIT_INTERVAL).await;
        }
        let (done, written) = oneshot::channel();
        self.batches.send((records, done)).map_err(|_| gone())?;
        let outcome = written.await.map_err(|_| gone())?;
        *self.written_at.lock().map_err(|_| gone())? = Some(Instant::now());
        outcome
    }
}

impl Ledger {
    /// Writes a batch in one transaction.
    fn write(&mut self, run: i64, records: &[Record]) -> Result<(), LedgerError> {
        let path = &self.path;
        let error = |source| LedgerError::Sqlite { path: path.clone(), source };
        let transaction = self.connection.transaction().map_err(error)?;
        write_records(&transaction, run, records).map_err(error)?;
        crate::failpoint::hit("before-commit");
        transaction.commit().map_err(error)?;
        crate::failpoint::hit("after-commit");
        Ok(())
    }
}

fn write_records(
    transaction: &rusqlite::Transaction<'_>,
    run: i64,
    records: &[Record],
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT INTO attempt (id, run, grants, intended_at) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let mut update = transaction.prepare_cached(
        "UPDATE attempt SET state = ?2, last = ?3, code = ?4, message = ?5, request_id = ?6, \
         finished_at = ?7, items = ?8 WHERE id = ?1",
    )?;
    let number = |attempt: AttemptId| i64::try_from(attempt).unwrap_or(i64::MAX);
    for record in records {
        match record {
            Record::Intent { attempt, grants, at } => {
                let grants = row::ranges(grants);
                insert.execute(params![number(*attempt), run, grants, utc_millis(*at)])?;
            }
            Record::Result { attempt, grants, result } => {
                let changed = update.execute(params![
                    number(*attempt),
                    result.state.name(),
                    result.last,
                    result.code,
                    result.message,
                    result.request_id,
                    utc_millis(result.finished_at),
                    row::items(grants, &result.exceptions),
                ])?;
                if changed != 1 {
                    // Otherwise a result without its intent would be lost silently.
                    return Err(rusqlite::Error::StatementChangedRows(changed));
                }
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{AttemptResult, AttemptState, GrantSet, JobSpec};
    use jiff::Timestamp;

    #[test]
    fn a_result_without_its_intent_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outcome.csv.ledger");
        let mut ledger = Ledger::create(&path, &JobSpec::default()).unwrap();
        let run = ledger.begin_run(Timestamp::UNIX_EPOCH).unwrap();
        let result = AttemptResult {
            state: AttemptState::Answered,
            last: false,
            code: "OK".into(),
            message: String::new(),
            request_id: String::new(),
            finished_at: Timestamp::UNIX_EPOCH,
            exceptions: vec![],
        };
        let grants = GrantSet::range(0..3);
        let record = Record::Result { attempt: 1, grants: grants.clone(), result };
        assert!(ledger.write(run, std::slice::from_ref(&record)).is_err());
        let intent = Record::Intent { attempt: 1, grants, at: Timestamp::UNIX_EPOCH };
        ledger.write(run, &[intent, record]).unwrap();
    }
}
