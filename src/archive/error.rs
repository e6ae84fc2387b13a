//! Why an archive cannot be used.

use std::io;
use std::path::{Path, PathBuf};
use zip::result::ZipError;

/// An archive cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// There is no such file (exit 66).
    #[error("{path}: there is no such file; check the path")]
    Missing {
        /// The archive.
        path: PathBuf,
    },
    /// The file system refused to read or write (exit 74).
    #[error("{path}: {action}: {source}")]
    File {
        /// The archive.
        path: PathBuf,
        /// What failed, such as `cannot read`.
        action: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file of that name exists; archives are never overwritten (exit 2).
    #[error("{path}: this file exists and is not overwritten; use another name")]
    Exists {
        /// The archive.
        path: PathBuf,
    },
    /// It is no archive of this tool, or it is damaged or hostile (exit 65).
    #[error("{path}: {what}")]
    Invalid {
        /// The archive.
        path: PathBuf,
        /// What is wrong, and what to do.
        what: String,
    },
}

impl ArchiveError {
    /// The error of an archive that is damaged or not one of this tool's.
    pub fn invalid(path: &Path, what: impl Into<String>) -> Self {
        Self::Invalid { path: path.to_owned(), what: what.into() }
    }

    pub(super) fn read(path: &Path, source: io::Error) -> Self {
        match source.kind() {
            io::ErrorKind::NotFound => Self::Missing { path: path.to_owned() },
            _ => Self::File { path: path.to_owned(), action: "cannot read", source },
        }
    }

    pub(super) fn write(path: &Path, source: io::Error) -> Self {
        Self::File { path: path.to_owned(), action: "cannot write", source }
    }

    /// The error of the zip library while it wrote.
    pub(super) fn zip_write(path: &Path, error: ZipError) -> Self {
        match error {
            ZipError::Io(source) => Self::write(path, source),
            other => Self::write(path, io::Error::other(other)),
        }
    }
}
