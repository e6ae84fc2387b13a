//! Fault injection: the faults, their probabilities, and when each is injected.
//!
//! Whether a fault is injected is a pure function of the seed, the fault, the content of the
//! request and how many times that content was sent before. Time, nonces and the order of
//! different requests have no effect, so a run with many requests in flight gets the same faults
//! each time.

use std::collections::HashMap;
use std::str::FromStr;

/// A fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fault {
    /// 400 `Throttling.User` with `x-acs-retry-after` in milliseconds; not applied.
    ThrottleRetryAfter,
    /// 400 `Throttling.User` with the older `x-ratelimit-user-api`; not applied.
    ThrottleRatelimit,
    /// 400 `Throttling.User` without a hint when to retry; not applied.
    Throttle,
    /// 500 `InternalError`; not applied.
    InternalError,
    /// 500 `InternalError`, although the request was applied.
    InternalErrorApplied,
    /// 503 `ServiceUnavailable`; not applied.
    ServiceUnavailable,
    /// 502 with a page of HTML, as from a proxy; not applied.
    HtmlBadGateway,
    /// The connection is reset; not applied.
    ResetBefore,
    /// The connection is reset, although the request was applied.
    ResetAfter,
    /// Half of the body arrives, although the request was applied.
    TruncatedBody,
    /// The response is delayed; the request is applied at once.
    SlowAnswer,
    /// An item is answered `UNEXPECTED` and not applied; drawn for every item.
    UnexpectedItems,
    /// An item is applied and left out of the answer; drawn for every item.
    MissingItems,
    /// Targets and accounts are answered in another order.
    ShuffledItems,
    /// Ids that are numbers are answered as JSON numbers.
    NumericIds,
    /// A list with one element is answered as that element.
    ObjectForOne,
    /// Accounts are answered in an element of their own without their target.
    AccountsApart,
    /// 400 `InvalidSecurityToken.Expired`; not applied.
    TokenExpired,
}

impl Fault {
    /// All faults. At most one of the first ten and the last is injected into a request, the first
    /// in this order; the others are injected independently of each other.
    pub const ALL: [Self; 18] = [
        Self::ThrottleRetryAfter,
        Self::ThrottleRatelimit,
        Self::Throttle,
        Self::InternalError,
        Self::InternalErrorApplied,
        Self::ServiceUnavailable,
        Self::HtmlBadGateway,
        Self::ResetBefore,
        Self::ResetAfter,
        Self::TruncatedBody,
        Self::SlowAnswer,
        Self::UnexpectedItems,
        Self::MissingItems,
        Self::ShuffledItems,
        Self::NumericIds,
        Self::ObjectForOne,
        Self::AccountsApart,
        Self::TokenExpired,
    ];

    /// How many of them, from the front of [`Fault::ALL`], exclude each other and the last. New
    /// faults are added at the end, so that a seed keeps its meaning.
    const EXCLUSIVE: usize = 10;

    /// The name on the command line and in the audit.
    pub fn name(self) -> &'static str {
        self.described().0
    }

    /// One line for the help.
    pub fn summary(self) -> &'static str {
        self.described().1
    }

    fn described(self) -> (&'static str, &'static str) {
        match self {
            Self::ThrottleRetryAfter => {
                ("throttle-retry-after", "400 Throttling.User with x-acs-retry-after, in ms")
            }
            Self::ThrottleRatelimit => {
                ("throttle-ratelimit", "400 Throttling.User with the older x-ratelimit-user-api")
            }
            Self::Throttle => ("throttle", "400 Throttling.User without a hint"),
            Self::InternalError => ("internal-error", "500 InternalError, not applied"),
            Self::InternalErrorApplied => {
                ("internal-error-applied", "500 InternalError, applied all the same")
            }
            Self::ServiceUnavailable => {
                ("service-unavailable", "503 ServiceUnavailable, not applied")
            }
            Self::HtmlBadGateway => ("html-bad-gateway", "502 with a page of HTML, not applied"),
            Self::ResetBefore => ("reset-before", "connection reset, not applied"),
            Self::ResetAfter => ("reset-after", "connection reset, applied all the same"),
            Self::TruncatedBody => ("truncated-body", "half of the body, applied all the same"),
            Self::SlowAnswer => ("slow-answer", "a late answer, applied at once"),
            Self::UnexpectedItems => {
                ("unexpected-items", "an item UNEXPECTED and not applied (drawn per item)")
            }
            Self::MissingItems => {
                ("missing-items", "an item applied and left out (drawn per item)")
            }
            Self::ShuffledItems => ("shuffled-items", "targets and accounts in another order"),
            Self::NumericIds => ("numeric-ids", "ids as JSON numbers"),
            Self::ObjectForOne => ("object-for-one", "a list of one without the list"),
            Self::AccountsApart => {
                ("accounts-apart", "accounts in an element that names no target")
            }
            Self::TokenExpired => {
                ("token-expired", "400 InvalidSecurityToken.Expired, not applied")
            }
        }
    }

    fn index(self) -> usize {
        self as usize
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(name: &str) -> Result<Self, FaultError> {
        Self::ALL.into_iter().find(|fault| fault.name() == name).ok_or_else(|| {
            let nearest = Self::ALL.into_iter().min_by_key(|fault| distance(name, fault.name()));
            FaultError::Unknown {
                name: name.to_owned(),
                nearest: nearest.map_or("", Self::name),
                all: Self::ALL.map(Self::name).join(", "),
            }
        })
    }
}

