//! bastion-revoke revokes access on Alibaba Cloud Bastionhost in bulk: it reads a list of grants,
//! plans the fewest requests, sends them at the pace the API allows, and writes one outcome row per
//! input row.
//!
//! `README.md` describes the command. `docs/src/architecture.md` describes this library: the life of a
//! row, of an attempt and of a queue message, and how to extend it.
//!
//! # Use as a library
//!
//! [`api`] is a client of the Bastionhost API by itself: [signing](api::sign), [keys](api::credentials)
//! from all sources of the official SDKs, [requests](api::client) whose answers are matched item by
//! item, and [checked listings](api::reading). `examples/revoke_one_grant.rs` and
//! `examples/list_hosts_of_user.rs` show it. [`plan`] packs grants into the fewest requests, and
//! [`engine`] sends a plan.
//!
//! Semantic versioning covers [`api`], [`model`], [`clock`], [`plan`] and [`engine`]; below version 1 a
//! change that breaks them raises the minor version. The other modules are public for the command, the
//! tests and the benches of this package, and may change in any version. No input, answer or file makes
//! the library panic; what cannot be used is an error.
//!
//! # Data flow
//!
//! ```text
//!  bytes ──> input_snapshot ──> input ──> grants ──> plan ──> engine ──> verdicts ──> outcome
//!            a copy             rows or   distinct   fewest   │    ▲     one per      second pass
//!                               problems  grants     requests │    │     grant        over the copy
//!                                                             ▼    │
//!                                                        api: sign, send, decode
//!                                                             │    │
//!                                                             └ ledger: intents before,
//!                                                                       results after
//! ```
//!
//! [`commands::driver`] runs these stages in order. The list is read twice: [`first_pass`] fills a
//! plan, and [`outcome`] joins the rows with the verdicts, so memory grows with the distinct grants
//! and not with the cells. The [`engine`] is owned by one [dispatcher](engine::dispatcher) and sees
//! the world through [`Transport`](api::transport::Transport), [`Journal`](ledger::Journal) and a
//! clock; it emits [events](engine::events), which [`report`] prints. Decisions are pure functions:
//! [`engine::decide`], [`engine::retry`], [`engine::breaker`], [`engine::rate_controller`].
//!
//! # Promises, and the code that keeps them
//!
//! 1. **Conservation.** Each input row has exactly one outcome row: [`outcome`].
//! 2. **No widening.** Nothing is revoked that no row names: [`input`] gives no grant to a row with
//!    a blank account; [`model`] cannot represent an empty list of accounts.
//! 3. **Fewest requests.** [`plan::pack`] packs the grants; [`plan::bound`] computes the minimum
//!    independently, and debug builds compare the two for every plan.
//! 4. **Honesty.** [`api::response`] matches answers by id; [`verdicts`] keeps what may have been
//!    applied as `unknown`.
//! 5. **The pace is respected.** [`engine::fixed_rate_limiter`] is `--rate`;
//!    [`engine::rate_controller`] finds the quota below it and keeps the service's waits.
//! 6. **Poison stays alone.** [`engine::decide`] decides which refusals split a request;
//!    [`engine::send_queue`] splits it.
//! 7. **Nothing is lost.** [`engine::dispatcher`] sends nothing before its intent is durable in the
//!    [`ledger`]; [`verdicts::LedgerState`] computes where the next run starts.
//! 8. **Secrets never show.** [`api::credentials::Secret`] does not print, and [`api::client`]
//!    removes secrets from texts of the service.
//! 9. **No guess.** [`resolve`] accepts a name only from an exact, complete, unambiguous listing.
//! 10. **No restore beyond the snapshot.** [`restore`] grants what the snapshot has and the run is
//!     known to have removed.
//! 11. **No unlock of what others locked.** [`offboard::undo`] takes back only steps that the record of
//!     the offboarding has as its own.
//! 12. **No verdict without a complete listing.** [`access::verify`] says `gone` only if a complete
//!     listing lacks the grant, and `still` only if one shows it.
//!
//! [`sim`], the simulated service, audits what it receives; `tests/it` compares a run's claims with
//! that audit under every fault.
//!
//! # Layers
//!
//! Imports run downward only, without circles; `tests/it/imports.rs` checks it.
//!
//! | layer | modules |
//! |---|---|
//! | commands | [`commands`] |
//! | what people see | [`report`]; [`report_page`], which reads an outcome and a ledger |
//! | settings | [`config`], [`cli`], [`exit`] |
//! | the queue | [`queue`] |
//! | first pass | [`first_pass`]; [`offboard`] plans and records an offboarding |
//! | execution | [`engine`], [`outcome`], [`guards`]; [`sim`], which imports only [`api::sign`] |
//! | state of a run | [`verdicts`], [`ledger`]; [`restore`] chooses what a restore grants |
//! | work to do | [`plan`]; [`input_snapshot`], [`files`], [`archive`]; [`resolve`] looks names up; [`access`] lists what users reach |
//! | rows and requests | [`input`], [`grants`], [`api`] |
//! | shared types and utilities | [`model`], [`names`], [`clock`], [`hex`], [`signature`], [`pipeline`], [`failpoint`] |

pub mod access;
pub mod api;
pub mod archive;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod engine;
pub mod exit;
pub mod failpoint;
pub mod files;
pub mod first_pass;
pub mod grants;
pub mod guards;
pub mod hex;
pub mod input;
pub mod input_snapshot;
pub mod ledger;
pub mod model;
pub mod names;
pub mod offboard;
pub mod outcome;
pub mod pipeline;
pub mod plan;
pub mod queue;
pub mod report;
pub mod report_page;
pub mod resolve;
pub mod restore;
pub mod signature;
pub mod sim;
pub mod verdicts;
