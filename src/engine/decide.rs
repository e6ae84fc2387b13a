//! Decides what a reply means: a pure function from a sent request and its reply to the result for
//! the ledger and the next step.

use super::StopCause;
use super::retry::Cost;
use crate::api::client::Reply;
use crate::api::credentials::NO_CREDENTIALS;
use crate::api::error::Class;
use crate::api::response::{ItemAnswer, Judgement};
use crate::api::transport::SendError;
use crate::ledger::{AttemptResult, AttemptState, Exception};
use crate::model::{Operation, Status};
use jiff::Timestamp;

/// This many consecutive refusals with the same code stop the run. Otherwise a wrong instance id
/// would be refused once per request.
const EQUAL_REFUSALS: u32 = 3;

/// What the decision needs to know about the sent request.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    /// The operation.
    pub operation: Operation,
    /// The number of its grants.
    pub grants: usize,
    /// Earlier attempts, without throttled ones.
    pub tries: u32,
    /// The maximum number of attempts.
    pub max_attempts: u32,
    /// Whether a failure does not count as an attempt, because the request probes a service that is
    /// down.
    pub is_free_probe: bool,
    /// The code of the latest refusal, and how many in a row had it.
    pub refusals: (&'a str, u32),
}

impl Sent<'_> {
    fn is_last(&self) -> bool {
        self.tries + 1 >= self.max_attempts
    }

    /// An attempt without a usable answer: repeated, unless it was the last.
    fn unanswered(
        &self,
        state: AttemptState,
        (code, message): (&str, String),
        cost: Cost,
        finished_at: Timestamp,
    ) -> Decision {
        let last = !self.is_free_probe && self.is_last();
        let result = AttemptResult {
            last,
            code: code.to_owned().into(),
            message,
            ..result(state, finished_at)
        };
        let next = match (last, self.is_free_probe) {
            (true, _) => Next::Done,
            (false, true) => Next::RetryFree(cost),
            (false, false) => Next::Retry(cost),
        };
        Decision { result, next, healthy: false }
    }
}

/// The decision about a reply.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The result for the ledger.
    pub result: AttemptResult,
    /// The next step.
    pub next: Next,
    /// Whether the service answered at all; input of the breaker.
    pub healthy: bool,
}

/// The next step after a reply.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// Nothing: each grant is settled or has had its last attempt.
    Done,
    /// Send the same request again as soon as the rate allows. It does not count as an attempt.
    Requeue,
    /// Retry the whole request later.
    Retry(Cost),
    /// Retry the whole request later; this one does not count as an attempt.
    RetryFree(Cost),
    /// Retry some of its grants, given by place, packed with other grants that are retried.
    RetryItems(Vec<u8>),
    /// Send its two halves separately. It does not count as an attempt.
    Split,
    /// Stop the run, or only the operation if the permission for it is missing.
    Stop(StopCause),
}

/// Decides what a reply means.
pub fn decide(sent: Sent<'_>, reply: Reply, finished_at: Timestamp) -> Decision {
    match reply.outcome {
        Err(SendError::NotSent(why)) => sent.unanswered(
            AttemptState::Unconnected,
            ("ConnectionFailed", why),
            Cost::Failure,
            finished_at,
        ),
        Err(SendError::NoCredentials(message)) => Decision {
            result: AttemptResult {
                code: NO_CREDENTIALS.into(),
                message: message.clone(),
                ..result(AttemptState::Unconnected, finished_at)
            },
            next: Next::Stop(StopCause::NoCredentials { message }),
            healthy: false,
        },
        Err(SendError::TimedOut) => {
            let why = ("Timeout", "no answer in time".to_owned());
            sent.unanswered(AttemptState::Lost, why, Cost::TimeOut, finished_at)
        }
        Err(SendError::Lost(why)) => {
            let why = ("ConnectionLost", why);
            sent.unanswered(AttemptState::Lost, why, Cost::Failure, finished_at)
        }
        Ok(Judgement::Items { request_id, items }) => {
            let answered_result = AttemptResult {
                // An answer counts as an attempt, also when it answers a probe.
                last: sent.is_last(),
                code: "OK".into(),
                request_id,
                ..result(AttemptState::Answered, finished_at)
            };
            answered(answered_result, items)
        }
        Ok(Judgement::Refused { request_id, class, code, message }) => {
            let refusal = Refusal {
                request_id,
                code,
                message,
                is_remedied: match class {
                    Class::ExpiredTimestamp => reply.timestamp_renewed,
                    Class::ExpiredToken => reply.credentials_renewed,
                    _ => false,
                },
                finished_at,
            };
            refused(&sent, class, refusal)
        }
    }
}

