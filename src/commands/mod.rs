//! One file per command: each wires the stages and does nothing else.

pub mod api_session;
pub mod check;
pub mod collect;
pub mod completions;
pub mod config;
pub mod confirm;
pub mod credentials;
pub mod first_pass;
pub mod health;
pub mod job;
pub mod man;
pub mod plan;
pub mod queue_admin;
pub mod queue_args;
pub mod resume_hint;
pub mod run;
pub mod signals;
pub mod simulate;
pub mod work;
