//! The result of every grant: folds attempts, in order, into one verdict per grant.
//!
//! The same fold serves a running engine and a ledger that is read again, so both always give the
//! same verdicts.
//!
//! `ledger_state` is where a resumed run starts, `recent_attempts` what its pace starts from, and
//! `run_status` what `status` shows.
//!
//! An outcome row needs a code, a message, a request id and a time besides its status. These
//! *notes* are stored in 25 bytes each ([`PackedNote`]), and all but the latest in a temporary file
//! (`spill_file`); an outcome reads those of its next rows back ([`NoteCache`]). With all notes in
//! memory, the peak of a run of 500,000 requests is 45 MiB instead of 36 (measured; its plan takes
//! 25), at the same speed.

mod ledger_state;
mod note_cache;
mod notes;
mod packed_note;
mod recent_attempts;
mod run_status;
mod settled_rows;
mod spill_file;

pub use ledger_state::{LedgerState, Ranges, Unanswered, grants_in, ranges_of};
pub use note_cache::NoteCache;
pub use notes::{Note, NoteId};
pub use packed_note::{PackedNote, RequestId};
pub use recent_attempts::{AnsweredAttempt, RecentAttempts};
pub use run_status::RunStatus;

use crate::ledger::{AttemptResult, AttemptState, GrantSet};
use crate::model::{Action, Status};
use crate::plan::{GrantId, Rows};
use notes::Notes;
use settled_rows::SettledRows;
use std::collections::HashMap;
use std::hint::black_box;
use std::io;
use std::ops::Range;

const NO_NOTE: NoteId = NoteId::MAX;

/// What an outcome row reports about a grant.
#[derive(Debug, Clone, Copy)]
pub struct Verdict {
    /// Its status.
    pub status: Status,
    /// Sendings that were not answered by throttling.
    pub attempts: u16,
    /// The details of its last relevant answer; `None` if it was never sent.
    pub note: Option<NoteId>,
}

/// The state of a grant; six bytes, because there is one for each grant.
#[derive(Debug, Clone, Copy)]
struct GrantState {
    progress: GrantProgress,
    /// Up to 255; [`Verdicts::large_counts`] has larger counts.
    attempts: u8,
    note: [u8; 4],
}

#[derive(Debug, Clone, Copy)]
enum GrantProgress {
    /// It is not applied, and another attempt may settle it.
    Open,
    /// It may have been applied: some attempt was sent and not answered for it.
    InDoubt,
    Settled(Status),
}

/// The verdicts of all grants of a plan: 6 bytes a grant, and a few MiB for the notes.
#[derive(Debug)]
pub struct Verdicts {
    grants: Vec<GrantState>,
    /// The attempts of grants with more than a byte can count.
    large_counts: HashMap<GrantId, u16>,
    notes: Notes,
    settled: usize,
    failed: usize,
    rows: SettledRows,
    /// The status of a grant that the API applied.
    done: Status,
}

impl Verdicts {
    /// All grants untouched; they are to be revoked.
    pub fn new(grants: usize) -> Self {
        Self::of_action(Action::Detach, grants)
    }

    /// All grants untouched.
    pub fn of_action(action: Action, grants: usize) -> Self {
        let untouched =
            GrantState { progress: GrantProgress::Open, attempts: 0, note: NO_NOTE.to_le_bytes() };
        Self {
            grants: vec![untouched; grants],
            large_counts: HashMap::new(),
            notes: Notes::default(),
            settled: 0,
            failed: 0,
            rows: SettledRows::default(),
            done: action.done(),
        }
    }

    /// Applies the result of an attempt.
    pub fn record(&mut self, grants: &GrantSet, result: &AttemptResult) {
        let AttemptResult { code, message, request_id, finished_at, .. } = result;
        let note = self.notes.push(code, message, request_id, *finished_at);
        let mut exceptions = result.exceptions.iter().peekable();
        for (place, grant) in grants.iter().enumerate() {
            let exception = exceptions.next_if(|e| usize::from(e.place) == place);
            let (observation, note) = match (result.state, exception) {
                (AttemptState::Answered, None) => (Observation::Settled(self.done), note),
                (AttemptState::Answered | AttemptState::Refused, Some(exception)) => {
                    let note = self.notes.push_other(note, &exception.code, &exception.message);
                    match exception.status {
                        Status::Unknown => (Observation::InDoubt, note),
                        status => (Observation::Settled(status), note),
                    }
                }
                (AttemptState::Refused, None) => (Observation::Refused, note),
                (AttemptState::Lost, _) => (Observation::InDoubt, note),
                (AttemptState::Withdrawn, _) => (Observation::Nothing, NO_NOTE),
                _ => (Observation::Nothing, note),
            };
            if result.state.is_sending() && !self.is_settled(grant) {
                self.count(grant);
            }
            if let Some(status) = self.grants[grant as usize].apply(observation, note, result.last)
            {
                self.settled += 1;
                self.rows.settle(grant);
                self.failed += usize::from(matches!(status, Status::Failed | Status::Unknown));
            }
        }
        debug_assert!(exceptions.next().is_none(), "exceptions stand in the order of the grants");
    }

