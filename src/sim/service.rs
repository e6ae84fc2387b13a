//! The service's core: a request and the time in, a reply out. It reads no clock and no socket,
//! so tests can drive it through virtual time.

use std::time::Duration;

use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

use super::answer::{Envelope, Format, TargetResult, plain};
use super::asked::Asked;
use super::audit::{Attempt, Audit, Journal};
use super::faults::{Dice, Fault, mix};
use super::grants::ItemCode;
use super::nonces::Nonces;
use super::params::Params;
use super::quota::Quota;
use super::refusal::{Hint, Refusal, Violation};
use super::settings::{POISON_PREFIX, Settings};
use super::verify::Head;
use super::wire::{Answer, Fate, Reply, WireRequest};
use super::words::grantee_id;
use crate::model::{Grantee, GranteeKind, Operation};

/// The simulated service.
#[derive(Debug)]
pub struct Service {
    settings: Settings,
    quota: Quota,
    nonces: Nonces,
    journal: Journal,
    answered: u64,
}

impl Service {
    /// A service that nobody has asked anything.
    pub fn new(settings: Settings) -> Self {
        Self {
            quota: Quota::new(settings.quota),
            nonces: Nonces::default(),
            journal: Journal::new(settings.kept),
            answered: 0,
            settings,
        }
    }

    /// What the service saw so far.
    pub fn audit(&self) -> Audit {
        let grants = &self.settings.grants;
        self.journal.report(grants.is_listed(), grants.records().collect())
    }

    /// Answers a request that arrived at `now`, and changes the grants accordingly.
    pub fn answer(&mut self, now: Timestamp, request: &WireRequest) -> Reply {
        if request.path == "/audit" && request.method == Method::GET {
            return self.answer_audit(now);
        }
        self.answered += 1;
        let mut attempt = Attempt {
            time: now.to_string(),
            request_id: request_id(self.settings.seed, self.answered),
            code: "OK".to_owned(),
            ..Attempt::default()
        };
        let reply = self.answer_operation(now, request, &mut attempt);
        attempt.status = match &reply.fate {
            Fate::Respond(answer) | Fate::Truncate { answer, .. } => Some(answer.status.as_u16()),
            Fate::ResetBefore | Fate::ResetAfter => None,
        };
        self.journal.keep(attempt);
        reply
    }

