//! The record of an offboarding's steps: JSON Lines, appended and synced.
//!
//! An intent is durable before its call and a result after it. An intent without a result may have
//! been applied. A last line that is cut off was never acted on.

use super::step::{Step, StepKind, StepResult, StepState};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The version of the format.
const VERSION: u32 = 1;

/// What an offboarding is about; it does not change when it is resumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// The users as they were given.
    pub asked: Vec<String>,
    /// Their ids.
    pub users: Vec<String>,
    /// Users that were locked before.
    pub locked_before: Vec<String>,
    /// The instance.
    pub instance_id: String,
    /// Its region.
    pub region: String,
    /// The endpoint, if it is not the region's.
    pub endpoint: Option<String>,
    /// The steps besides the revocations, as they were confirmed.
    pub steps: Vec<Step>,
    /// The SHA-256 of the list of revocations, as it was confirmed.
    pub list_sha256: String,
    /// The rows of that list.
    pub rows: usize,
    /// The time.
    pub at: String,
}

/// The routes that were recorded after the locks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Taken {
    /// How many routes there were.
    pub routes: usize,
    /// How many things could not be read.
    pub not_checked: usize,
    /// The time of the reading.
    pub at: String,
}

/// A line of the file.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Line {
    Version(u32),
    Begun(Begun),
    Intent { steps: Vec<Step>, at: String },
    Result(StepResult),
    Snapshot(Taken),
    Ended { exit_code: u8, at: String },
}

/// The record cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StepLogError {
    /// The file system refused.
    #[error("{path}: {source}")]
    File {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// It is not a record of steps, or of another version.
    #[error("{path}, line {line}: {why}; use another --out, or restore the file")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
}

/// The steps of a record with their latest results, in the order in which they were confirmed; those
/// of a later restore follow. Changes nothing, so it may be read while another process writes it. A
/// step without a result that was sent is [`StepState::Unknown`]; one that was not sent has no state.
///
/// # Errors
///
/// The file cannot be read, or is no record of steps.
pub fn recorded_steps(path: &Path) -> Result<Vec<(Step, Option<StepResult>)>, StepLogError> {
    let text = std::fs::read(path)
        .map_err(|source| StepLogError::File { path: path.to_owned(), source })?;
    let Some((begun, lines)) = parse(path, &text)? else { return Ok(Vec::new()) };
    let mut steps: Vec<_> = begun.steps.into_iter().map(|step| (step, None)).collect();
    let mut set =
        |step: Step, result: StepResult| match steps.iter_mut().find(|(of, _)| *of == step) {
            Some((_, last)) => *last = Some(result),
            None => steps.push((step, Some(result))),
        };
    for line in lines {
        match line {
            Line::Intent { steps, at } => {
                for step in steps {
                    set(step.clone(), StepResult::missing(step, at.clone()));
                }
            }
            Line::Result(result) => set(result.step.clone(), result),
            _ => {}
        }
    }
    Ok(steps)
}

fn complete_lines(text: &[u8]) -> &[u8] {
    &text[..text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1)]
}

/// What an offboarding is about, and the lines after that; `None` if it was killed before.
fn parse(path: &Path, text: &[u8]) -> Result<Option<(Begun, Vec<Line>)>, StepLogError> {
    let damaged =
        |line: usize, why: String| StepLogError::Damaged { path: path.to_owned(), line, why };
    let mut lines = Vec::new();
    for (number, line) in (1..).zip(complete_lines(text).split_inclusive(|byte| *byte == b'\n')) {
        let parsed = serde_json::from_slice(line);
        lines.push(parsed.map_err(|error| damaged(number, error.to_string()))?);
    }
    let mut lines = lines.into_iter();
    match (lines.next(), lines.next()) {
        (Some(Line::Version(VERSION)), Some(Line::Begun(begun))) => {
            Ok(Some((begun, lines.collect())))
        }
        (None, _) | (Some(Line::Version(VERSION)), None) => Ok(None),
        _ => {
            let why = "not a record of steps, or of another version of this tool";
            Err(damaged(1, why.to_owned()))
        }
    }
}

/// An open record.
#[derive(Debug)]
pub struct StepLog {
    path: PathBuf,
    file: File,
    begun: Begun,
    snapshot: Option<Taken>,
    results: BTreeMap<Step, StepResult>,
    /// Steps of which an attempt before the last may have been applied, whatever later ones said.
    unclear: BTreeSet<Step>,
}

