//! The official SDKs against the simulated service: it is only worth testing against if clients
//! that were not written for it understand it.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use bastion_revoke::api::sign::sha256_hex;
use bastion_revoke::clock::SystemClock;
use bastion_revoke::sim::server::Running;
use bastion_revoke::sim::world::WorldFile;
use bastion_revoke::sim::{Audit, Service, Settings, Violations, World};

/// A proxy would take a request for loopback elsewhere, and these name one.
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
    let python = python_with_sdks(&folder.join("requirements.txt"));
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
    // The SDKs' own settings of the machine must not decide what they send.
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

/// The interpreter of a virtual environment that has the SDKs; made once for each version of the
/// requirements, by whichever test process comes first.
fn python_with_sdks(requirements: &Path) -> PathBuf {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    let home = target.join("sdk-venv");
    let python = home.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let pins = fs::read(requirements).expect("the requirements");
    let ready = home.join(format!("ready-{}", sha256_hex(&pins)));
    // Held until this function returns; another process then finds the environment made.
    let lock =
        File::create(target.join("sdk-venv.lock")).expect("a lock file in the target folder");
    lock.lock().expect("the lock on the environment");
    if ready.exists() {
        return python;
    }
    if home.exists() {
        // Made for other requirements, or only half made.
        fs::remove_dir_all(&home).expect("an outdated environment can be removed");
    }
    let mut make = Command::new("python3");
    make.args(["-m", "venv"]).arg(&home);
    run(
        &mut make,
        "this test needs python3 with its venv module: install Python 3.10 or later, and on \
         Debian and Ubuntu the package python3-venv",
    );
    let mut install = Command::new(&python);
    let options = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check"];
    install.args(options).arg("-r").arg(requirements);
    run(
        &mut install,
        "this test installs the official SDKs with pip: it needs a package index, or wheels, \
         that pip is configured for",
    );
    File::create(&ready).expect("the mark that the environment is made");
    python
}

/// Runs a command to its end and returns its output; fails with `needs` and all of its output.
fn run(command: &mut Command, needs: &str) -> String {
    let program = command.get_program().to_owned();
    let output = command.output().unwrap_or_else(|error| {
        panic!("{needs}\n{} could not be started: {error}", OsStr::display(&program))
    });
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{needs}\n{} ended with {}\n{}{}",
        OsStr::display(&program),
        output.status,
        said(&output.stdout),
        said(&output.stderr)
    );
    said(&output.stdout)
}