/// Why a `NAME=PROBABILITY` could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    /// There is no equals sign.
    #[error("'{0}' is not NAME=PROBABILITY, for example throttle=0.1")]
    Shape(String),
    /// No fault has that name.
    #[error("no fault is called '{name}'; did you mean '{nearest}'? There are: {all}")]
    Unknown {
        /// The name given.
        name: String,
        /// The valid name most like it.
        nearest: &'static str,
        /// All valid names.
        all: String,
    },
    /// The probability is not a number from 0 to 1.
    #[error("the probability of {name} is a number from 0 to 1, and not '{value}'")]
    Probability {
        /// The fault.
        name: &'static str,
        /// The given value.
        value: String,
    },
}

/// A fault and its probability, parsed from `NAME=PROBABILITY`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FaultRate {
    /// The fault.
    pub fault: Fault,
    /// Its probability, 0 to 1.
    pub probability: f64,
}

impl FromStr for FaultRate {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let (name, value) =
            text.split_once('=').ok_or_else(|| FaultError::Shape(text.to_owned()))?;
        let fault: Fault = name.trim().parse()?;
        let wrong = || FaultError::Probability { name: fault.name(), value: value.to_owned() };
        let probability: f64 = value.trim().parse().map_err(|_| wrong())?;
        if (0.0..=1.0).contains(&probability) {
            Ok(Self { fault, probability })
        } else {
            Err(wrong())
        }
    }
}

/// After this many different requests the counts of repetitions restart from zero: a bound on
/// memory, far above the size of a rehearsal.
const MAX_COUNTED: usize = 1_000_000;

/// The probability of every fault, and how often each request was received.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    rates: [f64; Fault::ALL.len()],
    seen: HashMap<u64, u32>,
}

impl Faults {
    /// Faults with these probabilities, all others never; a fault named twice keeps the last.
    pub fn new(rates: impl IntoIterator<Item = FaultRate>) -> Self {
        let mut faults = Self::default();
        for rate in rates {
            faults.rates[rate.fault.index()] = rate.probability;
        }
        faults
    }

    /// The plan for the next attempt of the request with that digest.
    pub(super) fn next(&mut self, seed: u64, request: u64) -> FaultPlan {
        if self.seen.len() >= MAX_COUNTED {
            self.seen.clear();
        }
        let times = self.seen.entry(request).or_insert(0);
        *times = times.saturating_add(1);
        FaultPlan { rates: self.rates, state: mix(mix(seed ^ request) ^ u64::from(*times)) }
    }
}

/// Decides which faults are injected into one attempt of one request.
#[derive(Debug)]
pub(super) struct FaultPlan {
    rates: [f64; Fault::ALL.len()],
    state: u64,
}

impl FaultPlan {
    /// The fault that applies to the whole request, if any.
    pub(super) fn request_fault(&self) -> Option<Fault> {
        let first = Fault::ALL[..Fault::EXCLUSIVE].iter().copied();
        first.chain([Fault::TokenExpired]).find(|fault| self.injects(*fault, 0))
    }

    /// Whether a fault is injected into the item at that place, or into the request for place 0.
    pub(super) fn injects(&self, fault: Fault, place: u64) -> bool {
        let rate = self.rates[fault.index()];
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit into an f64 exactly")]
        let drawn = (self.number(fault, place) >> 11) as f64 / (1_u64 << 53) as f64;
        drawn < rate
    }

