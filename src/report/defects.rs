//! A panic is a defect of this tool: it is told as one, and it ends with the exit code for one.

use crate::exit::{Exit, Failure};
use std::io::Write as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

static HAPPENED: AtomicBool = AtomicBool::new(false);

/// From now on a panic says what it is, and what to do about it.
pub fn explain() {
    std::panic::set_hook(Box::new(|panic| {
        HAPPENED.store(true, Ordering::SeqCst);
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let message = payload.downcast_ref::<&str>().copied();
        let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let message = message.unwrap_or("no message");
        let _ = writeln!(
            std::io::stderr(),
            "error: a defect of this tool, at {place}: {message}\nPlease report it. What was \
             written down is kept: the same command again continues from there."
        );
    }));
}

/// The ending, or that of a defect if there was one in any thread: it outweighs all others.
pub fn or_defect(exit: Exit) -> Exit {
    if HAPPENED.load(Ordering::SeqCst) { Exit::Internal } else { exit }
}

/// What `work` returns; a panic in it was told by the hook, and is a failure.
pub fn caught<T>(work: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    // Nothing that `work` had in hand is used again.
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Failure::new(Exit::Internal, "it ended at the defect named above")))
}
