//! Why an input has no more text.

use std::io;

use super::encoding::Encoding;

/// Why an input has no more text.
#[derive(Debug)]
pub(super) enum Fault {
    /// The operating system returned an error.
    Io(io::Error),
    /// The gzip data are broken or truncated.
    Gzip(io::Error),
    /// Bytes that are not text in the encoding.
    Undecodable {
        /// Counted from the first byte of the input (after gzip is undone).
        offset: u64,
        encoding: Encoding,
        /// Where the input stops being UTF-8, if that is why it must be that encoding.
        not_utf8_at: Option<u64>,
    },
}
