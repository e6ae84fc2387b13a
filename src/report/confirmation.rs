//! What the prompt shows before the confirmation.

use super::text::{count, of_action, things};
use crate::input::shown;
use crate::model::Action;
use crate::plan::largest::{Largest, NAMED};
use crate::plan::summary::Summary;
use std::fmt::Write as _;

/// The grantees with most revocations and the whole targets, in a few lines.
pub fn of_largest(largest: &Largest<'_>, plan: &Summary) -> String {
    let (one, many) = of_action(plan.action);
    let mut out = format!("Most {many}:\n");
    let mut many_instances = largest.most_affected.iter().map(|affected| affected.instance_id);
    let first = many_instances.next();
    let names_instance = many_instances.any(|instance| Some(instance) != first);
    for affected in &largest.most_affected {
        let on = if names_instance {
            format!(" on {}", shown(affected.instance_id))
        } else {
            String::new()
        };
        let (kind, id) = (affected.grantee.kind.name(), shown(affected.grantee.id));
        let loses = things(affected.revocations, one, many);
        let _ = writeln!(out, "  {kind} {id}{on}: {loses}");
    }
    and_more(&mut out, plan.users + plan.user_groups, "user", "users");
    if !largest.whole_targets.is_empty() {
        out.push_str(match plan.action {
            Action::Detach => "Targets revoked completely:\n",
            Action::Attach => "Targets without an account:\n",
        });
    }
    for whole in &largest.whole_targets {
        let (kind, id) = (whole.grantee.kind.name(), shown(whole.grantee.id));
        let _ = writeln!(out, "  {} {} of {kind} {id}", whole.kind, shown(whole.target));
    }
    and_more(&mut out, plan.whole_targets, "target", "targets");
    out
}

fn and_more(out: &mut String, all: usize, one: &str, many: &str) {
    if let Some(more @ 1..) = all.checked_sub(NAMED) {
        let _ = writeln!(
            out,
            "  and {} more {}",
            count(more as u64),
            if more == 1 { one } else { many }
        );
    }
}
