//! What a job is to do, whatever command it is of.

use super::{InputSettings, PageSettings, RequestSettings};
use crate::cli::run::GuardArgs;
use crate::guards::Limits;
use crate::ledger::{Approval, Fingerprint, JobGuards};
use crate::model::Action;
use std::path::PathBuf;
use std::time::Duration;

/// What is required before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Confirmation {
    /// Ask at the terminal.
    Ask,
    /// Continue.
    Yes,
    /// Continue if exactly this number of revocations is planned.
    Exactly(usize),
    /// Continue if the plan has this fingerprint.
    Approved(Fingerprint),
}

/// Which snapshot is required before the first revocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotPolicy {
    /// A complete one.
    Complete,
    /// Whatever can be read.
    MayBeIncomplete,
}

/// Settings of `run`.
#[derive(Debug, Clone)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct RunSettings {
    /// Whether it revokes or grants.
    pub action: Action,
    /// The list.
    pub input: InputSettings,
    /// Whether invalid rows are skipped instead of stopping the run.
    pub skip_invalid: bool,
    /// Whether the outcome is written for spreadsheets.
    pub excel: bool,
    /// The outcome file.
    pub out: PathBuf,
    /// Whether to start over, with the files of an earlier run renamed.
    pub restart: bool,
    /// Whether only to write the outcome from the files.
    pub report_only: bool,
    /// Whether it is a rehearsal.
    pub rehearse: bool,
    /// Limits on the plan.
    pub limits: Limits,
    /// The file of protected rows.
    pub protect: Option<PathBuf>,
    /// The content of that file, where it is recorded; else the file is read.
    pub protect_content: Option<Vec<u8>>,
    /// Whether protected rows are skipped instead of stopping the run.
    pub skip_protected: bool,
    /// What is required before anything is sent.
    pub confirmation: Confirmation,
    /// The snapshot that is taken first, if any.
    pub snapshot: Option<SnapshotPolicy>,
    /// How long lists may lag behind changes.
    pub read_lag: Duration,
    /// How requests are sent.
    pub requests: RequestSettings,
    /// The report that is written at the end.
    pub page: Option<PageSettings>,
    /// The command that receives the summary at the end.
    pub on_finish: Option<String>,
    /// Whether to print the summary as JSON.
    pub json: bool,
    /// The saved plan that is executed.
    pub saved_plan: Option<PathBuf>,
    /// How the plan was approved.
    pub approval: Option<Approval>,
    /// Whether the run is read back at its end, and the time over which grants that are still
    /// listed are read again.
    pub verify: Option<Duration>,
    /// For a restore: the outcome of the offboarding whose other steps are taken back at the end.
    pub offboarding: Option<PathBuf>,
}

impl RunSettings {
    /// A job that sends without asking, without limits, and with all options off.
    pub fn new(
        action: Action,
        input: InputSettings,
        out: PathBuf,
        requests: RequestSettings,
    ) -> Self {
        Self {
            action,
            input,
            skip_invalid: false,
            excel: false,
            out,
            restart: false,
            report_only: false,
            rehearse: false,
            limits: Limits::default(),
            protect: None,
            protect_content: None,
            skip_protected: false,
            confirmation: Confirmation::Yes,
            snapshot: None,
            read_lag: Duration::ZERO,
            requests,
            page: None,
            on_finish: None,
            json: false,
            saved_plan: None,
            approval: None,
            verify: None,
            offboarding: None,
        }
    }

    /// The same with these guards on its plan.
    #[must_use]
    pub(super) fn guarded(self, guards: &GuardArgs) -> Self {
        Self {
            limits: limits(guards),
            protect: guards.protect.clone(),
            skip_protected: guards.skip_protected,
            ..self
        }
    }

    /// The guards, as a job records them.
    pub fn guards(&self) -> JobGuards {
        let engine = &self.requests.engine;
        JobGuards {
            max_revocations: self.limits.max_revocations,
            max_users: self.limits.max_users,
            max_whole_targets: self.limits.max_whole_targets,
            expect_rows: self.limits.expect_rows,
            canary: engine.canary,
            fail_over: engine.fail_over.map(|limit| limit.to_string()),
        }
    }
}

/// Limits on a plan.
fn limits(guards: &GuardArgs) -> Limits {
    Limits {
        max_revocations: guards.max_revocations,
        max_users: guards.max_users,
        max_whole_targets: guards.max_whole_targets,
        expect_rows: guards.expect_rows,
    }
}
