//! Checks that an output file is not an input, and not needed by another run.

use super::usage;
use crate::exit::Failure;
use crate::input_snapshot::InputName;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Refuses an output file that is also an input.
pub(super) fn refuse_input(inputs: &[InputName], option: &str, file: &Path) -> Result<(), Failure> {
    let is_read_from = |input: &InputName| match input {
        InputName::File(path) => is_same_file(path, file),
        // A shell may have opened it as standard input. Devices cannot be lost.
        InputName::Stdin => file.is_file() && is_same_file(Path::new("/dev/stdin"), file),
    };
    if inputs.iter().any(is_read_from) {
        return Err(needs_other_name(option, file, "is also an input"));
    }
    Ok(())
}

/// Suffixes of the files that a run keeps next to its outcome.
const RUN_FILE_SUFFIXES: [&str; 4] = [".input", ".ledger", ".lock", ".left-out.csv"];

/// Refuses a file to be written that another run could need to continue.
pub(super) fn refuse_run_file(option: &str, file: &Path) -> Result<(), Failure> {
    let name = file.file_name().unwrap_or_default().as_encoded_bytes();
    let suffix = RUN_FILE_SUFFIXES.into_iter().find(|suffix| name.ends_with(suffix.as_bytes()));
    suffix.map_or(Ok(()), |suffix| {
        let why = format!("ends in {suffix}, like the files that a run keeps next to its outcome");
        Err(needs_other_name(option, file, &why))
    })
}

/// Refuses a file to be written that is also another file, such as that of the settings.
pub(super) fn refuse_same_file(
    option: &str,
    file: &Path,
    other: &Path,
    what: &str,
) -> Result<(), Failure> {
    if is_same_file(other, file) {
        return Err(needs_other_name(option, file, &format!("is also the file of {what}")));
    }
    Ok(())
}

fn needs_other_name(option: &str, file: &Path, why: &str) -> Failure {
    let file = crate::input::shown(&file.to_string_lossy());
    usage(format!("{option} {file} {why}; use another name"))
}

/// Whether two paths lead to the same file, through any links.
fn is_same_file(one: &Path, other: &Path) -> bool {
    let inode = |path: &Path| path.metadata().ok().map(|about| (about.dev(), about.ino()));
    one == other || inode(one).is_some_and(|one| Some(one) == inode(other))
}
