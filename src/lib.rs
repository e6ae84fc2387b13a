//! bastion-revoke: give it a list of who must lose access to what, and it revokes all of it.

pub mod api;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod engine;
pub mod exit;
pub mod failpoint;
pub mod files;
pub mod grants;
pub mod guards;
pub mod hex;
pub mod input;
pub mod ledger;
pub mod model;
pub mod names;
pub mod outcome;
pub mod plan;
pub mod report;
pub mod sim;
pub mod spool;
pub mod verdicts;
