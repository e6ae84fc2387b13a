//! A batch: entries that are planned and sent together, like the rows of a file.

use super::entry::Entry;
use super::message::{self, Message, MessageError, WorkUnit};
use crate::grants::Collector;
use crate::input::Options;
use crate::ledger::{AttemptResult, AttemptState, GrantSet};
use crate::plan::{GrantId, Plan};
use crate::verdicts::Verdicts;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// An entry with valid grants.
#[derive(Debug, Clone)]
pub struct BatchEntry {
    /// Its id in the stream.
    pub id: String,
    /// Its grants, in its own order.
    pub grants: Vec<GrantId>,
    /// The id of the entry whose row is the same grant and is sent for both, if there is one.
    pub duplicate_of: Option<String>,
    /// Its fields as JSON, for its outcome; empty if they are too long.
    pub row_json: String,
    /// Its unit, unless it is a row.
    pub unit: Option<Arc<WorkUnit>>,
    /// The number of sendings by earlier workers, and of those without a recorded answer.
    pub before: (u32, u32),
}

/// An entry that cannot be executed.
#[derive(Debug, Clone)]
pub struct RejectedEntry {
    /// Its id in the stream.
    pub id: String,
    /// Why.
    pub error: MessageError,
    /// Its fields as JSON, for its outcome; empty if they are too long.
    pub row_json: String,
    /// Its unit, if it could be read.
    pub unit: Option<Arc<WorkUnit>>,
}

/// Entries with their plan.
#[derive(Debug)]
pub struct Batch {
    /// The requests for all of them.
    pub plan: Arc<Plan>,
    /// The entries, in their order.
    pub entries: Vec<BatchEntry>,
    /// For each grant, the indexes of its entries.
    pub entries_by_grant: Vec<Vec<usize>>,
}

/// Decodes entries and plans those that are valid. `check_region` checks that a region has an
/// endpoint.
pub fn plan(
    entries: &[Entry],
    options: &Options,
    check_region: impl Fn(&str) -> Result<(), String>,
) -> (Batch, Vec<RejectedEntry>) {
    let mut builder = BatchBuilder::new(options);
    let mut units = Vec::new();
    for entry in entries {
        let (message, row_json) = message::read(entry);
        let checked =
            message.and_then(|message| check(&message, options, &check_region).map(|()| message));
        match checked {
            Ok(Message::WorkUnit(unit)) => units.push((entry, unit)),
            Ok(message) => builder.add(entry, &message, row_json, None),
            Err(error) => {
                let (id, unit) = (entry.id.clone(), unit_of(entry));
                builder.rejected.push(RejectedEntry { id, error, row_json, unit });
            }
        }
    }
    // A unit stays one request, as it was planned, and is not merged with other entries.
    for (entry, unit) in units {
        builder.collector.barrier();
        let shared = Arc::new((*unit).clone());
        builder.add(entry, &Message::WorkUnit(unit), String::new(), Some(shared));
    }
    builder.finish()
}

/// An entry whose grants are in the collector.
struct Collected<'a> {
    entry: &'a Entry,
    rows: Range<usize>,
    row_json: String,
    unit: Option<Arc<WorkUnit>>,
}

/// Collects the grants of entries.
struct BatchBuilder<'a> {
    options: &'a Options,
    collector: Collector,
    collected: Vec<Collected<'a>>,
    rejected: Vec<RejectedEntry>,
    rows: usize,
}

impl<'a> BatchBuilder<'a> {
    fn new(options: &'a Options) -> Self {
        let (collected, rejected) = (Vec::new(), Vec::new());
        Self { options, collector: Collector::default(), collected, rejected, rows: 0 }
    }

    fn add(
        &mut self,
        entry: &'a Entry,
        message: &Message,
        row_json: String,
        unit: Option<Arc<WorkUnit>>,
    ) {
        match push(message, self.options, &mut self.collector) {
            Ok(pushed) => {
                let rows = self.rows..self.rows + pushed;
                self.rows = rows.end;
                self.collected.push(Collected { entry, rows, row_json, unit });
            }
            Err(error) => {
                let id = entry.id.clone();
                self.rejected.push(RejectedEntry { id, error, row_json, unit });
            }
        }
    }

    fn finish(self) -> (Batch, Vec<RejectedEntry>) {
        let plan = Plan::new(self.collector.finish());
        let mut entries_by_grant = vec![Vec::new(); plan.grants()];
        let mut owners = vec![String::new(); plan.rows().len()];
        for Collected { entry, rows, .. } in &self.collected {
            owners[rows.clone()].fill(entry.id.clone());
        }
        let mut entries = Vec::with_capacity(self.collected.len());
        for Collected { entry, rows, row_json, unit } in self.collected {
            let grants: Vec<(GrantId, usize)> =
                rows.filter_map(|row| plan.rows().get(row)).collect();
            for (grant, _) in &grants {
                entries_by_grant[*grant as usize].push(entries.len());
            }
            let owner = grants.first().map(|(_, first_row)| owners[*first_row].clone());
            entries.push(BatchEntry {
                id: entry.id.clone(),
                duplicate_of: owner.filter(|owner| *owner != entry.id && unit.is_none()),
                grants: grants.into_iter().map(|(grant, _)| grant).collect(),
                row_json,
                unit,
                before: (entry.sent, entry.doubt),
            });
        }
        (Batch { plan: Arc::new(plan), entries, entries_by_grant }, self.rejected)
    }
}

