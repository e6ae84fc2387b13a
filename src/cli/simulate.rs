//! Options of `simulate`.

use super::values::duration;
use crate::sim::{Fault, FaultRate};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// Runs the simulated service on loopback, for rehearsals, other clients and tests.
///
/// It speaks plain HTTP on 127.0.0.1 and knows one key: `testid`, with the secret `testsecret`.
/// `GET /audit` tells, as JSON and without a signature, what was granted, asked and removed, and
/// how often each rule was broken. It runs until it is interrupted.
#[derive(Debug, Clone, clap::Args)]
pub struct SimulateArgs {
    /// The port of 127.0.0.1 to listen on; 0 takes any free one.
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    pub port: u16,

    /// A CSV file of the grants there are: `user` or `user_group`, `kind`, `target`, `account`, and
    /// if wanted `instance_id`. `*` or a blank account is the target's own grant. Without a file
    /// whatever is asked for existed and is granted once.
    #[arg(long, value_name = "FILE")]
    pub grants: Option<PathBuf>,

    /// A world file, TOML or JSON: users, groups, hosts, databases, grants, rules and keys, which
    /// read operations list and writes change. docs/src/simulate.md describes it, and
    /// samples/world.toml is one.
    #[arg(long, value_name = "FILE", conflicts_with = "grants")]
    pub world: Option<PathBuf>,

    /// Requests per second that each operation takes, with a burst of as many; more are answered
    /// 400 `Throttling.User`. Without it there is no limit.
    #[arg(long, value_name = "N")]
    pub quota: Option<NonZeroU32>,

    /// Any number from 0; the same seed and the same requests meet the same faults.
    #[arg(long, value_name = "S", default_value_t = 0)]
    pub seed: u64,

    /// Lets something go wrong, NAME=PROBABILITY with a probability from 0 to 1 per request (or
    /// per item); may be given again.
    #[arg(long = "fault", value_name = "NAME=PROBABILITY", help = fault_help())]
    pub faults: Vec<FaultRate>,

    /// An id of a user, target or account that is refused with the whole request that names it
    /// (400 `InvalidParameter`), as every id that starts with `poison` is; may be given again.
    #[arg(long, value_name = "ID")]
    pub poison: Vec<String>,

    /// The wait that the faults `throttle-retry-after` and `throttle-ratelimit` ask for, written
    /// 500ms, 10s or 2m.
    #[arg(long, value_name = "DURATION", default_value = "200ms", value_parser = duration)]
    pub retry_after: Duration,

    /// How late the answers of the fault `slow-answer` are, written 500ms, 10s or 2m.
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = duration)]
    pub slow: Duration,
}

/// Generated, so that the help lists every fault there is.
fn fault_help() -> String {
    let mut help = "Lets something go wrong, with a probability from 0 to 1 per request (or per \
                    item where it says so); may be given again. Of the first ten and the last at \
                    most one strikes a request, the first in this order. There are:"
        .to_owned();
    for fault in Fault::ALL {
        help.extend(["\n  ", fault.name(), ": ", fault.summary()]);
    }
    help
}
