//! The real binary, killed with SIGKILL at every fail point and at random times, and started again
//! until it ends: no row may be lost, doubled or wrongly reported as revoked, and nothing may be
//! revoked that no row names.
//!
//! The expected results are computed here from the rows and compared with the audit of the service.
//! Of the tool's own planning, only the numbers of the grants are used.
//!
//! 300 kills; `BASTION_REVOKE_SOAK=N` makes it N times as many.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use crate::real::{Sandbox, rows, serve};
use bastion_revoke::failpoint;
use bastion_revoke::model::{Action, Grantee, GranteeKind, Kind, Operation};
use bastion_revoke::sim::server::Running;
use bastion_revoke::sim::{Attempt, Audit, Fault, FaultRate, Faults, Grants, Settings, Violations};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ExitStatus};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;

/// A grant: operation, grantee, target, and an account or the whole target.
type Key = (&'static str, String, String, Option<String>);

/// How the service treats a grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum GrantCondition {
    /// It exists.
    Held,
    /// The account exists, but the grantee does not hold it.
    NotHeld,
    /// The account does not exist.
    Unknown,
    /// A request that names it is refused.
    Poison,
}

/// One row of a list.
#[derive(Debug, Clone)]
struct Line {
    cells: [String; 7],
    /// The grant; `None` if the row is invalid.
    key: Option<Key>,
}

const COLUMNS: [&str; 7] = ["note", "user", "user_group", "kind", "target", "account", "ticket"];
const KINDS: [Kind; 3] = [Kind::Host, Kind::HostGroup, Kind::Database];

/// A list and its expected result.
struct List {
    lines: Vec<Line>,
    conditions: BTreeMap<Key, GrantCondition>,
    is_json: bool,
}

impl List {
    /// A few hundred rows. In a clean list every row ends as revoked.
    fn generate(random: &mut fastrand::Rng, is_clean: bool) -> Self {
        let mut list =
            Self { lines: Vec::new(), conditions: BTreeMap::new(), is_json: random.bool() };
        for (grantee, from) in [
            ("17", GranteeKind::User),
            ("0042", GranteeKind::User),
            ("9", GranteeKind::UserGroup),
            ("10", GranteeKind::UserGroup),
        ] {
            for kind in KINDS {
                for target in 0..random.usize(3..12) {
                    let target = format!("{}{target:03}", kind as u8 + 1);
                    let action = Action::Detach;
                    let operation = Operation { action, kind, from };
                    list.add_target(random, is_clean, operation, grantee, &target);
                }
            }
        }
        if !is_clean {
            for (user, account, why) in [("", "1", "no user"), ("17", "", "no account")] {
                let mut line = Line { cells: Default::default(), key: None };
                for (cell, text) in
                    line.cells.iter_mut().zip([why, user, "", "host", "1001", account, "bad"])
                {
                    text.clone_into(cell);
                }
                list.lines.push(line);
            }
        }
        for _ in 0..random.usize(2..20) {
            let mut again = random.choice(&list.lines).expect("some").clone();
            "a duplicate".clone_into(&mut again.cells[6]);
            list.lines.push(again);
        }
        random.shuffle(&mut list.lines);
        list
    }

    fn add_target(
        &mut self,
        random: &mut fastrand::Rng,
        is_clean: bool,
        operation: Operation,
        grantee: &str,
        target: &str,
    ) {
        let is_whole = random.u8(..) < 25;
        if is_whole {
            self.add(operation, grantee, target, None, GrantCondition::Held);
        }
        for account in 0..random.usize(1..8) {
            let condition = match random.u8(..) {
                _ if is_clean || is_whole => GrantCondition::Held,
                0..2 => GrantCondition::Poison,
                2..8 => GrantCondition::NotHeld,
                8..12 => GrantCondition::Unknown,
                _ => GrantCondition::Held,
            };
            let prefix = if condition == GrantCondition::Poison { "poison" } else { "" };
            let account = format!("{prefix}{target}-{grantee}-{account}");
            self.add(operation, grantee, target, Some(&account), condition);
        }
    }

