//! What outcome rows say beside their status, one note for each answer: a long run has very many of
//! them, and most say the same.

use crate::names::Interner;
use jiff::Timestamp;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
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

/// All notes: 25 bytes each, for the API's ids of requests are UUIDs in upper case. Other ids, codes
/// and messages are kept once.
#[derive(Debug, Default)]
pub(super) struct Notes {
    texts: Interner,
    /// Codes with their messages, as numbers of texts.
    said: Vec<(u32, u32)>,
    by_said: HashMap<(u32, u32), u32>,
    packed: Vec<Packed>,
    /// The ids of requests that are no such UUIDs, as numbers of texts.
    other_ids: BTreeMap<NoteId, u32>,
}

/// A note without padding.
#[derive(Debug)]
struct Packed {
    request_id: [u8; 16],
    /// Of the seconds since 1970 as many bytes as any time needs.
    seconds: [u8; 5],
    said: [u8; 4],
}

impl Notes {
    pub(super) fn push(
        &mut self,
        code: &str,
        message: &str,
        request_id: &str,
        finished_at: Timestamp,
    ) -> NoteId {
        let said = self.number_of(code, message);
        let number = NoteId::try_from(self.packed.len()).unwrap_or(NoteId::MAX);
        let request_id = of_uuid(request_id).unwrap_or_else(|| {
            self.other_ids.insert(number, self.texts.intern(request_id));
            [0; 16]
        });
        let [_, _, _, seconds @ ..] = finished_at.as_second().to_be_bytes();
        self.packed.push(Packed { request_id, seconds, said: said.to_le_bytes() });
        number
    }

    /// Another note of the same answer with a code and a message of its own: one of those since
    /// `first`, if it says the same.
    pub(super) fn push_beside(&mut self, first: NoteId, code: &str, message: &str) -> NoteId {
        let said = self.number_of(code, message).to_le_bytes();
        let since = &self.packed[first as usize..];
        if let Some(same) = (first..).zip(since).find(|(_, note)| note.said == said) {
            return same.0;
        }
        let Packed { request_id, seconds, .. } = self.packed[first as usize];
        let number = NoteId::try_from(self.packed.len()).unwrap_or(NoteId::MAX);
        if let Some(id) = self.other_ids.get(&first) {
            self.other_ids.insert(number, *id);
        }
        self.packed.push(Packed { request_id, seconds, said });
        number
    }

    /// The number of a code with its message, which are likely the last ones.
    fn number_of(&mut self, code: &str, message: &str) -> u32 {
        let texts = self.texts.names();
        if let Some(last) = self.packed.last() {
            let last = u32::from_le_bytes(last.said);
            let (last_code, last_message) = self.said[last as usize];
            if texts.get(last_code) == code && texts.get(last_message) == message {
                return last;
            }
        }
        let said = (self.texts.intern(code), self.texts.intern(message));
        *self.by_said.entry(said).or_insert_with(|| {
            self.said.push(said);
            u32::try_from(self.said.len() - 1).unwrap_or(u32::MAX)
        })
    }

    pub(super) fn get(&self, note: NoteId) -> Note<'_> {
        let Packed { request_id, seconds, said } = &self.packed[note as usize];
        let texts = self.texts.names();
        let (code, message) = self.said[u32::from_le_bytes(*said) as usize];
        Note {
            code: texts.get(code),
            message: texts.get(message),
            request_id: match self.other_ids.get(&note) {
                Some(id) => texts.get(*id).into(),
                None => text_of(*request_id).into(),
            },
            // It came from one.
            finished_at: Timestamp::from_second(from_five_bytes(*seconds)).unwrap_or_default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.packed.len()
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

/// A number from its lower five bytes, the highest of which come first.
fn from_five_bytes(bytes: [u8; 5]) -> i64 {
    let [first, rest @ ..] = bytes;
    let upper = i64::from(i8::from_be_bytes([first]));
    upper << 32 | i64::from(u32::from_be_bytes(rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_takes_twenty_five_bytes() {
        assert_eq!(size_of::<Packed>(), 25);
    }

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
        let all: Vec<Note<'_>> = (0..60)
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
        assert_eq!((0..60).map(|note| notes.get(note)).collect::<Vec<_>>(), all);
        assert_eq!(notes.len(), 60);
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
            let Note { code, message, request_id: id, finished_at } = notes.get(other);
            assert_eq!((code, message), ("USER_ACCOUNT_NOT_EXISTS", "another"));
            assert_eq!((&*id, finished_at), (request_id, Timestamp::UNIX_EPOCH));
        }
        assert_eq!(notes.len(), 6, "an answer shares nothing with another one");
    }
}
