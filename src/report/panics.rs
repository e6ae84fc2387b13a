//! Panics are internal errors: they are printed as such and end with exit code 70.

use crate::exit::{Exit, Failure};
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

static HAPPENED: AtomicBool = AtomicBool::new(false);

/// Installs a panic hook that explains what to do.
pub fn install_hook() {
    std::panic::set_hook(Box::new(|panic| {
        HAPPENED.store(true, Ordering::SeqCst);
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let message = payload.downcast_ref::<&str>().copied();
        let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let message = message.unwrap_or("no message");
        let _ = writeln!(
            std::io::stderr(),
            "error: internal error at {place}: {message}\nPlease report it. The ledger is intact: run \
             the same command again to continue."
        );
    }));
}

/// The exit code, or that of an internal error if any thread panicked.
pub fn or_internal(exit: Exit) -> Exit {
    if HAPPENED.load(Ordering::SeqCst) { Exit::Internal } else { exit }
}

/// Runs `work`; a panic, which the hook has printed, becomes a failure.
pub fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    // Nothing that `work` used is used again.
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Failure::new(Exit::Internal, "ended by the internal error above")))
}
