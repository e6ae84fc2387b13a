//! What outcome rows say beside their status, one note for each answer: a long run has very many of
//! them, and most say the same.

use crate::names::{Interner, Names};
use jiff::Timestamp;

/// Number of a note, in the order in which they came.
pub type NoteId = u32;

/// What one grant's outcome row says beside its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Note<'a> {
    /// The API's code, or this tool's own word.
    pub code: &'a str,
    /// The API's message.
    pub message: &'a str,
    /// The API's id of the request, or nothing.
    pub request_id: &'a str,
    /// When the answer came, to the millisecond.
    pub finished_at: Timestamp,
}

/// All notes: 20 bytes each and the request's id. Codes and messages are kept once.
#[derive(Debug, Default)]
pub(super) struct Notes {
    said: Interner,
    request_ids: Names,
    rest: Vec<Rest>,
}

/// What a note says beside the request's id.
#[derive(Debug)]
struct Rest {
    code: u32,
    message: u32,
    finished_at_ms: i64,
}

impl Notes {
    pub(super) fn push(&mut self, note: Note<'_>) -> NoteId {
        self.request_ids.push(note.request_id);
        let last = self.rest.last();
        let (code, message) = (last.map(|rest| rest.code), last.map(|rest| rest.message));
        let code = self.number_of(note.code, code);
        let message = self.number_of(note.message, message);
        let finished_at_ms = note.finished_at.as_millisecond();
        self.rest.push(Rest { code, message, finished_at_ms });
        NoteId::try_from(self.rest.len() - 1).unwrap_or(NoteId::MAX)
    }

    /// The number of a text, which is likely the last one's.
    fn number_of(&mut self, text: &str, last: Option<u32>) -> u32 {
        match last {
            Some(last) if self.said.names().get(last) == text => last,
            _ => self.said.intern(text),
        }
    }

    pub(super) fn get(&self, note: NoteId) -> Note<'_> {
        let rest = &self.rest[note as usize];
        Note {
            code: self.said.names().get(rest.code),
            message: self.said.names().get(rest.message),
            request_id: self.request_ids.get(note),
            // It came from one.
            finished_at: Timestamp::from_millisecond(rest.finished_at_ms).unwrap_or_default(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.rest.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notes_are_given_back_as_they_came() {
        let note = |code, message, request_id, second| Note {
            code,
            message,
            request_id,
            finished_at: Timestamp::from_second(second).unwrap(),
        };
        let all = [
            note("OK", "", "11111111-2222-4333-8444-555555555555", 5),
            note("", "", "", 6),
            note("UNEXPECTED", "内部错误", "R", 7),
        ];
        let mut notes = Notes::default();
        let ids: Vec<NoteId> = all.into_iter().map(|note| notes.push(note)).collect();
        assert_eq!(ids, [0, 1, 2]);
        assert_eq!(ids.iter().map(|id| notes.get(*id)).collect::<Vec<_>>(), all);
        assert_eq!(notes.len(), 3);
    }
}
