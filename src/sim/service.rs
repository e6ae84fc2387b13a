//! The core of the service: a request and the time in, a reply out. It reads no clock and no
//! socket, so tests can run it in virtual time.

use std::time::Duration;

use http::{Method, StatusCode};
use jiff::{SignedDuration, Timestamp};

use super::api_error::{ApiError, Hint, Violation};
use super::audit::{Attempt, Audit, AuditLog};
use super::authentication::AuthParams;
use super::call::Call;
use super::digest::{digest_call, digest_grants, request_id};
use super::faults::{Fault, FaultPlan};
use super::field_names::grantee_id;
use super::grants::Grants;
use super::http_types::{Delivery, HttpRequest, HttpResponse, Reply};
use super::nonces::Nonces;
use super::operation::{Action, Spec};
use super::params::Params;
use super::quota::Quota;
use super::request::{Change, GrantRequest};
use super::response::{Format, ResponseContext, plain};
use super::settings::{POISON_PREFIX, Settings};
use super::world::World;
use crate::model::{GranteeKind, Operation};

/// The simulated service.
#[derive(Debug)]
pub struct Service {
    pub(super) settings: Settings,
    quota: Quota,
    nonces: Nonces,
    pub(super) log: AuditLog,
    answered: u64,
}

/// A request that passed every check.
pub(super) enum Request {
    /// Changes grants.
    Grants(GrantRequest),
    /// Reads the world, or changes another part of it.
    Call(Call),
}

impl Request {
    fn parse(spec: &'static Spec, params: &Params) -> Result<Self, ApiError> {
        let grants = |change, operation| {
            GrantRequest::parse(spec.name, change, operation, params).map(Self::Grants)
        };
        match spec.action {
            Action::Detach(operation) => grants(Change::Detach, operation),
            Action::Attach(operation) => grants(Change::Attach, operation),
            Action::Read(_) | Action::Write(_) => Call::parse(spec, params).map(Self::Call),
        }
    }

    /// Checks the limits.
    fn check(&self) -> Result<(), ApiError> {
        match self {
            Self::Grants(request) => request.check(),
            Self::Call(call) if call.get("UserIds").is_some() => call.user_ids().map(drop),
            Self::Call(_) => Ok(()),
        }
    }

    fn name(&self) -> &'static str {
        match self {
            Self::Grants(request) => request.name,
            Self::Call(call) => call.spec.name,
        }
    }

    fn digest(&self) -> u64 {
        match self {
            Self::Grants(request) => digest_grants(request),
            Self::Call(call) => digest_call(call),
        }
    }
}

impl Service {
    /// A service that has received no request yet.
    pub fn new(settings: Settings) -> Self {
        Self {
            quota: Quota::new(settings.quota),
            nonces: Nonces::default(),
            log: AuditLog::new(settings.audit_limits),
            answered: 0,
            settings,
        }
    }

    /// What the service recorded so far.
    pub fn audit(&self) -> Audit {
        let grants = self.grants();
        self.log.report(grants.is_listed(), grants.records().collect())
    }

    /// The world as it is now, if there is one.
    pub fn world(&self) -> Option<&World> {
        self.settings.world.as_ref()
    }

    pub(super) fn grants(&self) -> &Grants {
        self.settings.world.as_ref().map_or(&self.settings.grants, World::grants)
    }

    /// Answers a request that arrived at `now`, and changes grants and world accordingly.
    pub fn handle(&mut self, now: Timestamp, request: &HttpRequest) -> Reply {
        if request.path == "/audit" && request.method == Method::GET {
            return self.handle_audit(now);
        }
        self.answered += 1;
        let mut attempt = Attempt {
            time: now.to_string(),
            request_id: request_id(self.settings.seed, self.answered),
            code: "OK".to_owned(),
            ..Attempt::default()
        };
        let reply = self.handle_operation(now, request, &mut attempt);
        attempt.status = match &reply.delivery {
            Delivery::Respond(answer) | Delivery::Truncate { answer, .. } => {
                Some(answer.status.as_u16())
            }
            Delivery::ResetBefore | Delivery::ResetAfter => None,
        };
        self.log.record(attempt);
        reply
    }

