//! What became of every grant: attempts folded, in their order, into one verdict each.
//!
//! The same fold serves a run while it goes on and a ledger that is read again, so both always
//! come to the same verdicts.

mod notes;

pub use notes::{Note, NoteId};

use crate::ledger::{AttemptResult, AttemptState, GrantSet};
use crate::model::Status;
use crate::plan::GrantId;
use notes::Notes;

const NO_NOTE: NoteId = NoteId::MAX;

/// What an outcome row says of a grant.
#[derive(Debug, Clone, Copy)]
pub struct Verdict {
    /// What is known of it.
    pub status: Status,
    /// Its sendings that were not answered by throttling.
    pub attempts: u16,
    /// What is said beside that; nothing if it was never sent.
    pub note: Option<NoteId>,
}

#[derive(Debug, Clone, Copy)]
struct State {
    /// `None` while another attempt may settle it.
    settled: Option<Status>,
    /// It may have been applied: some attempt was sent and not answered for it.
    doubt: bool,
    attempts: u16,
    note: NoteId,
}

/// The verdicts of all grants of a plan; 8 bytes a grant and about 60 a request.
#[derive(Debug)]
pub struct Verdicts {
    grants: Vec<State>,
    notes: Notes,
    settled: usize,
    failed: usize,
}

impl Verdicts {
    /// All grants untouched.
    pub fn new(grants: usize) -> Self {
        let untouched = State { settled: None, doubt: false, attempts: 0, note: NO_NOTE };
        Self { grants: vec![untouched; grants], notes: Notes::default(), settled: 0, failed: 0 }
    }

    /// Takes in how an attempt ended.
    pub fn record(&mut self, grants: &GrantSet, result: &AttemptResult) {
        let finished_at = result.finished_at;
        let request_id = &result.request_id;
        let note = self.notes.push(Note {
            code: &result.code,
            message: &result.message,
            request_id,
            finished_at,
        });
        let mut exceptions = result.exceptions.iter().peekable();
        for (place, grant) in grants.iter().enumerate() {
            let exception = exceptions.next_if(|e| usize::from(e.place) == place);
            let (says, note) = match (result.state, exception) {
                (AttemptState::Answered, None) => (Says::Settled(Status::Revoked), note),
                (AttemptState::Answered | AttemptState::Refused, Some(exception)) => {
                    let note = self.notes.push(Note {
                        code: &exception.code,
                        message: &exception.message,
                        request_id,
                        finished_at,
                    });
                    match exception.status {
                        Status::Unknown => (Says::Doubtful, note),
                        status => (Says::Settled(status), note),
                    }
                }
                (AttemptState::Refused, None) => (Says::Refused, note),
                (AttemptState::Lost, _) => (Says::Doubtful, note),
                (AttemptState::Withdrawn, _) => (Says::Nothing, NO_NOTE),
                _ => (Says::Nothing, note),
            };
            if let Some(status) = self.grants[grant as usize].hear(says, note, result) {
                self.settled += 1;
                self.failed += usize::from(matches!(status, Status::Failed | Status::Unknown));
            }
        }
        debug_assert!(exceptions.next().is_none(), "exceptions stand in the order of the grants");
    }

    /// Whether nothing more will be tried for it.
    pub fn is_settled(&self, grant: GrantId) -> bool {
        self.grants[grant as usize].settled.is_some()
    }

    /// How many grants are settled.
    pub fn settled(&self) -> usize {
        self.settled
    }

    /// How many are settled as `failed` or `unknown`.
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// How many grants there are.
    pub fn len(&self) -> usize {
        self.grants.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty()
    }

    /// What is known of it now. Promise 4, *honesty*: what may have been applied is `unknown`,
    /// and only what is known not to have been is `unprocessed`.
    pub fn status(&self, grant: GrantId) -> Status {
        self.grants[grant as usize].status()
    }

    /// All that an outcome row says of it.
    pub fn of(&self, grant: GrantId) -> Verdict {
        let state = self.grants[grant as usize];
        let note = (state.note != NO_NOTE).then_some(state.note);
        Verdict { status: state.status(), attempts: state.attempts, note }
    }

    /// A note by its number.
    pub fn note(&self, note: NoteId) -> Note<'_> {
        self.notes.get(note)
    }

    /// How many notes there are.
    pub fn notes(&self) -> usize {
        self.notes.len()
    }

    /// Its sendings that were not answered by throttling.
    pub fn attempts(&self, grant: GrantId) -> u16 {
        self.grants[grant as usize].attempts
    }

    /// What its outcome row says beside the status; nothing if it was never sent.
    pub fn note_of(&self, grant: GrantId) -> Option<Note<'_>> {
        self.of(grant).note.map(|note| self.notes.get(note))
    }
}

/// What an attempt says of one grant.
#[derive(Debug, Clone, Copy)]
enum Says {
    Settled(Status),
    /// The request was refused for good, for no fault of this grant in particular.
    Refused,
    Doubtful,
    Nothing,
}

