//! The commands: each wires library stages together and prints.
//!
//! [`driver`] takes a job from its list to its outcome: [`names`] looks up the names in it, [`list`]
//! and [`job`] read and plan it,
//! [`job_files`] opens its files, [`confirm`] asks, [`snapshot`] records what is granted, [`local`] or
//! [`queue_job`] executes it. [`run`], [`enqueue`] and [`collect`] choose the execution; [`work`]
//! processes a queue. The other commands have a file each.
//!
//! [`dispatch`] runs the command that was asked for.
//!
//! [`verify`] reads an outcome back, with `verify_store` to continue and `residual` for other routes;
//! `verify_run` does so at the end of a run. [`restore`] makes its list of the files that an earlier
//! job left, `read_back` compares the result, and `undo_steps` takes the other steps of an
//! offboarding back.

pub mod api_session;
mod caller_lookup;
pub mod check;
pub mod collect;
pub mod completions;
pub mod config;
pub mod confirm;
pub mod credentials;
pub mod dispatch;
pub mod driver;
pub mod enqueue;
pub mod evidence;
pub mod execution;
pub mod export;
mod failures;
pub mod health;
pub mod job;
pub mod job_files;
pub mod job_spec;
pub mod list;
pub mod local;
pub mod man;
pub mod names;
pub mod offboard;
mod on_finish;
mod own_file;
pub mod plan;
pub mod plan_diff;
pub mod queue_admin;
pub mod queue_connection;
pub mod queue_job;
pub mod read_back;
mod reading;
pub mod removed_job;
pub mod report;
mod residual;
pub mod restore;
pub mod resume_hint;
pub mod run;
pub mod saved_plan;
pub mod signals;
pub mod simulate;
pub mod snapshot;
pub mod status;
pub mod undo_steps;
pub mod verify;
pub mod verify_run;
mod verify_store;
pub mod who;
pub mod work;