    fn handle_audit(&self, now: Timestamp) -> Reply {
        let answer = match serde_json::to_string(&self.audit()) {
            Ok(text) => plain(StatusCode::OK, "application/json;charset=utf-8", text, now),
            Err(error) => {
                plain(StatusCode::INTERNAL_SERVER_ERROR, "text/plain", error.to_string(), now)
            }
        };
        Reply { delay: Duration::ZERO, delivery: Delivery::Respond(answer) }
    }

    fn handle_operation(
        &mut self,
        now: Timestamp,
        request: &HttpRequest,
        attempt: &mut Attempt,
    ) -> Reply {
        let params = Params::parse(request);
        let kind = params.as_ref().map(|params| AuthParams::read(request, params).kind);
        let format = match (&params, &kind) {
            (Ok(params), Ok(kind)) => Format::of(*kind, params),
            _ => Format::Json,
        };
        let request_id = attempt.request_id.clone();
        let host = request.header("host").unwrap_or("127.0.0.1");
        let context = ResponseContext { format, request_id: &request_id, host, now };
        let admitted = params.and_then(|params| self.admit(now, request, &params, attempt));
        match admitted {
            Ok(request) => self.execute(&request, context, attempt),
            Err(error) => {
                if let Some(violation) = error.violation {
                    self.log.record_violation(violation);
                }
                attempt.code.clone_from(&error.code);
                let delivery = Delivery::Respond(context.error(&error));
                Reply { delay: Duration::ZERO, delivery }
            }
        }
    }

    /// Checks everything that makes a request a valid one, in the order of the real gateway:
    /// operation, time, key and signature, nonce, quota, permission, and the parameters last.
    fn admit(
        &mut self,
        now: Timestamp,
        request: &HttpRequest,
        params: &Params,
        attempt: &mut Attempt,
    ) -> Result<Request, ApiError> {
        let auth = AuthParams::read(request, params);
        let parsed = auth.action.and_then(Spec::find).map(|spec| {
            record_parameters(attempt, spec, params);
            let parsed = Request::parse(spec, params);
            match &parsed {
                Ok(Request::Grants(request)) => attempt.targets.clone_from(&request.targets),
                Ok(Request::Call(call)) => attempt.parameters.clone_from(call.values()),
                Err(_) => {}
            }
            parsed
        });
        attempt.signature = Some(auth.kind);
        attempt.nonce = auth.nonce.map(str::to_owned);
        attempt.operation = auth.action.map(str::to_owned);
        let retries = request.header("x-acs-retry-attempts");
        attempt.retry_attempts = retries.and_then(|text| text.parse().ok());

        let (spec, nonce) = auth.verify(now, request, params)?;
        if !self.nonces.take(now, nonce) {
            let why = "Specified signature nonce was used already.";
            let error = ApiError::bad("SignatureNonceUsed", why);
            return Err(error.with_violation(Violation::NonceReuse));
        }
        self.log.record_arrival(now, spec.name);
        if let Err(wait) = self.quota.take(now, spec.name) {
            self.log.record_wait(spec.name, later(now, wait));
            let error = ApiError::throttled(Some(Hint::RetryAfter(wait)));
            return Err(error.with_violation(Violation::OverQuota));
        }
        if let Some(error) = self.world().and_then(|world| world.refusal(spec)) {
            return Err(error);
        }
        let request = parsed.unwrap_or_else(|| Request::parse(spec, params))?;
        request.check().map(|()| request)
    }

    /// Answers a valid request, unless a fault prevents it.
    fn execute(
        &mut self,
        request: &Request,
        context: ResponseContext<'_>,
        attempt: &mut Attempt,
    ) -> Reply {
        let plan = self.settings.faults.next(self.settings.seed, request.digest());
        let mut delay = Duration::ZERO;
        if plan.injects(Fault::SlowAnswer, 0) {
            self.log.record_fault(attempt, Fault::SlowAnswer);
            delay = self.settings.slow;
        }
        let request_fault = plan.request_fault();
        if let Some(fault) = request_fault {
            self.log.record_fault(attempt, fault);
            if let Some(delivery) = self.fail_before(fault, request, context, attempt) {
                return Reply { delay, delivery };
            }
        }
        let answer = if self.is_poisoned(request) {
            let error = ApiError::bad("InvalidParameter", "The argument is invalid.");
            attempt.code.clone_from(&error.code);
            context.error(&error)
        } else {
            self.apply(request, context, &plan, attempt)
        };
        let delivery = match request_fault {
            Some(Fault::ResetAfter) => Delivery::ResetAfter,
            Some(Fault::TruncatedBody) => {
                Delivery::Truncate { keep: answer.body.len() / 2, answer }
            }
            Some(Fault::InternalErrorApplied) => {
                Delivery::Respond(context.error(&internal_error(attempt)))
            }
            _ => Delivery::Respond(answer),
        };
        Reply { delay, delivery }
    }

