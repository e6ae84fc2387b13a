//! What outcome rows say beside their status, one note for each answer: all texts in one, for a
//! long run has very many of them.

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
    /// When the answer came.
    pub finished_at: Timestamp,
}

/// All notes: 40 bytes each, and their texts.
#[derive(Debug, Default)]
pub(super) struct Notes {
    text: String,
    places: Vec<Place>,
}

/// Where a note's texts lie: the message behind the code, and then the request's id.
#[derive(Debug)]
struct Place {
    code: usize,
    code_bytes: u32,
    message_bytes: u32,
    request_id_bytes: u32,
    finished_at: Timestamp,
}

impl Notes {
    pub(super) fn push(&mut self, note: Note<'_>) -> NoteId {
        let code = self.text.len();
        let mut keep = |text: &str| {
            self.text.push_str(text);
            // Answers are a mebibyte at most.
            u32::try_from(text.len()).unwrap_or_default()
        };
        self.places.push(Place {
            code,
            code_bytes: keep(note.code),
            message_bytes: keep(note.message),
            request_id_bytes: keep(note.request_id),
            finished_at: note.finished_at,
        });
        NoteId::try_from(self.places.len() - 1).unwrap_or(NoteId::MAX)
    }

    pub(super) fn get(&self, note: NoteId) -> Note<'_> {
        let place = &self.places[note as usize];
        let message = place.code + place.code_bytes as usize;
        let request_id = message + place.message_bytes as usize;
        let end = request_id + place.request_id_bytes as usize;
        Note {
            code: &self.text[place.code..message],
            message: &self.text[message..request_id],
            request_id: &self.text[request_id..end],
            finished_at: place.finished_at,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.places.len()
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
