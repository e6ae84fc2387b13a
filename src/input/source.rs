//! The bytes of an input: from a file, or from a slice of a snapshot file; gzip is undone.

use std::fs::File;
use std::io::{self, Cursor, ErrorKind, Read};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::read::MultiGzDecoder;

use super::diagnostics::escaped;
use super::error::InputError;
use super::fault::Fault;

/// One input. Each pass opens it afresh, so it must be something that can be read twice.
#[derive(Debug, Clone)]
pub struct Source {
    /// The name as messages show it: the path, or `-` for standard input.
    pub name: String,
    place: Location,
}

#[derive(Debug, Clone)]
enum Location {
    File(PathBuf),
    Segment { file: Arc<File>, offset: u64, len: u64 },
    Memory { bytes: Arc<[u8]>, step: usize },
}

impl Source {
    /// A regular file. A pipe can be read only once: spool it, and use [`Source::segment`].
    pub fn file(path: PathBuf) -> Self {
        Self { name: escaped(&path.to_string_lossy()), place: Location::File(path) }
    }

    /// The `len` bytes of `file` from `offset`: one input inside a spool file.
    ///
    /// They are read by position, so that several readers can share the file.
    pub fn segment(name: &str, file: Arc<File>, offset: u64, len: u64) -> Self {
        Self { name: escaped(name), place: Location::Segment { file, offset, len } }
    }

    /// Bytes in memory.
    pub fn memory(name: &str, bytes: &[u8]) -> Self {
        Self::memory_in_steps(name, bytes, usize::MAX)
    }

    /// Bytes in memory, handed out at most `step` at a time.
    pub(super) fn memory_in_steps(name: &str, bytes: &[u8], step: usize) -> Self {
        Self { name: name.to_owned(), place: Location::Memory { bytes: bytes.into(), step } }
    }

    /// Its size in bytes, before gzip is undone; `None` if the size is unknown.
    pub fn size(&self) -> Option<u64> {
        match &self.place {
            Location::File(path) => path.metadata().ok().map(|about| about.len()),
            Location::Segment { len, .. } => Some(*len),
            Location::Memory { bytes, .. } => Some(bytes.len() as u64),
        }
    }

    /// Opens it at its first byte.
    pub(super) fn open(&self) -> Result<Bytes, InputError> {
        let raw: Box<dyn Read + Send> = match &self.place {
            Location::File(path) => {
                let file = File::open(path).map_err(|error| self.error(error))?;
                let about = file.metadata().map_err(|error| self.error(error))?;
                if about.is_dir() {
                    return Err(self.error(ErrorKind::IsADirectory.into()));
                }
                Box::new(file)
            }
            Location::Segment { file, offset, len } => {
                Box::new(Segment { file: Arc::clone(file), offset: *offset, left: *len })
            }
            Location::Memory { bytes, step } => {
                Box::new(Steps { bytes: Arc::clone(bytes), at: 0, step: *step })
            }
        };
        Bytes::new(raw).map_err(|error| self.error(error))
    }

    /// What to say when the operating system refuses.
    pub(super) fn error(&self, error: io::Error) -> InputError {
        match error.kind() {
            ErrorKind::NotFound => InputError::Missing { name: self.name.clone() },
            _ => InputError::Unreadable { name: self.name.clone(), source: error },
        }
    }
}

/// The spool file ends inside a slice: it must not pass for a shorter list.
#[derive(Debug, thiserror::Error)]
#[error("the spooled copy of it has lost its end")]
struct TruncatedSnapshot;

/// A slice of a file, read by position.
struct Segment {
    file: Arc<File>,
    offset: u64,
    left: u64,
}

impl Read for Segment {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(into.len());
        if most == 0 {
            return Ok(0);
        }
        let got = self.file.read_at(&mut into[..most], self.offset)?;
        if got == 0 {
            return Err(io::Error::new(ErrorKind::UnexpectedEof, TruncatedSnapshot));
        }
        self.offset += got as u64;
        self.left -= got as u64;
        Ok(got)
    }
}

struct Steps {
    bytes: Arc<[u8]>,
    at: usize,
    step: usize,
}

impl Read for Steps {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let rest = &self.bytes[self.at..];
        let most = rest.len().min(into.len()).min(self.step);
        into[..most].copy_from_slice(&rest[..most]);
        self.at += most;
        Ok(most)
    }
}

/// Counts the bytes that pass.
struct Counter {
    inner: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
}

impl Read for Counter {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.inner.read(into)?;
        self.read.fetch_add(got as u64, Ordering::Relaxed);
        Ok(got)
    }
}

/// The bytes of an input with gzip undone.
pub(super) struct Bytes {
    reader: Box<dyn Read + Send>,
    read: Arc<AtomicU64>,
    pub(super) gzip: bool,
}

impl Bytes {
    /// Gzip is known by its first two bytes, whatever the file is called.
    fn new(raw: Box<dyn Read + Send>) -> io::Result<Self> {
        let read = Arc::new(AtomicU64::new(0));
        let mut raw = Counter { inner: raw, read: Arc::clone(&read) };
        let mut magic = [0; 2];
        let (got, error) = read_full(&mut raw, &mut magic);
        if let Some(error) = error {
            return Err(error);
        }
        let gzip = magic[..got] == [0x1f, 0x8b];
        let whole = Cursor::new(magic).take(got as u64).chain(raw);
        let reader: Box<dyn Read + Send> =
            if gzip { Box::new(MultiGzDecoder::new(whole)) } else { Box::new(whole) };
        Ok(Self { reader, read, gzip })
    }

    /// How many bytes of the input itself have been read, before gzip is undone.
    pub(super) fn position(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }

    /// Passes over so many bytes, which have been read before and must be there again.
    pub(super) fn skip(&mut self, bytes: u64) -> io::Result<()> {
        let passed = io::copy(&mut (&mut self.reader).take(bytes), &mut io::sink())?;
        if passed == bytes { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
    }

    /// Fills `into` as far as there are good bytes: less than its length only at the end, or
    /// before a fault.
    pub(super) fn fill(&mut self, into: &mut [u8]) -> (usize, Option<Fault>) {
        let (filled, error) = read_full(&mut self.reader, into);
        let fault = error.map(|error| {
            // The decoder's own complaints carry no code of the operating system.
            let ours = error
                .get_ref()
                .is_some_and(<dyn std::error::Error + Send + Sync>::is::<TruncatedSnapshot>);
            if self.gzip && !ours && error.raw_os_error().is_none() {
                Fault::Gzip(error)
            } else {
                Fault::Io(error)
            }
        });
        (filled, fault)
    }
}

fn read_full(reader: &mut impl Read, into: &mut [u8]) -> (usize, Option<io::Error>) {
    let mut filled = 0;
    while filled < into.len() {
        match reader.read(&mut into[filled..]) {
            Ok(0) => break,
            Ok(got) => filled += got,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return (filled, Some(error)),
        }
    }
    (filled, None)
}