fn check(
    message: &Message,
    options: &Options,
    check_region: impl Fn(&str) -> Result<(), String>,
) -> Result<(), MessageError> {
    message::grants(message, options, |grant| {
        check_region(grant.region)
            .map_err(|message| MessageError { code: "bad_region".to_owned(), message })
    })
}

fn push(
    message: &Message,
    options: &Options,
    collector: &mut Collector,
) -> Result<usize, MessageError> {
    let mut pushed = 0;
    message::grants(message, options, |grant| {
        pushed += 1;
        let damaged = |error: crate::grants::TooManyRows| MessageError {
            code: "damaged".to_owned(),
            message: error.to_string(),
        };
        collector.push(grant).map_err(damaged)
    })?;
    Ok(pushed)
}

/// The unit of an entry with invalid grants, so that the outcome reaches its job.
fn unit_of(entry: &Entry) -> Option<Arc<WorkUnit>> {
    let (name, json) = entry.fields.first()?;
    let is_unit =
        name == message::UNIT_FIELD.as_bytes() && json.len() < crate::input::MAX_RECORD_BYTES;
    if is_unit { serde_json::from_slice(json).ok().map(Arc::new) } else { None }
}

impl BatchEntry {
    /// The name of its unit; empty for a row.
    pub fn unit_name(&self) -> String {
        self.unit.as_ref().map(|unit| unit.name()).unwrap_or_default()
    }
}

impl Batch {
    /// The state before anything is sent: the grants that earlier workers have sent. An attempt of
    /// another worker without a recorded answer counts as sent.
    pub fn start(&self, now: Timestamp) -> Verdicts {
        let mut verdicts = Verdicts::new(self.plan.grants());
        for (grant, entries_by_grant) in (0..).zip(&self.entries_by_grant) {
            let before = entries_by_grant.iter().map(|at| self.entries[*at].before);
            let (sent, doubt) = before.fold((0, 0), |a, b| (a.0.max(b.0), a.1.max(b.1)));
            for number in 0..sent {
                let state =
                    if number < sent - doubt { AttemptState::Stopped } else { AttemptState::Lost };
                verdicts.record(&GrantSet::range(grant..grant + 1), &unrecorded(state, now));
            }
        }
        verdicts
    }

    /// The entries of these grants, each once.
    pub fn entries_of(&self, grants: &GrantSet) -> BTreeSet<usize> {
        grants
            .iter()
            .flat_map(|grant| self.entries_by_grant[grant as usize].iter().copied())
            .collect()
    }
}