    fn count(&mut self, grant: GrantId) {
        let attempts = &mut self.grants[grant as usize].attempts;
        if let Some(more) = attempts.checked_add(1) {
            *attempts = more;
        } else {
            let attempts = self.large_counts.entry(grant).or_insert(u16::from(u8::MAX));
            *attempts = attempts.saturating_add(1);
        }
    }

    /// Whether it has its final verdict.
    pub fn is_settled(&self, grant: GrantId) -> bool {
        matches!(self.grants[grant as usize].progress, GrantProgress::Settled(_))
    }

    /// Whether one of these grants has its final verdict.
    pub fn has_settled(&self, grants: Range<GrantId>) -> bool {
        let grants = &self.grants[grants.start as usize..grants.end as usize];
        grants.iter().any(|grant| matches!(grant.progress, GrantProgress::Settled(_)))
    }

    /// Sets the rows that [`Verdicts::settled_rows`] counts.
    pub fn count_rows(&mut self, rows: &Rows) {
        self.rows = SettledRows::new(rows, |grant| self.is_settled(grant));
    }

    /// The number of rows whose grant is settled, of those given to [`Verdicts::count_rows`].
    pub fn settled_rows(&self) -> usize {
        self.rows.count()
    }

    /// The number of settled grants.
    pub fn settled(&self) -> usize {
        self.settled
    }

    /// The number of grants settled as `failed` or `unknown`.
    pub fn failed(&self) -> usize {
        self.failed
    }

    /// The number of grants.
    pub fn len(&self) -> usize {
        self.grants.len()
    }

    /// All grants.
    pub fn all(&self) -> impl Iterator<Item = GrantId> + use<> {
        0..GrantId::try_from(self.grants.len()).unwrap_or(GrantId::MAX)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.grants.is_empty()
    }

    /// Its status now. Promise 4, *honesty*: what may have been applied is `unknown`, and only what
    /// is known not to have been applied is `unprocessed`.
    pub fn status(&self, grant: GrantId) -> Status {
        self.grants[grant as usize].status()
    }

    /// Loads the states of these grants into the processor's cache. Separate from other work, so
    /// that the processor loads many in parallel.
    pub fn prefetch(&self, grants: impl Iterator<Item = GrantId>) {
        black_box(grants.fold(0, |all, grant| all ^ self.grants[grant as usize].attempts));
    }

    /// Its verdict.
    pub fn of(&self, grant: GrantId) -> Verdict {
        let state = self.grants[grant as usize];
        let note = Some(state.note()).filter(|note| *note != NO_NOTE);
        Verdict { status: state.status(), attempts: self.attempts(grant), note }
    }

    /// A cache for reading notes back; in a long run they are in a file.
    pub fn note_cache(&self) -> NoteCache<'_> {
        NoteCache::of(self)
    }

    /// The number of notes.
    pub fn notes(&self) -> usize {
        self.notes.len()
    }

    /// Sendings that were not answered by throttling.
    pub fn attempts(&self, grant: GrantId) -> u16 {
        match self.grants[grant as usize].attempts {
            u8::MAX => self.large_counts.get(&grant).copied().unwrap_or(u16::from(u8::MAX)),
            attempts => u16::from(attempts),
        }
    }

    /// The note of its outcome row; `None` if it was never sent. An error if the file with the
    /// notes can't be read.
    pub fn note_of(&self, grant: GrantId) -> io::Result<Option<Note<'_>>> {
        self.of(grant).note.map(|note| self.notes.get(note)).transpose()
    }
}

/// What an attempt shows about one grant.
#[derive(Debug, Clone, Copy)]
enum Observation {
    Settled(Status),
    /// The request was refused for good, for no fault of this grant in particular.
    Refused,
    InDoubt,
    Nothing,
}