    /// The delivery of a fault that prevents the effect of a request; nothing for other faults.
    fn fail_before(
        &mut self,
        fault: Fault,
        request: &Request,
        context: ResponseContext<'_>,
        attempt: &mut Attempt,
    ) -> Option<Delivery> {
        let wait = self.settings.retry_after;
        let error = match fault {
            Fault::ThrottleRetryAfter => ApiError::throttled(Some(Hint::RetryAfter(wait))),
            Fault::ThrottleRatelimit => ApiError::throttled(Some(Hint::RateLimit(wait))),
            Fault::Throttle => ApiError::throttled(None),
            Fault::InternalError => internal_error(attempt),
            Fault::ServiceUnavailable => ApiError::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "ServiceUnavailable",
                "The request has failed due to a temporary failure of the server.",
            ),
            Fault::TokenExpired => {
                ApiError::bad("InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")
            }
            Fault::HtmlBadGateway => {
                "BadGateway".clone_into(&mut attempt.code);
                return Some(Delivery::Respond(context.html(StatusCode::BAD_GATEWAY)));
            }
            Fault::ResetBefore => {
                "Reset".clone_into(&mut attempt.code);
                return Some(Delivery::ResetBefore);
            }
            _ => return None,
        };
        if error.hint.is_some() {
            self.log.record_wait(request.name(), later(context.now, wait));
        }
        attempt.code.clone_from(&error.code);
        Some(Delivery::Respond(context.error(&error)))
    }

    fn is_poisoned(&self, request: &Request) -> bool {
        let listed = |id: &str| self.settings.poison.iter().any(|poison| poison == id);
        let is_poison = |id: &str| id.starts_with(POISON_PREFIX) || listed(id);
        match request {
            Request::Grants(request) => request.ids().any(is_poison),
            Request::Call(call) => {
                let users = call.user_ids().unwrap_or_default();
                let mut ids = call.values().values().chain(&users).map(String::as_str);
                ids.any(is_poison)
            }
        }
    }

    fn apply(
        &mut self,
        request: &Request,
        context: ResponseContext<'_>,
        plan: &FaultPlan,
        attempt: &mut Attempt,
    ) -> HttpResponse {
        match request {
            Request::Grants(request) => self.apply_grants(request, context, plan, attempt),
            Request::Call(call) => self.apply_call(call, context, plan, attempt),
        }
    }
}

/// Records the parameters of a request before they are checked.
fn record_parameters(attempt: &mut Attempt, spec: &Spec, params: &Params) {
    let sent = |name: &str| params.get(name).map(str::to_owned);
    attempt.instance_id = sent("InstanceId");
    attempt.region = sent("RegionId");
    let from = match spec.action {
        Action::Detach(Operation { from, .. }) | Action::Attach(Operation { from, .. }) => from,
        Action::Read(_) | Action::Write(_) => return,
    };
    attempt.grantee = sent(grantee_id(from));
    let kind = match from {
        GranteeKind::User => "user",
        GranteeKind::UserGroup => "user_group",
    };
    attempt.grantee_kind = Some(kind.to_owned());
}

fn internal_error(attempt: &mut Attempt) -> ApiError {
    let why = "An unknown error occurred.";
    let error = ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", why);
    attempt.code.clone_from(&error.code);
    error
}

fn later(now: Timestamp, wait: Duration) -> Timestamp {
    let wait = SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
    now.checked_add(wait).unwrap_or(Timestamp::MAX)
}
