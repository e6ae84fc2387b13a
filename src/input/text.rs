//! A window on the decoded text of an input. It counts physical lines.

use super::MAX_RECORD_BYTES;
use super::decode::Decoded;
use super::encoding::Encoding;
use super::fault::Fault;

/// The size of the window until a record needs more.
pub(super) const WINDOW_BYTES: usize = 128 * 1024;

/// What the window grows to at most: one byte over the longest record shows that a record is too
/// long, and there is room for its line end.
const MOST_BYTES: usize = MAX_RECORD_BYTES + 4;

/// A character of four bytes may lack its last one.
const MOST_CUT: usize = 3;

/// The text from the current record on.
pub(super) struct Text {
    decoded: Decoded,
    /// What has been read, as far as it is text.
    buffer: String,
    /// How many bytes are read at most until a record needs more.
    room: usize,
    /// The first bytes of a character whose rest has not been read.
    cut: Vec<u8>,
    start: usize,
    fault: Option<Fault>,
    ended: bool,
    /// The physical line on which the window begins, from 1.
    line: u64,
    /// How many bytes of decoded text lie before the window.
    offset: u64,
    /// The last line ended in CR, so a LF would belong to the same line end.
    after_cr: bool,
}

impl Text {
    /// Begins at the first character, after a byte order mark if there is one.
    pub(super) fn new(decoded: Decoded, window: usize) -> Self {
        let mut text = Self {
            decoded,
            buffer: String::new(),
            room: window.clamp(4, MOST_BYTES),
            cut: Vec::new(),
            start: 0,
            fault: None,
            ended: false,
            line: 1,
            offset: 0,
            after_cr: false,
        };
        text.fill();
        if text.window().starts_with("\u{feff}".as_bytes()) {
            text.skip(3);
        }
        text
    }

    /// What has been read of the text from the current record on.
    pub(super) fn window(&self) -> &[u8] {
        &self.buffer.as_bytes()[self.start..]
    }

    /// The first bytes of the window; a character must end with them.
    pub(super) fn record(&self, length: usize) -> &str {
        &self.buffer[self.start..self.start + length]
    }

    /// How many bytes of the input itself have been read, before gzip is undone.
    pub(super) fn position(&self) -> u64 {
        self.decoded.position()
    }

    /// The encoding, as far as it is known.
    pub(super) fn encoding(&self) -> Encoding {
        self.decoded.encoding()
    }

    /// The line on which the window begins.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// Whether the window reaches to the end of the input.
    pub(super) fn ended(&self) -> bool {
        self.ended && self.fault.is_none()
    }

    /// Reads more text after the window. `Ok(false)`: the record is too long.
    pub(super) fn more(&mut self) -> Result<bool, Fault> {
        if let Some(fault) = self.fault.take() {
            return Err(fault);
        }
        if self.window().len() >= MOST_BYTES {
            return Ok(false);
        }
        if self.window().len() + self.cut.len() >= self.room {
            self.room = (self.room * 2).min(MOST_BYTES + MOST_CUT);
        }
        self.fill();
        Ok(true)
    }

    /// Fills the space after the window with text, as far as there is any.
    fn fill(&mut self) {
        let mut bytes = std::mem::take(&mut self.buffer).into_bytes();
        bytes.drain(..std::mem::take(&mut self.start));
        bytes.append(&mut self.cut);
        let known = bytes.len();
        bytes.resize(self.room, 0);
        let (got, fault) = self.decoded.fill(&mut bytes[known..]);
        (self.ended, self.fault) = (known + got < self.room, fault);
        bytes.truncate(known + got);
        self.buffer = loop {
            match String::from_utf8(bytes) {
                Ok(text) => break text,
                Err(error) => {
                    let (text, wrong) = (error.utf8_error().valid_up_to(), error.utf8_error());
                    bytes = error.into_bytes();
                    // What comes before wrong bytes is still to be read.
                    if wrong.error_len().is_some() || self.ended() {
                        let offset = self.offset + text as u64;
                        let (encoding, not_utf8_at) = (self.encoding(), None);
                        self.fault = Some(Fault::Undecodable { offset, encoding, not_utf8_at });
                    } else {
                        self.cut.extend_from_slice(&bytes[text..]);
                    }
                    bytes.truncate(text);
                }
            }
        };
    }

    /// Advances past a record of `length` bytes and its line end, with `breaks` line breaks inside
    /// it.
    pub(super) fn advance(&mut self, length: usize, breaks: u64) {
        self.skip(length);
        self.line += breaks;
        match self.window().first() {
            Some(b'\n') => {
                self.skip(1);
                self.line += 1;
            }
            Some(b'\r') => {
                self.skip(1);
                self.line += 1;
                self.after_cr = true;
            }
            _ => {}
        }
    }

    /// Makes sure that the window does not begin with the second half of a CR LF, and that it is
    /// not empty unless the input has ended.
    pub(super) fn settle(&mut self) -> Result<(), Fault> {
        while self.window().is_empty() && !self.ended() {
            self.more()?;
        }
        if self.after_cr {
            self.after_cr = false;
            if self.window().first() == Some(&b'\n') {
                self.skip(1);
                return self.settle();
            }
        }
        Ok(())
    }

    fn skip(&mut self, bytes: usize) {
        self.start += bytes;
        self.offset += bytes as u64;
    }
}
