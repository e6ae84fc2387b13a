//! What people and scripts see: progress, plan, summary, findings, logs.
//!
//! Values come in, text goes out; nothing here reads a setting or decides. [`progress`] draws the
//! engine's events, [`plan`] and [`summary`] print before and after a run, [`findings`] prints what
//! is wrong with a list, [`causes`] explains an early stop, [`text`] has the number formats.
//! `verification`, `offboarding`, `restore` and `undone` are the results of the commands that read
//! access back or give it back; `print` prints a result as text or JSON.

pub mod calls;
pub mod causes;
pub mod confirmation;
pub mod evidence;
pub mod findings;
pub mod logs;
mod narrow_terminal;
pub mod offboarding;
pub mod panics;
pub mod plan;
pub mod print;
pub mod progress;
pub mod queue_status;
pub mod reading;
mod recent;
pub mod restore;
pub mod run_status;
pub mod snapshot;
pub mod summary;
pub mod text;
pub mod undone;
pub mod verification;
pub mod who;