/// A refusal of the request as a whole.
struct Refusal {
    request_id: String,
    code: String,
    message: String,
    /// Whether the client corrected its clock or renewed its keys in response.
    is_remedied: bool,
    finished_at: Timestamp,
}

impl Refusal {
    fn decision(&self, state: AttemptState, next: Next) -> Decision {
        let result = AttemptResult {
            code: self.code.clone().into(),
            message: self.message.clone(),
            request_id: self.request_id.clone(),
            ..result(state, self.finished_at)
        };
        Decision { result, next, healthy: true }
    }

    fn stop(&self, cause: impl FnOnce(String, String) -> StopCause) -> Decision {
        let cause = cause(self.code.clone(), self.message.clone());
        self.decision(AttemptState::Stopped, Next::Stop(cause))
    }

    /// The refusal of a request with a single grant, which is then the cause.
    fn of_single_grant(&self) -> Decision {
        let is_missing = self.code.eq_ignore_ascii_case("OBJECT_NOT_FOUND");
        let status = if is_missing { Status::NotFound } else { Status::Failed };
        let (code, message) = (self.code.clone().into(), self.message.clone().into());
        let mut decision = self.decision(AttemptState::Refused, Next::Done);
        decision.result.exceptions = vec![Exception { place: 0, status, code, message }];
        decision
    }
}

fn refused(sent: &Sent<'_>, class: Class, refusal: Refusal) -> Decision {
    match class {
        Class::ExpiredTimestamp | Class::ExpiredToken if refusal.is_remedied => {
            refusal.decision(AttemptState::Expired, Next::Requeue)
        }
        Class::StopCredentials | Class::ExpiredToken | Class::ExpiredTimestamp => {
            refusal.stop(|code, message| StopCause::Credentials { code, message })
        }
        Class::StopOperation => {
            let operation = sent.operation.name();
            refusal.stop(|code, message| StopCause::Permission { operation, code, message })
        }
        Class::StopRouting => refusal.stop(|code, message| StopCause::Routing { code, message }),
        Class::BadArgument if sent.grants > 1 => refusal.decision(AttemptState::Split, Next::Split),
        Class::BadArgument => refusal.of_single_grant(),
        Class::Refused if count_equal(sent.refusals, &refusal.code) + 1 >= EQUAL_REFUSALS => {
            refusal.stop(|code, message| StopCause::RepeatedRefusal { code, message })
        }
        Class::Refused => refusal.decision(AttemptState::Refused, Next::Done),
        Class::Throttled => refusal.decision(AttemptState::Throttled, Next::Requeue),
        Class::Doubtful => {
            let Refusal { request_id, code, message, finished_at, .. } = refusal;
            let why = (code.as_str(), message);
            let mut decision = sent.unanswered(AttemptState::Lost, why, Cost::Failure, finished_at);
            decision.result.request_id = request_id;
            decision
        }
    }
}

fn result(state: AttemptState, finished_at: Timestamp) -> AttemptResult {
    AttemptResult {
        state,
        last: false,
        code: "".into(),
        message: String::new(),
        request_id: String::new(),
        finished_at,
        exceptions: Vec::new(),
    }
}

