//! The outbox: outcomes on this machine that Redis does not have yet.
//!
//! Each worker has one file in the spool folder, with one outcome per line as JSON, synced before
//! [`Outbox::append`] returns. The next worker with that folder adopts the file of a killed one.
//! Redis decides whether such an outcome still counts, since it knows who holds the entry.

use super::consumer::Consumer;
use super::entry::EntryUpdate;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const ENDING: &str = ".bastion-revoke.spool";

#[derive(Debug, Serialize, Deserialize)]
struct Line {
    stream: String,
    group: String,
    consumer: String,
    step: EntryUpdate,
}

/// The outcomes that Redis does not have, and their file.
#[derive(Debug)]
pub struct Outbox {
    folder: PathBuf,
    path: PathBuf,
    /// Created with the first outcome, and locked while it is open.
    file: Option<File>,
    /// By the name of the worker.
    pending: BTreeMap<String, Vec<EntryUpdate>>,
    /// Files of killed workers, removed once their outcomes are stored.
    adopted: Vec<(PathBuf, File)>,
}

impl Outbox {
    /// Opens the outbox of a worker, and adopts the files of killed workers of the same queue.
    pub fn open(folder: &Path, consumer: &Consumer) -> io::Result<Self> {
        let name: String = consumer
            .name
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
            .collect();
        let mut outbox = Self {
            folder: folder.to_owned(),
            path: folder.join(format!("{name}{ENDING}")),
            file: None,
            pending: BTreeMap::new(),
            adopted: Vec::new(),
        };
        outbox.adopt(consumer)?;
        Ok(outbox)
    }

    fn adopt(&mut self, consumer: &Consumer) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if !path.as_os_str().as_encoded_bytes().ends_with(ENDING.as_bytes()) {
                continue;
            }
            let file = OpenOptions::new().read(true).write(true).open(&path)?;
            if file.try_lock().is_err() {
                continue; // Its worker is alive.
            }
            let text = fs::read_to_string(&path)?;
            // A truncated line was never synced, so it never counted.
            let lines: Vec<Line> =
                text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            let is_ours =
                |line: &Line| line.stream == consumer.keys.stream && line.group == consumer.group;
            if !lines.iter().all(is_ours) {
                continue;
            }
            for line in lines {
                self.pending.entry(line.consumer).or_default().push(line.step);
            }
            self.adopted.push((path, file));
        }
        Ok(())
    }

    /// Appends outcomes; they are durable when this returns.
    pub fn append(&mut self, consumer: &Consumer, updates: Vec<EntryUpdate>) -> io::Result<()> {
        let mut lines = String::new();
        for update in &updates {
            let line = Line {
                stream: consumer.keys.stream.clone(),
                group: consumer.group.clone(),
                consumer: consumer.name.clone(),
                step: update.clone(),
            };
            lines += &serde_json::to_string(&line)?;
            lines.push('\n');
        }
        // They can still be stored from memory if the file fails.
        self.pending.entry(consumer.name.clone()).or_default().extend(updates);
        if self.file.is_none() {
            let mut options = OpenOptions::new();
            let file = options.create(true).append(true).mode(0o600).open(&self.path)?;
            file.try_lock().map_err(io::Error::from)?;
            self.file = Some(file);
            crate::files::sync_folder(&self.folder)?;
        }
        if let Some(file) = &mut self.file {
            file.write_all(lines.as_bytes())?;
            file.sync_data()?;
        }
        Ok(())
    }

    /// Whether Redis has every outcome.
    pub fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// The outcomes, by the name of their worker.
    pub fn pending(&self) -> Vec<(String, Vec<EntryUpdate>)> {
        self.pending.iter().map(|(name, updates)| (name.clone(), updates.clone())).collect()
    }

    /// Removes the outcomes of that worker, which are stored or void.
    pub fn remove(&mut self, consumer: &str) {
        self.pending.remove(consumer);
        if !self.pending.is_empty() {
            return;
        }
        // A file that cannot be removed is read again later; no outcome is stored twice.
        for (path, _) in self.adopted.drain(..) {
            let _ = fs::remove_file(path);
        }
        if self.file.take().is_some() {
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::Keys;
    use super::super::retention::Retention;
    use super::*;

    fn consumer(name: &str) -> Consumer {
        let (group, name) = ("g".to_owned(), name.to_owned());
        Consumer { keys: Keys::new("s"), group, name, retention: Retention::Unlimited }
    }

    fn step(id: &str) -> EntryUpdate {
        EntryUpdate {
            id: id.to_owned(),
            outcome: Some(vec!["id".into(), id.into()]),
            ..EntryUpdate::default()
        }
    }

    #[test]
    fn outcomes_of_a_killed_worker_are_adopted_once_and_removed_when_stored() {
        let folder = tempfile::tempdir().unwrap();
        let files = || fs::read_dir(folder.path()).unwrap().count();
        let mut first = Outbox::open(folder.path(), &consumer("a")).unwrap();
        assert_eq!(files(), 0, "nothing is made before it is needed");
        first.append(&consumer("a"), vec![step("1-0")]).unwrap();
        first.append(&consumer("a"), vec![step("2-0")]).unwrap();
        let other = Outbox::open(folder.path(), &consumer("b")).unwrap();
        assert!(other.is_empty(), "its worker lives");
        drop(first);
        let of_another_queue = Consumer { group: "h".to_owned(), ..consumer("c") };
        assert!(Outbox::open(folder.path(), &of_another_queue).unwrap().is_empty());
        let mut next = Outbox::open(folder.path(), &consumer("c")).unwrap();
        assert_eq!(next.pending(), [("a".to_owned(), vec![step("1-0"), step("2-0")])]);
        next.append(&consumer("c"), vec![step("3-0")]).unwrap();
        next.remove("a");
        assert_eq!(files(), 2);
        next.remove("c");
        assert_eq!((next.is_empty(), files()), (true, 0));
    }
}