    fn answer_audit(&self, now: Timestamp) -> Reply {
        let answer = match serde_json::to_string(&self.audit()) {
            Ok(text) => plain(StatusCode::OK, "application/json;charset=utf-8", text, now),
            Err(error) => {
                plain(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", error.to_string(), now)
            }
        };
        Reply { delay: Duration::ZERO, fate: Fate::Respond(answer) }
    }

    fn answer_operation(
        &mut self,
        now: Timestamp,
        request: &WireRequest,
        attempt: &mut Attempt,
    ) -> Reply {
        let params = Params::parse(request);
        let kind = params.as_ref().map(|params| Head::read(request, params).kind);
        let format = match (&params, &kind) {
            (Ok(params), Ok(kind)) => Format::of(*kind, params),
            _ => Format::Json,
        };
        let request_id = attempt.request_id.clone();
        let host = request.header("host").unwrap_or("127.0.0.1");
        let envelope = Envelope { format, request_id: &request_id, host, now };
        let admitted = params.and_then(|params| self.admit(now, request, &params, attempt));
        match admitted {
            Ok(asked) => self.answer_asked(&asked, envelope, attempt),
            Err(refusal) => {
                if let Some(violation) = refusal.violation {
                    self.journal.violation(violation);
                }
                attempt.code.clone_from(&refusal.code);
                let fate = Fate::Respond(envelope.refusal(&refusal));
                Reply { delay: Duration::ZERO, fate }
            }
        }
    }

    /// Checks everything that makes a request a valid one, in the order of the real gateway:
    /// operation, time, key and signature, nonce, quota, and the parameters last.
    fn admit(
        &mut self,
        now: Timestamp,
        request: &WireRequest,
        params: &Params,
        attempt: &mut Attempt,
    ) -> Result<Asked, Refusal> {
        let head = Head::read(request, params);
        let read = head.action.and_then(Operation::from_name).map(|operation| {
            note_sent(attempt, operation, params);
            let asked = Asked::parse(operation, params);
            if let Ok(asked) = &asked {
                attempt.targets.clone_from(&asked.targets);
            }
            asked
        });
        attempt.signature = Some(head.kind);
        attempt.nonce = head.nonce.map(str::to_owned);
        attempt.operation = head.action.map(str::to_owned);
        let retries = request.header("x-acs-retry-attempts");
        attempt.retry_attempts = retries.and_then(|text| text.parse().ok());

        let (operation, nonce) = head.verify(now, request, params)?;
        if !self.nonces.take(now, nonce) {
            let why = "Specified signature nonce was used already.";
            return Err(Refusal::bad("SignatureNonceUsed", why).breaks(Violation::NonceReuse));
        }
        self.journal.arrival(now, operation);
        if let Err(wait) = self.quota.take(now, operation) {
            self.journal.wait(operation, later(now, wait));
            let refusal = Refusal::throttled(Some(Hint::RetryAfter(wait)));
            return Err(refusal.breaks(Violation::OverQuota));
        }
        let asked = read.unwrap_or_else(|| Asked::parse(operation, params))?;
        asked.check().map(|()| asked)
    }

    /// Answers a valid request, unless a fault comes between.
    fn answer_asked(
        &mut self,
        asked: &Asked,
        envelope: Envelope<'_>,
        attempt: &mut Attempt,
    ) -> Reply {
        let dice = self.settings.faults.next(self.settings.seed, digest(asked));
        let mut delay = Duration::ZERO;
        if dice.strikes(Fault::SlowAnswer, 0) {
            self.journal.fault(attempt, Fault::SlowAnswer);
            delay = self.settings.slow;
        }
        let whole = dice.whole();
        if let Some(fault) = whole {
            self.journal.fault(attempt, fault);
            if let Some(fate) = self.fail_before(fault, asked, envelope, attempt) {
                return Reply { delay, fate };
            }
        }
        let answer = if self.is_poisoned(asked) {
            let refusal = Refusal::bad("InvalidParameter", "The argument is invalid.");
            attempt.code.clone_from(&refusal.code);
            envelope.refusal(&refusal)
        } else {
            self.apply(asked, envelope, &dice, attempt)
        };
        let fate = match whole {
            Some(Fault::ResetAfter) => Fate::ResetAfter,
            Some(Fault::TruncatedBody) => Fate::Truncate { keep: answer.body.len() / 2, answer },
            Some(Fault::InternalErrorApplied) => {
                Fate::Respond(envelope.refusal(&internal_error(attempt)))
            }
            _ => Fate::Respond(answer),
        };
        Reply { delay, fate }
    }

    /// What a fault answers that strikes before the request takes effect; nothing of the others.
    fn fail_before(
        &mut self,
        fault: Fault,
        asked: &Asked,
        envelope: Envelope<'_>,
        attempt: &mut Attempt,
    ) -> Option<Fate> {
        let wait = self.settings.retry_after;
        let refusal = match fault {
            Fault::ThrottleRetryAfter => Refusal::throttled(Some(Hint::RetryAfter(wait))),
            Fault::ThrottleRatelimit => Refusal::throttled(Some(Hint::RateLimit(wait))),
            Fault::Throttle => Refusal::throttled(None),
            Fault::InternalError => internal_error(attempt),
            Fault::ServiceUnavailable => Refusal::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "ServiceUnavailable",
                "The request has failed due to a temporary failure of the server.",
            ),
            Fault::TokenExpired => {
                Refusal::bad("InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")
            }
            Fault::HtmlBadGateway => {
                "BadGateway".clone_into(&mut attempt.code);
                return Some(Fate::Respond(envelope.html(StatusCode::BAD_GATEWAY)));
            }
            Fault::ResetBefore => {
                "Reset".clone_into(&mut attempt.code);
                return Some(Fate::ResetBefore);
            }
            _ => return None,
        };
        if refusal.hint.is_some() {
            self.journal.wait(asked.operation, later(envelope.now, wait));
        }
        attempt.code.clone_from(&refusal.code);
        Some(Fate::Respond(envelope.refusal(&refusal)))
    }

    fn is_poisoned(&self, asked: &Asked) -> bool {
        let listed = |id: &str| self.settings.poison.iter().any(|poison| poison == id);
        asked.ids().any(|id| id.starts_with(POISON_PREFIX) || listed(id))
    }

