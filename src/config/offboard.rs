//! Settings of `offboard`.

use super::run::{DEFAULT_REHEARSAL_OUT, check_guards};
use super::{Confirmation, InputSettings, RequestSettings, RunSettings, SnapshotPolicy, usage};
use crate::cli::offboard::OffboardArgs;
use crate::exit::Failure;
use crate::input::Options;
use crate::input_snapshot::InputName;
use crate::model::Action;
use std::path::{Path, PathBuf};

/// What is required before an offboarding begins. `is_terminal`: whether the user can be asked.
pub fn confirmation(args: &OffboardArgs, is_terminal: bool) -> Result<Confirmation, Failure> {
    check_guards(&args.guards)?;
    match args.confirm {
        _ if args.rehearse => Ok(Confirmation::Yes),
        Some(users) => Ok(Confirmation::Exactly(users)),
        None if args.yes || args.dry_run => Ok(Confirmation::Yes),
        None if is_terminal => Ok(Confirmation::Ask),
        None => Err(usage(
            "there is no terminal to confirm at: pass --yes, or --confirm N with the number of users \
             that --dry-run shows",
        )),
    }
}

/// The outcome of the revocations.
pub fn out(args: &OffboardArgs) -> PathBuf {
    let default = if args.rehearse { DEFAULT_REHEARSAL_OUT } else { "offboarding.csv" };
    args.out.clone().unwrap_or_else(|| default.into())
}

/// Settings of the revocations of an offboarding, which has been confirmed: the list is written
/// before the first step.
pub fn revocations(args: &OffboardArgs, list: &Path, out: PathBuf) -> RunSettings {
    let guards = &args.guards;
    let mut requests = RequestSettings::settle(&args.requests, fastrand::u64(..));
    requests.engine.canary = guards.canary.map(|requests| requests as usize);
    requests.engine.fail_over = guards.fail_over;
    let policy = if args.allow_incomplete_snapshot {
        SnapshotPolicy::MayBeIncomplete
    } else {
        SnapshotPolicy::Complete
    };
    let input = InputSettings {
        inputs: vec![InputName::new(list)],
        options: Options::default(),
        strict: false,
    };
    RunSettings {
        snapshot: Some(policy),
        ..RunSettings::new(Action::Detach, input, out, requests).guarded(guards)
    }
}
