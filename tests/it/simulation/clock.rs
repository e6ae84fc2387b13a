//! The wall clock of a simulated machine: tokio's paused time, and nonces that repeat with the
//! seed.

use bastion_revoke::clock::WallClock;
use jiff::{SignedDuration, Timestamp};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

/// When every simulation begins, by the service's clock.
const BEGINNING: i64 = 1_767_323_045;

/// Virtual time since the beginning of a simulation, over all its runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time(Instant);

impl Time {
    /// Begins now.
    pub(super) fn begin() -> Self {
        Self(Instant::now())
    }

    /// How much has passed.
    pub(super) fn now(self) -> Duration {
        self.0.elapsed()
    }

    /// The service's clock.
    pub(super) fn wall(self) -> Timestamp {
        let passed = SignedDuration::try_from(self.now()).expect("a few hours");
        Timestamp::from_second(BEGINNING).expect("a year of today") + passed
    }
}

/// The clock of one run of the tool.
#[derive(Debug)]
pub(super) struct VirtualClock {
    time: Time,
    /// How far this machine's clock is ahead of the service's.
    ahead: SignedDuration,
    run: usize,
    nonces: AtomicU64,
}

impl VirtualClock {
    pub(super) fn new(time: Time, ahead: SignedDuration, run: usize) -> Self {
        Self { time, ahead, run, nonces: AtomicU64::new(0) }
    }
}

impl WallClock for VirtualClock {
    fn now(&self) -> Timestamp {
        self.time.wall() + self.ahead
    }

    fn nonce(&self) -> String {
        format!("nonce-{}-{}", self.run, self.nonces.fetch_add(1, Ordering::Relaxed))
    }
}
