//! How long outcomes and dead letters stay in their streams.

use std::time::Duration;

/// The bound of a stream. Redis trims whole nodes of about a hundred entries, so slightly more can
/// stay than the bound says, never less.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Retention {
    /// Entries stay until someone deletes them.
    #[default]
    Unlimited,
    /// This many of the newest entries stay.
    Entries(u64),
    /// Entries stay for this time.
    Age(Duration),
}

impl Retention {
    /// The arguments of `apply.lua`: the strategy of `XADD` and its threshold; for `MINID` the age in
    /// milliseconds.
    pub(super) fn arguments(self) -> [String; 2] {
        match self {
            Self::Unlimited => [String::new(), String::new()],
            Self::Entries(entries) => ["MAXLEN".to_owned(), entries.to_string()],
            Self::Age(age) => ["MINID".to_owned(), age.as_millis().to_string()],
        }
    }
}
