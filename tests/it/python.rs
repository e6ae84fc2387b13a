//! Virtual environments of Python, for tests that need packages of other projects.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use bastion_revoke::api::sign::sha256_hex;

/// The interpreter of a virtual environment with the packages of `tests/FOLDER/requirements.txt`;
/// made once for each version of the requirements, by whichever test process comes first.
pub(crate) fn interpreter(folder: &str) -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let requirements = tests.join(folder).join("requirements.txt");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
    let home = target.join(format!("{folder}-venv"));
    let python = home.join(if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" });
    let pins = fs::read(&requirements).expect("the requirements");
    let ready = home.join(format!("ready-{}", sha256_hex(&pins)));
    // Held until this function returns; another process then finds the environment made.
    let lock = File::create(target.join(format!("{folder}-venv.lock")))
        .expect("a lock file in the target folder");
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
    install.args(options).arg("-r").arg(&requirements);
    let needs = format!(
        "this test installs tests/{folder}/requirements.txt with pip: it needs a package index, or \
         wheels, that pip is configured for"
    );
    run(&mut install, &needs);
    File::create(&ready).expect("the mark that the environment is made");
    python
}

/// Runs a command to its end and returns its output; fails with `needs` and all of its output.
pub(crate) fn run(command: &mut Command, needs: &str) -> String {
    let program = command.get_program().to_owned();
    let output = command.output().unwrap_or_else(|error| {
        panic!("{needs}\n{} could not be started: {error}", OsStr::display(&program))
    });
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(
        output.status.success(),
        "{needs}\n{} ended with {}\n{}{}",
        OsStr::display(&program),
        output.status,
        text(&output.stdout),
        text(&output.stderr)
    );
    text(&output.stdout)
}
