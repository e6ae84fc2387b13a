//! Calls of any operation: paced, bounded in number, and sent again where that is safe.
//!
//! All callers of a run share one [`Caller`], so that its rate holds for the whole run.

use super::client::{Client, Repeat, Reply};
use super::error::Class;
use super::operation::Parameter;
use super::response::Judgement;
use super::transport::{SendError, Transport};
use super::tree::Branch;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, sleep, sleep_until};

/// Calls per second unless another rate is given. No read has a documented quota; "10 calls per
/// second per account" is written for `LockUsers` and its siblings.
pub const DEFAULT_RATE_PER_S: f64 = 10.0;

/// Calls in flight at most, unless another number is given.
pub const DEFAULT_CONCURRENCY: usize = 16;

/// How often a call is sent that has no answer or a doubtful one. Throttled attempts do not count.
pub const MOST_ATTEMPTS: u32 = 6;

/// The wait after the first failed attempt. It doubles with each further one, up to [`MOST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// The longest wait that the service did not ask for.
const MOST_WAIT: Duration = Duration::from_secs(30);

/// Why a call has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The keys are refused or missing. No further call will succeed either.
    #[error("{0}")]
    Credentials(String),
    /// The caller may not call the operation.
    #[error("{0}")]
    NotAvailable(String),
    /// The endpoint or the instance does not have the operation.
    #[error("{0}")]
    NoOperation(String),
    /// The service refused the call.
    #[error("{}", described(code, message))]
    Refused {
        /// The API's code.
        code: String,
        /// The API's message.
        message: String,
    },
    /// There was no usable answer after [`MOST_ATTEMPTS`]. The service may have acted.
    #[error("no answer after {MOST_ATTEMPTS} attempts ({0})")]
    NoAnswer(String),
}

impl CallError {
    /// Whether the service says that the object of the call does not exist: `UserNotFound` and its
    /// like (metadata of the API), or `OBJECT_NOT_FOUND` (Terraform provider). A missing instance
    /// is not a missing object.
    pub fn is_not_found(&self) -> bool {
        let Self::Refused { code, .. } = self else { return false };
        let code = code.to_ascii_lowercase();
        let is_object = !code.contains('.') && !code.contains("instance");
        code == "object_not_found" || (is_object && code.ends_with("notfound"))
    }
}

fn described(code: &str, message: &str) -> String {
    if message.is_empty() { code.to_owned() } else { format!("{code}: {message}") }
}

/// The result of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called<R> {
    /// What was decoded from the answer, or why there is none.
    pub value: Result<R, CallError>,
    /// Whether an earlier attempt may have been applied, because its answer was lost or doubtful.
    pub may_repeat: bool,
}

/// A function that receives the number of calls done so far.
pub type OnCall = Box<dyn Fn(u64) + Send + Sync>;

/// Sends calls at one rate, with a bounded number in flight.
pub struct Caller<T> {
    client: Client<T>,
    interval: Duration,
    /// When the next call may be sent.
    next: Mutex<Option<Instant>>,
    in_flight: Semaphore,
    done: AtomicU64,
    on_call: Option<OnCall>,
}

impl<T: Transport> Caller<T> {
    /// A caller that sends at most `rate_per_s` calls a second, `concurrency` of them at a time.
    pub fn new(client: Client<T>, rate_per_s: f64, concurrency: usize) -> Self {
        Self {
            client,
            interval: Duration::from_secs_f64(1.0 / rate_per_s.max(0.01)),
            next: Mutex::new(None),
            in_flight: Semaphore::new(concurrency.max(1)),
            done: AtomicU64::new(0),
            on_call: None,
        }
    }

    /// The same caller, which calls `on_call` after each attempt.
    #[must_use]
    pub fn with_progress(self, on_call: OnCall) -> Self {
        Self { on_call: Some(on_call), ..self }
    }

