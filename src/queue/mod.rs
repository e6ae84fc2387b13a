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
pub mod answer;
pub mod desk;
mod hands;
pub mod journal;
pub mod leases;
pub mod link;
pub mod message;
pub mod metrics;
pub mod quota;
pub mod scripts;
pub mod shelf;
pub mod store;
pub mod table;
pub mod window;
pub mod worker;
