//! The messages in the stream of outcomes.

use super::batch::{BatchEntry, RejectedEntry, unrecorded};
use super::message::WorkUnit;
use crate::clock::utc_seconds;
use crate::ledger::{AttemptResult, AttemptState, Exception, GrantSet};
use crate::model::{Action, Status};
use crate::plan::GrantId;
use crate::verdicts::{Note, Verdicts};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::io;

/// The code of an entry that was delivered too often.
pub const TOO_MANY_DELIVERIES: &str = "TooManyDeliveries";

/// The code of an outcome whose details cannot be read.
pub const DETAILS_LOST: &str = "DetailsLost";

/// The result of one sending of a unit or a part of it; the job records it in its ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitAnswer {
    /// The grants that were sent, by their places in the unit, in the order of the request.
    pub places: Vec<u8>,
    /// Its state, by the name in the ledger.
    pub state: String,
    /// Whether it was the last attempt.
    pub last: bool,
    /// The code of the request as a whole.
    pub code: String,
    /// The message of the request as a whole.
    pub message: String,
    /// The API's id of the request, or nothing.
    pub request_id: String,
    /// When the response arrived.
    pub finished_at: Time,
    /// The exceptional ones: place among `places`, status, code, message.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<(u8, String, String, String)>,
}

/// A time as RFC 3339.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Time(pub Timestamp);

impl TryFrom<String> for Time {
    type Error = jiff::Error;

    fn try_from(text: String) -> Result<Self, jiff::Error> {
        text.parse().map(Self)
    }
}

impl From<Time> for String {
    fn from(time: Time) -> Self {
        time.0.to_string()
    }
}

impl UnitAnswer {
    /// From a result of the engine.
    pub fn new(places: Vec<u8>, result: &AttemptResult, exceptions: &[Exception]) -> Self {
        let items = exceptions.iter().map(|exception| {
            let status = exception.status.name().to_owned();
            (exception.place, status, exception.code.to_string(), exception.message.to_string())
        });
        Self {
            places,
            state: result.state.name().to_owned(),
            last: result.last,
            code: result.code.to_string(),
            message: result.message.clone(),
            request_id: result.request_id.clone(),
            finished_at: Time(result.finished_at),
            items: items.collect(),
        }
    }

    /// The result for the ledger, for a unit of these grants; `None` if no worker writes such a
    /// message.
    pub fn result(&self, grants: &[GrantId]) -> Option<(GrantSet, AttemptResult)> {
        let state = AttemptState::ALL.into_iter().find(|state| state.name() == self.state)?;
        let mut seen = vec![false; grants.len()];
        for place in &self.places {
            let before = seen.get_mut(usize::from(*place))?;
            if std::mem::replace(before, true) {
                return None;
            }
        }
        let sent: GrantSet = self.places.iter().map(|at| grants[usize::from(*at)]).collect();
        let exceptions = self.items.iter().map(|(place, status, code, message)| {
            let status =
                Action::Detach.statuses().into_iter().find(|known| known.name() == status)?;
            let (code, message) = (code.clone().into(), message.clone().into());
            (usize::from(*place) < sent.len()).then_some(Exception {
                place: *place,
                status,
                code,
                message,
            })
        });
        let exceptions: Vec<Exception> = exceptions.collect::<Option<_>>()?;
        if sent.is_empty() || !exceptions.is_sorted_by(|a, b| a.place < b.place) {
            return None;
        }
        let result = AttemptResult {
            state,
            last: self.last,
            code: self.code.clone().into(),
            message: self.message.clone(),
            request_id: self.request_id.clone(),
            finished_at: self.finished_at.0,
            exceptions,
        };
        Some((sent, result))
    }
}

/// The sendings of a unit by earlier workers, as far as known.
pub fn earlier(size: usize, (sent, doubt): (u32, u32), now: Timestamp) -> Vec<UnitAnswer> {
    let all: Vec<u8> = (0..=u8::MAX).take(size).collect();
    let of =
        |number| if number < sent - doubt { AttemptState::Stopped } else { AttemptState::Lost };
    (0..sent)
        .map(|number| UnitAnswer::new(all.clone(), &unrecorded(of(number), now), &[]))
        .collect()
}

fn fields(pairs: &[(&str, String)]) -> Vec<String> {
    pairs.iter().flat_map(|(name, value)| [(*name).to_owned(), value.clone()]).collect()
}

/// The outcome of a row.
pub fn of_row(entry: &BatchEntry, verdicts: &Verdicts, worker: &str) -> (Status, Vec<String>) {
    let grant = entry.grants.first().copied().unwrap_or_default();
    let (status, attempts) = (verdicts.status(grant), verdicts.attempts(grant));
    (status, row_fields(entry, status, attempts, verdicts.note_of(grant), worker))
}