    fn add(
        &mut self,
        operation: Operation,
        grantee: &str,
        target: &str,
        account: Option<&str>,
        condition: GrantCondition,
    ) {
        let (user, group) = match operation.from {
            GranteeKind::User => (grantee, ""),
            GranteeKind::UserGroup => ("", grantee),
        };
        let note = ["plain", "a, comma", "\"quoted\"", "\u{79bb}\u{804c}\nline"];
        let note = note[self.lines.len() % note.len()];
        let kind = operation.kind.name();
        let ticket = format!("T-{}", self.lines.len());
        let cells = [note, user, group, kind, target, account.unwrap_or("*"), &ticket];
        let key: Key =
            (operation.name(), grantee.into(), target.into(), account.map(str::to_owned));
        self.conditions.insert(key.clone(), condition);
        self.lines.push(Line { cells: cells.map(str::to_owned), key: Some(key) });
    }

    fn name(&self) -> &'static str {
        if self.is_json { "list.jsonl" } else { "list.csv" }
    }

    fn text(&self) -> Vec<u8> {
        if self.is_json {
            let mut out = Vec::new();
            for line in &self.lines {
                let object: serde_json::Map<String, serde_json::Value> = COLUMNS
                    .iter()
                    .zip(&line.cells)
                    .map(|(name, cell)| ((*name).to_owned(), cell.as_str().into()))
                    .collect();
                serde_json::to_writer(&mut out, &object).unwrap();
                out.push(b'\n');
            }
            return out;
        }
        let mut table = csv::Writer::from_writer(Vec::new());
        table.write_record(COLUMNS).unwrap();
        for line in &self.lines {
            table.write_record(&line.cells).unwrap();
        }
        table.into_inner().unwrap()
    }

    /// The row that stands for each row: the first that names the whole target, else the first that
    /// names the same grant.
    fn standing(&self) -> Vec<Option<usize>> {
        let whole = |key: &Key| (key.0, key.1.clone(), key.2.clone(), None);
        let first = |key: &Key| self.lines.iter().position(|line| line.key.as_ref() == Some(key));
        let standing = |key: &Key| first(&whole(key)).or_else(|| first(key)).expect("itself");
        self.lines.iter().map(|line| line.key.as_ref().map(standing)).collect()
    }

    /// The existing grants: those of the list, and many others that must stay.
    fn grants(&self) -> Grants {
        let mut grants = Grants::listed();
        for (key, condition) in &self.conditions {
            let operation = Operation::from_name(key.0).unwrap();
            let mut add = |grantee: &str, account: Option<&str>| {
                let grantee = Grantee { kind: operation.from, id: grantee };
                grants.add("", &grantee, operation.kind, &key.2, account);
            };
            match (condition, &key.3) {
                (GrantCondition::Held, account) => add(&key.1, account.as_deref()),
                (GrantCondition::NotHeld, account) => add("somebody else", account.as_deref()),
                (GrantCondition::Unknown | GrantCondition::Poison, _) => {}
            }
            // The target itself, another account on it, and the same for another grantee.
            add(&key.1, None);
            add(&key.1, Some("another"));
            add("somebody else", Some("another"));
            if *condition != GrantCondition::Unknown {
                add("somebody else", key.3.as_deref());
            }
        }
        grants
    }
}

/// Additional faults, one set per job in turn.
fn faults(number: u64) -> Faults {
    let rates = |faults: &[(Fault, f64)]| {
        Faults::new(faults.iter().map(|(fault, p)| FaultRate { fault: *fault, probability: *p }))
    };
    match number % 5 {
        0 | 1 => Faults::default(),
        2 => rates(&[
            (Fault::UnexpectedItems, 0.05),
            (Fault::MissingItems, 0.05),
            (Fault::ShuffledItems, 0.5),
        ]),
        3 => rates(&[
            (Fault::ResetAfter, 0.08),
            (Fault::ResetBefore, 0.05),
            (Fault::InternalErrorApplied, 0.05),
            (Fault::TruncatedBody, 0.05),
        ]),
        _ => rates(&[
            (Fault::Throttle, 0.03),
            (Fault::ThrottleRetryAfter, 0.05),
            (Fault::HtmlBadGateway, 0.05),
            (Fault::MissingItems, 0.02),
        ]),
    }
}

/// Totals of all jobs.
#[derive(Default)]
struct Counts {
    kills: AtomicU64,
    jobs: AtomicU64,
    hits: Mutex<BTreeMap<&'static str, u64>>,
}

