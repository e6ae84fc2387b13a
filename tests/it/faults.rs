//! Each fault by itself and all together: promises 1, 2 and 4 always hold.
//!
//! `BASTION_REVOKE_SOAK=N` runs N times as many seeds.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::process::Child;
use std::time::Duration;

use bastion_revoke::sim::{Attempt, Audit, Fault, FaultRate, Faults, Settings, Violations};
use fastrand::Rng;

use crate::revoking::{Grant, asked_by_rows, assert_conserved, removed, standing};
use crate::sandbox::{Ended, Row, Sandbox, TestService};

fn soak() -> u64 {
    let factor = std::env::var("BASTION_REVOKE_SOAK").ok();
    factor.map_or(1, |factor| factor.parse().expect("BASTION_REVOKE_SOAK is a number"))
}

/// A list with every kind, whole targets, duplicates, covered rows, and full requests.
fn list(seed: u64) -> String {
    let mut rng = Rng::with_seed(seed);
    let mut list = "user,user_group,kind,target,account\n".to_owned();
    for user in 0..3 {
        for kind in ["host", "host-group", "database"] {
            for target in 0..rng.u32(1..13) {
                let accounts = if rng.u8(..4) == 0 { 12 } else { rng.u32(0..3) };
                for account in 0..accounts {
                    let (of_user, of_group) = if user == 2 {
                        (String::new(), "7".to_owned())
                    } else {
                        (user.to_string(), String::new())
                    };
                    let row = format!("{of_user},{of_group},{kind},{target},{account}\n");
                    list += &row;
                    if rng.u8(..10) == 0 {
                        list += &row;
                    }
                }
                if accounts == 0 || rng.u8(..10) == 0 {
                    let _ = match user {
                        2 => writeln!(list, ",7,{kind},{target},*"),
                        _ => writeln!(list, "{user},,{kind},{target},*"),
                    };
                }
            }
        }
    }
    list
}

/// A run in progress against its own service.
struct Trial {
    name: String,
    sandbox: Sandbox,
    service: TestService,
    child: Child,
}

impl Trial {
    fn start(name: String, list: &str, faults: &[FaultRate], seed: u64, more: &[&str]) -> Self {
        let sandbox = Sandbox::new();
        sandbox.file("list.csv", list);
        let service = TestService::start(Settings {
            seed,
            faults: Faults::new(faults.iter().copied()),
            retry_after: Duration::from_millis(20),
            slow: Duration::from_millis(20),
            ..Settings::default()
        });
        let all = [&["--yes"], more].concat();
        let mut command = sandbox.run_command("list.csv", &service.endpoint(), &all);
        let child = command.spawn().expect("the command starts");
        Self { name, sandbox, service, child }
    }

    /// Waits for the end and compares the outcome with the audit.
    fn judge(self) -> (BTreeMap<String, usize>, Audit) {
        let Self { name, sandbox, service, child } = self;
        let ended = Ended::of(&child.wait_with_output().expect("it ends"));
        let audit = service.stop();
        assert!([0, 1].contains(&ended.code), "{name}: {ended:?}");
        let outcome = sandbox.outcome("outcome.csv");
        let path = sandbox.path("list.csv");
        assert_conserved(&path, &outcome);
        let standing = standing(&asked_by_rows(&path));
        let seen = Seen::of(&audit);
        for (row, grant) in outcome.iter().zip(&standing) {
            seen.judge(&name, row, grant);
        }
        let asked: BTreeSet<Grant> = standing.into_iter().collect();
        assert!(seen.removed.is_subset(&asked), "{name}: something was revoked that no row names");
        assert_eq!(audit.violations, Violations::default(), "{name}");
        let mut statuses = BTreeMap::new();
        for row in outcome {
            *statuses.entry(row["status"].clone()).or_default() += 1;
        }
        let gone = ["revoked", "already_absent"].map(|status| statuses.get(status).unwrap_or(&0));
        let all: usize = statuses.values().sum();
        assert_eq!(ended.code == 0, gone[0] + gone[1] == all, "{name}: {statuses:?} {ended:?}");
        (statuses, audit)
    }
}

/// The faults that a run survives. An expired token ends it or is renewed; both are tested with the
/// credentials.
fn lasting() -> impl Iterator<Item = Fault> {
    Fault::ALL.into_iter().filter(|fault| *fault != Fault::TokenExpired)
}

/// The requests of the audit, by grant and by request.
struct Seen {
    removed: BTreeSet<Grant>,
    attempts: BTreeMap<String, Attempt>,
    /// For each grant, the requests that reached the grants and named it, in order.
    applied: BTreeMap<Grant, Vec<String>>,
}

/// Faults after which an answer can't be trusted.
const UNBELIEVABLE: [Fault; 4] =
    [Fault::InternalErrorApplied, Fault::ResetBefore, Fault::ResetAfter, Fault::TruncatedBody];

impl Seen {
    fn of(audit: &Audit) -> Self {
        assert_eq!(audit.asked_dropped, 0);
        let mut applied: BTreeMap<Grant, Vec<String>> = BTreeMap::new();
        for attempt in audit.asked.iter().filter(|attempt| attempt.applied) {
            for grant in named(attempt) {
                applied.entry(grant).or_default().push(attempt.request_id.clone());
            }
        }
        let attempts = audit.asked.iter().map(|a| (a.request_id.clone(), a.clone())).collect();
        Self { removed: removed(audit), attempts, applied }
    }