/// The fields of a row's outcome. `details` is an error if they can't be read; the status is known
/// nevertheless.
fn row_fields(
    entry: &BatchEntry,
    status: Status,
    attempts: u16,
    details: io::Result<Option<Note<'_>>>,
    worker: &str,
) -> Vec<String> {
    let [code, message, request_id, finished_at] = match details {
        Ok(Some(note)) => [
            note.code.to_owned(),
            note.message.to_owned(),
            note.request_id.to_string(),
            utc_seconds(note.finished_at),
        ],
        Ok(None) => Default::default(),
        Err(error) => {
            tracing::error!(row = entry.id, %error, "cannot read the details of this outcome");
            let message = format!("the details of this outcome cannot be read: {error}");
            [DETAILS_LOST.to_owned(), message, String::new(), String::new()]
        }
    };
    fields(&[
        ("id", entry.id.clone()),
        ("status", status.name().to_owned()),
        ("code", code),
        ("message", message),
        ("request_id", request_id),
        ("attempts", attempts.to_string()),
        ("finished_at", finished_at),
        ("duplicate_of", entry.duplicate_of.clone().unwrap_or_default()),
        ("row", entry.row_json.clone()),
        ("worker", worker.to_owned()),
    ])
}

/// The outcome of a unit.
pub fn of_unit(id: &str, unit: &WorkUnit, answers: &[UnitAnswer], worker: &str) -> Vec<String> {
    let json = |value: serde_json::Result<String>| value.unwrap_or_else(|_| "[]".to_owned());
    fields(&[
        ("id", id.to_owned()),
        ("job", unit.job.clone()),
        ("grants", json(serde_json::to_string(&unit.grants))),
        ("attempt", unit.attempt.to_string()),
        ("answers", json(serde_json::to_string(answers))),
        ("worker", worker.to_owned()),
    ])
}

/// The outcome of an invalid message.
pub fn of_rejected(rejected: &RejectedEntry, now: Timestamp, worker: &str) -> Vec<String> {
    let end = End {
        status: Status::Invalid,
        code: &rejected.error.code,
        message: &rejected.error.message,
    };
    match &rejected.unit {
        Some(unit) => {
            let result = AttemptResult { last: true, ..end.result(AttemptState::Refused, now) };
            let all = (0..=u8::MAX).take(unit.size().min(100)).collect();
            of_unit(&rejected.id, unit, &[UnitAnswer::new(all, &result, &[])], worker)
        }
        None => end.outcome(&rejected.id, (0, 0), &rejected.row_json, now, worker),
    }
}

/// The outcome of an entry that was delivered too often: `unknown` if it was ever sent without a
/// recorded answer, else `unprocessed`.
pub fn of_over_delivered(
    entry: &BatchEntry,
    now: Timestamp,
    worker: &str,
) -> (Status, Vec<String>) {
    let (sent, doubt) = entry.before;
    let message = "delivered to more than five workers, and none of them finished it";
    let status = if doubt > 0 { Status::Unknown } else { Status::Unprocessed };
    let end = End { status, code: TOO_MANY_DELIVERIES, message };
    let outcome = match &entry.unit {
        Some(unit) => {
            let mut answers = earlier(unit.size(), (sent, doubt), now);
            match answers.last_mut() {
                Some(answer) if doubt > 0 => {
                    answer.last = true;
                    end.code.clone_into(&mut answer.code);
                    end.message.clone_into(&mut answer.message);
                }
                _ => {
                    let all = (0..=u8::MAX).take(unit.size()).collect();
                    let result = end.result(AttemptState::Unconnected, now);
                    answers.push(UnitAnswer::new(all, &result, &[]));
                }
            }
            of_unit(&entry.id, unit, &answers, worker)
        }
        None => end.outcome(&entry.id, (sent, doubt), &entry.row_json, now, worker),
    };
    (status, outcome)
}

struct End<'a> {
    status: Status,
    code: &'a str,
    message: &'a str,
}

impl End<'_> {
    fn result(&self, state: AttemptState, now: Timestamp) -> AttemptResult {
        AttemptResult {
            code: self.code.to_owned().into(),
            message: self.message.to_owned(),
            ..unrecorded(state, now)
        }
    }

    fn outcome(
        &self,
        id: &str,
        (sent, _): (u32, u32),
        row: &str,
        now: Timestamp,
        worker: &str,
    ) -> Vec<String> {
        fields(&[
            ("id", id.to_owned()),
            ("status", self.status.name().to_owned()),
            ("code", self.code.to_owned()),
            ("message", self.message.to_owned()),
            ("request_id", String::new()),
            ("attempts", sent.to_string()),
            ("finished_at", utc_seconds(now)),
            ("duplicate_of", String::new()),
            ("row", row.to_owned()),
            ("worker", worker.to_owned()),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outcome_without_details_keeps_its_status() {
        let entry = BatchEntry {
            id: "1-0".to_owned(),
            grants: vec![0],
            duplicate_of: None,
            row_json: "{}".to_owned(),
            unit: None,
            before: (0, 0),
        };
        let lost = Err(io::Error::other("disk error"));
        let outcome = row_fields(&entry, Status::Failed, 3, lost, "w");
        let of = |name: &str| {
            outcome.chunks(2).find(|pair| pair[0] == name).map_or("absent", |pair| &pair[1])
        };
        assert_eq!((of("status"), of("code"), of("attempts")), ("failed", "DetailsLost", "3"));
        assert!(of("message").contains("disk error"), "{outcome:?}");
    }
}
