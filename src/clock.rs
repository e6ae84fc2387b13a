//! The one wall clock and the one source of nonces, both used only where a request is signed or
//! a time is written down. Everything that waits uses `tokio::time`.

use jiff::Timestamp;

/// Where wall-clock time and nonces come from; tests supply their own.
pub trait WallClock: Send + Sync {
    /// The time now, in UTC.
    fn now(&self) -> Timestamp;
    /// A value never returned before, by any process.
    fn nonce(&self) -> String;
}

/// The operating system's clock, and random version-4 UUIDs.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl WallClock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the one wall clock")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn nonce(&self) -> String {
        uuid::Uuid::new_v4().to_string()
    }
}

/// `2026-01-02T03:04:05Z`: whole seconds in UTC, as the API signs and this tool prints them.
pub fn utc_seconds(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