    /// Promise 4, *honesty*, checked against the audit.
    fn judge(&self, name: &str, row: &Row, grant: &Grant) {
        let context = || format!("{name}: {row:?}");
        let is_gone = self.removed.contains(grant);
        let applied = self.applied.get(grant).map_or(&[][..], Vec::as_slice);
        match row["status"].as_str() {
            "revoked" => {
                assert!(is_gone, "{}", context());
                self.answered_ok(row, grant, &context());
            }
            "already_absent" => {
                assert!(is_gone, "{}", context());
                self.answered_ok(row, grant, &context());
                // An earlier request removed it, and its answer did not report that.
                let at = applied.iter().position(|id| *id == row["request_id"]);
                assert!(at.is_some_and(|at| at > 0), "{} {applied:?}", context());
            }
            "unknown" => {
                assert!(!row["code"].is_empty(), "{}", context());
            }
            _ => panic!("nothing here is refused, missing or left over: {}", context()),
        }
        let attempts: usize = row["attempts"].parse().expect("a number");
        assert!(attempts >= 1, "{}", context());
    }

    /// The request id in the row has a complete answer, and its request names the grant.
    fn answered_ok(&self, row: &Row, grant: &Grant, context: &str) {
        let attempt = self.attempts.get(&row["request_id"]).expect(context);
        assert!(attempt.applied && attempt.status == Some(200), "{context} {attempt:?}");
        assert!(named(attempt).contains(grant), "{context} {attempt:?}");
        for fault in UNBELIEVABLE {
            assert!(!attempt.faults.iter().any(|f| f == fault.name()), "{context} {attempt:?}");
        }
    }
}

/// The grants that a request names.
fn named(attempt: &Attempt) -> Vec<Grant> {
    let operation = attempt.operation.as_deref().unwrap_or_default();
    let kind = match operation {
        _ if operation.starts_with("DetachHostGroup") => "host-group",
        _ if operation.starts_with("DetachHost") => "host",
        _ => "database",
    };
    let grant = |target: &str, account: Option<String>| -> Grant {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        (
            text(&attempt.instance_id),
            text(&attempt.grantee_kind),
            text(&attempt.grantee),
            kind.to_owned(),
            target.to_owned(),
            account,
        )
    };
    let mut grants = Vec::new();
    for asked in &attempt.targets {
        match &asked.accounts {
            None => grants.push(grant(&asked.target, None)),
            Some(accounts) => {
                grants.extend(accounts.iter().map(|a| grant(&asked.target, Some(a.clone()))));
            }
        }
    }
    grants
}

#[test]
fn no_single_fault_makes_the_outcome_wrong() {
    for seed in 1..=soak() {
        let list = list(seed);
        // They spend most time waiting; together they take as long as the slowest.
        let trials: Vec<(Fault, Trial)> = lasting()
            .map(|fault| {
                let rate = FaultRate { fault, probability: 0.3 };
                let name = format!("{} with seed {seed}", fault.name());
                (fault, Trial::start(name, &list, &[rate], seed, &[]))
            })
            .collect();
        for (fault, trial) in trials {
            let (_, audit) = trial.judge();
            assert!(audit.faults.contains_key(fault.name()), "{} never struck", fault.name());
        }
    }
}

#[test]
fn all_faults_together_do_not_make_the_outcome_wrong() {
    let faults: Vec<FaultRate> =
        lasting().map(|fault| FaultRate { fault, probability: 0.04 }).collect();
    let mut struck = BTreeSet::new();
    for seed in 1..=soak() {
        let trials: Vec<Trial> = (0..6)
            .map(|part| {
                let seed = seed * 100 + part;
                Trial::start(format!("all, seed {seed}"), &list(seed), &faults, seed, &[])
            })
            .collect();
        for trial in trials {
            struck.extend(trial.judge().1.faults.into_keys());
        }
    }
    assert!(struck.len() > Fault::ALL.len() / 2, "{struck:?}");
}

#[test]
fn requests_never_answered_are_unknown_and_neither_revoked_nor_failed() {
    let list = "user,kind,target,account\n7,host,1,2\n7,host-group,3,ops\n7,database,4,*\n";
    let certain = [
        Fault::InternalError,
        Fault::InternalErrorApplied,
        Fault::ServiceUnavailable,
        Fault::HtmlBadGateway,
        Fault::ResetBefore,
        Fault::ResetAfter,
        Fault::TruncatedBody,
        Fault::UnexpectedItems,
        Fault::MissingItems,
    ];
    let trials = certain.map(|fault| {
        let rate = FaultRate { fault, probability: 1.0 };
        let name = format!("{} each time", fault.name());
        Trial::start(name, list, &[rate], 1, &["--max-attempts", "2"])
    });
    for trial in trials {
        let name = trial.name.clone();
        let (statuses, audit) = trial.judge();
        assert_eq!(statuses, BTreeMap::from([("unknown".to_owned(), 3)]), "{name}");
        assert_eq!(audit.counts.attempts, 6, "{name}: two attempts each");
    }
}

#[test]
fn throttling_slows_a_run_and_costs_no_attempt() {
    let rates = [Fault::Throttle, Fault::ThrottleRatelimit, Fault::ThrottleRetryAfter]
        .map(|fault| FaultRate { fault, probability: 0.3 });
    let trial = Trial::start("throttled".to_owned(), &list(3), &rates, 5, &["--max-attempts", "1"]);
    let (statuses, audit) = trial.judge();
    assert_eq!(statuses.keys().collect::<Vec<_>>(), ["revoked"]);
    assert!(audit.faults.len() == 3, "{:?}", audit.faults);
}
