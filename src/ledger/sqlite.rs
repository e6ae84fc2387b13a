//! `OUT.ledger`: the journal in an SQLite file, which anybody can read with `sqlite3` meanwhile.
//!
//! One row per attempt, with ranges of grants and only the exceptional items. A commit of the
//! dispatcher is one transaction, synced before it counts (`synchronous=FULL`).

use super::text;
use super::{AttemptId, AttemptResult, GrantSet, Journal, JournalError, Record};
use crate::clock::{utc_millis, utc_seconds};
use crate::input_snapshot::Segment;
use jiff::Timestamp;
use rusqlite::{Connection, OpenFlags, params};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, mpsc};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// `brlg`, in the file's header: it is a ledger of this tool.
const APPLICATION_ID: i32 = 0x6272_6c67;
/// The version of the schema.
const VERSION: i32 = 1;

/// What `PRAGMA synchronous` says of a ledger with a write-ahead log.
const SYNCHRONOUS_FULL: i32 = 2;
/// Memory for pages of the file.
const CACHE_KIB: i32 = 256;
const SCHEMA: &str = include_str!("schema.sql");

/// The ledger can't be used (exit 74).
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Power was lost while it was made: nothing was sent yet, and nothing is in it.
    #[error("a ledger that was never begun")]
    NeverBegun,
    /// SQLite refused.
    #[error("{path}: {source}")]
    Sqlite {
        /// The ledger.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// There can be no file of that name.
    #[error("{path}: the ledger can't be made: {source}")]
    Make {
        /// The ledger.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// Somebody reads it, so it can't be renamed.
    #[error(
        "{0}: another program has this ledger open, so it can't be set aside; close it there, or \
         give another --out"
    )]
    InUse(PathBuf),
    /// The file is something else, or of a version that this tool does not know.
    #[error("{path}: {what}; move it away, or give another --out")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
}

/// A job as its ledger knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// What makes it this job: equal in all members, or it is another.
    pub identity: BTreeMap<String, String>,
    /// What explains a difference: options, tool version.
    pub settings: BTreeMap<String, String>,
    /// The inputs in the copy.
    pub inputs: Vec<Segment>,
}

/// An attempt as the ledger tells it; no result means that none was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its number.
    pub id: AttemptId,
    /// What it was about.
    pub grants: GrantSet,
    /// When its intent was written.
    pub intended_at: Timestamp,
    /// How it ended.
    pub result: Option<AttemptResult>,
}

/// An open ledger.
#[derive(Debug)]
pub struct Ledger {
    connection: Connection,
    path: PathBuf,
}

impl Ledger {
    /// Makes a new ledger for a job, durable when this returns. There must be no file yet.
    pub fn create(path: &Path, job: &Job) -> Result<Self, LedgerError> {
        // For its owner only, as the outcome is; SQLite gives its log the same mode.
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        made.map_err(|source| LedgerError::Make { path: path.to_owned(), source })?;
        let mut ledger = Self::connect(path)?;
        ledger.make_durable().map_err(|source| ledger.error(source))?;
        ledger.fill(job).map_err(|source| ledger.error(source))?;
        Ok(ledger)
    }

