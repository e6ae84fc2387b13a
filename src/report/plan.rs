//! The plan, for people.

use super::text::{count, entry, length, of_action, shown_long, things};
use crate::engine::rate_controller::DEFAULT_CEILING_PER_S;
use crate::ledger::{Fingerprint, JobSpec};
use crate::model::Action;
use crate::plan::summary::Summary;
use std::fmt::Write as _;

/// Prints what a run would do.
pub fn of_plan(plan: &Summary, rate_per_s: f64) -> String {
    let requests = plan.total_requests();
    let (one, many) = of_action(plan.action);
    // Above the default rate the quota is unknown.
    let is_unknown = rate_per_s > DEFAULT_CEILING_PER_S;
    let mut out = format!(
        "Plan: {} in {}, {} {} at {}{rate_per_s}/s for each operation\n",
        things(plan.revocations, one, many),
        things(requests, "request", "requests"),
        if is_unknown { "at least" } else { "about" },
        length(plan.seconds),
        if is_unknown { "up to " } else { "" },
    );
    let mut line = |label: &str, number: usize, remark: &str| {
        entry(&mut out, label, number as u64, remark);
    };
    line("rows", plan.rows, "");
    let parts = [
        ("  invalid, skipped", plan.invalid),
        ("  protected, skipped", plan.protected),
        ("  carried over unchanged", plan.carried),
        ("  duplicate or covered by a whole target", plan.duplicates),
    ];
    for (label, number) in parts.into_iter().filter(|(_, number)| *number > 0) {
        line(label, number, "");
    }
    if plan.users > 0 {
        line("users", plan.users, "");
    }
    if plan.user_groups > 0 {
        line("user groups", plan.user_groups, "");
    }
    line("targets", plan.targets, "hosts, host groups and databases");
    line(pairs(plan), plan.whole_targets + plan.targets_kept, "");
    for (label, number, remark) in of_targets(plan) {
        if number > 0 {
            line(label, number, remark);
        }
    }
    for (operation, requests) in &plan.requests {
        line(operation, *requests, if *requests == 1 { "request" } else { "requests" });
    }
    if plan.targets_kept > 0 && plan.action.is_detach() {
        let _ = write!(
            out,
            "In {} only accounts are revoked: the user keeps the target and may still log on to it\n\
             without an account. To revoke a target completely, use * as its account.\n",
            things(plan.targets_kept, "pair", "pairs"),
        );
    }
    out
}

/// What `whole_targets` and `targets_kept` count: two users on one host are two pairs.
fn pairs(plan: &Summary) -> &'static str {
    match (plan.users, plan.user_groups) {
        (_, 0) => "pairs of user and target",
        (0, _) => "pairs of user group and target",
        _ => "pairs of user or user group and target",
    }
}

/// The lines about the pairs: label, number and remark.
fn of_targets(plan: &Summary) -> [(&'static str, usize, &'static str); 2] {
    match plan.action {
        Action::Detach => [
            ("  revoked completely", plan.whole_targets, "with every account on them"),
            ("  accounts only", plan.targets_kept, "the target itself stays granted, see below"),
        ],
        Action::Attach => [
            ("  without an account", plan.whole_targets, "as they were granted before"),
            ("  with accounts", plan.targets_kept, ""),
        ],
    }
}

/// The line with the fingerprint of the plan.
pub fn fingerprint(fingerprint: &Fingerprint) -> String {
    format!("Fingerprint: {fingerprint}")
}

/// The line about a plan that was saved.
pub fn saved(path: &str, fingerprint: Option<&Fingerprint>) -> String {
    let fingerprint = fingerprint.map(ToString::to_string).unwrap_or_default();
    let path = shown_long(path);
    format!(
        "Saved: {path}\nNext: have it approved, then bastion-revoke run --plan {path} --approve \
         {fingerprint}"
    )
}

/// The lines about a saved plan that was opened: when and from what it was made.
pub fn opened(path: &str, saved_at: &str, job: &JobSpec) -> String {
    let mut out = format!(
        "{}: saved {} by version {}, not changed since\n",
        shown_long(path),
        shown_long(saved_at),
        shown_long(&job.version)
    );
    for input in &job.inputs {
        let _ = writeln!(out, "  list {}, {} bytes", shown_long(&input.name), count(input.len));
    }
    for (option, value) in job.shaping_options() {
        if !value.is_empty() && value != "false" {
            let _ = writeln!(out, "  {option} {}", shown_long(&value));
        }
    }
    out
}

/// The line about names that were looked up, and the listings that this takes.
pub fn names(names: usize, listings: usize) -> String {
    format!(
        "{} looked up in {} of the API",
        things(names, "name", "names"),
        things(listings, "listing", "listings")
    )
}

/// The line about a resumed run, with the least time that the rest takes, if that is known.
pub fn resumed(action: Action, settled: usize, grants: usize, left_s: Option<f64>) -> String {
    let left = left_s.filter(|left_s| *left_s > 0.0);
    format!(
        "Resuming: {} of {} {} are settled{}",
        count(settled as u64),
        count(grants as u64),
        of_action(action).1,
        left.map_or_else(String::new, |left_s| format!(
            "; the rest takes at least {}",
            length(left_s)
        ))
    )
}
