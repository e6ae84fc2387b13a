//! `OUT.input`: a copy of the bytes that the first pass reads, so that the outcome does not depend
//! on what happens to the list meanwhile, and standard input can be read twice.

use crate::files::RunFiles;
use crate::input::{InputError, Source};
use crate::relay::{Outlet, relay};
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempPath;

/// How much is copied at once.
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its name.
    pub name: String,
    /// Its length in bytes.
    pub len: u64,
}

/// The inputs' bytes, one after the other, in a file of our own.
#[derive(Debug)]
pub struct Spool {
    file: Arc<File>,
    /// Where it is as long as it has no lasting name.
    temporary: Option<TempPath>,
    segments: Vec<Segment>,
    sha256: String,
}

/// The copy can't be made.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// An input can't be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The copy can't be written (exit 74).
    #[error("{folder}: the input can't be copied there: {source}")]
    Copy {
        /// Where it was to be written.
        folder: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl Spool {
    /// Copies the inputs into a temporary file beside the outcome, which goes away with the spool
    /// unless it is [kept](Spool::keep).
    pub fn copy(inputs: &[InputName], files: &RunFiles) -> Result<Self, SpoolError> {
        let no_copy = |source| SpoolError::Copy { folder: files.folder().to_owned(), source };
        let (file, temporary) = files.temporary().map_err(no_copy)?.into_parts();
        let mut segments = Vec::with_capacity(inputs.len());
        let mut digest = Sha256::new();
        for input in inputs {
            let (copied, hashed) = relay(
                |outlet| copy_from(input, &file, outlet),
                |chunk: &mut Vec<u8>| {
                    digest.update(&chunk);
                    Ok::<(), Infallible>(())
                },
            );
            let Ok(()) = hashed;
            let len = copied.map_err(|error| match error {
                CopyError::Input(error) => error.into(),
                CopyError::Copy(error) => no_copy(error),
            })?;
            // The lengths keep two lists from looking like one other list cut elsewhere.
            digest.update(len.to_le_bytes());
            segments.push(Segment { name: input.name(), len });
        }
        let sha256 = crate::hex::hex(&digest.finalize());
        Ok(Self { file: Arc::new(file), temporary: Some(temporary), segments, sha256 })
    }

    /// Opens the copy that an earlier run has kept, if it still is what it was.
    pub fn reopen(path: &Path, segments: Vec<Segment>) -> io::Result<Self> {
        let file = File::open(path)?;
        let mut digest = Sha256::new();
        let mut from = io::BufReader::with_capacity(1 << 17, &file);
        for segment in &segments {
            let copied = io::copy(&mut (&mut from).take(segment.len), &mut HashWriter(&mut digest));
            if copied? != segment.len {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it has lost its end"));
            }
            digest.update(segment.len.to_le_bytes());
        }
        let sha256 = crate::hex::hex(&digest.finalize());
        Ok(Self { file: Arc::new(file), temporary: None, segments, sha256 })
    }

    /// Gives the copy the lasting name `OUT.input`; durable when this returns.
    pub fn keep(&mut self, files: &RunFiles) -> io::Result<()> {
        let temporary = match self.temporary.take() {
            Some(temporary) => temporary,
            // It has a name already: that of the copy that was set aside a moment ago.
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

    /// What identifies the inputs: SHA-256 over their bytes and lengths, in lower-case hex.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }
}

struct HashWriter<'a>(&'a mut Sha256);

impl Write for HashWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

enum CopyError {
    Input(InputError),
    Copy(io::Error),
}

/// Copies an input and hands the bytes on; gives their number.
fn copy_from(input: &InputName, mut to: &File, outlet: &Outlet<Vec<u8>>) -> Result<u64, CopyError> {
    let mut from = open(input).map_err(CopyError::Input)?;
    let (mut chunk, mut len) = (Vec::new(), 0);
    loop {
        chunk.resize(CHUNK_BYTES, 0);
        let got = match from.read(&mut chunk) {
            Ok(0) => return Ok(len),
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(CopyError::Input(unreadable(input, error))),
        };
        chunk.truncate(got);
        to.write_all(&chunk).map_err(CopyError::Copy)?;
        len += got as u64;
        outlet.exchange(&mut chunk);
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