    /// Opens the ledger of an earlier run.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let ledger = Self::connect(path)?;
        let of = |pragma: &str| {
            ledger.connection.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i32>(0))
        };
        let foreign =
            |what: &str| LedgerError::Foreign { path: path.to_owned(), what: what.into() };
        match (of("application_id"), of("user_version")) {
            (Ok(APPLICATION_ID), Ok(VERSION)) => {
                ledger.make_durable().map_err(|source| ledger.error(source))?;
                Ok(ledger)
            }
            (Ok(APPLICATION_ID), Ok(version)) => Err(foreign(&format!(
                "a ledger of version {version}, and this tool knows version {VERSION}"
            ))),
            (Ok(0), Ok(0)) if ledger.is_blank() => Err(LedgerError::NeverBegun),
            (Ok(_), Ok(_)) => Err(foreign("not a ledger of this tool")),
            (Err(error), _) | (_, Err(error)) => Err(foreign(&error.to_string())),
        }
    }

    fn is_blank(&self) -> bool {
        let tables = self
            .connection
            .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get::<_, i64>(0));
        tables.is_ok_and(|tables| tables == 0)
    }

    fn connect(path: &Path) -> Result<Self, LedgerError> {
        let error = |source| LedgerError::Sqlite { path: path.to_owned(), source };
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(error)?;
        connection.busy_timeout(Duration::from_secs(10)).map_err(error)?;
        Ok(Self { connection, path: path.to_owned() })
    }

    /// From now on a commit that returns is on the disk, and little of the file stays in memory.
    fn make_durable(&self) -> rusqlite::Result<()> {
        // A write-ahead log needs memory that readers share, which network file systems lack.
        let mode = if is_on_network(&self.path) { "DELETE" } else { "WAL" };
        let got = self.journal_mode(mode)?;
        // With a rollback journal a commit lasts once the journal's removal does, and only EXTRA
        // syncs the folder for that.
        let level = if got.eq_ignore_ascii_case("wal") { "FULL" } else { "EXTRA" };
        self.connection.pragma_update(None, "synchronous", level)?;
        // What is written is hardly read again.
        self.connection.pragma_update(None, "cache_size", -CACHE_KIB)
    }

    /// Asks for a journal mode, and says which it is now.
    fn journal_mode(&self, mode: &str) -> rusqlite::Result<String> {
        let read = |row: &rusqlite::Row<'_>| row.get(0);
        self.connection.pragma_update_and_check(None, "journal_mode", mode, read)
    }

    fn fill(&mut self, job: &Job) -> rusqlite::Result<()> {
        let transaction = self.connection.transaction()?;
        transaction.execute_batch(SCHEMA)?;
        let all = [("identity", &job.identity), ("settings", &job.settings)];
        for (group, members) in all {
            for (name, value) in members {
                transaction.execute(
                    "INSERT INTO job VALUES (?1, ?2)",
                    params![format!("{group}.{name}"), value],
                )?;
            }
        }
        for (number, input) in (1_i64..).zip(&job.inputs) {
            transaction.execute(
                "INSERT INTO input VALUES (?1, ?2, ?3)",
                params![number, input.name, i64::try_from(input.len).unwrap_or(i64::MAX)],
            )?;
        }
        // Last, and in the same transaction: a file with these numbers is complete.
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
        transaction.commit()
    }

    fn error(&self, source: rusqlite::Error) -> LedgerError {
        LedgerError::Sqlite { path: self.path.clone(), source }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The job that the ledger is about.
    pub fn job(&self) -> Result<Job, LedgerError> {
        self.read_job().map_err(|source| self.error(source))
    }

    fn read_job(&self) -> rusqlite::Result<Job> {
        let mut job =
            Job { identity: BTreeMap::new(), settings: BTreeMap::new(), inputs: Vec::new() };
        let mut statement = self.connection.prepare("SELECT name, value FROM job")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            let name: String = row.get(0)?;
            let value = row.get(1)?;
            match name.split_once('.') {
                Some(("identity", name)) => drop(job.identity.insert(name.to_owned(), value)),
                Some((_, name)) => drop(job.settings.insert(name.to_owned(), value)),
                None => {}
            }
        }
        let mut statement =
            self.connection.prepare("SELECT name, bytes FROM input ORDER BY number")?;
        let inputs = statement.query_map([], |row| {
            let len: i64 = row.get(1)?;
            Ok(Segment { name: row.get(0)?, len: len.unsigned_abs() })
        })?;
        job.inputs = inputs.collect::<rusqlite::Result<_>>()?;
        Ok(job)
    }

    /// When the first run began, and how the last one ended; nothing if it did not, but was
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

    /// Tells every attempt in the order of the intents.
    pub fn attempts(&self, mut each: impl FnMut(Attempt)) -> Result<(), LedgerError> {
        let query = "SELECT id, grants, intended_at, state, last, code, message, request_id, \
             finished_at, items FROM attempt ORDER BY id";
        let read = || -> rusqlite::Result<Option<AttemptId>> {
            let mut statement = self.connection.prepare(query)?;
            let mut rows = statement.query([])?;
            while let Some(row) = rows.next()? {
                let id: i64 = row.get(0)?;
                let Some(attempt) = text::attempt(id.unsigned_abs(), row)? else {
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

    /// Writes down that a run begins now. It becomes durable together with the first intent: until
    /// then nothing has been sent.
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

    /// Writes something that the next commit makes durable, if there is a write-ahead log; a
    /// rollback journal can't put it off.
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

    /// Writes down how a run ended.
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

    /// Closes it for good, so that it can be renamed: all of it is in the one file afterwards, and
    /// nobody else has it open. That matters, for SQLite goes by names: whoever closes a renamed
    /// ledger last would delete the log of the new one that took its name.
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

    /// Moves everything into the one file, unless somebody reads it meanwhile.
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

/// Whether a file is on a network file system, as far as the kernel tells.
fn is_on_network(path: &Path) -> bool {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a 32-bit magic")]
    rustix::fs::statfs(folder).is_ok_and(|about| is_network_magic(about.f_type as u32))
}

/// Whether `statfs` gives this number for a network file system. Source: statfs(2) and the
/// kernel's `magic.h`.
fn is_network_magic(magic: u32) -> bool {
    // NFS, SMB, SMB2, CIFS, AFS, Ceph, 9P, FUSE (sshfs and the like), OCFS2, GFS2.
    const NETWORK: [u32; 10] = [
        0x6969,
        0x517b,
        0xfe53_4d42,
        0xff53_4d42,
        0x5346_414f,
        0x00c3_6400,
        0x0102_1997,
        0x6573_5546,
        0x7461_636f,
        0x0116_1970,
    ];
    NETWORK.contains(&magic)
}

/// The journal of a run: a thread of its own that owns the connection and writes one batch after
/// the other.
#[derive(Debug)]
pub struct SqliteJournal {
    batches: mpsc::Sender<Batch>,
    thread: Option<std::thread::JoinHandle<Ledger>>,
    /// When the last durable write ended.
    written_at: Mutex<Option<Instant>>,
}

/// How long the disk rests between two durable writes. One costs as much for a single record as for
/// a hundred, and what comes up meanwhile shares the next; next to the way to the service and back
/// nobody notices it.
const REST: Duration = Duration::from_millis(1);

type Batch = (Vec<Record>, oneshot::Sender<Result<(), JournalError>>);

impl SqliteJournal {
    /// Hands the ledger to a thread. Attempts are numbered on from those already in it.
    pub fn start(ledger: Ledger, run: i64) -> std::io::Result<Self> {
        let (batches, receiver) = mpsc::channel::<Batch>();
        let write = move || {
            let mut ledger = ledger;
            for (records, done) in receiver {
                let written = ledger.write(run, &records);
                // Nobody waits any more when the run was aborted; what is written stays written.
                let _ = done.send(written.map_err(|error| JournalError(error.to_string())));
            }
            ledger
        };
        let thread = std::thread::Builder::new().name("ledger".to_owned()).spawn(write)?;
        Ok(Self { batches, thread: Some(thread), written_at: Mutex::default() })
    }

    /// Waits for the thread and gives the ledger back; nothing if the thread died.
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
            tokio::time::sleep_until(written_at + REST).await;
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
                let grants = text::ranges(grants);
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
                    text::items(grants, &result.exceptions),
                ])?;
                if changed != 1 {
                    // A result without its intent would vanish without a word.
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

    #[test]
    fn network_file_systems_get_a_rollback_journal() {
        // NFS, SMB2, CIFS and sshfs; then ext4, XFS, Btrfs, tmpfs, ZFS and overlayfs.
        for magic in [0x6969, 0xfe53_4d42, 0xff53_4d42, 0x6573_5546] {
            assert!(is_network_magic(magic), "{magic:#x}");
        }
        for magic in [0xef53, 0x5846_5342, 0x9123_683e, 0x0102_1994, 0x2fc1_2fc1, 0x794c_7630] {
            assert!(!is_network_magic(magic), "{magic:#x}");
        }
    }

    fn some_ledger(folder: &Path) -> Ledger {
        let job = Job { identity: BTreeMap::new(), settings: BTreeMap::new(), inputs: vec![] };
        Ledger::create(&folder.join("outcome.csv.ledger"), &job).unwrap()
    }

    #[test]
    fn a_ledger_that_somebody_reads_is_not_sealed() {
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

    #[test]
    fn a_result_without_its_intent_is_not_taken_for_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut ledger = some_ledger(folder.path());
        let run = ledger.begin_run(Timestamp::UNIX_EPOCH).unwrap();
        let result = AttemptResult {
            state: super::super::AttemptState::Answered,
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
