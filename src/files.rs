//! The files of a run: `OUT`, and beside it `OUT.input`, `OUT.ledger` and `OUT.lock`.
//!
//! Nothing is deleted except the lock and the temporary files of killed runs. Existing files of
//! another job are set aside under the time at which their run started.

use jiff::Timestamp;
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// The paths of a run's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFiles {
    /// The outcome.
    pub out: PathBuf,
}

/// Suffixes of the files beside the outcome. SQLite keeps its logs beside the ledger.
const BESIDE: [&str; 6] =
    [".input", ".left-out.csv", ".ledger", ".ledger-wal", ".ledger-shm", ".ledger-journal"];

/// How long a run waits for the lock: longer than the kernel takes to release it after `kill -9`.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// The interval between attempts to lock.
const LOCK_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// The suffix of temporary files.
const TEMPORARY: &str = ".bastion-revoke.tmp";

impl RunFiles {
    /// The files around an outcome.
    pub fn new(out: PathBuf) -> Self {
        Self { out }
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.out.clone().into_os_string();
        name.push(ending);
        name.into()
    }

    /// The copy of the input.
    pub fn input(&self) -> PathBuf {
        self.beside(".input")
    }

    /// The ledger.
    pub fn ledger(&self) -> PathBuf {
        self.beside(".ledger")
    }

    /// The table of what a restore does not grant.
    pub fn left_out(&self) -> PathBuf {
        self.beside(".left-out.csv")
    }

    /// What users still reached when the outcome was verified.
    pub fn residual(&self) -> PathBuf {
        self.out.with_file_name("residual.csv")
    }

    /// The routes of the users of an export or an offboarding: those of `access.csv` are in
    /// `access.routes.csv`.
    pub fn routes(&self) -> PathBuf {
        let is_csv = |ending: &std::ffi::OsStr| ending.eq_ignore_ascii_case("csv");
        let stem = if self.out.extension().is_some_and(is_csv) {
            self.out.with_extension("")
        } else {
            self.out.clone()
        };
        Self::new(stem).beside(".routes.csv")
    }

    /// The list of revocations of an offboarding.
    pub fn revocations(&self) -> PathBuf {
        self.beside(".list.csv")
    }

    /// The record of the steps of an offboarding.
    pub fn steps(&self) -> PathBuf {
        self.beside(".steps")
    }

    /// Writes [`RunFiles::left_out`] as a whole; durable when this returns.
    pub fn write_left_out(&self, table: &[u8]) -> io::Result<()> {
        let mut temporary = self.temporary()?;
        temporary.write_all(table)?;
        temporary.as_file().sync_all()?;
        temporary.persist(self.left_out()).map_err(|error| error.error)?;
        sync_folder(self.folder())
    }

