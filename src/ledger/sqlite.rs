//! `OUT.ledger`: the journal in an SQLite file, which `sqlite3` can read during the run.
//!
//! One row per attempt, with ranges of grants and only the exceptional items. A commit of the
//! dispatcher is one transaction, synced before it counts (`synchronous=FULL`).

use super::network_fs::is_on_network;
use super::{Attempt, AttemptId, CallerRecord, JobSpec, RunRecord, row, snapshot};
use crate::access::HeldTarget;
use crate::clock::utc_seconds;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, params};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// `brlg`, in the file's header: identifies a ledger of this tool.
const APPLICATION_ID: i32 = 0x6272_6c67;
/// The version of the schema.
const VERSION: i32 = 3;

/// The value of `PRAGMA synchronous` for a ledger with a write-ahead log.
const SYNCHRONOUS_FULL: i32 = 2;
/// The size of SQLite's page cache.
const CACHE_KIB: i32 = 256;
const SCHEMA: &str = include_str!("schema.sql");

/// The ledger can't be used (exit 74).
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Power was lost while it was created: it is empty, and nothing was sent.
    #[error("a ledger that was never begun")]
    NeverBegun,
    /// SQLite reported an error.
    #[error("{path}: {source}")]
    Sqlite {
        /// The ledger.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The file can't be created.
    #[error("{path}: the ledger can't be made: {source}")]
    Make {
        /// The ledger.
        path: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// Another program reads it, so it can't be renamed.
    #[error(
        "{0}: another program has this ledger open, so it can't be set aside; close it there, or \
         give another --out"
    )]
    InUse(PathBuf),
    /// The ledger has the format of another version of this tool.
    #[error(
        "{path}: the ledger has format {version}, this version of bastion-revoke reads format \
         {VERSION}; finish that job with the version that began it, or rename its files or pass \
         another --out to start a new one"
    )]
    Version {
        /// The ledger.
        path: PathBuf,
        /// Its format.
        version: i32,
    },
    /// The file is not a ledger, or it is damaged.
    #[error("{path}: {what}; move it away, or pass another --out")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

/// An open ledger.
#[derive(Debug)]
pub struct Ledger {
    pub(super) connection: Connection,
    pub(super) path: PathBuf,
}

impl Ledger {
    /// Creates a ledger for a job, durable when this returns. The file must not exist.
    pub fn create(path: &Path, job: &JobSpec) -> Result<Self, LedgerError> {
        Self::create_with(path, job, &[])
    }

    /// The same with a snapshot of what was granted before.
    pub fn create_with(
        path: &Path,
        job: &JobSpec,
        snapshot: &[HeldTarget],
    ) -> Result<Self, LedgerError> {
        // Readable by its owner only, like the outcome; SQLite gives its log the same mode.
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        made.map_err(|source| LedgerError::Make { path: path.to_owned(), source })?;
        let mut ledger = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        ledger.make_durable().map_err(|source| ledger.error(source))?;
        ledger.fill(job, snapshot).map_err(|source| ledger.error(source))?;
        Ok(ledger)
    }

