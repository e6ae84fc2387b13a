//! What the service, or what stands before it, does at which time: spells of weather over the
//! simulated service's own moods.

use super::wire::Asked;
use super::world::Back;
use bastion_revoke::api::transport::{WireAnswer, headers};
use bytes::Bytes;
use jiff::Timestamp;
use std::collections::HashMap;
use std::time::Duration;

/// How the service behaves for a while.
#[derive(Debug, Clone)]
pub(super) struct Spell {
    pub(super) from: Duration,
    pub(super) until: Duration,
    /// The operation that it is about; nothing for all.
    pub(super) operation: Option<&'static str>,
    /// The instance that it is about; nothing for all.
    pub(super) instance: Option<String>,
    pub(super) what: What,
}

/// What happens to a request during a spell.
#[derive(Debug, Clone)]
pub(super) enum What {
    /// Connections are refused.
    Unreachable,
    /// The connection breaks, after the request took effect or before.
    Reset { applied: bool },
    /// No answer comes, whether or not the request took effect.
    Silence { applied: bool },
    /// An answer like this, and nothing takes effect.
    Answer { status: u16, body: String, retry_after_ms: Option<u64>, retry_after_s: Option<u64> },
    /// The token of the first life is refused as expired.
    FirstTokenExpired,
    /// At most so many requests a second, of each operation.
    Quota { per_second: u32, hint: bool },
}

/// What becomes of one request.
pub(super) enum Fate {
    /// Whatever the simulated service does.
    Usual,
    Answer(WireAnswer),
    Broken {
        applied: bool,
        back: Back,
    },
}

/// All spells; the first that fits a request decides.
#[derive(Debug, Default)]
pub(super) struct Weather {
    spells: Vec<Spell>,
    /// When the bucket of a quota will be full again, by spell and operation.
    full_at: HashMap<(usize, &'static str), Duration>,
}

/// The token that the first life signs with; later lives have another.
pub(super) const FIRST_TOKEN: &str = "token-0";

impl Weather {
    pub(super) fn new(spells: Vec<Spell>) -> Self {
        Self { spells, full_at: HashMap::new() }
    }

    fn spells<'a>(
        &'a self,
        now: Duration,
        asked: &'a Asked,
    ) -> impl Iterator<Item = (usize, &'a Spell)> {
        self.spells.iter().enumerate().filter(move |(_, spell)| {
            let instance = asked.keys.first().map(|key| &key.instance);
            (spell.from..spell.until).contains(&now)
                && spell.operation.is_none_or(|name| name == asked.operation.name())
                && spell.instance.as_ref().is_none_or(|name| Some(name) == instance)
        })
    }

    /// Whether connections are refused.
    pub(super) fn is_unreachable(&self, now: Duration, asked: &Asked) -> bool {
        self.spells(now, asked).any(|(_, spell)| matches!(spell.what, What::Unreachable))
    }

    /// What becomes of a request that arrives now.
    pub(super) fn at(&mut self, now: Duration, wall: Timestamp, asked: &Asked) -> Fate {
        let all: Vec<(usize, What)> =
            self.spells(now, asked).map(|(at, spell)| (at, spell.what.clone())).collect();
        for (number, what) in all {
            match what {
                What::Reset { applied } => return Fate::Broken { applied, back: Back::Cut },
                What::Silence { applied } => return Fate::Broken { applied, back: Back::Silence },
                What::Answer { status, body, retry_after_ms, retry_after_s } => {
                    let mut answer = answer(status, body, wall);
                    let ms = retry_after_ms.map(|ms| ms.to_string());
                    answer
                        .headers
                        .extend(headers(ms.as_deref().map(|ms| ("x-acs-retry-after", ms))));
                    let seconds = retry_after_s.map(|s| s.to_string());
                    answer.headers.extend(headers(seconds.as_deref().map(|s| ("retry-after", s))));
                    return Fate::Answer(answer);
                }
                What::FirstTokenExpired if asked.token.as_deref() == Some(FIRST_TOKEN) => {
                    let body = error("InvalidSecurityToken.Expired", "The token has expired.");
                    return Fate::Answer(answer(400, body, wall));
                }
                // What arrives was connected before the spell began.
                What::Unreachable | What::FirstTokenExpired => {}
                What::Quota { per_second, hint } => {
                    let cost = Duration::from_secs(1) / per_second;
                    let key = (number, asked.operation.name());
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
                        return Fate::Answer(answer);
                    }
                    *full_at = after;
                }
            }
        }
        Fate::Usual
    }
}

/// The body of an error in the API's words.
pub(super) fn error(code: &str, message: &str) -> String {
    serde_json::json!({ "RequestId": "weather", "Code": code, "Message": message }).to_string()
}

fn answer(status: u16, body: String, wall: Timestamp) -> WireAnswer {
    let date = wall.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    WireAnswer { status, headers: headers([("date", date.as_str())]), body: Bytes::from(body) }
}
