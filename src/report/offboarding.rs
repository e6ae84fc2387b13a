//! The plan and the result of an offboarding, for people and as JSON.

use super::evidence::Written;
use super::text::{entry, shown_long, things};
use super::verification::VerificationReport;
use crate::exit::Exit;
use crate::offboard::{OffboardPlan, StepKind, StepResult, StepState, UserPlan};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Targets of a user that are printed.
const SHOWN: usize = 20;

/// What goes and what stays, by user.
pub fn plan_text(plan: &OffboardPlan, instance: &str, not_visible: &str) -> String {
    let mut out = String::new();
    let users = things(plan.users.len(), "user", "users");
    let _ = writeln!(out, "Offboarding {users} on {}", shown_long(instance));
    for user in &plan.users {
        user_text(&mut out, user);
    }
    let steps = plan.steps();
    let of_kind = |kind| steps.iter().filter(|step| step.kind == kind).count() as u64;
    let _ = writeln!(out, "Steps");
    entry(&mut out, "users to lock", of_kind(StepKind::Lock), "");
    entry(&mut out, "memberships to remove", of_kind(StepKind::LeaveGroup), "");
    entry(&mut out, "targets to revoke", plan.targets() as u64, "with all accounts on them");
    entry(&mut out, "public keys to delete", of_kind(StepKind::DeleteKey), "cannot be undone");
    if !plan.protected.is_empty() {
        entry(&mut out, "protected steps", plan.protected.len() as u64, "by --protect");
    }
    let _ = writeln!(out, "Not visible to the API: {not_visible}");
    out
}

fn user_text(out: &mut String, plan: &UserPlan) {
    let UserPlan { id, user, groups, targets, keys, stays, .. } = plan;
    let names = [&user.name, &user.display_name].map(|name| shown_long(name));
    let state = user.states.join(", ");
    let _ = writeln!(
        out,
        "user {} ({}, {}), source {}, {}",
        shown_long(id),
        names[0],
        names[1],
        shown_long(&user.source),
        shown_long(&state)
    );
    let _ = writeln!(out, "  goes");
    if plan.lock {
        let _ = writeln!(out, "    lock the user");
    } else if plan.is_locked {
        let _ = writeln!(out, "    (the user is locked already, and will stay so)");
    }
    for group in groups {
        let reaches = if group.reaches.is_empty() { "nothing" } else { &group.reaches };
        let text = format!("user group {} ({}): {reaches}", group.id, group.name);
        let _ = writeln!(out, "    leave {}", shown_long(&text));
    }
    for target in targets.iter().take(SHOWN) {
        let _ = writeln!(out, "    revoke {} with all accounts", shown_long(target));
    }
    if targets.len() > SHOWN {
        let more = things(targets.len() - SHOWN, "more target", "more targets");
        let _ = writeln!(out, "    revoke {more}");
    }
    for key in keys {
        let text = format!("{} ({})", key.id, key.name);
        let _ = writeln!(out, "    delete public key {}; this cannot be undone", shown_long(&text));
    }
    if stays.is_empty() {
        return;
    }
    let _ = writeln!(out, "  stays");
    for staying in stays {
        let _ = writeln!(out, "    {}", shown_long(&staying.what));
        if !staying.remedy.is_empty() {
            let _ = writeln!(out, "      to remove it: {}", shown_long(&staying.remedy));
        }
    }
}

/// The result of an offboarding: the JSON of `offboard --json`. Members are only ever added.
#[derive(Debug, Clone, Serialize)]
pub struct OffboardingReport {
    /// The exit code.
    pub exit_code: Exit,
    /// Whether it was a rehearsal, in which nothing was changed.
    pub rehearsal: bool,
    /// The ids of the users.
    pub users: Vec<String>,
    /// Users that were locked before.
    pub locked_before: Vec<String>,
    /// The steps by kind and state.
    pub steps: BTreeMap<&'static str, BTreeMap<&'static str, u64>>,
    /// Steps that are not known to be done, with the reason.
    pub open_steps: Vec<String>,
    /// The users that are locked, as read back.
    pub locked: Vec<String>,
    /// Rows of the revocations.
    pub rows: usize,
    /// The exit code of the revocations; `None` if there was nothing to revoke.
    pub revocation_exit_code: Option<Exit>,
    /// What was read back; `None` if the offboarding stopped before.
    pub verification: Option<VerificationReport>,
    /// The files that were written.
    pub files: Vec<String>,
    /// The bundle of `--evidence`, if it was written.
    pub evidence: Option<Written>,
}

/// The name of a kind of step in the JSON summary.
pub fn kind_name(kind: StepKind) -> &'static str {
    match kind {
        StepKind::Lock => "lock",
        StepKind::LeaveGroup => "leave_group",
        StepKind::DeleteKey => "delete_key",
        StepKind::JoinGroup => "join_group",
        StepKind::Unlock => "unlock",
    }
}