    /// The folder of all these files.
    pub fn folder(&self) -> &Path {
        match self.out.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        }
    }

    /// Why the outcome can't have this name, if so: it is a folder or a device, which would be
    /// renamed with the files of an earlier run, or a symbolic link to a file that does not exist.
    pub fn is_no_file(&self) -> Option<String> {
        let Ok(about) = fs::metadata(&self.out) else {
            let target = fs::read_link(&self.out).ok()?;
            return Some(format!(
                "{} is a symbolic link to {}, which does not exist",
                self.out.display(),
                target.display()
            ));
        };
        (!about.is_file()).then(|| format!("{} is not a file", self.out.display()))
    }

    /// Creates a temporary file beside the outcome, readable by its owner only. [`RunFiles::sweep`]
    /// recognises it by its name.
    pub fn temporary(&self) -> io::Result<tempfile::NamedTempFile> {
        tempfile::Builder::new()
            .prefix(&self.temporary_prefix())
            .suffix(TEMPORARY)
            .tempfile_in(self.folder())
    }

    fn temporary_prefix(&self) -> OsString {
        let mut prefix = OsString::from(".");
        prefix.push(self.out.file_name().unwrap_or_default());
        prefix.push(".");
        prefix
    }

    /// Removes the temporary files of killed runs with this outcome. It needs the lock: then no
    /// live run has any.
    pub fn sweep(&self, _lock: &Lock) {
        let prefix = self.temporary_prefix();
        let Ok(folder) = fs::read_dir(self.folder()) else { return };
        for name in folder.flatten().map(|entry| entry.file_name()) {
            let middle = name
                .as_encoded_bytes()
                .strip_prefix(prefix.as_encoded_bytes())
                .and_then(|rest| rest.strip_suffix(TEMPORARY.as_bytes()));
            // The part in the middle has no dot; otherwise it belongs to an outcome with a longer
            // name.
            if middle.is_some_and(|middle| !middle.contains(&b'.')) {
                let _ = fs::remove_file(self.folder().join(&name));
            }
        }
    }

    /// Takes the lock, and waits if another process holds it: the kernel releases the lock of a
    /// killed process a moment after the process ends.
    pub async fn lock_within(&self, timeout: Duration) -> Result<Lock, LockError> {
        let deadline = Instant::now() + timeout;
        loop {
            match self.lock() {
                Err(LockError::Held(_)) if Instant::now() < deadline => {
                    tokio::time::sleep(LOCK_POLL_INTERVAL).await;
                }
                result => return result,
            }
        }
    }

    /// Whether a process works on these files. Briefly takes a shared lock if it is free.
    pub fn is_locked(&self) -> bool {
        File::open(self.beside(".lock"))
            .is_ok_and(|file| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)))
    }

    /// Ensures that no other process works on these files until the lock is dropped. Does not wait.
    pub fn lock(&self) -> Result<Lock, LockError> {
        let path = self.beside(".lock");
        let error = |source| LockError::File { path: path.clone(), source };
        loop {
            let file = fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(false)
                .mode(0o600)
                .open(&path)
                .map_err(error)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(LockError::Held(path)),
                Err(TryLockError::Error(source)) => return Err(error(source)),
            }
            // The previous run may have removed the file after we opened it and before we locked
            // it.
            let ours = file.metadata().map_err(error)?;
            match fs::metadata(&path) {
                Ok(there) if (there.dev(), there.ino()) == (ours.dev(), ours.ino()) => {
                    return Ok(Lock { path, _file: file });
                }
                _ => {}
            }
        }
    }

    /// Renames the files of an earlier run and returns the new name: `outcome.csv` of a run started
    /// on 2 January becomes `outcome.20260102T030405Z.csv`. If it is killed half-way, the next call
    /// renames the rest to the same names.
    pub fn set_aside(&self, started: Option<Timestamp>) -> io::Result<Option<PathBuf>> {
        let beside = BESIDE.iter().map(|ending| (*ending, self.beside(ending)));
        let files: Vec<(&str, PathBuf)> = std::iter::once(("", self.out.clone()))
            .chain(beside)
            .filter(|(_, path)| fs::symlink_metadata(path).is_ok())
            .collect();
        let Some((_, first)) = files.first() else { return Ok(None) };
        let started = match started {
            Some(started) => started,
            None => Timestamp::try_from(fs::metadata(first)?.modified()?)
                .unwrap_or(Timestamp::UNIX_EPOCH),
        };
        let stamp = started.strftime("%Y%m%dT%H%M%SZ").to_string();
        let aside = (1..10_000)
            .map(|number| {
                let number = if number == 1 { String::new() } else { format!("-{number}") };
                Self::new(self.stamped(&format!("{stamp}{number}")))
            })
            .find(|aside| {
                let is_free = |path: PathBuf| fs::symlink_metadata(path).is_err();
                files.iter().all(|(ending, _)| is_free(aside.beside(ending)))
            })
            .ok_or(io::ErrorKind::AlreadyExists)?;
        // The ledger last: while it exists, the next run can identify the other files.
        let is_ledger = |ending: &str| ending.starts_with(".ledger");
        let others = files.iter().filter(|(ending, _)| !is_ledger(ending));
        for (ending, path) in others.chain(files.iter().filter(|(ending, _)| is_ledger(ending))) {
            fs::rename(path, aside.beside(ending))?;
            crate::failpoint::hit("setting-aside");
        }
        sync_folder(self.folder())?;
        Ok(Some(aside.out))
    }

    /// The outcome's name with a stamp before its extension.
    fn stamped(&self, stamp: &str) -> PathBuf {
        let extension = self.out.extension().map(|e| e.to_string_lossy().into_owned());
        let stem = self.out.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let name = match extension {
            Some(extension) => format!("{stem}.{stamp}.{extension}"),
            None => format!("{stem}.{stamp}"),
        };
        self.out.with_file_name(name)
    }

    /// The file that shows that a real run used this name, if there is one.
    pub fn of_a_real_run(&self) -> Option<PathBuf> {
        [self.ledger(), self.input()].into_iter().find(|path| path.exists())
    }
}

