//! Options of `offboard`.

use super::run::GuardArgs;
use super::shared::{ConfigurationArgs, InstanceArgs, RequestArgs};
use super::user::UserArgs;
use super::values::{count, duration_or_zero};
use clap::{Args, ValueHint};
use std::path::PathBuf;
use std::time::Duration;

/// `offboard`
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct OffboardArgs {
    /// The users.
    #[command(flatten)]
    pub users: UserArgs,
    /// The instance.
    #[command(flatten)]
    pub instance: InstanceArgs,
    /// Lock the users first, which takes effect at once
    #[arg(long, help_heading = "Steps")]
    pub lock: bool,
    /// Remove the users from their user groups; the groups keep their access
    #[arg(long, help_heading = "Steps")]
    pub leave_groups: bool,
    /// Delete the users' public keys; this cannot be undone
    #[arg(long, help_heading = "Steps")]
    pub delete_keys: bool,
    /// Show everything that would go and stay; change nothing
    #[arg(long, help_heading = "Confirmation", conflicts_with_all = ["yes", "confirm"])]
    pub dry_run: bool,
    /// Rehearse all steps against a simulated service in this process; nothing is really changed
    #[arg(
        long,
        help_heading = "Confirmation",
        conflicts_with_all = ["dry_run", "evidence", "endpoint", "yes", "confirm"]
    )]
    pub rehearse: bool,
    /// World file of the rehearsal, as for `simulate` [default: that of samples/world.toml]
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        requires = "rehearse",
        help_heading = "Confirmation"
    )]
    pub world: Option<PathBuf>,
    /// Continue without asking
    #[arg(long, help_heading = "Confirmation", conflicts_with = "confirm")]
    pub yes: bool,
    /// Continue if exactly N users are offboarded
    #[arg(long, value_name = "N", value_parser = count, help_heading = "Confirmation")]
    pub confirm: Option<usize>,
    /// Start even if something could not be read, which then cannot be shown or restored
    #[arg(long, help_heading = "Confirmation")]
    pub allow_incomplete_snapshot: bool,
    /// Outcome of the revocations; the files of the other steps are beside it [default:
    /// offboarding.csv, with --rehearse rehearsal.csv]
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::AnyPath,
        help_heading = "Files"
    )]
    pub out: Option<PathBuf>,
    /// At the end, write everything that proves the offboarding into this bundle, as `evidence` does
    #[arg(long, value_name = "FILE", value_hint = ValueHint::AnyPath, help_heading = "Files")]
    pub evidence: Option<PathBuf>,
    /// Sign the bundle with this Ed25519 key: an OpenSSH file or PEM (PKCS #8), without a passphrase
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        requires = "evidence",
        help_heading = "Files"
    )]
    pub sign_key: Option<PathBuf>,
    /// Read grants that are still listed again, 3 times over this time: reads may lag behind writes
    #[arg(long, default_value = "15s", value_name = "DURATION", value_parser = duration_or_zero)]
    pub settle: Duration,
    /// Print the summary as JSON
    #[arg(long)]
    pub json: bool,
    /// Guards.
    #[command(flatten)]
    pub guards: GuardArgs,
    /// Sources of settings.
    #[command(flatten)]
    pub configuration: ConfigurationArgs,
    /// How the calls are sent.
    #[command(flatten)]
    pub requests: RequestArgs,
}