impl GrantState {
    fn status(self) -> Status {
        match self.progress {
            GrantProgress::Settled(status) => status,
            GrantProgress::InDoubt => Status::Unknown,
            GrantProgress::Open => Status::Unprocessed,
        }
    }

    fn note(self) -> NoteId {
        NoteId::from_le_bytes(self.note)
    }

    /// Applies an observation of an attempt, which may be the last one. Returns the status if this
    /// settled it.
    fn apply(&mut self, observation: Observation, note: NoteId, last: bool) -> Option<Status> {
        let doubt = match self.progress {
            GrantProgress::Settled(_) => {
                debug_assert!(false, "a settled grant is never sent again");
                return None;
            }
            GrantProgress::InDoubt => true,
            GrantProgress::Open => false,
        };
        let (settled, replaces_note) = match observation {
            Observation::Settled(status) => (Some(status), true),
            // The refusal of this sending is no evidence about an earlier one whose answer was
            // lost.
            Observation::Refused if doubt => (Some(Status::Unknown), false),
            Observation::Refused => (Some(Status::Failed), true),
            Observation::InDoubt => {
                self.progress = GrantProgress::InDoubt;
                (last.then_some(Status::Unknown), true)
            }
            // A later refusal does not show whether an earlier sending was applied, so the note
            // that explains the doubt stays; and the last attempt settles only doubt.
            Observation::Nothing if doubt => (last.then_some(Status::Unknown), false),
            Observation::Nothing => (None, note != NO_NOTE),
        };
        if replaces_note {
            self.note = note.to_le_bytes();
        }
        if let Some(status) = settled {
            self.progress = GrantProgress::Settled(status);
        }
        settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::Exception;
    use jiff::Timestamp;

    #[test]
    fn a_verdict_takes_six_bytes() {
        assert_eq!(size_of::<GrantState>(), 6);
    }

    #[test]
    fn more_attempts_are_counted_than_a_byte_holds() {
        let mut verdicts = Verdicts::new(3);
        for sent in 1..=600 {
            verdicts.record(&GrantSet::range(1..2), &result(AttemptState::Lost, false));
            assert_eq!([0, 1, 2].map(|grant| verdicts.attempts(grant)), [0, sent, 0]);
            assert_eq!(verdicts.of(1).attempts, sent);
        }
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
    fn a_grant_never_sent_or_only_throttled_is_unprocessed() {
        assert_eq!(after(&[]), (Status::Unprocessed, 0, false));
        let all = [Throttled, Unconnected, Withdrawn].map(|state| result(state, false));
        assert_eq!(after(&all), (Status::Unprocessed, 0, false));
        assert_eq!(after(&[result(Unconnected, true)]), (Status::Unprocessed, 0, false));
        assert_eq!(after(&[result(Stopped, false)]), (Status::Unprocessed, 1, false));
        assert_eq!(after(&[result(Split, false)]), (Status::Unprocessed, 1, false));
    }

    #[test]
    fn a_grant_with_a_lost_answer_is_unknown_until_an_answer_settles_it() {
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
    fn the_note_is_the_one_that_explains_the_status() {
        let note = |states: &[AttemptState]| {
            let mut verdicts = Verdicts::new(1);
            for (number, state) in (1..).zip(states) {
                let last = number == states.len();
                verdicts.record(&GrantSet::range(0..1), &result(*state, last));
            }
            verdicts.note_of(0).unwrap().map(|note| note.code.to_owned())
        };
        let explained_by = |states: &[AttemptState], which: AttemptState| {
            assert_eq!(note(states).as_deref(), Some(which.name()), "{states:?}");
        };
        explained_by(&[Throttled], Throttled);
        explained_by(&[Throttled, Unconnected], Unconnected);
        explained_by(&[Throttled, Withdrawn], Throttled);
        explained_by(&[Throttled, Lost], Lost);
        explained_by(&[Lost, Throttled], Lost);
        explained_by(&[Lost, Refused], Lost);
        explained_by(&[Throttled, Refused], Refused);
        explained_by(&[Lost, Answered], Answered);
        assert_eq!(note(&[Withdrawn]), None);
    }

    #[test]
    fn exceptions_apply_to_their_own_grants() {
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
        assert_eq!(verdicts.note_of(7).unwrap().unwrap().code, "C");
        assert_eq!(verdicts.note_of(6).unwrap().unwrap().code, "answered");
        assert!(verdicts.note_of(0).unwrap().is_none());
    }
}
