//! Detects the encoding of an input and decodes it to UTF-8.

use std::io;

use encoding_rs::{Decoder, DecoderResult};

use super::encoding::Encoding;
use super::error::InputError;
use super::fault::Fault;
use super::source::{Bytes, Source};

/// The result of reading the first bytes of an input.
#[derive(Debug)]
pub(super) struct Detection {
    /// `None` if it is UTF-8 or GB18030, which differ only from the first character beyond ASCII on.
    pub(super) encoding: Option<Encoding>,
    /// The first bytes, for knowing files that are no text at all.
    pub(super) head: Vec<u8>,
}

/// How much is read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

/// Looks at the first bytes: the encoding is the one given, or that of a byte order mark, or UTF-16
/// by its NULs.
pub(super) fn detect(bytes: &mut Bytes, given: Option<Encoding>) -> Detection {
    let mut head = vec![0; CHUNK_BYTES];
    // A fault is found again, with its line, when the text is read.
    let (filled, _) = bytes.fill(&mut head);
    head.truncate(filled);
    Detection { encoding: given.or_else(|| by_mark(&head)).or_else(|| by_nulls(&head)), head }
}

/// Where an input stops being UTF-8 and so must be GB18030.
fn wrong_utf8(bytes: &mut Bytes) -> Option<u64> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let (mut offset, mut kept) = (0, 0);
    loop {
        let (more, fault) = bytes.fill(&mut buffer[kept..]);
        let filled = kept + more;
        let ended = filled < buffer.len();
        let (good, broken) = match std::str::from_utf8(&buffer[..filled]) {
            Ok(_) => (filled, false),
            // A character that the end of the buffer cuts is no fault, the end of the input is.
            Err(error) => (error.valid_up_to(), error.error_len().is_some() || ended),
        };
        // A fault while reading is found again, with its line, when the text is read.
        let cut = fault.is_some() && filled - good < 4;
        if cut || (ended && !broken) {
            return None;
        }
        offset += good as u64;
        if broken {
            return Some(offset);
        }
        buffer.copy_within(good..filled, 0);
        kept = filled - good;
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
    how: Mode,
}

enum Mode {
    AsItIs,
    Through(Box<Transcoder>),
    /// As it is, but only ASCII, as so many bytes have been. A list of nothing else is read once.
    Undecided(Source, u64),
}

impl Decoded {
    /// Without an `encoding` it is UTF-8 if the whole input is valid, else GB18030.
    pub(super) fn new(source: &Source, encoding: Option<Encoding>) -> Result<Self, InputError> {
        let how = match encoding {
            None => Mode::Undecided(source.clone(), 0),
            Some(encoding) => Mode::of(encoding),
        };
        Ok(Self { bytes: source.open()?, how })
    }

    /// How many bytes of the input itself have been read, before gzip is undone.
    pub(super) fn position(&self) -> u64 {
        self.bytes.position()
    }

    /// The encoding, as far as it is known.
    pub(super) fn encoding(&self) -> Encoding {
        match &self.how {
            Mode::AsItIs | Mode::Undecided(..) => Encoding::Utf8,
            Mode::Through(transcoder) => transcoder.encoding,
        }
    }

    /// Fills `into` as far as there is good text: less than its length only at the end, or before
    /// a fault.
    pub(super) fn fill(&mut self, into: &mut [u8]) -> (usize, Option<Fault>) {
        let (source, before) = match &mut self.how {
            Mode::AsItIs => return self.bytes.fill(into),
            Mode::Through(transcoder) => return transcoder.fill(&mut self.bytes, into),
            Mode::Undecided(source, before) => (source, before),
        };
        let (filled, fault) = self.bytes.fill(into);
        if into[..filled].is_ascii() {
            *before += filled as u64;
            return (filled, fault);
        }
        let ascii = into[..filled].iter().take_while(|byte| byte.is_ascii()).count();
        *before += ascii as u64;
        let unreadable = |error| (ascii, Some(Fault::Io(io::Error::other(error))));
        let wrong = match source.open() {
            Ok(mut bytes) => wrong_utf8(&mut bytes),
            Err(error) => return unreadable(error),
        };
        let Some(wrong) = wrong else {
            self.how = Mode::AsItIs;
            return (filled, fault);
        };
        // GB18030 from here on; what came before reads the same in both.
        let mut transcoder = Transcoder::new(Encoding::Gb18030, encoding_rs::GB18030);
        (transcoder.taken, transcoder.not_utf8_at) = (*before, Some(wrong));
        self.bytes = match source.open() {
            Ok(bytes) => bytes,
            Err(error) => return unreadable(error),
        };
        if let Err(error) = self.bytes.skip(*before) {
            return (ascii, Some(Fault::Io(error)));
        }
        let (more, fault) = transcoder.fill(&mut self.bytes, &mut into[ascii..]);
        self.how = Mode::Through(Box::new(transcoder));
        (ascii + more, fault)
    }
}

impl Mode {
    fn of(encoding: Encoding) -> Self {
        let decoder = match encoding {
            Encoding::Utf8 => return Self::AsItIs,
            Encoding::Utf16Le => encoding_rs::UTF_16LE,
            Encoding::Utf16Be => encoding_rs::UTF_16BE,
            Encoding::Gb18030 => encoding_rs::GB18030,
        };
        Self::Through(Box::new(Transcoder::new(encoding, decoder)))
    }
}

/// Turns another encoding into UTF-8, a buffer at a time.
struct Transcoder {
    encoding: Encoding,
    /// Where the input stops being UTF-8, when that is why it must be this encoding.
    not_utf8_at: Option<u64>,
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
    fn new(encoding: Encoding, of: &'static encoding_rs::Encoding) -> Self {
        Self {
            encoding,
            not_utf8_at: None,
            decoder: of.new_decoder_without_bom_handling(),
            raw: vec![0; CHUNK_BYTES],
            raw_at: 0,
            raw_end: 0,
            taken: 0,
            out: vec![0; CHUNK_BYTES],
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
                self.fault = Some(Fault::Undecodable {
                    offset: self.taken.saturating_sub(back),
                    encoding: self.encoding,
                    not_utf8_at: self.not_utf8_at,
                });
                self.ended = true;
            }
        }
    }
}