impl State {
    fn status(self) -> Status {
        match self.settled {
            Some(status) => status,
            None if self.doubt => Status::Unknown,
            None => Status::Unprocessed,
        }
    }

    /// Returns the status, if this settled it.
    fn hear(&mut self, says: Says, note: NoteId, result: &AttemptResult) -> Option<Status> {
        debug_assert!(self.settled.is_none(), "a settled grant is never sent again");
        if self.settled.is_some() {
            return None;
        }
        if result.state.is_sending() {
            self.attempts = self.attempts.saturating_add(1);
        }
        match says {
            Says::Settled(status) => {
                self.settled = Some(status);
                self.note = note;
            }
            // That this sending was refused says nothing of an earlier one whose answer was lost.
            Says::Refused if self.doubt => self.settled = Some(Status::Unknown),
            Says::Refused => {
                self.settled = Some(Status::Failed);
                self.note = note;
            }
            Says::Doubtful => {
                self.doubt = true;
                self.note = note;
                if result.last {
                    self.settled = Some(Status::Unknown);
                }
            }
            // What was refused later says nothing of whether an earlier sending was applied, so
            // the note that explains the doubt stays; and the last attempt settles only doubt.
            Says::Nothing if self.doubt => {
                if result.last {
                    self.settled = Some(Status::Unknown);
                }
            }
            Says::Nothing if note == NO_NOTE => {}
            Says::Nothing => self.note = note,
        }
        self.settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Exception;
    use jiff::Timestamp;

    #[test]
    fn a_verdict_takes_eight_bytes() {
        assert_eq!(size_of::<State>(), 8);
    }

    fn result(state: AttemptState, last: bool) -> AttemptResult {
        AttemptResult {
            state,
            last,
            code: state.name().into(),
            message: String::new(),
            request_id: String::new(),
            finished_at: Timestamp::UNIX_EPOCH,
            exceptions: vec![],
        }
    }

    fn after(results: &[AttemptResult]) -> (Status, u16, bool) {
        let mut verdicts = Verdicts::new(1);
        for result in results {
            verdicts.record(&GrantSet::range(0..1), result);
        }
        (verdicts.status(0), verdicts.attempts(0), verdicts.is_settled(0))
    }

    use AttemptState::{
        Answered, Lost, Refused, Split, Stopped, Throttled, Unconnected, Withdrawn,
    };

    #[test]
    fn what_never_left_or_was_only_throttled_is_unprocessed() {
        assert_eq!(after(&[]), (Status::Unprocessed, 0, false));
        let all = [Throttled, Unconnected, Withdrawn].map(|state| result(state, false));
        assert_eq!(after(&all), (Status::Unprocessed, 0, false));
        assert_eq!(after(&[result(Unconnected, true)]), (Status::Unprocessed, 0, false));
        assert_eq!(after(&[result(Stopped, false)]), (Status::Unprocessed, 1, false));
        assert_eq!(after(&[result(Split, false)]), (Status::Unprocessed, 1, false));
    }

    #[test]
    fn what_was_lost_is_unknown_until_an_answer_settles_it() {
        assert_eq!(after(&[result(Lost, false)]), (Status::Unknown, 1, false));
        assert_eq!(after(&[result(Lost, true)]), (Status::Unknown, 1, true));
        let lost = result(Lost, false);
        assert_eq!(after(&[lost.clone(), result(Stopped, false)]), (Status::Unknown, 2, false));
        assert_eq!(after(&[lost.clone(), result(Unconnected, true)]), (Status::Unknown, 1, true));
        assert_eq!(after(&[lost.clone(), result(Refused, false)]), (Status::Unknown, 2, true));
        assert_eq!(after(&[result(Refused, false)]), (Status::Failed, 1, true));
        let mut guilty = result(Refused, false);
        guilty.exceptions = vec![Exception {
            place: 0,
            status: Status::Failed,
            code: "InvalidParameter".into(),
            message: "".into(),
        }];
        assert_eq!(after(&[lost.clone(), guilty]), (Status::Failed, 2, true));
        assert_eq!(after(&[lost, result(Answered, false)]), (Status::Revoked, 2, true));
    }

    #[test]
    fn exceptions_fall_on_their_own_grants() {
        let mut verdicts = Verdicts::new(8);
        let grants: GrantSet = [6, 7, 2].into_iter().collect();
        let mut answered = result(Answered, false);
        let exception =
            |place, status| Exception { place, status, code: "C".into(), message: "M".into() };
        answered.exceptions = vec![exception(1, Status::NotFound), exception(2, Status::Unknown)];
        verdicts.record(&grants, &answered);
        let all: Vec<Status> = [6, 7, 2, 0].map(|grant| verdicts.status(grant)).into();
        assert_eq!(all, [Status::Revoked, Status::NotFound, Status::Unknown, Status::Unprocessed]);
        assert_eq!(verdicts.settled(), 2);
        assert_eq!(verdicts.note_of(7).unwrap().code, "C");
        assert_eq!(verdicts.note_of(6).unwrap().code, "answered");
        assert!(verdicts.note_of(0).is_none());
    }
}
