//! Places where tests kill this process, as a power cut would.
//!
//! Only builds with debug assertions have them: `BASTION_REVOKE_FAIL_POINT=NAME:N` kills the
//! process with SIGKILL the N-th time that it reaches the place. `NAME:N:MS` first waits there for
//! this many milliseconds, as a slow disk does, which gives code that does not wait for it the time
//! to go wrong. `NAME:N:panic` panics instead.

/// Every fail point of a run, for tests that must hit them all.
pub const ALL: [&str; 12] = [
    "setting-aside",
    "input-copied",
    "ledger-made",
    "run-begun",
    "before-commit",
    "after-commit",
    "before-send",
    "after-answer",
    "before-outcome",
    "outcome-row",
    "outcome-written",
    "outcome-renamed",
];

/// Those of an offboarding besides the ones of its run.
pub const OFFBOARDING: [&str; 6] =
    ["step-intended", "step-sent", "step-recorded", "users-locked", "groups-left", "keys-deleted"];

/// Those of a restore of an offboarding besides the ones of its run and its steps.
pub const UNDOING: [&str; 2] = ["groups-joined", "users-unlocked"];

/// Those of a verification.
pub const VERIFYING: [&str; 1] = ["reading-kept"];

/// Kills the process here if the environment says so.
pub fn hit(name: &'static str) {
    if cfg!(debug_assertions) {
        let all = [&ALL[..], &OFFBOARDING, &UNDOING, &VERIFYING];
        let is_listed = all.iter().any(|names| names.contains(&name));
        debug_assert!(is_listed, "every fail point is listed");
        die_if_requested(name);
    }
}

fn die_if_requested(name: &str) {
    use std::sync::atomic::{AtomicU64, Ordering};
    static LEFT: AtomicU64 = AtomicU64::new(u64::MAX);
    let Ok(setting) = std::env::var("BASTION_REVOKE_FAIL_POINT") else { return };
    let Some((point, times)) = setting.split_once(':') else { return };
    if point != name {
        return;
    }
    let (times, delay_ms) = times.split_once(':').unwrap_or((times, "0"));
    let times = times.parse().unwrap_or(1);
    let _ = LEFT.compare_exchange(u64::MAX, times, Ordering::SeqCst, Ordering::SeqCst);
    if LEFT.fetch_sub(1, Ordering::SeqCst) == 1 {
        assert!(delay_ms != "panic", "panic requested at {name}");
        wait(delay_ms.parse().unwrap_or(0));
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}

#[expect(clippy::disallowed_methods, reason = "a slow disk holds up its thread, in real time")]
fn wait(delay_ms: u64) {
    std::thread::sleep(std::time::Duration::from_millis(delay_ms));
}
