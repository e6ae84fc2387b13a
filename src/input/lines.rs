//! Counting physical lines.

/// The line breaks in a text: LF, CR LF and CR are one each.
pub(super) fn line_breaks(text: &[u8]) -> u64 {
    let mut breaks = 0;
    let mut after_cr = false;
    for &byte in text {
        breaks += u64::from(byte == b'\r' || byte == b'\n' && !after_cr);
        after_cr = byte == b'\r';
    }
    breaks
}
