//! A disk whose `fsync` fails.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

use crate::real::{Ended, Sandbox, serve};
use bastion_revoke::sim::Settings;
use bastion_revoke::sim::server::Running;
use std::path::Path;
use std::process::Command;

const REQUESTS: usize = 12;

/// Builds the library that makes `fsync` fail. The bundled SQLite needs a C compiler too.
fn library(sandbox: &Sandbox) -> String {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fsync/fails.c");
    let built = sandbox.path("fails.so");
    let mut cc = Command::new("cc");
    let status = cc.args(["-shared", "-fPIC", "-o"]).arg(&built).arg(source).arg("-ldl").status();
    assert!(status.unwrap().success(), "{cc:?}");
    built.into_os_string().into_string().unwrap()
}

fn run(sandbox: &Sandbox, service: &Running, fails: Option<(&str, &str)>) -> Ended {
    let mut command = sandbox.run_command(service, &["--rate", "1000"]);
    if let Some((library, which)) = fails {
        command.env("LD_PRELOAD", library).env("FSYNC_FAILS", which);
    }
    Ended::of(command.output().unwrap())
}

/// The number that a query of the ledger returns.
fn ledger(sandbox: &Sandbox, query: &str) -> u64 {
    let ledger = rusqlite::Connection::open(sandbox.path("outcome.csv.ledger")).unwrap();
    let number: i64 = ledger.query_row(query, [], |row| row.get(0)).unwrap();
    u64::try_from(number).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_fsync_is_reported_and_only_durable_results_are_claimed() {
    let compiled = Sandbox::new();
    let library = library(&compiled);
    let mut struck_in_the_middle = 0;
    for which in [
        ".bastion-revoke.tmp:1",
        "outcome.csv.ledger:1",
        "outcome.csv.ledger-wal:1",
        "outcome.csv.ledger-wal:2",
        "outcome.csv.ledger-wal:3",
        "outcome.csv.ledger-wal:4",
        "outcome.csv.ledger-wal:6",
        ".bastion-revoke.tmp:2",
    ] {
        let service = serve(Settings::default()).await;
        let sandbox = Sandbox::new();
        let rows = (0..REQUESTS).map(|user| format!("{user},host,1,2\n"));
        let head = "user,kind,target,account\n".to_owned();
        sandbox.write("list.csv", std::iter::once(head).chain(rows).collect::<String>());
        let ended = run(&sandbox, &service, Some((&library, which)));
        assert_eq!(ended.code, Some(74), "{which}: {ended:?}");
        let names_it = |text: &str| text.contains("outcome.csv") && text.contains("error");
        assert!(names_it(&ended.stderr), "{which}: {ended:?}");

        // Each request that arrived has an earlier intent in the ledger, and each row reported as
        // revoked has its result there.
        let arrived = service.audit().counts.attempts;
        if sandbox.exists("outcome.csv.ledger") && arrived > 0 {
            let intents = ledger(&sandbox, "SELECT count(*) FROM attempt");
            assert!(intents >= arrived, "{which}: {intents} intents, {arrived} requests");
        }
        if sandbox.exists("outcome.csv") {
            let claimed = sandbox.column("status").iter().filter(|s| *s == "revoked").count();
            let durable = ledger(&sandbox, "SELECT count(*) FROM attempt WHERE state = 'answered'");
            assert!(claimed as u64 <= durable, "{which}: {claimed} claimed, {durable} durable");
            struck_in_the_middle += u32::from(arrived > 0);
        }

        // When the disk works again, the same command continues.
        run(&sandbox, &service, None).code(0);
        let gone = |status: &String| status == "revoked" || status == "already_absent";
        assert!(sandbox.column("status").iter().all(gone), "{which}");
        assert_eq!(sandbox.column("user").len(), REQUESTS);
    }
    assert!(struck_in_the_middle > 0, "one of them strikes when requests are under way");
}

/// A long outcome is synced while it is written. The error of such a sync is not reported again at
/// the end.
#[tokio::test(flavor = "multi_thread")]
async fn an_error_of_the_disk_in_the_middle_of_the_outcome_is_not_lost() {
    let compiled = Sandbox::new();
    let library = library(&compiled);
    let service = serve(Settings::default()).await;
    let sandbox = Sandbox::new();
    let note = "x".repeat(900_000);
    let rows = (0..50).map(|user| format!("{user},host,1,2,{note}\n"));
    let head = "user,kind,target,account,note\n".to_owned();
    sandbox.write("list.csv", std::iter::once(head).chain(rows).collect::<String>());
    let in_the_middle = ".bastion-revoke.tmp:2+";
    let ended = run(&sandbox, &service, Some((&library, in_the_middle)));
    assert_eq!(ended.code, Some(74), "{ended:?}");
    assert!(ended.stderr.contains("the outcome can't be written"), "{ended:?}");
    assert!(!sandbox.exists("outcome.csv"));
    run(&sandbox, &service, None).code(0);
    assert_eq!(sandbox.column("status"), vec!["revoked"; 50]);
    assert!(sandbox.column("note").iter().all(|cell| *cell == note));
}
