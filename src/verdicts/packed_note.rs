//! Notes as they are kept: 25 bytes each, with numbers for what many of them say.

use jiff::Timestamp;
use uuid::Uuid;

/// A note in packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackedNote {
    /// The number of what it observation.
    pub said: u32,
    /// The request that it is about.
    pub request_id: RequestId,
    /// When the answer came, in seconds since 1970.
    pub seconds: i64,
}

/// The id of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestId {
    /// Written in upper case, as the API does.
    Upper(Uuid),
    /// Written in lower case.
    Lower(Uuid),
    /// Anything else: the number of its text.
    Other(u32),
}

impl RequestId {
    /// That of a UUID with hyphens, in one case.
    pub(super) fn of_uuid(text: &str) -> Option<Self> {
        let uuid = Uuid::try_parse(text).ok()?;
        let (hyphenated, mut written) = (uuid.hyphenated(), Uuid::encode_buffer());
        if hyphenated.encode_upper(&mut written) == text {
            return Some(Self::Upper(uuid));
        }
        (hyphenated.encode_lower(&mut written) == text).then_some(Self::Lower(uuid))
    }
}

impl PackedNote {
    pub(super) const BYTES: usize = 16 + 5 + 4;

    pub(super) fn new(said: u32, request_id: RequestId, finished_at: Timestamp) -> Self {
        Self { said, request_id, seconds: finished_at.as_second() }
    }

    /// When the answer came.
    pub(super) fn finished_at(&self) -> Timestamp {
        // It came from one.
        Timestamp::from_second(self.seconds).unwrap_or_default()
    }

    /// Of the seconds as many bytes as any time needs. How the id is written stands beside the number
    /// of what is said: no memory holds as many texts as 30 bits can tell.
    pub(super) fn bytes(&self) -> [u8; Self::BYTES] {
        let (form, id) = match self.request_id {
            RequestId::Upper(uuid) => (0, uuid),
            RequestId::Lower(uuid) => (1, uuid),
            RequestId::Other(text) => (2, Uuid::from_fields(text, 0, 0, &[0; 8])),
        };
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(id.as_bytes());
        bytes[16..21].copy_from_slice(&self.seconds.to_be_bytes()[3..]);
        bytes[21..].copy_from_slice(&(self.said << 2 | form).to_be_bytes());
        bytes
    }

    pub(super) fn of(bytes: &[u8; Self::BYTES]) -> Self {
        let (mut id, mut seconds, mut said) = ([0; 16], [0; 8], [0; 4]);
        id.copy_from_slice(&bytes[..16]);
        seconds[..5].copy_from_slice(&bytes[16..21]);
        said.copy_from_slice(&bytes[21..]);
        let (id, said) = (Uuid::from_bytes(id), u32::from_be_bytes(said));
        let request_id = match said & 3 {
            0 => RequestId::Upper(id),
            1 => RequestId::Lower(id),
            _ => RequestId::Other(id.as_fields().0),
        };
        // The upper bytes are those of the sign.
        Self { said: said >> 2, request_id, seconds: i64::from_be_bytes(seconds) >> 24 }
    }
}
