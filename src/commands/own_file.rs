//! Files that a command writes over an earlier one of its own, and over no other file.

use crate::exit::{Exit, Failure};
use crate::files::RunFiles;
use std::fs::File;
use std::io::{self, BufWriter, Read as _, Write};
use std::path::Path;

/// Refuses to overwrite a file that does not begin with this line. `what`: what an earlier file is,
/// such as `an earlier report`.
pub(super) fn refuse_other_file(
    option: &str,
    path: &Path,
    first_line: &str,
    what: &str,
) -> Result<(), Failure> {
    let shown = || crate::input::shown(&path.to_string_lossy());
    let refuse =
        |why: String| Err(Failure::new(Exit::Usage, format!("{option}: {}{why}", shown())));
    let is_file_name = path.file_name().is_some();
    if !is_file_name || !RunFiles::new(path.to_owned()).folder().is_dir() {
        return refuse(": the folder of the file must exist; use another name".to_owned());
    }
    if std::fs::symlink_metadata(path).is_err() {
        return Ok(());
    }
    let expected = format!("{first_line}\n");
    let mut begin = Vec::new();
    let read =
        File::open(path).and_then(|file| file.take(expected.len() as u64).read_to_end(&mut begin));
    if path.is_file() && read.is_ok() && begin == expected.as_bytes() {
        return Ok(());
    }
    refuse(format!(" exists and is not {what}; use another name"))
}

/// Writes a file whole or not at all, readable by its owner only.
pub(super) fn save<T, E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&mut BufWriter<&File>) -> Result<T, E>,
) -> Result<T, E> {
    let temporary = RunFiles::new(path.to_owned()).temporary()?;
    let mut to = BufWriter::new(temporary.as_file());
    let written = write(&mut to)?;
    to.flush()?;
    drop(to);
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    Ok(written)
}