/// Makes renames and new names in a folder durable.
pub fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// An exclusive lock on the files until this is dropped.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Still locked: a process that opened it meanwhile finds that it is gone and opens a new
        // one.
        let _ = fs::remove_file(&self.path);
    }
}

/// The lock can't be taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it (exit 75).
    #[error("{0}: another run is working on this outcome; wait for it, or pass another --out")]
    Held(PathBuf),
    /// The file can't be created (exit 74).
    #[error("{path}: can't be made: {source}; the folder of --out must exist and be writable")]
    File {
        /// The lock file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_process_holds_the_lock_and_its_file_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let files = RunFiles::new(folder.path().join("outcome.csv"));
        let lock = files.lock().unwrap();
        assert!(matches!(files.lock(), Err(LockError::Held(_))));
        drop(lock);
        drop(files.lock().unwrap());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn locking_waits_two_seconds_for_a_lock_to_be_released() {
        let folder = tempfile::tempdir().unwrap();
        let files = RunFiles::new(folder.path().join("outcome.csv"));
        let lock = files.lock().unwrap();
        let began = Instant::now();
        assert!(matches!(files.lock_within(LOCK_TIMEOUT).await, Err(LockError::Held(_))));
        assert!(began.elapsed() >= LOCK_TIMEOUT);
        let release = async {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            drop(lock);
        };
        let (taken, ()) = tokio::join!(files.lock_within(LOCK_TIMEOUT), release);
        assert!(taken.is_ok());
    }

    #[test]
    fn only_temporary_files_of_killed_runs_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let files = RunFiles::new(folder.path().join("outcome.csv"));
        let other = RunFiles::new(folder.path().join("outcome.csv.b"));
        let left = files.temporary().unwrap().keep().unwrap().1;
        let others = other.temporary().unwrap().keep().unwrap().1;
        let foreign = folder.path().join(".outcome.csv.notes");
        fs::write(&foreign, "").unwrap();
        let lock = files.lock().unwrap();
        files.sweep(&lock);
        assert!(!left.exists() && others.exists() && foreign.exists());
    }

    #[test]
    fn setting_aside_continues_after_a_kill() {
        let folder = tempfile::tempdir().unwrap();
        let files = RunFiles::new(folder.path().join("outcome.csv"));
        let started = Some("2026-01-02T03:04:05Z".parse().unwrap());
        fs::write(folder.path().join("outcome.20260102T030405Z.csv"), "moved before").unwrap();
        fs::write(files.input(), "").unwrap();
        fs::write(files.ledger(), "").unwrap();
        files.set_aside(started).unwrap();
        for name in ["", ".input", ".ledger"] {
            let name = format!("outcome.20260102T030405Z.csv{name}");
            assert!(folder.path().join(&name).exists(), "{name}");
        }
    }

    #[test]
    fn files_are_set_aside_under_the_time_of_their_run_and_never_over_others() {
        let folder = tempfile::tempdir().unwrap();
        let files = RunFiles::new(folder.path().join("outcome.csv"));
        let started = Some("2026-01-02T03:04:05Z".parse().unwrap());
        assert_eq!(files.set_aside(started).unwrap(), None);
        for content in ["one", "two"] {
            fs::write(&files.out, content).unwrap();
            fs::write(files.input(), content).unwrap();
            files.set_aside(started).unwrap();
        }
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(read("outcome.20260102T030405Z.csv"), "one");
        assert_eq!(read("outcome.20260102T030405Z.csv.input"), "one");
        assert_eq!(read("outcome.20260102T030405Z-2.csv"), "two");
        assert_eq!(read("outcome.20260102T030405Z-2.csv.input"), "two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }
}
