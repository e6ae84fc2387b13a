//! What changed between a saved plan and one that is made now.

use super::job::Job;
use crate::exit::Failure;
use crate::input::{Resolution, Resolutions, shown};
use crate::ledger::Fingerprint;
use crate::model::{Account, Grant};
use crate::plan::Plan;
use crate::report::text::{count, things};
use serde::Serialize;
use std::collections::HashSet;
use std::fmt::Write as _;

/// How many revocations and names are shown for each kind of change; all are counted.
const SHOWN: usize = 20;

/// As JSON, which is read by programs.
const SHOWN_JSON: usize = 1000;

/// The differences between two plans: the JSON of `plan --diff --json`. Members are only ever added.
#[derive(Debug, Serialize)]
pub struct PlanDiff {
    /// Whether both plans are the same.
    same: bool,
    /// The fingerprint of the saved plan.
    saved_fingerprint: Option<Fingerprint>,
    /// The fingerprint of the plan made now.
    fingerprint: Option<Fingerprint>,
    /// Differences of settings, sizes and digests, each as a phrase.
    differences: Vec<String>,
    /// Revocations that only the plan made now has; `row` is a row of the list.
    added: Changes,
    /// Revocations that only the saved plan has; `row` is a row of the saved list.
    removed: Changes,
    /// Names with another id, or only in one of the plans.
    names: Vec<NameChange>,
}

#[derive(Debug, Default, Serialize)]
struct Changes {
    count: usize,
    /// The first ones.
    revocations: Vec<Revocation>,
}

#[derive(Debug, Serialize)]
struct Revocation {
    row: usize,
    instance_id: String,
    region: String,
    grantee_kind: &'static str,
    grantee: String,
    kind: &'static str,
    target: String,
    /// `*` for the whole target.
    account: String,
}

#[derive(Debug, Serialize)]
struct NameChange {
    name: String,
    saved: Option<String>,
    now: Option<String>,
}

impl PlanDiff {
    /// Compares a plan with a saved one.
    pub fn between(saved: &mut Job, now: &mut Job) -> Result<Self, Failure> {
        let (then, spec) = (saved.spec()?.clone(), now.spec()?.clone());
        let same = then.fingerprint == spec.fingerprint;
        let names = |job: &Job| job.names().cloned().unwrap_or_default();
        Ok(Self {
            same,
            differences: if same { Vec::new() } else { then.differences(&spec) },
            saved_fingerprint: then.fingerprint,
            fingerprint: spec.fingerprint,
            added: Changes::only_in(&now.plan, &saved.plan),
            removed: Changes::only_in(&saved.plan, &now.plan),
            names: name_changes(&names(saved), &names(now)),
        })
    }

    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.same
    }

    /// The differences for people.
    pub fn text(&self) -> String {
        let text = |of: &Option<Fingerprint>| of.as_ref().map(ToString::to_string);
        let saved = text(&self.saved_fingerprint).unwrap_or_default();
        if self.same {
            return format!("Nothing changed: the fingerprint is still {saved}\n");
        }
        let now = text(&self.fingerprint).unwrap_or_default();
        // Writing to a string cannot fail.
        let mut out = format!("Changed: the saved plan is {saved}, this one is {now}\n");
        for difference in &self.differences {
            let _ = writeln!(out, "  {}", shown(difference));
        }
        for (sign, what, changes) in
            [('+', "only now", &self.added), ('-', "only in the saved plan", &self.removed)]
        {
            if changes.count == 0 {
                continue;
            }
            let _ = writeln!(out, "{}, {what}", things(changes.count, "revocation", "revocations"));
            for revocation in changes.revocations.iter().take(SHOWN) {
                let _ = writeln!(out, "  {sign} {}", revocation.text());
            }
            and_more(&mut out, changes.count);
        }
        if !self.names.is_empty() {
            let _ = writeln!(out, "{} with another id", things(self.names.len(), "name", "names"));
            for change in self.names.iter().take(SHOWN) {
                let id = |id: &Option<String>| id.as_deref().map_or("none".to_owned(), shown);
                let _ = writeln!(
                    out,
                    "  {}: {} in the saved plan, {} now",
                    shown(&change.name),
                    id(&change.saved),
                    id(&change.now)
                );
            }
            and_more(&mut out, self.names.len());
        }
        out
    }
}

fn and_more(out: &mut String, all: usize) {
    if let Some(more @ 1..) = all.checked_sub(SHOWN) {
        let _ = writeln!(out, "  and {} more", count(more as u64));
    }
}

impl Changes {
    fn only_in(one: &Plan, other: &Plan) -> Self {
        let others: HashSet<Grant<'_>> =
            (0..other.grants()).map(|grant| grant_of(other, grant)).collect();
        let mut changes = Self::default();
        for row in 0..one.rows().len() {
            let Some((grant, standing)) = one.rows().get(row) else { continue };
            let grant = grant_of(one, grant as usize);
            if standing != row || others.contains(&grant) {
                continue;
            }
            changes.count += 1;
            if changes.revocations.len() < SHOWN_JSON {
                changes.revocations.push(Revocation::of(row + 1, &grant));
            }
        }
        changes
    }
}

fn grant_of(plan: &Plan, grant: usize) -> Grant<'_> {
    let grant = u32::try_from(grant).unwrap_or(u32::MAX);
    let scope = plan.scope_names(plan.request_of(grant));
    let (target, account) = plan.item(grant);
    Grant {
        instance_id: scope.instance_id,
        region: scope.region,
        grantee: scope.grantee,
        kind: scope.kind,
        target,
        account,
    }
}

impl Revocation {
    fn of(row: usize, grant: &Grant<'_>) -> Self {
        Self {
            row,
            instance_id: grant.instance_id.to_owned(),
            region: grant.region.to_owned(),
            grantee_kind: grant.grantee.kind.name(),
            grantee: grant.grantee.id.to_owned(),
            kind: grant.kind.name(),
            target: grant.target.to_owned(),
            account: match grant.account {
                Account::Whole => "*".to_owned(),
                Account::Named(account) => account.to_owned(),
            },
        }
    }

    fn text(&self) -> String {
        format!(
            "row {}: {} {}, {} {}, account {}, on {}",
            self.row,
            self.grantee_kind,
            shown(&self.grantee),
            self.kind,
            shown(&self.target),
            shown(&self.account),
            shown(&self.instance_id)
        )
    }
}

/// The names whose ids differ, or that only one of the plans has.
fn name_changes(saved: &Resolutions, now: &Resolutions) -> Vec<NameChange> {
    let id = |resolution: Option<&Resolution>| match resolution {
        Some(Resolution::Id(id)) => Some(id.clone()),
        _ => None,
    };
    let only_now = now.iter().filter(|(query, _)| saved.get(query).is_none());
    let all = saved.iter().chain(only_now).map(|(query, _)| query);
    all.map(|query| NameChange {
        name: query.to_string(),
        saved: id(saved.get(query)),
        now: id(now.get(query)),
    })
    .filter(|change| change.saved != change.now)
    .collect()
}