    /// Attempts that were sent so far.
    pub fn calls(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Calls an operation until there is a usable answer, and decodes it.
    ///
    /// Throttling is waited out without a limit. Lost and doubtful answers are sent again, up to
    /// [`MOST_ATTEMPTS`]; the operation must bear being applied twice.
    pub async fn call<R: Send>(
        &self,
        region: &str,
        action: &str,
        parameters: &[Parameter<'_>],
        decode: &(impl Fn(Branch<'_>) -> R + Sync),
    ) -> Called<R> {
        // The semaphore is never closed.
        let _permit = self.in_flight.acquire().await;
        let (mut sent, mut throttled) = (0, 0);
        let mut may_repeat = false;
        let mut delay = Duration::ZERO;
        loop {
            self.wait_for_turn().await;
            let repeat = Repeat { attempts: sent + throttled, delay };
            let exchanged = self.client.exchange(region, action, parameters, repeat, decode).await;
            self.count();
            let reply = match exchanged {
                Ok(value) => return Called { value: Ok(value), may_repeat },
                Err(reply) => *reply,
            };
            let wait = reply.wait;
            let failed = match failure(reply) {
                Ok(failed) => failed,
                Err(error) => return Called { value: Err(error), may_repeat },
            };
            let why = match failed {
                Failure::Throttled => {
                    throttled += 1;
                    delay = wait.unwrap_or_else(|| backoff(throttled));
                    self.defer(delay).await;
                    continue;
                }
                Failure::NotApplied(why) => why,
                Failure::Doubtful(why) => {
                    may_repeat = true;
                    why
                }
            };
            sent += 1;
            if sent >= MOST_ATTEMPTS {
                return Called { value: Err(CallError::NoAnswer(why)), may_repeat };
            }
            delay = wait.unwrap_or_else(|| backoff(sent));
            sleep(delay).await;
        }
    }

    /// Waits until the rate allows the next call.
    async fn wait_for_turn(&self) {
        let at = {
            let mut next = self.next.lock().await;
            let now = Instant::now();
            let at = next.map_or(now, |next| next.max(now));
            *next = Some(at + self.interval);
            at
        };
        sleep_until(at).await;
    }

    /// Sends nothing for a while: the service throttles.
    async fn defer(&self, wait: Duration) {
        let mut next = self.next.lock().await;
        let until = Instant::now() + wait;
        *next = Some(next.map_or(until, |next| next.max(until)));
    }

    fn count(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(on_call) = &self.on_call {
            on_call(done);
        }
    }
}

/// The codes of an operation that the endpoint does not have.
const NO_OPERATION: [&str; 2] = ["InvalidAction.NotFound", "InvalidApi.NotFound"];

/// Why an attempt has to be repeated.
enum Failure {
    Throttled,
    NotApplied(String),
    Doubtful(String),
}

/// Whether an attempt is repeated, or else why the call has no result.
fn failure(reply: Reply) -> Result<Failure, CallError> {
    let is_signed_otherwise = reply.timestamp_renewed || reply.credentials_renewed;
    match reply.outcome {
        Err(SendError::NoCredentials(why)) => Err(CallError::Credentials(why)),
        Err(error @ SendError::NotSent(_)) => Ok(Failure::NotApplied(error.to_string())),
        Err(error) => Ok(Failure::Doubtful(error.to_string())),
        Ok(Judgement::Items { .. }) => Ok(Failure::Doubtful("an unexpected answer".to_owned())),
        Ok(Judgement::Refused { class, code, message, .. }) => {
            let why = described(&code, &message);
            match class {
                Class::Throttled => Ok(Failure::Throttled),
                Class::Doubtful => Ok(Failure::Doubtful(why)),
                Class::ExpiredToken | Class::ExpiredTimestamp if is_signed_otherwise => {
                    Ok(Failure::NotApplied(why))
                }
                Class::StopCredentials | Class::ExpiredToken | Class::ExpiredTimestamp => {
                    Err(CallError::Credentials(why))
                }
                Class::StopRouting if NO_OPERATION.contains(&&*code) => {
                    Err(CallError::NoOperation(why))
                }
                Class::StopOperation | Class::StopRouting => Err(CallError::NotAvailable(why)),
                Class::BadArgument | Class::Refused => Err(CallError::Refused { code, message }),
            }
        }
    }
}

fn backoff(failures: u32) -> Duration {
    FIRST_WAIT.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(MOST_WAIT)
}
