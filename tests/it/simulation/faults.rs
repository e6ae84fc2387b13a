//! Scheduled faults of the service or of a proxy before it, in addition to the simulated service's
//! own faults.

use super::environment::Response;
use super::wire::DecodedRequest;
use bastion_revoke::api::transport::{WireAnswer, headers};
use bytes::Bytes;
use jiff::Timestamp;
use std::collections::HashMap;
use std::time::Duration;

/// A fault during a window of time.
#[derive(Debug, Clone)]
pub(super) struct FaultWindow {
    pub(super) from: Duration,
    pub(super) until: Duration,
    /// The affected operation; `None` for all.
    pub(super) operation: Option<&'static str>,
    /// The affected instance; `None` for all.
    pub(super) instance: Option<String>,
    pub(super) what: FaultKind,
}

/// What happens to a request during a window.
#[derive(Debug, Clone)]
pub(super) enum FaultKind {
    /// Connections are refused.
    Unreachable,
    /// The connection breaks, after the request took effect or before.
    Reset { applied: bool },
    /// No answer comes, whether or not the request took effect.
    Silence { applied: bool },
    /// This answer; the request takes no effect.
    Answer { status: u16, body: String, retry_after_ms: Option<u64>, retry_after_s: Option<u64> },
    /// The token of the first run is refused as expired.
    FirstTokenExpired,
    /// A quota of requests per second, of each operation or of all together.
    Quota { per_second: u32, hint: bool, shared: bool },
}

/// The effect of the schedule on one request.
pub(super) enum Effect {
    /// None: the simulated service answers.
    None,
    Answer(WireAnswer),
    Broken {
        applied: bool,
        back: Response,
    },
}

/// All windows; the first that matches a request decides.
#[derive(Debug, Default)]
pub(super) struct FaultSchedule {
    windows: Vec<FaultWindow>,
    /// When the token bucket of a quota is full again, by window and operation.
    full_at: HashMap<(usize, &'static str), Duration>,
}

/// The token that the first run signs with; later runs have another.
pub(super) const FIRST_TOKEN: &str = "token-0";

impl FaultSchedule {
    pub(super) fn new(windows: Vec<FaultWindow>) -> Self {
        Self { windows, full_at: HashMap::new() }
    }

    fn windows<'a>(
        &'a self,
        now: Duration,
        asked: &'a DecodedRequest,
    ) -> impl Iterator<Item = (usize, &'a FaultWindow)> {
        self.windows.iter().enumerate().filter(move |(_, window)| {
            let instance = asked.keys.first().map(|key| &key.instance);
            (window.from..window.until).contains(&now)
                && window.operation.is_none_or(|name| name == asked.operation.name())
                && window.instance.as_ref().is_none_or(|name| Some(name) == instance)
        })
    }

    /// Whether connections are refused.
    pub(super) fn is_unreachable(&self, now: Duration, asked: &DecodedRequest) -> bool {
        self.windows(now, asked).any(|(_, window)| matches!(window.what, FaultKind::Unreachable))
    }

    /// Returns the effect on a request that arrives now.
    pub(super) fn at(&mut self, now: Duration, wall: Timestamp, asked: &DecodedRequest) -> Effect {
        let all: Vec<(usize, FaultKind)> =
            self.windows(now, asked).map(|(at, window)| (at, window.what.clone())).collect();
        for (number, what) in all {
            match what {
                FaultKind::Reset { applied } => {
                    return Effect::Broken { applied, back: Response::Cut };
                }
                FaultKind::Silence { applied } => {
                    return Effect::Broken { applied, back: Response::Silence };
                }
                FaultKind::Answer { status, body, retry_after_ms, retry_after_s } => {
                    let mut answer = answer(status, body, wall);
                    let ms = retry_after_ms.map(|ms| ms.to_string());
                    answer
                        .headers
                        .extend(headers(ms.as_deref().map(|ms| ("x-acs-retry-after", ms))));
                    let seconds = retry_after_s.map(|s| s.to_string());
                    answer.headers.extend(headers(seconds.as_deref().map(|s| ("retry-after", s))));
                    return Effect::Answer(answer);
                }
                FaultKind::FirstTokenExpired if asked.token.as_deref() == Some(FIRST_TOKEN) => {
                    let body = error("InvalidSecurityToken.Expired", "The token has expired.");
                    return Effect::Answer(answer(400, body, wall));
                }
                // FaultKind arrives was connected before the window began.
                FaultKind::Unreachable | FaultKind::FirstTokenExpired => {}
                FaultKind::Quota { per_second, hint, shared } => {
                    let cost = Duration::from_secs(1) / per_second;
                    let key = (number, if shared { "all" } else { asked.operation.name() });
                    let full_at = self.full_at.entry(key).or_default();
                    let after = (*full_at).max(now) + cost;
                    if let Some(over) = after.checked_sub(now + Duration::from_secs(1))
                        && !over.is_zero()
                    {
                        let body = error("Throttling.User", "Request was denied.");
                        let mut answer = answer(400, body, wall);
                        let ms = over.as_nanos().div_ceil(1_000_000).to_string();
                        if hint {
                            answer.headers.extend(headers([("x-acs-retry-after", ms.as_str())]));
                        }
                        return Effect::Answer(answer);
                    }
                    *full_at = after;
                }
            }
        }
        Effect::None
    }
}

/// The body of an error in the API's words.
pub(super) fn error(code: &str, message: &str) -> String {
    serde_json::json!({ "RequestId": "fault", "Code": code, "Message": message }).to_string()
}

fn answer(status: u16, body: String, wall: Timestamp) -> WireAnswer {
    let date = wall.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    WireAnswer { status, headers: headers([("date", date.as_str())]), body: Bytes::from(body) }
}
