//! What users reach, and by which routes: the data of `export`. Who reaches a target: that of `who`.
//! Whether grants are gone: that of `verify`.
//!
//! In: the ids of users and a [`Reader`](crate::api::reading::Reader) of their instance. Out: an
//! input list of their direct grants, and the routes by which they reach targets otherwise. What
//! could not be read is a route `not_checked`, never a missing one.
//!
//! | to change | open |
//! |---|---|
//! | what is read of the API | `survey` |
//! | what is read for a snapshot, a restore and its confirmation | `held` |
//! | the rows of the list | `list` |
//! | the routes beside it | `routes` |
//! | whom `who` asks, and what that costs | `candidates` |
//! | what `who` reads | `target_access` |
//! | the answer of `who` | `who` |
//! | what is told of the progress | `step` |
//! | which routes give access to a target in addition to a direct grant | `indirect` |
//! | what is read to verify grants | `evidence` |
//! | when a grant is gone | `verify` |

mod candidates;
mod csv_text;
mod evidence;
mod held;
mod indirect;
mod list;
mod routes;
mod sample;
mod step;
mod survey;
mod target_access;
mod verify;
#[cfg(test)]
mod verify_tests;
mod who;

#[cfg(test)]
mod tests;
#[cfg(test)]
mod who_tests;

pub use candidates::{Candidates, Cost, candidates};
pub use csv_text::csv_text;
pub use evidence::{Claim, Claims, Evidence, GranteeEvidence, GranteeKey, TargetId, evidence};
pub use held::{HeldScope, HeldTarget, TargetKey, calls, read_held};
pub use list::{AccessRow, COLUMNS, UnusableRow, rows, usable};
pub use routes::{NOT_VISIBLE, RESIDUAL_COLUMNS, ROUTE_COLUMNS, Route, RouteKind, routes};
pub use sample::{CONFIDENCE, sample, upper_bound};
pub use step::{OnStep, Step};
pub use survey::{GroupAccess, RuleAccess, Scope, Survey, UserAccess, survey};
pub use target_access::{Holder, Target, TargetAccess, Unread, target_access};
pub use verify::{Verification, verify};
pub use who::{NotChecked, Person, Who, WhoGrantee, WhoRule, who, who_rows};
