//! bastion-revoke: give it a list of who must lose access to what, and it revokes all of it.

pub mod api;
pub mod clock;
pub mod engine;
pub mod model;