    /// Takes the grants away, and answers item by item.
    fn apply(
        &mut self,
        asked: &Asked,
        envelope: Envelope<'_>,
        dice: &Dice,
        attempt: &mut Attempt,
    ) -> Answer {
        attempt.applied = true;
        self.journal.counts.applied += 1;
        let mut results = Vec::with_capacity(asked.targets.len());
        let mut place = 0;
        for entry in &asked.targets {
            let mut accounts = Vec::new();
            let mut outer = ItemCode::Ok;
            let mut is_missing = false;
            if let Some(asked_accounts) = &entry.accounts {
                for account in asked_accounts {
                    place += 1;
                    let code =
                        self.remove(asked, &entry.target, Some(account), dice, place, attempt);
                    if !self.leaves_out(dice, place, attempt) {
                        accounts.push((account.clone(), code));
                    }
                }
                let Asked { instance_id, grantee, operation, .. } = asked;
                let grantee = Grantee { kind: grantee.kind, id: grantee.id.as_str() };
                let grants = &self.settings.grants;
                if !grants.exists(instance_id, &grantee, operation.kind, &entry.target) {
                    // Of a target that doesn't exist there are no accounts to speak of.
                    accounts.clear();
                    outer = ItemCode::NotFound;
                }
            } else {
                place += 1;
                outer = self.remove(asked, &entry.target, None, dice, place, attempt);
                is_missing = self.leaves_out(dice, place, attempt);
            }
            if !is_missing {
                results.push(TargetResult { target: entry.target.clone(), code: outer, accounts });
            }
        }
        let bent =
            [Fault::ShuffledItems, Fault::NumericIds, Fault::ObjectForOne, Fault::AccountsApart];
        for fault in bent.into_iter().filter(|fault| dice.strikes(*fault, 0)) {
            self.journal.fault(attempt, fault);
        }
        envelope.success(asked, results, dice)
    }

    /// Takes one item away, unless the dice call it unexpected.
    fn remove(
        &mut self,
        asked: &Asked,
        target: &str,
        account: Option<&str>,
        dice: &Dice,
        place: u64,
        attempt: &mut Attempt,
    ) -> ItemCode {
        self.journal.counts.items += 1;
        if dice.strikes(Fault::UnexpectedItems, place) {
            self.journal.fault(attempt, Fault::UnexpectedItems);
            return ItemCode::Unexpected;
        }
        let Asked { instance_id, grantee, operation, .. } = asked;
        let grantee = Grantee { kind: grantee.kind, id: grantee.id.as_str() };
        let grants = &mut self.settings.grants;
        let kind = operation.kind;
        match account {
            None => grants.remove_whole(instance_id, &grantee, kind, target),
            Some(account) => grants.remove_account(instance_id, &grantee, kind, target, account),
        }
    }

    fn leaves_out(&mut self, dice: &Dice, place: u64, attempt: &mut Attempt) -> bool {
        let strikes = dice.strikes(Fault::MissingItems, place);
        if strikes {
            self.journal.fault(attempt, Fault::MissingItems);
        }
        strikes
    }
}

/// Notes what a request says, before anything of it is believed.
fn note_sent(attempt: &mut Attempt, operation: Operation, params: &Params) {
    let sent = |name: &str| params.get(name).map(str::to_owned);
    attempt.instance_id = sent("InstanceId");
    attempt.region = sent("RegionId");
    attempt.grantee = sent(grantee_id(operation.from));
    let kind = match operation.from {
        GranteeKind::User => "user",
        GranteeKind::UserGroup => "user_group",
    };
    attempt.grantee_kind = Some(kind.to_owned());
}

fn internal_error(attempt: &mut Attempt) -> Refusal {
    let why = "An unknown error occurred.";
    let refusal = Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", why);
    attempt.code.clone_from(&refusal.code);
    refusal
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}

/// What a request asks for as a number, the same whoever signs it and whenever.
fn digest(asked: &Asked) -> u64 {
    let mut hash = Sha256::new();
    // Every part goes in with its length, so that no two requests read alike.
    let mut part = |text: &str| {
        hash.update((text.len() as u64).to_le_bytes());
        hash.update(text);
    };
    part(asked.operation.name());
    part(&asked.instance_id);
    part(&asked.grantee.id);
    for entry in &asked.targets {
        part(&entry.target);
        let accounts = entry.accounts.as_deref().unwrap_or_default();
        part(&accounts.len().to_string());
        for account in accounts {
            part(account);
        }
    }
    let bytes = hash.finalize();
    bytes.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// In the form of the real ones, and the same for the same seed and number.
fn request_id(seed: u64, number: u64) -> String {
    let (high, low) = (mix(seed ^ mix(number)), mix(mix(number) ^ !seed));
    format!(
        "{:08X}-{:04X}-5{:03X}-A{:03X}-{:012X}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0xfff,
        low & 0xffff_ffff_ffff
    )
}
