//! The list of a command: its sources, its first pass, and what invalid rows mean for it.

use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use crate::first_pass::{self, Findings, FirstPass};
use crate::guards::Protection;
use crate::input::{InputError, Options, Report, RulesError, Source};
use crate::input_snapshot::{InputName, InputSnapshot};
use crate::report::findings;
use crate::report::reading::ReadingProgress;
use std::path::Path;
use std::sync::Arc;

/// Findings that are printed in full.
pub const SHOWN: usize = 20;

/// The requirements for a list.
#[derive(Debug, Clone, Copy)]
pub struct InputPolicy {
    /// Invalid rows are skipped.
    pub skip_invalid: bool,
    /// Warnings are errors.
    pub strict: bool,
}

/// Reads all rows, with progress on a terminal, and returns everything found; `shown` findings are kept in full.
pub fn look_through(
    sources: Vec<Source>,
    options: &Arc<Options>,
    protection: &Protection,
    shown: usize,
) -> Result<FirstPass, Failure> {
    let total_bytes = sources.iter().filter_map(Source::size).sum();
    let is_quiet = !tracing::enabled!(tracing::Level::WARN);
    let mut progress = ReadingProgress::new(total_bytes, is_quiet);
    let on_bytes = &mut |read_bytes| progress.on(read_bytes);
    first_pass::read_with_progress(sources, options, protection, shown, on_bytes)
        .map_err(|error| Failure::new(Exit::InvalidInput, error.to_string()))
}

/// Reads all rows for a plan. Prints findings on standard error, and fails unless the policy allows
/// a plan in spite of them.
pub fn read(
    sources: Vec<Source>,
    options: &Arc<Options>,
    protection: &Protection,
    policy: InputPolicy,
) -> Result<FirstPass, Failure> {
    let mut read = look_through(sources, options, protection, SHOWN)?;
    let Findings { report, stopped, .. } = &mut read.findings;
    if let Some(error) = stopped.take() {
        findings::print(report, true);
        return Err(failure(error));
    }
    check(report, policy)?;
    Ok(read)
}

/// Fails at invalid rows unless they are skipped, and at warnings if they are errors; prints other
/// warnings.
fn check(report: &Report, policy: InputPolicy) -> Result<(), Failure> {
    let what = if report.is_list_wrong() {
        "ids in the list have been changed; use the list as it was before"
    } else if report.rows() > 0 && !policy.skip_invalid {
        "correct these rows, or skip them with --skip-invalid"
    } else if report.warnings() > 0 && policy.strict {
        "--strict treats warnings as errors; correct them, or omit it if the rows are right"
    } else {
        if report.warnings() > 0 && tracing::enabled!(tracing::Level::WARN) {
            findings::print(report, false);
        }
        return Ok(());
    };
    findings::print(report, true);
    Err(Failure::new(Exit::InvalidInput, format!("nothing was sent: {what}")))
}

/// The failure of an input that cannot be read to its end.
pub fn failure(error: InputError) -> Failure {
    let message = findings::stopped(&error, findings::is_coloured(&std::io::stderr()));
    Failure { message, ..error.into() }
}

/// The inputs as sources that can be read more than once. Files are read in place; pipes and
/// standard input are copied into an unlinked temporary file first.
pub fn sources(inputs: &[InputName]) -> Result<Vec<Source>, Failure> {
    let mut sources = Vec::with_capacity(inputs.len());
    for input in inputs {
        match input {
            InputName::File(path) if !is_stream(path) => sources.push(Source::file(path.clone())),
            _ => {
                let files = RunFiles::new(std::env::temp_dir().join("bastion-revoke"));
                let snapshot = InputSnapshot::copy(std::slice::from_ref(input), &files)?;
                // The file is unlinked here and stays open as long as the source does.
                sources.extend(snapshot.sources());
            }
        }
    }
    Ok(sources)
}

/// Whether a file can be read only once: a pipe, as of `<(...)` in a shell, or a device.
fn is_stream(path: &Path) -> bool {
    path.metadata().is_ok_and(|about| !about.is_file() && !about.is_dir())
}

/// The content of the file of `--protect`.
pub fn protect_content(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|source| {
        let name = crate::input::shown(&path.to_string_lossy());
        if source.kind() == std::io::ErrorKind::NotFound {
            let message = format!("--protect {name}: no such file; check the path");
            return Failure::new(Exit::MissingInput, message);
        }
        of_protect(&failure(InputError::Unreadable { name, source }))
    })
}

/// Reads the content of the file of `--protect`, which has that name in messages.
pub fn protection(name: &str, content: &[u8]) -> Result<Protection, Failure> {
    let source = Source::memory(&crate::input::escaped(name), content);
    Protection::read(&source).map_err(|error| {
        of_protect(&match error {
            RulesError::Input(error) => failure(error),
            RulesError::Wrong(_) => Failure::new(Exit::InvalidInput, error.to_string()),
        })
    })
}

fn of_protect(failure: &Failure) -> Failure {
    Failure::new(failure.exit, format!("--protect {}", failure.message))
}
