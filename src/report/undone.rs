//! What a restore takes back of an offboarding besides the grants, for people and as JSON.

use super::offboarding::{kind_name, result_text, state_name};
use super::text::{entry, shown_long};
use crate::offboard::{Kept, Step, StepKind, StepResult, UndoPlan};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// The steps of a restore. Members are only ever added.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Undone {
    /// The number of steps by kind (`join_group`, `unlock`) and state.
    pub steps: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// The steps that are not done, with the reason.
    pub open_steps: Vec<String>,
    /// What cannot be taken back, and why.
    pub kept: Vec<String>,
    /// Users that were to be unlocked and are locked, as read back.
    pub locked: Vec<String>,
}

impl Undone {
    /// Of these results, and of the users who are still locked.
    pub fn of<'a>(
        results: impl Iterator<Item = &'a StepResult>,
        plan: &UndoPlan,
        locked: Vec<String>,
    ) -> Self {
        let kept = plan.kept.iter().map(kept).collect();
        let mut undone = Self { kept, locked, ..Self::default() };
        for result in results {
            if !matches!(result.step.kind, StepKind::JoinGroup | StepKind::Unlock) {
                continue;
            }
            let of_kind = undone.steps.entry(kind_name(result.step.kind)).or_default();
            *of_kind.entry(state_name(result.state)).or_default() += 1;
            if !result.state.holds() {
                undone.open_steps.push(result_text(result));
            }
        }
        undone
    }

    /// Whether everything is as before the offboarding.
    pub fn is_whole(&self) -> bool {
        self.open_steps.is_empty() && self.kept.is_empty() && self.locked.is_empty()
    }

    /// For a terminal.
    pub fn text(&self) -> String {
        let mut out = String::from("Steps of the offboarding\n");
        for (kind, label) in [("join_group", "added to user groups again"), ("unlock", "unlocked")]
        {
            for (state, steps) in self.steps.get(kind).into_iter().flatten() {
                entry(&mut out, &format!("{label}: {}", state.replace('_', " ")), *steps, "");
            }
        }
        for step in self.open_steps.iter().chain(&self.kept) {
            let _ = writeln!(out, "  {step}");
        }
        for user in &self.locked {
            let _ = writeln!(out, "  user {} is still locked, as read back", shown_long(user));
        }
        out
    }
}

/// What will be done after the grants.
pub fn plan_text(plan: &UndoPlan) -> String {
    let of_kind = |kind| plan.steps.iter().filter(|step| step.kind == kind).count() as u64;
    let mut out = String::from("After the grants, of the offboarding\n");
    entry(&mut out, "users into their user groups again", of_kind(StepKind::JoinGroup), "");
    entry(&mut out, "users to unlock", of_kind(StepKind::Unlock), "those that it locked");
    for kept in plan.kept.iter().map(kept) {
        let _ = writeln!(out, "  {kept}");
    }
    out
}

fn kept((step, why): &(Step, Kept)) -> String {
    let what = match step.kind {
        StepKind::Lock | StepKind::Unlock => format!("lock of user {}", step.user),
        StepKind::LeaveGroup | StepKind::JoinGroup => {
            format!("user {} in user group {}", step.user, step.object)
        }
        StepKind::DeleteKey => format!("public key {} of user {}", step.object, step.user),
    };
    let why = match why {
        Kept::KeyIsDeleted => "is deleted, and the user must upload it again",
        Kept::PerhapsByOthers => "may have been changed by somebody else; look in the console",
        Kept::NotKnown => "it is not known whether the offboarding did it; look in the console",
    };
    shown_long(&format!("{what}: {why}"))
}
