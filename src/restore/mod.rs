//! Undoing a run: what was granted before it, and what of that it removed.
//!
//! In: the rows of an outcome, the verdicts of its run, the snapshot that the run took, and what the
//! lists show now. Out: a list of grants, which is planned and sent like any other, and the reasons
//! why the others are left out. Promise 10, *no restore beyond the snapshot*, is kept by `select`.
//!
//! | to change | open |
//! |---|---|
//! | which grants are chosen, and why others are left out | `select` |
//! | the list of a restore, and the table of what is left out | `list` |
//! | whether the lists show what was granted | `presence` |
//! | which lists are read for the grants of a plan | `scopes` |

mod list;
mod presence;
mod scopes;
mod select;

pub use presence::{Presence, expected, presence};
pub use scopes::{scopes, scopes_of};
pub use select::{LeftOut, OutcomeRow, Removed, Restorable, Selection, select};
