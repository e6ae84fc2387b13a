//! What outcome rows say beside their status, one note for each answer: a long run has very many of
//! them, and most say the same.

use super::pile::Pile;
use crate::names::Interner;
use jiff::Timestamp;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::io;
use uuid::Uuid;

/// Number of a note, in the order in which they came.
pub type NoteId = u32;

/// What one grant's outcome row says beside its status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note<'a> {
    /// The API's code, or this tool's own word.
    pub code: &'a str,
    /// The API's message.
    pub message: &'a str,
    /// The API's id of the request, or nothing.
    pub request_id: Cow<'a, str>,
    /// When the answer came, to the second.
    pub finished_at: Timestamp,
}

/// All notes. What they say, and ids of requests other than the API's, which are UUIDs in upper case,
/// is kept once; the rest is 25 bytes each, of which most lie in a file in a long run.
#[derive(Debug, Default)]
pub(super) struct Notes {
    texts: Interner,
    /// Codes with their messages, as numbers of texts.
    said: Vec<(u32, u32)>,
    by_said: HashMap<(u32, u32), u32>,
    /// Which of them came last.
    last_said: u32,
    pile: Pile<PACKED_BYTES>,
    /// The ids of requests that are no such UUIDs, as numbers of texts.
    other_ids: BTreeMap<NoteId, u32>,
}

const PACKED_BYTES: usize = 16 + 5 + 4;

/// What a pile keeps of a note.
struct Packed {
    request_id: [u8; 16],
    /// Since 1970.
    seconds: i64,
    said: u32,
}

impl Packed {
    /// Of the seconds as many bytes as any time needs.
    fn bytes(&self) -> [u8; PACKED_BYTES] {
        let mut bytes = [0; PACKED_BYTES];
        bytes[..16].copy_from_slice(&self.request_id);
        bytes[16..21].copy_from_slice(&self.seconds.to_be_bytes()[3..]);
        bytes[21..].copy_from_slice(&self.said.to_be_bytes());
        bytes
    }

    fn of(bytes: [u8; PACKED_BYTES]) -> Self {
        let (mut request_id, mut seconds, mut said) = ([0; 16], [0; 8], [0; 4]);
        request_id.copy_from_slice(&bytes[..16]);
        seconds[..5].copy_from_slice(&bytes[16..21]);
        said.copy_from_slice(&bytes[21..]);
        // The upper bytes are those of the sign.
        let seconds = i64::from_be_bytes(seconds) >> 24;
        Self { request_id, seconds, said: u32::from_be_bytes(said) }
    }
}

impl Notes {
    pub(super) fn push(
        &mut self,
        code: &str,
        message: &str,
        request_id: &str,
        finished_at: Timestamp,
    ) -> NoteId {
        self.pile.make_room();
        let number = self.next();
        let request_id = of_uuid(request_id).unwrap_or_else(|| {
            self.other_ids.insert(number, self.texts.intern(request_id));
            [0; 16]
        });
        let said = self.number_of(code, message);
        self.pile.push(Packed { request_id, seconds: finished_at.as_second(), said }.bytes());
        number
    }

    /// Another note of the latest answer, whose own note is `first`, with a code and a message of its
    /// own: one that there is, if it says the same.
    pub(super) fn push_beside(&mut self, first: NoteId, code: &str, message: &str) -> NoteId {
        let said = self.number_of(code, message);
        let number = self.next();
        let of_answer = self.pile.since(first as usize);
        let same = |bytes: &[u8; PACKED_BYTES]| Packed::of(*bytes).said == said;
        if let Some((same, _)) = (first..).zip(of_answer).find(|(_, bytes)| same(bytes)) {
            return same;
        }
        let beside = Packed { said, ..Packed::of(of_answer[0]) };
        if let Some(id) = self.other_ids.get(&first) {
            self.other_ids.insert(number, *id);
        }
        self.pile.push(beside.bytes());
        number
    }

    fn next(&self) -> NoteId {
        NoteId::try_from(self.pile.len()).unwrap_or(NoteId::MAX)
    }