    /// Opens the ledger of an earlier run.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let ledger = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        ledger.check_format()?;
        ledger.make_durable().map_err(|source| ledger.error(source))?;
        Ok(ledger)
    }

    /// Opens a ledger to read it, also while a run writes it.
    pub fn open_read_only(path: &Path) -> Result<Self, LedgerError> {
        let ledger = Self::connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        ledger.check_format()?;
        Ok(ledger)
    }

    fn check_format(&self) -> Result<(), LedgerError> {
        let number = |pragma: &str| {
            self.connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i32>(0))
        };
        match (number("application_id"), number("user_version")) {
            (Ok(APPLICATION_ID), Ok(VERSION)) => Ok(()),
            (Ok(APPLICATION_ID), Ok(version)) => {
                Err(LedgerError::Version { path: self.path.clone(), version })
            }
            (Ok(0), Ok(0)) if self.is_blank() => Err(LedgerError::NeverBegun),
            (Ok(_), Ok(_)) => Err(self.foreign("not a ledger of this tool")),
            (Err(error), _) | (_, Err(error)) => Err(self.foreign(&error.to_string())),
        }
    }

    fn foreign(&self, what: &str) -> LedgerError {
        LedgerError::Foreign { path: self.path.clone(), what: what.to_owned() }
    }

    /// The error for a ledger whose attempts contradict each other.
    pub fn contradictory(&self) -> LedgerError {
        self.foreign("its attempts contradict each other")
    }

    fn is_blank(&self) -> bool {
        let tables = self
            .connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
        tables.is_ok_and(|tables| tables == 0)
    }

    fn connect(path: &Path, access: OpenFlags) -> Result<Self, LedgerError> {
        let error = |source| LedgerError::Sqlite { path: path.to_owned(), source };
        let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(error)?;
        connection.busy_timeout(Duration::from_secs(10)).map_err(error)?;
        Ok(Self { connection, path: path.to_owned() })
    }

    /// From now on a commit that returns is on the disk, and little of the file is cached.
    fn make_durable(&self) -> rusqlite::Result<()> {
        // A write-ahead log needs shared memory, which network file systems lack.
        let mode = if is_on_network(&self.path) { "DELETE" } else { "WAL" };
        let got = self.journal_mode(mode)?;
        // With a rollback journal, a commit is final once the journal's removal is, and only EXTRA
        // syncs the folder for that.
        let level = if got.eq_ignore_ascii_case("wal") { "FULL" } else { "EXTRA" };
        self.connection.pragma_update(None, "synchronous", level)?;
        // Written pages are rarely read again.
        self.connection.pragma_update(None, "cache_size", -CACHE_KIB)
    }

    /// Requests a journal mode, and returns the actual one.
    fn journal_mode(&self, mode: &str) -> rusqlite::Result<String> {
        let read = |row: &rusqlite::Row<'_>| row.get(0);
        self.connection.pragma_update_and_check(None, "journal_mode", mode, read)
    }

    fn fill(&mut self, job: &JobSpec, snapshot: &[HeldTarget]) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        transaction.execute_batch(SCHEMA)?;
        let spec = serde_json::to_string(job)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
        transaction.execute("INSERT INTO job (spec) VALUES (?1)", params![spec])?;
        snapshot::insert(&transaction, snapshot)?;
        // Last, and in the same transaction: a file with these numbers is complete.
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()
    }

    pub(super) fn error(&self, source: rusqlite::Error) -> LedgerError {
        LedgerError::Sqlite { path: self.path.clone(), source }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The job of the ledger.
    pub fn job(&self) -> Result<JobSpec, LedgerError> {
        let read = |row: &rusqlite::Row<'_>| row.get::<_, String>(0);
        let spec = self.connection.query_row("SELECT spec FROM job", [], read);
        let spec = spec.map_err(|source| self.error(source))?;
        serde_json::from_str(&spec).map_err(|error| LedgerError::Foreign {
            path: self.path.clone(),
            what: format!("its job cannot be read: {error}"),
        })
    }

    /// What was granted before the run; empty without a snapshot.
    pub fn snapshot(&self) -> Result<Vec<HeldTarget>, LedgerError> {
        match snapshot::read(&self.connection) {
            Ok(Some(held)) => Ok(held),
            Ok(None) => Err(self.foreign("its snapshot cannot be read")),
            Err(source) => Err(self.error(source)),
        }
    }

    /// When the first run started, and the exit code of the last one; `None` if that run was
    /// killed.
    pub fn history(&self) -> Result<(Option<Timestamp>, Option<u8>), LedgerError> {
        let query = "SELECT (SELECT started_at FROM run ORDER BY id LIMIT 1), \
             (SELECT exit_code FROM run ORDER BY id DESC LIMIT 1)";
        self.connection
            .query_row(query, [], |row| {
                let started: Option<String> = row.get(0)?;
                Ok((started.and_then(|text| text.parse().ok()), row.get(1)?))
            })
            .map_err(|source| self.error(source))
    }

    /// Copies the ledger as it is now into one new file, without disturbing a run.
    pub fn copy_to(&self, path: &Path) -> Result<(), LedgerError> {
        let copied = self.connection.execute("VACUUM INTO ?1", params![path.to_string_lossy()]);
        copied.map(drop).map_err(|source| self.error(source))
    }

    /// The runs of the command, in their order.
    pub fn runs(&self) -> Result<Vec<RunRecord>, LedgerError> {
        let query = "SELECT started_at, ended_at, exit_code, causes, version, caller FROM run \
             ORDER BY id";
        let time = |text: Option<String>| text.and_then(|text| text.parse().ok());
        let read = |row: &rusqlite::Row<'_>| {
            Ok(RunRecord {
                started_at: time(row.get(0)?),
                ended_at: time(row.get(1)?),
                exit_code: row.get(2)?,
                causes: row.get::<_, Option<String>>(3)?.unwrap_or_default(),
                version: row.get(4)?,
                // It explains, and nothing depends on it.
                caller: row
                    .get::<_, Option<String>>(5)?
                    .and_then(|text| serde_json::from_str(&text).ok()),
            })
        };
        let runs = || -> rusqlite::Result<Vec<RunRecord>> {
            self.connection.prepare(query)?.query_map([], read)?.collect()
        };
        runs().map_err(|source| self.error(source))
    }

    /// Calls `each` with every attempt, in the order of the intents.
    pub fn attempts(&self, mut each: impl FnMut(Attempt)) -> Result<(), LedgerError> {
        let query = "SELECT id, grants, intended_at, state, last, code, message, request_id, \
             finished_at, items FROM attempt ORDER BY id";
        let read = || -> rusqlite::Result<Option<AttemptId>> {
            let mut statement = self.connection.prepare(query)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let id: i64 = row.get(0)?;
                let Some(attempt) = row::attempt(id.unsigned_abs(), row)? else {
                    return Ok(Some(id.unsigned_abs()));
                };
                each(attempt);
            }
            Ok(None)
        };
        let mut read = read;
        match read() {
            Ok(None) => Ok(()),
            Ok(Some(id)) => Err(LedgerError::Foreign {
                path: self.path.clone(),
                what: format!("attempt {id} can't be read"),
            }),
            Err(source) => Err(self.error(source)),
        }
    }

    /// Records the start of a run. It becomes durable together with the first intent: until then
    /// nothing has been sent.
    pub fn begin_run(&self, now: Timestamp) -> Result<i64, LedgerError> {
        let insert = || {
            self.connection.execute(
                "INSERT INTO run (started_at, version) VALUES (?1, ?2)",
                params![utc_seconds(now), env!("CARGO_PKG_VERSION")],
            )
        };
        self.without_sync(insert).map_err(|source| self.error(source))?;
        Ok(self.connection.last_insert_rowid())
    }

    /// Writes something that the next commit makes durable. That only works with a write-ahead log;
    /// a rollback journal can't defer it.
    fn without_sync<T>(&self, write: impl FnOnce() -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let connection = &self.connection;
        let level: i32 = connection.pragma_query_value(None, "synchronous", |row| row.get(0))?;
        if level != SYNCHRONOUS_FULL {
            return write();
        }
        connection.pragma_update(None, "synchronous", "NORMAL")?;
        let written = write();
        connection.pragma_update(None, "synchronous", level)?;
        written
    }

    /// Records the end of a run.
    pub fn end_run(
        &self,
        run: i64,
        now: Timestamp,
        exit_code: u8,
        causes: &[String],
    ) -> Result<(), LedgerError> {
        self.connection
            .execute(
                "UPDATE run SET ended_at = ?2, exit_code = ?3, causes = ?4 WHERE id = ?1",
                params![run, utc_seconds(now), exit_code, causes.join("; ")],
            )
            .map(drop)
            .map_err(|source| self.error(source))
    }

    /// Records whose keys a run uses.
    pub fn record_caller(&self, run: i64, caller: &CallerRecord) -> Result<(), LedgerError> {
        let text = serde_json::to_string(caller).unwrap_or_default();
        self.connection
            .execute("UPDATE run SET caller = ?2 WHERE id = ?1", params![run, text])
            .map(drop)
            .map_err(|source| self.error(source))
    }

    /// Closes it for good, so that it can be renamed: everything is in one file, and no other
    /// process has it open. SQLite finds its log by the file's name, so a process that closed a
    /// renamed ledger last would delete the log of the new one with the old name.
    pub fn seal(self) -> Result<(), LedgerError> {
        let path = self.path.clone();
        let seal = || -> rusqlite::Result<bool> {
            self.connection.busy_timeout(Duration::from_secs(1))?;
            let got = self.journal_mode("DELETE")?;
            self.connection.close().map_err(|(_, error)| error)?;
            Ok(got.eq_ignore_ascii_case("delete"))
        };
        match seal() {
            Ok(true) => Ok(()),
            Ok(false) => Err(LedgerError::InUse(path)),
            Err(source) => match source.sqlite_error_code() {
                Some(rusqlite::ErrorCode::DatabaseBusy) => Err(LedgerError::InUse(path)),
                _ => Err(LedgerError::Sqlite { path, source }),
            },
        }
    }

    /// Moves everything into one file, unless another process reads it.
    pub fn close(self) -> Result<(), LedgerError> {
        let path = self.path.clone();
        let close = || -> rusqlite::Result<()> {
            let busy =
                self.connection.pragma_query_value(None, "wal_checkpoint(TRUNCATE)", |_| Ok(()));
            // Without a write-ahead log there is nothing to move.
            let _ = busy;
            self.connection.close().map_err(|(_, error)| error)
        };
        close().map_err(|source| LedgerError::Sqlite { path, source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some_ledger(folder: &Path) -> Ledger {
        Ledger::create(&folder.join("outcome.csv.ledger"), &JobSpec::default()).unwrap()
    }

    #[test]
    fn a_ledger_with_a_reader_is_not_sealed() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = some_ledger(folder.path());
        let path = ledger.path.clone();
        let reader = Connection::open(&path).unwrap();
        let count = |reader: &Connection| {
            reader.query_row("SELECT count(*) FROM run", [], |row| row.get::<_, i64>(0)).unwrap()
        };
        assert_eq!(count(&reader), 0);
        assert!(matches!(ledger.seal(), Err(LedgerError::InUse(_))));
        drop(reader);
        Ledger::open(&path).unwrap().seal().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "one file, and no log");
        Ledger::open(&path).unwrap();
    }

    #[test]
    fn only_the_beginning_of_a_run_may_wait_for_the_next_commit() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = some_ledger(folder.path());
        let pragma = |name: &str| {
            let value = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
            ledger.connection.pragma_query_value(None, name, value).unwrap()
        };
        for journal in ["wal", "delete"] {
            assert_eq!(ledger.journal_mode(journal).unwrap(), journal);
            let before = pragma("synchronous");
            let run = ledger.begin_run(Timestamp::UNIX_EPOCH).unwrap();
            assert_eq!(pragma("synchronous"), before);
            assert!(before >= i64::from(SYNCHRONOUS_FULL));
            assert!(run > 0);
        }
    }
}
