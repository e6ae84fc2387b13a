//! Undoing a run: what was granted before it, and what of that it removed.
//!
//! | to change | open |
//! |---|---|
//! | which lists are read for the grants of a plan | `scopes` |

mod scopes;

pub use scopes::scopes_of;
