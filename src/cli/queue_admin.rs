//! Options of `queue`: operating a queue.

use super::queue::QueueArgs;
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;

/// Examples of `queue`.
pub const EXAMPLES: &str = "\
Examples:
  bastion-revoke queue status --queue rediss://redis.example/revocations
  bastion-revoke queue dead list --queue rediss://redis.example/revocations
  bastion-revoke queue pause --queue rediss://redis.example/revocations";

/// `queue`
#[derive(Debug, Clone, Subcommand)]
pub enum QueueCommand {
    /// Show entries, workers, rates, dead letters and whether the queue is paused
    Status(QueueStatusArgs),
    /// Show the oldest entries of the stream; changes nothing
    Peek(ListArgs),
    /// List, requeue or drop dead letters: entries that could not be carried out
    Dead {
        /// The subcommand.
        #[command(subcommand)]
        command: DeadCommand,
    },
    /// Stop sending: workers finish the requests in flight, keep their entries, and send no other
    Pause(OperatorArgs),
    /// Continue after `queue pause`
    Resume(OperatorArgs),
}

/// `queue dead`
#[derive(Debug, Clone, Subcommand)]
pub enum DeadCommand {
    /// Show the oldest dead letters
    List(ListArgs),
    /// Add the rows of dead letters to the stream again, as new entries
    Requeue(SelectArgs),
    /// Delete dead letters; their outcomes stay
    Drop(SelectArgs),
}

/// The queue and how to reach it.
#[derive(Debug, Clone, Args)]
pub struct OperatorArgs {
    /// The queue.
    #[command(flatten)]
    pub queue: QueueArgs,
    /// PEM certificates to trust for Redis, instead of the system's
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = "Queue")]
    pub ca_file: Option<PathBuf>,
}

/// `queue status`
#[derive(Debug, Clone, Args)]
pub struct QueueStatusArgs {
    /// The queue.
    #[command(flatten)]
    pub operator: OperatorArgs,
    /// Consumer group of the workers
    #[arg(
        long,
        value_name = "NAME",
        default_value = "bastion-revoke",
        value_parser = super::values::id,
        help_heading = "Queue"
    )]
    pub group: String,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// `queue peek` and `queue dead list`
#[derive(Debug, Clone, Args)]
pub struct ListArgs {
    /// The queue.
    #[command(flatten)]
    pub operator: OperatorArgs,
    /// Maximum entries to show, 1 to 10000
    #[arg(
        long,
        value_name = "ENTRIES",
        default_value = "10",
        value_parser = super::values::up_to::<10_000>
    )]
    pub limit: u32,
    /// Print one JSON object per line
    #[arg(long)]
    pub json: bool,
}

/// `queue dead requeue` and `queue dead drop`
#[derive(Debug, Clone, Args)]
pub struct SelectArgs {
    /// The queue.
    #[command(flatten)]
    pub operator: OperatorArgs,
    /// Ids of dead letters, as `queue dead list` shows them
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    pub ids: Vec<String>,
    /// All dead letters; needs --yes
    #[arg(long, requires = "yes")]
    pub all: bool,
    /// Confirm --all
    #[arg(long)]
    pub yes: bool,
}
