//! `OUT.input`: a copy of the bytes that the first pass reads. The outcome does not depend on later
//! changes of the list, and standard input can be read twice.

use crate::files::RunFiles;
use crate::input::{InputError, Source};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempPath;

/// The number of bytes copied at once.
const CHUNK_BYTES: usize = 1 << 17;

/// An input as named on the command line: a file, or standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InputName {
    /// `-`.
    Stdin,
    /// A path.
    File(PathBuf),
}

impl InputName {
    /// Reads an argument.
    pub fn new(argument: &Path) -> Self {
        if argument == Path::new("-") { Self::Stdin } else { Self::File(argument.to_owned()) }
    }

    /// The name as it was given.
    pub fn name(&self) -> String {
        match self {
            Self::Stdin => "-".to_owned(),
            Self::File(path) => path.to_string_lossy().into_owned(),
        }
    }
}

/// One input within the copy.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Segment {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
}

/// The inputs' bytes, concatenated in a file that only this tool writes.
#[derive(Debug)]
pub struct InputSnapshot {
    file: Arc<File>,
    /// The temporary path, until it is kept as `OUT.input`.
    temporary: Option<TempPath>,
    segments: Vec<Segment>,
}

/// The copy can't be created.
#[derive(Debug, thiserror::Error)]
pub enum InputSnapshotError {
    /// An input can't be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The copy can't be written (exit 74).
    #[error("{folder}: the input can't be copied there: {source}")]
    Copy {
        /// The folder of the copy.
        folder: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl InputSnapshot {
    /// The inputs' bytes: the copy kept by an earlier run if it is still equal to the inputs, and
    /// otherwise a new [copy](InputSnapshot::copy).
    pub fn of(inputs: &[InputName], files: &RunFiles) -> Result<Self, InputSnapshotError> {
        match kept(inputs, &files.input()) {
            Ok(Some(snapshot)) => Ok(snapshot),
            // Copying reports what is wrong with them.
            Ok(None) | Err(_) => Self::copy(inputs, files),
        }
    }

    /// Copies the inputs into a temporary file beside the outcome, which is removed with the value
    /// unless it is [kept](InputSnapshot::keep).
    pub fn copy(inputs: &[InputName], files: &RunFiles) -> Result<Self, InputSnapshotError> {
        let no_copy =
            |source| InputSnapshotError::Copy { folder: files.folder().to_owned(), source };
        let (file, temporary) = files.temporary().map_err(no_copy)?.into_parts();
        let mut segments = Vec::with_capacity(inputs.len());
        for input in inputs {
            let len = copy_from(input, &file, no_copy)?;
            segments.push(Segment { name: input.name(), len });
        }
        Ok(Self { file: Arc::new(file), temporary: Some(temporary), segments })
    }

    /// A single regular file where it is; a copy of anything else. For commands that write nothing:
    /// the file may change afterwards.
    pub fn in_place(inputs: &[InputName], files: &RunFiles) -> Result<Self, InputSnapshotError> {
        let [input @ InputName::File(path)] = inputs else { return Self::copy(inputs, files) };
        match path.metadata() {
            Ok(about) if about.is_file() => {
                let file = File::open(path).map_err(|error| unreadable(input, error))?;
                let segments = vec![Segment { name: input.name(), len: about.len() }];
                Ok(Self { file: Arc::new(file), temporary: None, segments })
            }
            _ => Self::copy(inputs, files),
        }
    }

    /// Inputs of these names and lengths, whose bytes `write` writes, in a temporary file beside the
    /// outcome.
    pub fn assemble<E>(
        files: &RunFiles,
        segments: Vec<Segment>,
        write: impl FnOnce(&mut File) -> Result<(), E>,
    ) -> Result<Self, E>
    where
        E: From<InputSnapshotError>,
    {
        let no_copy =
            |source| InputSnapshotError::Copy { folder: files.folder().to_owned(), source };
        let (mut file, temporary) = files.temporary().map_err(no_copy)?.into_parts();
        write(&mut file)?;
        Ok(Self { file: Arc::new(file), temporary: Some(temporary), segments })
    }

    /// Copies the bytes of one of the inputs.
    pub fn write_segment(&self, number: usize, to: &mut impl Write) -> io::Result<()> {
        let before: u64 = self.segments[..number].iter().map(|segment| segment.len).sum();
        let range = before..before + self.segments[number].len;
        read_range(&self.file, range, |bytes| to.write_all(bytes))
    }

    /// Opens the copy that an earlier run kept.
    pub fn reopen(path: &Path, segments: Vec<Segment>) -> io::Result<Self> {
        Ok(Self { file: Arc::new(File::open(path)?), temporary: None, segments })
    }

    /// Renames the copy to `OUT.input`; durable when this returns.
    pub fn keep(&mut self, files: &RunFiles) -> io::Result<()> {
        let temporary = match self.temporary.take() {
            Some(temporary) => temporary,
            // It is the kept copy of an earlier run, which was just set aside.
            None => self.copy_again(files)?,
        };
        self.file.sync_all()?;
        temporary.persist(files.input()).map_err(|error| error.error)?;
        crate::files::sync_folder(files.folder())
    }

    fn copy_again(&mut self, files: &RunFiles) -> io::Result<TempPath> {
        let (mut file, temporary) = files.temporary()?.into_parts();
        let mut from = &*self.file;
        from.rewind()?;
        let len = self.segments.iter().map(|segment| segment.len).sum();
        if io::copy(&mut from.take(len), &mut file)? != len {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.file = Arc::new(file);
        Ok(temporary)
    }

    /// The inputs' names and lengths.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// The inputs, to be read as often as needed.
    pub fn sources(&self) -> Vec<Source> {
        let mut offset = 0;
        self.segments
            .iter()
            .map(|segment| {
                let at = offset;
                offset += segment.len;
                Source::segment(&segment.name, Arc::clone(&self.file), at, segment.len)
            })
            .collect()
    }

    /// Computes the identity of the inputs: SHA-256 over their bytes and lengths, in lower-case
    /// hex. The closure reads the copy once more, and can run in the background.
    pub fn sha256(&self) -> impl FnOnce() -> io::Result<String> + Send + use<> {
        let (file, segments) = (Arc::clone(&self.file), self.segments.clone());
        move || {
            let mut digest = Sha256::new();
            let mut at = 0;
            for Segment { len, .. } in segments {
                read_range(&file, at..at + len, |bytes| {
                    digest.update(bytes);
                    Ok(())
                })?;
                at += len;
                // The lengths distinguish two lists from one list with the same bytes.
                digest.update(len.to_le_bytes());
            }
            Ok(crate::hex::hex(&digest.finalize()))
        }
    }
}

/// Reads some bytes of a file by position, in chunks.
fn read_range(
    file: &File,
    range: Range<u64>,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK_BYTES];
    let mut at = range.start;
    while at < range.end {
        let most = usize::try_from(range.end - at).unwrap_or(usize::MAX).min(chunk.len());
        match file.read_at(&mut chunk[..most], at) {
            Ok(0) => return Err(lost_its_end()),
            Ok(got) => {
                each(&chunk[..got])?;
                at += got as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn lost_its_end() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it has lost its end")
}

/// The copy kept by an earlier run, if it is equal to the inputs byte for byte.
fn kept(inputs: &[InputName], path: &Path) -> io::Result<Option<InputSnapshot>> {
    let kept = File::open(path)?;
    let (mut segments, mut at) = (Vec::with_capacity(inputs.len()), 0);
    for input in inputs {
        // Only a plain file can be read twice.
        let InputName::File(path) = input else { return Ok(None) };
        if !std::fs::metadata(path)?.is_file() {
            return Ok(None);
        }
        let Some(len) = same_bytes(&File::open(path)?, &kept, at)? else { return Ok(None) };
        segments.push(Segment { name: input.name(), len });
        at += len;
    }
    let is_all = kept.metadata()?.len() == at;
    Ok(is_all.then(|| InputSnapshot { file: Arc::new(kept), temporary: None, segments }))
}

/// The length of a file, if another one has the same bytes at `from`.
fn same_bytes(mut file: &File, other: &File, from: u64) -> io::Result<Option<u64>> {
    let (mut chunk, mut expected) = (vec![0; CHUNK_BYTES], vec![0; CHUNK_BYTES]);
    let mut len = 0;
    loop {
        let got = match file.read(&mut chunk) {
            Ok(0) => return Ok(Some(len)),
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        other.read_exact_at(&mut expected[..got], from + len)?;
        if chunk[..got] != expected[..got] {
            return Ok(None);
        }
        len += got as u64;
    }
}

/// Copies an input and returns the number of its bytes.
fn copy_from(
    input: &InputName,
    mut to: &File,
    no_copy: impl Fn(io::Error) -> InputSnapshotError,
) -> Result<u64, InputSnapshotError> {
    let mut from = open(input)?;
    let (mut chunk, mut len) = (vec![0; CHUNK_BYTES], 0);
    loop {
        let got = match from.read(&mut chunk) {
            Ok(0) => return Ok(len),
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(unreadable(input, error).into()),
        };
        to.write_all(&chunk[..got]).map_err(&no_copy)?;
        len += got as u64;
    }
}

fn open(input: &InputName) -> Result<Box<dyn Read>, InputError> {
    match input {
        InputName::Stdin => Ok(Box::new(io::stdin())),
        InputName::File(path) => {
            let file = File::open(path).map_err(|error| unreadable(input, error))?;
            Ok(Box::new(file))
        }
    }
}

fn unreadable(input: &InputName, source: io::Error) -> InputError {
    let name = crate::input::shown(&input.name());
    match source.kind() {
        io::ErrorKind::NotFound => InputError::Missing { name },
        _ => InputError::Unreadable { name, source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kept_copy_is_reused_only_if_it_equals_the_inputs() {
        let folder = tempfile::tempdir().unwrap();
        let files = RunFiles::new(folder.path().join("outcome.csv"));
        let input = |name: &str, content: &[u8]| {
            std::fs::write(folder.path().join(name), content).unwrap();
            InputName::File(folder.path().join(name))
        };
        let long: Vec<u8> = (0..=250).cycle().take(3 * CHUNK_BYTES + 7).collect();
        let both = [input("a", b"one"), input("b", &long)];
        // Whether it is a copy; the bytes are the inputs' in any case.
        let is_copied = |inputs: &[InputName]| {
            let snapshot = InputSnapshot::of(inputs, &files).unwrap();
            let copy = InputSnapshot::copy(inputs, &files).unwrap();
            assert_eq!(snapshot.sha256()().unwrap(), copy.sha256()().unwrap());
            assert_eq!(snapshot.segments(), copy.segments());
            snapshot.temporary.is_some()
        };
        assert!(is_copied(&both), "nothing is kept");
        InputSnapshot::copy(&both, &files).unwrap().keep(&files).unwrap();
        assert!(!is_copied(&both));
        let [a, b] = both.clone();
        assert!(is_copied(&[b.clone(), a.clone()]), "another order");
        assert!(is_copied(std::slice::from_ref(&a)), "one is missing");
        for at in [0, CHUNK_BYTES, long.len() - 1] {
            let mut other = long.clone();
            other[at] ^= 1;
            input("b", &other);
            assert!(is_copied(&both), "byte {at} differs");
        }
        input("b", &long[1..]);
        assert!(is_copied(&both), "another length");
        input("b", &long);
        assert!(!is_copied(&both));
        // The same bytes, divided differently.
        input("a", b"on");
        input("b", &[b"e", &long[..]].concat());
        assert!(!is_copied(&both));
        assert!(matches!(
            InputSnapshot::of(&[InputName::File(folder.path().join("gone"))], &files),
            Err(InputSnapshotError::Input(InputError::Missing { .. }))
        ));
    }
}
