//! Which encoding an input has, and its text as UTF-8.

use std::fmt;
use std::str::FromStr;

use encoding_rs::{Decoder, DecoderResult};

use super::source::Bytes;
use super::text::Fault;

/// How an input writes its characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// UTF-8, with or without a byte order mark.
    Utf8,
    /// UTF-16, the low byte first: the "Unicode text" of spreadsheets.
    Utf16Le,
    /// UTF-16, the high byte first.
    Utf16Be,
    /// GB18030, of which GBK and GB2312 are parts.
    Gb18030,
}

impl Encoding {
    /// The name in settings and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "utf-8",
            Self::Utf16Le => "utf-16le",
            Self::Utf16Be => "utf-16be",
            Self::Gb18030 => "gb18030",
        }
    }
}

impl fmt::Display for Encoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The name of an encoding that this tool does not read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown encoding {0:?}: write utf-8, utf-16le, utf-16be or gb18030 (also for GBK)")]
pub struct UnknownEncoding(String);

impl FromStr for Encoding {
    type Err = UnknownEncoding;

    fn from_str(name: &str) -> Result<Self, UnknownEncoding> {
        match name.to_ascii_lowercase().replace(['-', '_'], "").as_str() {
            "utf8" => Ok(Self::Utf8),
            "utf16le" => Ok(Self::Utf16Le),
            "utf16be" => Ok(Self::Utf16Be),
            "gb18030" | "gbk" | "gb2312" => Ok(Self::Gb18030),
            _ => Err(UnknownEncoding(name.to_owned())),
        }
    }
}

/// What a first look at an input tells.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) encoding: Encoding,
    /// Where it stops being UTF-8, when that is why it must be GB18030.
    pub(super) not_utf8_at: Option<u64>,
    /// The first bytes, for knowing files that are no text at all.
    pub(super) head: Vec<u8>,
}

/// How much is read at a time while looking.
const LOOK_BYTES: usize = 64 * 1024;

/// The bytes that [`Look::head`] keeps at most.
const HEAD_BYTES: usize = LOOK_BYTES;

/// Finds the encoding: a byte order mark, else UTF-16 by its NULs, else UTF-8 if the whole input
/// is valid, else GB18030. Only the UTF-8 question reads further than the first bytes.
pub(super) fn look(bytes: &mut Bytes, given: Option<Encoding>) -> Result<Look, Fault> {
    let mut buffer = vec![0; LOOK_BYTES];
    let (mut filled, mut fault) = bytes.fill(&mut buffer);
    let head = buffer[..filled.min(HEAD_BYTES)].to_vec();
    let known = given.or_else(|| by_mark(&head)).or_else(|| by_nulls(&buffer[..filled]));
    if let Some(encoding) = known {
        return Ok(Look { encoding, not_utf8_at: None, head });
    }
    let mut offset = 0;
    loop {
        let ended = filled < buffer.len();
        let (good, broken) = match std::str::from_utf8(&buffer[..filled]) {
            Ok(_) => (filled, false),
            // A character that the end of the buffer cuts is no fault, the end of the input is.
            Err(error) => (error.valid_up_to(), error.error_len().is_some() || ended),
        };
        // A fault while reading is found again, with its line, when the text is read.
        let cut = fault.is_some() && filled - good < 4;
        if cut || (ended && !broken) {
            return Ok(Look { encoding: Encoding::Utf8, not_utf8_at: None, head });
        }
        if broken {
            let not_utf8_at = Some(offset + good as u64);
            return Ok(Look { encoding: Encoding::Gb18030, not_utf8_at, head });
        }
        offset += good as u64;
        buffer.copy_within(good..filled, 0);
        let kept = filled - good;
        let (more, error) = bytes.fill(&mut buffer[kept..]);
        (filled, fault) = (kept + more, error);
    }
}

fn by_mark(head: &[u8]) -> Option<Encoding> {
    match head {
        [0xef, 0xbb, 0xbf, ..] => Some(Encoding::Utf8),
        [0xff, 0xfe, ..] => Some(Encoding::Utf16Le),
        [0xfe, 0xff, ..] => Some(Encoding::Utf16Be),
        _ => None,
    }
}

