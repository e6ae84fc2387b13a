//! Offboarding users: what goes and what stays, and the durable record of each step.
//!
//! ```text
//! survey ──> plan (pure) ──> steps: lock, leave groups, revoke, delete keys ──> read back
//!                                │
//!                                └ step_log: intents before, results after
//! ```
//!
//! In: a survey of the users ([`crate::access`]), the options and the protected grants. Out: an
//! [`OffboardPlan`]. [`crate::commands::offboard`] carries it out; the revocations have the ledger of
//! a run.
//!
//! | to change | open |
//! |---|---|
//! | which steps a user gets, and what stays | `plan` |
//! | which steps a restore takes back | `undo` |
//! | how a step is sent, and what its result means | `sender` |
//! | what is recorded of a step, and what a resume repeats | `step_log` |

mod plan;
mod sender;
mod step;
mod step_log;
mod undo;

pub use plan::{Group, Key, OffboardOptions, OffboardPlan, Staying, UserPlan, plan};
pub use sender::{SendStepsError, send_steps};
pub use step::{Step, StepKind, StepResult, StepState};
pub use step_log::{Begun, StepLog, StepLogError, Taken, recorded_steps};
pub use undo::{Kept, UndoPlan, undo};
