//! A saved plan: the list, everything that shapes the plan, and its requests, in one archive.
//!
//! `plan --save` writes it, `run --plan` executes it. It is planned again before anything is sent,
//! and must come out the same: an archive whose requests do not follow from its list is refused.

use super::job_spec::{protect_content, spec_of};
use crate::archive::{Archive, ArchiveWriter, Digester};
use crate::clock::{SystemClock, WallClock as _, utc_seconds};
use crate::config::table::{Origin, Table};
use crate::config::{Confirmation, RunSettings};
use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use crate::input::shown;
use crate::input_snapshot::{InputSnapshot, Segment};
use crate::ledger::{Approval, JobSpec};
use crate::plan::Plan;
use crate::signature::{self, APPROVAL, TrustedKeys};
use serde::{Deserialize, Serialize};
use std::io::{self, Write};
use std::path::Path;

/// The version of the format.
const FORMAT: u32 = 1;

/// The file that describes the plan.
const DOCUMENT: &str = "plan.json";

/// The file with the planned requests.
const REQUESTS: &str = "requests.jsonl";

/// The longest name of an input within an archive.
const LONGEST_INPUT_NAME: usize = 80;

/// What `plan.json` holds.
#[derive(Debug, Serialize, Deserialize)]
pub struct Document {
    format: u32,
    /// When the plan was saved.
    pub saved_at: String,
    /// The job, with the fingerprint of its plan.
    pub job: JobSpec,
}

/// A saved plan whose files are as they were saved.
pub struct SavedPlan {
    archive: Archive,
    /// What `plan.json` holds.
    pub document: Document,
}

/// Saves a plan with its list. The fingerprint is that of the job.
pub fn save(job: JobSpec, plan: &Plan, list: &InputSnapshot, path: &Path) -> Result<(), Failure> {
    let saved_at = utc_seconds(SystemClock.now());
    let document = Document { format: FORMAT, saved_at, job };
    let text = serde_json::to_string_pretty(&document).map_err(internal)? + "\n";
    let mut archive = ArchiveWriter::create(path)?;
    archive.add(DOCUMENT, |to| to.write_all(text.as_bytes()))?;
    add_list(&mut archive, list)?;
    archive.add(REQUESTS, |mut to| plan.write_requests(&mut to))?;
    archive.finish(|_| Ok::<_, Failure>(None))?;
    Ok(())
}

/// Adds the inputs of a list.
pub fn add_list(archive: &mut ArchiveWriter, list: &InputSnapshot) -> Result<(), Failure> {
    for (number, input) in list.segments().iter().enumerate() {
        archive.add(&input_file(number, input), |mut to| list.write_segment(number, &mut to))?;
    }
    Ok(())
}

/// The inputs of a job as a snapshot, from an archive.
pub fn list_of(
    archive: &mut Archive,
    inputs: &[Segment],
    files: &RunFiles,
) -> Result<InputSnapshot, Failure> {
    let path = archive.path().to_owned();
    InputSnapshot::assemble(files, inputs.to_vec(), |to| {
        for (number, input) in inputs.iter().enumerate() {
            let name = input_file(number, input);
            let mut counting = Counting { to: &mut *to, len: 0 };
            archive.copy_to(&name, &mut counting)?;
            if counting.len != input.len {
                let what = format!("{}: {name} has not the recorded length", path.display());
                return Err(Failure::new(Exit::Refused, what));
            }
        }
        Ok(())
    })
}

/// Replaces everything that shapes the plan by what a saved plan has. Refuses settings that were
/// given for this run and differ: the plan was not made with them.
pub fn apply(path: &Path, settings: &mut RunSettings, table: &Table) -> Result<(), Failure> {
    let saved = document(&mut Archive::open(path)?)?.job;
    let protect = protect_content(settings)?;
    let content = protect.as_ref().map(|(_, content)| content.as_slice());
    let given = spec_of(settings, &settings.input.options, content);
    let mut differences = Vec::new();
    for ((option, saved), (_, given)) in saved.shaping_options().iter().zip(given.shaping_options())
    {
        let setting = table.settings.iter().find(|setting| setting.name == *option);
        let is_given = setting.filter(|setting| setting.origin != Origin::Default);
        if let Some(setting) = is_given.filter(|_| *saved != given) {
            differences.push(format!(
                "{option}: {} in the plan, {} by {}",
                or_none(saved),
                or_none(&given),
                setting.origin
            ));
        }
    }
    if !differences.is_empty() {
        let all = differences.join("\n  ");
        let what = format!(
            "--plan {}: the plan was made with other settings; nothing was sent\n  {all}\nOmit \
             these settings, or make and approve a new plan",
            path.display()
        );
        return Err(Failure::new(Exit::Refused, what));
    }
    settings.set_plan(&saved)
}

