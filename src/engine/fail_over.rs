//! `--fail-over`: stops a run in which too much fails.

use std::fmt;
use std::str::FromStr;

/// A share is not evaluated before this many requests were answered.
const LEAST_REQUESTS: usize = 20;

/// How many revocations may end `failed` or `unknown`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FailOver {
    /// This many.
    Count(usize),
    /// This share of all settled ones, from 0 to 1.
    Share(f64),
}

impl FailOver {
    /// Whether too many of the `settled` ones failed, after this many answered requests.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^52")]
    pub fn is_exceeded(self, failed: usize, settled: usize, requests: usize) -> bool {
        let over = match self {
            Self::Count(most) => failed > most,
            Self::Share(most) => failed as f64 > most * settled as f64,
        };
        over && requests >= LEAST_REQUESTS
    }
}

/// The value of `--fail-over` is neither a count nor a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a number of revocations such as 50, or a share of them such as 5%")]
pub struct InvalidLimit;

impl fmt::Display for FailOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(most) => write!(f, "{most}"),
            // Rounded, so that 7% is not 7.000000000000001%.
            Self::Share(most) => write!(f, "{}%", (most * 1e8).round() / 1e6),
        }
    }
}

impl FromStr for FailOver {
    type Err = InvalidLimit;

    fn from_str(text: &str) -> Result<Self, InvalidLimit> {
        let text = text.trim();
        let Some(percent) = text.strip_suffix('%') else {
            return text.parse().map(Self::Count).map_err(|_| InvalidLimit);
        };
        match percent.trim_end().parse::<f64>() {
            Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Self::Share(percent / 100.0)),
            _ => Err(InvalidLimit),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_more_than_the_limit_exceeds_it() {
        let five: FailOver = "5".parse().unwrap();
        assert!(!five.is_exceeded(5, 1000, 20));
        assert!(five.is_exceeded(6, 1000, 20));
        let share: FailOver = " 2.5 % ".parse().unwrap();
        assert!(!share.is_exceeded(25, 1000, 20));
        assert!(share.is_exceeded(26, 1000, 20));
        let none: FailOver = "0".parse().unwrap();
        assert!(none.is_exceeded(1, 1, 20) && !none.is_exceeded(0, 1, 20));
    }

    #[test]
    fn a_share_is_not_evaluated_for_a_few_requests() {
        let none: FailOver = "0%".parse().unwrap();
        assert!(!none.is_exceeded(1900, 1900, 19));
        assert!(none.is_exceeded(1, 1900, 20));
    }

    #[test]
    fn an_invalid_limit_is_refused() {
        for text in ["", "%", "-1", "1.5", "101%", "NaN%", "inf%", "-1%", "ten", "5 0"] {
            assert_eq!(text.parse::<FailOver>(), Err(InvalidLimit), "{text}");
        }
    }
}