impl StepLog {
    /// Creates the record of an offboarding that begins.
    ///
    /// # Errors
    ///
    /// The file exists or cannot be written.
    pub fn create(path: &Path, begun: Begun) -> Result<Self, StepLogError> {
        let error = |source| StepLogError::File { path: path.to_owned(), source };
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create_new(true).mode(0o600).open(path);
        let mut log = Self {
            path: path.to_owned(),
            file: file.map_err(error)?,
            begun: begun.clone(),
            snapshot: None,
            results: BTreeMap::new(),
            unclear: BTreeSet::new(),
        };
        log.append(&[Line::Version(VERSION), Line::Begun(begun)])?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        crate::files::sync_folder(folder.unwrap_or(Path::new("."))).map_err(error)?;
        Ok(log)
    }

    /// Opens the record of an offboarding that is resumed; `None` if there is none, or if it was
    /// killed before its first line was complete, when nothing had been sent.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is no record of steps.
    pub fn open(path: &Path) -> Result<Option<Self>, StepLogError> {
        let error = |source| StepLogError::File { path: path.to_owned(), source };
        let mut file = match OpenOptions::new().read(true).append(true).open(path) {
            Ok(file) => file,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(error(source)),
        };
        let mut text = Vec::new();
        file.read_to_end(&mut text).map_err(error)?;
        let complete = complete_lines(&text).len();
        if complete < text.len() {
            file.set_len(complete as u64).map_err(error)?;
            file.seek(SeekFrom::End(0)).map_err(error)?;
        }
        let Some((begun, lines)) = parse(path, &text)? else {
            drop(file);
            std::fs::remove_file(path).map_err(error)?;
            return Ok(None);
        };
        let mut log = Self {
            path: path.to_owned(),
            file,
            begun,
            snapshot: None,
            results: BTreeMap::new(),
            unclear: BTreeSet::new(),
        };
        for line in lines {
            log.apply(line);
        }
        Ok(Some(log))
    }

    fn apply(&mut self, line: Line) {
        match line {
            Line::Intent { steps, at } => {
                for step in steps {
                    if self.may_be_applied(&step) {
                        self.unclear.insert(step.clone());
                    }
                    self.results.insert(step.clone(), StepResult::missing(step, at.clone()));
                }
            }
            Line::Result(result) => {
                self.results.insert(result.step.clone(), result);
            }
            Line::Snapshot(snapshot) => self.snapshot = Some(snapshot),
            Line::Version(_) | Line::Begun(_) | Line::Ended { .. } => {}
        }
    }

    /// What the offboarding is about.
    pub fn begun(&self) -> &Begun {
        &self.begun
    }

    /// The snapshot, if it was taken.
    pub fn snapshot(&self) -> Option<&Taken> {
        self.snapshot.as_ref()
    }

    /// The results so far. A step that was sent and has no result since is [`StepState::Unknown`].
    pub fn results(&self) -> impl Iterator<Item = &StepResult> {
        self.results.values()
    }

    /// The result of a step.
    pub fn result(&self, step: &Step) -> Option<&StepResult> {
        self.results.get(step)
    }

    /// Whether an attempt of a step has no result that tells whether it was applied. A later refusal
    /// proves nothing about it.
    pub fn may_be_applied(&self, step: &Step) -> bool {
        let is_unknown = |result: &StepResult| result.state == StepState::Unknown;
        self.unclear.contains(step) || self.results.get(step).is_some_and(is_unknown)
    }

    /// The steps of a kind that are still to be done, in their order.
    pub fn open_steps(&self, kind: StepKind) -> Vec<Step> {
        let is_open =
            |step: &&Step| !self.results.get(*step).is_some_and(|result| result.state.holds());
        let steps = self.begun.steps.iter().filter(|step| step.kind == kind);
        steps.filter(is_open).cloned().collect()
    }

    /// Records that these steps are about to be sent.
    ///
    /// # Errors
    ///
    /// The file cannot be written; then nothing may be sent.
    pub fn intend(&mut self, steps: &[Step], at: String) -> Result<(), StepLogError> {
        self.record(Line::Intent { steps: steps.to_vec(), at })
    }

