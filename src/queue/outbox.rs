//! Outcomes that wait on this machine for Redis to come back.
//!
//! A file in the spool folder for each worker, with a line of JSON for each outcome, synced before
//! it counts. What a killed worker has left is adopted by the next one on the machine; whether it
//! is still worth anything is for Redis to say, which knows whose an entry is.

use super::scripts::{Seat, Step};
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
    step: Step,
}

/// What waits, and the file that it waits in.
#[derive(Debug)]
pub struct Shelf {
    folder: PathBuf,
    path: PathBuf,
    /// Made when something is put there, and locked as long as it is used.
    file: Option<File>,
    /// By consumer.
    waiting: BTreeMap<String, Vec<Step>>,
    /// Files of workers that are gone, to be removed once what they hold is stored.
    adopted: Vec<(PathBuf, File)>,
}

impl Shelf {
    /// Opens the shelf of a worker, and adopts what killed workers of the same queue have left.
    pub fn open(folder: &Path, seat: &Seat) -> io::Result<Self> {
        let name: String = seat
            .consumer
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' })
            .collect();
        let mut shelf = Self {
            folder: folder.to_owned(),
            path: folder.join(format!("{name}{ENDING}")),
            file: None,
            waiting: BTreeMap::new(),
            adopted: Vec::new(),
        };
        shelf.adopt(seat)?;
        Ok(shelf)
    }

    fn adopt(&mut self, seat: &Seat) -> io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if !path.as_os_str().as_encoded_bytes().ends_with(ENDING.as_bytes()) {
                continue;
            }
            let file = OpenOptions::new().read(true).write(true).open(&path)?;
            if file.try_lock().is_err() {
                continue; // Its worker lives.
            }
            let text = fs::read_to_string(&path)?;
            // A line that was cut short was not synced, so nobody has counted on it.
            let lines: Vec<Line> =
                text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
            let is_ours = |line: &Line| line.stream == seat.keys.stream && line.group == seat.group;
            if !lines.iter().all(is_ours) {
                continue;
            }
            for line in lines {
                self.waiting.entry(line.consumer).or_default().push(line.step);
            }
            self.adopted.push((path, file));
        }
        Ok(())
    }

    /// Keeps outcomes; durable when this returns.
    pub fn put(&mut self, seat: &Seat, steps: Vec<Step>) -> io::Result<()> {
        let mut lines = String::new();
        for step in &steps {
            let line = Line {
                stream: seat.keys.stream.clone(),
                group: seat.group.clone(),
                consumer: seat.consumer.clone(),
                step: step.clone(),
            };
            lines += &serde_json::to_string(&line)?;
            lines.push('\n');
        }
        // They can still be stored from memory, whatever becomes of the file.
        self.waiting.entry(seat.consumer.clone()).or_default().extend(steps);
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

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What waits, by the worker that did it.
    pub fn waiting(&self) -> Vec<(String, Vec<Step>)> {
        self.waiting.iter().map(|(name, steps)| (name.clone(), steps.clone())).collect()
    }

    /// What waited for that worker is stored, or will never be.
    pub fn taken(&mut self, consumer: &str) {
        self.waiting.remove(consumer);
        if !self.waiting.is_empty() {
            return;
        }
        // A file that can't be removed is only read again: nothing in it is stored twice.
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
    use super::super::scripts::Keys;
    use super::*;

    fn seat(consumer: &str) -> Seat {
        let (group, consumer) = ("g".to_owned(), consumer.to_owned());
        Seat { keys: Keys::new("s"), group, consumer }
    }

    fn step(id: &str) -> Step {
        Step { id: id.to_owned(), outcome: Some(vec!["id".into(), id.into()]), ..Step::default() }
    }

    #[test]
    fn what_a_killed_worker_has_left_is_adopted_once_and_removed_when_it_is_stored() {
        let folder = tempfile::tempdir().unwrap();
        let files = || fs::read_dir(folder.path()).unwrap().count();
        let mut first = Shelf::open(folder.path(), &seat("a")).unwrap();
        assert_eq!(files(), 0, "nothing is made before it is needed");
        first.put(&seat("a"), vec![step("1-0")]).unwrap();
        first.put(&seat("a"), vec![step("2-0")]).unwrap();
        let other = Shelf::open(folder.path(), &seat("b")).unwrap();
        assert!(other.is_empty(), "its worker lives");
        drop(first);
        let of_another_queue = Seat { group: "h".to_owned(), ..seat("c") };
        assert!(Shelf::open(folder.path(), &of_another_queue).unwrap().is_empty());
        let mut next = Shelf::open(folder.path(), &seat("c")).unwrap();
        assert_eq!(next.waiting(), [("a".to_owned(), vec![step("1-0"), step("2-0")])]);
        next.put(&seat("c"), vec![step("3-0")]).unwrap();
        next.taken("a");
        assert_eq!(files(), 2);
        next.taken("c");
        assert_eq!((next.is_empty(), files()), (true, 0));
    }
}
