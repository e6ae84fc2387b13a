//! Reads an archive, which may be damaged, altered or hostile.

use super::sums::{self, HashingWriter, Sums, is_plain_name};
use super::{ArchiveError, SIGNATURE, SUMS};
use crate::input::shown;
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use zip::ZipArchive;
use zip::read::ZipReadOptions;

/// The most files in an archive.
const MOST_FILES: usize = 10_000;

/// An archive may unpack to so much in any case.
const ALWAYS_ALLOWED_BYTES: u64 = 1 << 30;

/// Beyond that, the sizes of its files may be so many times its own size. Lists, ledgers and
/// requests are compressed 5 to 60 times; a zip bomb a thousand times.
const MOST_EXPANSION: u64 = 200;

/// The largest file that is read into memory.
const MOST_IN_MEMORY: u64 = 1 << 30;

/// An open archive.
pub struct Archive {
    path: PathBuf,
    zip: ZipArchive<BufReader<File>>,
    names: BTreeSet<String>,
}

impl Archive {
    /// Opens an archive, and checks names and sizes.
    pub fn open(path: &Path) -> Result<Self, ArchiveError> {
        let file = File::open(path).map_err(|error| ArchiveError::read(path, error))?;
        let about = file.metadata().map_err(|error| ArchiveError::read(path, error))?;
        if !about.is_file() {
            return Err(ArchiveError::invalid(path, "this is not a file"));
        }
        let mut zip = ZipArchive::new(BufReader::new(file)).map_err(|error| {
            let what = format!(
                "this is not a zip archive, or it is damaged or incomplete ({error}); copy it again"
            );
            ArchiveError::invalid(path, what)
        })?;
        let names =
            names(&mut zip, about.len()).map_err(|what| ArchiveError::invalid(path, what))?;
        Ok(Self { path: path.to_owned(), zip, names })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it has a file of that name.
    pub fn has(&self, name: &str) -> bool {
        self.names.contains(name)
    }

    /// The names of its files.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Compares every file with its checksum. Each difference is a phrase that names the file;
    /// none means that all files are as they were written. The second value is the SHA-256 of
    /// `SHA256SUMS`.
    pub fn verify(&mut self) -> Result<(Vec<String>, String), ArchiveError> {
        let text = match self.bytes(SUMS) {
            Ok(text) => text,
            Err(ArchiveError::Invalid { what, .. }) => return Ok((vec![what], String::new())),
            Err(error) => return Err(error),
        };
        let whole = crate::hex::hex(&<sha2::Sha256 as sha2::Digest>::digest(&text));
        let parsed = std::str::from_utf8(&text).map_err(|_| "it is not text".to_owned());
        let sums: Sums = match parsed.and_then(sums::parse) {
            Ok(sums) => sums,
            Err(what) => return Ok((vec![format!("{SUMS}: changed: {what}")], whole)),
        };
        let mut differences = Vec::new();
        for (name, expected) in &sums {
            match self.copy(name, &mut io::sink()) {
                Ok(sha256) if sha256 == *expected => {}
                Ok(_) => differences.push(format!("{name}: changed")),
                Err(what) => differences.push(format!("{name}: {what}")),
            }
        }
        let is_listed =
            |name: &&String| sums.contains_key(*name) || [SUMS, SIGNATURE].contains(&name.as_str());
        let extra = self.names.iter().filter(|name| !is_listed(name));
        differences.extend(extra.map(|name| format!("{name}: added, {SUMS} does not list it")));
        Ok((differences, whole))
    }

    /// The bytes of a file.
    pub fn bytes(&mut self, name: &str) -> Result<Vec<u8>, ArchiveError> {
        let mut bytes = Vec::new();
        self.copy_to(name, &mut Limited { to: &mut bytes, left: MOST_IN_MEMORY })?;
        Ok(bytes)
    }

    /// The SHA-256 of a file, in lower-case hex.
    pub fn sha256(&mut self, name: &str) -> Result<String, ArchiveError> {
        let sha256 = self.copy(name, &mut io::sink());
        sha256.map_err(|what| ArchiveError::invalid(&self.path, format!("{name}: {what}")))
    }

    /// Copies the bytes of a file.
    pub fn copy_to(&mut self, name: &str, to: &mut impl Write) -> Result<(), ArchiveError> {
        match self.copy(name, to) {
            Ok(_) => Ok(()),
            Err(what) => Err(ArchiveError::invalid(&self.path, format!("{name}: {what}"))),
        }
    }

    /// Copies the bytes of a file and returns their SHA-256, or what is wrong with it.
    fn copy(&mut self, name: &str, to: &mut impl Write) -> Result<String, String> {
        if !self.has(name) {
            return Err("missing".to_owned());
        }
        let damaged = |error: &dyn std::fmt::Display| format!("changed or damaged ({error})");
        let options = ZipReadOptions::new().enforce_header_consistency(true);
        let file = self.zip.by_name_with_options(name, options);
        let file = file.map_err(|error| damaged(&error))?;
        let declared = file.size();
        let mut hashing = HashingWriter::new(to);
        // The declared sizes were checked; a file that has more bytes is not read on.
        let copied = io::copy(&mut file.take(declared.saturating_add(1)), &mut hashing);
        copied.map_err(|error| damaged(&error))?;
        let (sha256, len) = hashing.finish();
        if len != declared {
            return Err(damaged(&format!("it has not the declared {declared} bytes")));
        }
        Ok(sha256)
    }
}

/// The names of the files; an error if one of them, or a size, cannot be of an archive of this
/// tool.
fn names(zip: &mut ZipArchive<BufReader<File>>, own_len: u64) -> Result<BTreeSet<String>, String> {
    if zip.has_duplicate_names() {
        return Err("it has two files of the same name, so it was altered; do not use it".into());
    }
    if zip.len() > MOST_FILES {
        return Err(format!("it has more than {MOST_FILES} files; this tool did not write it"));
    }
    let mut names = BTreeSet::new();
    let mut total = 0_u64;
    for at in 0..zip.len() {
        let file = zip.by_index_raw(at).map_err(|error| format!("it is damaged ({error})"))?;
        let name = file.name().map_err(|error| format!("it is damaged ({error})"))?.into_owned();
        if !is_plain_name(&name) || !file.is_file() || file.encrypted() {
            return Err(format!(
                "it has an entry {}, which this tool does not write; do not unpack it",
                shown(&name)
            ));
        }
        total = total.saturating_add(file.size());
        names.insert(name);
    }
    if total > ALWAYS_ALLOWED_BYTES && total / MOST_EXPANSION > own_len {
        return Err(format!(
            "{own_len} bytes would unpack to {total}, so this may be a zip bomb; do not unpack it"
        ));
    }
    if !names.contains(SUMS) {
        return Err(format!("it has no file {SUMS}, so this tool did not write it"));
    }
    Ok(names)
}

/// Refuses to hold more than some bytes in memory.
struct Limited<'a> {
    to: &'a mut Vec<u8>,
    left: u64,
}

impl Write for Limited<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self
            .left
            .checked_sub(bytes.len() as u64)
            .ok_or_else(|| io::Error::other("too large"))?;
        self.to.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