/// In UTF-16 every ASCII character has a NUL, always on the same side; in any other encoding of a
/// list there are none to speak of.
fn by_nulls(sample: &[u8]) -> Option<Encoding> {
    let sample = &sample[..sample.len().min(4096) & !1];
    let nulls = |from: usize| sample.iter().skip(from).step_by(2).filter(|&&b| b == 0).count();
    let (even, odd) = (nulls(0), nulls(1));
    let many = (sample.len() / 8).max(1);
    if odd >= many && even < odd / 4 + 1 {
        Some(Encoding::Utf16Le)
    } else if even >= many && odd < even / 4 + 1 {
        Some(Encoding::Utf16Be)
    } else {
        None
    }
}

/// The bytes of an input as UTF-8, as far as its encoding promises it: UTF-8 itself goes through
/// unchecked, for the window checks all of its text anyway.
pub(super) struct Decoded {
    bytes: Bytes,
    decoder: Option<Transcoder>,
}

impl Decoded {
    pub(super) fn new(bytes: Bytes, encoding: Encoding) -> Self {
        let decoder = match encoding {
            Encoding::Utf8 => None,
            Encoding::Utf16Le => Some(encoding_rs::UTF_16LE),
            Encoding::Utf16Be => Some(encoding_rs::UTF_16BE),
            Encoding::Gb18030 => Some(encoding_rs::GB18030),
        };
        let decoder =
            decoder.map(|decoder| Transcoder::new(decoder.new_decoder_without_bom_handling()));
        Self { bytes, decoder }
    }

    /// Fills `into` as far as there is good text: less than its length only at the end, or before
    /// a fault.
    pub(super) fn fill(&mut self, into: &mut [u8]) -> (usize, Option<Fault>) {
        match &mut self.decoder {
            None => self.bytes.fill(into),
            Some(decoder) => decoder.fill(&mut self.bytes, into),
        }
    }
}

/// Turns another encoding into UTF-8, a buffer at a time.
struct Transcoder {
    decoder: Decoder,
    raw: Vec<u8>,
    raw_at: usize,
    raw_end: usize,
    /// How many raw bytes the decoder has taken.
    taken: u64,
    out: Vec<u8>,
    out_at: usize,
    out_end: usize,
    fault: Option<Fault>,
    ended: bool,
}

impl Transcoder {
    fn new(decoder: Decoder) -> Self {
        Self {
            decoder,
            raw: vec![0; LOOK_BYTES],
            raw_at: 0,
            raw_end: 0,
            taken: 0,
            out: vec![0; LOOK_BYTES],
            out_at: 0,
            out_end: 0,
            fault: None,
            ended: false,
        }
    }

    fn fill(&mut self, bytes: &mut Bytes, into: &mut [u8]) -> (usize, Option<Fault>) {
        let mut filled = 0;
        while filled < into.len() {
            if self.out_at == self.out_end {
                if self.ended {
                    return (filled, self.fault.take());
                }
                self.decode(bytes);
            }
            let most = (self.out_end - self.out_at).min(into.len() - filled);
            let piece = &self.out[self.out_at..self.out_at + most];
            into[filled..filled + most].copy_from_slice(piece);
            self.out_at += most;
            filled += most;
        }
        (filled, None)
    }

    /// Decodes one more buffer, or finds the end.
    fn decode(&mut self, bytes: &mut Bytes) {
        let mut last = false;
        if self.raw_at == self.raw_end {
            let (got, fault) = bytes.fill(&mut self.raw);
            (self.raw_at, self.raw_end) = (0, got);
            last = got < self.raw.len() && fault.is_none();
            if fault.is_some() {
                self.fault = fault;
            }
        }
        let raw = &self.raw[self.raw_at..self.raw_end];
        // A short buffer is the last one, also when its text did not fit at once.
        let last = last || self.raw_end < self.raw.len() && self.fault.is_none();
        let (result, read, written) =
            self.decoder.decode_to_utf8_without_replacement(raw, &mut self.out, last);
        self.raw_at += read;
        self.taken += read as u64;
        (self.out_at, self.out_end) = (0, written);
        match result {
            DecoderResult::InputEmpty => self.ended = last || self.fault.is_some(),
            DecoderResult::OutputFull => {}
            DecoderResult::Malformed(bad, after) => {
                let back = u64::from(bad) + u64::from(after);
                self.fault = Some(Fault::Undecodable { offset: self.taken.saturating_sub(back) });
                self.ended = true;
            }
        }
    }
}