fn count_equal((before, count): (&str, u32), code: &str) -> u32 {
    if before.eq_ignore_ascii_case(code) { count } else { 0 }
}

fn answered(mut result: AttemptResult, items: Vec<ItemAnswer>) -> Decision {
    let mut open = Vec::new();
    for (place, item) in (0_u8..).zip(items) {
        if item.status.is_done() {
            continue;
        }
        if item.status == Status::Unknown {
            open.push(place);
        }
        let ItemAnswer { status, code, message } = item;
        result.exceptions.push(Exception { place, status, code, message });
    }
    let next = if open.is_empty() || result.last { Next::Done } else { Next::RetryItems(open) };
    Decision { result, next, healthy: true }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::borrow::Cow;

    const SENT: Sent<'_> = Sent {
        operation: Operation::ALL[0],
        grants: 3,
        tries: 0,
        max_attempts: 3,
        is_free_probe: false,
        refusals: ("", 0),
    };

    type Outcome = Result<Judgement, SendError>;

    fn on(sent: Sent<'_>, outcome: Outcome) -> Decision {
        decide(sent, Reply::new(outcome), Timestamp::UNIX_EPOCH)
    }

    #[expect(clippy::unnecessary_wraps, reason = "it stands for an outcome")]
    fn refused(class: Class, code: &str) -> Outcome {
        Ok(Judgement::Refused {
            request_id: "R".to_owned(),
            class,
            code: code.to_owned(),
            message: "m".to_owned(),
        })
    }

    #[test]
    fn a_lost_answer_is_repeated_until_the_last_attempt() {
        let lost = || Err(SendError::TimedOut);
        let first = on(SENT, lost());
        assert_eq!((first.result.state, first.result.last), (AttemptState::Lost, false));
        assert_eq!(first.next, Next::Retry(Cost::TimeOut));
        let third = on(Sent { tries: 2, ..SENT }, lost());
        assert!(third.result.last);
        assert_eq!(third.next, Next::Done);
    }

    #[test]
    fn a_failed_probe_is_no_attempt_but_an_answered_one_is() {
        let probe = Sent { tries: 2, is_free_probe: true, ..SENT };
        let decision = on(probe, Err(SendError::TimedOut));
        assert_eq!((decision.result.state, decision.result.last), (AttemptState::Lost, false));
        assert_eq!(decision.next, Next::RetryFree(Cost::TimeOut));
        assert!(!decision.healthy);
        let item = ItemAnswer { status: Status::Unknown, code: "c".into(), message: "".into() };
        let answer = Ok(Judgement::Items { request_id: "R".to_owned(), items: vec![item] });
        let decision = on(probe, answer);
        assert!(decision.result.last);
        assert_eq!(decision.next, Next::Done);
    }

    #[test]
    fn a_connection_never_made_is_not_a_sending() {
        let decision = on(SENT, Err(SendError::NotSent("refused".to_owned())));
        assert_eq!(decision.result.state, AttemptState::Unconnected);
        assert!(!decision.healthy);
    }

    #[test]
    fn only_unsettled_items_are_retried() {
        let item = |status| ItemAnswer { status, code: Cow::Borrowed("c"), message: "".into() };
        let answer = || {
            let all = [Status::Revoked, Status::Unknown, Status::NotFound, Status::Unknown];
            Ok(Judgement::Items { request_id: "R".to_owned(), items: all.map(item).into() })
        };
        let decision = on(SENT, answer());
        assert_eq!(decision.next, Next::RetryItems(vec![1, 3]));
        let places: Vec<u8> = decision.result.exceptions.iter().map(|e| e.place).collect();
        assert_eq!(places, [1, 2, 3]);
        assert_eq!(on(Sent { tries: 2, ..SENT }, answer()).next, Next::Done);
    }

    #[test]
    fn a_throttled_call_is_no_attempt_even_at_the_last() {
        let decision = on(Sent { tries: 2, ..SENT }, refused(Class::Throttled, "Throttling"));
        assert_eq!(decision.next, Next::Requeue);
        assert!(!decision.result.last && !decision.result.state.is_sending());
    }

    #[test]
    fn a_bad_argument_splits_until_it_stands_alone() {
        let bad = || refused(Class::BadArgument, "InvalidParameter");
        assert_eq!(on(SENT, bad()).next, Next::Split);
        let alone = on(Sent { grants: 1, ..SENT }, bad());
        assert_eq!((alone.result.state, alone.next), (AttemptState::Refused, Next::Done));
        assert_eq!(alone.result.exceptions[0].status, Status::Failed);
        let lost = refused(Class::BadArgument, "Object_Not_Found");
        let alone = on(Sent { grants: 1, ..SENT }, lost);
        assert_eq!(alone.result.exceptions[0].status, Status::NotFound);
    }

    #[test]
    fn the_third_equal_refusal_stops_the_run_and_others_do_not() {
        let refusal = || refused(Class::Refused, "MissingInstanceId");
        let on_count = |refusals| on(Sent { refusals, ..SENT }, refusal());
        assert_eq!(on_count(("", 0)).result.state, AttemptState::Refused);
        assert_eq!(on_count(("MissingInstanceId", 1)).result.state, AttemptState::Refused);
        assert_eq!(on_count(("OtherCode", 2)).result.state, AttemptState::Refused);
        let third = on_count(("missinginstanceid", 2));
        assert_eq!(third.result.state, AttemptState::Stopped);
        assert!(matches!(third.next, Next::Stop(StopCause::RepeatedRefusal { .. })));
    }

    #[test]
    fn a_wrong_clock_stops_the_run_only_if_it_could_not_be_corrected() {
        let expired = || refused(Class::ExpiredTimestamp, "InvalidTimeStamp.Expired");
        assert!(matches!(on(SENT, expired()).next, Next::Stop(StopCause::Credentials { .. })));
        let reply = Reply { timestamp_renewed: true, ..Reply::new(expired()) };
        let decision = decide(SENT, reply, Timestamp::UNIX_EPOCH);
        assert_eq!((decision.result.state, decision.next), (AttemptState::Expired, Next::Requeue));
    }

    #[test]
    fn an_expired_token_stops_the_run_only_if_there_are_no_other_keys() {
        let expired = || refused(Class::ExpiredToken, "InvalidSecurityToken.Expired");
        assert!(matches!(on(SENT, expired()).next, Next::Stop(StopCause::Credentials { .. })));
        let reply = Reply { credentials_renewed: true, ..Reply::new(expired()) };
        let decision = decide(SENT, reply, Timestamp::UNIX_EPOCH);
        assert_eq!((decision.result.state, decision.next), (AttemptState::Expired, Next::Requeue));
    }

    #[test]
    fn without_keys_nothing_was_sent_and_the_run_stops() {
        let decision = on(SENT, Err(SendError::NoCredentials("gone".to_owned())));
        assert!(!decision.result.state.is_sending() && !decision.result.last);
        assert_eq!(decision.result.code, NO_CREDENTIALS);
        let cause = StopCause::NoCredentials { message: "gone".to_owned() };
        assert_eq!(decision.next, Next::Stop(cause));
    }

    #[test]
    fn keys_permissions_and_routing_stop_what_they_must() {
        for (class, is_expected) in [
            (
                Class::StopCredentials,
                (|c| matches!(c, StopCause::Credentials { .. })) as fn(&_) -> _,
            ),
            (Class::StopOperation, |c| matches!(c, StopCause::Permission { .. })),
            (Class::StopRouting, |c| matches!(c, StopCause::Routing { .. })),
        ] {
            let decision = on(SENT, refused(class, "Code"));
            let Next::Stop(cause) = decision.next else { panic!("{class:?}") };
            assert!(is_expected(&cause), "{class:?}");
            assert_eq!(decision.result.state, AttemptState::Stopped);
        }
    }
}
