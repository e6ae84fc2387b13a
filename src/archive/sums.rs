//! The text of `SHA256SUMS`, and which file names an archive may have.

use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The longest name of a file in an archive.
const LONGEST_NAME: usize = 200;

/// Checksums in lower-case hex, by file name.
pub(super) type Sums = BTreeMap<String, String>;

/// The text: one line for each file, as `sha256sum` writes it.
pub(super) fn text(sums: &Sums) -> String {
    sums.iter().fold(String::new(), |text, (name, sha256)| text + sha256 + "  " + name + "\n")
}

/// Reads the text; the error names the line.
pub(super) fn parse(text: &str) -> Result<Sums, String> {
    let mut sums = Sums::new();
    for (at, line) in text.lines().enumerate() {
        let parsed = line.split_once("  ").filter(|(sha256, name)| {
            let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
            sha256.len() == 64 && sha256.bytes().all(is_hex) && is_plain_name(name)
        });
        let is_new = parsed.is_some_and(|(sha256, name)| {
            sums.insert(name.to_owned(), sha256.to_owned()).is_none()
        });
        if !is_new {
            return Err(format!("line {} is not the checksum of another file", at + 1));
        }
    }
    Ok(sums)
}

/// Whether a file of an archive may have this name: a relative path of plain ASCII characters, with
/// no step upward.
pub(super) fn is_plain_name(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let is_part =
        |part: &str| !part.is_empty() && part.bytes().all(is_plain) && !part.starts_with('.');
    name.len() <= LONGEST_NAME && name.split('/').all(is_part)
}

/// Computes the SHA-256 of what is written to it.
pub struct Digester(HashingWriter<io::Sink>);

impl Default for Digester {
    fn default() -> Self {
        Self(HashingWriter::new(io::sink()))
    }
}

impl Digester {
    /// The digest in lower-case hex.
    pub fn finish(self) -> String {
        self.0.finish().0
    }
}

impl Write for Digester {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Passes bytes on, and computes their SHA-256 and their number.
pub(super) struct HashingWriter<W> {
    inner: W,
    sha256: Sha256,
    len: u64,
}

impl<W: Write> HashingWriter<W> {
    pub(super) fn new(inner: W) -> Self {
        Self { inner, sha256: Sha256::new(), len: 0 }
    }

    /// The digest in lower-case hex, and the number of bytes.
    pub(super) fn finish(self) -> (String, u64) {
        (crate::hex::hex(&self.sha256.finalize()), self.len)
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.sha256.update(&bytes[..written]);
        self.len += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