/// Takes a signature of the archive by one of the approvers for the approval of its plan.
pub fn approve(
    path: &Path,
    (signature, approvers): (&Path, &Path),
    settings: &mut RunSettings,
) -> Result<(), Failure> {
    let read = |option: &str, path: &Path| {
        std::fs::read(path).map_err(|error| {
            let exit = match error.kind() {
                io::ErrorKind::NotFound => Exit::MissingInput,
                _ => Exit::File,
            };
            Failure::new(exit, format!("{option} {}: cannot read: {error}", path.display()))
        })
    };
    let trusted = String::from_utf8_lossy(&read("--approvers", approvers)?).into_owned();
    let trusted = TrustedKeys::parse(&trusted).map_err(|what| {
        Failure::new(Exit::InvalidInput, format!("--approvers {}: {what}", approvers.display()))
    })?;
    let text = String::from_utf8_lossy(&read("--approval", signature)?).into_owned();
    let signer = signature::verify(&text, APPROVAL, &read("--plan", path)?, Some(&trusted));
    let signer = signer.map_err(|what| {
        let signature = signature.display();
        Failure::new(Exit::Refused, format!("--approval {signature}: {what}; nothing was sent"))
    })?;
    let fingerprint = document(&mut Archive::open(path)?)?.job.fingerprint;
    if let (Some(fingerprint), false) = (fingerprint, settings.rehearse || settings.report_only)
        && !matches!(settings.confirmation, Confirmation::Approved(_))
    {
        settings.confirmation = Confirmation::Approved(fingerprint);
    }
    tracing::info!(key = signer.key, "the plan was approved");
    settings.approval = Some(Approval::Signature(signer.key));
    Ok(())
}

impl SavedPlan {
    /// Opens a saved plan. Refuses one with changed files, and names them.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let mut archive = Archive::open(path)?;
        let (differences, _) = archive.verify()?;
        if !differences.is_empty() {
            return Err(refused(path, "its files are not as they were saved", &differences));
        }
        let document = document(&mut archive)?;
        Ok(Self { archive, document })
    }

    /// The list.
    pub fn list(&mut self, files: &RunFiles) -> Result<InputSnapshot, Failure> {
        list_of(&mut self.archive, &self.document.job.inputs, files)
    }

    /// Refuses a plan that was made from this list unless it is exactly the saved one.
    pub fn check(&mut self, plan: &Plan, planned: &JobSpec) -> Result<(), Failure> {
        let saved = &self.document.job;
        let mut digest = Digester::default();
        plan.write_requests(&mut digest).map_err(internal)?;
        let has_same_requests = digest.finish() == self.archive.sha256(REQUESTS)?;
        let mut differences = saved.differences(planned);
        if saved.version != planned.version {
            differences
                .push(format!("version (then `{}`, now `{}`)", saved.version, planned.version));
        }
        if !has_same_requests {
            differences.push(format!("{REQUESTS} does not have the requests of the list"));
        }
        if has_same_requests && planned.fingerprint == saved.fingerprint {
            return Ok(());
        }
        let what = "planning its list again does not give the saved plan";
        Err(refused(self.archive.path(), what, &differences))
    }
}

fn document(archive: &mut Archive) -> Result<Document, Failure> {
    let path = archive.path().display().to_string();
    let invalid = |what: String| Failure::new(Exit::InvalidInput, format!("{path}: {what}"));
    if !archive.has(DOCUMENT) {
        return Err(invalid(format!("it has no {DOCUMENT}, so it is not a saved plan")));
    }
    let document: Document = serde_json::from_slice(&archive.bytes(DOCUMENT)?)
        .map_err(|error| invalid(format!("{DOCUMENT} cannot be read: {error}")))?;
    if document.format != FORMAT {
        return Err(invalid(format!(
            "{DOCUMENT} has format {}, this version reads format {FORMAT}",
            document.format
        )));
    }
    Ok(document)
}

/// The file of an input in an archive: its number from 1, and the plain part of its name.
fn input_file(number: usize, input: &Segment) -> String {
    let name = Path::new(&input.name).file_name().unwrap_or_default().to_string_lossy();
    let name = if input.name == "-" { "stdin".into() } else { name };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let plain: Vec<char> = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let end: String = plain[plain.len().saturating_sub(LONGEST_INPUT_NAME)..].iter().collect();
    format!("input/{}-{end}", number + 1)
}

fn or_none(text: &str) -> String {
    if text.is_empty() { "none".to_owned() } else { shown(text) }
}

fn refused(path: &Path, what: &str, differences: &[String]) -> Failure {
    let all: Vec<String> = differences.iter().map(|difference| shown(difference)).collect();
    let message = format!(
        "{}: {what}; nothing was sent\n  {}\nGet the plan again from the person who saved it, or \
         make and approve a new one",
        path.display(),
        all.join("\n  ")
    );
    Failure::new(Exit::Refused, message)
}

fn internal(error: impl std::fmt::Display) -> Failure {
    Failure::new(Exit::Internal, error.to_string())
}

/// Counts the bytes that pass.
struct Counting<W> {
    to: W,
    len: u64,
}

impl<W: Write> Write for Counting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_have_plain_names_in_an_archive() {
        let of = |name: &str| input_file(0, &Segment { name: name.to_owned(), len: 0 });
        assert_eq!(of("lists/leavers.csv"), "input/1-leavers.csv");
        assert_eq!(of("-"), "input/1-stdin");
        assert_eq!(of("/tmp/../离职 (2).csv"), "input/1-____2_.csv");
        assert_eq!(of(&"x".repeat(300)).len(), "input/1-".len() + LONGEST_INPUT_NAME);
    }
}