    /// Records results.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn record_results(&mut self, results: Vec<StepResult>) -> Result<(), StepLogError> {
        let lines: Vec<Line> = results.into_iter().map(Line::Result).collect();
        self.append(&lines)?;
        for line in lines {
            self.apply(line);
        }
        Ok(())
    }

    /// Records the snapshot.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn record_snapshot(&mut self, snapshot: Taken) -> Result<(), StepLogError> {
        self.record(Line::Snapshot(snapshot))
    }

    /// Records the end of this run of the command.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    pub fn record_end(&mut self, exit_code: u8, at: String) -> Result<(), StepLogError> {
        self.record(Line::Ended { exit_code, at })
    }

    fn record(&mut self, line: Line) -> Result<(), StepLogError> {
        self.append(std::slice::from_ref(&line))?;
        self.apply(line);
        Ok(())
    }

    fn append(&mut self, lines: &[Line]) -> Result<(), StepLogError> {
        let mut write = || -> io::Result<()> {
            let mut text = Vec::new();
            for line in lines {
                serde_json::to_writer(&mut text, line)?;
                text.push(b'\n');
            }
            self.file.write_all(&text)?;
            self.file.sync_data()
        };
        write().map_err(|source| StepLogError::File { path: self.path.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(user: &str) -> Step {
        Step { kind: StepKind::Lock, user: user.to_owned(), object: String::new() }
    }

    fn begun() -> Begun {
        Begun {
            asked: vec!["李娜".to_owned()],
            users: vec!["17".to_owned()],
            locked_before: Vec::new(),
            instance_id: "i".to_owned(),
            region: "r".to_owned(),
            endpoint: None,
            steps: vec![step("17"), step("18")],
            list_sha256: String::new(),
            rows: 1,
            at: "t".to_owned(),
        }
    }

    fn result(user: &str, state: StepState) -> StepResult {
        StepResult { step: step(user), state, message: String::new(), at: "t".to_owned() }
    }

    #[test]
    fn a_resume_repeats_only_what_is_not_known_to_hold() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("steps");
        let mut log = StepLog::create(&path, begun()).unwrap();
        log.intend(&[step("17"), step("18")], "t".to_owned()).unwrap();
        log.record_results(vec![result("17", StepState::Done)]).unwrap();
        drop(log);
        let log = StepLog::open(&path).unwrap().unwrap();
        assert_eq!(log.open_steps(StepKind::Lock), [step("18")]);
        assert!(log.may_be_applied(&step("18")) && !log.may_be_applied(&step("17")));
        assert_eq!(log.begun(), &begun());
    }

    #[test]
    fn every_cut_of_the_file_is_read_as_an_earlier_state_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("steps");
        let mut log = StepLog::create(&path, begun()).unwrap();
        log.intend(&[step("17")], "t".to_owned()).unwrap();
        log.record_results(vec![result("17", StepState::Done)]).unwrap();
        drop(log);
        let whole = std::fs::read(&path).unwrap();
        for cut in 0..whole.len() {
            std::fs::write(&path, &whole[..cut]).unwrap();
            let steps = recorded_steps(&path).unwrap();
            let Some(mut log) = StepLog::open(&path).unwrap() else {
                assert!(steps.is_empty(), "{cut}");
                assert!(!path.exists(), "{cut}");
                continue;
            };
            assert_ne!(log.open_steps(StepKind::Lock), [step("18")], "{cut}: the result is cut");
            let state = steps[0].1.as_ref().map(|result| result.state);
            let was_sent = log.may_be_applied(&step("17"));
            assert_eq!(state, was_sent.then_some(StepState::Unknown), "{cut}");
            assert_eq!(steps[1], (step("18"), None), "{cut}");
            log.record_results(vec![result("17", StepState::Failed)]).unwrap();
            drop(log);
            let log = StepLog::open(&path).unwrap().unwrap();
            assert_eq!(log.result(&step("17")).unwrap().state, StepState::Failed, "{cut}");
        }
    }

    #[test]
    fn another_file_is_not_taken_for_a_record() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("steps");
        for text in ["user,kind\n", "{\"version\":9}\n{}\n", "{\"version\":1}\n{\"version\":1}\n"] {
            std::fs::write(&path, text).unwrap();
            assert!(matches!(StepLog::open(&path), Err(StepLogError::Damaged { .. })), "{text}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "it is not changed");
        }
    }
}