/// The result of a sending by a worker that ended before it recorded an answer.
pub fn unrecorded(state: AttemptState, now: Timestamp) -> AttemptResult {
    AttemptResult {
        state,
        last: false,
        code: "NoRecordedAnswer".into(),
        message: "a worker ended before an answer was recorded".to_owned(),
        request_id: String::new(),
        finished_at: now,
        exceptions: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::message::{UnitAccounts, Wildcard};
    use super::*;
    use crate::model::Status;

    fn entry(id: &str, fields: &[(&str, &str)]) -> Entry {
        let fields = fields.iter().map(|(n, v)| (n.as_bytes().to_vec(), v.as_bytes().to_vec()));
        Entry { id: id.to_owned(), fields: fields.collect(), deliveries: 1, sent: 0, doubt: 0 }
    }

    fn row(id: &str, user: &str, target: &str, account: &str) -> Entry {
        entry(id, &[("user", user), ("kind", "host"), ("target", target), ("account", account)])
    }

    fn options() -> Options {
        Options { default_instance_id: Some("i".to_owned()), ..Options::default() }
    }

    fn planned(entries: &[Entry]) -> (Batch, Vec<RejectedEntry>) {
        plan(entries, &options(), |_| Ok(()))
    }

    #[test]
    fn rows_are_packed_and_duplicates_name_their_first_row() {
        let json = r#"{"user":"7","kind":"host","target":"2","account":"1"}"#;
        let entries = [
            row("1-0", "7", "1", "1"),
            entry("2-0", &[("row", json), ("ticket", "T-1")]),
            row("3-0", "7", "1", "1"),
        ];
        let (batch, rejected) = planned(&entries);
        assert!(rejected.is_empty(), "{rejected:?}");
        assert_eq!((batch.plan.requests(), batch.plan.grants()), (1, 2));
        let standing: Vec<_> = batch.entries.iter().map(|m| m.duplicate_of.as_deref()).collect();
        assert_eq!(standing, [None, None, Some("1-0")]);
        assert_eq!(batch.entries[1].row_json, format!("{{\"ticket\":\"T-1\",{}", &json[1..]));
    }

    #[test]
    fn a_unit_is_sent_as_the_planned_request() {
        let unit = |first: u32, target: &str| WorkUnit {
            job: "j".to_owned(),
            grants: vec![(first, first + 1)],
            attempt: 1,
            instance_id: "i".to_owned(),
            region: "cn-hangzhou".to_owned(),
            user: Some("7".to_owned()),
            user_group: None,
            kind: "host".to_owned(),
            targets: vec![
                (target.to_owned(), UnitAccounts::Listed(vec!["9".to_owned()])),
                ("50".to_owned(), UnitAccounts::Whole(Wildcard::All)),
            ],
        };
        let json = |unit: &WorkUnit| serde_json::to_string(unit).unwrap();
        let entries = [
            row("1-0", "7", "60", "1"),
            entry("2-0", &[("_unit", &json(&unit(0, "60")))]),
            entry("3-0", &[("_unit", &json(&unit(2, "40")))]),
        ];
        let (batch, rejected) = planned(&entries);
        assert!(rejected.is_empty(), "{rejected:?}");
        assert_eq!((batch.plan.requests(), batch.plan.grants()), (3, 5));
        let sizes: Vec<usize> = batch.entries.iter().map(|m| m.grants.len()).collect();
        assert_eq!(sizes, [1, 2, 2]);
        // Grants are in the unit's own order, independent of the plan.
        let targets: Vec<&str> =
            batch.entries[1].grants.iter().map(|g| batch.plan.item(*g).0).collect();
        assert_eq!(targets, ["60", "50"]);
    }

    #[test]
    fn invalid_messages_have_distinct_codes_and_leave_the_others_alone() {
        let wide: Vec<String> = (0..1000).map(|n| format!("\"{n}\"")).collect();
        let wide = wide.join(",");
        let unit = r#"{"job":"j","grants":[[0,0]],"attempt":1,"instance_id":"i","region":"r","user":"7","kind":"host","targets":[["1",LIST]]}"#;
        let many = unit.replace("LIST", &format!("[{wide}]"));
        let array = format!(r#"{{"user":"7","kind":"host","target":"1","account":[{wide}]}}"#);
        let huge = "x".repeat(2 << 20);
        let bytes =
            Entry { fields: vec![(b"user".to_vec(), vec![0xff, 0xfe])], ..row("x", "", "", "") };
        let cases: Vec<(Entry, &str)> = vec![
            (row("a", "7", "1", ""), "blank_account"),
            (row("b", "7\u{1}", "1", "1"), "control_character"),
            (row("c", "*", "1", "1"), "wildcard"),
            (entry("d", &[("row", "[1,2]")]), "not_an_object"),
            (entry("e", &[("row", "{\"user\":")]), "bad_json"),
            (entry("f", &[("row", "{\"user\":\"7\nx\"}")]), "bad_json"),
            (entry("g", &[("row", r#"{"user":"7"}"#), ("user", "8")]), "repeated_member"),
            (entry("h", &[("row", &array)]), "several_values"),
            (entry("i", &[("user", &huge)]), "too_long"),
            (entry("j", &[("_unit", &many)]), "bad_unit"),
            (entry("k", &[("_unit", &unit.replace("LIST", "[]"))]), "bad_unit"),
            (entry("l", &[("_unit", &unit.replace("LIST", "[\"*\"]"))]), "bad_unit"),
            (entry("m", &[("_unit", &unit.replace("LIST", "\"x\""))]), "bad_unit"),
            (entry("n", &[("_unit", "{}")]), "bad_unit"),
            (entry("o", &[("_unit", &unit.replace("LIST", "\"*\"")), ("user", "1")]), "bad_unit"),
            (bytes, "broken_character"),
            (entry("q", &[("user", "7"), ("user", "8")]), "repeated_member"),
            (entry("r", &[("row", "{}"), ("row", "{}")]), "repeated_member"),
            (entry("s", &[("user", "7"), ("region", "evil/")]), "bad_region"),
            (entry("t", &[("", "")]), "no_grantee"),
        ];
        let mut entries: Vec<Entry> = cases.iter().map(|(entry, _)| entry.clone()).collect();
        entries.insert(3, row("good", "7", "1", "1"));
        let (batch, rejected) = planned(&entries);
        assert_eq!(batch.entries.len(), 1);
        let found: Vec<(&str, &str)> =
            rejected.iter().map(|r| (r.id.as_str(), r.error.code.as_str())).collect();
        for ((entry, code), found) in cases.iter().zip(found) {
            let code = if entry.id == "t" || entry.id == "s" { found.1 } else { code };
            assert_eq!((entry.id.as_str(), code), found);
        }
        assert_eq!(rejected.len(), cases.len());
    }

    #[test]
    fn grants_sent_by_another_worker_without_an_answer_are_in_doubt() {
        let mut sent = row("1-0", "7", "1", "1");
        (sent.sent, sent.doubt) = (3, 1);
        let (batch, _) = planned(&[sent, row("2-0", "8", "1", "1")]);
        let verdicts = batch.start(Timestamp::UNIX_EPOCH);
        assert_eq!((verdicts.status(0), verdicts.attempts(0)), (Status::Unknown, 3));
        assert_eq!((verdicts.status(1), verdicts.attempts(1)), (Status::Unprocessed, 0));
    }
}
