//! The stored form of notes: 25 bytes each, with numbers for shared texts.

use jiff::Timestamp;
use uuid::Uuid;

/// A note with numbers for its texts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PackedNote {
    /// The number of its code and message.
    pub reason: u32,
    /// The request id.
    pub request_id: RequestId,
    /// When the answer arrived, in seconds since 1970.
    pub seconds: i64,
}

/// The id of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestId {
    /// Written in upper case, as the API does.
    Upper(Uuid),
    /// Written in lower case.
    Lower(Uuid),
    /// Any other text, by its number.
    Other(u32),
}

impl RequestId {
    /// The id for a UUID with hyphens in one case.
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

    pub(super) fn new(reason: u32, request_id: RequestId, finished_at: Timestamp) -> Self {
        Self { reason, request_id, seconds: finished_at.as_second() }
    }

    /// When the answer arrived.
    pub(super) fn finished_at(&self) -> Timestamp {
        // It was computed from a valid time.
        Timestamp::from_second(self.seconds).unwrap_or_default()
    }

    /// The seconds take as many bytes as any time needs. The form of the id shares four bytes with
    /// the number of the code and message: there are never more than 30 bits can number.
    pub(super) fn bytes(&self) -> [u8; Self::BYTES] {
        let (form, id) = match self.request_id {
            RequestId::Upper(uuid) => (0, uuid),
            RequestId::Lower(uuid) => (1, uuid),
            RequestId::Other(text) => (2, Uuid::from_fields(text, 0, 0, &[0; 8])),
        };
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(id.as_bytes());
        bytes[16..21].copy_from_slice(&self.seconds.to_be_bytes()[3..]);
        bytes[21..].copy_from_slice(&(self.reason << 2 | form).to_be_bytes());
        bytes
    }

    pub(super) fn of(bytes: &[u8; Self::BYTES]) -> Self {
        let (mut id, mut seconds, mut reason) = ([0; 16], [0; 8], [0; 4]);
        id.copy_from_slice(&bytes[..16]);
        seconds[..5].copy_from_slice(&bytes[16..21]);
        reason.copy_from_slice(&bytes[21..]);
        let (id, reason) = (Uuid::from_bytes(id), u32::from_be_bytes(reason));
        let request_id = match reason & 3 {
            0 => RequestId::Upper(id),
            1 => RequestId::Lower(id),
            _ => RequestId::Other(id.as_fields().0),
        };
        // The shift restores the sign.
        Self { reason: reason >> 2, request_id, seconds: i64::from_be_bytes(seconds) >> 24 }
    }
}
