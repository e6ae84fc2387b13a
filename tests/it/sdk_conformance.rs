//! The official SDKs against the simulated service: tests against it are only meaningful if
//! independent clients understand it.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use crate::python::{interpreter, run};
use bastion_revoke::clock::SystemClock;
use bastion_revoke::sim::server::Running;
use bastion_revoke::sim::world::WorldFile;
use bastion_revoke::sim::{Audit, Service, Settings, Violations, World};

/// A proxy would redirect requests to loopback; these variables name one.
const PROXIES: [&str; 6] =
    ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];

#[test]
fn the_official_sdks_understand_the_simulated_service() {
    let audit = run_script("conformance.py", Settings::default(), &[]);
    assert_eq!(audit.asked_dropped, 0);
}

#[test]
fn the_official_sdk_reads_and_changes_the_sample_world() {
    let text = fs::read_to_string("samples/world.toml").expect("the sample world");
    let file = WorldFile::parse(&text).expect("a world file");
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("world.json");
    fs::write(&path, serde_json::to_string(&file).expect("JSON")).expect("the world as JSON");
    let world = World::new(file).expect("a world");
    let settings = Settings { world: Some(world), ..Settings::default() };
    let audit = run_script("world.py", settings, &[path.as_os_str()]);
    assert_eq!(audit.violations, Violations::default());
    // Every operation of the service was called: 12 on grants, 27 reads, 5 other writes.
    assert_eq!(audit.operations.values().filter(|counts| counts.attempts > 0).count(), 44);
    assert!(audit.granted.iter().all(|grant| grant.held), "every grant is back");
}

/// Runs a script of `tests/sdk` against a service with these settings, and returns the audit.
fn run_script(script: &str, settings: Settings, arguments: &[&OsStr]) -> Audit {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/sdk");
    let python = interpreter("sdk");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let service = Service::new(settings);
    let running =
        runtime.block_on(Running::start(service, Arc::new(SystemClock))).expect("a free port");
    let mut command = Command::new(python);
    command.arg(folder.join(script)).arg(running.addr().to_string()).args(arguments);
    // The scripts import each other, and must not leave compiled files in the source tree.
    command.env("PYTHONDONTWRITEBYTECODE", "1");
    for name in PROXIES {
        command.env_remove(name);
    }
    // The SDKs' settings of this machine must not affect their requests.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ALIBABA_CLOUD_") {
            command.env_remove(name);
        }
    }
    let output = run(&mut command, "the conformance script found a difference");
    assert!(output.ends_with("checks held\n"), "{output}");
    let audit = running.audit();
    runtime.block_on(running.stop());
    audit
}
