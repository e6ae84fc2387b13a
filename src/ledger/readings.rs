//! The tables `verification` and `reading`: what a verification of the run has read, and its result.
//!
//! They are made by the first verification, so a ledger without them is no older format.

use super::sqlite::{Ledger, LedgerError};
use crate::clock::{WallClock, utc_millis};
use jiff::{SignedDuration, Timestamp};
use rusqlite::{OptionalExtension as _, params};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

/// Readings that are older are not used: the access may have changed.
pub const MOST_AGE: SignedDuration = SignedDuration::from_mins(15);

const SCHEMA: &str = include_str!("readings.sql");

/// The readings of one verification in a ledger.
pub struct Readings {
    ledger: Mutex<Ledger>,
    verification: i64,
    clock: Arc<dyn WallClock>,
    /// Readings from before this time are not used.
    oldest: Timestamp,
    is_failed: AtomicBool,
}

/// Readings of an interrupted verification that are not read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Continued {
    /// How many listings and objects.
    pub readings: u64,
    /// When the first of them was read.
    pub oldest_at: Timestamp,
}

impl Ledger {
    /// The number of attempts, which changes with each request that was sent.
    pub fn attempt_count(&self) -> Result<i64, LedgerError> {
        let count = "SELECT count(*) FROM attempt";
        let count = self.connection.query_row(count, [], |row| row.get(0));
        count.map_err(|source| self.error(source))
    }

    /// Begins a verification, or continues the last one if it was interrupted and is of the same
    /// `subject`. Readings of other verifications are removed.
    pub fn begin_verification(
        self,
        subject: &str,
        restart: bool,
        clock: &Arc<dyn WallClock>,
    ) -> Result<(Readings, Option<Continued>), LedgerError> {
        let now = clock.now();
        let oldest = now.checked_sub(MOST_AGE).unwrap_or(now);
        let begin = || -> rusqlite::Result<(i64, Option<Continued>)> {
            let connection = &self.connection;
            let transaction = connection.unchecked_transaction()?;
            transaction.execute_batch(SCHEMA)?;
            let last = "SELECT id FROM verification WHERE id = (SELECT max(id) FROM verification) \
                 AND ended_at IS NULL AND subject = ?1";
            let last: Option<i64> =
                transaction.query_row(last, [subject], |row| row.get(0)).optional()?;
            let id = if let Some(id) = last.filter(|_| !restart) {
                id
            } else {
                transaction.execute(
                    "INSERT INTO verification (subject, began_at) VALUES (?1, ?2)",
                    params![subject, utc_millis(now)],
                )?;
                transaction.last_insert_rowid()
            };
            transaction.execute(
                "DELETE FROM reading WHERE verification <> ?1 OR read_at < ?2 OR read_at > ?3",
                params![id, utc_millis(oldest), utc_millis(now)],
            )?;
            let kept = "SELECT count(*), min(read_at) FROM reading";
            let (readings, first): (i64, Option<String>) =
                transaction.query_row(kept, [], |row| Ok((row.get(0)?, row.get(1)?)))?;
            transaction.commit()?;
            let oldest_at = first.and_then(|time| time.parse().ok());
            let readings = readings.unsigned_abs();
            Ok((id, oldest_at.map(|oldest_at| Continued { readings, oldest_at })))
        };
        let (verification, continued) = begin().map_err(|source| self.error(source))?;
        let (clock, is_failed) = (Arc::clone(clock), AtomicBool::new(false));
        let ledger = Mutex::new(self);
        Ok((Readings { ledger, verification, clock, oldest, is_failed }, continued))
    }
}

impl Readings {
    /// Records the end of the verification and its result, as JSON.
    pub fn end(&self, result: &str) {
        self.write(|ledger| {
            ledger.connection.execute(
                "UPDATE verification SET ended_at = ?2, result = ?3 WHERE id = ?1",
                params![self.verification, utc_millis(self.clock.now()), result],
            )
        });
    }

    /// Writes to the ledger. What cannot be written is read again another time, so it is no error.
    fn write(&self, write: impl FnOnce(&Ledger) -> rusqlite::Result<usize>) {
        let Ok(ledger) = self.ledger.lock() else { return };
        let Err(error) = write(&ledger) else { return };
        if !self.is_failed.swap(true, Ordering::Relaxed) {
            let path = ledger.path().display();
            tracing::warn!("{path}: cannot keep what is read: {error}; it is read again next time");
        }
    }

    /// When a reading was made and its content, as JSON; `None` if there is none that is recent
    /// enough.
    pub fn find(&self, key: &str) -> Option<(Timestamp, String)> {
        let ledger = self.ledger.lock().ok()?;
        let query = "SELECT read_at, content FROM reading WHERE verification = ?1 AND key = ?2";
        let mut statement = ledger.connection.prepare_cached(query).ok()?;
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get(1)?));
        let (read_at, json) = statement.query_row(params![self.verification, key], read).ok()?;
        let read_at: Timestamp = read_at.parse().ok()?;
        (read_at >= self.oldest).then_some((read_at, json))
    }

    /// Keeps what was read now.
    pub fn keep(&self, key: &str, json: &str) {
        self.write(|ledger| {
            ledger
                .connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO reading (verification, key, read_at, content) \
                     VALUES (?1, ?2, ?3, ?4)",
                )?
                .execute(params![self.verification, key, utc_millis(self.clock.now()), json])
        });
        crate::failpoint::hit("reading-kept");
    }
}
