//! Revocation through a queue: Redis Streams, any number of workers, no row lost when a machine
//! fails.
//!
//! ```text
//! enqueue: plan ─ ledger ──> units ─┐                       ┌─> {STREAM}:outcomes ──> collect: ledger ─ outcome
//!                                   ├─> STREAM ──> workers ─┤
//! producers: ──> rows ──────────────┘                       └─> {STREAM}:dead
//! ```
//!
//! An entry is pending for one worker at a time, which keeps outcomes single: an
//! [`EntryStore`](store::EntryStore) writes an outcome and acknowledges the entry in one script, and
//! only while the entry is pending for that worker. The first commit wins. A request that is sent
//! twice because a worker failed in between does no harm: a detach can be repeated.
//!
//! | to change | open |
//! |---|---|
//! | where the queue is, connection, TLS, errors of Redis | [`address`], [`connection`] |
//! | keys, scripts, commands to Redis | [`keys`], [`consumer`], `scripts/`, `reply` |
//! | the format of a message and its validation | [`message`] |
//! | the format of an outcome | [`outcome_message`], [`outcome_csv`] |
//! | the worker's loop: reading, leases, stopping | [`worker`], `in_flight`, [`leases`] |
//! | one batch: plan, engine, journal | [`batch`], [`batch_runner`], [`batch_journal`] |
//! | storing outcomes, also while Redis is unreachable | [`store`], [`outbox`] |
//! | the quota that workers share | [`quota`] |
//! | jobs: `enqueue` and `collect` | [`coordinator`] |
//! | `queue status`, `peek`, `dead`, `pause` | [`admin`], [`pause`] |
//! | metrics | [`metrics`] |

pub mod address;
pub mod admin;
pub mod batch;
pub mod batch_journal;
pub mod batch_runner;
pub mod connection;
pub mod consumer;
pub mod coordinator;
pub mod entry;
mod in_flight;
pub mod keys;
pub mod leases;
pub mod message;
pub mod metrics;
pub mod outbox;
pub mod outcome_csv;
pub mod outcome_message;
pub mod pause;
pub mod quota;
mod reply;
pub mod retention;
pub mod store;
pub mod worker;
