//! Zip archives of files with their checksums: saved plans and evidence bundles.
//!
//! Each archive has a file `SHA256SUMS`, which `sha256sum --check` reads, with one line for every
//! other file. Its own SHA-256 identifies the archive as a whole. A signature of `SHA256SUMS`, if
//! there is one, is the file `SHA256SUMS.sig`.
//!
//! An archive comes from another person, so [`Archive`] trusts nothing in it: names are plain
//! relative paths, each occurs once, sizes are bounded, and nothing is unpacked under its own name.

mod error;
mod reader;
mod sums;
mod writer;

pub use error::ArchiveError;
pub use reader::Archive;
pub use sums::Digester;
pub use writer::ArchiveWriter;

/// The file with the checksums of all others.
pub const SUMS: &str = "SHA256SUMS";

/// The file with the signature of [`SUMS`].
pub const SIGNATURE: &str = "SHA256SUMS.sig";

#[cfg(test)]
mod tests;
