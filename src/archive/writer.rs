//! Writes an archive: whole or not at all, and never over another file.

use super::sums::{self, HashingWriter, Sums};
use super::{ArchiveError, SIGNATURE, SUMS};
use crate::files::{RunFiles, sync_folder};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::TempPath;
use zip::result::ZipError;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

/// An archive in the making.
pub struct ArchiveWriter {
    path: PathBuf,
    temporary: TempPath,
    zip: ZipWriter<BufWriter<File>>,
    sums: Sums,
}

impl ArchiveWriter {
    /// Begins an archive; refuses a name that exists.
    pub fn create(path: &Path) -> Result<Self, ArchiveError> {
        if path.symlink_metadata().is_ok() {
            return Err(ArchiveError::Exists { path: path.to_owned() });
        }
        let temporary = RunFiles::new(path.to_owned()).temporary();
        let (file, temporary) =
            temporary.map_err(|error| ArchiveError::write(path, error))?.into_parts();
        let zip = ZipWriter::new(BufWriter::new(file)).set_auto_large_file();
        Ok(Self { path: path.to_owned(), temporary, zip, sums: Sums::new() })
    }

    /// Adds a file with the bytes that `write` writes.
    pub fn add(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), ArchiveError> {
        debug_assert!(sums::is_plain_name(name), "{name}");
        let sha256 = self.store(name, write)?;
        self.sums.insert(name.to_owned(), sha256);
        Ok(())
    }

    /// Adds `SHA256SUMS`, its signature if `sign` returns one, and gives the archive its name. The
    /// result is the SHA-256 of `SHA256SUMS`, which identifies the archive as a whole.
    pub fn finish<E: From<ArchiveError>>(
        mut self,
        sign: impl FnOnce(&[u8]) -> Result<Option<String>, E>,
    ) -> Result<String, E> {
        let text = sums::text(&self.sums);
        let sha256 = self.store(SUMS, |to| to.write_all(text.as_bytes()))?;
        if let Some(signature) = sign(text.as_bytes())? {
            self.store(SIGNATURE, |to| to.write_all(signature.as_bytes()))?;
        }
        self.close()?;
        Ok(sha256)
    }

    fn store(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<String, ArchiveError> {
        // Without times: the same content makes the same archive.
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .unix_permissions(0o600);
        let stored = || -> Result<String, ZipError> {
            self.zip.start_file(name, options)?;
            let mut hashing = HashingWriter::new(&mut self.zip);
            let mut buffered = BufWriter::new(&mut hashing);
            write(&mut buffered)?;
            buffered.flush()?;
            drop(buffered);
            Ok(hashing.finish().0)
        };
        stored().map_err(|error| ArchiveError::zip_write(&self.path, error))
    }

    fn close(self) -> Result<(), ArchiveError> {
        let Self { path, temporary, zip, .. } = self;
        let buffered = zip.finish().map_err(|error| ArchiveError::zip_write(&path, error))?;
        let failed = |error| ArchiveError::write(&path, error);
        let file = buffered.into_inner().map_err(|error| failed(error.into_error()))?;
        file.sync_all().map_err(failed)?;
        temporary.persist_noclobber(&path).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => ArchiveError::Exists { path: path.clone() },
            _ => failed(error.error),
        })?;
        sync_folder(RunFiles::new(path.clone()).folder()).map_err(failed)
    }
}
