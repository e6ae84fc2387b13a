//! What the template shows, as JSON.

use super::blocks::{BLOCK_ROWS, script_json};
use super::chart::Chart;
use super::facts::Facts;
use super::overview::Overview;
use super::remedy::Remedy;
use super::steps::Steps;
use super::tables::Table;
use super::texts::{Texts, fill, of, time};
use super::timeline::Timeline;
use super::verified::Verified;
use super::{MOST_LISTED_ROWS, Page, PageError};
use crate::clock::utc_seconds;
use crate::ledger::{Approval, JobSpec};
use crate::model::Status;
use crate::report::run_status::RunState;
use crate::report::text::count;
use serde_json::{Value, json};

/// Reasons that the page lists.
const MOST_REASONS: usize = 30;

/// What the page is made of.
pub(super) struct View<'a> {
    pub(super) page: &'a Page<'a>,
    pub(super) texts: &'a Texts,
    pub(super) facts: Option<&'a Facts>,
    pub(super) state: Option<RunState>,
    pub(super) overview: &'a Overview,
    pub(super) timeline: &'a Timeline,
    pub(super) steps: &'a Steps,
    pub(super) tables: &'a [Table],
}

impl View<'_> {
    /// Everything that the template reads.
    pub(super) fn json(&self) -> Result<Value, PageError> {
        let Self { page, overview, .. } = self;
        let (rows, done) = (overview.tally.rows(), overview.done);
        let is_verified = overview.by_verified.iter().any(|rows| *rows > 0);
        let room = MOST_LISTED_ROWS.max(overview.remaining());
        Ok(json!({
            "outcome": name_of(page.outcome),
            "made_at": utc_seconds(page.now),
            "version": env!("CARGO_PKG_VERSION"),
            "rows": rows,
            "done": done,
            "remaining": overview.remaining(),
            "users": overview.users.len(),
            "unlisted": rows.saturating_sub(room),
            "is_rehearsed": overview.is_rehearsed,
            "is_verified": is_verified,
            "verified_at": overview.verified_at,
            "state": self.state(),
            "other_rows": self.facts.map(|facts| facts.job.size.rows as u64).filter(|n| *n != rows),
            "statuses": self.statuses(),
            "verified": self.verified(),
            "facts": self.fact_list(),
            "steps": self.steps.json(self.texts),
            "open_steps": self.steps.open(),
            "reasons": self.reasons(),
            "unlisted_reasons": overview.reasons.len().saturating_sub(MOST_REASONS),
            "chart": Chart::of(self.timeline),
            "tables": self.table_list(),
            "script_texts": script_json(&self.script_texts())?,
            "script_tables": script_json(&self.tables)?,
        }))
    }

    /// How the run stands, if its ledger says so.
    fn state(&self) -> Option<Value> {
        let (facts, state) = (self.facts?, self.state?);
        let last = &facts.status.last_run;
        let text = match (state, last.ended_at, last.exit_code) {
            (RunState::Running, ..) => self.texts.page("running", &[]),
            (_, Some(ended), Some(code)) => {
                let ended = time(&utc_seconds(ended));
                let code = code.to_string();
                self.texts.page("ended", &[&ended, &code, of(&self.texts.exit, &code)])
            }
            _ => self.texts.page("killed", &[]),
        };
        let is_open = facts.status.left > 0;
        Some(json!({ "text": text, "is_open": is_open, "causes": last.causes }))
    }

    fn statuses(&self) -> Vec<Value> {
        let rows = self.overview.tally.rows();
        let mut x = 0.0;
        let used = Status::ALL.into_iter().filter(|status| self.overview.tally.of(*status) > 0);
        let shares = used.map(|status| {
            let count = self.overview.tally.of(status);
            let width = share(count, rows);
            let part = json!({
                "name": status.name(),
                "label": of(&self.texts.status, status.name()),
                "meaning": of(&self.texts.meaning, status.name()),
                "rows": count,
                "share": percent(width),
                "x": format!("{x:.3}"),
                "width": format!("{width:.3}"),
            });
            x += width;
            part
        });
        shares.collect()
    }

    fn verified(&self) -> Vec<Value> {
        let each = Verified::ALL.into_iter().map(|verified| {
            json!({
                "name": verified.name(),
                "label": of(&self.texts.verified, verified.name()),
                "rows": self.overview.by_verified[verified as usize],
            })
        });
        each.collect()
    }

    fn reasons(&self) -> Vec<Value> {
        let mut reasons: Vec<_> = self.overview.reasons.iter().collect();
        reasons.sort_by_key(|(_, reason)| std::cmp::Reverse(reason.rows));
        let shown = reasons.into_iter().take(MOST_REASONS);
        let each = shown.map(|((status, verified, action, code), reason)| {
            let verified = verified.map(|verified| of(&self.texts.verified, verified.name()));
            json!({
                "status": status.name(),
                "label": of(&self.texts.status, status.name()),
                "verified": verified,
                "code": code,
                "rows": reason.rows,
                "message": reason.message,
                "action": self.action(*action),
            })
        });
        each.collect()
    }

    fn action(&self, action: Remedy) -> String {
        fill(of(&self.texts.action, action.name()), &[&name_of(self.page.outcome)])
    }

    /// What was asked, by whom, when and where: labels and values.
    fn fact_list(&self) -> Vec<Value> {
        let texts = self.texts;
        let unknown = || texts.page("not_recorded", &[]);
        let mut named: Vec<(&str, String)> = Vec::new();
        let instances = self.instances();
        if let Some(facts) = self.facts {
            let (job, size) = (&facts.job, &facts.job.size);
            let inputs: Vec<&str> = job.inputs.iter().map(|input| input.name.as_str()).collect();
            named.push(("list", inputs.join(", ")));
            named.push(("asked", {
                let [rows, grants, requests] =
                    [size.rows, size.grants, size.requests].map(|n| count(n as u64));
                texts.page("asked", &[&rows, &grants, &requests])
            }));
            named.push(("instance", instances.unwrap_or_else(unknown)));
            named.push(("region", job.options.region.clone()));
            named.extend(job.identity.endpoint.clone().map(|endpoint| ("endpoint", endpoint)));
            named.push(("caller", self.callers(facts).unwrap_or_else(unknown)));
            let started = facts.started_at().map(|at| time(&utc_seconds(at)));
            named.push(("started", started.unwrap_or_else(unknown)));
            named.push(("runs", count(facts.status.runs)));
            let status = &facts.status;
            let [sent, throttled, lost] =
                [status.sent, status.throttled, status.lost + status.unanswered].map(count);
            named.push(("requests", texts.page("sent", &[&sent, &throttled, &lost])));
            named.extend(self.options().map(|options| ("options", options)));
            named.push(("version", job.version.clone()));
            named.extend(job.fingerprint.as_ref().map(|plan| ("fingerprint", plan.to_string())));
            named.extend(self.approval(job).map(|text| ("approval", text)));
            named.push(("input_digest", job.identity.input_sha256.clone()));
            named.push(("plan_digest", job.identity.plan_sha256.clone()));
        } else {
            named.extend(instances.map(|instances| ("instance", instances)));
        }
        let each = named
            .into_iter()
            .map(|(name, value)| json!({ "label": of(&texts.fact, name), "value": value }));
        each.collect()
    }

    /// How the plan was approved, if it was.
    fn approval(&self, job: &JobSpec) -> Option<String> {
        Some(match job.approval.as_ref()? {
            Approval::Fingerprint => self.texts.page("approved_fingerprint", &[]),
            Approval::Signature(key) => self.texts.page("approved_signature", &[key]),
        })
    }

    /// Who called, each once: by the ARN if STS gave it, else by the key.
    fn callers(&self, facts: &Facts) -> Option<String> {
        let mut all: Vec<String> = Vec::new();
        for caller in facts.runs.iter().filter_map(|run| run.caller.as_ref()) {
            let text = match &caller.arn {
                Some(arn) => arn.clone(),
                None => self.texts.page("caller_by_key", &[&caller.access_key_id, &caller.source]),
            };
            if !all.contains(&text) {
                all.push(text);
            }
        }
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// The instances of the rows, and the one of rows that name none.
    fn instances(&self) -> Option<String> {
        let by_rows = self.overview.instances.iter().map(String::as_str);
        let default = self.facts.and_then(|facts| facts.job.options.instance_id.as_deref());
        let default = default.filter(|id| !self.overview.instances.contains(*id));
        let mut all: Vec<&str> = by_rows.chain(default).collect();
        all.extend(self.overview.has_more_instances.then_some("..."));
        (!all.is_empty()).then(|| all.join(", "))
    }

    /// The options that shaped the job, as they are written on the command line.
    fn options(&self) -> Option<String> {
        let job = &self.facts?.job;
        let options = &job.options;
        let mut all = Vec::new();
        if let Some(only) = &job.identity.only {
            let names: Vec<&str> = only.iter().map(|status| status.name()).collect();
            all.push(format!("--only {}", names.join(",")));
        }
        all.extend(options.map.iter().map(|(field, column)| format!("--map {field}={column}")));
        all.extend(options.encoding.iter().map(|encoding| format!("--encoding {encoding}")));
        all.extend(options.protect.iter().map(|file| format!("--protect {file}")));
        let switches = [
            ("--skip-invalid", options.skip_invalid),
            ("--skip-protected", options.skip_protected),
            ("--excel", options.excel),
        ];
        let on = switches.into_iter().filter(|(_, is_on)| *is_on);
        all.extend(on.map(|(name, _)| name.to_owned()));
        (!all.is_empty()).then(|| all.join(" "))
    }

    fn table_list(&self) -> Vec<Value> {
        let each = self.tables.iter().map(|table| {
            let shown = table.shown.iter().enumerate().map(|(at, shown)| {
                let label = of(&self.texts.column, shown.name);
                json!({ "label": label, "is_number": shown.is_number, "at": at })
            });
            json!({ "name": table.name, "shown": shown.collect::<Vec<_>>() })
        });
        each.collect()
    }

    fn script_texts(&self) -> Value {
        let texts = self.texts;
        let actions: serde_json::Map<String, Value> = texts
            .action
            .iter()
            .map(|(key, text)| (key.clone(), fill(text, &[&name_of(self.page.outcome)]).into()))
            .collect();
        json!({
            "language": self.page.language.tag(),
            "block_rows": BLOCK_ROWS,
            "script": texts.script,
            "status": texts.status,
            "verified": texts.verified,
            "action": actions,
            "grantee": texts.grantee,
            "route": texts.route,
            "column": texts.column,
        })
    }
}

fn name_of(path: &std::path::Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[expect(clippy::cast_precision_loss, reason = "a share for people")]
fn share(count: u64, of: u64) -> f64 {
    if of == 0 { 0.0 } else { count as f64 * 100.0 / of as f64 }
}

/// A share for people: never 0 of something, nor 100 of less than all.
fn percent(share: f64) -> String {
    match share {
        share if share < 0.1 => "< 0.1 %".to_owned(),
        share if share > 99.9 && share < 100.0 => "> 99.9 %".to_owned(),
        share => format!("{share:.1} %"),
    }
}
