//! The same work through a queue: Redis Streams, any number of workers, and nothing lost when
//! machines die.
//!
//! ```text
//! enqueue: plan ─ ledger ──> units ─┐                       ┌─> {STREAM}:outcomes ──> collect: ledger ─ outcome
//!                                   ├─> STREAM ──> workers ─┤
//! producers: ──> rows ──────────────┘                       └─> {STREAM}:dead
//! ```
//!
//! An entry is pending for one worker at a time, and that is what keeps outcomes single: a
//! [`Store`](store::Store) writes an outcome and acknowledges the entry in one [step](scripts), and
//! only as long as the entry is pending for it. The first commit wins. What is sent twice because
//! a worker died in between does no harm, for a detach can be repeated.

pub mod address;
pub mod batch;
pub mod connection;
pub mod coordinator;
mod in_flight;
pub mod journal;
pub mod leases;
pub mod message;
pub mod metrics;
pub mod outbox;
pub mod outcome_csv;
pub mod outcome_message;
pub mod quota;
pub mod scripts;
pub mod store;
pub mod worker;
