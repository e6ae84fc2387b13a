//! bastion-revoke: give it a list of who must lose access to what, and it revokes all of it, at the
//! pace the API allows, with the fewest requests possible, and with one honest outcome row for
//! every input row.
//!
//! This page is the guide to the house. What the command does is in `README.md`.
//!
//! # How a row flows
//!
//! ```text
//!  bytes ──> spool ──> input ──> grants ──> plan ──> engine ──> verdicts ──> outcome ──> bytes
//!            a copy    rows,     distinct   fewest   │    ▲     one for      the copy
//!            of them   or what   grants;    requests │    │     each         read again,
//!                      is wrong  which row           ▼    │     grant        joined with
//!                                stands for   api: sign,  │                  the verdicts
//!                                which        send, judge │
//!                                             └── ledger ─┘
//!                                    intents before, results after
//! ```
//!
//! [`commands`] wires the stages: read [`commands::run`] first, then [`commands::job`], which knows
//! what a job is and what its ledger says of it. The list is read twice, once into a plan and once
//! into the outcome, so memory grows with what is distinct in it and not with what it carries along.
//! Between the two passes a row is four bytes: the number of its grant, or of the row that stands
//! for it.
//!
//! The [`engine`] has one owner of all that changes, its [dispatcher](engine::dispatcher); workers
//! take a request and bring back a reply. It meets the world through
//! [`Transport`](api::transport::Transport), [`Journal`](ledger::Journal) and a clock, and tells
//! what happens by [events](engine::events), which [`report`] draws. What to do about a reply, how
//! long to wait and how fast to go are pure functions: [`engine::decide`], [`engine::retry`],
//! [`engine::breaker`], [`engine::rate_controller`].
//!
//! # The promises, and where each is held
//!
//! 1. **Conservation.** Each input row has exactly one outcome row: [`outcome`], which refuses to
//!    write anything else.
//! 2. **No widening.** Nothing is revoked that no row names: [`input`] gives no grant to a row with
//!    a blank account, and [`model`] cannot express an empty list of accounts, nor a whole target
//!    but by a value of its own.
//! 3. **Fewest requests.** [`plan::pack`] deals the grants out; [`plan::bound`] works out apart
//!    from it how few are possible, and debug builds compare the two for every plan.
//! 4. **Honesty.** [`api::response`] matches an answer by id and believes only what nothing
//!    contradicts; [`verdicts`] keeps what may have been applied `unknown`.
//! 5. **The pace is respected.** [`engine::fixed_rate_limiter`] is `--rate`; [`engine::rate_controller`] finds the quota
//!    below it and keeps a server's waits.
//! 6. **Poison stays alone.** [`engine::decide`] says which refusals are worth splitting a request
//!    for; [`engine::send_queue`] splits it.
//! 7. **Nothing is lost.** [`engine::dispatcher`] sends nothing before its intent is durable and
//!    believes nothing before its result is: [`ledger`]. [`engine::replay`] makes of a ledger where
//!    the next run starts, by the same fold ([`verdicts`]) as a run under way.
//! 8. **Secrets never show.** [`api::credentials::Secret`] does not print, and [`api::client`] takes
//!    secrets out of what the service repeats.
//!
//! [`sim`], the simulated service, is strict on its own and keeps an audit; `tests/it` compares what
//! a run claims with what the audit saw, under every fault there is.
//!
//! # The storeys
//!
//! Imports run downward only, which `tests/it/imports.rs` checks:
//!
//! | storey | modules |
//! |---|---|
//! | the edge | [`commands`] |
//! | what people see and set | [`report`], [`config`], [`cli`], [`exit`] |
//! | the same on many machines | [`queue`] |
//! | what carries out | [`engine`], [`outcome`], [`guards`]; [`sim`] beside them, which knows only [`api::sign`] |
//! | what is known of a run | [`verdicts`], [`ledger`] |
//! | what is to be done, and from what | [`plan`]; [`input_snapshot`] |
//! | the three neighbours of a row | [`input`], [`grants`], [`api`] |
//! | the words and tools of the house | [`model`], [`names`], [`clock`], [`files`], [`hex`], [`pipeline`], `memory`, [`failpoint`] |

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
pub mod input_snapshot;
pub mod ledger;
mod malloc;
pub mod model;
pub mod names;
pub mod outcome;
pub mod pipeline;
pub mod plan;
pub mod queue;
pub mod report;
pub mod sim;
pub mod verdicts;