/// The time of a kill.
#[derive(Debug, Clone, Copy)]
enum KillTime {
    Point(&'static str, u64),
    /// After this many more requests have arrived.
    Arrivals(u64),
    Never,
}

/// A list that is processed until its end.
struct JobRun<'a> {
    number: u64,
    list: List,
    sandbox: Sandbox,
    service: Running,
    runtime: &'a Handle,
    /// The outcome of the previous job with the same name.
    before: Option<Vec<u8>>,
    /// Rows that an outcome has reported as settled.
    settled: BTreeMap<usize, BTreeMap<String, String>>,
}

const EARLY: [&str; 4] = ["setting-aside", "input-copied", "ledger-made", "run-begun"];
const MIDDLE: [&str; 4] = ["before-commit", "after-commit", "before-send", "after-answer"];
const LATE: [&str; 4] = ["before-outcome", "outcome-row", "outcome-written", "outcome-renamed"];

impl<'a> JobRun<'a> {
    fn new(number: u64, runtime: &'a Handle) -> Self {
        let mut random = fastrand::Rng::with_seed(number);
        let list = List::generate(&mut random, number % 7 == 3);
        let sandbox = Sandbox::new();
        sandbox.write(list.name(), list.text());
        let settings = Settings {
            grants: list.grants(),
            faults: faults(number),
            seed: number,
            retry_after: Duration::from_millis(50),
            ..Settings::default()
        };
        let service = runtime.block_on(serve(settings));
        let settled = BTreeMap::new();
        Self { number, list, sandbox, service, runtime, before: None, settled }
    }

    fn play(mut self, counts: &Counts) {
        let mut random = fastrand::Rng::with_seed(self.number ^ 0x6b69_6c6c);
        if self.number.is_multiple_of(3) {
            self.finish_another_job();
        }
        for turn in 0.. {
            let moment = self.kill_time(&mut random, turn);
            let status = self.run_until(moment);
            if status.signal() != Some(9) {
                self.check_the_end(status);
                return;
            }
            counts.kills.fetch_add(1, Ordering::Relaxed);
            if let KillTime::Point(name, _) = moment {
                *counts.hits.lock().unwrap().entry(name).or_default() += 1;
            }
            self.check_the_outcome(false);
        }
    }

    /// Kills early at first and late at the end, and not for ever.
    fn kill_time(&self, random: &mut fastrand::Rng, turn: u64) -> KillTime {
        let rows = self.list.lines.len() as u64;
        let mut point = |names: &[&'static str]| {
            let name = *random.choice(names).expect("some");
            let most = match name {
                "outcome-row" => rows,
                "setting-aside" => 3,
                name if MIDDLE.contains(&name) => 8,
                _ => 1,
            };
            KillTime::Point(name, random.u64(1..=most))
        };
        match turn {
            0 | 1 if self.before.is_some() => point(&EARLY),
            0 => point(&EARLY[1..]),
            1..9 if turn.is_multiple_of(2) => point(&MIDDLE),
            1..9 => KillTime::Arrivals(random.u64(1..=8)),
            9..12 => point(&LATE),
            _ => KillTime::Never,
        }
    }

    fn arguments(&self) -> [String; 9] {
        let endpoint = self.service.endpoint();
        let name = self.list.name();
        [
            "run",
            name,
            "--yes",
            "--skip-invalid",
            "--instance-id",
            "i-1",
            "--endpoint",
            &endpoint,
            "-q",
        ]
        .map(str::to_owned)
    }

    fn run_until(&self, moment: KillTime) -> ExitStatus {
        let arguments = self.arguments();
        let mut command = self.sandbox.command(&arguments.each_ref().map(String::as_str));
        if let KillTime::Point(name, times) = moment {
            // A slow commit: its requests must not be sent, nor its results counted, meanwhile.
            let delay_ms = if name == "before-commit" { 50 } else { 0 };
            command.env("BASTION_REVOKE_FAIL_POINT", format!("{name}:{times}:{delay_ms}"));
        }
        let errors = tempfile::tempfile().unwrap();
        command.stderr(File::try_clone(&errors).unwrap());
        let mut child = command.spawn().unwrap();
        let status = match moment {
            KillTime::Arrivals(more) => self.kill_after(&mut child, more),
            _ => child.wait().unwrap(),
        };
        if !matches!(status.code(), None | Some(0 | 1)) {
            let errors = std::io::read_to_string(rewound(errors)).unwrap();
            panic!("job {}, {moment:?}: {status}: {errors}", self.number);
        }
        status
    }