    /// A number that depends only on the seed, the request, the fault and the place.
    pub(super) fn number(&self, fault: Fault, place: u64) -> u64 {
        mix(mix(self.state ^ (fault.index() as u64 + 1)) ^ place)
    }
}

/// `SplitMix64` (Steele, Lea and Flood, 2014), implemented here so that a seed keeps its meaning in
/// every version of any library.
pub(super) fn mix(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// The Levenshtein distance, for "did you mean".
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (at, l) in left.bytes().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (to, r) in right.bytes().enumerate() {
            let substituted = diagonal + usize::from(l != r);
            diagonal = row[to + 1];
            row[to + 1] = substituted.min(diagonal + 1).min(row[to] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(fault: Fault, probability: f64) -> FaultRate {
        FaultRate { fault, probability }
    }

    #[test]
    fn every_fault_is_found_by_its_name_and_place() {
        for (at, fault) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(fault.name().parse(), Ok(fault));
            assert_eq!(fault.index(), at);
            assert!(fault.name().bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'));
        }
        assert_eq!(Fault::ALL[Fault::EXCLUSIVE], Fault::SlowAnswer);
    }

    #[test]
    fn an_unknown_name_is_reported_with_the_nearest_and_all() {
        let error = "throtle=1".parse::<FaultRate>().unwrap_err().to_string();
        assert!(error.contains("did you mean 'throttle'?"), "{error}");
        assert!(Fault::ALL.iter().all(|fault| error.contains(fault.name())), "{error}");
        let error = "missing-item=1".parse::<FaultRate>().unwrap_err().to_string();
        assert!(error.contains("did you mean 'missing-items'?"), "{error}");
    }

    #[test]
    fn probabilities_lie_between_0_and_1() {
        assert_eq!("throttle=0.25".parse(), Ok(rate(Fault::Throttle, 0.25)));
        assert_eq!("throttle = 1".parse(), Ok(rate(Fault::Throttle, 1.0)));
        for text in ["throttle=-0.1", "throttle=1.1", "throttle=NaN", "throttle=", "throttle=10%"] {
            let error = text.parse::<FaultRate>().unwrap_err();
            assert!(matches!(error, FaultError::Probability { .. }), "{text}");
        }
        assert!(matches!("throttle".parse::<FaultRate>(), Err(FaultError::Shape(_))));
    }

    #[test]
    fn the_same_seed_gives_the_same_faults_in_any_order() {
        let new = || Faults::new([rate(Fault::ResetAfter, 0.5), rate(Fault::Throttle, 0.3)]);
        let (mut left, mut right) = (new(), new());
        let straight: Vec<_> = (0..100).map(|_| left.next(7, 1).request_fault()).collect();
        let interleaved: Vec<_> = (0..100)
            .map(|other| {
                right.next(7, 1000 + other);
                right.next(7, 1).request_fault()
            })
            .collect();
        assert_eq!(straight, interleaved);
        let mut another_seed = new();
        assert_ne!(
            straight,
            (0..100).map(|_| another_seed.next(8, 1).request_fault()).collect::<Vec<_>>()
        );
    }

    #[test]
    fn another_fault_does_not_change_the_others() {
        let mut alone = Faults::new([rate(Fault::MissingItems, 0.5)]);
        let mut beside =
            Faults::new([rate(Fault::MissingItems, 0.5), rate(Fault::NumericIds, 0.5)]);
        for request in 0..100 {
            let (alone, beside) = (alone.next(1, request), beside.next(1, request));
            let draw = |plan: &FaultPlan| plan.injects(Fault::MissingItems, 3);
            assert_eq!(draw(&alone), draw(&beside));
        }
    }

    #[test]
    fn a_fault_is_injected_as_often_as_its_probability() {
        for (probability, range) in [(0.0, 0..=0), (0.1, 900..=1100), (1.0, 10_000..=10_000)] {
            let mut faults = Faults::new([rate(Fault::Throttle, probability)]);
            let struck =
                (0..10_000).filter(|at| faults.next(1, *at).request_fault().is_some()).count();
            assert!(range.contains(&struck), "{struck} of 10000 at {probability}");
            let mut faults = Faults::new([rate(Fault::UnexpectedItems, probability)]);
            let plan = faults.next(1, 1);
            let items = (0..10_000).filter(|at| plan.injects(Fault::UnexpectedItems, *at)).count();
            assert!(range.contains(&items), "{items} of 10000 items at {probability}");
        }
    }
}