/// The name of a state in the JSON summary.
pub fn state_name(state: StepState) -> &'static str {
    match state {
        StepState::Done => "done",
        StepState::PossiblyDone => "possibly_done",
        StepState::Already => "already",
        StepState::NotFound => "not_found",
        StepState::Failed => "failed",
        StepState::Unknown => "unknown",
    }
}

/// Which steps are sent now.
pub fn sending(kind: StepKind, steps: usize) -> String {
    let users = || things(steps, "user", "users");
    match kind {
        StepKind::Lock => format!("Locking {}", users()),
        StepKind::Unlock => format!("Unlocking {}", users()),
        StepKind::LeaveGroup => {
            format!("Removing {}", things(steps, "user group membership", "user group memberships"))
        }
        StepKind::JoinGroup => {
            format!("Adding {}", things(steps, "user group membership", "user group memberships"))
        }
        StepKind::DeleteKey => {
            format!("Deleting {}", things(steps, "public key", "public keys"))
        }
    }
}

/// Whether a person has to look at a step: it is not known to be done, or its object does not exist.
pub fn is_open(state: StepState) -> bool {
    !state.holds() || state == StepState::NotFound
}

/// A step with its result, for people.
pub fn result_text(result: &StepResult) -> String {
    let step = &result.step;
    let what = match step.kind {
        StepKind::Lock => format!("lock of user {}", step.user),
        StepKind::LeaveGroup => format!("user {} in user group {}", step.user, step.object),
        StepKind::JoinGroup => format!("user {} into user group {}", step.user, step.object),
        StepKind::Unlock => format!("unlock of user {}", step.user),
        StepKind::DeleteKey => format!("public key {} of user {}", step.object, step.user),
    };
    let state = match result.state {
        StepState::Done => "done",
        StepState::PossiblyDone => "done, perhaps by an earlier attempt of this offboarding",
        StepState::Already => "was so before",
        StepState::NotFound => "does not exist",
        StepState::Failed => "NOT done",
        StepState::Unknown => "not known",
    };
    let message =
        if result.message.is_empty() { String::new() } else { format!(": {}", result.message) };
    shown_long(&format!("{what}: {state}{message}"))
}

impl OffboardingReport {
    /// For a terminal.
    pub fn text(&self) -> String {
        let mut out = String::new();
        let users = things(self.users.len(), "user", "users");
        let _ = match self.exit_code {
            Exit::Done if self.rehearsal => {
                writeln!(out, "Rehearsed: {users} would be offboarded")
            }
            Exit::Done => writeln!(out, "Offboarded {users}"),
            Exit::AccessFound => {
                writeln!(out, "NOT finished: {users}, and access is still granted")
            }
            _ => writeln!(out, "NOT finished: {users}, and not everything is done or checked"),
        };
        for (kind, label) in [
            ("lock", "locks"),
            ("leave_group", "memberships removed"),
            ("delete_key", "public keys deleted"),
        ] {
            for (state, steps) in self.steps.get(kind).into_iter().flatten() {
                entry(&mut out, &format!("{label}: {}", state.replace('_', " ")), *steps, "");
            }
        }
        entry(&mut out, "users locked, as read back", self.locked.len() as u64, "");
        for step in &self.open_steps {
            let _ = writeln!(out, "  {step}");
        }
        if let Some(verification) = &self.verification {
            out.push_str(&verification.text());
        }
        let _ = writeln!(out, "Files: {}", self.files.join(", "));
        if let Some(evidence) = &self.evidence {
            out.push_str(&evidence.text());
        }
        let _ = writeln!(out, "Next: {}", self.next());
        out
    }

    fn next(&self) -> String {
        if self.rehearsal {
            return "nothing was changed; run without --rehearse to offboard".to_owned();
        }
        let mut next = Vec::new();
        if !self.open_steps.is_empty() {
            next.push(match self.evidence {
                Some(_) => {
                    "correct the cause of each step above, then run the same command again with \
                     another --evidence; it repeats only the steps that are not done"
                }
                None => {
                    "correct the cause of each step above, then run the same command again; it \
                     repeats only the steps that are not done"
                }
            });
        }
        let rows = |name| {
            let rows =
                self.verification.as_ref().and_then(|verification| verification.rows.get(name));
            rows.is_some_and(|rows| *rows > 0)
        };
        if rows("still") {
            next.push("find out who granted the access, and offboard again with another --out");
        }
        if rows("elsewhere") {
            next.push("close the other routes of the rows that are elsewhere");
        }
        if rows("unchecked") {
            next.push("verify the outcome again, for the rows that are unchecked");
        }
        if self.revocation_exit_code.is_some_and(|exit| exit != Exit::Done) {
            next.push("read the code and message of the rows that are not revoked");
        }
        let remains = |verification: &VerificationReport| {
            verification.users.iter().any(|user| !user.remains.is_empty())
        };
        if self.verification.as_ref().is_some_and(remains) {
            next.push("decide on what remains");
        }
        if next.is_empty() { "nothing".to_owned() } else { next.join("; then ") }
    }
}