    /// The number of a code with its message, which are likely the last ones.
    fn number_of(&mut self, code: &str, message: &str) -> u32 {
        let texts = self.texts.names();
        if let Some((last_code, last_message)) = self.said.get(self.last_said as usize)
            && texts.get(*last_code) == code
            && texts.get(*last_message) == message
        {
            return self.last_said;
        }
        let said = (self.texts.intern(code), self.texts.intern(message));
        self.last_said = *self.by_said.entry(said).or_insert_with(|| {
            self.said.push(said);
            u32::try_from(self.said.len() - 1).unwrap_or(u32::MAX)
        });
        self.last_said
    }

    /// Fails if the file in which it lies can't be read.
    pub(super) fn get(&self, note: NoteId) -> io::Result<Note<'_>> {
        let Packed { request_id, seconds, said } = Packed::of(self.pile.get(note as usize)?);
        let texts = self.texts.names();
        let (code, message) = self.said[said as usize];
        Ok(Note {
            code: texts.get(code),
            message: texts.get(message),
            request_id: match self.other_ids.get(&note) {
                Some(id) => texts.get(*id).into(),
                None => text_of(request_id).into(),
            },
            // It came from one.
            finished_at: Timestamp::from_second(seconds).unwrap_or_default(),
        })
    }

    pub(super) fn len(&self) -> usize {
        self.pile.len()
    }
}

/// A UUID as the API writes them; nothing if it is written in any other way.
fn of_uuid(text: &str) -> Option<[u8; 16]> {
    let uuid = Uuid::try_parse(text).ok()?;
    let written = uuid.hyphenated().encode_upper(&mut Uuid::encode_buffer()) == text;
    written.then(|| uuid.into_bytes())
}

fn text_of(uuid: [u8; 16]) -> String {
    let mut text = Uuid::encode_buffer();
    Uuid::from_bytes(uuid).hyphenated().encode_upper(&mut text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_given_back_as_they_came() {
        let uuid = "0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9";
        let (lower, bare) = (uuid.to_lowercase(), uuid.replace('-', ""));
        let request_ids = [uuid, &lower, &bare, "", "R", "0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8FZ"];
        let times = [
            Timestamp::MIN,
            Timestamp::from_second(-1).unwrap(),
            Timestamp::UNIX_EPOCH,
            Timestamp::from_second(1_795_000_000).unwrap(),
            Timestamp::from_second(Timestamp::MAX.as_second()).unwrap(),
        ];
        // More than stay in memory.
        let all: Vec<Note<'_>> = (0..70_000)
            .map(|number| Note {
                code: ["OK", "", "UNEXPECTED"][number % 3],
                message: ["", "内部错误"][number / 20 % 2],
                request_id: request_ids[number % request_ids.len()].into(),
                finished_at: times[number % times.len()],
            })
            .collect();
        let mut notes = Notes::default();
        for (number, note) in (0..).zip(&all) {
            let Note { code, message, request_id, finished_at } = note;
            assert_eq!(notes.push(code, message, request_id, *finished_at), number);
        }
        assert_eq!((0..70_000).map(|note| notes.get(note).unwrap()).collect::<Vec<_>>(), all);
        assert_eq!(notes.len(), 70_000);
    }

    #[test]
    fn notes_of_one_answer_that_say_the_same_are_one() {
        let mut notes = Notes::default();
        for request_id in ["R", "0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9"] {
            let first = notes.push("OK", "", request_id, Timestamp::UNIX_EPOCH);
            let missing = notes.push_beside(first, "USER_ACCOUNT_NOT_EXISTS", "");
            let other = notes.push_beside(first, "USER_ACCOUNT_NOT_EXISTS", "another");
            assert_eq!([missing, other], [first + 1, first + 2]);
            assert_eq!(notes.push_beside(first, "USER_ACCOUNT_NOT_EXISTS", ""), missing);
            assert_eq!(notes.push_beside(first, "OK", ""), first);
            let Note { code, message, request_id: id, finished_at } = notes.get(other).unwrap();
            assert_eq!((code, message), ("USER_ACCOUNT_NOT_EXISTS", "another"));
            assert_eq!((&*id, finished_at), (request_id, Timestamp::UNIX_EPOCH));
        }
        assert_eq!(notes.len(), 6, "an answer shares nothing with another one");
    }
}
