//! What outcome rows say beside their status, one note for each answer: a long run has very many of
//! them, and most say the same.

use super::packed_note::{PackedNote, RequestId};
use super::spill_file::SpillFile;
use crate::names::Interner;
use jiff::Timestamp;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io;

/// Number of a note, in the order in which they came.
pub type NoteId = u32;

/// The note of a grant in its outcome row, besides the status.
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

/// All notes. What they say, and ids of requests that are no UUIDs as services write them, is kept
/// once; the rest is a [`PackedNote`] each, of which most lie in a file in a long run.
#[derive(Debug, Default)]
pub(super) struct Notes {
    texts: Interner,
    /// Codes with their messages, as numbers of texts.
    said: Vec<(u32, u32)>,
    by_said: HashMap<(u32, u32), u32>,
    /// Which of them came last.
    last_said: u32,
    spill: SpillFile<{ PackedNote::BYTES }>,
}

impl Notes {
    pub(super) fn push(
        &mut self,
        code: &str,
        message: &str,
        request_id: &str,
        finished_at: Timestamp,
    ) -> NoteId {
        self.spill.make_room();
        let number = self.next();
        let request_id = RequestId::of_uuid(request_id)
            .unwrap_or_else(|| RequestId::Other(self.texts.intern(request_id)));
        let said = self.number_of(code, message);
        self.spill.push(PackedNote::new(said, request_id, finished_at).bytes());
        number
    }

    /// Another note of the latest answer, whose own note is `first`, with a code and a message of its
    /// own: one that there is, if it has the same content.
    pub(super) fn push_beside(&mut self, first: NoteId, code: &str, message: &str) -> NoteId {
        let said = self.number_of(code, message);
        let number = self.next();
        let of_answer = self.spill.since(first as usize);
        if let Some((same, _)) =
            (first..).zip(of_answer).find(|(_, bytes)| PackedNote::of(bytes).said == said)
        {
            return same;
        }
        let beside = PackedNote { said, ..PackedNote::of(&of_answer[0]) };
        self.spill.push(beside.bytes());
        number
    }

    fn next(&self) -> NoteId {
        NoteId::try_from(self.spill.len()).unwrap_or(NoteId::MAX)
    }

    /// The number of a code with its message, which are likely the last ones.
    fn number_of(&mut self, code: &str, message: &str) -> u32 {
        if self.said.get(self.last_said as usize).is_some()
            && self.said(self.last_said) == (code, message)
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

    /// How many codes with messages there are.
    pub(super) fn all_said(&self) -> u32 {
        u32::try_from(self.said.len()).unwrap_or(u32::MAX)
    }

    /// A code with its message.
    pub(super) fn said(&self, number: u32) -> (&str, &str) {
        let (code, message) = self.said[number as usize];
        (self.text(code), self.text(message))
    }

    /// A text by its number.
    pub(super) fn text(&self, number: u32) -> &str {
        self.texts.names().get(number)
    }

    /// Fails if the file in which it lies can't be read.
    pub(super) fn get(&self, note: NoteId) -> io::Result<Note<'_>> {
        let packed = PackedNote::of(&self.spill.get(note as usize)?);
        let (code, message) = self.said(packed.said);
        Ok(Note {
            code,
            message,
            request_id: match packed.request_id {
                RequestId::Upper(id) => format!("{id:X}").into(),
                RequestId::Lower(id) => id.to_string().into(),
                RequestId::Other(text) => self.text(text).into(),
            },
            finished_at: packed.finished_at(),
        })
    }

    /// Gives each note with its number, in their order.
    pub(super) fn each(&self, take: impl FnMut(usize, &[u8; PackedNote::BYTES])) -> io::Result<()> {
        self.spill.each(take)
    }

    pub(super) fn len(&self) -> usize {
        self.spill.len()
    }
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