    fn kill_after(&self, child: &mut Child, more: u64) -> ExitStatus {
        let arrived = || self.service.audit().counts.attempts;
        let until = arrived() + more;
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            if arrived() >= until {
                child.kill().unwrap();
                return child.wait().unwrap();
            }
            self.runtime.block_on(async { tokio::time::sleep(Duration::from_millis(1)).await });
        }
    }

    /// Creates the files of another, finished job.
    fn finish_another_job(&mut self) {
        let service = self.runtime.block_on(serve(Settings::default()));
        self.sandbox.write("before.csv", "user,kind,target,account\n1,host,2,3\n");
        let endpoint = service.endpoint();
        let arguments =
            ["run", "before.csv", "--yes", "--instance-id", "i-1", "--endpoint", &endpoint, "-q"];
        assert!(self.sandbox.command(&arguments).status().unwrap().success());
        self.before = Some(std::fs::read(self.sandbox.path("outcome.csv")).unwrap());
    }

    /// An existing outcome is always complete, and a settled row never changes.
    fn check_the_outcome(&mut self, is_last: bool) -> Vec<BTreeMap<String, String>> {
        let path = self.sandbox.path("outcome.csv");
        let there = std::fs::read(&path).ok();
        if there.is_none() || there == self.before {
            assert!(!is_last, "job {}: no outcome", self.number);
            return Vec::new();
        }
        let rows = rows(&path);
        assert_eq!(rows.len(), self.list.lines.len(), "job {}", self.number);
        let standing = self.list.standing();
        for (number, (row, line)) in rows.iter().zip(&self.list.lines).enumerate() {
            let own = COLUMNS.map(|name| row[name].clone());
            assert_eq!(own, line.cells, "job {}, row {}", self.number, number + 1);
            let stands = standing[number].filter(|stands| *stands != number);
            let stands = stands.map(|stands| (stands + 1).to_string()).unwrap_or_default();
            assert_eq!(row["duplicate_of"], stands, "job {}, row {}", self.number, number + 1);
            if row["status"] != "unknown" && row["status"] != "unprocessed" {
                let before = self.settled.entry(number).or_insert_with(|| row.clone());
                assert_eq!(before, row, "job {}: what was settled has changed", self.number);
            }
        }
        rows
    }

    fn check_the_end(mut self, status: ExitStatus) {
        let number = self.number;
        let outcome = self.check_the_outcome(true);
        let audit = self.service.audit();
        assert_eq!((audit.violations, audit.asked_dropped), (Violations::default(), 0));
        let sendings = Sendings::of(&audit);
        let intents = self.intents(&sendings);
        let mut is_all_gone = true;
        let mut gone = BTreeSet::new();
        for (row, standing) in outcome.iter().zip(self.list.standing()) {
            let Some(standing) = standing else {
                assert_eq!((&*row["status"], &*row["attempts"]), ("invalid", "0"));
                is_all_gone = false;
                continue;
            };
            let key = self.list.lines[standing].key.clone().expect("a valid row");
            self.check_row(row, &key, &sendings, &intents[&key]);
            is_all_gone &= matches!(&*row["status"], "revoked" | "already_absent");
            if self.list.conditions[&key] == GrantCondition::Held && row["status"] != "unknown" {
                gone.insert(key);
            }
        }
        assert_eq!(status.code(), Some(i32::from(!is_all_gone)), "job {number}");
        self.check_removed(&audit, &gone);
        self.check_files();
    }

    /// Compares one row with the audit and the ledger.
    fn check_row(
        &self,
        row: &BTreeMap<String, String>,
        key: &Key,
        sendings: &Sendings<'_>,
        intents: &Intents,
    ) {
        let at = format!("job {}, {key:?}, {row:?}, {intents:?}", self.number);
        let arrived = sendings.of.get(key).map_or(&[][..], Vec::as_slice);
        let applied = arrived.iter().filter(|attempt| attempt.applied).count();
        let has_faults = !self.number.is_multiple_of(5) && self.number % 5 != 1;
        match (self.list.conditions[key], &*row["status"]) {
            (GrantCondition::Held, "revoked") => {
                let answer = arrived.iter().find(|a| a.request_id == row["request_id"]);
                let answer = answer.unwrap_or_else(|| panic!("no such request: {at}"));
                assert!(answer.applied && answer.code == "OK", "{at}");
                // No earlier request can have removed it, because its row would say so.
                let first = arrived.iter().find(|attempt| {
                    attempt.applied && !attempt.faults.iter().any(|f| f == "unexpected-items")
                });
                assert!(first.is_none_or(|first| {
                    arrived.iter().position(|a| a.request_id == first.request_id)
                        >= arrived.iter().position(|a| a.request_id == answer.request_id)
                }));
            }
            (GrantCondition::Held, "already_absent") => assert!(applied > 1, "{at}"),
            (GrantCondition::NotHeld, "already_absent")
            | (GrantCondition::Unknown, "not_found")
            | (GrantCondition::Poison, "failed") => {}
            (_, "unknown") if has_faults => assert!(intents.sent >= 8, "{at}"),
            _ => panic!("a wrong verdict: {at}"),
        }
        assert_eq!(row["attempts"], intents.sent.to_string(), "{at}");
        // Each request that arrived has an intent, and each recorded answer has a request that
        // arrived.
        assert!(arrived.len() as u64 <= intents.all, "{at}");
        assert!(arrived.len() as u64 + intents.open >= intents.all, "{at}");
        // A row is sent again only after a failure or a kill.
        if !has_faults && intents.open == 0 && self.list.conditions[key] != GrantCondition::Poison {
            assert!(intents.sent == 1 + intents.split, "{at}");
        }
    }

    /// Only grants named by rows are removed, and each only once.
    fn check_removed(&self, audit: &Audit, gone: &BTreeSet<Key>) {
        let mut removed = BTreeSet::new();
        for record in &audit.removed {
            let from = match &*record.grantee_kind {
                "user" => GranteeKind::User,
                _ => GranteeKind::UserGroup,
            };
            let kind = KINDS.into_iter().find(|kind| kind.name() == record.kind).unwrap();
            let operation = Operation { action: Action::Detach, kind, from }.name();
            let (grantee, target) = (record.grantee.clone(), record.target.clone());
            let whole = (operation, grantee.clone(), target.clone(), None);
            let key = (operation, grantee, target, record.account.clone());
            assert_eq!(record.removed, 1, "job {}: {record:?}", self.number);
            let named = self.list.conditions.contains_key(&whole)
                || self.list.conditions.contains_key(&key);
            assert!(named, "job {}: no row names {record:?}", self.number);
            removed.insert(key);
        }
        for key in gone {
            assert!(removed.contains(key), "job {}: {key:?} is still there", self.number);
        }
    }

    /// The ledger's attempts of each grant.
    fn intents(&self, sendings: &Sendings<'_>) -> BTreeMap<Key, Intents> {
        let numbered = self.numbered();
        let ledger = rusqlite::Connection::open(self.sandbox.path("outcome.csv.ledger")).unwrap();
        let query = "SELECT grants, state, request_id FROM attempt ORDER BY id";
        let mut statement = ledger.prepare(query).unwrap();
        let mut rows = statement.query([]).unwrap();
        let mut all: BTreeMap<Key, Intents> =
            numbered.iter().map(|key| (key.clone(), Intents::default())).collect();
        while let Some(row) = rows.next().unwrap() {
            let ranges: String = row.get(0).unwrap();
            let state: Option<String> = row.get(1).unwrap();
            let request_id: Option<String> = row.get(2).unwrap();
            let ranges: Vec<(usize, usize)> = serde_json::from_str(&ranges).unwrap();
            let keys: BTreeSet<&Key> =
                ranges.iter().flat_map(|(first, last)| &numbered[*first..=*last]).collect();
            for key in &keys {
                all.get_mut(*key).unwrap().add(state.as_deref());
            }
            if let Some(id) = request_id.filter(|id| !id.is_empty()) {
                let asked = sendings.by_id.get(&*id).expect("the service has answered it");
                assert_eq!(&keys, &asked.iter().collect(), "job {}: {id}", self.number);
            }
        }
        all
    }

    /// The grants in the tool's own order, from `plan`.
    fn numbered(&self) -> Vec<Key> {
        let arguments = ["plan", self.list.name(), "--skip-invalid", "--requests", "-"];
        let output = self.sandbox.command(&arguments).output().unwrap();
        let mut keys = Vec::new();
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            let request: serde_json::Value = serde_json::from_str(line).unwrap();
            let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
            let operation = Operation::from_name(request["operation"].as_str().unwrap()).unwrap();
            for target in request["targets"].as_array().unwrap() {
                let key = |account| {
                    (operation.name(), text(&request["grantee"]), text(&target["id"]), account)
                };
                match target["accounts"].as_array() {
                    None => keys.push(key(None)),
                    Some(accounts) => keys.extend(accounts.iter().map(|a| key(Some(text(a))))),
                }
            }
        }
        keys
    }

    /// The files of the other job exist under another name, and no partial file is left.
    fn check_files(&self) {
        let content = self.sandbox.content();
        for name in content.keys() {
            let is_left = [".tmp", ".lock", "-wal", "-shm"].iter().any(|end| name.ends_with(end));
            assert!(!is_left, "job {}: {name} is left", self.number);
        }
        if let Some(before) = &self.before {
            let is_aside = |content: &&Vec<u8>| *content == before;
            assert_eq!(content.values().filter(is_aside).count(), 1, "job {}", self.number);
            let list = self.sandbox.read("before.csv").into_bytes();
            assert_eq!(content.values().filter(|content| **content == list).count(), 2);
        }
        assert_eq!(content["outcome.csv.input"], content[self.list.name()]);
    }
}

