//! The details of outcome rows besides the status: one note per answer. A long run has very many,
//! and most have the same code and message.

use super::packed_note::{PackedNote, RequestId};
use super::spill_file::SpillFile;
use crate::names::Interner;
use jiff::Timestamp;
use std::borrow::Cow;
use std::collections::HashMap;
use std::io;

/// Number of a note, in the order of the answers.
pub type NoteId = u32;

/// The note of a grant in its outcome row, besides the status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note<'a> {
    /// The API's code, or this tool's own code.
    pub code: &'a str,
    /// The API's message.
    pub message: &'a str,
    /// The API's request id; empty if there is none.
    pub request_id: Cow<'a, str>,
    /// When the answer arrived, to the second.
    pub finished_at: Timestamp,
}

/// All notes. Codes, messages, and request ids that are not UUIDs in the usual form are interned;
/// the rest is one [`PackedNote`] each, most of which are in a file in a long run.
#[derive(Debug, Default)]
pub(super) struct Notes {
    texts: Interner,
    /// Pairs of code and message, as numbers of texts.
    reasons: Vec<(u32, u32)>,
    reason_numbers: HashMap<(u32, u32), u32>,
    /// The latest of them.
    last_reason: u32,
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
        let reason = self.number_of(code, message);
        self.spill.push(PackedNote::new(reason, request_id, finished_at).bytes());
        number
    }

    /// Another note of the latest answer, whose own note is `first`, with another code and message.
    /// Returns an existing note of this answer with the same content.
    pub(super) fn push_other(&mut self, first: NoteId, code: &str, message: &str) -> NoteId {
        let reason = self.number_of(code, message);
        let number = self.next();
        let of_answer = self.spill.since(first as usize);
        if let Some((same, _)) =
            (first..).zip(of_answer).find(|(_, bytes)| PackedNote::of(bytes).reason == reason)
        {
            return same;
        }
        let other = PackedNote { reason, ..PackedNote::of(&of_answer[0]) };
        self.spill.push(other.bytes());
        number
    }

    fn next(&self) -> NoteId {
        NoteId::try_from(self.spill.len()).unwrap_or(NoteId::MAX)
    }

    /// The number of a code with its message, which is usually the last one.
    fn number_of(&mut self, code: &str, message: &str) -> u32 {
        if self.reasons.get(self.last_reason as usize).is_some()
            && self.reason(self.last_reason) == (code, message)
        {
            return self.last_reason;
        }
        let reason = (self.texts.intern(code), self.texts.intern(message));
        self.last_reason = *self.reason_numbers.entry(reason).or_insert_with(|| {
            self.reasons.push(reason);
            u32::try_from(self.reasons.len() - 1).unwrap_or(u32::MAX)
        });
        self.last_reason
    }

    /// The number of pairs of code and message.
    pub(super) fn reasons(&self) -> u32 {
        u32::try_from(self.reasons.len()).unwrap_or(u32::MAX)
    }

    /// A code with its message.
    pub(super) fn reason(&self, number: u32) -> (&str, &str) {
        let (code, message) = self.reasons[number as usize];
        (self.text(code), self.text(message))
    }

    /// A text by its number.
    pub(super) fn text(&self, number: u32) -> &str {
        self.texts.names().get(number)
    }

    /// Fails if the file with the note can't be read.
    pub(super) fn get(&self, note: NoteId) -> io::Result<Note<'_>> {
        let packed = PackedNote::of(&self.spill.get(note as usize)?);
        let (code, message) = self.reason(packed.reason);
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

    /// Calls `take` with the number and bytes of each note, in order.
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
    fn notes_are_returned_as_they_were_stored() {
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
    fn equal_notes_of_one_answer_are_stored_once() {
        let mut notes = Notes::default();
        for request_id in ["R", "0A1B2C3D-4E5F-6071-8293-A4B5C6D7E8F9"] {
            let first = notes.push("OK", "", request_id, Timestamp::UNIX_EPOCH);
            let missing = notes.push_other(first, "USER_ACCOUNT_NOT_EXISTS", "");
            let other = notes.push_other(first, "USER_ACCOUNT_NOT_EXISTS", "another");
            assert_eq!([missing, other], [first + 1, first + 2]);
            assert_eq!(notes.push_other(first, "USER_ACCOUNT_NOT_EXISTS", ""), missing);
            assert_eq!(notes.push_other(first, "OK", ""), first);
            let Note { code, message, request_id: id, finished_at } = notes.get(other).unwrap();
            assert_eq!((code, message), ("USER_ACCOUNT_NOT_EXISTS", "another"));
            assert_eq!((&*id, finished_at), (request_id, Timestamp::UNIX_EPOCH));
        }
        assert_eq!(notes.len(), 6, "an answer shares nothing with another one");
    }
}