fn rewound(mut file: File) -> File {
    use std::io::Seek;
    file.rewind().unwrap();
    file
}

/// The ledger's attempts of one grant.
#[derive(Debug, Clone, Copy, Default)]
struct Intents {
    /// Requests that named it and may have been sent.
    all: u64,
    /// Those that count as attempts.
    sent: u64,
    /// Those without a recorded answer.
    open: u64,
    /// Those refused for another grant in the request.
    split: u64,
}

impl Intents {
    fn add(&mut self, state: Option<&str>) {
        match state {
            Some("withdrawn" | "unconnected") => return,
            Some("throttled") => {}
            Some("split") => (self.sent, self.split) = (self.sent + 1, self.split + 1),
            Some(_) => self.sent += 1,
            None => (self.sent, self.open) = (self.sent + 1, self.open + 1),
        }
        self.all += 1;
    }
}

/// The requests that arrived at the service.
struct Sendings<'a> {
    /// The requests that named a grant.
    of: BTreeMap<Key, Vec<&'a Attempt>>,
    /// The grants that each request named.
    by_id: BTreeMap<&'a str, Vec<Key>>,
}

impl<'a> Sendings<'a> {
    fn of(audit: &'a Audit) -> Self {
        let mut all = Self { of: BTreeMap::new(), by_id: BTreeMap::new() };
        for attempt in &audit.asked {
            let operation = attempt.operation.as_deref().and_then(Operation::from_name).unwrap();
            let grantee = attempt.grantee.clone().unwrap();
            let key = |target: &str, account: Option<&String>| {
                (operation.name(), grantee.clone(), target.to_owned(), account.cloned())
            };
            let mut keys = Vec::new();
            for target in &attempt.targets {
                match &target.accounts {
                    None => keys.push(key(&target.target, None)),
                    Some(list) => keys.extend(list.iter().map(|a| key(&target.target, Some(a)))),
                }
            }
            for key in &keys {
                all.of.entry(key.clone()).or_default().push(attempt);
            }
            all.by_id.insert(&attempt.request_id, keys);
        }
        all
    }
}

#[test]
fn after_a_kill_at_any_time_no_row_is_lost_doubled_or_wrongly_revoked() {
    let soak: u64 = std::env::var("BASTION_REVOKE_SOAK").map_or(1, |n| n.parse().unwrap());
    let wanted = 300 * soak;
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let counts = Counts::default();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while counts.kills.load(Ordering::Relaxed) < wanted {
                    let number = counts.jobs.fetch_add(1, Ordering::Relaxed);
                    JobRun::new(number, runtime.handle()).play(&counts);
                }
            });
        }
    });
    let hits = counts.hits.into_inner().unwrap();
    println!("{:?} kills, {:?} jobs, {hits:?}", counts.kills, counts.jobs);
    for point in failpoint::ALL {
        assert!(hits.contains_key(point), "{point} was never hit: {hits:?}");
    }
}
